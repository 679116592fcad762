import { describe, expect, it } from 'vitest';
import { setup } from 'xstate';
import type { EngineEvent } from '../../../src/machines/events.ts';
import type { Step, StepOutcome } from '../../../src/ports/step.ts';
import type { Store } from '../../../src/ports/store.ts';
import { engineHarness, startMessage, testLease, testStart } from '../../support/engine-harness.ts';
import { member } from '../../support/toy-machines.ts';

const quiet: StepOutcome = { kind: 'done', quiet: true };
const boots: StepOutcome = {
  kind: 'waiting',
  reason: { code: 'booting', message: 'boots' },
  wakeAt: testStart + 60_000,
};

async function withSteps(apply: Step, verify: Step, store?: Store) {
  const lease = testLease();
  const harness = await engineHarness({
    machines: [member],
    steps: { apply, verify },
    lease,
    ...(store ? { store } : {}),
  });
  await harness.engine.start();
  return { ...harness, lease };
}

const start = startMessage('a', 'member', { member: 'a' });

async function traceOf(store: Store, id = 'a'): Promise<string[]> {
  return (await store.trace(id, 9)).map((entry) => `${entry.event} ${entry.from}>${entry.to}`);
}

describe('a step that has only looked', () => {
  it('is committed with what the next one does', async () => {
    const { engine, store } = await withSteps(
      async () => quiet,
      async () => boots,
    );
    await engine.post(start);
    await engine.settled();
    expect(await traceOf(store)).toEqual(['START >applying', 'STEP_WAITING applying>verifying']);
    expect(await store.load('a')).toMatchObject({ value: 'verifying', seq: 1, wakeAt: testStart + 60_000 });
  });

  it('is committed by itself when it leaves something behind', async () => {
    const { engine, store } = await withSteps(
      async () => ({ ...quiet, journal: [{ kind: 'seen', message: 'it was seen' }] }),
      async () => boots,
    );
    await engine.post(start);
    await engine.settled();
    expect(await traceOf(store)).toEqual([
      'START >applying',
      'STEP_DONE applying>verifying',
      'STEP_WAITING verifying>verifying',
    ]);
  });

  it('looks again when the daemon ends before the commit', async () => {
    const calls: string[] = [];
    const looks: Step = async () => {
      calls.push('apply');
      return quiet;
    };
    const first = await withSteps(looks, async () => {
      calls.push('verify');
      first.lease.lose();
      return boots;
    });
    await first.engine.post(start);
    await first.engine.settled();
    expect(await first.store.load('a')).toMatchObject({ value: 'applying', seq: 0 });
    const second = await withSteps(
      looks,
      async () => {
        calls.push('verify');
        return { kind: 'done' };
      },
      first.store,
    );
    await second.engine.settled();
    expect(calls).toEqual(['apply', 'verify', 'apply', 'verify']);
    expect(await first.store.load('a')).toMatchObject({ value: 'finished' });
  });

  it('lets a message go first, which is applied where the process has come to', async () => {
    const { engine, store } = await withSteps(
      async () => {
        await engine.post({ to: 'a', event: { type: 'PAUSE' } });
        return quiet;
      },
      async () => ({ kind: 'done' }),
    );
    await engine.post(start);
    await engine.settled();
    expect(await traceOf(store)).toEqual([
      'START >applying',
      'PAUSE applying>verifying',
      'STEP_DONE verifying>finished',
    ]);
  });

  it('is written even when its successor has nothing to say', async () => {
    const machine = setup({ types: { events: {} as EngineEvent } }).createMachine({
      id: 'sleeper',
      initial: 'looking',
      states: {
        looking: { meta: { step: 'look' }, on: { STEP_DONE: 'sleeping' } },
        sleeping: { meta: { step: 'sleep' } },
      },
    });
    const parseContext = (context: unknown) => ({ ok: true, context }) as const;
    const { engine, store } = await engineHarness({
      machines: [{ name: 'sleeper', version: 1, machine, parseContext, migrations: {} }],
      steps: { look: async () => quiet, sleep: async () => boots },
    });
    await engine.start();
    await engine.post(startMessage('a', 'sleeper', null));
    await engine.settled();
    expect(await store.load('a')).toMatchObject({ value: 'sleeping', wakeAt: testStart + 60_000 });
  });
});

describe('a wait that says what stands for its progress', () => {
  it('is written when that changes, not whenever it counts', async () => {
    let looks = 0;
    const { engine, store, clock, run } = await withSteps(
      async () => ({ kind: 'done' }),
      async ({ now }) => {
        looks += 1;
        const same = String(Math.floor(looks / 4));
        return { kind: 'waiting', reason: { code: 'soak', message: '' }, wakeAt: now + 1_000, progress: looks, same };
      },
    );
    await engine.post(start);
    await run(() => clock.now() >= testStart + 9_500);
    expect(looks).toBe(11);
    expect((await traceOf(store)).filter((line) => line.startsWith('STEP_WAITING'))).toHaveLength(3);
  });
});
