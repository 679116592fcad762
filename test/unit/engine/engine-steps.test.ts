import { describe, expect, it } from 'vitest';
import { assign, setup } from 'xstate';
import { FailureError, terminal, transient } from '../../../src/domain/failure.ts';
import type { EngineEvent } from '../../../src/machines/events.ts';
import type { Step, StepOutcome } from '../../../src/ports/step.ts';
import type { ProcessRow } from '../../../src/ports/store.ts';
import { engineHarness, startMessage, testStart } from '../../support/engine-harness.ts';
import { counter, type MemberContext, member } from '../../support/toy-machines.ts';

const machines = [member, counter];
const done: Step = async () => ({ kind: 'done' });
const booting = { code: 'booting', message: 'boots' };

function waitsUntil(wakeAt: number, progress: string): StepOutcome {
  return { kind: 'waiting', reason: booting, wakeAt, progress };
}

/** A member whose `apply` does what the script says, call after call; the last line repeats. */
async function scripted(
  script: ((now: number) => StepOutcome | Promise<StepOutcome>)[],
  more: { verify?: Step; wakeSlackMs?: number } = {},
) {
  const calls: number[] = [];
  const apply: Step = async ({ now }) => {
    calls.push(now - testStart);
    const line = script[Math.min(calls.length, script.length) - 1]!;
    return line(now);
  };
  const harness = await engineHarness({
    machines,
    steps: { apply, verify: more.verify ?? done, count: done },
    limits: { wakeSlackMs: more.wakeSlackMs ?? 0 },
  });
  await harness.engine.start();
  await harness.engine.post(startMessage('member:a', 'member', { member: 'a' }));
  await harness.engine.settled();
  const row = async (): Promise<ProcessRow> => (await harness.store.load('member:a'))!;
  return { ...harness, calls, row, context: async () => (await row()).context as MemberContext };
}

