import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FailureError } from '../../../src/domain/failure.ts';
import type { ChannelSource } from '../../../src/ports/channel-source.ts';
import { openChannelSource } from '../../../src/sources/git/git-channel-source.ts';
import { GitSandbox } from '../../support/git-sandbox.ts';

let sandbox: GitSandbox;
let mirror: string;
let first: string;
let second: string;

beforeEach(() => {
  sandbox = new GitSandbox();
  mirror = join(sandbox.directory, 'mirror.git');
  first = sandbox.commit('first', {
    'cluster/a.yaml': 'one\n',
    'cluster/sub/b.yaml': 'grüße\n',
    'other/c.yaml': 'no\n',
  });
  second = sandbox.commit('second: with a colon', { 'cluster/a.yaml': 'two\n' });
  sandbox.push('dev', second);
  sandbox.push('alpha', first);
});
afterEach(() => sandbox.remove());

function open(changes: { url?: string; timeoutMs?: number; path?: string } = {}): ChannelSource {
  return openChannelSource({ url: sandbox.bare, mirrorPath: mirror, path: 'cluster', timeoutMs: 20_000, ...changes });
}

async function failureOf(call: Promise<unknown>): Promise<FailureError['failure']> {
  try {
    await call;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
  throw new Error('the call did not fail');
}

describe('what a name stands for', () => {
  const work = (): string => join(sandbox.directory, 'work');
  const pushTag = (name: string): string =>
    sandbox.git(work(), 'push', '--quiet', '--force', 'origin', `refs/tags/${name}`);

  it('is the head of a branch, and the commit of a tag, annotated or not, and moved since', async () => {
    const source = open();
    sandbox.git(work(), 'tag', 'plain', first);
    sandbox.git(work(), 'tag', '-a', '-m', 'a release', 'v1.0/rc+1', first);
    for (const tag of ['plain', 'v1.0/rc+1']) pushTag(tag);
    expect(await source.named('dev')).toEqual({ branch: second });
    expect(await source.named('plain')).toEqual({ tag: first });
    expect(await source.named('v1.0/rc+1')).toEqual({ tag: first });
    sandbox.git(work(), 'tag', '-f', 'plain', second);
    pushTag('plain');
    expect(await source.named('plain')).toEqual({ tag: second });
    expect(await source.named('nowhere')).toEqual({});
    for (const odd of ['*', '--upload-pack=x', 'refs/heads/*', 'a..b', '']) expect(await source.named(odd)).toEqual({});
  });

  it('is both where a branch and a tag share it, unless one kind is asked for', async () => {
    const source = open();
    sandbox.git(work(), 'tag', 'alpha', second);
    pushTag('alpha');
    expect(await source.named('alpha')).toEqual({ branch: first, tag: second });
    expect(await source.named('refs/heads/alpha')).toEqual({ branch: first });
    expect(await source.named('refs/tags/alpha')).toEqual({ tag: second });
  });

  it('is a commit that no branch holds, which can be read then', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    const lonely = sandbox.commit('lonely', { 'cluster/a.yaml': 'lonely\n' }, first);
    sandbox.git(work(), 'tag', '-a', '-m', 'kept by its tag alone', 'lonely', lonely);
    pushTag('lonely');
    expect(await source.named('lonely')).toEqual({ tag: lonely });
    expect((await source.readTree(lonely, 'cluster')).get('a.yaml')).toBe('lonely\n');
  });

  it('is nothing that renders when a tag points to a file', async () => {
    const file = sandbox.git(work(), 'rev-parse', `${first}:cluster/a.yaml`);
    sandbox.git(work(), 'tag', 'file', file);
    pushTag('file');
    expect(await failureOf(open().named('file'))).toMatchObject({ kind: 'terminal', code: 'git-tag-no-commit' });
  });
});

