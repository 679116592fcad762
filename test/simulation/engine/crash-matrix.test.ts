import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json, Store } from '../../../src/ports/store.ts';
import { chainStart, verifyChain } from '../../../src/store/journal-chain.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { VirtualClock } from '../../../src/support/clock.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { engineHarness, passTime, startMessage, testStart } from '../../support/engine-harness.ts';
import { fleet, member } from '../../support/toy-machines.ts';
import { slotLimit, type ToyWorld, toySteps, toyWorld } from '../../support/toy-steps.ts';

const machines = [fleet, member];
const members = ['a', 'b', 'c', 'd'];

interface EndState {
  rows: { id: string; value: Json; context: Json; status: string }[];
  facts: { key: string; value: Json }[];
  world: [string, string][];
  journal: string[];
  slots: string[];
  pending: number;
}

/** What must be the same after any crash. Waits differ in number (a repeated step may find things further), not in result. */
async function endState(store: Store, world: ToyWorld): Promise<EndState> {
  const rows = await store.rows({});
  const journal = await store.journal({ limit: 1_000 });
  return {
    rows: rows
      .map(({ id, value, context, status }) => ({ id, value, context: withoutCounters(context), status }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    facts: (await store.facts('member')).map(({ key, value }) => ({ key, value })),
    world: [...world.applied].sort(([a], [b]) => (a < b ? -1 : 1)),
    journal: journal.map((entry) => `${entry.source} ${entry.kind}`).sort(),
    slots: await store.slotHolders('channel:dev'),
    pending: (await store.pending(100)).length,
  };
}

function withoutCounters(context: Json): Json {
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return context;
  const { waits: _waits, reason: _reason, waitsFor: _waitsFor, started, ...decided } = context;
  return Array.isArray(started) ? { ...decided, started: [...started].sort() } : decided;
}

async function expectGaplessTrace(store: Store): Promise<void> {
  for (const row of await store.rows({})) {
    const trace = await store.trace(row.id, 1_000);
    expect(trace.map((entry) => entry.seq)).toEqual(Array.from({ length: row.seq + 1 }, (_, seq) => seq));
    for (const [index, entry] of trace.entries()) {
      if (index > 0) expect(entry.from).toBe(trace[index - 1]?.to);
    }
  }
}

interface RunOptions {
  store: Store;
  clock: VirtualClock;
  world: ToyWorld;
  point: CrashPoint;
}

/** One life of the daemon: until everything is final, or until it is killed. */
async function live({ store, clock, world, point }: RunOptions): Promise<void> {
  world.boundary = (where) => point.pass(where);
  const lease = crashingLease(point);
  const harness = await engineHarness({
    machines,
    steps: toySteps(world),
    store: crashingStore(store, point),
    clock,
    lease,
  });
  try {
    await harness.engine.start();
    // What an operator does when the answer got lost: the same key again is the same message.
    await harness.engine.post(startMessage('fleet:1', 'fleet', { members }));
    await harness.run(() => point.dead);
  } catch (error) {
    if (!point.dead) throw error;
  }
  await harness.engine.stop();
}

describe('crash matrix', () => {
  let store: Store;
  beforeEach(async () => {
    store = await openSqliteStore({ path: ':memory:' });
  });
  afterEach(() => store.close());

  async function crashFree(): Promise<{ end: EndState; points: number }> {
    const calm = await openSqliteStore({ path: ':memory:' });
    const world = toyWorld();
    const point = new CrashPoint(Number.POSITIVE_INFINITY);
    await live({ store: calm, clock: new VirtualClock(testStart), world, point });
    const end = await endState(calm, world);
    await calm.close();
    return { end, points: point.passed() };
  }

  it('has a reference run that ends with every member verified and no slot held', async () => {
    const { end, points } = await crashFree();
    expect(end.rows.map((row) => row.status)).toEqual(['final', 'final', 'final', 'final', 'final']);
    expect(end.world).toEqual([...members.map((name) => [name, 'c1']), ['report', 'a,b,c,d']]);
    expect(end.slots).toEqual([]);
    expect(points).toBeGreaterThan(80);
  });

  it('converges to the crash-free end state when it is killed before or after any commit or effect', async () => {
    const { end, points } = await crashFree();
    const places: string[] = [];
    for (let killAt = 0; killAt < points; killAt += 1) {
      const fresh = await openSqliteStore({ path: ':memory:' });
      const clock = new VirtualClock(testStart);
      const world = toyWorld();
      const point = new CrashPoint(killAt);
      await live({ store: fresh, clock, world, point });
      expect(point.dead, `run ${killAt} was to be killed`).toBe(true);
      places.push(point.diedAt);
      await live({ store: fresh, clock, world, point: new CrashPoint(Number.POSITIVE_INFINITY) });
      expect(await endState(fresh, world), `killed at ${point.diedAt}`).toEqual(end);
      await expectGaplessTrace(fresh);
      expect(verifyChain(await fresh.journal({ limit: 1_000 }), chainStart).ok).toBe(true);
      await fresh.close();
    }
    for (const kind of [
      'before commit',
      'after commit',
      'before apply',
      'after apply',
      'before move wake',
      'after post',
    ]) {
      expect(
        places.some((place) => place.startsWith(kind)),
        kind,
      ).toBe(true);
    }
  });

  it('converges when it is killed again and again at points drawn from a seed', async () => {
    const { end, points } = await crashFree();
    for (const stride of [3, 5, 7, 11, 23]) {
      const fresh = await openSqliteStore({ path: ':memory:' });
      const clock = new VirtualClock(testStart);
      const world = toyWorld();
      let deaths = 0;
      for (let life = 0; life < points * 2; life += 1) {
        const point = new CrashPoint(deaths < 40 ? stride + (life % stride) : Number.POSITIVE_INFINITY);
        await live({ store: fresh, clock, world, point });
        if (!point.dead) break;
        deaths += 1;
      }
      expect(deaths, `stride ${stride}`).toBeGreaterThan(2);
      expect(await endState(fresh, world), `stride ${stride}`).toEqual(end);
      await expectGaplessTrace(fresh);
      await fresh.close();
    }
  });

  it('reaches the same end state when every step is run twice', async () => {
    const { end } = await crashFree();
    const world = toyWorld();
    const steps = Object.fromEntries(
      Object.entries(toySteps(world)).map(([name, step]) => [
        name,
        async (input: Parameters<typeof step>[0]) => {
          await step(input);
          return step(input);
        },
      ]),
    );
    const harness = await engineHarness({ machines, steps, store });
    await harness.engine.start();
    await harness.engine.post(startMessage('fleet:1', 'fleet', { members }));
    await harness.run();
    expect(await endState(store, world)).toEqual(end);
    expect(world.calls.filter((call) => call === 'apply a')).toHaveLength(2);
  });

  it('lets two engines race on one store without losing or doubling anything', async () => {
    const { end } = await crashFree();
    const world = toyWorld();
    const clock = new VirtualClock(testStart);
    const first = await engineHarness({ machines, steps: toySteps(world), store, clock, seed: 1 });
    const second = await engineHarness({ machines, steps: toySteps(world), store, clock, seed: 2 });
    await first.engine.start();
    await second.engine.start();
    await store.post({ messages: [startMessage('fleet:1', 'fleet', { members })], now: clock.now() });
    first.engine.messagesPosted();
    second.engine.messagesPosted();
    let most = 0;
    await passTime(clock, [first.engine, second.engine], async () => {
      most = Math.max(most, (await store.slotHolders('channel:dev')).length);
      second.engine.messagesPosted();
      first.engine.messagesPosted();
      await Promise.all([first.engine.settled(), second.engine.settled()]);
      return (await store.rows({ status: 'active' })).length === 0 && (await store.pending(1)).length === 0;
    });
    expect(first.engine.stats().conflicts + second.engine.stats().conflicts).toBeGreaterThan(0);
    expect(most).toBe(slotLimit);
    expect(await endState(store, world)).toEqual(end);
    await expectGaplessTrace(store);
  });
});