describe('the engine and its steps', () => {
  it('runs the step that the state names until the machine is final', async () => {
    const { row, store } = await scripted([() => ({ kind: 'done' })]);
    expect(await row()).toMatchObject({ status: 'final', value: 'finished', wakeAt: null, seq: 2 });
    expect((await store.trace('member:a', 9)).map((entry) => `${entry.event} ${entry.to}`)).toEqual([
      'START applying',
      'STEP_DONE verifying',
      'STEP_DONE finished',
    ]);
  });

  it('tells a step who it is, where its machine stands and what time it is', async () => {
    const seen: unknown[] = [];
    const { run } = await scripted([() => ({ kind: 'done' })], {
      verify: async (input) => {
        seen.push({ ...input, signal: input.signal.aborted, leaseHeld: input.leaseHeld() });
        return { kind: 'done' };
      },
    });
    await run();
    const context = { member: 'a', waits: 0, failures: 0, paused: false, reason: '' };
    const row = {
      id: 'member:a',
      state: 'verifying',
      context,
      seq: 1,
      parent: null,
      channel: 'dev',
      cluster: '',
      commit: 'c1',
    };
    expect(seen).toEqual([{ ...row, now: testStart, signal: false, leaseHeld: true }]);
  });

  describe('a wait', () => {
    const bootingUntil =
      (at: number, progress: string): Step =>
      async ({ now }) =>
        now < testStart + at ? waitsUntil(Math.min(now + 10_000, testStart + at), progress) : { kind: 'done' };

    it('that is looked at again and again writes nothing while the stored wake-up is within the slack', async () => {
      const more = { verify: bootingUntil(30_000, 'same'), wakeSlackMs: 15_000 };
      const { row, run, clock, engine } = await scripted([() => ({ kind: 'done' })], more);
      await run(() => clock.now() >= testStart + 20_000);
      // 10 s was stored at first; 20 s lies within the slack, 30 s beyond it.
      expect(engine.stats()).toMatchObject({ wakeMoves: 1 });
      expect((await row()).wakeAt).toBe(testStart + 30_000);
    });

    it('that changes nothing moves only the wake-up: no new seq, no second entry in the trace', async () => {
      const verify = bootingUntil(30_000, 'same');
      const { row, run, clock, engine } = await scripted([() => ({ kind: 'done' })], { verify });
      const before = await row();
      expect(before).toMatchObject({ value: 'verifying', seq: 2, wakeAt: testStart + 10_000 });
      await run(() => clock.now() >= testStart + 20_000);
      expect(await row()).toEqual({ ...before, wakeAt: testStart + 30_000 });
      expect(engine.stats()).toMatchObject({ commits: 3, wakeMoves: 2 });
      await run();
      expect((await row()).status).toBe('final');
    });

    it('keeps what the machine counts meanwhile, and writes it now and then', async () => {
      const verify: Step = async ({ now }) => waitsUntil(now + 10_000, 'same');
      const { context, run, clock, engine } = await scripted([() => ({ kind: 'done' })], { verify });
      await run(() => clock.now() >= testStart + 590_000);
      expect((await context()).waits).toBe(1);
      await run(() => clock.now() >= testStart + 600_000);
      expect((await context()).waits).toBe(61);
      expect(engine.stats().commits).toBe(4);
    });

    it('that leads the machine elsewhere is committed, however often it was repeated', async () => {
      const deadline = setup({
        types: { context: {} as { seen: number }, events: {} as EngineEvent },
      }).createMachine({
        id: 'deadline',
        context: { seen: 0 },
        initial: 'waiting',
        states: {
          waiting: {
            meta: { step: 'apply' },
            on: {
              STEP_WAITING: [
                { guard: ({ event }) => event.now >= testStart + 25_000, target: 'overdue' },
                { actions: assign({ seen: ({ event }) => event.now }) },
              ],
            },
          },
          overdue: { type: 'final' },
        },
      });
      const parseContext = (value: unknown) => ({ ok: true, context: value }) as const;
      const module = { name: 'deadline', version: 1, machine: deadline, parseContext, migrations: {} };
      const apply: Step = async ({ now }) => waitsUntil(now + 10_000, 'same');
      const { engine, store, clock, run } = await engineHarness({ machines: [module], steps: { apply } });
      await engine.start();
      await engine.post(startMessage('a', 'deadline', null));
      await run(() => clock.now() >= testStart + 30_000);
      expect((await store.load('a'))?.value).toBe('overdue');
    });

    it('with new progress is committed, so that status shows it', async () => {
      let call = 0;
      const verify: Step = async ({ now }) => waitsUntil(now + 10_000, `progress ${++call}`);
      const { row, run, clock } = await scripted([() => ({ kind: 'done' })], { verify });
      await run(() => clock.now() >= testStart + 20_000);
      expect((await row()).seq).toBe(4);
    });

    it('is not written at all when the durable wake-up comes early enough anyway', async () => {
      const verify: Step = async ({ now }) => waitsUntil(now + 60_000, 'same');
      const { row, engine, clock } = await scripted([() => ({ kind: 'done' })], { verify });
      clock.advanceTo(testStart + 5_000);
      engine.wake('member:a');
      await engine.settled();
      expect(engine.stats().stepRuns).toBe(3);
      expect(engine.stats().wakeMoves).toBe(0);
      expect((await row()).wakeAt).toBe(testStart + 60_000);
    });

    it('never ends at once, whatever the step asks', async () => {
      const verify: Step = async ({ now }) => waitsUntil(now - 5, 'same');
      const { row } = await scripted([() => ({ kind: 'done' })], { verify });
      expect((await row()).wakeAt).toBe(testStart + 100);
    });

    it('without a finite wake-up is a bug of the step, and is retried as one', async () => {
      const { row, context } = await scripted([() => waitsUntil(Number.NaN, 'x')]);
      expect((await context()).failures).toBe(1);
      expect((await row()).wakeAt).toBeGreaterThan(testStart);
    });

    it('whose effects matter is committed even when nothing else changed', async () => {
      const verify: Step = async ({ now }) => ({
        ...waitsUntil(now + 1_000, 'same'),
        facts: [{ kind: 'tick', key: 'a', value: now }],
      });
      const { store, run, clock } = await scripted([() => ({ kind: 'done' })], { verify });
      await run(() => clock.now() >= testStart + 3_000);
      expect((await store.fact('tick', 'a'))?.value).toBe(testStart + 3_000);
    });
  });

  describe('a failure', () => {
    const busy = () => ({ kind: 'failed', failure: transient('aws-throttled', 'AWS says slow down') }) as const;

    it('that is transient is tried again after a backoff that doubles, is jittered, and is capped', async () => {
      const { calls, run, context } = await scripted([busy]);
      await run(() => calls.length === 12);
      const gaps = calls.slice(1).map((call, index) => call - calls[index]!);
      for (const [index, gap] of gaps.entries()) {
        const full = Math.min(300_000, 5_000 * 2 ** index);
        expect(gap).toBeGreaterThanOrEqual(full / 2);
        expect(gap).toBeLessThanOrEqual(full);
      }
      expect(new Set(gaps.map((gap, index) => gap / 2 ** index)).size).toBeGreaterThan(5);
      expect((await context()).failures).toBe(12);
    });

    it('counts again from the first after the step has worked', async () => {
      const { calls, run } = await scripted([
        busy,
        busy,
        busy,
        (now) => waitsUntil(now + 1_000, 'x'),
        busy,
        () => ({ kind: 'done' }),
      ]);
      await run();
      expect(calls[5]! - calls[4]!).toBeGreaterThanOrEqual(2_500);
    });

    it('waits at least as long as the server asked', async () => {
      const { calls, run } = await scripted([
        () => ({ kind: 'failed', failure: transient('aws-throttled', 'slow down', 90_000) }),
        () => ({ kind: 'done' }),
      ]);
      await run();
      expect(calls[1]).toBe(90_000);
    });

    it('that a port throws keeps its code; any other exception is internal-error and says no more', async () => {
      const codes: string[] = [];
      const steps = {
        apply: async () => {
          if (codes.length === 0) throw new FailureError(transient('git-timeout', 'git did not answer'));
          throw new Error('cannot read properties of undefined');
        },
        verify: done,
      };
      const harness = await engineHarness({ machines: [member], steps, onStep: (step) => codes.push(step.code ?? '') });
      await harness.engine.start();
      await harness.engine.post(startMessage('member:a', 'member', { member: 'a' }));
      await harness.run(() => codes.length === 2);
      expect(codes).toEqual(['git-timeout', 'internal-error']);
    });

    it('that is terminal reaches the machine, which decides', async () => {
      const { row } = await scripted([
        () => ({ kind: 'failed', failure: terminal('wrong-target', 'not our account') }),
      ]);
      expect(await row()).toMatchObject({ value: 'failed', status: 'final' });
    });

    it('of one row never starves the others', async () => {
      const steps = {
        apply: async ({ cluster }: { cluster: string }) => {
          if (cluster === 'bad') throw new Error('always');
          return { kind: 'done' } as const;
        },
        verify: done,
      };
      const harness = await engineHarness({ machines: [member], steps, limits: { concurrency: 1 } });
      await harness.engine.start();
      const ids = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'bad' : 'good'));
      await harness.engine.post(
        ids.map((cluster, index) => startMessage(`member:${index}`, 'member', { member: cluster }, { cluster })),
      );
      await harness.engine.settled();
      const final = await harness.store.rows({ status: 'final' });
      expect(final.map((row) => row.cluster)).toEqual(Array.from({ length: 10 }, () => 'good'));
      expect(harness.engine.stats()).toMatchObject({ stepFailures: 10, stepRuns: 30 });
    });
  });

  describe('a hint', () => {
    it('runs the step of a waiting row at once', async () => {
      let ready = false;
      const verify: Step = async ({ now }) => (ready ? { kind: 'done' } : waitsUntil(now + 600_000, 'x'));
      const { row, engine, clock } = await scripted([() => ({ kind: 'done' })], { verify });
      ready = true;
      engine.wake('member:a');
      await engine.settled();
      expect((await row()).status).toBe('final');
      expect(clock.now()).toBe(testStart);
    });

    it('does not cut a backoff short, and for an unknown row is nothing', async () => {
      const { calls, engine } = await scripted([() => ({ kind: 'failed', failure: transient('x', 'x') })]);
      engine.wake('member:a');
      engine.wake('member:unknown');
      await engine.settled();
      expect(calls).toHaveLength(1);
    });

    it('that comes while the step runs leads to one more run', async () => {
      let wake: () => void = () => {};
      const script = [
        () => {
          wake();
          wake();
          return waitsUntil(testStart + 600_000, 'x');
        },
        () => waitsUntil(testStart + 600_000, 'x'),
      ];
      const calls: number[] = [];
      const apply: Step = async () => script[Math.min(calls.push(0), 2) - 1]!();
      const { engine } = await engineHarness({ machines: [member], steps: { apply, verify: done } });
      wake = () => engine.wake('member:a');
      await engine.start();
      await engine.post(startMessage('member:a', 'member', { member: 'a' }));
      await engine.settled();
      expect(calls).toHaveLength(2);
    });
  });

  describe('limits', () => {
    it('never run more steps at once than allowed, nor two of one row', async () => {
      let under = 0;
      let most = 0;
      const perRow = new Map<string, number>();
      const apply: Step = async ({ id }) => {
        under += 1;
        perRow.set(id, (perRow.get(id) ?? 0) + 1);
        most = Math.max(most, under);
        expect(perRow.get(id)).toBe(1);
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
        under -= 1;
        perRow.set(id, 0);
        return { kind: 'done' };
      };
      const { engine } = await engineHarness({
        machines: [member],
        steps: { apply, verify: apply },
        limits: { concurrency: 3 },
      });
      await engine.start();
      const ids = Array.from({ length: 12 }, (_, index) => `member:${index}`);
      await engine.post(ids.map((id) => startMessage(id, 'member', { member: id })));
      for (const id of ids) engine.wake(id);
      await engine.settled();
      expect(most).toBe(3);
      expect(engine.stats().active).toBe(0);
    });

    it('stop a step that takes too long through its signal, and count it as a transient failure', async () => {
      const codes: (string | undefined)[] = [];
      const apply: Step = ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        });
      const steps = { apply, verify: done };
      const { engine, store } = await engineHarness({
        machines: [member],
        steps,
        limits: { stepTimeoutMs: 10 },
        onStep: (run) => codes.push(run.code),
      });
      await engine.start();
      await engine.post(startMessage('member:a', 'member', { member: 'a' }));
      await engine.settled();
      expect(codes).toEqual(['step-timeout']);
      expect((await store.load('member:a'))?.value).toBe('applying');
    });

    it('show a step that ignores its signal, and never run it beside itself', async () => {
      let release: () => void = () => {};
      let aborted: () => void = () => {};
      const told = new Promise<void>((resolve) => {
        aborted = resolve;
      });
      let calls = 0;
      const apply: Step = ({ signal }) => {
        calls += 1;
        signal.addEventListener('abort', () => aborted(), { once: true });
        return new Promise((resolve) => {
          release = () => resolve({ kind: 'done' });
        });
      };
      const { engine, store } = await engineHarness({
        machines: [member],
        steps: { apply, verify: done },
        limits: { stepTimeoutMs: 10 },
      });
      await engine.start();
      await engine.post(startMessage('member:a', 'member', { member: 'a' }));
      await told;
      engine.wake('member:a');
      expect(engine.stats().overdueSteps).toMatchObject([{ id: 'member:a', step: 'apply' }]);
      release();
      await engine.settled();
      expect(calls).toBe(1);
      expect((await store.load('member:a'))?.status).toBe('final');
    });

    it('give sockets and timers their turn during a long run of work', async () => {
      const { engine } = await engineHarness({ machines, steps: { count: done } });
      await engine.start();
      let turns = 0;
      let over = false;
      const turn = (): void => {
        turns += 1;
        if (!over) setImmediate(turn);
      };
      setImmediate(turn);
      await engine.post(
        Array.from({ length: 40 }, (_, index) => startMessage(`counter:${index}`, 'counter', { target: 10 })),
      );
      await engine.settled();
      over = true;
      expect(engine.stats().commits).toBe(440);
      expect(turns).toBeGreaterThan(440 / 40);
    });

    it('make a row pause that runs step after step without end', async () => {
      const { engine, store, clock, run } = await engineHarness({
        machines,
        steps: { count: done },
        limits: { stepsInARow: 50 },
      });
      await engine.start();
      await engine.post(startMessage('counter:a', 'counter', { target: 120 }));
      await engine.settled();
      const row = (await store.load('counter:a'))!;
      expect(row.context).toMatchObject({ count: 51 });
      expect(row.wakeAt).toBeGreaterThan(clock.now());
      await run();
      expect((await store.load('counter:a'))?.status).toBe('final');
    });
  });
});