describe('fetching', () => {
  it('says where the branches are, and where they are after somebody pushed', async () => {
    const source = open();
    expect(await source.fetch(['dev', 'alpha'], {})).toEqual({
      heads: [
        { branch: 'dev', commit: second },
        { branch: 'alpha', commit: first },
      ],
      problems: [],
    });
    const third = sandbox.commit('third', { 'cluster/a.yaml': 'three\n' });
    sandbox.push('dev', third);
    expect((await source.fetch(['dev'], { dev: second })).heads).toEqual([{ branch: 'dev', commit: third }]);
  });

  it('reports a branch that was never there, and one that vanished with where it was', async () => {
    const source = open();
    await source.fetch(['dev', 'alpha'], {});
    sandbox.deleteBranch('alpha');
    const { heads, problems } = await source.fetch(['dev', 'alpha', 'nope'], { dev: second, alpha: first });
    expect(heads).toEqual([{ branch: 'dev', commit: second }]);
    expect(problems).toEqual([
      { branch: 'alpha', kind: 'missing', lastGood: first, message: expect.stringContaining(first.slice(0, 12)) },
      { branch: 'nope', kind: 'missing', message: 'branch nope is not in the repository' },
    ]);
  });

  it('reports a rewritten branch, gives no head for it, and keeps what it had readable', async () => {
    const source = open();
    await source.fetch(['dev'], { dev: second });
    const rewritten = sandbox.commit('instead', { 'cluster/a.yaml': 'rewritten\n' }, first);
    sandbox.push('dev', rewritten);
    const { heads, problems } = await source.fetch(['dev'], { dev: second });
    expect(heads).toEqual([]);
    expect(problems).toEqual([
      {
        branch: 'dev',
        kind: 'forced',
        lastGood: second,
        message: `branch dev was rewritten: ${rewritten.slice(0, 12)} does not descend from ${second.slice(0, 12)}`,
      },
    ]);
    sandbox.git(mirror, 'reflog', 'expire', '--expire=now', '--all');
    sandbox.git(mirror, 'gc', '--quiet', '--prune=now');
    // and the repository has it no more
    rmSync(sandbox.bare, { recursive: true });
    expect((await open().readTree(second, 'cluster')).get('a.yaml')).toBe('two\n');
  });

  it('reports a rewrite too when the mirror has never seen the earlier commit', async () => {
    const rewritten = sandbox.commit('instead', { 'cluster/a.yaml': 'x\n' }, first);
    sandbox.push('dev', rewritten);
    const gone = 'f'.repeat(40);
    const { heads, problems } = await open().fetch(['dev'], { dev: gone });
    expect(heads).toEqual([]);
    expect(problems).toMatchObject([{ branch: 'dev', kind: 'forced', lastGood: gone }]);
  });

  it('is well with branch names that have a slash, and refuses what is no branch name', async () => {
    sandbox.push('release/1.2', second);
    const source = open();
    expect((await source.fetch(['release/1.2'], {})).heads).toEqual([{ branch: 'release/1.2', commit: second }]);
    for (const name of ['--upload-pack=x', '../x', 'a..b', 'a b', '', 'x.lock', '-x']) {
      expect(await failureOf(source.fetch([name], {}))).toMatchObject({ kind: 'terminal', code: 'git-invalid-branch' });
    }
  });
});

