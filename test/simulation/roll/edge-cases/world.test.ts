import { describe, expect, it } from 'vitest';
import { cloud, instanceOf, kubectl, nodesOf } from '../../../support/roll-sim/people.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  journalOf,
  type PoolSpec,
  type RollDaemon,
  RollWorld,
  startDaemon,
  startRoll,
  stateOf,
} from '../../../support/roll-world.ts';

function world(pool: Partial<PoolSpec>, ...workloads: object[]): RollWorld {
  const roll = new RollWorld({
    pools: [
      { name: 'workers', nodes: 3, ...pool },
      { name: 'other', nodes: 1 },
    ],
  });
  if (workloads.length > 0) roll.apply(...workloads);
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
}

async function begin(roll: RollWorld): Promise<RollDaemon> {
  const daemon = await startDaemon(roll);
  roll.events.length = 0;
  await startRoll(daemon, roll, 'workers');
  return daemon;
}

/** To the end of the roll, and a while longer. */
async function end(roll: RollWorld, daemon: RollDaemon): Promise<void> {
  await daemon.run(() => finished(daemon, 'workers'));
  expect(await stateOf(daemon, 'workers')).toBe('rolled');
  roll.pass(300);
  await daemon.stop();
}

const membersOf = (roll: RollWorld, name = 'workers') =>
  roll.world.aws
    .truth()
    .groups()
    .find((group) => group.name === name)?.members ?? [];

/** A Deployment whose pods have this volume, too. */
function withVolume(workload: object, volume: Record<string, unknown>): object {
  const made = structuredClone(workload) as { spec: { template: { spec: { volumes?: object[] } } } };
  made.spec.template.spec.volumes = [volume];
  return made;
}

const evicted = (roll: RollWorld): string[] =>
  roll.events.flatMap((event) => (event.kind === 'eviction-accepted' ? [event.pod] : []));
const cordons = (roll: RollWorld): number => roll.events.filter((event) => event.kind === 'node-cordoned').length;
const has = async (daemon: RollDaemon, kind: string): Promise<boolean> =>
  (await journalOf(daemon)).some((line) => line.startsWith(`${kind}:`));

describe('eviction and budgets', () => {
  it('edge case 1: pods of a DaemonSet are not evicted and hold nothing up', async () => {
    const roll = world({});
    await end(roll, await begin(roll));
    expect(evicted(roll).filter((pod) => pod.startsWith('kube-proxy'))).toEqual([]);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 6: a finished pod is not evicted and holds nothing up', async () => {
    const job = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'once', namespace: 'shop' },
      spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'once:1' }] },
    };
    const roll = new RollWorld({
      pools: [{ name: 'workers', nodes: 2 }],
      behaviours: [{ image: 'once', exit: { afterMs: 1_000, code: 0 } }],
    });
    roll.apply(job);
    expect(roll.kube.truth().pods.get('shop/once')?.status.phase).toBe('Succeeded');
    roll.outdate('workers');
    roll.watchInvariants();
    await end(roll, await begin(roll));
    expect(evicted(roll)).not.toContain('once');
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 24: one replica that must be available is reported before any cordon of its node', async () => {
    const roll = world(
      { nodes: 1 },
      deployment('only', 1, { nodeSelector: { 'node.kubernetes.io/node-pool': 'workers' } }),
      budget('only', { minAvailable: 1 }),
    );
    const daemon = await begin(roll);
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.wait?.code === 'blocked');
    expect(cordons(roll)).toBe(0);
    expect((await contextOf(daemon, 'workers')).wait.message).toContain('only');
    await daemon.stop();
  });

  it.each([
    ['30% unavailable of 7', 7, { maxUnavailable: '30%' }],
    ['50% available of 3', 3, { minAvailable: '50%' }],
  ])('edge case 25: percentages round up, and %s is kept to', async (_name, replicas, spec) => {
    const roll = world({}, deployment('web', replicas), budget('web', spec));
    await end(roll, await begin(roll));
    expect(roll.violations()).toEqual([]);
    expect(evicted(roll).some((pod) => pod.startsWith('web'))).toBe(true);
  });
});

