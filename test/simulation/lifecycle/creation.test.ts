import { describe, expect, it } from 'vitest';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { passTime } from '../../support/engine-harness.ts';
import { adoptedWorld, minute, type PipelineDaemon, PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

const options = { channels: { dev: 1 }, policy: { soakMs: 2 * minute, maxParallel: 2 } };

/** A second cluster on the channel that nothing exists of yet. */
function request(world: PipelineWorld): string {
  const cluster = world.addCluster('dev', 2);
  cluster.lifecycleStatus = 'requested';
  const live = world.clusterOf(cluster.alias);
  live.bornBy = `nodepool-master-${cluster.id.replaceAll(':', '-')}`;
  live.stackLooks = 2;
  live.pools.clear();
  return cluster.id;
}

const lifecycleOf = (world: PipelineWorld, id: string) =>
  world.view().clusters.find((cluster) => cluster.id === id)?.lifecycleStatus;
const ready = (world: PipelineWorld, daemon: PipelineDaemon, id: string) =>
  daemon.until('the cluster is ready', () => lifecycleOf(world, id) === 'ready');
const kinds = async (world: PipelineWorld, cluster: string) =>
  (await world.store.journal({ cluster, limit: 1_000 })).map((entry) => entry.kind);

describe('a cluster that the registry asks for', () => {
  it('is made in order, checked, and then ready: its stacks, its API, its objects', async () => {
    const { world, daemon } = await adoptedWorld(options);
    const id = request(world);
    await ready(world, daemon, id);
    const live = world.clusterOf('dev-2');
    const pool = (name: string) => `create stack nodepool-${name}-${id.replaceAll(':', '-')}`;
    expect(live.mutations).toEqual([
      'create stack dev-2',
      pool('master'),
      pool('worker'),
      'apply ConfigMap coredns',
      'apply Deployment coredns',
    ]);
    expect(await kinds(world, id)).toEqual(
      expect.arrayContaining(['update-started', 'cluster-lifecycle', 'cluster-pinned', 'cluster-updated']),
    );
    expect(world.checkRuns.filter((run) => run.cluster === id)).not.toEqual([]);
    expect((await world.store.fact('lifecycle', id))?.value).toMatchObject({ status: 'ready' });
    expect(await world.judge()).toMatchObject({ violations: [] });
    // an ordinary cluster from now on
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    expect(live.objects.get('ConfigMap/kube-system/coredns')?.['data']).toEqual({ config: 'm2' });
    await daemon.engine.stop();
  });

  it('waits for its API as long as it takes, without a failure, and says so', async () => {
    const { world, daemon } = await adoptedWorld(options);
    const id = request(world);
    world.clusterOf('dev-2').bornBy = 'a stack that nobody makes';
    const update = async () => (await world.store.rows({ machine: 'clusterUpdate', cluster: id })).at(0);
    await daemon.until('it waits for the API', async () => (await update())?.value === 'api');
    await daemon.pass(20 * minute);
    expect(await update()).toMatchObject({
      value: 'api',
      context: {
        failures: 0,
        wait: { code: 'api-not-ready', message: expect.stringContaining('has no API') as string },
      },
    });
    expect(lifecycleOf(world, id)).toBe('creating');
    expect(world.clusterOf('dev-2').mutations.filter((what) => what.startsWith('apply'))).toEqual([]);
    world.clusterOf('dev-2').bornBy = undefined;
    await ready(world, daemon, id);
    await daemon.engine.stop();
  });

  it('is not ready before its checks pass; what failed is taken up again where it stands', async () => {
    const { world, daemon } = await adoptedWorld(options);
    const id = request(world);
    world.failingChecks.set(id, { message: 'no network' });
    const failures = async () =>
      (await daemon.context<{ catchUps: Record<string, { failures: number }> }>('channel:dev')).catchUps[id]?.failures;
    await daemon.until('it failed', async () => (await failures()) === 1);
    expect(lifecycleOf(world, id)).toBe('creating');
    world.failingChecks.delete(id);
    const failedAt = world.clock.now();
    await daemon.operations.retry(
      { scope: { kind: 'cluster', name: 'dev-2' }, reason: 'network is back' },
      { name: 'jo' },
    );
    await ready(world, daemon, id);
    expect(world.clock.now() - failedAt).toBeLessThan(45 * minute);
    const created = world.clusterOf('dev-2').mutations.filter((what) => what.startsWith('create stack'));
    expect(new Set(created).size).toBe(created.length);
    await daemon.engine.stop();
  });

  it('that cannot be made stops nobody: another cluster of its channel catches up meanwhile', async () => {
    const { world, daemon } = await adoptedWorld({ ...options, policy: { ...options.policy, maxFailures: 0 } });
    const id = request(world);
    world.failingChecks.set(id, { message: 'no network' });
    const failed = async () =>
      (await daemon.context<{ catchUps: Record<string, { state: string }> }>('channel:dev')).catchUps[id]?.state ===
      'failed';
    await daemon.until('it failed', failed);
    const failedAt = world.clock.now();
    const late = world.addCluster('dev', 3);
    await world.settleClusters();
    const live = world.clusterOf(late.alias);
    await daemon.until('the other one has caught up', async () => {
      const fact = (await world.store.fact('cluster', late.id))?.value as { commit?: string | null } | undefined;
      return fact?.commit != null;
    });
    // well before what failed is taken up again
    expect(world.clock.now() - failedAt).toBeLessThan(45 * minute);
    expect(live.mutations).toContain('apply Deployment coredns');
    expect(lifecycleOf(world, id)).toBe('creating');
    expect(await failed()).toBe(true);
    await daemon.engine.stop();
  });

  it('is not begun while the fleet is frozen', async () => {
    const { world, daemon } = await adoptedWorld(options);
    const freeze = { kind: 'freeze' as const, scope: { kind: 'fleet' as const }, reason: 'a drill', forSeconds: 3_600 };
    await daemon.control.override(freeze, { name: 'jo' });
    const id = request(world);
    await daemon.pass(30 * minute);
    expect(world.clusterOf('dev-2').mutations).toEqual([]);
    expect(lifecycleOf(world, id)).toBe('requested');
    await ready(world, daemon, id);
    await daemon.engine.stop();
  });
});

describe('a daemon killed at any write of a creation', () => {
  async function fresh(): Promise<{ world: PipelineWorld; id: string }> {
    const world = await PipelineWorld.create(options);
    await world.settleClusters();
    await world.adopt();
    return { world, id: request(world) };
  }

  async function endState(world: PipelineWorld, id: string): Promise<unknown> {
    const live = world.clusterOf('dev-2');
    const fact = (await world.store.fact('cluster', id))?.value as { currentVersion: string; digest: string };
    return {
      lifecycle: lifecycleOf(world, id),
      version: fact.currentVersion,
      digest: fact.digest,
      stacks: [...live.stacks.keys()].sort(),
      created: live.mutations.filter((what) => what.startsWith('create stack')).sort(),
      objects: [...live.objects.keys()].sort(),
      slots: await world.store.slotHolders('fleet'),
    };
  }

  it('ends with the same cluster, nothing made twice', { timeout: 300_000 }, async () => {
    const calm = await fresh();
    const daemon = await calm.world.daemon();
    await daemon.start();
    await ready(calm.world, daemon, calm.id);
    await daemon.engine.stop();
    const expected = await endState(calm.world, calm.id);
    expect(expected).toMatchObject({ lifecycle: 'ready', slots: [] });
    let crashed = 0;
    for (let killAt = 0; ; killAt += Number(process.env['CRASH_STRIDE'] ?? 2)) {
      const { world, id } = await fresh();
      const point = new CrashPoint(killAt);
      const first = await world.daemon({ store: crashingStore(world.store, point), lease: crashingLease(point) });
      try {
        await first.start();
        await passTime(world.clock, [first.engine], async () => point.dead || lifecycleOf(world, id) === 'ready');
      } catch (error) {
        if (!point.dead) throw error;
      }
      await first.engine.stop().catch(() => {});
      const second = await world.daemon();
      await second.start();
      await ready(world, second, id);
      await second.engine.stop();
      expect(await endState(world, id), `killed at write ${killAt}`).toEqual(expected);
      if (!point.dead) break;
      crashed += 1;
    }
    expect(crashed).toBeGreaterThan(20);
  });
});
