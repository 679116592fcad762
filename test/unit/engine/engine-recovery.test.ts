import { describe, expect, it } from 'vitest';
import { setup } from 'xstate';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { MachineModule } from '../../../src/machines/events.ts';
import type { Step } from '../../../src/ports/step.ts';
import type { ProcessRow, Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { engineHarness, startMessage, testLease, testStart } from '../../support/engine-harness.ts';
import { aRow } from '../../support/store-contract.ts';
import { member } from '../../support/toy-machines.ts';
import { toySteps, toyWorld } from '../../support/toy-steps.ts';

const context = { member: 'a', waits: 0, failures: 0, paused: false, reason: '' };

function memberRow(id: string, changes: Partial<ProcessRow> = {}): ProcessRow {
  return aRow(id, { value: 'verifying', context, wakeAt: testStart, ...changes });
}

async function storeWith(rows: ProcessRow[]): Promise<Store> {
  const store = await openSqliteStore({ path: ':memory:' });
  for (const row of rows) await store.commit({ row, expectedSeq: null, now: testStart });
  return store;
}

const steps = toySteps(toyWorld());

describe('the engine at start', () => {
  it('runs what is due and lets the others sleep until their time', async () => {
    const world = toyWorld();
    const store = await storeWith([
      memberRow('due', { wakeAt: testStart - 5_000, context: { ...context, member: 'due' } }),
      memberRow('later', { wakeAt: testStart + 60_000, context: { ...context, member: 'later' } }),
      memberRow('lost', { wakeAt: null, context: { ...context, member: 'lost' } }),
      memberRow('paused', { value: 'paused', wakeAt: null }),
    ]);
    const { engine, clock } = await engineHarness({ machines: [member], steps: toySteps(world), store });
    await engine.start();
    await engine.settled();
    expect(world.calls).toEqual(['verify due', 'verify lost']);
    clock.advanceTo(testStart + 60_000);
    await engine.settled();
    expect(world.calls).toEqual(['verify due', 'verify lost', 'verify later']);
    expect((await store.rows({ status: 'active' })).map((row) => row.id)).toEqual(['paused']);
  });

  it('runs everything when rows are of a time that is still to come, for their wake-ups are too', async () => {
    const world = toyWorld();
    const hour = 3_600_000;
    const store = await storeWith([
      memberRow('soon', { wakeAt: testStart + hour + 5_000, updatedAt: testStart + hour }),
      memberRow('later', { wakeAt: testStart + 2 * hour, context: { ...context, member: 'later' } }),
      memberRow('paused', { value: 'paused', wakeAt: null }),
    ]);
    const { engine } = await engineHarness({ machines: [member], steps: toySteps(world), store });
    await engine.start();
    await engine.settled();
    expect(world.calls.sort()).toEqual(['verify a', 'verify later']);
    expect((await store.load('paused'))?.value).toBe('paused');
  });

  it('applies pending messages before any step', async () => {
    const world = toyWorld();
    const store = await storeWith([memberRow('a', { value: 'applying' })]);
    await store.post({ messages: [{ to: 'a', event: { type: 'PAUSE' } }], now: testStart });
    const { engine } = await engineHarness({ machines: [member], steps: toySteps(world), store });
    await engine.start();
    await engine.settled();
    expect(world.calls).toEqual([]);
    expect((await store.load('a'))?.value).toBe('paused');
  });

  it('goes on counting failures where the context of the row says it stood', async () => {
    const store = await storeWith([memberRow('a', { value: 'applying', context: { ...context, failures: 4 } })]);
    const failing: Step = async () => ({ kind: 'failed', failure: transient('x', 'x') });
    const { engine } = await engineHarness({ machines: [member], steps: { ...steps, apply: failing }, store });
    await engine.start();
    await engine.settled();
    expect((await store.load('a'))!.wakeAt).toBeGreaterThanOrEqual(testStart + (5_000 * 2 ** 4) / 2);
  });

  it('fails when the store cannot be read', async () => {
    const store = await storeWith([]);
    await store.close();
    const { engine } = await engineHarness({ machines: [member], steps, store });
    await expect(engine.start()).rejects.toThrow();
  });
});

describe('quarantine', () => {
  const impure: MachineModule = {
    ...member,
    name: 'impure',
    machine: setup({ types: { events: {} as { type: string } } }).createMachine({
      id: 'impure',
      initial: 'working',
      states: { working: { meta: { step: 'apply' }, on: { STEP_DONE: { actions: () => {} } } } },
    }),
    parseContext: (value) => ({ ok: true, context: value }),
  };
  const stuck: MachineModule = {
    ...impure,
    name: 'stuck',
    machine: setup({}).createMachine({ id: 'stuck', initial: 'waiting', states: { waiting: {} } }),
  };
  const stepless: MachineModule = {
    ...impure,
    name: 'stepless',
    machine: setup({}).createMachine({
      id: 's',
      initial: 'working',
      states: { working: { meta: { step: 'nobody' } } },
    }),
  };
  const machines = [member, impure, stuck, stepless];

  it.each<[string, Partial<ProcessRow>, string]>([
    ['a machine that this program does not know', { machine: 'zeppelin' }, 'no machine named zeppelin'],
    ['a version newer than this program', { version: 9 }, 'version 9'],
    ['a context that does not fit its schema', { context: { member: 7 } }, 'context'],
    ['a state that the machine does not have', { value: 'levitating' }, 'levitating'],
    ['a state that has neither step nor event to wait for', { machine: 'stuck', value: 'waiting' }, 'neither a step'],
    ['a step that this program does not have', { machine: 'stepless', value: 'working' }, 'no step named nobody'],
  ])('takes in a row with %s, shows why, and lets the others go on', async (_name, changes, reason) => {
    const odd = memberRow('odd', changes);
    const store = await storeWith([odd, memberRow('well')]);
    const { engine } = await engineHarness({ machines, steps, store });
    await engine.start();
    await engine.settled();
    expect(await store.load('odd')).toEqual({ ...odd, seq: 1, status: 'quarantined', wakeAt: null });
    expect(engine.stats().quarantined).toMatchObject([{ id: 'odd', reason: expect.stringContaining(reason) }]);
    const [entry] = await store.journal({ limit: 9, kind: 'process-quarantined' });
    expect(entry).toMatchObject({ source: 'odd', seq: 1, message: expect.stringContaining(reason) });
    expect((await store.load('well'))?.status).toBe('final');
  });

  it('takes in a row whose reducer throws, and keeps the message that did it', async () => {
    const store = await storeWith([
      memberRow('a', { wakeAt: testStart + 1_000 }),
      memberRow('b', { wakeAt: testStart + 1_000 }),
    ]);
    const { engine, run } = await engineHarness({ machines, steps, store });
    await engine.start();
    await engine.post([
      { to: 'a', event: { type: 'BREAK' } },
      { to: 'a', event: { type: 'PAUSE' } },
    ]);
    await run();
    expect(await store.load('a')).toMatchObject({ status: 'quarantined', value: 'verifying', context });
    expect((await store.pending(9)).map((message) => message.message.event.type)).toEqual(['BREAK', 'PAUSE']);
    expect((await store.load('b'))?.status).toBe('final');
  });

  it('takes in a row whose machine does more than assign', async () => {
    const store = await storeWith([memberRow('a', { machine: 'impure', value: 'working', context: {} })]);
    const { engine } = await engineHarness({ machines, steps, store });
    await engine.start();
    await engine.settled();
    expect(engine.stats().quarantined[0]?.reason).toContain('only assign');
  });

  it('makes a visible row of a process that cannot be started', async () => {
    const { engine, store } = await engineHarness({ machines, steps });
    await engine.start();
    await engine.post([startMessage('x', 'zeppelin', { size: 3 }), startMessage('y', 'member', { member: 7 })]);
    await engine.settled();
    expect(await store.load('x')).toMatchObject({ status: 'quarantined', context: { input: { size: 3 } } });
    expect((await store.rows({ status: 'quarantined' })).map((row) => row.id)).toEqual(['x', 'y']);
    expect(await store.pending(9)).toEqual([]);
  });

  it('ends when a program that knows the row starts, which then gets its messages', async () => {
    const odd = memberRow('a', { machine: 'zeppelin', value: 'applying' });
    const store = await storeWith([odd]);
    const old = await engineHarness({ machines: [member], steps, store });
    await old.engine.start();
    await old.engine.post({ to: 'a', event: { type: 'PAUSE' } });
    await old.engine.settled();
    expect(await store.pending(9)).toHaveLength(1);
    await old.engine.stop();
    const { engine } = await engineHarness({ machines: [{ ...member, name: 'zeppelin' }], steps, store });
    await engine.start();
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ status: 'active', value: 'paused', seq: 3 });
    expect((await store.journal({ limit: 9 })).map((entry) => entry.kind)).toEqual([
      'process-quarantined',
      'process-taken-up',
    ]);
    expect(await store.pending(9)).toEqual([]);
  });
});

