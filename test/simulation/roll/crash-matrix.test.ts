import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { CloudProvider } from '../../../src/ports/cloud-provider.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { crashing, crashingKube, mutations } from '../../support/crashing-ports.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { budget, deployment, finished, RollWorld, rollId, startDaemon, startRoll } from '../../support/roll-world.ts';

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
  it('knows every call by which the steps of a roll change anything', () => {
    const reads = new Set(['describeGroups', 'loadBalancerHealth', 'list', 'get', 'raw', 'resourceOf', 'watch']);
    const folder = new URL('../../../src/steps/roll/', import.meta.url);
    const called = new Set<string>();
    for (const file of readdirSync(folder)) {
      const source = readFileSync(new URL(file, folder), 'utf8');
      for (const [, name = ''] of source.matchAll(/\b(?:cloud|kube)\.(\w+)\(/g)) called.add(name);
    }
    expect([...called].filter((name) => !mutations.has(name) && !reads.has(name))).toEqual([]);
    for (const name of ['launchInstances', 'terminateInstance', 'evict', 'patch']) expect([...called]).toContain(name);
  });

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
