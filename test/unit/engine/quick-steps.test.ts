import { describe, expect, it } from 'vitest';
import { assign, setup } from 'xstate';
import { terminal } from '../../../src/domain/failure.ts';
import type { EngineEvent, MachineModule } from '../../../src/machines/events.ts';
import type { Step } from '../../../src/ports/step.ts';
import type { Store } from '../../../src/ports/store.ts';
import { engineHarness, startMessage, testLease, testStart } from '../../support/engine-harness.ts';

type Event = EngineEvent | { type: 'ADD' } | { type: 'PAUSE' } | { type: 'RESUME' } | { type: 'BREAK' };

/** Counts what it is told, in a state whose step is quick. */
const machine = setup({ types: { context: {} as { added: number }, events: {} as Event } }).createMachine({
  id: 'counter',
  context: { added: 0 },
  initial: 'counting',
  states: {
    counting: {
      meta: { step: 'count', quick: true },
      on: {
        ADD: { actions: assign({ added: ({ context }) => context.added + 1 }) },
        BREAK: {
          actions: assign(() => {
            throw new Error('this machine breaks on purpose');
          }),
        },
        PAUSE: 'paused',
        STEP_WAITING: { actions: [] },
        STEP_FAILED: 'failed',
        STEP_DONE: 'finished',
      },
    },
    paused: { meta: { waitsFor: ['RESUME'] }, on: { RESUME: 'counting' } },
    failed: { type: 'final' },
    finished: { type: 'final' },
  },
});
const counter: MachineModule = {
  name: 'counter',
  version: 1,
  machine,
  parseContext: (context) => ({ ok: true, context }),
  migrations: {},
};

const waits: Step = async () => ({
  kind: 'waiting',
  reason: { code: 'more', message: 'for more' },
  wakeAt: testStart + 60_000,
});
const start = startMessage('a', 'counter', null);
const add = { to: 'a', event: { type: 'ADD' } };

async function counting(count: Step, store?: Store) {
  const lease = testLease();
  const steps = { count };
  const harness = await engineHarness({ machines: [counter], steps, lease, ...(store ? { store } : {}) });
  await harness.engine.start();
  await harness.engine.settled();
  return { ...harness, lease };
}

async function traceOf(store: Store): Promise<string[]> {
  return (await store.trace('a', 9)).map((entry) => `${entry.event} ${entry.from}>${entry.to}`);
}

const waiting = async (store: Store): Promise<string[]> =>
  (await store.pending(9)).map((message) => message.message.event.type);

describe('what leads to a quick step', () => {
  it('is committed with what the step says, a start too', async () => {
    const { engine, store } = await counting(waits);
    await engine.post(start);
    await engine.settled();
    expect(await traceOf(store)).toEqual(['STEP_WAITING >counting']);
    expect(await store.load('a')).toMatchObject({ seq: 0, value: 'counting', wakeAt: testStart + 60_000 });
    await engine.post([add, add, add]);
    await engine.settled();
    expect(await traceOf(store)).toEqual(['STEP_WAITING >counting', 'STEP_WAITING counting>counting']);
    expect(await store.load('a')).toMatchObject({ seq: 1, context: { added: 3 } });
    expect(await waiting(store)).toEqual([]);
    expect(engine.stats()).toMatchObject({ active: 1, pendingMessages: 0, commits: 2 });
  });

  it('is one commit where the first step is the last', async () => {
    const { engine, store } = await counting(async () => ({ kind: 'done' }));
    await engine.post({ ...start, start: { ...start.start, parent: 'fleet' } } as typeof start);
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ seq: 0, status: 'final', value: 'finished' });
    const [told] = await store.journal({ limit: 9 });
    expect(told).toMatchObject({ kind: 'message-discarded', data: { to: 'fleet' } });
  });

  it('is committed with its failure', async () => {
    const { engine, store } = await counting(async () => ({ kind: 'failed', failure: terminal('no', 'no') }));
    await engine.post([start, add]);
    await engine.settled();
    expect(await traceOf(store)).toEqual(['STEP_FAILED >failed']);
    expect(await waiting(store)).toEqual([]);
  });

  it('is committed at once where a later message leads elsewhere', async () => {
    const { engine, store } = await counting(waits);
    await engine.post([start, add, { to: 'a', event: { type: 'PAUSE' } }]);
    await engine.settled();
    expect(await traceOf(store)).toEqual(['PAUSE >paused']);
    expect(await store.load('a')).toMatchObject({ seq: 0, context: { added: 1 } });
    expect(await waiting(store)).toEqual([]);
  });

  it('comes again when the daemon ends before the commit: nothing is lost, and nothing counts twice', async () => {
    const first = await counting(async () => {
      first.lease.lose();
      return { kind: 'done' };
    });
    await first.engine.post([start, add]);
    await first.engine.settled();
    expect(await first.store.load('a')).toBeUndefined();
    expect(await waiting(first.store)).toEqual(['START', 'ADD']);
    const second = await counting(waits, first.store);
    expect(await first.store.load('a')).toMatchObject({ seq: 0, context: { added: 1 } });
    expect(await waiting(first.store)).toEqual([]);
    expect(second.engine.stats()).toMatchObject({ commits: 1, pendingMessages: 0 });
  });

  it('comes again when somebody else has written the row meanwhile', async () => {
    let others = true;
    const { engine, store } = await counting(async (input) => {
      const row = await store.load('a');
      if (row !== undefined && others) {
        others = false;
        const seq = row.seq + 1;
        await store.commit({ row: { ...row, seq, context: { added: 10 } }, expectedSeq: row.seq, now: input.now });
      }
      return waits(input);
    });
    await engine.post(start);
    await engine.settled();
    await engine.post([add, add]);
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ seq: 2, context: { added: 12 } });
    expect(engine.stats()).toMatchObject({ conflicts: 1, pendingMessages: 0 });
  });

  it('costs the row alone when its reducer breaks: what was not committed waits in the store', async () => {
    const { engine, store } = await counting(waits);
    await engine.post(start);
    await engine.settled();
    await engine.post([add, { to: 'a', event: { type: 'BREAK' } }]);
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ status: 'quarantined', context: { added: 0 } });
    expect(await waiting(store)).toEqual(['ADD', 'BREAK']);
    expect(engine.stats()).toMatchObject({ active: 0, pendingMessages: 0 });
  });

  it('leaves a row that says so when the reducer breaks before the first commit', async () => {
    const { engine, store } = await counting(waits);
    await engine.post([start, { to: 'a', event: { type: 'BREAK' } }]);
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ status: 'quarantined', seq: 0 });
    expect(await waiting(store)).toEqual(['BREAK']);
  });
});