describe('a row of an older version', () => {
  const upgraded: MachineModule = {
    ...member,
    version: 3,
    migrations: {
      1: ({ context: old }) => ({ value: 'verifying', context: { ...(old as object), failures: 0 } }),
      2: ({ value, context: old }) => ({ value, context: { ...(old as object), reason: '' } }),
    },
  };
  const old = memberRow('a', { value: 'checking', context: { member: 'a', waits: 0, paused: false } });

  it('is migrated step by step, and written in the new version with its next commit', async () => {
    const store = await storeWith([old]);
    const { engine } = await engineHarness({ machines: [upgraded], steps, store });
    await engine.start();
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ version: 3, status: 'final', context });
  });

  it('is quarantined when a migration is missing', async () => {
    const store = await storeWith([old]);
    const { 2: second } = upgraded.migrations;
    const gap = { ...upgraded, migrations: { 2: second! } };
    const { engine } = await engineHarness({ machines: [gap], steps, store });
    await engine.start();
    expect(engine.stats().quarantined[0]?.reason).toContain('no migration from version 1');
    expect((await store.load('a'))?.value).toBe('checking');
  });

  it('that its machine now reads as ended is ended, and its parent is told', async () => {
    const store = await storeWith([memberRow('a', { value: 'finished', parent: 'p' })]);
    const { engine } = await engineHarness({ machines: [member], steps, store });
    await engine.start();
    await engine.settled();
    expect((await store.load('a'))?.status).toBe('final');
    expect((await store.journal({ limit: 9, kind: 'message-discarded' }))[0]?.message).toContain('CHILD_FINISHED');
  });
});