describe('pods that are not like others', () => {
  it('edge case 3: a mirror pod is not evicted and holds nothing up', async () => {
    const roll = world({ nodes: 1 });
    const [node] = roll.nodes('workers');
    const mirror = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `static-${node.metadata.name}`,
        namespace: 'shop',
        annotations: { 'kubernetes.io/config.mirror': 'x', 'kubernetes.io/config.source': 'file' },
      },
      spec: { nodeName: node.metadata.name, containers: [{ name: 'main', image: 'static:1' }] },
    };
    roll.kube.seed([mirror], 'kubelet');
    roll.pass(30);
    await end(roll, await begin(roll));
    expect(evicted(roll).filter((pod) => pod.startsWith('static'))).toEqual([]);
  });

  it('edge case 5: a pod with an emptyDir moves like any other: its data is scratch', async () => {
    const roll = world({ nodes: 2 }, withVolume(deployment('cache', 1), { name: 'scratch', emptyDir: {} }));
    await end(roll, await begin(roll));
    expect(evicted(roll).some((pod) => pod.startsWith('cache'))).toBe(true);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 18: an eviction that the server could not count is asked for again, and nothing is deleted instead', async () => {
    const roll = world({ nodes: 2 }, deployment('web', 4), budget('web', { maxUnavailable: 1 }));
    let times = 0;
    const timeout = {
      kind: 'Status',
      status: 'Failure',
      code: 504,
      reason: 'Timeout',
      message: `Timeout: couldn't update PodDisruptionBudget "web" due to conflicts`,
      details: { retryAfterSeconds: 10 },
    };
    const { handle } = roll.kube;
    Object.assign(roll.kube, {
      handle: (request: Parameters<typeof handle>[0]) => {
        if (request.method !== 'POST' || !request.path.endsWith('/eviction') || times >= 3)
          return handle.call(roll.kube, request);
        times += 1;
        return { status: 504, body: timeout };
      },
    });
    await end(roll, await begin(roll));
    expect(times).toBe(3);
    expect(roll.violations()).toEqual([]);
  });
});

describe('nodes and the cluster', () => {
  it('edge case 43: a node object that somebody deletes leaves an instance, which is ended all the same', async () => {
    const roll = world({});
    const node = nodesOf(roll).find((one) => one.metadata.labels?.['node.kubernetes.io/node-pool'] === 'workers');
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-launched'));
    kubectl(roll, 'DELETE', `/api/v1/nodes/${node?.metadata.name}`);
    await end(roll, daemon);
    const ended = roll.events.flatMap((event) =>
      event.kind === 'instance-terminate-requested' ? [event.instanceId] : [],
    );
    expect(ended).toContain(node && instanceOf(node));
    expect(roll.group('workers').DesiredCapacity).toBe(3);
  });
});

