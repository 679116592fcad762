/** A roll that is killed once at each chosen place of its course, and goes on in a second life: every run has to end like the crash-free one. */
import { expect } from 'vitest';
import type { CloudProvider } from '../../src/ports/cloud-provider.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { Store } from '../../src/ports/store.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import { crashing, crashingKube, mutations } from './crashing-ports.ts';
import { CrashPoint, crashingLease, crashingStore } from './crashing-store.ts';
import { finished, type RollDaemon, type RollWorld, rollId, startDaemon, startRoll } from './roll-world.ts';

export interface CrashScenario {
  /** The world before the roll; what others do in the middle of it listens to the world's events, so that it happens once. */
  world(): RollWorld;
  /** What an operator does in every life, as often as it is looked. */
  meanwhile?(daemon: RollDaemon, roll: RollWorld): Promise<void>;
  /** The points of its course at which it is killed; before and after each change unless given. */
  kills?(where: string): boolean;
  ends: string;
  /** What has to be the same in every run besides the state of the world at its end. */
  also?(roll: RollWorld): unknown;
  /** Which invariants it breaks on purpose. */
  breaks?: RegExp;
}

const changeOf = (where: string): string => where.split(' ')[1] ?? '';
export const isChange = (where: string): boolean => mutations.has(changeOf(where));
/** `before evict`, `after commit`, … */
const placeOf = (where: string): string => where.split(' ').slice(0, 2).join(' ');

/** One life of a daemon: until the roll has ended, or until it is killed. */
async function live(scenario: CrashScenario, roll: RollWorld, store: Store, point: CrashPoint): Promise<void> {
  const daemon = await startDaemon(roll, {
    store: crashingStore(store, point),
    lease: crashingLease(point),
    wrapCloud: (cloud: CloudProvider) => crashing(cloud, point),
    wrapKube: (kube: KubeCluster) => crashingKube(kube, point),
  }).catch((error: unknown) => {
    if (point.dead) return undefined;
    throw error;
  });
  if (!daemon) return;
  try {
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => {
      if (point.dead) return true;
      await scenario.meanwhile?.(daemon, roll);
      return finished(daemon, 'workers');
    });
  } catch (error) {
    if (!point.dead) throw error;
  }
  await daemon.stop().catch(() => {});
}

async function endOf({ also, breaks }: CrashScenario, roll: RollWorld, store: Store): Promise<unknown> {
  roll.pass(300);
  const row = await store.load(rollId('workers'));
  const violations = roll.violations().filter((one) => breaks?.test(one) !== true);
  return { value: row?.value, violations, world: roll.endState(), also: also?.(roll) };
}

async function crashFree(scenario: CrashScenario): Promise<{ end: unknown; places: readonly string[] }> {
  const store = await openSqliteStore({ path: ':memory:' });
  const roll = scenario.world();
  const point = new CrashPoint(Number.POSITIVE_INFINITY);
  await live(scenario, roll, store, point);
  const end = await endOf(scenario, roll, store);
  await store.close();
  expect(end).toMatchObject({ value: scenario.ends, violations: [] });
  return { end, places: point.places };
}

export interface Killed {
  kills: number;
  /** Where, as `before evict`. */
  places: Set<string>;
  /** How every run ended. */
  end: unknown;
}

/** Kills once at each place of the scenario. */
export async function killAll(scenario: CrashScenario): Promise<Killed> {
  const { end, places } = await crashFree(scenario);
  const killed: Killed = { kills: 0, places: new Set(), end };
  for (const [killAt, where] of places.entries()) {
    if (!(scenario.kills ?? isChange)(where)) continue;
    const store = await openSqliteStore({ path: ':memory:' });
    const roll = scenario.world();
    const point = new CrashPoint(killAt);
    await live(scenario, roll, store, point);
    expect(point.dead, `run ${killAt} was to be killed ${where}`).toBe(true);
    await live(scenario, roll, store, new CrashPoint(Number.POSITIVE_INFINITY));
    expect(await endOf(scenario, roll, store), `killed at point ${killAt}: ${point.diedAt}`).toEqual(end);
    killed.kills += 1;
    killed.places.add(placeOf(where));
    await store.close();
  }
  return killed;
}
