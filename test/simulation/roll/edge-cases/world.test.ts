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

  it('edge case 77: a pool of one gets its new node before the old one goes', async () => {
    const roll = world({ nodes: 1 });
    await end(roll, await begin(roll));
    const order = roll.events.map((event) => event.kind);
    expect(order.indexOf('node-ready')).toBeLessThan(order.indexOf('node-cordoned'));
    expect(roll.violations()).toEqual([]);
  });
});
