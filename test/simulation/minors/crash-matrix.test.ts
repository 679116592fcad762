import { describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { mutations } from '../../support/crashing-ports.ts';
import { CrashPoint } from '../../support/crashing-store.ts';
import { live, MinorWorld } from '../../support/minor-world.ts';

/** `before evict`, `after executeChangeSet` */
const placeOf = (where: string): string => where.split(' ').slice(0, 2).join(' ');
const isMutation = (where: string): boolean => mutations.has(where.split(' ')[1] ?? '');

/**
 * Before and after every kind of mutation of the world, where it comes for the first time; every single one of them with
 * CRASH_STRIDE=1, which takes minutes.
 */
function killsOf(places: readonly string[]): number[] {
  const changes = [...places.keys()].filter((at) => isMutation(places[at] as string));
  if (process.env['CRASH_STRIDE'] === '1') return changes;
  const seen = new Set<string>();
  return changes.filter((at) => {
    const place = placeOf(places[at] as string);
    return !seen.has(place) && seen.add(place);
  });
}

async function upgrade(kind: 'nodes' | 'eks', killAt: number) {
  const minor = new MinorWorld(kind, 'v1.33.2');
  minor.target = 'v1.34.1';
  const store = await openSqliteStore({ path: ':memory:' });
  const point = new CrashPoint(killAt);
  let value = await live(minor, store, point);
  if (point.dead) value = await live(minor, store, new CrashPoint(Number.POSITIVE_INFINITY));
  const end = { value, ...(minor.endState() as object) };
  await store.close();
  return { end, point };
}

describe.each([
  ['nodes of its own run the control plane', 'nodes'],
  ['EKS runs the control plane', 'eks'],
] as const)('a minor upgrade of a cluster where %s', (_, kind) => {
  it('ends the same when it is killed before or after any change: control plane first, one minor', {
    timeout: 600_000,
  }, async () => {
    const calm = await upgrade(kind, Number.POSITIVE_INFINITY);
    const kubelets =
      kind === 'eks'
        ? [['workers', 'v1.34.1', 0, 'ready']]
        : [
            ['masters', 'v1.34.1', 0, 'ready'],
            ['workers', 'v1.34.1', 0, 'ready'],
          ];
    expect(calm.end).toMatchObject({ value: 'updated', serves: 34, served: [33, 34], wrong: [], nodes: kubelets });
    if (kind === 'eks') expect(calm.end).toMatchObject({ updates: 1 });
    const kills = killsOf(calm.point.places);
    expect(kills.length).toBeGreaterThan(15);
    for (const killAt of kills) {
      const { end, point } = await upgrade(kind, killAt);
      expect(point.dead, `run ${killAt} was to be killed`).toBe(true);
      expect(end, `killed at ${killAt}: ${point.diedAt}`).toEqual(calm.end);
    }
  });
});

describe('a cluster of EKS', () => {
  async function created(killAt: number) {
    const minor = new MinorWorld('eks', 'v1.34.1', 'requested');
    const store = await openSqliteStore({ path: ':memory:' });
    const point = new CrashPoint(killAt);
    let value = await live(minor, store, point);
    if (point.dead) value = await live(minor, store, new CrashPoint(Number.POSITIVE_INFINITY));
    const life = (await store.fact('lifecycle', minor.cluster.id))?.value;
    return {
      minor,
      store,
      point,
      end: { value, life: (life as { status: string }).status, ...(minor.endState() as object) },
    };
  }

  it('is created with its control plane first, the same wherever it is killed', { timeout: 300_000 }, async () => {
    const calm = await created(Number.POSITIVE_INFINITY);
    expect(calm.end).toMatchObject({
      value: 'updated',
      life: 'ready',
      serves: 34,
      wrong: [],
      nodes: [['workers', 'v1.34.1', 0, 'ready']],
    });
    expect(calm.minor.eksClusters()).toEqual([calm.minor.cluster.localId]);
    const kills = killsOf(calm.point.places);
    expect(kills.length).toBeGreaterThan(5);
    for (const killAt of kills) {
      const { end, point, store } = await created(killAt);
      expect(end, `killed at ${killAt}: ${point.diedAt}`).toEqual(calm.end);
      await store.close();
    }
    await calm.store.close();
  });

  it('is taken away behind its nodes, and nothing of it is left', async () => {
    const { minor, store } = await created(Number.POSITIVE_INFINITY);
    minor.cluster.lifecycleStatus = 'decommission-requested';
    expect(await live(minor, store, new CrashPoint(Number.POSITIVE_INFINITY), 'decommission')).toBe('decommissioned');
    expect(minor.removed).toEqual([`nodepool-workers-${minor.cluster.id.replaceAll(':', '-')}`, minor.cluster.localId]);
    expect([minor.stacks(), minor.eksClusters()]).toEqual([[], []]);
    await store.close();
  });
});

describe('a target that is two minors ahead', () => {
  it.each(['nodes', 'eks'] as const)('is refused before anything is touched (%s)', async (kind) => {
    const minor = new MinorWorld(kind, 'v1.33.2');
    const before = minor.endState();
    minor.target = 'v1.35.1';
    const store = await openSqliteStore({ path: ':memory:' });
    const point = new CrashPoint(Number.POSITIVE_INFINITY);
    expect(await live(minor, store, point)).toBe('failed');
    expect(point.places.filter(isMutation)).toEqual([]);
    expect(minor.endState()).toEqual(before);
    await store.close();
  });
});