describe('the end of an engine', () => {
  it('stops everything at once when the lease is lost, and commits nothing more', async () => {
    const lease = testLease();
    let lost = 0;
    const apply: Step = async () => {
      lease.lose();
      return { kind: 'done' };
    };
    const { engine, store, clock } = await engineHarness({
      machines: [member],
      steps: { ...steps, apply },
      lease,
      onLeaseLost: () => {
        lost += 1;
      },
    });
    await engine.start();
    await engine.post([startMessage('a', 'member', { member: 'a' }), startMessage('b', 'member', { member: 'b' })]);
    await engine.settled();
    expect(lost).toBe(1);
    expect(engine.stats()).toMatchObject({ running: false, stepRuns: 1 });
    expect((await store.rows({})).map((row) => row.value)).toEqual(['applying', 'applying']);
    expect(clock.nextAt()).toBeUndefined();
    await expect(engine.post(startMessage('c', 'member', { member: 'c' }))).rejects.toThrow(FailureError);
  });

  it('lets steps under way finish when it is stopped, and commits what they return', async () => {
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const apply: Step = ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'done' }), { once: true });
        begun();
      });
    const { engine, store } = await engineHarness({ machines: [member], steps: { ...steps, apply } });
    await engine.start();
    await engine.post(startMessage('a', 'member', { member: 'a' }));
    await running;
    await engine.stop();
    expect(await store.load('a')).toMatchObject({ value: 'verifying', wakeAt: testStart });
    expect(engine.stats()).toMatchObject({ running: false, stepRuns: 1 });
  });

  it('does not count a step as failed that was cut short by the stop', async () => {
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const apply: Step = ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new FailureError(transient('aws-timeout', 'cut off'))), {
          once: true,
        });
        begun();
      });
    const { engine, store } = await engineHarness({ machines: [member], steps: { ...steps, apply } });
    await engine.start();
    await engine.post(startMessage('a', 'member', { member: 'a' }));
    await running;
    await engine.stop();
    expect(await store.load('a')).toMatchObject({ value: 'applying', seq: 0, context: { failures: 0 } });
  });

  it('leaves a step behind that does not stop in time', async () => {
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const apply: Step = () =>
      new Promise(() => {
        begun();
      });
    const { engine } = await engineHarness({
      machines: [member],
      steps: { ...steps, apply },
      limits: { stopGraceMs: 10 },
    });
    await engine.start();
    await engine.post(startMessage('a', 'member', { member: 'a' }));
    await running;
    await engine.stop();
    await engine.stop();
    expect(engine.stats().running).toBe(false);
  });
});

describe('a store that fails', () => {
  it('delays the row that met the failure, keeps its messages in order, and harms no other', async () => {
    const inner = await storeWith([]);
    let broken = 1;
    const store: Store = Object.assign(Object.create(inner) as Store, {
      load: (id: string) => inner.load(id),
      rows: (filter: Parameters<Store['rows']>[0]) => inner.rows(filter),
      pending: (limit: number, after?: number) => inner.pending(limit, after),
      post: (input: Parameters<Store['post']>[0]) => inner.post(input),
      discard: (id: number) => inner.discard(id),
      moveWake: (id: string, seq: number, at: number | null) => inner.moveWake(id, seq, at),
      commit: async (commit: Parameters<Store['commit']>[0]) => {
        if (commit.row.id === 'a' && commit.row.seq === 0 && broken-- > 0) {
          throw new FailureError(transient('store-unwritable', 'the disk is full'));
        }
        return inner.commit(commit);
      },
    });
    const { engine, run } = await engineHarness({
      machines: [member],
      steps,
      store,
      clock: new VirtualClock(testStart),
    });
    await engine.start();
    await engine.post([startMessage('a', 'member', { member: 'a' }), startMessage('b', 'member', { member: 'b' })]);
    await engine.post({ to: 'a', event: { type: 'PAUSE' } });
    await engine.settled();
    expect(await inner.load('a')).toBeUndefined();
    expect((await inner.load('b'))?.value).toBe('verifying');
    expect(engine.stats().storeFailures).toBe(1);
    await run();
    expect((await inner.trace('a', 9)).map((entry) => entry.event)).toEqual(['START', 'PAUSE']);
  });
});
