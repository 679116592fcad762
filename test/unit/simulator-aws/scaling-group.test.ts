import { beforeEach, describe, expect, test } from 'vitest';
import { clusterId, region, SimulatedCloud } from './simulated-cloud.ts';

const zone = (letter: string): string => `${region}${letter}`;

describe('a scaling group', () => {
  let cloud: SimulatedCloud;
  beforeEach(() => {
    cloud = new SimulatedCloud();
    cloud.createGroup();
    cloud.pass(120);
  });

  const launch = (token: string, more: Record<string, unknown> = {}) =>
    cloud.call('autoscaling', 'LaunchInstances', {
      AutoScalingGroupName: 'workers',
      RequestedCapacity: 1,
      ClientToken: token,
      AvailabilityZones: [zone('a')],
      ...more,
    });
  const terminate = (InstanceId: string, ShouldDecrementDesiredCapacity: boolean) =>
    cloud.reply('autoscaling', 'TerminateInstanceInAutoScalingGroup', { InstanceId, ShouldDecrementDesiredCapacity });
  const update = (params: Record<string, unknown>) =>
    cloud.codeOf('autoscaling', 'UpdateAutoScalingGroup', { AutoScalingGroupName: 'workers', ...params });
  const suspend = (...ScalingProcesses: string[]) =>
    cloud.call('autoscaling', 'SuspendProcesses', { AutoScalingGroupName: 'workers', ScalingProcesses });

  test('spreads its instances over its zones, hands them to their cluster, and then rests', () => {
    expect(cloud.zones()).toBe('a1 b1 c1');
    expect(cloud.ids('InService')).toHaveLength(3);
    expect([...cloud.running.values()][0]).toMatchObject({
      userData: '#cloud-config',
      tags: { [`kubernetes.io/cluster/${clusterId}`]: 'owned' },
    });
    expect(cloud.clock.nextAt()).toBeUndefined();
  });

  test('takes instances through Pending in 20 to 40 seconds', () => {
    launch('t');
    expect(cloud.ids('Pending')).toHaveLength(1);
    const seconds = cloud.until(() => cloud.ids('Pending').length === 0);
    expect(seconds).toBeGreaterThanOrEqual(19);
    expect(seconds).toBeLessThanOrEqual(40);
  });

  test('answers a repeated client token with the same instance, and another request under it with an error', () => {
    const first = launch('token-1');
    const again = launch('token-1');
    expect(again).toEqual(first);
    expect(cloud.group().DesiredCapacity).toBe(4);
    const other = {
      AutoScalingGroupName: 'workers',
      RequestedCapacity: 2,
      ClientToken: 'token-1',
      AvailabilityZones: [zone('a')],
    };
    expect(cloud.codeOf('autoscaling', 'LaunchInstances', other)).toBe('IdempotentParameterMismatch');
  });

  test('refuses a launch above MaxSize, without a zone, in a foreign zone, or with a malformed token', () => {
    const base = { AutoScalingGroupName: 'workers', RequestedCapacity: 1, ClientToken: 't' };
    const code = (more: object) => cloud.codeOf('autoscaling', 'LaunchInstances', { ...base, ...more });
    expect(code({ RequestedCapacity: 8, AvailabilityZones: [zone('a')] })).toBe('ValidationError');
    expect(code({})).toBe('ValidationError');
    expect(code({ AvailabilityZones: ['eu-west-1a'] })).toBe('ValidationError');
    expect(code({ AvailabilityZones: [zone('a'), zone('b')] })).toBe('ValidationError');
    expect(code({ AvailabilityZones: [zone('a')], ClientToken: 'a:b' })).toBe('ValidationError');
    expect(cloud.group().DesiredCapacity).toBe(3);
  });

  test('reports missing capacity in the answer of LaunchInstances and leaves desired alone', () => {
    cloud.model.faults.addCapacity({ zone: zone('a') });
    const answer = launch('t');
    expect(answer).toMatchObject({
      Instances: [],
      Errors: [{ ErrorCode: 'InsufficientInstanceCapacity', AvailabilityZone: zone('a') }],
    });
    expect(cloud.group().DesiredCapacity).toBe(3);
    expect(launch('u', { AvailabilityZones: [zone('b')] }).Errors).toEqual([]);
  });

  test('launches what fits when capacity runs out halfway', () => {
    cloud.model.faults.addCapacity({ zone: zone('a'), remaining: 2 });
    const answer = launch('t', { RequestedCapacity: 3 });
    expect(answer.Instances[0].InstanceIds).toHaveLength(2);
    expect(answer.Errors).toHaveLength(1);
    expect(cloud.group().DesiredCapacity).toBe(5);
  });

  test('goes to another zone when one has no capacity, and rebalances once it has', () => {
    const fault = cloud.model.faults.addCapacity({ zone: zone('a') });
    const [victim] = cloud
      .group()
      .Instances.filter((each: { AvailabilityZone: string }) => each.AvailabilityZone === zone('a'));
    terminate(victim.InstanceId, false);
    cloud.pass(300);
    expect(cloud.zones()).toMatch(/^b[12] c[12]$/);
    cloud.model.faults.remove(fault);
    update({ MinSize: 1 });
    cloud.pass(600);
    expect(cloud.zones()).toBe('a1 b1 c1');
    expect(cloud.ids('InService')).toHaveLength(3);
  });

  test('replaces an instance that is terminated without decrement', () => {
    const [victim] = cloud.ids('InService') as [string];
    expect(terminate(victim, false)).toMatchObject({ ok: true, result: { Activity: { StatusCode: 'InProgress' } } });
    expect(cloud.ids('Terminating')).toEqual([victim]);
    cloud.pass(200);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.ids('InService')).not.toContain(victim);
  });

  test('keeps a terminating instance for 60 to 90 seconds, and tells its cluster before it is gone', () => {
    const [victim] = cloud.ids('InService') as [string];
    terminate(victim, true);
    expect(cloud.stopping).toEqual([]);
    let seconds = cloud.until(() => cloud.stopping.length > 0);
    expect(cloud.gone).toEqual([]);
    seconds += cloud.until(() => cloud.gone.length > 0);
    expect(cloud.group().Instances).toHaveLength(2);
    expect(seconds).toBeGreaterThanOrEqual(59);
    expect(seconds).toBeLessThanOrEqual(91);
  });

  test('terminates a protected instance when asked by id', () => {
    const [victim] = cloud.ids('InService') as [string];
    cloud.call('autoscaling', 'SetInstanceProtection', {
      AutoScalingGroupName: 'workers',
      InstanceIds: [victim],
      ProtectedFromScaleIn: true,
    });
    expect(terminate(victim, true).ok).toBe(true);
    expect(cloud.ids('Terminating')).toEqual([victim]);
  });

  test('refuses a decrement below MinSize', () => {
    update({ MinSize: 3 });
    const [victim] = cloud.ids('InService') as [string];
    expect(terminate(victim, true)).toMatchObject({
      ok: false,
      code: 'ValidationError',
      message: expect.stringContaining('desiredSize equals minSize (3)'),
    });
    expect(cloud.ids('InService')).toHaveLength(3);
  });

  test('decrements again when the same instance is terminated twice with decrement', () => {
    const [victim] = cloud.ids('InService') as [string];
    terminate(victim, true);
    terminate(victim, true);
    expect(cloud.group().DesiredCapacity).toBe(1);
  });

  test('takes desired down with a lowered MaxSize, and picks its victims itself', () => {
    expect(update({ MaxSize: 2 })).toBe('ok');
    expect(cloud.group()).toMatchObject({ MaxSize: 2, DesiredCapacity: 2 });
    cloud.pass(10);
    expect(cloud.ids('Terminating')).toHaveLength(1);
    expect(cloud.events.filter((event) => event.kind === 'instance-terminate-requested')).toMatchObject([
      { actor: { kind: 'world' } },
    ]);
  });

  test('takes desired up with a raised MinSize', () => {
    update({ MinSize: 5 });
    expect(cloud.group().DesiredCapacity).toBe(5);
    cloud.pass(60);
    expect(cloud.zones()).toBe('a2 b2 c1');
  });

  test('refuses limits that contradict each other and changes nothing then', () => {
    expect(update({ MinSize: 6, MaxSize: 5 })).toBe('ValidationError');
    expect(update({ DesiredCapacity: 11 })).toBe('ValidationError');
    expect(update({ MaxSize: 9, LaunchTemplate: { LaunchTemplateId: 'lt-0123456789abcdef0' } })).toBe(
      'ValidationError',
    );
    expect(cloud.group()).toMatchObject({ MinSize: 1, MaxSize: 10, DesiredCapacity: 3 });
    expect(
      cloud.codeOf('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 0 }),
    ).toBe('ValidationError');
    expect(
      cloud.codeOf('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 11 }),
    ).toBe('ValidationError');
  });

  test('scales in from the fullest zone, outdated instances first', () => {
    suspend('AZRebalance');
    launch('t');
    cloud.pass(60);
    expect(cloud.zones()).toBe('a2 b1 c1');
    cloud.call('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 3 });
    cloud.pass(10);
    expect(cloud.zones()).toBe('a1 b1 c1');
  });

  test('never scales in protected instances', () => {
    const ids = cloud.ids('InService');
    cloud.call('autoscaling', 'SetInstanceProtection', {
      AutoScalingGroupName: 'workers',
      InstanceIds: ids,
      ProtectedFromScaleIn: true,
    });
    cloud.call('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 1 });
    cloud.pass(300);
    expect(cloud.ids('InService')).toEqual(ids);
    const [activity] = cloud.call('autoscaling', 'DescribeScalingActivities', {
      AutoScalingGroupName: 'workers',
    }).Activities;
    expect(activity).toMatchObject({
      StatusCode: 'Failed',
      StatusMessage: expect.stringContaining('protected from scale-in'),
    });
  });

  test('protects new instances when it says so, but not those that are still pending', () => {
    update({ NewInstancesProtectedFromScaleIn: true });
    const [id] = launch('t').Instances[0].InstanceIds;
    const isProtected = () =>
      cloud.group().Instances.find((each: { InstanceId: string }) => each.InstanceId === id).ProtectedFromScaleIn;
    expect(isProtected()).toBe(false);
    const early = { AutoScalingGroupName: 'workers', InstanceIds: [id], ProtectedFromScaleIn: true };
    expect(cloud.codeOf('autoscaling', 'SetInstanceProtection', early)).toBe('ValidationError');
    cloud.pass(60);
    expect(isProtected()).toBe(true);
  });

  test('rebalances its zones unless that is suspended: launches first, then terminates', () => {
    suspend('AZRebalance');
    launch('t1');
    launch('t2');
    cloud.pass(600);
    expect(cloud.zones()).toBe('a3 b1 c1');
    cloud.call('autoscaling', 'ResumeProcesses', {
      AutoScalingGroupName: 'workers',
      ScalingProcesses: ['AZRebalance'],
    });
    const seen = new Set<string>();
    for (let i = 0; i < 300; i++) {
      cloud.pass(1);
      seen.add(cloud.zones());
    }
    expect([...seen]).toContain('a3 b2 c1');
    expect(cloud.zones()).toMatch(/^a2 b[12] c[12]$/);
    expect(cloud.group().DesiredCapacity).toBe(5);
  });

  test('does not rebalance away protected instances', () => {
    update({ NewInstancesProtectedFromScaleIn: true });
    suspend('AZRebalance');
    launch('t1');
    launch('t2');
    cloud.pass(60);
    const InstanceIds = cloud.ids('InService');
    cloud.call('autoscaling', 'SetInstanceProtection', {
      AutoScalingGroupName: 'workers',
      InstanceIds,
      ProtectedFromScaleIn: true,
    });
    cloud.call('autoscaling', 'ResumeProcesses', {
      AutoScalingGroupName: 'workers',
      ScalingProcesses: ['AZRebalance'],
    });
    cloud.pass(1200);
    expect(cloud.ids('InService')).toEqual(InstanceIds);
  });

  test('launches nothing while Launch is suspended and catches up afterwards', () => {
    suspend('Launch');
    terminate(cloud.ids('InService')[0] as string, false);
    cloud.pass(300);
    expect(cloud.ids('InService')).toHaveLength(2);
    expect(
      cloud.codeOf('autoscaling', 'LaunchInstances', {
        AutoScalingGroupName: 'workers',
        RequestedCapacity: 1,
        ClientToken: 'x',
        AvailabilityZones: [zone('a')],
      }),
    ).toBe('ValidationError');
    cloud.call('autoscaling', 'ResumeProcesses', { AutoScalingGroupName: 'workers' });
    cloud.pass(60);
    expect(cloud.ids('InService')).toHaveLength(3);
  });

  test('replaces an instance that somebody terminated in EC2', () => {
    const [victim] = cloud.ids('InService') as [string];
    cloud.call('ec2', 'TerminateInstances', { InstanceIds: [victim] });
    cloud.pass(200);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.ids('InService')).not.toContain(victim);
  });

  test('lets a detached instance run on outside, and replaces it unless desired goes down with it', () => {
    const [first, second] = cloud.ids('InService') as [string, string];
    const detach = (id: string, decrement: boolean) =>
      cloud.call('autoscaling', 'DetachInstances', {
        AutoScalingGroupName: 'workers',
        InstanceIds: [id],
        ShouldDecrementDesiredCapacity: decrement,
      });
    detach(first, true);
    expect(cloud.group()).toMatchObject({ DesiredCapacity: 2 });
    detach(second, false);
    cloud.pass(120);
    expect(cloud.ids('InService')).toHaveLength(2);
    const { Reservations } = cloud.call('ec2', 'DescribeInstances', { InstanceIds: [first, second] });
    expect(
      Reservations.map((each: { Instances: { State: { Name: string } }[] }) => each.Instances[0]?.State.Name),
    ).toEqual(['running', 'running']);
    expect(terminate(first, true)).toMatchObject({ ok: false, code: 'ValidationError' });
  });

  test('moves instances to standby and back', () => {
    const [id] = cloud.ids('InService') as [string];
    const params = { AutoScalingGroupName: 'workers', InstanceIds: [id] };
    cloud.call('autoscaling', 'EnterStandby', { ...params, ShouldDecrementDesiredCapacity: true });
    cloud.pass(5);
    expect(cloud.ids('Standby')).toEqual([id]);
    expect(cloud.group().DesiredCapacity).toBe(2);
    cloud.call('autoscaling', 'ExitStandby', params);
    expect(cloud.group().DesiredCapacity).toBe(3);
    cloud.pass(60);
    expect(cloud.ids('InService')).toContain(id);
  });

  test('waits for lifecycle hooks on both ways, until they are completed or time out', () => {
    const hook = (LifecycleHookName: string, transition: string, DefaultResult: string) =>
      cloud.call('autoscaling', 'PutLifecycleHook', {
        AutoScalingGroupName: 'workers',
        LifecycleHookName,
        LifecycleTransition: `autoscaling:EC2_INSTANCE_${transition}`,
        HeartbeatTimeout: 600,
        DefaultResult,
      });
    hook('start', 'LAUNCHING', 'ABANDON');
    hook('end', 'TERMINATING', 'CONTINUE');
    const [id] = launch('t').Instances[0].InstanceIds;
    cloud.pass(60);
    expect(cloud.ids('Pending:Wait')).toEqual([id]);
    const complete = (LifecycleHookName: string) => ({
      AutoScalingGroupName: 'workers',
      LifecycleHookName,
      InstanceId: id,
      LifecycleActionResult: 'CONTINUE',
    });
    expect(cloud.codeOf('autoscaling', 'CompleteLifecycleAction', complete('end'))).toBe('ValidationError');
    cloud.call('autoscaling', 'CompleteLifecycleAction', complete('start'));
    expect(cloud.ids('Pending:Proceed')).toEqual([id]);
    cloud.pass(5);
    expect(cloud.ids('InService')).toContain(id);
    terminate(id, true);
    cloud.pass(5);
    expect(cloud.ids('Terminating:Wait')).toEqual([id]);
    cloud.pass(500);
    expect(cloud.running.has(id)).toBe(true);
    cloud.pass(300);
    expect(cloud.running.has(id)).toBe(false);
  });

  test('abandons a launch whose hook times out, and tries again', () => {
    cloud.call('autoscaling', 'PutLifecycleHook', {
      AutoScalingGroupName: 'workers',
      LifecycleHookName: 'start',
      LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
      HeartbeatTimeout: 60,
      DefaultResult: 'ABANDON',
    });
    const [id] = launch('t').Instances[0].InstanceIds;
    cloud.pass(105);
    expect(cloud.ids('Terminating')).toEqual([id]);
    cloud.pass(30);
    expect(cloud.ids('Pending').length + cloud.ids('Pending:Wait').length).toBe(1);
  });

  test('retries launches that fail, leaves failed activities, and recovers', () => {
    for (const letter of ['a', 'b', 'c']) cloud.model.faults.addCapacity({ zone: zone(letter) });
    cloud.call('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 4 });
    cloud.pass(300);
    const { Activities } = cloud.call('autoscaling', 'DescribeScalingActivities', { AutoScalingGroupName: 'workers' });
    expect(Activities[0]).toMatchObject({
      StatusCode: 'Failed',
      StatusMessage: expect.stringContaining('sufficient m5.large capacity'),
    });
    cloud.model.faults.clear();
    cloud.pass(700);
    expect(cloud.ids('InService')).toHaveLength(4);
  });

  test('is deleted only when empty, unless forced, and is gone after its instances', () => {
    const remove = (more: object) =>
      cloud.codeOf('autoscaling', 'DeleteAutoScalingGroup', { AutoScalingGroupName: 'workers', ...more });
    expect(remove({})).toBe('ResourceInUse');
    expect(remove({ ForceDelete: true })).toBe('ok');
    expect(cloud.group().Status).toBe('Delete in progress');
    expect(update({ MinSize: 0 })).toBe('ScalingActivityInProgress');
    cloud.pass(200);
    expect(cloud.group()).toBeUndefined();
    expect(cloud.running.size).toBe(0);
  });

  test('replaces everything without any drain in an instance refresh, and allows only one at a time', () => {
    const before = cloud.ids('InService');
    const start = () => cloud.codeOf('autoscaling', 'StartInstanceRefresh', { AutoScalingGroupName: 'workers' });
    expect(start()).toBe('ok');
    expect(start()).toBe('InstanceRefreshInProgress');
    cloud.pass(900);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.ids('InService').filter((id) => before.includes(id))).toEqual([]);
    const { InstanceRefreshes } = cloud.call('autoscaling', 'DescribeInstanceRefreshes', {
      AutoScalingGroupName: 'workers',
    });
    expect(InstanceRefreshes).toMatchObject([{ Status: 'Successful', PercentageComplete: 100 }]);
  });

  test('pages and filters descriptions by tag', () => {
    for (const name of ['one', 'two', 'three']) cloud.createGroup({ AutoScalingGroupName: name, DesiredCapacity: 1 });
    const all: string[] = [];
    let NextToken: string | undefined;
    do {
      const answer = cloud.call('autoscaling', 'DescribeAutoScalingGroups', { MaxRecords: 2, NextToken });
      all.push(...answer.AutoScalingGroups.map((each: { AutoScalingGroupName: string }) => each.AutoScalingGroupName));
      NextToken = answer.NextToken;
    } while (NextToken !== undefined);
    expect(all).toEqual(['workers', 'one', 'two', 'three']);
    const filtered = cloud.call('autoscaling', 'DescribeAutoScalingGroups', {
      Filters: [
        { Name: `tag:kubernetes.io/cluster/${clusterId}`, Values: ['owned'] },
        { Name: 'tag:NodePool', Values: ['one', 'three'] },
      ],
    });
    expect(filtered.AutoScalingGroups).toHaveLength(2);
    expect(cloud.codeOf('autoscaling', 'DescribeAutoScalingGroups', { NextToken: 'nonsense' })).toBe(
      'InvalidNextToken',
    );
  });

  test('keeps tags that clients set and takes them away again', () => {
    const tag = (Value: string) => ({
      ResourceId: 'workers',
      ResourceType: 'auto-scaling-group',
      Key: 'clm/roll-id',
      Value,
      PropagateAtLaunch: false,
    });
    cloud.call('autoscaling', 'CreateOrUpdateTags', { Tags: [tag('r1')] });
    cloud.call('autoscaling', 'CreateOrUpdateTags', { Tags: [tag('r2')] });
    const tags = () => cloud.group().Tags.filter((each: { Key: string }) => each.Key === 'clm/roll-id');
    expect(tags()).toMatchObject([{ Value: 'r2' }]);
    launch('t');
    cloud.pass(60);
    expect([...cloud.running.values()].some((instance) => 'clm/roll-id' in instance.tags)).toBe(false);
    cloud.call('autoscaling', 'DeleteTags', { Tags: [tag('r2')] });
    expect(tags()).toEqual([]);
    expect(cloud.codeOf('autoscaling', 'CreateOrUpdateTags', { Tags: [{ ...tag('x'), ResourceId: 'absent' }] })).toBe(
      'ValidationError',
    );
  });
});

test('the same seed and the same calls give the same history, another seed another one', () => {
  const history = (seed: string): string => {
    const cloud = new SimulatedCloud({ seed });
    cloud.createGroup();
    cloud.pass(120);
    cloud.call('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity: 2 });
    cloud.pass(120);
    return JSON.stringify([cloud.events, cloud.group()]);
  };
  expect(history('one')).toBe(history('one'));
  expect(history('one')).not.toBe(history('two'));
});
