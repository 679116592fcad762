import { describe, expect, it } from 'vitest';
import type { WorldEvent } from '../../../src/simulator/model/seams.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  type GroupSpec,
  journalOf,
  type RollDaemon,
  RollWorld,
  type RollWorldOptions,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

describe('a whole roll', () => {
  it.each([1, 3, 6])('replaces every node of a pool of %i and leaves everything as it was', async (nodes) => {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes },
        { name: 'other', nodes: 2 },
      ],
    });
    roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const lines = await journalOf(daemon);
    expect(lines.filter((line) => line.startsWith('node-terminated'))).toHaveLength(nodes);
    expect((await contextOf(daemon, 'workers')).nodesReplaced).toBe(nodes);
    await daemon.stop();
  });

  it('does nothing to a pool that is current', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    expect(roll.events.filter((event) => event.actor.kind === 'client')).toEqual([]);
    await daemon.stop();
  });

  it('asks load balancers only when nodes are judged: not to prepare a group, to write its tags, or to put it back', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1, balancer: 'target-group' }] });
    roll.outdate('workers');
    roll.watchInvariants();
    const asked = { groups: 0, balancers: 0 };
    const reached = new Map<string, typeof asked>();
    const daemon = await startDaemon(roll, {
      onCommitted: ({ to }) => reached.has(to) || reached.set(to, { ...asked }),
      wrapCloud: (cloud) => ({
        ...cloud,
        describeGroups: (tags) => {
          asked.groups += 1;
          return cloud.describeGroups(tags);
        },
        loadBalancerHealth: (classic, targetGroups) => {
          asked.balancers += 1;
          return cloud.loadBalancerHealth(classic, targetGroups);
        },
      }),
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(reached.get('rolling')).toEqual({ groups: 2, balancers: 0 });
    const [rolling, finalizing, rolled] = ['rolling', 'finalizing', 'rolled'].map((state) => reached.get(state));
    // what was ended is read with its tags, which are written after that
    expect(Number(finalizing?.groups) - Number(rolling?.groups)).toBeGreaterThan(Number(finalizing?.balancers));
    expect(Number(rolled?.groups)).toBeGreaterThan(Number(finalizing?.groups));
    expect(rolled?.balancers).toBe(finalizing?.balancers);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('moves pods of tight budgets one by one and never violates them', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 6 }] });
    roll.apply(
      deployment('tight', 6, { image: 'slow:1' }),
      budget('tight', { minAvailable: 5 }),
      deployment('single', 2),
      budget('single', { minAvailable: 1 }),
      deployment('free', 5),
    );
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('shares the lane of a budget between two pools, one pod in flight at a time', async () => {
    const roll = new RollWorld({
      pools: [
        { name: 'alpha', nodes: 3 },
        { name: 'beta', nodes: 3 },
      ],
    });
    roll.apply(deployment('web', 12), budget('web', { maxUnavailable: 3 }));
    roll.outdate('alpha');
    roll.outdate('beta');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'alpha');
    await startRoll(daemon, roll, 'beta');
    let mostTerminating = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'eviction-accepted') return;
      const pods = [...roll.kube.truth().pods.values()] as { metadata: { deletionTimestamp?: string; name: string } }[];
      const going = pods.filter(
        (pod) => pod.metadata.name !== event.pod && pod.metadata.deletionTimestamp !== undefined,
      );
      // The pod of this event is about to be the next.
      mostTerminating = Math.max(mostTerminating, going.length + 1);
    });
    await daemon.run(() => finished(daemon, 'alpha', 'beta'));
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(mostTerminating).toBe(1);
    expect(roll.events.some((event) => event.kind === 'eviction-refused')).toBe(false);
    await daemon.stop();
  });

  it('replaces a control plane of three one at a time, out of its load balancers first, and lets it settle', async () => {
    const roll = new RollWorld({
      pools: [
        { name: 'masters', nodes: 3, controlPlane: true },
        { name: 'workers', nodes: 2 },
      ],
    });
    roll.outdate('masters');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'masters');
    await daemon.run(() => finished(daemon, 'masters'));
    expect(await stateOf(daemon, 'masters')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const order = roll.events
      .filter((event) => event.actor.kind === 'client')
      .filter((event) => ['node-cordoned', 'deregistered', 'instance-terminate-requested'].includes(event.kind));
    const kinds = order.map((event) => event.kind);
    expect(kinds).toEqual(
      [1, 2, 3].flatMap(() => ['node-cordoned', 'deregistered', 'deregistered', 'instance-terminate-requested']),
    );
    const ends = order.filter((event) => event.kind === 'instance-terminate-requested').map((event) => event.at);
    const cordons = order.filter((event) => event.kind === 'node-cordoned').map((event) => event.at);
    expect((cordons[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThanOrEqual(60_000);
    await daemon.stop();
  });
});

const newImage = 'ami-00000000000000002';
const zone = (letter: string): string => `eu-central-1${letter}`;

/** A pool of these groups that is to be rolled, and a node of another one. */
function poolOf(groups: GroupSpec[], more: Partial<RollWorldOptions> = {}): RollWorld {
  const nodes = groups.reduce((sum, group) => sum + group.nodes, 0);
  const roll = new RollWorld({
    pools: [
      { name: 'workers', nodes, groups },
      { name: 'other', nodes: 1 },
    ],
    ...more,
  });
  roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
  roll.events.length = 0;
  return roll;
}

async function begin(roll: RollWorld): Promise<RollDaemon> {
  roll.watchInvariants();
  const daemon = await startDaemon(roll);
  await startRoll(daemon, roll, 'workers');
  return daemon;
}

async function end(roll: RollWorld, daemon: RollDaemon, state: string): Promise<void> {
  await daemon.run(() => finished(daemon, 'workers'));
  expect(await stateOf(daemon, 'workers')).toBe(state);
  roll.pass(300);
  await daemon.stop();
}

const launchesOf = (roll: RollWorld, group: string): WorldEvent[] =>
  roll.events.filter((event) => event.kind === 'instance-launched' && event.group === group);
/** Nodes of a group on the old template, and on the new one. */
const ages = (roll: RollWorld, group: string): { old: number; fresh: number } => {
  const members = roll.members(group).filter((one) => one.state === 'InService');
  const old = members.filter((one) => one.outdated).length;
  return { old, fresh: members.length - old };
};

describe('a pool of several groups', () => {
  it('of a zone each goes on where there is capacity, and every group keeps its size and its zone', async () => {
    const groups = ['a', 'b', 'c'].map((letter, i) => ({
      name: `workers-${letter}`,
      nodes: i + 1,
      zones: [zone(letter)],
      ...(i === 0 ? {} : { templateOf: 'workers-a' }),
    }));
    const roll = poolOf(groups);
    roll.outdate('workers');
    const dry = roll.world.faults.addCapacity({ zone: zone('a') });
    const daemon = await begin(roll);
    await daemon.run(() => ages(roll, 'workers-b').old + ages(roll, 'workers-c').old === 0);
    expect(ages(roll, 'workers-a')).toEqual({ old: 1, fresh: 0 });
    await daemon.run(async () => (await contextOf(daemon, 'workers')).wait?.code === 'no-capacity');
    roll.world.faults.remove(dry);
    await end(roll, daemon, 'rolled');
    expect(roll.violations()).toEqual([]);
    for (const { name, nodes, zones } of groups) {
      expect(ages(roll, name)).toEqual({ old: 0, fresh: nodes });
      expect(new Set(roll.members(name).map((one) => one.zone))).toEqual(new Set(zones));
      expect(roll.group(name).DesiredCapacity).toBe(nodes);
    }
  });

  const twoTypes = (): GroupSpec[] => [
    { name: 'workers-c5', nodes: 2, instanceType: 'c5.large' },
    { name: 'workers-m5', nodes: 3, instanceType: 'm5.large' },
  ];

  it('of a type each rolls the one that can be had in the same zones, and the other once it can', async () => {
    const roll = poolOf(twoTypes(), { surge: 2 });
    roll.outdate('workers');
    const dry = ['a', 'b', 'c'].map((letter) =>
      roll.world.faults.addCapacity({ zone: zone(letter), instanceType: 'c5.large' }),
    );
    const daemon = await begin(roll);
    await daemon.run(() => ages(roll, 'workers-m5').old === 0);
    expect(ages(roll, 'workers-c5')).toEqual({ old: 2, fresh: 0 });
    for (const fault of dry) roll.world.faults.remove(fault);
    await end(roll, daemon, 'rolled');
    expect(roll.violations()).toEqual([]);
    for (const { name, nodes } of twoTypes()) expect(ages(roll, name)).toEqual({ old: 0, fresh: nodes });
  });

  it('tries one node of a content that does not boot at a time, and leaves its old nodes, whatever else has booted', async () => {
    const [m5, x5] = [
      { name: 'workers-m5', nodes: 3 },
      { name: 'workers-x5', nodes: 2, instanceType: 'c5.large' },
    ];
    const roll = poolOf([m5, x5], { surge: 3, bootTimeoutMs: 300_000 });
    const bad = 'ami-0000000000000bad1';
    roll.world.faults.badImages.add(bad);
    roll.outdateGroup('workers', m5, newImage);
    roll.outdateGroup('workers', x5, bad);
    let atOnce = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'instance-launched') return;
      const fresh = roll.members('workers-x5').filter((one) => !one.outdated && one.instanceId !== event.instanceId);
      atOnce = Math.max(atOnce, fresh.length + (event.group === 'workers-x5' ? 1 : 0));
    });
    const daemon = await begin(roll);
    await end(roll, daemon, 'failed');
    expect(roll.violations()).toEqual([]);
    expect(atOnce).toBe(1);
    expect(launchesOf(roll, 'workers-x5')).toHaveLength(3);
    expect(ages(roll, 'workers-x5')).toEqual({ old: 2, fresh: 0 });
  });
});

