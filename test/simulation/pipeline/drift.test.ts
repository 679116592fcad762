import { describe, expect, it } from 'vitest';
import { FailureError, terminal, transient } from '../../../src/domain/failure.ts';
import type { TimeWindow } from '../../../src/domain/time-window.ts';
import { adoptedWorld, minute, type PipelineWorld } from '../../support/pipeline/pipeline-world.ts';

const hour = 60 * minute;
const coredns = 'ConfigMap/kube-system/coredns';

const mutations = (world: PipelineWorld, alias: string): string[] => world.clusterOf(alias).mutations;
const journal = async (world: PipelineWorld, kind: string): Promise<string[]> =>
  (await world.store.journal({ limit: 10_000 })).filter((entry) => entry.kind === kind).map((entry) => entry.message);
const setItem = (world: PipelineWorld, alias: string, item: string, value: string): void => {
  world.registry = world.registry.map((cluster) =>
    cluster.alias === alias ? { ...cluster, configItems: { ...cluster.configItems, [item]: value } } : cluster,
  );
};
const configOf = (world: PipelineWorld, alias: string): unknown =>
  (world.clusterOf(alias).objects.get(coredns)?.['data'] as { config?: string } | undefined)?.config;
const edit = (world: PipelineWorld, alias: string): void => {
  const object = world.clusterOf(alias).objects.get(coredns);
  if (object !== undefined) object['data'] = { config: 'by hand' };
};
const isBack = (world: PipelineWorld, alias: string) => (): boolean => configOf(world, alias) === 'm';
const updates = async (world: PipelineWorld): Promise<string[]> =>
  (await world.store.rows({ machine: 'clusterUpdate' })).map((row) => row.cluster);

describe('a cluster that drifted', () => {
  it('is brought back within its interval, only where it differs, and checked', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 } });
    edit(world, 'dev-1');
    await daemon.until('brought back', isBack(world, 'dev-1'), 20 * hour);
    await daemon.pass(hour);
    expect(mutations(world, 'dev-1').filter((each) => each.startsWith('apply'))).toEqual([
      'apply ConfigMap coredns',
      'apply Deployment coredns',
    ]);
    expect(mutations(world, 'dev-1').filter((each) => /stack|roll/.test(each))).toEqual([]);
    expect(mutations(world, 'dev-2')).toEqual([]);
    expect(world.checkRuns.map((run) => run.cluster)).toEqual([world.clusterOf('dev-1').id]);
    expect((await journal(world, 'cluster-drifted'))[0]).toMatch(/ConfigMap kube-system\/coredns.*it is brought back/);
  });

  it('is only reported where the registry says so, and once', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    setItem(world, 'dev-1', 'drift', 'report');
    setItem(world, 'dev-1', 'drift_interval', '1h');
    edit(world, 'dev-1');
    await daemon.pass(5 * hour);
    expect(mutations(world, 'dev-1')).toEqual([]);
    const told = await journal(world, 'cluster-drifted');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain('it is left so');
  });

  it('is told of what somebody changed inside of its stacks, which no update brings back', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    setItem(world, 'dev-1', 'drift_interval', '1h');
    const [stack = ''] = world.clusterOf('dev-1').stacks.keys();
    const group = { logicalId: 'Group', type: 'AWS::AutoScaling::AutoScalingGroup', change: 'modified' as const };
    const moved = { ...group, properties: ['/DesiredCapacity', '/Tags/3'] };
    world.clusterOf('dev-1').drifts.set(stack, [moved]);
    await daemon.pass(5 * hour);
    expect(await journal(world, 'cluster-drifted')).toEqual([]);
    world.clusterOf('dev-1').drifts.set(stack, [{ ...moved, properties: ['/DesiredCapacity', '/MaxSize'] }]);
    await daemon.pass(5 * hour);
    const told = await journal(world, 'cluster-drifted');
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(
      `stack ${stack}: Group (AWS::AutoScaling::AutoScalingGroup) was changed by hand: MaxSize`,
    );
    expect(told[0]).toContain('it is left so');
    expect([...mutations(world, 'dev-1'), ...(await updates(world))]).toEqual([]);
  });

  it('is looked at without what nobody may ask CloudFormation', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const live = world.clusterOf('dev-1');
    const cloud = live.cloud;
    live.cloud = () => ({
      ...cloud.call(live),
      detectDrift: () =>
        Promise.reject(new FailureError(terminal('aws-unauthorized', 'DetectStackDrift is not allowed'))),
    });
    edit(world, 'dev-1');
    await daemon.until('brought back', isBack(world, 'dev-1'), 20 * hour);
  });

  it('is not looked at where the registry says so', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    setItem(world, 'dev-1', 'drift', 'off');
    setItem(world, 'dev-1', 'drift_interval', '1h');
    edit(world, 'dev-1');
    await daemon.pass(5 * hour);
    expect([...mutations(world, 'dev-1'), ...(await journal(world, 'cluster-drifted'))]).toEqual([]);
  });

  it('waits for the window of its channel like a commit (B3)', async () => {
    const closed: TimeWindow = {
      effect: 'deny',
      label: 'for ever',
      zone: 'UTC',
      times: { kind: 'between', from: '2000-01-01T00:00', to: '2100-01-01T00:00' },
      work: ['updates'],
    };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    world.pipeline = { ...world.pipeline, windows: [closed] };
    edit(world, 'dev-1');
    await daemon.pass(16 * hour);
    expect(await journal(world, 'cluster-drifted')).toHaveLength(1);
    expect(mutations(world, 'dev-1')).toEqual([]);
    world.pipeline = { ...world.pipeline, windows: [] };
    await daemon.until('brought back', isBack(world, 'dev-1'));
  });

  it('that cannot be seen has not drifted (B8)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    edit(world, 'dev-1');
    const live = world.clusterOf('dev-1');
    const kube = live.kube;
    live.kube = () => ({
      ...kube.call(live),
      list: () => Promise.reject(new FailureError(transient('kube-timeout', 'no answer'))),
      get: () => Promise.reject(new FailureError(transient('kube-timeout', 'no answer'))),
    });
    await daemon.pass(16 * hour);
    expect([...(await journal(world, 'cluster-drifted')), ...(await updates(world))]).toEqual([]);
  });
});

describe('an edit of the registry that changes what renders', () => {
  it('is carried out soon, through the same limits as a commit (B3)', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 6 },
      policy: { maxParallel: 2 },
      fleetMaxParallel: 2,
    });
    await daemon.pass(5 * minute);
    for (let n = 1; n <= 6; n += 1) setItem(world, `dev-${n}`, 'pool', 'edited');
    let peak = 0;
    const edited = (n: number): boolean =>
      world.clusterOf(`dev-${n}`).pools.get('worker')?.running === 'template worker edited';
    await daemon.until(
      'all edited',
      async () => {
        peak = Math.max(peak, (await world.store.slotHolders('fleet')).length);
        return [1, 2, 3, 4, 5, 6].every(edited);
      },
      6 * hour,
    );
    expect(peak).toBe(2);
    expect(await world.judge(['P3', 'P8'])).toMatchObject({ violations: [] });
  });

  it('that breaks clusters stops at the failure budget of the channel (P4)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 5 }, policy: { maxParallel: 1, maxFailures: 1 } });
    await daemon.pass(5 * minute);
    for (const cluster of world.clusters.keys()) world.failingChecks.set(cluster, { message: 'broken by the edit' });
    for (let n = 1; n <= 5; n += 1) setItem(world, `dev-${n}`, 'manifest', 'edited');
    await daemon.pass(12 * hour);
    expect(new Set(await updates(world)).size).toBe(2);
  });
});