describe('reading', () => {
  it('gives the files below a path at a commit without a work tree', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    expect(Object.fromEntries(await source.readTree(first, 'cluster'))).toEqual({
      'a.yaml': 'one\n',
      'sub/b.yaml': 'grüße\n',
    });
    expect(Object.fromEntries(await source.readTree(second, '/cluster/'))).toEqual({
      'a.yaml': 'two\n',
      'sub/b.yaml': 'grüße\n',
    });
    expect([...(await source.readTree(second, '')).keys()]).toEqual([
      'cluster/a.yaml',
      'cluster/sub/b.yaml',
      'other/c.yaml',
    ]);
    expect(readdirSync(mirror)).not.toContain('cluster');
  });

  it('gives the same map again: it is read once a commit', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    const [once, twice] = await Promise.all([source.readTree(second, 'cluster'), source.readTree(second, 'cluster')]);
    expect(twice).toBe(once);
  });

  it('leaves out links, submodules and binary files, and is well with odd names and empty files', async () => {
    const work = join(sandbox.directory, 'work');
    symlinkSync('/etc/passwd', join(work, 'cluster', 'link.yaml'));
    const commit = sandbox.commit('odd', {
      'cluster/empty.yaml': '',
      'cluster/with space\tand ü.yaml': 'x',
      'cluster/image.png': Buffer.from([1, 0, 2]),
      'cluster/newline.yaml': 'a\nb',
    });
    sandbox.push('dev', commit);
    const source = open();
    await source.fetch(['dev'], {});
    expect(Object.fromEntries(await source.readTree(commit, 'cluster'))).toEqual({
      'a.yaml': 'two\n',
      'empty.yaml': '',
      'newline.yaml': 'a\nb',
      'sub/b.yaml': 'grüße\n',
      'with space\tand ü.yaml': 'x',
    });
  });

  it('describes commits, keyed by the tree of the configuration alone', async () => {
    const docs = sandbox.commit('docs only', { 'other/c.yaml': 'changed\n' }, second);
    sandbox.push('dev', docs);
    const source = open();
    await source.fetch(['dev'], {});
    const [info, before] = [await source.commitInfo(docs), await source.commitInfo(second)];
    expect(info).toEqual({
      commit: docs,
      tree: before.tree,
      author: 'Ada <ada@example.org>',
      subject: 'docs only',
      committedAt: expect.stringMatching(/^2026-01-02T03:04:05/),
    });
    expect((await source.commitInfo(first)).tree).not.toBe(before.tree);
    expect((await source.commitsBetween(first, docs, 10)).map((commit) => commit.subject)).toEqual([
      'docs only',
      'second: with a colon',
    ]);
    expect((await source.commitsBetween(undefined, docs, 2)).map((commit) => commit.commit)).toEqual([docs, second]);
    expect(await source.commitsBetween(docs, docs, 10)).toEqual([]);
  });

  it('lists what a merge brought only where it is asked for', async () => {
    const source = open();
    const side = sandbox.commit('side', { 'cluster/s.yaml': 's' }, first);
    sandbox.push('side', side);
    const merge = sandbox.git(sandbox.bare, 'commit-tree', `${side}^{tree}`, '-p', second, '-p', side, '-m', 'merge');
    sandbox.git(sandbox.bare, 'update-ref', 'refs/heads/dev', merge);
    await source.fetch(['dev'], {});
    const all = await source.commitsBetween(first, merge, 10);
    expect(all.map((one) => one.commit).sort()).toEqual([merge, second, side].sort());
    const chain = await source.commitsBetween(first, merge, 10, { firstParent: true });
    expect(chain.map((one) => one.commit)).toEqual([merge, second]);
  });

  it('knows ancestors', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    const side = sandbox.commit('side', { 'cluster/s.yaml': 's' }, first);
    sandbox.push('side', side);
    await source.fetch(['dev'], {});
    expect(await source.isAncestor(first, second)).toBe(true);
    expect(await source.isAncestor(second, first)).toBe(false);
    expect(await source.isAncestor(second, second)).toBe(true);
    expect(await source.isAncestor(side, second)).toBe(false);
  });

  it('refuses an unknown commit, a path that is not there, and what is no commit id', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    expect(await failureOf(source.readTree('a'.repeat(40), 'cluster'))).toMatchObject({
      kind: 'terminal',
      code: 'git-unknown-commit',
    });
    expect(await failureOf(source.commitInfo('HEAD'))).toMatchObject({ code: 'git-unknown-commit' });
    expect(await failureOf(source.readTree(second, 'nope'))).toMatchObject({
      kind: 'terminal',
      code: 'git-path-missing',
    });
    expect(await failureOf(source.readTree(second, '../..'))).toMatchObject({ code: 'git-path-missing' });
    expect(await failureOf(open({ path: 'nope' }).commitInfo(second))).toMatchObject({
      code: 'git-path-missing',
      message: expect.stringContaining('correct configRepository.path'),
    });
  });

  it('refuses a configuration that is too large', async () => {
    const commit = sandbox.commit('large', { 'cluster/large.txt': 'x'.repeat(4 * 1024 * 1024 + 1) });
    sandbox.push('dev', commit);
    const source = open();
    await source.fetch(['dev'], {});
    expect(await failureOf(source.readTree(commit, 'cluster'))).toMatchObject({
      kind: 'terminal',
      code: 'git-configuration-too-large',
    });
  });
});

