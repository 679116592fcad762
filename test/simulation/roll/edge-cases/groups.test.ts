/** Edge cases of groups and of the cloud that only a world with time in it shows. */
import { describe, expect, it } from 'vitest';
import {
  after,
  begin,
  cordoned,
  end,
  ended,
  has,
  launched,
  membersOf,
  outdatedWorld,
  tell,
} from '../../../support/roll-sim/edge-world.ts';
import { cloud } from '../../../support/roll-sim/people.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  type RollDaemon,
  type RollWorld,
  stateOf,
  zones,
} from '../../../support/roll-world.ts';
import { database, storageClass } from '../database.ts';

const minute = 60_000;
const waitOf = async (daemon: RollDaemon): Promise<string | undefined> =>
  (await contextOf(daemon, 'workers'))?.wait?.code;
/** Asked for by the roll, and changing something. */
const changes = (roll: RollWorld) =>
  roll.events.filter((event) => event.actor.kind === 'client' && event.actor.name.startsWith('clm'));
/** Instances that the roll has asked to end. */
const byRoll = (roll: RollWorld) =>
  changes(roll).flatMap((event) => (event.kind === 'instance-terminate-requested' ? [event.instanceId] : []));
const serving = (roll: RollWorld) => membersOf(roll).filter((one) => one.state === 'InService');

describe('capacity that is not to be had', () => {
  it('edge case 56: in one zone sends pods that may go anywhere to another, and leaves the nodes alone whose volumes are there', async () => {
    const free = outdatedWorld({}, [deployment('web', 6)]);
    const [without] = zones();
    free.world.faults.addCapacity({ zone: without as string });
    await end(free, await begin(free));
    expect(membersOf(free).filter((one) => one.zone === without)).toEqual([]);
    const bound = outdatedWorld({}, [storageClass, database(3), budget('db', { maxUnavailable: 1 })]);
    const fault = bound.world.faults.addCapacity({ zone: without as string });
    const daemon = await begin(bound);
    await daemon.run(() => ended(bound).length === 2);
    await after(daemon, bound, 20 * minute);
    const left = membersOf(bound).find((one) => one.outdated);
    expect(left).toMatchObject({ zone: without, state: 'InService' });
    expect(ended(bound)).toHaveLength(2);
    expect(cordoned(bound)).toHaveLength(2);
    bound.world.faults.remove(fault);
    await end(bound, daemon);
    expect(bound.violations()).toEqual([]);
  });

  it('edge case 57: anywhere costs nobody anything: it is said, and old nodes go on serving', async () => {
    const roll = outdatedWorld({});
    const faults = zones().map((zone) => roll.world.faults.addCapacity({ zone }));
    const daemon = await begin(roll);
    await daemon.run(async () => (await waitOf(daemon)) === 'no-capacity');
    await after(daemon, roll, 30 * minute);
    expect(cordoned(roll)).toEqual([]);
    expect(serving(roll)).toHaveLength(3);
    for (const fault of faults) roll.world.faults.remove(fault);
    await end(roll, daemon);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 59: of three launches two are made: those two count, and the third is asked for again when there is room', async () => {
    const roll = outdatedWorld({ nodes: 6, max: 12 }, [], { surge: 3, policy: { canary: false } });
    const [first, second, third] = zones();
    const faults = [
      roll.world.faults.addCapacity({ zone: first as string, remaining: 1 }),
      roll.world.faults.addCapacity({ zone: second as string, remaining: 1 }),
      roll.world.faults.addCapacity({ zone: third as string }),
    ];
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'launch-refused'));
    expect(launched(roll)).toBe(2);
    expect(roll.group('workers').DesiredCapacity).toBe(8);
    await daemon.run(() => ended(roll).length === 2);
    await after(daemon, roll, 10 * minute);
    expect(launched(roll)).toBe(2);
    expect(serving(roll).length).toBeGreaterThanOrEqual(6);
    for (const fault of faults) roll.world.faults.remove(fault);
    await end(roll, daemon);
    expect(launched(roll)).toBe(6);
    expect(roll.group('workers').DesiredCapacity).toBe(6);
    expect(serving(roll).map((one) => one.outdated)).toEqual(Array.from({ length: 6 }, () => false));
  });
});

