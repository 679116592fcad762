/** What every implementation of the Store port must do. Run against each backend. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Commit, JournalEntry, OutboxMessage, ProcessRow, Store } from '../../src/ports/store.ts';
import { chainStart, verifyChain } from '../../src/store/journal-chain.ts';

const at = 1_700_000_000_000;

export function aRow(id: string, changes: Partial<ProcessRow> = {}): ProcessRow {
  return {
    id,
    machine: 'member',
    version: 1,
    seq: 0,
    value: 'applying',
    context: { member: id, nested: { list: [1, 'two', null, true] } },
    status: 'active',
    wakeAt: at + 1_000,
    parent: null,
    channel: 'dev',
    cluster: 'aws:1:eu:a',
    commit: 'c1',
    createdAt: at,
    updatedAt: at,
    ...changes,
  };
}

export function anEntry(source: string, changes: Partial<JournalEntry> = {}): JournalEntry {
  const base = { at, seq: 0, kind: 'node-drained', channel: 'dev', cluster: 'aws:1:eu:a', commit: 'c1' };
  return { ...base, source, message: 'a node was drained', data: { b: 1, a: [2] }, ...changes };
}

function first(row: ProcessRow, more: Partial<Commit> = {}): Commit {
  return { row, expectedSeq: null, now: at, ...more };
}

function following(row: ProcessRow, more: Partial<Commit> = {}): Commit {
  return { row: { ...row, seq: row.seq + 1 }, expectedSeq: row.seq, now: at, ...more };
}

function toMember(id: string, type: string, key?: string): OutboxMessage {
  return { to: id, event: { type, amount: 1 }, ...(key === undefined ? {} : { key }) };
}

/** `open` gives the same, initially empty, store each time it is called within one test. */
export function describeStoreContract(name: string, open: () => Promise<Store>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    describe('commit', () => {
      it('creates a row and gives it back as it was written', async () => {
        const row = aRow('a');
        expect(await store.commit(first(row))).toBe('committed');
        expect(await store.load('a')).toEqual(row);
        expect(await store.load('b')).toBeUndefined();
      });

      it('refuses to create a row that exists, and leaves it alone', async () => {
        await store.commit(first(aRow('a')));
        expect(await store.commit(first(aRow('a', { value: 'other' })))).toBe('conflict');
        expect((await store.load('a'))?.value).toBe('applying');
      });

      it('refuses a commit that was decided on an older seq', async () => {
        const row = aRow('a');
        await store.commit(first(row));
        expect(await store.commit(following(row, { journal: [anEntry('a')] }))).toBe('committed');
        expect(await store.commit(following({ ...row, value: 'stale' }))).toBe('conflict');
        expect(await store.load('a')).toMatchObject({ seq: 1, value: 'applying' });
      });

      it('writes nothing at all when it is refused', async () => {
        const row = aRow('a');
        await store.commit(first(row));
        const refused = following(
          { ...row, seq: 4 },
          {
            journal: [anEntry('a')],
            outbox: [toMember('b', 'GO')],
            facts: [{ kind: 'cluster', key: 'x', value: 1 }],
            admit: [{ slots: [{ name: 'fleet', limit: 9 }], holder: 'a' }],
            trace: { event: 'GO', from: 'x', to: 'y' },
          },
        );
        expect(await store.commit(refused)).toBe('conflict');
        expect(await store.journal({ limit: 10 })).toEqual([]);
        expect(await store.pending(10)).toEqual([]);
        expect(await store.facts('cluster')).toEqual([]);
        expect(await store.slotHolders('fleet')).toEqual([]);
        expect(await store.trace('a', 10)).toEqual([]);
      });

      it('treats a seq that does not follow as a bug of the caller', async () => {
        await expect(store.commit({ row: aRow('a', { seq: 3 }), expectedSeq: null, now: at })).rejects.toThrow('seq 3');
      });

      it('takes times with fractions, which a scaled clock gives', async () => {
        await store.commit(
          first(aRow('a', { wakeAt: at + 0.4, updatedAt: at + 0.6 }), {
            now: at + 0.5,
            journal: [anEntry('a', { at: at + 0.3 })],
          }),
        );
        expect(await store.load('a')).toMatchObject({ wakeAt: at, updatedAt: at + 1 });
        expect(verifyChain(await store.journal({ limit: 9 }), chainStart).ok).toBe(true);
      });
    });

    describe('wake-ups', () => {
      it('move without a new seq, and only on the seq that was seen', async () => {
        await store.commit(first(aRow('a')));
        expect(await store.moveWake('a', 0, at + 5_000)).toBe(true);
        expect(await store.load('a')).toMatchObject({ seq: 0, wakeAt: at + 5_000 });
        expect(await store.moveWake('a', 7, at + 9_000)).toBe(false);
        expect(await store.moveWake('unknown', 0, at)).toBe(false);
        expect(await store.load('a')).toMatchObject({ wakeAt: at + 5_000 });
      });
    });

    describe('messages', () => {
      it('come back undelivered in the order in which they were written', async () => {
        await store.commit(first(aRow('a'), { outbox: [toMember('b', 'ONE'), toMember('c', 'TWO')] }));
        await store.post({ messages: [toMember('b', 'THREE')], now: at });
        const pending = await store.pending(10);
        expect(pending.map((message) => [message.from, message.message.to, message.message.event.type])).toEqual([
          ['a', 'b', 'ONE'],
          ['a', 'c', 'TWO'],
          ['', 'b', 'THREE'],
        ]);
        expect(await store.pending(1)).toEqual(pending.slice(0, 1));
        expect(await store.pending(10, pending[0]?.id)).toEqual(pending.slice(1));
      });

      it('are delivered in the commit that applies them, once', async () => {
        await store.commit(first(aRow('a'), { outbox: [toMember('b', 'ONE')] }));
        const [message] = await store.pending(1);
        const row = aRow('b');
        await store.commit(first(row));
        expect([await store.isAwaited('a'), await store.isAwaited('b')]).toEqual([false, true]);
        expect(await store.commit(following(row, { delivered: [message!.id] }))).toBe('committed');
        expect(await store.isAwaited('b')).toBe(false);
        expect(await store.pending(1)).toEqual([]);
        expect(await store.commit(following({ ...row, seq: 1 }, { delivered: [message!.id] }))).toBe('conflict');
        expect((await store.load('b'))?.seq).toBe(1);
      });

      it('from outside are dropped when their key was seen before, also after delivery', async () => {
        await store.post({ messages: [toMember('b', 'PAUSE', 'k1')], now: at });
        await store.post({ messages: [toMember('b', 'PAUSE', 'k1'), toMember('b', 'RESUME', 'k2')], now: at });
        const pending = await store.pending(10);
        expect(pending.map((message) => message.message.key)).toEqual(['k1', 'k2']);
        await store.discard(pending[0]!.id);
        await store.post({ messages: [toMember('b', 'PAUSE', 'k1')], now: at });
        expect((await store.pending(10)).map((message) => message.message.key)).toEqual(['k2']);
      });

      it('are discarded with one journal entry, however often that is asked', async () => {
        await store.post({ messages: [toMember('nobody', 'GO')], now: at });
        const [message] = await store.pending(1);
        await store.discard(message!.id, anEntry('engine', { kind: 'message-discarded' }));
        await store.discard(message!.id, anEntry('engine', { kind: 'message-discarded' }));
        expect(await store.pending(1)).toEqual([]);
        expect(await store.journal({ limit: 10 })).toHaveLength(1);
      });
    });

    describe('slots', () => {
      const limit = 2;
      const admission = (holder: string) => [{ slots: [{ name: 'channel:dev', limit }], holder }];

      it('are counted inside the commit, which is refused whole when they are taken', async () => {
        for (const id of ['a', 'b'])
          expect(await store.commit(first(aRow(id), { admit: admission(id) }))).toBe('committed');
        expect(await store.commit(first(aRow('c'), { admit: admission('c') }))).toBe('not-admitted');
        expect(await store.load('c')).toBeUndefined();
        expect(await store.slotHolders('channel:dev')).toEqual(['a', 'b']);
      });

      it('take several at once or none', async () => {
        const both = [
          {
            slots: [
              { name: 'channel:dev', limit: 5 },
              { name: 'cluster:x', limit: 0 },
            ],
            holder: 'a',
          },
        ];
        expect(await store.commit(first(aRow('a'), { admit: both }))).toBe('not-admitted');
        expect(await store.slotHolders('channel:dev')).toEqual([]);
      });

      it('count a holder once however often it asks', async () => {
        const row = aRow('a');
        await store.commit(first(row, { admit: admission('a') }));
        await store.commit(following(row, { admit: admission('a') }));
        expect(await store.slotHolders('channel:dev')).toEqual(['a']);
        expect(await store.commit(first(aRow('b'), { admit: admission('b') }))).toBe('committed');
      });

      it('are free again when the holder is final or they are released, in time for the same commit', async () => {
        const row = aRow('a');
        await store.commit(first(row, { admit: admission('a') }));
        await store.commit(first(aRow('b'), { admit: admission('b') }));
        expect(await store.commit(following({ ...row, status: 'final', wakeAt: null }))).toBe('committed');
        expect(await store.slotHolders('channel:dev')).toEqual(['b']);
        expect(await store.commit(first(aRow('c'), { admit: admission('c') }))).toBe('committed');
        expect(await store.commit(first(aRow('d'), { release: ['b'], admit: admission('d') }))).toBe('committed');
        expect(await store.slotHolders('channel:dev')).toEqual(['c', 'd']);
      });

      it('of the parts of a process are free again with it, and those of a process with a longer name are not', async () => {
        const row = aRow('a');
        const parts = [...admission('a#1'), ...admission('ab#1')];
        await store.commit(first(row, { admit: parts }));
        expect(await store.slotHolders('channel:dev')).toEqual(['a#1', 'ab#1']);
        await store.commit(following({ ...row, status: 'final', wakeAt: null }));
        expect(await store.slotHolders('channel:dev')).toEqual(['ab#1']);
      });
    });

    describe('journal', () => {
      it('chains every entry to all before it, whoever wrote them', async () => {
        await store.commit(first(aRow('a'), { journal: [anEntry('a'), anEntry('a', { kind: 'node-added' })] }));
        await store.post({ journal: [anEntry('operator:jo', { kind: 'paused', data: null })], now: at });
        const entries = await store.journal({ limit: 10 });
        expect(entries.map((entry) => entry.kind)).toEqual(['node-drained', 'node-added', 'paused']);
        expect(verifyChain(entries, chainStart)).toEqual({ ok: true, hash: entries[2]!.hash });
        const forged = entries.map((entry) =>
          entry.id === entries[1]!.id ? { ...entry, message: 'nothing happened' } : entry,
        );
        expect(verifyChain(forged, chainStart)).toEqual({ ok: false, brokenAt: entries[1]!.id });
        expect(verifyChain([entries[0]!, entries[2]!], chainStart)).toEqual({ ok: false, brokenAt: entries[2]!.id });
      });

      it('is read by channel, cluster, commit and kind, from either end, a page at a time', async () => {
        const journal = [
          anEntry('a', { kind: 'one' }),
          anEntry('a', { kind: 'two', cluster: 'other' }),
          anEntry('a', { kind: 'three', channel: 'beta' }),
          anEntry('a', { kind: 'four', commit: 'c2' }),
        ];
        await store.post({ journal, now: at });
        const kinds = async (query: Parameters<Store['journal']>[0]) =>
          (await store.journal(query)).map((entry) => entry.kind);
        expect(await kinds({ limit: 2 })).toEqual(['one', 'two']);
        expect(await kinds({ limit: 2, newestFirst: true })).toEqual(['four', 'three']);
        expect(await kinds({ limit: 9, cluster: 'other' })).toEqual(['two']);
        expect(await kinds({ limit: 9, channel: 'beta' })).toEqual(['three']);
        expect(await kinds({ limit: 9, commit: 'c2' })).toEqual(['four']);
        expect(await kinds({ limit: 9, kind: 'one' })).toEqual(['one']);
        const [, second, third] = await store.journal({ limit: 9 });
        expect(await kinds({ limit: 9, afterId: second!.id, beforeId: third!.id + 1 })).toEqual(['three']);
      });
    });

    describe('reads', () => {
      it('filter rows by every column together', async () => {
        await store.commit(first(aRow('a', { parent: 'p' })));
        await store.commit(first(aRow('b', { parent: 'p', machine: 'fleet', channel: 'beta' })));
        await store.commit(first(aRow('c', { cluster: 'z', status: 'final', wakeAt: null })));
        await store.commit(first(aRow('d', { status: 'quarantined' })));
        const ids = async (filter: Parameters<Store['rows']>[0]) => (await store.rows(filter)).map((row) => row.id);
        expect(await ids({})).toEqual(['a', 'b', 'c', 'd']);
        expect(await ids({ parent: 'p' })).toEqual(['a', 'b']);
        expect(await ids({ parent: 'p', machine: 'fleet' })).toEqual(['b']);
        expect(await ids({ status: 'active' })).toEqual(['a', 'b']);
        expect(await ids({ status: 'final' })).toEqual(['c']);
        expect(await ids({ status: 'quarantined' })).toEqual(['d']);
        expect(await ids({ cluster: 'z' })).toEqual(['c']);
        expect(await ids({ channel: 'beta', status: 'final' })).toEqual([]);
      });

      it('find facts by kind, key and prefix of the key; null deletes', async () => {
        const write = (key: string, value: number | null, now = at) =>
          store.post({ facts: [{ kind: 'cluster', key, value }], now });
        await write('a/1', 1);
        await write('a/2', 2);
        await write('b/1', 3);
        await store.post({ facts: [{ kind: 'evidence', key: 'a/1', value: 9 }], now: at });
        await write('a/1', 4, at + 7);
        expect(await store.fact('cluster', 'a/1')).toEqual({
          kind: 'cluster',
          key: 'a/1',
          value: 4,
          updatedAt: at + 7,
        });
        expect((await store.facts('cluster', 'a/')).map((fact) => fact.key)).toEqual(['a/1', 'a/2']);
        expect((await store.facts('cluster')).map((fact) => fact.key)).toEqual(['a/1', 'a/2', 'b/1']);
        await write('a/2', null);
        expect(await store.fact('cluster', 'a/2')).toBeUndefined();
      });

      it('have no token in what was posted, but for what programs read back letter by letter', async () => {
        const value = { url: 'https://jo:hunter2planted@git.example.org' };
        const kept = { url: 'https://[redacted]@git.example.org' };
        const facts = [
          { kind: 'cluster', key: 'a', value },
          { kind: 'cluster', key: 'b', value, exact: true as const },
        ];
        const journal = [anEntry('operator:jo', { message: value.url, data: value })];
        await store.post({ facts, journal, messages: [{ to: 'x', event: { type: 'GO', ...value } }], now: at });
        expect((await store.facts('cluster')).map((fact) => fact.value)).toEqual([kept, value]);
        expect((await store.journal({ limit: 1 }))[0]).toMatchObject({ message: kept.url, data: kept });
        expect((await store.pending(1))[0]?.message.event).toEqual({ type: 'GO', ...kept });
      });

      it('show the newest part of a trace, oldest first', async () => {
        let row = aRow('a');
        await store.commit(first(row, { trace: { event: 'START', from: '', to: 's0' } }));
        for (let seq = 1; seq < 5; seq += 1) {
          await store.commit(following(row, { trace: { event: 'STEP_DONE', from: `s${seq - 1}`, to: `s${seq}` } }));
          row = { ...row, seq };
        }
        expect((await store.trace('a', 2)).map((entry) => [entry.seq, entry.from, entry.to])).toEqual([
          [3, 's2', 's3'],
          [4, 's3', 's4'],
        ]);
      });
    });

    describe('prune', () => {
      it('deletes old final rows, delivered messages and trace, and nothing that still matters', async () => {
        const done = { status: 'final', wakeAt: null } as const;
        await store.commit(
          first(aRow('open'), { journal: [anEntry('open')], trace: { event: 'START', from: '', to: 'x' } }),
        );
        await store.commit(first(aRow('child-of-open', { ...done, parent: 'open' })));
        await store.commit(first(aRow('old', done), { outbox: [toMember('open', 'ONE'), toMember('open', 'TWO')] }));
        await store.commit(first(aRow('child-of-old', { ...done, parent: 'old' })));
        await store.commit(first(aRow('young', { ...done, updatedAt: at + 60_000 })));
        const [one] = await store.pending(1);
        await store.commit(following(aRow('open'), { delivered: [one!.id] }));
        expect(await store.prune(at + 1_000)).toEqual({ rows: 2, messages: 1 });
        expect((await store.rows({})).map((row) => row.id)).toEqual(['child-of-open', 'open', 'young']);
        expect((await store.pending(10)).map((message) => message.message.event.type)).toEqual(['TWO']);
        expect(await store.journal({ limit: 10 })).toHaveLength(1);
        expect(await store.trace('open', 10)).toEqual([]);
      });
    });

    describe('lease', () => {
      const options = (holder: string) => ({ holder, signal: new AbortController().signal });

      it('lets the writer commit while it is held and refuses everything afterwards', async () => {
        const lease = await store.acquireLease(options('one'));
        expect(lease.held()).toBe(true);
        const row = aRow('a');
        expect(await store.commit(first(row))).toBe('committed');
        await lease.release();
        expect(lease.held()).toBe(false);
        expect(await store.commit(following(row))).toBe('lease-lost');
        expect(await store.moveWake('a', 0, at)).toBe(false);
        expect((await store.load('a'))?.seq).toBe(0);
      });

      it('goes to the next in line when it is given back, who was told once that it waits', async () => {
        const other = await open();
        const lease = await store.acquireLease(options('one'));
        let told = 0;
        let waiting: () => void = () => {};
        const waits = new Promise<void>((resolve) => {
          waiting = resolve;
        });
        const onWait = () => {
          told += 1;
          waiting();
        };
        const next = other.acquireLease({ ...options('two'), onWait });
        await waits;
        await lease.release();
        const taken = await next;
        expect(taken.held()).toBe(true);
        expect(told).toBe(1);
        await other.close();
        expect(taken.held()).toBe(false);
      });

      it('stops waiting when it is told to', async () => {
        const other = await open();
        await store.acquireLease(options('one'));
        const abort = new AbortController();
        const onWait = () => abort.abort(new Error('shut down'));
        await expect(other.acquireLease({ holder: 'two', signal: abort.signal, onWait })).rejects.toThrow('shut down');
        await other.close();
      });
    });
  });
}