describe('moving a branch', () => {
  it('fast-forwards it, and doing so again is nothing', async () => {
    const source = open();
    await source.fetch(['dev', 'alpha'], {});
    expect(await source.fastForward('alpha', first, second)).toEqual({ kind: 'moved' });
    expect(sandbox.head('alpha')).toBe(second);
    expect(await source.fastForward('alpha', first, second)).toEqual({ kind: 'already' });
    expect(await source.fastForward('alpha', second, second)).toEqual({ kind: 'already' });
    expect((await source.fetch(['alpha'], { alpha: first })).heads).toEqual([{ branch: 'alpha', commit: second }]);
  });

  it('refuses what is no fast-forward, and touches nothing', async () => {
    const source = open();
    await source.fetch(['dev', 'alpha'], {});
    const side = sandbox.commit('side', { 'cluster/s.yaml': 's' }, first);
    sandbox.push('side', side);
    await source.fetch(['dev'], {});
    expect(await source.fastForward('dev', second, first)).toMatchObject({
      kind: 'refused',
      reason: 'not-fast-forward',
    });
    expect(await source.fastForward('dev', second, side)).toMatchObject({
      kind: 'refused',
      reason: 'not-fast-forward',
    });
    expect(sandbox.head('dev')).toBe(second);
  });

  it('refuses when somebody moved the branch since, even to something that it would fast-forward', async () => {
    const source = open();
    const third = sandbox.commit('third', { 'cluster/a.yaml': 'three\n' }, second);
    sandbox.push('dev', third);
    await source.fetch(['dev', 'alpha'], {});
    // alpha moves to `second` behind our back; `third` descends from both
    sandbox.push('alpha', second);
    expect(await source.fastForward('alpha', first, third)).toEqual({
      kind: 'refused',
      reason: 'branch-moved',
      message: `branch alpha is at ${second.slice(0, 12)}, not at ${first.slice(0, 12)}: somebody moved it`,
    });
    expect(sandbox.head('alpha')).toBe(second);
  });

  it('refuses when the branch is gone, rather than making it anew', async () => {
    const source = open();
    await source.fetch(['dev', 'alpha'], {});
    sandbox.deleteBranch('alpha');
    expect(await source.fastForward('alpha', first, second)).toMatchObject({
      kind: 'refused',
      reason: 'branch-missing',
    });
    expect(sandbox.head('alpha')).toBe('');
  });

  it('of two that move a branch at once one wins, and the other is told', async () => {
    const third = sandbox.commit('third', { 'cluster/a.yaml': 'three\n' }, first);
    sandbox.push('side', third);
    const one = open();
    const two = openChannelSource({
      url: sandbox.bare,
      mirrorPath: join(sandbox.directory, 'other.git'),
      path: 'cluster',
      timeoutMs: 20_000,
    });
    await Promise.all([one.fetch(['dev'], {}), two.fetch(['dev'], {})]);
    const results = await Promise.all([
      one.fastForward('alpha', first, second),
      two.fastForward('alpha', first, third),
    ]);
    expect(results.map((result) => result.kind).sort()).toEqual(['moved', 'refused']);
    expect(sandbox.head('alpha')).toBe(results[0]?.kind === 'moved' ? second : third);
  });

  it('fails when the repository refuses the push', async () => {
    const source = open();
    await source.fetch(['dev', 'alpha'], {});
    const hook = join(sandbox.bare, 'hooks', 'pre-receive');
    mkdirSync(join(sandbox.bare, 'hooks'), { recursive: true });
    writeFileSync(hook, '#!/bin/sh\necho protected branch >&2\nexit 1\n');
    chmodSync(hook, 0o755);
    expect(await failureOf(source.fastForward('alpha', first, second))).toMatchObject({
      kind: 'terminal',
      code: 'git-push-rejected',
      message: expect.stringContaining('alpha'),
    });
    expect(sandbox.head('alpha')).toBe(first);
  });
});