describe('a pool of spot and on-demand nodes', () => {
  const mixed = { types: ['m5.large', 'm5a.large'], onDemand: { base: 1, percent: 0 } };
  const spotIn = (roll: RollWorld): number => {
    const InstanceIds = roll.members('workers').map((one) => one.instanceId);
    const found = roll.call('ec2', 'DescribeInstances', { InstanceIds }).Reservations as {
      Instances: { InstanceLifecycle?: string }[];
    }[];
    return found.flatMap((one) => one.Instances).filter((one) => one.InstanceLifecycle === 'spot').length;
  };

  it('keeps its size when spot nodes, old and new, get their notice in the middle', async () => {
    const roll = poolOf([{ name: 'workers', nodes: 4, mixed }], { surge: 2 });
    expect(spotIn(roll)).toBe(3);
    roll.outdate('workers');
    const daemon = await begin(roll);
    await daemon.run(() => roll.events.some((event) => event.kind === 'node-cordoned'));
    const [old] = roll.world.aws.interruptSpot({ group: 'workers', most: 1 });
    const taken = roll.members('workers').filter((one) => !one.outdated);
    for (const { instanceId } of taken) roll.world.aws.interruptSpot({ instanceId });
    expect(roll.members('workers').find((one) => one.instanceId === old)?.outdated).toBe(true);
    await end(roll, daemon, 'rolled');
    const notices = roll.events.filter((event) => event.kind === 'spot-notice' && event.notice === 'interruption');
    expect(notices.length).toBeGreaterThanOrEqual(2);
    expect(roll.violations()).toEqual([]);
    expect(ages(roll, 'workers')).toEqual({ old: 0, fresh: 4 });
    expect(spotIn(roll)).toBeGreaterThan(0);
  });

  it('has its types and its share of spot nodes after a rollback', async () => {
    const roll = poolOf([{ name: 'workers', nodes: 2, mixed }]);
    const before = roll.group('workers').MixedInstancesPolicy;
    roll.outdate('workers');
    const daemon = await begin(roll);
    await daemon.run(() => launchesOf(roll, 'workers').length > 0);
    const event = { type: 'ROLLBACK', by: 'ada', reason: 'it panics' };
    await daemon.engine.post({ to: rollId('workers'), event });
    await end(roll, daemon, 'aborted');
    expect(roll.group('workers').MixedInstancesPolicy).toEqual(before);
    expect(ages(roll, 'workers')).toEqual({ old: 0, fresh: 2 });
  });
});
