import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/ports/store.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { passTime } from '../../support/engine-harness.ts';
import { minute, PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

const options = { channels: { dev: 1, alpha: 2 }, policy: { soakMs: 2 * minute, maxParallel: 2 } };

async function freshWorld(): Promise<{ world: PipelineWorld; commit: string }> {
  const world = await PipelineWorld.create(options);
  await world.settleClusters();
  await world.adopt();
  return { world, commit: world.source.merge('dev', 'b1', { pool: 'p2', manifest: 'm2', stack: 's2' }) };
}

/** Everything that has to be the same whatever happened on the way (P11): versions, branches, what clusters run. */
async function endState(world: PipelineWorld, commit: string): Promise<unknown> {
  const timeless = (value: Json): unknown =>
    JSON.parse(JSON.stringify(value, (key, item: unknown) => (key === 'updatedAt' || key === 'at' ? 0 : item)));
  const rows = await world.store.rows({});
  return {
    branches: [...world.source.branches],
    moves: world.source.moves,
    clusters: (await world.store.facts('cluster')).map((fact) => [fact.key, timeless(fact.value)]),
    channels: (await world.store.facts('channel')).map((fact) => [fact.key, timeless(fact.value)]),
    evidence: (await world.store.facts('evidence')).map((fact) => [fact.key, timeless(fact.value)]),
    rows: rows.map((row) => [row.id, row.value, row.status]).sort(),
    live: [...world.clusters.values()].map((cluster) => [
      cluster.id,
      [...cluster.pools],
      [...cluster.objects.keys()].sort(),
    ]),
    rolls: [...world.clusters.values()].map((cluster) =>
      cluster.mutations.filter((what) => what.startsWith('roll')).sort(),
    ),
    slots: await world.store.slotHolders('fleet'),
    done: rows.some((row) => row.id === `rollout:alpha:${commit}` && row.value === 'proven'),
  };
}

async function runToTheEnd(world: PipelineWorld, commit: string): Promise<void> {
  const daemon = await world.daemon();
  await daemon.start();
  await daemon.until('proven on alpha', async () => (await daemon.stateOf(`rollout:alpha:${commit}`)) === 'proven');
  // the channel hears of it
  await daemon.pass(2 * minute);
  await daemon.engine.stop();
}

/** One life that ends at its `killAt`-th crash point. Returns whether it got that far. */
async function liveUntil(world: PipelineWorld, commit: string, killAt: number): Promise<boolean> {
  const point = new CrashPoint(killAt);
  const daemon = await world.daemon({ store: crashingStore(world.store, point), lease: crashingLease(point) });
  try {
    await daemon.start();
    await passTime(world.clock, [daemon.engine], async () => {
      if (point.dead) return true;
      return (await world.store.load(`rollout:alpha:${commit}`))?.value === 'proven';
    });
  } catch (error) {
    if (!point.dead) throw error;
  }
  await daemon.engine.stop().catch(() => {});
  return point.dead;
}

describe('a daemon killed at any write', () => {
  it('ends in the state of an uninterrupted run, with nothing rolled twice (P11)', { timeout: 600_000 }, async () => {
    const calm = await freshWorld();
    await runToTheEnd(calm.world, calm.commit);
    const expected = await endState(calm.world, calm.commit);
    expect(expected).toMatchObject({ done: true, slots: [] });
    const stride = Number(process.env['CRASH_STRIDE'] ?? 7);
    let crashed = 0;
    for (let killAt = Number(process.env['CRASH_FROM'] ?? 0); ; killAt += stride) {
      const { world, commit } = await freshWorld();
      const dead = await liveUntil(world, commit, killAt);
      await runToTheEnd(world, commit);
      expect(await endState(world, commit), `killed at write ${killAt}`).toEqual(expected);
      if (!dead) break;
      crashed += 1;
    }
    expect(crashed).toBeGreaterThan(20);
  });
});
