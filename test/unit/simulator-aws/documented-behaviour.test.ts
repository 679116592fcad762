/**
 * What AWS documents of Auto Scaling, EC2 and load balancers, and what bites those who roll nodes: a row for each statement
 * that no test of `scaling-group`, `group-features`, `load-balancing`, `faults` or `cloudformation` holds by itself. The rows of
 * `elsewhere` name the tests that hold the others; they fail when such a test is renamed or gone.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

const AutoScalingGroupName = 'workers';
const zone = (letter: string): string => `${region}${letter}`;

function running(more: Record<string, unknown> = {}, timings = {}): SimulatedCloud {
  const cloud = new SimulatedCloud({ timings });
  cloud.createGroup(more);
  cloud.pass(150);
  return cloud;
}

const asg = (cloud: SimulatedCloud, action: string, params: Record<string, unknown> = {}) =>
  cloud.call('autoscaling', action, { AutoScalingGroupName, ...params });
const terminate = (cloud: SimulatedCloud, InstanceId: string | undefined, ShouldDecrementDesiredCapacity: boolean) =>
  cloud.reply('autoscaling', 'TerminateInstanceInAutoScalingGroup', { InstanceId, ShouldDecrementDesiredCapacity });
const stateOf = (cloud: SimulatedCloud, id: string | undefined): string =>
  cloud.call('ec2', 'DescribeInstances', { InstanceIds: [id] }).Reservations[0].Instances[0].State.Name;
const protect = (cloud: SimulatedCloud, InstanceIds: string[]) =>
  asg(cloud, 'SetInstanceProtection', { InstanceIds, ProtectedFromScaleIn: true });
const launchIn = (cloud: SimulatedCloud, letter: string, ClientToken: string) =>
  asg(cloud, 'LaunchInstances', { RequestedCapacity: 1, ClientToken, AvailabilityZones: [zone(letter)] });
const manyIds = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `i-${i.toString(16).padStart(17, '0')}`);

/** A hook on the way out, that has to be completed. */
function holdTerminations(cloud: SimulatedCloud, HeartbeatTimeout: number): void {
  asg(cloud, 'PutLifecycleHook', {
    LifecycleHookName: 'end',
    LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
    HeartbeatTimeout,
    DefaultResult: 'CONTINUE',
  });
}

/** A target group behind a load balancer that the group registers its instances with. */
function balanced(type: 'application' | 'network'): { cloud: SimulatedCloud; TargetGroupArn: string } {
  const cloud = new SimulatedCloud();
  const v2 = (action: string, params: Record<string, unknown>) => cloud.call('elasticloadbalancingv2', action, params);
  const Protocol = type === 'network' ? 'TCP' : 'HTTP';
  const made = v2('CreateTargetGroup', { Name: 'web', Protocol, Port: 80, HealthCheckIntervalSeconds: 10 });
  const { TargetGroupArn } = made.TargetGroups[0];
  const Subnets = networkOf(account, region).subnets.map((subnet) => subnet.id);
  const { LoadBalancerArn } = v2('CreateLoadBalancer', { Name: 'web', Type: type, Subnets }).LoadBalancers[0];
  v2('CreateListener', {
    LoadBalancerArn,
    Port: 80,
    Protocol,
    DefaultActions: [{ Type: 'forward', TargetGroupArn }],
  });
  cloud.createGroup({ TargetGroupARNs: [TargetGroupArn] });
  cloud.pass(400);
  return { cloud, TargetGroupArn };
}

