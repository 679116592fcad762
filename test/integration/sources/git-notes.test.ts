/** Notes of clm's own in real repositories. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChannelSource } from '../../../src/ports/channel-source.ts';
import { failureOf, GitWorld } from '../../support/git-world.ts';

const at = Date.parse('2026-03-04T05:06:07Z');
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

describe('notes', () => {
  const notes = (repository: string) => sandbox.git(repository, 'rev-list', '--count', 'refs/notes/clm');

  it('are kept by name and by commit, read by the next mirror, and written once', async () => {
    const source = await world.fetched();
    expect(await source.readNote('overrides')).toBeUndefined();
    await source.writeNote('overrides', '{"a": "grüße"}\n', at);
    await source.writeNote(second, 'proven', at);
    await source.writeNote('overrides', '{"a": "grüße"}\n', at + 5_000);
    expect(notes(sandbox.bare)).toBe('2');
    const other = await world.fetched({ mirrorPath: world.otherMirror });
    expect(await other.readNote('overrides')).toBe('{"a": "grüße"}\n');
    expect(await other.readNote(second)).toBe('proven');
    expect(await other.readNote(first)).toBeUndefined();
    expect(sandbox.git(sandbox.bare, 'notes', '--ref=clm', 'show', second)).toBe('proven');
    expect(sandbox.git(sandbox.bare, 'fsck', '--strict', '--no-dangling')).toBe('');
  });

  it('are changed, also by another mirror, and may be empty', async () => {
    const one = await world.fetched();
    const two = await world.fetched({ mirrorPath: world.otherMirror });
    await one.writeNote('pins', 'one', at);
    await two.writeNote('pins', 'two', at);
    expect(await one.readNote('pins')).toBe('two');
    await one.writeNote('pins', '', at);
    expect(await two.readNote('pins')).toBe('');
    await one.fetch(['dev'], {});
    expect(await one.readNote('pins')).toBe('');
  });

  it('by people are kept, in folders too', async () => {
    sandbox.git(work, 'notes', '--ref=clm', 'add', '-m', 'by hand', first);
    const tree = sandbox.git(work, 'rev-parse', 'refs/notes/clm^{tree}');
    const blob = /blob ([\da-f]+)\t/.exec(sandbox.git(work, 'ls-tree', tree))?.[1] ?? '';
    const make = (line: string) => execFileSync('git', ['mktree'], { cwd: work, input: line, encoding: 'utf8' }).trim();
    const inner = make(`100644 blob ${blob}\t${first.slice(2)}\n`);
    const outer = make(`040000 tree ${inner}\t${first.slice(0, 2)}\n`);
    const spread = sandbox.git(work, 'commit-tree', '-m', 'spread', outer);
    sandbox.git(work, 'push', '--quiet', 'origin', `${spread}:refs/notes/clm`);
    const source = await world.fetched();
    expect(await source.readNote(first)).toBe('by hand\n');
    await source.writeNote('pins', 'x', at);
    await source.writeNote(first, 'by clm', at);
    expect(await source.readNote('pins')).toBe('x');
    expect(sandbox.git(sandbox.bare, 'notes', '--ref=clm', 'show', first)).toBe('by clm');
  });

  it('of two that write at once none is lost: the other is told to try again', async () => {
    const sources = [await world.fetched(), await world.fetched({ mirrorPath: world.otherMirror })];
    const write = (source: ChannelSource, i: number) => source.writeNote(`note ${i}`, `text ${i}`, at);
    const results = await Promise.allSettled(sources.map(write));
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') continue;
      expect(result.reason).toMatchObject({ failure: { kind: 'transient' } });
      await write(sources[i] as ChannelSource, i);
    }
    const reader = await world.fetched({ mirrorPath: join(sandbox.directory, 'c.git') });
    expect([await reader.readNote('note 0'), await reader.readNote('note 1')]).toEqual(['text 0', 'text 1']);
  });

  it('that are not taken leave what was there, and the next attempt writes them', async () => {
    const source = await world.fetched();
    await source.writeNote('pins', 'one', at);
    world.refusePushes('no notes: invalid object');
    expect(await failureOf(source.writeNote('pins', 'two', at))).toMatchObject({
      kind: 'transient',
      code: 'git-note-refused',
    });
    expect(await source.readNote('pins')).toBe('one');
    world.allowPushes();
    await source.writeNote('pins', 'two', at);
    expect(await world.open().readNote('pins')).toBe('two');
  });

  it('are gone when the repository has them no more, and unknown when it cannot be asked', async () => {
    const source = await world.fetched();
    await source.writeNote('pins', 'one', at);
    sandbox.git(sandbox.bare, 'update-ref', '-d', 'refs/notes/clm');
    expect(await source.readNote('pins')).toBeUndefined();
    await source.writeNote('pins', 'again', at);
    expect(await source.readNote('pins')).toBe('again');
    rmSync(sandbox.bare, { recursive: true });
    expect(await failureOf(source.readNote('pins'))).toMatchObject({ code: 'git-unreachable' });
  });

  it('are written past a lock that a killed git left in the mirror, at the second attempt at the latest', async () => {
    const source = await world.fetched();
    await source.writeNote('pins', 'one', at);
    writeFileSync(join(mirror, 'refs', 'notes', 'clm.lock'), '');
    const write = () => source.writeNote('pins', 'two', at);
    await write().catch(async (error: unknown) => {
      expect(error).toMatchObject({ failure: { kind: 'transient' } });
      await write();
    });
    expect(await world.open().readNote('pins')).toBe('two');
    expect(notes(sandbox.bare)).toBe('2');
  });

  it('pushed by a process that was killed before it knew are not written twice', async () => {
    const source = await world.fetched();
    await source.writeNote('pins', 'one', at);
    // the push arrived; what the mirror remembers of it did not
    sandbox.git(mirror, 'update-ref', '-d', 'refs/notes/clm');
    await world.open().writeNote('pins', 'one', at + 9_000);
    expect(notes(sandbox.bare)).toBe('1');
  });
});
