import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A developer's git settings (signing, hooks, default branch) must not change what the demo does. */
const isolated = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'Platform Team',
  GIT_AUTHOR_EMAIL: 'platform@example.org',
  GIT_COMMITTER_NAME: 'Platform Team',
  GIT_COMMITTER_EMAIL: 'platform@example.org',
};

export interface ConfigRepository {
  /** Path of the bare repository: the daemon's `configRepository.url`. */
  bare: string;
  /** The first commit, where every channel starts. */
  initialCommit: string;
  /** Merges an edit of the channel configuration to a branch and answers the commit. */
  merge(branch: string, subject: string, edit: (workTree: string) => Promise<void>): Promise<string>;
  /** Commit at the tip of a branch of the bare repository. */
  head(branch: string): Promise<string>;
}

async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('git', args, { cwd, env: isolated, maxBuffer: 16 * 2 ** 20 });
  return stdout.trim();
}

/** A bare repository with one branch a channel, all at one commit that holds the shipped channel configuration. */
export async function createConfigRepository(input: {
  directory: string;
  channelConfiguration: string;
  branches: string[];
}): Promise<ConfigRepository> {
  const bare = join(input.directory, 'config.git');
  const work = join(input.directory, 'work');
  await mkdir(work, { recursive: true });
  await git(input.directory, 'init', '-q', '--bare', bare);
  // every move of a branch stays on record, whoever made it
  await git(bare, 'config', 'core.logAllRefUpdates', 'always');
  const first = input.branches[0] ?? 'dev';
  await git(work, 'init', '-q', '-b', first);
  await cp(input.channelConfiguration, join(work, 'cluster'), { recursive: true });
  await git(work, 'add', '-A');
  await git(work, 'commit', '-q', '-m', 'Start the channel configuration');
  await git(work, 'remote', 'add', 'origin', bare);
  for (const branch of input.branches) await git(work, 'push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
  const initialCommit = await git(work, 'rev-parse', 'HEAD');

  return {
    bare,
    initialCommit,
    head: (branch) => git(bare, 'rev-parse', `refs/heads/${branch}`),
    async merge(branch, subject, edit) {
      await git(work, 'fetch', '-q', 'origin');
      await git(work, 'checkout', '-q', '-B', branch, `origin/${branch}`);
      await edit(work);
      await git(work, 'commit', '-q', '-a', '-m', subject);
      await git(work, 'push', '-q', 'origin', `HEAD:refs/heads/${branch}`);
      return git(work, 'rev-parse', 'HEAD');
    },
  };
}