describe('the mirror', () => {
  it('is used again by the next process', async () => {
    await open().fetch(['dev'], {});
    rmSync(sandbox.bare, { recursive: true });
    expect((await open().readTree(second, 'cluster')).get('a.yaml')).toBe('two\n');
  });

  const damages: [what: string, damage: () => void][] = [
    ['lost', () => rmSync(mirror, { recursive: true })],
    [
      'emptied',
      () =>
        readdirSync(mirror).forEach((name) => {
          rmSync(join(mirror, name), { recursive: true });
        }),
    ],
    ['without its HEAD', () => rmSync(join(mirror, 'HEAD'))],
    ['without its objects', () => rmSync(join(mirror, 'objects'), { recursive: true })],
    ['with a broken config', () => writeFileSync(join(mirror, 'config'), '[[[')],
    [
      'with broken objects',
      () => {
        const files = (directory: string): string[] =>
          readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
            entry.isDirectory() ? files(join(directory, entry.name)) : [join(directory, entry.name)],
          );
        for (const file of files(join(mirror, 'objects'))) {
          chmodSync(file, 0o644);
          writeFileSync(file, 'garbage');
        }
      },
    ],
  ];
  it.each(damages)('is made anew when it is %s, whoever notices first', async (_, damage) => {
    await open().fetch(['dev'], {});
    damage();
    const source = open();
    expect((await source.readTree(second, 'cluster')).get('a.yaml')).toBe('two\n');
    damage();
    expect((await source.fetch(['dev'], { dev: first })).heads).toEqual([{ branch: 'dev', commit: second }]);
    expect(await source.fastForward('alpha', first, second)).toEqual({ kind: 'moved' });
  });

  it('of another repository is replaced', async () => {
    await open().fetch(['dev'], {});
    const other = new GitSandbox();
    try {
      const commit = other.commit('elsewhere', { 'cluster/x.yaml': 'x' });
      other.push('dev', commit);
      expect((await open({ url: other.bare }).fetch(['dev'], {})).heads).toEqual([{ branch: 'dev', commit }]);
    } finally {
      other.remove();
    }
  });

  it('is never made where something else is', async () => {
    mkdirSync(mirror);
    writeFileSync(join(mirror, 'precious.txt'), 'data');
    expect(await failureOf(open().fetch(['dev'], {}))).toMatchObject({ kind: 'terminal', code: 'git-mirror-foreign' });
    expect(readFileSync(join(mirror, 'precious.txt'), 'utf8')).toBe('data');
  });

  it('is not shared with the developer’s git configuration', async () => {
    const hostile = join(sandbox.directory, 'gitconfig');
    writeFileSync(hostile, `[url "/nonexistent/"]\n\tinsteadOf = ${sandbox.bare}\n`);
    const before = process.env['GIT_CONFIG_GLOBAL'];
    process.env['GIT_CONFIG_GLOBAL'] = hostile;
    try {
      expect((await open().fetch(['dev'], {})).heads).toHaveLength(1);
    } finally {
      if (before === undefined) delete process.env['GIT_CONFIG_GLOBAL'];
      else process.env['GIT_CONFIG_GLOBAL'] = before;
    }
  });
});

describe('a repository that cannot be read', () => {
  async function listen(answer: (server: Server) => void): Promise<{ port: number; close: () => Promise<void> }> {
    const sockets = new Set<import('node:net').Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    answer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return {
      port: typeof address === 'object' && address !== null ? address.port : 0,
      close: () =>
        new Promise((resolve) => {
          for (const socket of sockets) socket.destroy();
          server.close(() => resolve());
        }),
    };
  }

  it('that does not exist is a terminal failure that says what to correct', async () => {
    expect(await failureOf(open({ url: join(sandbox.directory, 'nope.git') }).fetch(['dev'], {}))).toMatchObject({
      kind: 'terminal',
      code: 'git-unreachable',
      message: expect.stringContaining('correct configRepository.url'),
    });
  });

  it('that refuses connections is transient, and its credentials are not shown', async () => {
    const server = await listen(() => undefined);
    await server.close();
    const failure = await failureOf(
      open({ url: `http://user:hunter2@127.0.0.1:${server.port}/x.git` }).fetch(['dev'], {}),
    );
    expect(failure).toMatchObject({ kind: 'transient', code: 'git-unreachable' });
    expect(JSON.stringify(failure)).not.toContain('hunter2');
  });

  it('that asks for a password is an authentication failure, not a prompt', async () => {
    const server = await listen((tcp) =>
      tcp.on('connection', (socket) => {
        socket.once('data', () =>
          socket.end(
            'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
          ),
        );
      }),
    );
    try {
      expect(await failureOf(open({ url: `http://127.0.0.1:${server.port}/x.git` }).fetch(['dev'], {}))).toMatchObject({
        kind: 'terminal',
        code: 'git-auth',
      });
    } finally {
      await server.close();
    }
  });

  it('that never answers is a timeout', async () => {
    const server = await listen(() => undefined);
    try {
      const source = open({ url: `http://127.0.0.1:${server.port}/x.git`, timeoutMs: 700 });
      expect(await failureOf(source.fetch(['dev'], {}))).toMatchObject({
        kind: 'transient',
        code: 'git-timeout',
        message: expect.stringContaining('700 ms'),
      });
    } finally {
      await server.close();
    }
  });

  it('leaves what was fetched before readable, and says of an unknown commit that it could not ask', async () => {
    const source = open();
    await source.fetch(['dev'], {});
    rmSync(sandbox.bare, { recursive: true });
    expect((await source.readTree(first, 'cluster')).size).toBe(2);
    expect(await failureOf(source.readTree('b'.repeat(40), 'cluster'))).toMatchObject({ code: 'git-unreachable' });
  });
});
