import { describe, expect, it } from 'vitest';
import type { Step } from '../../../src/ports/step.ts';
import type { OutboxMessage } from '../../../src/ports/store.ts';
import { type EngineHarness, engineHarness, startMessage, testStart } from '../../support/engine-harness.ts';
import { counter, fleet, member } from '../../support/toy-machines.ts';
import { bootMs, toySteps, toyWorld } from '../../support/toy-steps.ts';

const machines = [fleet, member, counter];

async function started(steps?: Record<string, Step>): Promise<EngineHarness> {
  const harness = await engineHarness({ machines, steps: { ...toySteps(toyWorld()), ...steps } });
  await harness.engine.start();
  return harness;
}

function event(to: string, type: string, key?: string): OutboxMessage {
  return { to, event: { type, by: 'jo', reason: 'because' }, ...(key === undefined ? {} : { key }) };
}

describe('the engine and its messages', () => {
  it('applies them in order, before the next step, each in a commit of its own', async () => {
    const { engine, store } = await started({
      count: async ({ now }) => ({ kind: 'waiting', reason: { code: 'x', message: 'x' }, wakeAt: now + 9_000 }),
    });
    await engine.post(startMessage('counter:a', 'counter', { target: 100 }));
    await engine.post([1, 20, 300].map((amount) => ({ to: 'counter:a', event: { type: 'ADD', amount } })));
    await engine.settled();
    const trace = await store.trace('counter:a', 20);
    expect(trace.filter((entry) => entry.event === 'ADD').map((entry) => entry.to)).toEqual([
      'counting',
      'counting',
      'finished',
    ]);
    expect((await store.load('counter:a'))?.context).toEqual({ count: 321, target: 100 });
    expect(await store.pending(10)).toEqual([]);
  });

  it('waits with them until the step under way has ended', async () => {
    let release: () => void = () => {};
    let begun: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const apply: Step = () =>
      new Promise((resolve) => {
        release = () => resolve({ kind: 'failed', failure: { kind: 'transient', code: 'x', message: 'x' } });
        begun();
      });
    const { engine, store } = await started({ apply });
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await running;
    await engine.post(event('member:a', 'PAUSE'));
    expect((await store.load('member:a'))?.value).toBe('applying');
    release();
    await engine.settled();
    expect((await store.trace('member:a', 9)).map((entry) => entry.event)).toEqual(['START', 'STEP_FAILED', 'PAUSE']);
    expect(await store.load('member:a')).toMatchObject({ value: 'paused', wakeAt: null });
  });

  it('starts the new step at once when one changes the state', async () => {
    const { engine, store, clock } = await started({
      apply: async () => ({ kind: 'failed', failure: { kind: 'transient', code: 'x', message: 'x' } }),
    });
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await engine.post(event('member:a', 'PAUSE'));
    await engine.post(event('member:a', 'RESUME'));
    await engine.settled();
    expect(clock.now()).toBe(testStart);
    expect((await store.trace('member:a', 9)).at(-1)).toMatchObject({ event: 'STEP_FAILED', to: 'applying' });
  });

  it('tells the parent of a process that ends, with its output, in the same commit', async () => {
    const { engine, store, run } = await started();
    await engine.post(startMessage('fleet:1', 'fleet', { members: ['a'] }));
    await run();
    const row = (await store.load('fleet:1'))!;
    expect(row).toMatchObject({ status: 'final', context: { finished: ['a'] } });
    expect((await store.load('member:a'))?.parent).toBe('fleet:1');
  });

  it('leaves an existing process alone when it is started again, whether it runs or has ended', async () => {
    const { engine, store, run } = await started();
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await engine.settled();
    const running = await store.load('member:a');
    const again = { ...startMessage('member:a', 'member', { member: 'other' }), key: 'again' };
    await engine.post(again);
    await engine.settled();
    expect(await store.load('member:a')).toEqual(running);
    await run();
    const ended = await store.load('member:a');
    expect(ended?.status).toBe('final');
    await engine.post({ ...again, key: 'and again' });
    await engine.settled();
    expect(await store.load('member:a')).toEqual(ended);
    expect(await store.pending(9)).toEqual([]);
    expect((await store.journal({ limit: 9, kind: 'message-discarded' })).length).toBe(0);
  });

  it('discards those for a process that has ended or never was, and says so in the journal', async () => {
    const { engine, store, run } = await started();
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await run();
    await engine.post([event('member:a', 'PAUSE'), event('member:ghost', 'RESUME')]);
    await engine.settled();
    const entries = await store.journal({ limit: 9, kind: 'message-discarded' });
    expect(entries.map((entry) => entry.message)).toEqual([
      'PAUSE was dropped: member:a has ended',
      'RESUME was dropped: member:ghost does not exist',
    ]);
    expect(await store.pending(9)).toEqual([]);
    expect(engine.stats()).toMatchObject({ active: 0, pendingMessages: 0 });
  });

  it('writes down when an operator asks for something that changes nothing', async () => {
    const { engine, store } = await started();
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await engine.settled();
    const before = await store.load('member:a');
    await engine.post(event('member:a', 'RESUME'));
    await engine.settled();
    const after = await store.load('member:a');
    expect(after).toMatchObject({ value: before!.value, context: before!.context, wakeAt: before!.wakeAt });
    const [entry] = await store.journal({ limit: 9, kind: 'event-ignored' });
    expect(entry?.message).toContain('verifying');
  });

  it('applies the same request twice only once', async () => {
    const { engine, store } = await started();
    await engine.post(startMessage('counter:a', 'counter', { target: 1_000_000 }));
    const add = { to: 'counter:b', event: { type: 'ADD', amount: 5 }, key: 'request-1' };
    await engine.post({ ...startMessage('counter:b', 'counter', { target: 5 }) });
    await engine.post(add);
    await engine.post(add);
    await expect.poll(async () => (await store.load('counter:b'))?.status).toBe('final');
    expect((await store.journal({ limit: 9, kind: 'message-discarded' })).length).toBe(0);
    await engine.stop();
  });

  it('applies one that two engines hold at once only once, and both know the result', async () => {
    const waits: Step = async ({ now }) => ({
      kind: 'waiting',
      reason: { code: 'x', message: 'x' },
      wakeAt: now + 9_000,
    });
    const first = await started({ count: waits });
    await first.engine.post(startMessage('counter:a', 'counter', { target: 1_000 }));
    await first.engine.settled();
    const second = await engineHarness({ machines, steps: { count: waits }, store: first.store, clock: first.clock });
    await second.engine.start();
    const add = (amount: number) => ({ to: 'counter:a', event: { type: 'ADD', amount } });
    await first.store.post({ messages: [add(5), add(70)], now: testStart });
    first.engine.messagesPosted();
    second.engine.messagesPosted();
    await Promise.all([first.engine.settled(), second.engine.settled()]);
    expect((await first.store.load('counter:a'))?.context).toMatchObject({ count: 75 });
    expect(first.engine.stats().conflicts + second.engine.stats().conflicts).toBeGreaterThan(0);
    await second.engine.post(add(900));
    await second.engine.settled();
    await first.engine.post(add(25));
    await first.engine.settled();
    expect((await first.store.load('counter:a'))?.context).toMatchObject({ count: 1_000 });
  });

  it('finds those that somebody else put into the store', async () => {
    const { engine, store } = await started();
    await engine.post(startMessage('member:a', 'member', { member: 'a' }));
    await engine.settled();
    await store.post({ messages: [startMessage('member:b', 'member', { member: 'b' })], now: testStart });
    engine.messagesPosted();
    await engine.settled();
    expect((await store.load('member:b'))?.value).toBe('verifying');
  });

  it('reads a backlog larger than a page in order, without holding it all', async () => {
    const harness = await engineHarness({ machines, steps: toySteps(toyWorld()), limits: { messagePage: 3 } });
    const starts = Array.from({ length: 40 }, (_, index) => startMessage(`counter:${index}`, 'counter', { target: 2 }));
    await harness.store.post({ messages: starts, now: testStart });
    await harness.engine.start();
    expect(harness.engine.stats().pendingMessages).toBeLessThanOrEqual(12);
    await harness.engine.settled();
    expect(await harness.store.rows({ status: 'final' })).toHaveLength(40);
    expect(harness.engine.stats().pendingMessages).toBe(0);
  });

  it('refuses new ones when it does not run', async () => {
    const { engine } = await started();
    await engine.stop();
    await expect(engine.post(event('member:a', 'PAUSE'))).rejects.toMatchObject({
      failure: { code: 'engine-stopped' },
    });
  });

  describe('with slots', () => {
    it('never starts more members than there are slots, and goes on when one is freed', async () => {
      const { engine, store, run, clock } = await started();
      await engine.post(startMessage('fleet:1', 'fleet', { members: ['a', 'b', 'c', 'd', 'e'] }));
      let most = 0;
      await run(async () => {
        most = Math.max(most, (await store.rows({ machine: 'member', status: 'active' })).length);
        return false;
      });
      expect(most).toBe(2);
      expect((await store.load('fleet:1'))?.status).toBe('final');
      // three rounds of booting, and no waiting for the backstop of a minute between them
      expect(clock.now()).toBeLessThan(testStart + 3 * bootMs + 60_000);
      expect((await store.load('member:e'))!.updatedAt).toBe(testStart + 3 * bootMs);
    });

    it('shows that the row waits for a slot, with a durable wake-up behind it', async () => {
      const { engine, store } = await started();
      await engine.post(startMessage('fleet:1', 'fleet', { members: ['a', 'b', 'c'] }));
      await engine.settled();
      expect(engine.stats().slotWaiters).toBe(1);
      const row = (await store.load('fleet:1'))!;
      expect(row.context).toMatchObject({ started: ['a', 'b'], waitsFor: 'slot' });
      expect(row.wakeAt).toBe(testStart + 60_000);
      expect(await store.load('member:c')).toBeUndefined();
    });
  });
});