const rows: Record<string, () => void> = {
  'a terminating instance leaves desired at once, is replaced, and still runs while its hook holds it': () => {
    const cloud = running();
    holdTerminations(cloud, 600);
    const [id] = cloud.ids('InService');
    terminate(cloud, id, false);
    cloud.pass(100);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.ids('Terminating:Wait')).toEqual([id]);
    expect(stateOf(cloud, id)).toBe('running');
  },
  'a hook holds an instance for 48 hours at most, however often its heartbeat is recorded': () => {
    const cloud = running();
    holdTerminations(cloud, 7200);
    const [id] = cloud.ids('InService');
    terminate(cloud, id, true);
    cloud.pass(5);
    const beat = { AutoScalingGroupName, LifecycleHookName: 'end', InstanceId: id };
    for (let hour = 0; hour < 47; hour++) {
      expect(cloud.codeOf('autoscaling', 'RecordLifecycleActionHeartbeat', beat)).toBe('ok');
      cloud.pass(3600);
    }
    asg(cloud, 'RecordLifecycleActionHeartbeat', beat);
    cloud.pass(3500);
    expect(stateOf(cloud, id)).toBe('running');
    cloud.pass(300);
    expect(cloud.gone).toEqual([id]);
  },
  'a terminate is asynchronous: its activity is in progress long after its answer': () => {
    const cloud = running();
    const [id] = cloud.ids('InService');
    const reply = terminate(cloud, id, true);
    expect(reply).toMatchObject({ ok: true, result: { Activity: { StatusCode: 'InProgress' } } });
    cloud.pass(5);
    expect(stateOf(cloud, id)).toBe('running');
    cloud.pass(200);
    expect(asg(cloud, 'DescribeScalingActivities').Activities[0]).toMatchObject({ StatusCode: 'Successful' });
  },
  'ScalingActivityInProgress and ResourceContention refuse a terminate for a while, and change nothing': () => {
    for (const code of ['ScalingActivityInProgress', 'ResourceContention']) {
      const cloud = running();
      cloud.model.faults.add({ kind: 'refuse', action: 'TerminateInstanceInAutoScalingGroup', code, times: 1 });
      const [id] = cloud.ids('InService');
      expect(terminate(cloud, id, true)).toMatchObject({ ok: false, code });
      expect(cloud.group().DesiredCapacity).toBe(3);
      expect(terminate(cloud, id, true).ok).toBe(true);
    }
  },
  'below MinSize a decrement needs a lower MinSize first; a MinSize put back above desired launches again': () => {
    const cloud = running({ MinSize: 3 });
    const [id] = cloud.ids('InService');
    expect(terminate(cloud, id, true)).toMatchObject({ ok: false, code: 'ValidationError' });
    asg(cloud, 'UpdateAutoScalingGroup', { MinSize: 2 });
    expect(terminate(cloud, id, true).ok).toBe(true);
    expect(cloud.group().DesiredCapacity).toBe(2);
    asg(cloud, 'UpdateAutoScalingGroup', { MinSize: 3 });
    expect(cloud.group().DesiredCapacity).toBe(3);
  },
  'a scale-out goes to the emptiest zone; LaunchInstances goes where it is told': () => {
    const cloud = running();
    asg(cloud, 'SuspendProcesses', { ScalingProcesses: ['AZRebalance'] });
    launchIn(cloud, 'a', 'one');
    launchIn(cloud, 'b', 'two');
    asg(cloud, 'SetDesiredCapacity', { DesiredCapacity: 6 });
    cloud.pass(60);
    expect(cloud.zones()).toBe('a2 b2 c2');
    launchIn(cloud, 'a', 'three');
    expect(cloud.zones()).toBe('a3 b2 c2');
  },
  'rebalancing may exceed MaxSize, by a tenth or by one': () => {
    for (const [size, most] of [
      [5, 6],
      [20, 22],
    ] as const) {
      const cloud = running({ MinSize: 0, MaxSize: size, DesiredCapacity: 0 });
      asg(cloud, 'SuspendProcesses', { ScalingProcesses: ['AZRebalance'] });
      for (let i = 0; i < size; i++) launchIn(cloud, 'a', `t${i}`);
      cloud.pass(120);
      asg(cloud, 'ResumeProcesses', { ScalingProcesses: ['AZRebalance'] });
      let peak = 0;
      for (let second = 0; second < 900; second++) {
        cloud.pass(1);
        const counted = cloud.ids('InService').length + cloud.ids('Pending').length;
        peak = Math.max(peak, counted);
      }
      expect(peak).toBe(most);
      expect(cloud.group()).toMatchObject({ MaxSize: size, DesiredCapacity: size });
    }
  },
  'a suspended Terminate keeps what should go, until somebody resumes it': () => {
    const cloud = running();
    asg(cloud, 'SuspendProcesses', { ScalingProcesses: ['Terminate'] });
    asg(cloud, 'SetDesiredCapacity', { DesiredCapacity: 1 });
    cloud.pass(600);
    expect(cloud.ids('InService')).toHaveLength(3);
    asg(cloud, 'ResumeProcesses', { ScalingProcesses: ['Terminate'] });
    cloud.pass(200);
    expect(cloud.ids('InService')).toHaveLength(1);
  },
  'protection takes fifty instances a call, Detach and Standby twenty': () => {
    const cloud = running();
    const code = (action: string, count: number, more: Record<string, unknown>) => {
      const reply = cloud.reply('autoscaling', action, { AutoScalingGroupName, InstanceIds: manyIds(count), ...more });
      return reply.ok ? 'ok' : reply.message;
    };
    const decrement = { ShouldDecrementDesiredCapacity: true };
    for (const [action, most, more] of [
      ['SetInstanceProtection', 50, { ProtectedFromScaleIn: true }],
      ['DetachInstances', 20, decrement],
      ['EnterStandby', 20, decrement],
      ['ExitStandby', 20, {}],
      ['AttachInstances', 20, {}],
    ] as const) {
      expect([action, code(action, most + 1, more)]).toEqual([
        action,
        expect.stringMatching(new RegExp(`less than or equal to ${most}`)),
      ]);
      expect([action, code(action, most, more)]).toEqual([action, expect.not.stringContaining('less than or equal')]);
    }
  },
  'protection is lost with a detach': () => {
    const cloud = running();
    const [id = ''] = cloud.ids('InService');
    protect(cloud, [id]);
    asg(cloud, 'DetachInstances', { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
    cloud.pass(30);
    asg(cloud, 'AttachInstances', { InstanceIds: [id] });
    cloud.pass(60);
    const again = cloud.group().Instances.find((each: { InstanceId: string }) => each.InstanceId === id);
    expect(again).toMatchObject({ LifecycleState: 'InService', ProtectedFromScaleIn: false });
  },
  'protection does not keep an unhealthy instance': () => {
    const cloud = running();
    const [id = ''] = cloud.ids('InService');
    protect(cloud, [id]);
    cloud.call('autoscaling', 'SetInstanceHealth', {
      InstanceId: id,
      HealthStatus: 'Unhealthy',
      ShouldRespectGracePeriod: false,
    });
    cloud.pass(200);
    expect(cloud.gone).toEqual([id]);
    expect(cloud.ids('InService')).toHaveLength(3);
  },
  'protection does not keep what is terminated in EC2': () => {
    const cloud = running();
    const [id = ''] = cloud.ids('InService');
    protect(cloud, [id]);
    cloud.call('ec2', 'TerminateInstances', { InstanceIds: [id] });
    cloud.pass(200);
    expect(cloud.gone).toEqual([id]);
  },
  'Detach and Standby take an instance out of its target groups at once, drained for 300 s by default': () => {
    for (const action of ['DetachInstances', 'EnterStandby']) {
      const { cloud, TargetGroupArn } = balanced('network');
      const [id = ''] = cloud.ids('InService');
      const health = () =>
        cloud.call('elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn, Targets: [{ Id: id }] })
          .TargetHealthDescriptions[0].TargetHealth.State;
      expect(health()).toBe('healthy');
      asg(cloud, action, { InstanceIds: [id], ShouldDecrementDesiredCapacity: true });
      expect(health()).toBe('draining');
      cloud.pass(299);
      expect(health()).toBe('draining');
      cloud.pass(2);
      expect(health()).toBe('unused');
    }
  },
  'a group that follows $Latest launches whatever is latest then, and says $Latest of itself': () => {
    const cloud = running();
    const LaunchTemplateName = 'workers';
    asg(cloud, 'UpdateAutoScalingGroup', { LaunchTemplate: { LaunchTemplateName, Version: '$Latest' } });
    cloud.call('ec2', 'CreateLaunchTemplateVersion', {
      LaunchTemplateName,
      SourceVersion: '1',
      LaunchTemplateData: { ImageId: 'ami-0fedcba9876543210' },
    });
    launchIn(cloud, 'a', 'late');
    expect(cloud.group().LaunchTemplate.Version).toBe('$Latest');
    const versions = cloud
      .group()
      .Instances.map((each: { LaunchTemplate: { Version: string } }) => each.LaunchTemplate.Version);
    expect(versions.sort()).toEqual(['1', '1', '1', '2']);
  },
  'a mixed group launches the types of its overrides, not that of its template': () => {
    const cloud = new SimulatedCloud();
    cloud.createTemplate('base');
    cloud.createGroup({
      LaunchTemplate: undefined,
      MixedInstancesPolicy: {
        LaunchTemplate: {
          LaunchTemplateSpecification: { LaunchTemplateName: 'base', Version: '1' },
          Overrides: [{ InstanceType: 'm5.xlarge' }],
        },
      },
    });
    cloud.pass(120);
    const types = cloud.group().Instances.map((each: { InstanceType: string }) => each.InstanceType);
    expect(types).toEqual(['m5.xlarge', 'm5.xlarge', 'm5.xlarge']);
  },
};

test.each(Object.keys(rows))('%s', (name) => rows[name]?.());

/** Statement → the file and the title that hold it. */
const elsewhere: Record<string, [file: string, title: string]> = {
  'protection is ignored by a terminate by id': ['scaling-group', 'terminates a protected instance when asked by id'],
  'a lower MaxSize takes desired along, and the group picks its victims': [
    'scaling-group',
    'takes desired down with a lowered MaxSize, and picks its victims itself',
  ],
  'a stack update that lowers MaxSize does the same': [
    'cloudformation',
    'takes desired down with a MaxSize that it lowers',
  ],
  'an UpdatePolicy rolls without draining': [
    'cloudformation',
    'whose group asks for a rolling update replaces instances undrained, as the service would',
  ],
  'resuming AZRebalance rebalances: launch, then terminate': [
    'scaling-group',
    'rebalances its zones unless that is suspended: launches first, then terminates',
  ],
  'a suspended Launch launches nothing': [
    'scaling-group',
    'launches nothing while Launch is suspended and catches up afterwards',
  ],
  'protection begins in service, for new instances too': [
    'scaling-group',
    'protects new instances when it says so, but not those that are still pending',
  ],
  'the end of spot capacity asks nobody': [
    'scenarios',
    'spot capacity is taken back with a recommendation, a notice of two minutes, and the end',
  ],
  'an instance that is not registered is an error of a classic load balancer, and unused in a target group': [
    'load-balancing',
    'that are not registered are an error of a classic load balancer and unused in a target group',
  ],
  'health is initial, healthy, unhealthy, draining or unused; InService or OutOfService': [
    'load-balancing',
    'turn unhealthy when they stop answering and back when they answer again',
  ],
  'all of Auto Scaling shares one bucket, each API of EC2 has its own': [
    'stack-features',
    'EC2 meters each API by itself, and more generously with a filter; Auto Scaling all of them together',
  ],
  'a describe may show the old state after a change': [
    'faults',
    'show an old answer for a while, and the truth only to checkers',
  ],
  'groups are found by tag': ['scaling-group', 'pages and filters descriptions by tag'],
};

test.each(Object.entries(elsewhere))('%s: held by another test', (_statement, [file, title]) => {
  const source = readFileSync(new URL(`./${file}.test.ts`, import.meta.url), 'utf8');
  expect(source).toContain(`test('${title}', `);
});
