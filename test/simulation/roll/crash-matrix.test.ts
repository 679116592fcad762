import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { crashing, crashingKube, mutations, reads } from '../../support/crashing-ports.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  type RollDaemon,
  RollWorld,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

interface Scenario {
  /** The world before the roll. */
  world(): RollWorld;
  /** What an operator does in every life, as often as it is looked. */
  meanwhile?(daemon: RollDaemon): Promise<void>;
  /** The points of its course at which it is killed. */
  kills(where: string): boolean;
  ends: string;
  /** Which invariants it breaks on purpose. */
  breaks?: RegExp;
}

/** `before evict`, `after commit`, … */
const placeOf = (where: string): string => where.split(' ').slice(0, 2).join(' ');
const changeOf = (where: string): string => where.split(' ')[1] ?? '';
const isChange = (where: string): boolean => mutations.has(changeOf(where));

const outdated = (roll: RollWorld): RollWorld => {
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
};

const plain: Scenario = {
  world() {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes: 2 },
        { name: 'other', nodes: 1 },
      ],
    });
    roll.apply(deployment('web', 4), budget('web', { minAvailable: 3 }));
    return outdated(roll);
  },
  kills: () => true,
  ends: 'rolled',
};

/** Launches by raising desired, and a load balancer that has to let go. */
const byDesired: Scenario = {
  world() {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1, balancer: 'target-group' }] });
    const message = 'is not authorized to perform: autoscaling:LaunchInstances';
    roll.world.faults.add({ kind: 'refuse', action: 'LaunchInstances', code: 'AccessDenied', message, status: 403 });
    return outdated(roll);
  },
  kills: isChange,
  ends: 'rolled',
};

/** A pod that its budget never lets go is told of, and deleted where an operator allows it. */
const forced: Scenario = {
  world() {
    const minute = 60_000;
    const force = {
      gracePeriodMs: minute,
      minPodLifetimeMs: 0,
      minHealthySiblingLifetimeMs: 0,
      minUnhealthySiblingLifetimeMs: 0,
      intervalMs: minute,
    };
    const roll: RollWorld = new RollWorld({
      pools: [
        { name: 'workers', nodes: 1 },
        { name: 'other', nodes: 1 },
      ],
      policy: { force },
      overrides: () => (begunAt + 10 * minute <= roll.world.clock.now() ? { force: allowed } : {}),
    });
    const begunAt = roll.world.clock.now();
    const allowed = { actor: 'ada', reason: 'they know', expiresAt: begunAt + 600 * minute };
    const nodeSelector = { 'node.kubernetes.io/node-pool': 'workers' };
    roll.apply(deployment('ledger', 1, { nodeSelector }), budget('ledger', { maxUnavailable: 0 }));
    return outdated(roll);
  },
  kills: (where) => /create|delete/.test(where),
  ends: 'rolled',
  breaks: /^(I1|I5): deleting|^I5: .* was deleted, not evicted/,
};

/** Back to the template of the old nodes, once a new one is there. */
const rolledBack: Scenario = {
  world: () => outdated(new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] })),
  async meanwhile(daemon) {
    const context = await contextOf(daemon, 'workers');
    const due = (await stateOf(daemon, 'workers')) === 'rolling' && context.revert === null;
    if (!due || context.memory?.groups[0]?.expected !== 2) return;
    await daemon.engine.post({ to: rollId('workers'), event: { type: 'ROLLBACK', by: 'ada', reason: 'it panics' } });
  },
  kills: isChange,
  ends: 'aborted',
  breaks: /tags left: clm\/roll-reverted/,
};

/** One life of a daemon: until the roll has ended, or until it is killed. */
async function live(scenario: Scenario, roll: RollWorld, store: Store, point: CrashPoint): Promise<void> {
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
      await scenario.meanwhile?.(daemon);
      return finished(daemon, 'workers');
    });
  } catch (error) {
    if (!point.dead) throw error;
  }
  await daemon.stop().catch(() => {});
}

async function endOf({ breaks }: Scenario, roll: RollWorld, store: Store): Promise<unknown> {
  roll.pass(300);
  const row = await store.load(rollId('workers'));
  const violations = roll.violations().filter((one) => breaks?.test(one) !== true);
  return { value: row?.value, violations, world: roll.endState() };
}

async function crashFree(scenario: Scenario): Promise<{ end: unknown; places: readonly string[] }> {
  const store = await openSqliteStore({ path: ':memory:' });
  const roll = scenario.world();
  const point = new CrashPoint(Number.POSITIVE_INFINITY);
  await live(scenario, roll, store, point);
  const end = await endOf(scenario, roll, store);
  await store.close();
  expect(end).toMatchObject({ value: scenario.ends, violations: [] });
  return { end, places: point.places };
}

/** Kills once at each place of the scenario; answers how many that are. */
async function killAll(scenario: Scenario): Promise<number> {
  const { end, places } = await crashFree(scenario);
  let killed = 0;
  for (const [killAt, where] of places.entries()) {
    if (!scenario.kills(where)) continue;
    const store = await openSqliteStore({ path: ':memory:' });
    const roll = scenario.world();
    const point = new CrashPoint(killAt);
    await live(scenario, roll, store, point);
    expect(point.dead, `run ${killAt} was to be killed ${where}`).toBe(true);
    await live(scenario, roll, store, new CrashPoint(Number.POSITIVE_INFINITY));
    expect(await endOf(scenario, roll, store), `killed at point ${killAt}: ${point.diedAt}`).toEqual(end);
    killed += 1;
    await store.close();
  }
  return killed;
}

/** Every change that the sources of the steps make, by name. */
function changesOfSteps(): string[] {
  const folder = new URL('../../../src/steps/roll/', import.meta.url);
  const called = new Set<string>();
  for (const file of readdirSync(folder)) {
    const source = readFileSync(new URL(file, folder), 'utf8');
    for (const [, name = ''] of source.matchAll(/\b(?:cloud|kube)\s*\.(\w+)\(/g)) called.add(name);
  }
  expect([...called].filter((name) => !mutations.has(name) && !reads.has(name))).toEqual([]);
  return [...called].filter((name) => mutations.has(name)).sort();
}

describe('the crash matrix of a roll', () => {
  it('ends like the crash-free roll when it is killed before or after any commit or change of the world', async () => {
    expect(await killAll(plain)).toBeGreaterThan(60);
  });

  it('does so with launches by desired and load balancers, before and after every change', async () => {
    expect(await killAll(byDesired)).toBeGreaterThan(10);
  });

  it('does so with a pod that an operator lets be deleted, and the word about it', async () => {
    expect(await killAll(forced)).toBeGreaterThanOrEqual(4);
  });

  it('does so when it is rolled back half-way', async () => {
    expect(await killAll(rolledBack)).toBeGreaterThan(10);
  });

  it('kills before and after every change that the sources of the steps can make', async () => {
    const places = new Set<string>();
    for (const scenario of [plain, byDesired, forced, rolledBack])
      for (const where of (await crashFree(scenario)).places) if (scenario.kills(where)) places.add(placeOf(where));
    const changes = changesOfSteps();
    for (const name of ['launchInstances', 'terminateInstance', 'evict', 'patch']) expect(changes).toContain(name);
    const killed = new Set([...places].map(changeOf).filter((name) => mutations.has(name)));
    expect([...killed].sort()).toEqual(changes);
    for (const name of [...changes, 'commit']) {
      expect([...places]).toContain(`before ${name}`);
      expect([...places]).toContain(`after ${name}`);
    }
  });
});
