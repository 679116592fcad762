/** Commits and proposal branches that clm itself makes, in real repositories: well, again, against others, and damaged. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, GitWorld } from '../../support/git-world.ts';

const at = Date.parse('2026-03-04T05:06:07Z');
const nowhere = 'a'.repeat(40);
let world: GitWorld;
let sandbox: GitWorld['sandbox'];
let mirror: string;
let work: string;
let first: string;
let second: string;

beforeEach(() => {
  world = new GitWorld();
  ({ mirror, work, sandbox, first, second } = world);
});
afterEach(() => world.remove());

function filesAt(commit: string): string[] {
  return sandbox.git(mirror, 'ls-tree', '-r', '--name-only', commit).split('\n');
}

function show(name: string): string {
  return sandbox.git(mirror, 'show', name);
}

describe('restoring', () => {
  const message = 'Roll back to first\n\nAsked by jo: it broke — grüße\nClm-Request: 7';

  it('makes a commit on the head with the configuration of another, and leaves the rest as it is', async () => {
    const third = sandbox.commit('third', { 'readme.md': 'changed\n', 'conf/notes.md': 'changed\n' });
    sandbox.push('dev', third);
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: third, treeOf: first, message, at });
    expect((await source.commitInfo(made)).tree).toBe((await source.commitInfo(first)).tree);
    expect(await source.commitInfo(made)).toMatchObject({
      author: 'clm <clm@localhost>',
      subject: 'Roll back to first',
      committedAt: expect.stringMatching(/^2026-03-04T05:06:07/),
    });
    expect(filesAt(made)).toEqual(['conf/cluster/a.yaml', 'conf/cluster/sub/b.yaml', 'conf/notes.md', 'readme.md']);
    expect(show(`${made}:readme.md`)).toBe('changed');
    expect(show(`${made}:conf/notes.md`)).toBe('changed');
    expect(sandbox.git(mirror, 'log', '-1', '--format=%P%n%B', made)).toBe(`${third}\n${message}`);
    expect(sandbox.git(mirror, 'fsck', '--strict', '--no-dangling')).toBe('');
    expect(sandbox.head('dev')).toBe(third);
  });

  it('makes the same commit again, in another mirror and after a kill too, and it can be pushed', async () => {
    const input = { parent: second, treeOf: first, message, at };
    const made = await (await world.fetched()).restoringCommit(input);
    expect(await (await world.fetched()).restoringCommit(input)).toBe(made);
    expect(await (await world.fetched({ mirrorPath: world.otherMirror })).restoringCommit(input)).toBe(made);
    expect(await world.open().fastForward('dev', second, made)).toEqual({ kind: 'moved' });
    expect(await world.open().fastForward('dev', second, made)).toEqual({ kind: 'already' });
    expect(sandbox.head('dev')).toBe(made);
    expect(await world.open().restoringCommit({ ...input, at: at + 1000 })).not.toBe(made);
  });

  it('is not pushed over what somebody else pushed meanwhile, nor after the mirror with it was lost', async () => {
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    const third = sandbox.commit('third', { 'conf/cluster/a.yaml': 'three\n' });
    sandbox.push('dev', third);
    expect(await source.fastForward('dev', second, made)).toMatchObject({ kind: 'refused', reason: 'branch-moved' });
    expect(sandbox.head('dev')).toBe(third);
    rmSync(mirror, { recursive: true });
    expect(await failureOf(world.open().fastForward('dev', second, made))).toMatchObject({
      kind: 'terminal',
      code: 'git-unknown-commit',
    });
    expect(sandbox.head('dev')).toBe(third);
  });

  it('survives a refusal whose words sound like damage of the mirror: the commit is still there to be pushed', async () => {
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    world.refusePushes('policy: bad config, the deployment is corrupted');
    expect(await failureOf(source.fastForward('dev', second, made))).toMatchObject({
      kind: 'terminal',
      code: 'git-push-rejected',
    });
    world.allowPushes();
    expect(await source.fastForward('dev', second, made)).toEqual({ kind: 'moved' });
  });

  it('is tried again while the branch is locked on the server, and no commit is lost by it', async () => {
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    const lock = join(sandbox.bare, 'refs', 'heads', 'dev.lock');
    writeFileSync(lock, '');
    expect(await failureOf(source.fastForward('dev', second, made))).toMatchObject({
      kind: 'transient',
      code: 'git-push-contended',
    });
    rmSync(lock);
    expect(await source.fastForward('dev', second, made)).toEqual({ kind: 'moved' });
  });

  it('is pushed, and pushed again, past a lock that a killed git left in the mirror', async () => {
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    mkdirSync(join(mirror, 'refs', 'heads'), { recursive: true });
    writeFileSync(join(mirror, 'refs', 'heads', 'dev.lock'), '');
    expect((await source.fastForward('dev', second, made)).kind).toMatch(/^(moved|already)$/);
    expect(sandbox.head('dev')).toBe(made);
    expect(await world.open().fastForward('dev', second, made)).toEqual({ kind: 'already' });
    expect((await world.fetched().then((again) => again.fetch(['dev'], {}))).heads).toEqual([
      { branch: 'dev', commit: made },
    ]);
  });

  it('brings back a configuration that the head has lost, or put a file in place of', async () => {
    const source = world.open();
    const lost = sandbox.commit('oh no', {
      'conf/cluster/a.yaml': undefined,
      'conf/cluster/new.yaml': undefined,
      'conf/cluster/sub/b.yaml': undefined,
      'conf/notes.md': undefined,
    });
    expect(sandbox.git(work, 'ls-tree', '-r', '--name-only', lost)).toBe('readme.md');
    rmSync(join(work, 'conf'), { recursive: true, force: true });
    const replaced = sandbox.commit('a file now', { conf: 'file\n' });
    sandbox.push('dev', replaced);
    for (const parent of [lost, replaced]) {
      const made = await source.restoringCommit({ parent, treeOf: first, message, at });
      expect(filesAt(made)).toEqual(['conf/cluster/a.yaml', 'conf/cluster/sub/b.yaml', 'readme.md']);
      expect(sandbox.git(mirror, 'fsck', '--strict', '--no-dangling')).toBe('');
    }
  });

  it('keeps names that are no UTF-8, odd ones, links and modes beside it byte for byte', async () => {
    const blob = sandbox.git(work, 'hash-object', '-w', 'readme.md');
    const entry = (mode: string, name: Buffer) =>
      Buffer.concat([Buffer.from(`${mode} ${blob}\t`), name, Buffer.from('\n')]);
    const info = Buffer.concat([
      entry('100755', Buffer.from('run.sh')),
      entry('120000', Buffer.from('link')),
      entry('100644', Buffer.from([0x67, 0x72, 0xfc, 0xdf])),
      entry('100644', Buffer.from('ünï "quoted" \\ name')),
      Buffer.from(`160000 ${first}\tmodule\n`),
    ]);
    execFileSync('git', ['update-index', '--add', '--index-info'], { cwd: work, input: info });
    sandbox.git(work, 'commit', '--quiet', '--message=odd');
    const odd = sandbox.git(work, 'rev-parse', 'HEAD');
    sandbox.push('dev', odd);
    const source = await world.fetched();
    const made = await source.restoringCommit({ parent: odd, treeOf: first, message, at });
    expect(sandbox.git(mirror, 'diff-tree', '-r', '--name-only', odd, made)).toBe(
      'conf/cluster/a.yaml\nconf/cluster/new.yaml',
    );
  });

  it('of the whole repository is the tree of the other commit', async () => {
    const source = await world.fetched({ path: '' });
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    expect(sandbox.git(mirror, 'rev-parse', `${made}^{tree}`)).toBe(
      sandbox.git(mirror, 'rev-parse', `${first}^{tree}`),
    );
  });

  it('refuses commits that are not there, that are none, and one without the configuration', async () => {
    const bare = sandbox.commit('before there was one', {}, first);
    sandbox.git(work, 'rm', '--quiet', '-r', 'conf');
    sandbox.git(work, 'commit', '--quiet', '--message=without');
    const without = sandbox.git(work, 'rev-parse', 'HEAD');
    const file = sandbox.commit('a file', { 'conf/cluster': 'file\n' });
    sandbox.push('dev', file);
    const source = await world.fetched();
    const unknown = { kind: 'terminal', code: 'git-unknown-commit' };
    const tree = sandbox.git(mirror, 'rev-parse', `${first}^{tree}`);
    for (const other of [nowhere, tree, 'HEAD', '--upload-pack=touch /tmp/x', '']) {
      expect(await failureOf(source.restoringCommit({ parent: second, treeOf: other, message, at }))).toMatchObject(
        unknown,
      );
      expect(await failureOf(source.restoringCommit({ parent: other, treeOf: first, message, at }))).toMatchObject(
        unknown,
      );
    }
    for (const treeOf of [without, file]) {
      expect(await failureOf(source.restoringCommit({ parent: bare, treeOf, message, at }))).toMatchObject({
        kind: 'terminal',
        code: 'git-path-missing',
        message: expect.stringContaining('conf/cluster'),
      });
    }
  });

  it('works on a mirror with broken objects, which is made anew', async () => {
    const source = await world.fetched();
    world.breakObjects();
    const made = await source.restoringCommit({ parent: second, treeOf: first, message, at });
    expect((await source.readTree(made, 'conf/cluster')).get('a.yaml')).toBe('one\n');
    expect(await source.fastForward('dev', second, made)).toEqual({ kind: 'moved' });
  });
});

describe('picking', () => {
  const message = 'Pick it';

  it('takes what one commit changed, and not what came before it', async () => {
    const third = sandbox.commit('third', { 'conf/cluster/sub/b.yaml': 'better\n', 'conf/cluster/ü.yaml': 'u\n' });
    sandbox.push('dev', third);
    const source = await world.fetched();
    const input = { onto: first, commit: third, message, at };
    const picked = await source.pickedCommit(input);
    if (picked.kind !== 'picked') throw new Error(picked.message);
    expect(Object.fromEntries(await source.readTree(picked.commit, 'conf/cluster'))).toEqual({
      'a.yaml': 'one\n',
      'sub/b.yaml': 'better\n',
      'ü.yaml': 'u\n',
    });
    expect(sandbox.git(mirror, 'log', '-1', '--format=%P %an %cI', picked.commit)).toMatch(
      new RegExp(`^${first} clm 2026-03-04T05:06:07`),
    );
    expect(await world.open().pickedCommit(input)).toEqual(picked);
    expect(await (await world.fetched({ mirrorPath: world.otherMirror })).pickedCommit(input)).toEqual(picked);
    expect(await source.fastForward('stable', first, picked.commit)).toEqual({ kind: 'moved' });
    expect(sandbox.head('stable')).toBe(picked.commit);
  });

  it('takes a removal, and a change of mode', async () => {
    chmodSync(join(work, 'conf/cluster/sub/b.yaml'), 0o755);
    const third = sandbox.commit('third', { 'conf/notes.md': undefined });
    sandbox.push('dev', third);
    const picked = await (await world.fetched()).pickedCommit({ onto: first, commit: third, message, at });
    if (picked.kind !== 'picked') throw new Error(picked.message);
    expect(filesAt(picked.commit)).not.toContain('conf/notes.md');
    expect(sandbox.git(mirror, 'ls-tree', picked.commit, 'conf/cluster/sub/b.yaml')).toMatch(/^100755 /);
  });

  it('takes of a merge what it brought to its first parent', async () => {
    const side = sandbox.commit('side', { 'conf/cluster/side.yaml': 's\n' }, first);
    sandbox.git(work, 'checkout', '--quiet', '--detach', second);
    sandbox.git(work, 'merge', '--quiet', '--no-ff', '--message=merge', side);
    const merge = sandbox.git(work, 'rev-parse', 'HEAD');
    sandbox.push('dev', merge);
    const picked = await (await world.fetched()).pickedCommit({ onto: first, commit: merge, message, at });
    if (picked.kind !== 'picked') throw new Error(picked.message);
    expect(sandbox.git(mirror, 'diff-tree', '-r', '--name-only', first, picked.commit)).toBe('conf/cluster/side.yaml');
  });

  it('of what is there already changes nothing', async () => {
    const source = await world.fetched();
    const picked = await source.pickedCommit({ onto: second, commit: second, message, at });
    if (picked.kind !== 'picked') throw new Error(picked.message);
    expect((await source.commitInfo(picked.commit)).tree).toBe((await source.commitInfo(second)).tree);
  });

  it('names the files that conflict, whatever they are called, and keeps the mirror', async () => {
    const names = ['conf/cluster/a.yaml', 'conf/cluster/corrupted bad object.yaml', 'conf/cluster/ü.yaml', 'conf/z'];
    const files = (text: string) => Object.fromEntries(names.map((name) => [name, text]));
    const ours = sandbox.commit('ours', files('ours\n'), first);
    sandbox.push('stable', ours);
    const before = sandbox.commit('before', files('before\n'), second);
    const theirs = sandbox.commit('theirs', files('theirs\n'));
    sandbox.push('dev', theirs);
    const source = await world.fetched();
    writeFileSync(join(mirror, 'kept'), '');
    expect(await source.pickedCommit({ onto: ours, commit: theirs, message, at })).toEqual({
      kind: 'conflict',
      message: `${theirs.slice(0, 12)} does not apply on ${ours.slice(0, 12)}: conflicts in ${names.slice(0, 3).join(', ')} and 1 more`,
    });
    expect(existsSync(join(mirror, 'kept'))).toBe(true);
    expect(await source.pickedCommit({ onto: before, commit: theirs, message, at })).toMatchObject({ kind: 'picked' });
  });

  it('of a change to a file that was removed is a conflict', async () => {
    const source = world.open();
    const removed = sandbox.commit('removed', { 'conf/cluster/a.yaml': undefined });
    sandbox.push('stable', removed);
    await source.fetch(['dev'], {});
    expect(await source.pickedCommit({ onto: removed, commit: second, message, at })).toEqual({
      kind: 'conflict',
      message: expect.stringContaining('conf/cluster/a.yaml'),
    });
  });

  it('of a first commit is refused rather than tried for ever', async () => {
    expect(await (await world.fetched()).pickedCommit({ onto: second, commit: first, message, at })).toEqual({
      kind: 'conflict',
      message: `${first.slice(0, 12)} is a first commit: there is nothing before it that it changed`,
    });
  });

  it('refuses commits that are not there, and works on a mirror with broken objects', async () => {
    const source = await world.fetched();
    for (const other of [nowhere, '-x', 'dev']) {
      const unknown = { kind: 'terminal', code: 'git-unknown-commit' };
      expect(await failureOf(source.pickedCommit({ onto: other, commit: second, message, at }))).toMatchObject(unknown);
      expect(await failureOf(source.pickedCommit({ onto: first, commit: other, message, at }))).toMatchObject(unknown);
    }
    world.breakObjects();
    expect(await source.pickedCommit({ onto: first, commit: second, message, at })).toMatchObject({ kind: 'picked' });
  });
});

describe('proposals', () => {
  const branch = 'clm/promote/stable/1';

  it('are put, put again, moved anywhere, taken away, and taken away again', async () => {
    const source = await world.fetched();
    for (const commit of [second, second, first, second]) {
      await source.setProposal(branch, commit);
      expect(sandbox.head(branch)).toBe(commit);
    }
    await source.setProposal(branch, null);
    expect(sandbox.head(branch)).toBe('');
    await source.setProposal(branch, null);
    await (await world.fetched({ mirrorPath: world.otherMirror })).setProposal(branch, null);
    expect(sandbox.head('dev')).toBe(second);
  });

  it('are put back where they belong when somebody moved or removed them', async () => {
    const source = await world.fetched();
    await source.setProposal(branch, second);
    sandbox.push(branch, sandbox.commit('mine', { 'conf/cluster/a.yaml': 'mine\n' }));
    await source.setProposal(branch, second);
    expect(sandbox.head(branch)).toBe(second);
    sandbox.deleteBranch(branch);
    await source.setProposal(branch, second);
    expect(sandbox.head(branch)).toBe(second);
  });

  it('are never branches of people', async () => {
    const source = await world.fetched();
    await expect(source.setProposal('stable', second)).rejects.toThrow('stable is no proposal branch');
    await expect(source.setProposal('dev', null)).rejects.toThrow('dev is no proposal branch');
    expect([sandbox.head('stable'), sandbox.head('dev')]).toEqual([first, second]);
  });

  it('of a commit that is not there are refused', async () => {
    const source = await world.fetched();
    for (const commit of [nowhere, '--mirror', 'dev'])
      expect(await failureOf(source.setProposal(branch, commit))).toMatchObject({
        kind: 'terminal',
        code: 'git-unknown-commit',
      });
    expect(sandbox.head(branch)).toBe('');
  });

  it('that the repository refuses say so in its words', async () => {
    const source = await world.fetched();
    await source.setProposal(branch, first);
    world.refusePushes('no robots, bad object or not');
    for (const commit of [second, null])
      expect(await failureOf(source.setProposal(branch, commit))).toMatchObject({
        kind: 'terminal',
        code: 'git-push-rejected',
        message: expect.stringContaining('no robots'),
      });
    expect(sandbox.head(branch)).toBe(first);
  });
});
