/** Overrides in the notes of a real repository, and databases that come and go. */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OverrideMirror } from '../../../src/daemon/override-mirror.ts';
import type { ChannelSource } from '../../../src/ports/channel-source.ts';
import type { Json, Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { createLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { failureOf, GitWorld } from '../../support/git-world.ts';

const start = Date.parse('2026-03-04T05:06:07Z');
const hour = 3_600_000;
const freeze = { kind: 'freeze', scope: 'fleet', actor: 'ana', reason: 'sale', expiresAt: start + hour };
const pin = { kind: 'pin', scope: 'channel:beta', actor: 'bo', reason: 'wait', expiresAt: start + hour, commit: 'c1' };

interface Life {
  store: Store;
  source: ChannelSource;
  mirror: OverrideMirror;
  file: string;
  state: { now: number; lease: boolean; taken: number };
  lay: (key: string, value: Json) => Promise<void>;
  overrides: () => Promise<Record<string, Json>>;
}

let world: GitWorld;
let lives: Life[] = [];
beforeEach(() => {
  world = new GitWorld();
});
afterEach(async () => {
  for (const { store } of lives) await store.close();
  lives = [];
  world.remove();
});

/** A daemon with a database of its own, on the one repository. */
async function life(options: { file?: string; adopted?: boolean } = {}): Promise<Life> {
  const file = options.file ?? join(world.sandbox.directory, `clm-${lives.length}.db`);
  const store = await openSqliteStore({ path: file });
  const source = await world.fetched();
  const state = { now: start, lease: true, taken: 0 };
  const mirror = new OverrideMirror({
    store,
    source,
    leaseHeld: () => state.lease,
    onTaken: () => {
      state.taken += 1;
    },
    random: seededRandom(file),
    log: createLogger({ level: 'silent' }),
    now: () => state.now,
  });
  const post = (kind: string, key: string, value: Json) =>
    store.post({ facts: [{ kind, key, value }], now: state.now });
  if (options.adopted ?? true) await post('adoption', 'fleet', { at: state.now, actor: 'ana', reason: 'go' });
  const one: Life = {
    store,
    source,
    mirror,
    file,
    state,
    lay: (key, value) => post('override', key, value),
    overrides: async () => Object.fromEntries((await store.facts('override')).map((fact) => [fact.key, fact.value])),
  };
  lives.push(one);
  return one;
}

const noteOf = async ({ source }: Life) => JSON.parse((await source.readNote('overrides')) ?? 'null') as Json;
const notesWritten = () => world.sandbox.git(world.sandbox.bare, 'rev-list', '--count', '--all', '--', '.');
const notesRefExists = () => world.sandbox.git(world.sandbox.bare, 'for-each-ref', 'refs/notes/clm') !== '';

describe('overrides kept in git notes', () => {
  it('are there for the next database when this one is lost, and say in the journal where they come from', async () => {
    const first = await life();
    await first.lay('freeze/fleet', freeze);
    await first.lay('pin/channel:beta', pin);
    expect(await first.mirror.pass()).toBe(true);

    const second = await life({ adopted: false });
    await second.mirror.take();
    expect(await second.overrides()).toEqual({ 'freeze/fleet': freeze, 'pin/channel:beta': pin });
    expect(second.state.taken).toBe(1);
    expect((await second.store.journal({ limit: 9 })).map((entry) => [entry.kind, entry.message])).toEqual([
      [
        'override-restored',
        'restored from the notes of the configuration repository: freeze of fleet by ana until 2026-03-04T06:06:07.000Z: sale',
      ],
      [
        'override-restored',
        'restored from the notes of the configuration repository: pin of channel:beta to c1 by bo until 2026-03-04T06:06:07.000Z: wait',
      ],
    ]);
  });

  it('follow what is laid and ended, and cost nothing while nothing changes', async () => {
    const one = await life();
    expect(await one.mirror.pass()).toBe(true);
    expect(notesRefExists()).toBe(false);
    await one.lay('freeze/fleet', freeze);
    await one.mirror.pass();
    expect(await noteOf(one)).toMatchObject({ generation: 1, overrides: [{ key: 'freeze/fleet', value: freeze }] });
    const written = notesWritten();
    await one.mirror.pass();
    expect(notesWritten()).toBe(written);
    await one.lay('freeze/fleet', null);
    await one.mirror.pass();
    expect(await noteOf(one)).toMatchObject({ generation: 2, overrides: [] });
    const next = await life();
    await next.mirror.take();
    expect(await next.overrides()).toEqual({});
  });

  it('do not come back from the own note after they were ended and the daemon died before it wrote', async () => {
    const one = await life();
    await one.lay('freeze/fleet', freeze);
    await one.mirror.pass();
    await one.lay('freeze/fleet', null);
    const again = await life({ file: one.file });
    await again.mirror.pass();
    expect(await again.overrides()).toEqual({});
    expect(await noteOf(again)).toMatchObject({ overrides: [] });
  });

  it('do not come back from a foreign note that was taken once', async () => {
    const one = await life();
    await one.lay('freeze/fleet', freeze);
    await one.mirror.pass();
    const other = await life();
    await other.mirror.take();
    await other.lay('freeze/fleet', null);
    const again = await life({ file: other.file });
    await again.mirror.take();
    expect(await again.overrides()).toEqual({});
  });

  it('are taken by a database that was restored from a backup', async () => {
    const one = await life();
    await one.lay('pin/channel:beta', pin);
    await one.mirror.pass();
    const backup = join(world.sandbox.directory, 'backup.db');
    await one.store.backup(backup);
    await one.lay('freeze/fleet', freeze);
    await one.mirror.pass();
    const restored = await life({ file: backup });
    await restored.mirror.take();
    expect(Object.keys(await restored.overrides())).toEqual(['freeze/fleet', 'pin/channel:beta']);
  });

  it('are known as the own ones when the answer to the write was lost', async () => {
    const one = await life();
    await one.lay('freeze/fleet', freeze);
    const { source } = one;
    const write = source.writeNote.bind(source);
    source.writeNote = async (...input) => {
      await write(...input);
      throw new Error('killed');
    };
    await expect(one.mirror.pass()).rejects.toThrow('killed');
    await one.lay('freeze/fleet', null);
    const again = await life({ file: one.file });
    await again.mirror.take();
    expect(await again.overrides()).toEqual({});
  });

  it('are written to no repository whose fleet is not adopted, and by nobody who lost the lease', async () => {
    const looking = await life({ adopted: false });
    await looking.lay('freeze/fleet', freeze);
    expect(await looking.mirror.pass()).toBe(true);
    expect(notesRefExists()).toBe(false);
    const deposed = await life();
    await deposed.lay('freeze/fleet', freeze);
    deposed.state.lease = false;
    await deposed.mirror.pass();
    expect(notesRefExists()).toBe(false);
  });

  it('that cannot be written are a problem that people see, until they are', async () => {
    const one = await life();
    await one.lay('freeze/fleet', freeze);
    world.refusePushes('no notes here');
    expect(await one.mirror.pass()).toBe(false);
    expect(one.mirror.problems()).toMatchObject([
      { code: 'git-note-refused', message: expect.stringContaining('in the database only') as string },
    ]);
    world.allowPushes();
    expect(await one.mirror.pass()).toBe(true);
    expect(one.mirror.problems()).toEqual([]);
    expect(await noteOf(one)).toMatchObject({ overrides: [{ key: 'freeze/fleet' }] });
  });

  it('in a note that nobody can read stop a new database, and not the one that wrote it', async () => {
    const one = await life();
    await one.lay('freeze/fleet', freeze);
    await one.mirror.pass();
    await one.source.writeNote('overrides', 'oops', start);
    const fresh = await life({ adopted: false });
    expect(await failureOf(fresh.mirror.take())).toMatchObject({ code: 'override-note-unreadable' });
    expect(await fresh.mirror.pass()).toBe(false);
    const again = await life({ file: one.file });
    await again.lay('pin/channel:beta', pin);
    expect(await again.mirror.pass()).toBe(true);
    expect(await noteOf(again)).toMatchObject({ overrides: [{ key: 'freeze/fleet' }, { key: 'pin/channel:beta' }] });
  });
});
