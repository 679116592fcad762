/** Two commits on two branches of a real bare repository, and sources on mirrors of it. */
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError } from '../../src/domain/failure.ts';
import type { ChannelSource } from '../../src/ports/channel-source.ts';
import { openChannelSource } from '../../src/sources/git/git-channel-source.ts';
import { GitSandbox } from './git-sandbox.ts';

interface SourceChanges {
  mirrorPath?: string;
  path?: string;
  allowedSigners?: string;
}

export class GitWorld {
  readonly sandbox = new GitSandbox();
  readonly mirror = join(this.sandbox.directory, 'mirror.git');
  /** Of a second daemon, say. */
  readonly otherMirror = join(this.sandbox.directory, 'other.git');
  readonly work = join(this.sandbox.directory, 'work');
  /** On branch stable. */
  readonly first: string;
  /** On branch dev. */
  readonly second: string;

  constructor() {
    const { sandbox } = this;
    // what clm makes has to be good enough for a server that looks closely
    sandbox.git(sandbox.bare, 'config', 'receive.fsckObjects', 'true');
    this.first = sandbox.commit('first', {
      'conf/cluster/a.yaml': 'one\n',
      'conf/cluster/sub/b.yaml': 'b\n',
      'conf/notes.md': 'notes\n',
      'readme.md': 'readme\n',
    });
    this.second = sandbox.commit('second', { 'conf/cluster/a.yaml': 'two\n', 'conf/cluster/new.yaml': 'new\n' });
    sandbox.push('dev', this.second);
    sandbox.push('stable', this.first);
  }

  open(changes: SourceChanges = {}): ChannelSource {
    const { mirror: mirrorPath, sandbox } = this;
    return openChannelSource({ url: sandbox.bare, mirrorPath, path: 'conf/cluster', timeoutMs: 20_000, ...changes });
  }

  async fetched(changes: SourceChanges = {}): Promise<ChannelSource> {
    const source = this.open(changes);
    await source.fetch(['dev', 'stable'], {});
    return source;
  }

  /** The repository refuses what is pushed to it, and says so. */
  refusePushes(words: string): void {
    mkdirSync(join(this.sandbox.bare, 'hooks'), { recursive: true });
    const hook = join(this.sandbox.bare, 'hooks', 'pre-receive');
    writeFileSync(hook, `#!/bin/sh\necho "${words}" >&2\nexit 1\n`);
    chmodSync(hook, 0o755);
  }

  allowPushes(): void {
    rmSync(join(this.sandbox.bare, 'hooks', 'pre-receive'));
  }

  /** Everything that holds an object of the mirror becomes garbage. */
  breakObjects(directory = join(this.mirror, 'objects')): void {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const file = join(directory, entry.name);
      if (entry.isDirectory()) this.breakObjects(file);
      else {
        chmodSync(file, 0o644);
        writeFileSync(file, 'garbage');
      }
    }
  }

  remove(): void {
    this.sandbox.remove();
  }
}

export async function failureOf(call: Promise<unknown>): Promise<FailureError['failure']> {
  try {
    await call;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('the call did not fail');
}
