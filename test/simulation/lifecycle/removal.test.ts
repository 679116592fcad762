import { describe, expect, it } from 'vitest';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { passTime } from '../../support/engine-harness.ts';
import { adoptedWorld, minute, PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

const options = { channels: { dev: 1 }, policy: { soakMs: 2 * minute, maxParallel: 2 } };

/** A pool that nothing renders, as an earlier configuration has left it. */
function leaveBehind(world: PipelineWorld, pool: string): string {
  const live = world.clusterOf('dev-1');
  const name = `nodepool-${pool}-${live.id.replaceAll(':', '-')}`;
  const template = 'Resources: {Group: {Type: "AWS::AutoScaling::AutoScalingGroup"}}';
  const tags = {
    [`kubernetes.io/cluster/${live.id}`]: 'owned',
    NodePool: pool,
    'kubernetes.io/role/node-pool': 'true',
  };
  live.settle({ name, template, parameters: {}, tags });
  live.pools.set(pool, { running: template, wanted: template, nodes: 3 });
  return name;
}

const leaving = (world: PipelineWorld): string[] =>
  world.clusterOf('dev-1').mutations.filter((what) => /^(drain|delete stack|unprotect)/.test(what));

describe('an update of a cluster that has a pool which nothing renders any more', () => {
  it('drains it when all else is done and it has cooled off, deletes its stack, and is proven', async () => {
    const { world, daemon } = await adoptedWorld(options);
    const stack = leaveBehind(world, 'old');
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const startedAt = world.clock.now();
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    expect(leaving(world)).toEqual(['drain old', `unprotect stack ${stack}`, `delete stack ${stack}`]);
    expect(world.clock.now() - startedAt).toBeGreaterThan(10 * minute);
    expect(world.clusterOf('dev-1').mutations.indexOf('drain old')).toBeGreaterThan(
      world.clusterOf('dev-1').mutations.indexOf('apply ConfigMap coredns'),
    );
    expect(await world.store.facts('orphans')).toEqual([]);
    expect(await world.judge()).toMatchObject({ violations: [] });
    await daemon.engine.stop();
  });

  it('keeps its stack while a node of it cannot be drained, and tells the rollout', async () => {
    const { world, daemon } = await adoptedWorld(options);
    leaveBehind(world, 'old');
    const { id } = world.clusterOf('dev-1');
    world.rolls.set(`${id}/old`, { durationMs: minute, blocked: true });
    world.source.merge('dev', 'b1', { manifest: 'm2' });
    const update = async () => (await world.store.rows({ machine: 'clusterUpdate', cluster: id })).at(-1);
    await daemon.until('it is held up', async () =>
      (JSON.stringify((await update())?.context) ?? '').includes('allows no disruption'),
    );
    await daemon.pass(3 * 60 * minute);
    expect((await update())?.value).toBe('removals');
    expect(leaving(world)).toEqual([]);
    world.rolls.delete(`${id}/old`);
    await daemon.until('it is gone', () => leaving(world).length === 3);
    await daemon.engine.stop();
  });

  it('ends the same when the daemon is killed on the way', { timeout: 120_000 }, async () => {
    const killedIn = new Set<string>();
    for (const killAt of [46, 49, 52, 55, 58, 61]) {
      const world = await PipelineWorld.create(options);
      await world.settleClusters();
      await world.adopt();
      const stack = leaveBehind(world, 'old');
      const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
      const proven = async () => (await world.store.load(`rollout:dev:${commit}`))?.value === 'proven';
      const point = new CrashPoint(killAt);
      const first = await world.daemon({ store: crashingStore(world.store, point), lease: crashingLease(point) });
      try {
        await first.start();
        await passTime(world.clock, [first.engine], async () => point.dead || (await proven()));
      } catch (error) {
        if (!point.dead) throw error;
      }
      await first.engine.stop().catch(() => {});
      const [update] = await world.store.rows({ machine: 'clusterUpdate' });
      if (point.dead) killedIn.add(typeof update?.value === 'string' ? update.value : '');
      const second = await world.daemon();
      await second.start();
      await second.until('proven', proven);
      await second.engine.stop();
      expect([...world.clusterOf('dev-1').stacks.keys()], `killed at write ${killAt}`).not.toContain(stack);
      expect(leaving(world).filter((what) => what === 'drain old')).toHaveLength(1);
    }
    expect([...killedIn]).toContain('removals');
  });
});
