import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Failure, FailureError } from '../../../src/domain/failure.ts';
import type { Store } from '../../../src/ports/store.ts';
import { currentVersion, migrations } from '../../../src/store/migrations/migrations.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { anEntry, aRow } from '../../support/store-contract.ts';

const at = 1_700_000_000_000;

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof FailureError)) throw new Error(`expected a FailureError, got ${String(error)}`);
  return error.failure;
}

describe('the file of the SQLite store', () => {
  let directory = '';
  let path = '';
  const opened: Store[] = [];
  const open = async (readonly = false): Promise<Store> => {
    const store = await openSqliteStore({ path, readonly });
    opened.push(store);
    return store;
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'clm-store-'));
    path = join(directory, 'clm.db');
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('is made for its owner alone, in WAL mode, with the current schema', async () => {
    await open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const raw = new Database(path, { readonly: true });
    expect(raw.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(raw.pragma('user_version', { simple: true })).toBe(currentVersion());
    raw.close();
  });

  it('keeps everything over a restart', async () => {
    const store = await open();
    await store.commit({ row: aRow('a'), expectedSeq: null, journal: [anEntry('a')], now: at });
    await opened.pop()?.close();
    const again = await open();
    expect(await again.load('a')).toEqual(aRow('a'));
    expect(await again.journal({ limit: 9 })).toHaveLength(1);
  });

  it('finds open processes by their index, however many have ended', async () => {
    const store = await open();
    const prepare = vi.spyOn(Database.prototype, 'prepare');
    const filters = [{ status: 'active' }, { machine: 'a', channel: 'b' }, { machine: 'a', cluster: 'b' }] as const;
    for (const filter of filters) await store.rows({ ...filter, status: 'active' });
    const asked = prepare.mock.calls.map(([text]) => text);
    prepare.mockRestore();
    expect(asked).toHaveLength(filters.length);
    const raw = new Database(path, { readonly: true });
    for (const text of asked) {
      const values = [...text.matchAll(/\?/g)].map(() => 'active');
      const plan = raw.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values) as { detail: string }[];
      expect(plan[0]?.detail).toContain('USING INDEX processes_open');
    }
    raw.close();
  });

  it('answers as one that has read nothing before, whoever has written', async () => {
    const [one, other] = [await open(), await open()];
    const random = seededRandom('reads');
    const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T;
    const seqs = new Map<string, number>();
    const ask = (store: Store) =>
      Promise.all([
        ...['a', 'b', 'c'].map((id) => store.load(id)),
        ...['', 'k1'].map((prefix) => store.facts('cluster', prefix)),
        ...['k1', 'k12', 'k2'].map((key) => store.fact('cluster', key)),
        store.rows({}),
        store.rows({ machine: 'rollout', channel: 'beta' }),
        store.rows({ status: 'active', cluster: 'x' }),
        store.rows({ parent: 'a', status: 'active' }),
      ]);
    for (let round = 0; round < 60; round += 1) {
      const [writer, id] = [pick([one, one, other]), pick(['a', 'b', 'c'])];
      const seq = seqs.get(id);
      const value = pick([null, round]);
      const facts = [{ kind: 'cluster', key: pick(['k1', 'k12', 'k2']), value }];
      const what = random.int(seq === undefined ? 2 : 4);
      if (what === 0) await writer.post({ facts, now: at + round });
      else if (what === 1) {
        const place = { machine: 'rollout', channel: id === 'a' ? 'beta' : 'dev', cluster: id === 'b' ? 'x' : '' };
        const next = seq === undefined ? 0 : seq + 1;
        const row = { ...aRow(id), ...place, seq: next, parent: id === 'c' ? 'a' : null, context: { round } };
        const status = random.int(3) === 0 ? ('final' as const) : ('active' as const);
        await writer.commit({ row: { ...row, status, updatedAt: at }, expectedSeq: seq ?? null, facts, now: at });
        seqs.set(id, next);
      } else if (what === 2) expect(await writer.moveWake(id, seq ?? 0, at + round)).toBe(true);
      else {
        await writer.prune(at + 1);
        for (const known of [...seqs.keys()]) if ((await writer.load(known)) === undefined) seqs.delete(known);
      }
      const answers = await ask(one);
      const fresh = await open(true);
      expect(answers, `round ${round}`).toEqual(await ask(fresh));
      await opened.pop()?.close();
    }
    expect(seqs.size).toBeGreaterThan(0);
  });

  it('numbers its migrations without gaps', () => {
    expect(migrations.map((migration) => migration.version)).toEqual(migrations.map((_, index) => index + 1));
  });

  it('refuses a file that is no database, and names it', async () => {
    writeFileSync(path, 'this is a shopping list, and a long one at that\n'.repeat(200));
    const before = readFileSync(path);
    const failure = await failureOf(open());
    expect(failure).toMatchObject({ kind: 'terminal', code: 'store-corrupt' });
    expect(failure.message).toContain(path);
    expect(failure.message).toContain('backup');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('refuses a database whose pages were overwritten', async () => {
    const store = await open();
    for (let n = 0; n < 50; n += 1) await store.commit({ row: aRow(`row ${n}`), expectedSeq: null, now: at });
    await opened.pop()?.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 8_192, bytes.length - 4_096);
    writeFileSync(path, bytes);
    expect(await failureOf(open())).toMatchObject({ code: 'store-corrupt' });
  });

  it('refuses the database of another program', async () => {
    const foreign = new Database(path);
    foreign.exec('CREATE TABLE recipes (name TEXT)');
    foreign.close();
    const failure = await failureOf(open());
    expect(failure).toMatchObject({ code: 'store-corrupt' });
    expect(failure.message).toContain('another program');
  });

  it('refuses a database that a newer program wrote, and leaves it as it is', async () => {
    await open();
    await opened.pop()?.close();
    const raw = new Database(path);
    raw.pragma(`user_version = ${currentVersion() + 1}`);
    raw.close();
    const failure = await failureOf(open());
    expect(failure).toMatchObject({ kind: 'terminal', code: 'store-newer' });
    expect(failure.message).toContain(path);
    const after = new Database(path, { readonly: true });
    expect(after.pragma('user_version', { simple: true })).toBe(currentVersion() + 1);
    after.close();
  });

  it.each([
    ['a directory that does not exist', (base: string) => join(base, 'missing', 'clm.db')],
    ['a directory instead of a file', (base: string) => join(base, 'folder')],
  ])('refuses %s as unwritable', async (_name, place) => {
    mkdirSync(join(directory, 'folder'));
    path = place(directory);
    const failure = await failureOf(open());
    expect(failure).toMatchObject({ code: 'store-unwritable' });
    expect(failure.message).toContain(path);
  });

  it('can be read by another process while the daemon writes, and not written', async () => {
    const writer = await open();
    const reader = await open(true);
    await writer.commit({ row: aRow('a'), expectedSeq: null, now: at });
    expect(await reader.load('a')).toEqual(aRow('a'));
    const refused = [
      reader.commit({ row: aRow('b'), expectedSeq: null, now: at }),
      reader.post({ now: at }),
      reader.prune(at),
      reader.acquireLease({ holder: 'reader', signal: new AbortController().signal }),
    ];
    for (const write of refused) expect(await failureOf(write)).toMatchObject({ code: 'store-unwritable' });
  });

  it('is not created by a reader', async () => {
    expect(await failureOf(open(true))).toMatchObject({ code: 'store-unwritable' });
  });

  it('is copied consistently while in use, and never over another file', async () => {
    const store = await open();
    await store.commit({ row: aRow('a'), expectedSeq: null, journal: [anEntry('a')], now: at });
    const copy = join(directory, 'copy.db');
    const backup = store.backup(copy);
    await store.commit({ row: aRow('b'), expectedSeq: null, now: at });
    await backup;
    expect(await failureOf(store.backup(copy))).toMatchObject({ code: 'store-backup-exists' });
    path = copy;
    const restored = await open();
    expect(await restored.load('a')).toEqual(aRow('a'));
    expect(await restored.journal({ limit: 9 })).toHaveLength(1);
  });

  it('lets nobody change or delete a journal entry', async () => {
    const store = await open();
    await store.post({ journal: [anEntry('a')], now: at });
    const raw = new Database(path);
    expect(() => raw.exec("UPDATE journal SET message = 'nothing'")).toThrow('append-only');
    expect(() => raw.exec('DELETE FROM journal')).toThrow('append-only');
    raw.close();
  });

  it('gives up the lease when its side file is replaced under it', async () => {
    const store = await open();
    const lease = await store.acquireLease({ holder: 'one', signal: new AbortController().signal });
    rmSync(`${path}.lease`);
    await expect.poll(() => lease.held(), { timeout: 5_000, interval: 50 }).toBe(false);
    expect(await store.commit({ row: aRow('a'), expectedSeq: null, now: at })).toBe('lease-lost');
  });
});