describe('an image that does not boot', () => {
  it('edge case 39: and never registers is ended after its time, thrice, and the old nodes are as they were', async () => {
    const bad = 'ami-0000000000000bad1';
    const roll = outdatedWorld({}, [], { bootTimeoutMs: 5 * minute });
    const before = membersOf(roll).map((one) => one.instanceId);
    roll.world.faults.badImages.add(bad);
    roll.kube.faults.badBoot = 'never-registers';
    roll.outdate('workers', bad);
    const daemon = await begin(roll);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('failed');
    const at = (kind: string) => roll.events.flatMap((event) => (event.kind === kind ? [event.at] : []));
    const [started, over] = [at('instance-launched'), at('instance-terminate-requested')];
    expect([started.length, over.length]).toEqual([3, 3]);
    for (const [i, time] of over.entries()) expect(time - (started[i] ?? 0)).toBeGreaterThanOrEqual(5 * minute);
    roll.pass(300);
    expect(membersOf(roll).map((one) => [one.instanceId, one.state])).toEqual(before.map((id) => [id, 'InService']));
    expect(cordoned(roll)).toEqual([]);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    await daemon.stop();
  });

  it('edge case 40: costs one node at a time, however many may be launched at once', async () => {
    const bad = 'ami-0000000000000bad1';
    const roll = outdatedWorld({ nodes: 6, max: 12 }, [], { bootTimeoutMs: 5 * minute, surge: 3 });
    roll.world.faults.badImages.add(bad);
    roll.outdate('workers', bad);
    let most = 0;
    roll.world.subscribe(() => {
      const live = membersOf(roll).filter((one) => /^(Pending|InService)/.test(one.state));
      most = Math.max(most, live.length - 6);
    });
    const daemon = await begin(roll);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('failed');
    expect(launched(roll)).toBe(3);
    expect(most).toBe(1);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

describe('what others do to the group', () => {
  it('edge case 55: an absolute size that somebody writes over the roll kills no node undrained', async () => {
    const roll = outdatedWorld({ max: 8 }, [deployment('web', 6, { grace: 120 })]);
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-cordoned'));
    const there = serving(roll).map((one) => one.instanceId);
    const asked = { AutoScalingGroupName: 'workers', DesiredCapacity: 2, HonorCooldown: false };
    expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', asked)).toBe(true);
    await after(daemon, roll, minute);
    const here = serving(roll).map((one) => one.instanceId);
    expect(there.filter((id) => !here.includes(id) && !byRoll(roll).includes(id))).toEqual([]);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    const gone = roll.events.flatMap((event) => (event.kind === 'instance-gone' ? [event.instanceId] : []));
    expect(gone.filter((id) => !byRoll(roll).includes(id))).toEqual([]);
    await daemon.stop();
  });

  it('edge case 64: rebalancing is suspended while nodes are replaced, and stays so where it was so before', async () => {
    const suspended = (roll: RollWorld): string[] =>
      roll
        .group('workers')
        .SuspendedProcesses.map((one: { ProcessName: string }) => one.ProcessName)
        .sort();
    const seen = async (processes: string[]): Promise<string[][]> => {
      const roll = outdatedWorld({});
      if (processes.length > 0)
        roll.call('autoscaling', 'SuspendProcesses', { AutoScalingGroupName: 'workers', ScalingProcesses: processes });
      const daemon = await begin(roll);
      await daemon.run(() => has(daemon, 'node-cordoned'));
      const during = suspended(roll);
      await end(roll, daemon);
      return [during, suspended(roll)];
    };
    expect(await seen([])).toEqual([['AZRebalance'], []]);
    const own = ['AZRebalance', 'AlarmNotification'];
    expect(await seen(own)).toEqual([own, own]);
  });

  it('edge case 65: an old node that the group replaces by itself, because it is unhealthy, is one node less to replace', async () => {
    const roll = outdatedWorld({});
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-launched'));
    const sick = membersOf(roll).find((one) => one.outdated);
    const old = membersOf(roll).flatMap((one) => (one.outdated ? [one.instanceId] : []));
    const asked = { InstanceId: sick?.instanceId, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: false };
    expect(cloud(roll, 'aws-cli/2', 'autoscaling', 'SetInstanceHealth', asked)).toBe(true);
    await end(roll, daemon);
    expect(byRoll(roll)).not.toContain(sick?.instanceId);
    expect(byRoll(roll).filter((id) => old.includes(id))).toHaveLength(2);
    // that the group ends it undrained is the case
    expect(roll.violations().filter((one) => !one.includes('the group itself ended'))).toEqual([]);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(serving(roll).map((one) => one.outdated)).toEqual([false, false, false]);
  });

  it('edge case 69: instances in standby, or detached, are left as somebody has put them', async () => {
    const roll = outdatedWorld({});
    const [standby, detached] = membersOf(roll).map((one) => one.instanceId);
    for (const [action, id] of [
      ['EnterStandby', standby],
      ['DetachInstances', detached],
    ] as const)
      roll.call('autoscaling', action, {
        AutoScalingGroupName: 'workers',
        InstanceIds: [id],
        ShouldDecrementDesiredCapacity: true,
      });
    roll.pass(120);
    await end(roll, await begin(roll));
    expect(cordoned(roll)).toHaveLength(1);
    expect(ended(roll)).toHaveLength(1);
    expect(membersOf(roll).map((one) => [one.outdated, one.state])).toEqual(
      expect.arrayContaining([
        [true, 'Standby'],
        [false, 'InService'],
      ]),
    );
    const stays = (id: string | undefined) => roll.nodes('workers').find((node) => node.spec.providerID.endsWith(id));
    for (const id of [standby, detached]) expect(stays(id)?.spec).toMatchObject({ providerID: expect.anything() });
    for (const id of [standby, detached]) expect(stays(id)?.spec.unschedulable).not.toBe(true);
  });

  it('edge case 73: a template that somebody sets mid-roll stops the roll, and is its target once somebody says so; a maximum below is refused', async () => {
    const roll = outdatedWorld({ max: 8 });
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-cordoned'));
    roll.outdate('workers', 'ami-00000000000000003');
    await daemon.run(async () => (await stateOf(daemon, 'workers')) === 'paused');
    const cordons = cordoned(roll).length;
    const there = serving(roll).map((one) => one.instanceId);
    const lower = { AutoScalingGroupName: 'workers', MaxSize: 2 };
    expect(cloud(roll, 'cloudformation/1', 'autoscaling', 'UpdateAutoScalingGroup', lower)).toBe(true);
    await after(daemon, roll, 10 * minute);
    // protected, whatever the group thinks that it needs
    expect(serving(roll).map((one) => one.instanceId)).toEqual(there);
    expect(cordoned(roll)).toHaveLength(cordons);
    roll.call('autoscaling', 'UpdateAutoScalingGroup', {
      AutoScalingGroupName: 'workers',
      MaxSize: 8,
      DesiredCapacity: there.length,
    });
    await tell(daemon, { type: 'RESUME', by: 'ada', reason: 'was me' });
    await end(roll, daemon);
    expect(serving(roll).map((one) => [one.outdated, one.templateVersion])).toEqual(
      serving(roll).map(() => [false, '3']),
    );
  });

  it('edge case 77: a pool of one gets its new node before the old one goes, and one of none is left alone', async () => {
    const one = outdatedWorld({ nodes: 1 });
    await end(one, await begin(one));
    const order = one.events.map((event) => event.kind);
    expect(order.indexOf('node-ready')).toBeLessThan(order.indexOf('node-cordoned'));
    expect(one.violations()).toEqual([]);
    const none = outdatedWorld({ nodes: 0, max: 0 });
    await end(none, await begin(none));
    expect(changes(none)).toEqual([]);
    expect(none.group('workers')).toMatchObject({ DesiredCapacity: 0, MaxSize: 0 });
  });
});

describe('what the cloud says', () => {
  it('edge case 61: while describes are throttled nothing is launched, ended or cordoned', async () => {
    const roll = outdatedWorld({});
    const daemon = await begin(roll);
    await daemon.run(() => has(daemon, 'node-usable'));
    const fault = roll.world.faults.add({ kind: 'throttle', action: 'Describe*' });
    await after(daemon, roll, minute);
    const before = changes(roll).length;
    await after(daemon, roll, 20 * minute);
    expect(changes(roll)).toHaveLength(before);
    expect(ended(roll)).toEqual([]);
    roll.world.faults.remove(fault);
    await end(roll, daemon);
    expect(launched(roll)).toBe(3);
    expect(roll.violations()).toEqual([]);
  });

  it('edge case 67: a node counts neither before its launch hook has ended, nor because the hook has ended', async () => {
    const firstCordon = async (
      hookSeconds: number,
      bootMs: number,
    ): Promise<{ sinceLaunch: number; sinceReady: number }> => {
      const roll = outdatedWorld({ nodes: 1 }, [], { kube: { bootMs: { median: bootMs, sigma: 0 } } });
      roll.call('autoscaling', 'PutLifecycleHook', {
        AutoScalingGroupName: 'workers',
        LifecycleHookName: 'ready',
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        HeartbeatTimeout: hookSeconds,
        DefaultResult: 'CONTINUE',
      });
      await end(roll, await begin(roll));
      const at = (kind: string): number => roll.events.find((event) => event.kind === kind)?.at ?? Number.NaN;
      const cordonedAt = at('node-cordoned');
      return { sinceLaunch: cordonedAt - at('instance-launched'), sinceReady: cordonedAt - at('node-ready') };
    };
    expect((await firstCordon(600, 30_000)).sinceLaunch).toBeGreaterThanOrEqual(600_000);
    const late = await firstCordon(30, 240_000);
    expect(late.sinceLaunch).toBeGreaterThanOrEqual(240_000);
    // conditions say when by the second
    expect(late.sinceReady).toBeGreaterThanOrEqual(4_000);
  });

  it('edge case 81: a target group that no traffic reaches is a wrong configuration: it is named, and not waited for for ever', async () => {
    const roll = outdatedWorld({ balancer: 'target-group' }, [], { bootTimeoutMs: 5 * minute });
    const listeners = roll.call('elasticloadbalancingv2', 'DescribeListeners', {
      LoadBalancerArn: roll.call('elasticloadbalancingv2', 'DescribeLoadBalancers', {}).LoadBalancers[0]
        .LoadBalancerArn,
    }).Listeners;
    for (const one of listeners)
      roll.call('elasticloadbalancingv2', 'DeleteListener', { ListenerArn: one.ListenerArn });
    const old = membersOf(roll).map((one) => one.instanceId);
    const daemon = await begin(roll);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('failed');
    expect((await contextOf(daemon, 'workers')).reason).toContain('gets no traffic');
    expect(serving(roll).map((one) => one.instanceId)).toEqual(old);
    await daemon.stop();
  });
});
