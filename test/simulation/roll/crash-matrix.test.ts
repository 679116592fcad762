import { describe, expect, it } from 'vitest';
import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { budget, deployment, finished, RollWorld, rollId, startDaemon, startRoll } from '../../support/roll-world.ts';

const mutations = new Set([
  'updateGroup',
  'launchInstances',
  'raiseDesired',
  'terminateInstance',
  'setProtection',
  'suspendProcesses',
  'resumeProcesses',
  'tagGroup',
  'untagGroup',
  'deregister',
  'patch',
  'evict',
  'create',
  'delete',
]);

/** Every call that changes the world may be the last: it happens or not, and nobody hears of it. */
function crashing<T extends object>(target: T, point: CrashPoint): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        if (!mutations.has(String(name))) {
          if (point.dead && name !== 'close') throw new Error('dead');
          return Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
        }
        point.pass(`before ${String(name)}`);
        const answer: unknown = await Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
        point.pass(`after ${String(name)}`);
        return answer;
      };
    },
  });
}

/** `watch` answers at once and not with a promise. */
function crashingKube(kube: KubeCluster, point: CrashPoint): KubeCluster {
  const wrapped = crashing(kube, point);
  return new Proxy(wrapped, {
    get(object, name) {
      if (name === 'watch') return kube.watch.bind(kube);
      if (name === 'close') return kube.close.bind(kube);
      return Reflect.get(object, name) as unknown;
    },
  });
}

function scenario(): RollWorld {
  const roll = new RollWorld({
    pools: [
      { name: 'workers', nodes: 2 },
      { name: 'other', nodes: 1 },
    ],
  });
  roll.apply(deployment('web', 4), budget('web', { minAvailable: 3 }));
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
}

/** One life of a daemon: until the roll has ended, or until it is killed. */
async function live(roll: RollWorld, store: Store, point: CrashPoint): Promise<void> {
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
    await daemon.run(async () => point.dead || (await finished(daemon, 'workers')));
  } catch (error) {
    if (!point.dead) throw error;
  }
  await daemon.stop().catch(() => {});
}

async function endOf(roll: RollWorld, store: Store): Promise<unknown> {
  roll.pass(300);
  const row = await store.load(rollId('workers'));
  return { value: row?.value, violations: roll.violations(), world: roll.endState() };
}

async function crashFree(): Promise<{ end: unknown; points: number }> {
  const store = await openSqliteStore({ path: ':memory:' });
  const roll = scenario();
  const point = new CrashPoint(Number.POSITIVE_INFINITY);
  await live(roll, store, point);
  const end = await endOf(roll, store);
  await store.close();
  return { end, points: point.passed() };
}

describe('the crash matrix of a roll', () => {
  it('ends like the crash-free roll when it is killed before or after any commit or change of the world', async () => {
    const { end, points } = await crashFree();
    expect(end).toMatchObject({ value: 'rolled', violations: [] });
    expect(points).toBeGreaterThan(60);
    const places = new Set<string>();
    for (let killAt = 0; killAt < points; killAt += 1) {
      const store = await openSqliteStore({ path: ':memory:' });
      const roll = scenario();
      const point = new CrashPoint(killAt);
      await live(roll, store, point);
      expect(point.dead, `run ${killAt} was to be killed`).toBe(true);
      places.add(point.diedAt.split(' ').slice(0, 2).join(' '));
      await live(roll, store, new CrashPoint(Number.POSITIVE_INFINITY));
      expect(await endOf(roll, store), `killed at point ${killAt}: ${point.diedAt}`).toEqual(end);
      await store.close();
    }
    for (const change of [
      'launchInstances',
      'terminateInstance',
      'patch',
      'evict',
      'tagGroup',
      'untagGroup',
      'updateGroup',
      'commit',
    ]) {
      expect(places).toContain(`before ${change}`);
      expect(places).toContain(`after ${change}`);
    }
  });
});