describe('groups and the cloud', () => {
  it('edge case 51: a maximum without room is raised for the roll and restored', async () => {
    const roll = world({ max: 3 });
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-launched'));
    expect(roll.group('workers').MaxSize).toBeGreaterThan(3);
    await end(roll, daemon);
    expect(roll.group('workers').MaxSize).toBe(3);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 53: an old node that the autoscaler has taken is progress, and its place stays given up', async () => {
    const roll = world({});
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-launched'));
    const taken = membersOf(roll).find((one) => one.outdated);
    const asked = { InstanceId: taken?.instanceId, ShouldDecrementDesiredCapacity: true };
    expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'TerminateInstanceInAutoScalingGroup', asked)).toBe(true);
    await end(roll, daemon);
    expect(roll.group('workers').DesiredCapacity).toBe(2);
    expect(membersOf(roll).map((one) => one.outdated)).toEqual([false, false]);
  });

  it('edge case 54: a new node is exempt from scale-down before the roll rests on it, and no more at the end', async () => {
    const roll = world({});
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-cordoned'));
    const fresh = new Set(membersOf(roll).flatMap((one) => (one.outdated ? [] : [one.instanceId])));
    const exempt = (): boolean[] =>
      nodesOf(roll)
        .filter((node) => fresh.has(instanceOf(node)))
        .map((node) => node.metadata.annotations?.['cluster-autoscaler.kubernetes.io/scale-down-disabled'] === 'true');
    expect(exempt()).toEqual([true]);
    await end(roll, daemon);
    expect(exempt()).toEqual([false]);
  });

  it('edge case 58: launches that nobody permits are said, and not asked for all the time', async () => {
    const roll = world({});
    for (const action of ['LaunchInstances', 'SetDesiredCapacity']) {
      const message = `is not authorized to perform: autoscaling:${action}`;
      roll.world.faults.add({ kind: 'refuse', action, code: 'AccessDenied', message, status: 403 });
    }
    const daemon = await begin(roll);
    const until = roll.world.clock.now() + 3_600_000;
    await daemon.run(() => roll.world.clock.now() >= until);
    const said = JSON.stringify(await contextOf(daemon, 'workers')) + (await journalOf(daemon)).join();
    expect(said).toContain('not authorized to perform');
    expect(daemon.calls.aws).toBeLessThan(400);
    expect(cordons(roll)).toBe(0);
    await daemon.stop();
  });

  it('edge case 60: a scaling activity in progress is waited for', async () => {
    const roll = world({});
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-cordoned'));
    const busy = roll.world.faults.add({
      kind: 'refuse',
      action: 'TerminateInstanceInAutoScalingGroup',
      code: 'ScalingActivityInProgress',
      message: 'Activity is in progress',
      status: 400,
    });
    const until = roll.world.clock.now() + 300_000;
    await daemon.run(() => roll.world.clock.now() >= until);
    roll.world.faults.remove(busy);
    await end(roll, daemon);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 63: a group at its minimum is rolled without lowering it: a place is given up only above the size', async () => {
    const roll = world({});
    roll.call('autoscaling', 'UpdateAutoScalingGroup', { AutoScalingGroupName: 'workers', MinSize: 3 });
    await end(roll, await begin(roll));
    const least = roll.events.flatMap((event) => (event.kind === 'group-changed' ? [event.after.min] : []));
    expect(new Set(least)).toEqual(new Set([3]));
    expect(roll.group('workers')).toMatchObject({ MinSize: 3, DesiredCapacity: 3 });
  });

  it('edge case 68: an instance that a hook keeps terminating for hours frees its slot and holds nothing up', async () => {
    const roll = world({});
    roll.call('autoscaling', 'PutLifecycleHook', {
      AutoScalingGroupName: 'workers',
      LifecycleHookName: 'archive',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
      HeartbeatTimeout: 7_200,
      DefaultResult: 'CONTINUE',
    });
    const startedAt = roll.world.clock.now();
    const daemon = await begin(roll);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    expect(roll.world.clock.now() - startedAt).toBeLessThan(3_600_000);
    expect(membersOf(roll).filter((one) => one.state === 'Terminating:Wait')).toHaveLength(3);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    await daemon.stop();
  });

  it('edge case 79: a pool of several groups is rolled as one, each group to its own size', async () => {
    const groups = [
      { name: 'workers', nodes: 3 },
      { name: 'workers-b', nodes: 2, templateOf: 'workers', zones: ['eu-central-1a'] },
    ];
    const roll = world({ nodes: 5, groups });
    await end(roll, await begin(roll));
    for (const [name, size] of [
      ['workers', 3],
      ['workers-b', 2],
    ] as const) {
      expect(roll.group(name).DesiredCapacity).toBe(size);
      expect(membersOf(roll, name).map((one) => one.outdated)).toEqual(Array.from({ length: size }, () => false));
    }
  });

  it('edge case 66: a spot instance that is taken away, old or new, costs no other node', async () => {
    const roll = world({}, deployment('web', 6));
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-terminated'));
    for (const outdated of [true, false]) {
      const members =
        roll.world.aws
          .truth()
          .groups()
          .find((group) => group.name === 'workers')?.members ?? [];
      const taken = members.find((one) => one.outdated === outdated && one.state === 'InService');
      cloud(roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [taken?.instanceId] });
    }
    await end(roll, daemon);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(roll.nodes('workers')).toHaveLength(3);
  });
});
