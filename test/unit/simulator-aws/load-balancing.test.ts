import { beforeEach, describe, expect, test } from 'vitest';
import { networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

const zones = ['a', 'b', 'c'].map((letter) => `${region}${letter}`);
const Subnets = networkOf(account, region).subnets.map((subnet) => subnet.id);

describe('instances behind load balancers', () => {
  let cloud: SimulatedCloud;
  let targetGroup: string;
  beforeEach(() => {
    cloud = new SimulatedCloud();
    cloud.call('elasticloadbalancing', 'CreateLoadBalancer', {
      LoadBalancerName: 'api',
      AvailabilityZones: zones,
      Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 443, InstancePort: 6443 }],
    });
    cloud.call('elasticloadbalancing', 'ConfigureHealthCheck', {
      LoadBalancerName: 'api',
      HealthCheck: { Target: 'SSL:6443', Interval: 10, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2 },
    });
    const made = cloud.call('elasticloadbalancingv2', 'CreateTargetGroup', {
      Name: 'api',
      Protocol: 'TCP',
      Port: 6443,
      HealthCheckIntervalSeconds: 10,
      HealthyThresholdCount: 3,
    });
    targetGroup = made.TargetGroups[0].TargetGroupArn;
    const { LoadBalancers } = cloud.call('elasticloadbalancingv2', 'CreateLoadBalancer', {
      Name: 'api',
      Type: 'network',
      Subnets,
    });
    cloud.call('elasticloadbalancingv2', 'CreateListener', {
      LoadBalancerArn: LoadBalancers[0].LoadBalancerArn,
      Port: 443,
      Protocol: 'TCP',
      DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroup }],
    });
    cloud.createGroup({ LoadBalancerNames: ['api'], TargetGroupARNs: [targetGroup] });
  });

  const targets = (Targets?: { Id: string }[]): string[] =>
    cloud
      .call('elasticloadbalancingv2', 'DescribeTargetHealth', {
        TargetGroupArn: targetGroup,
        ...(Targets ? { Targets } : {}),
      })
      .TargetHealthDescriptions.map((each: { TargetHealth: { State: string } }) => each.TargetHealth.State);
  const classic = (): string[] =>
    cloud
      .call('elasticloadbalancing', 'DescribeInstanceHealth', { LoadBalancerName: 'api' })
      .InstanceStates.map((each: { State: string }) => each.State);

  test('are registered once they are in service, and in traffic after enough good checks', () => {
    cloud.pass(10);
    expect(targets()).toEqual([]);
    cloud.pass(40);
    expect(targets()).toEqual(['initial', 'initial', 'initial']);
    expect(classic()).toContain('OutOfService');
    cloud.pass(150);
    expect(targets()).toEqual(['healthy', 'healthy', 'healthy']);
    expect(classic()).toEqual(['InService', 'InService', 'InService']);
    expect(cloud.clock.nextAt()).toBeUndefined();
  });

  test('turn unhealthy when they stop answering and back when they answer again', () => {
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.silent.add(id);
    targets();
    classic();
    cloud.pass(30);
    expect(targets([{ Id: id }])).toEqual(['unhealthy']);
    expect(classic()).toContain('OutOfService');
    cloud.silent.delete(id);
    targets();
    classic();
    cloud.pass(45);
    expect(targets([{ Id: id }])).toEqual(['healthy']);
    expect(classic()).not.toContain('OutOfService');
  });

  test('come into traffic without anybody asking when they answer late', () => {
    cloud.pass(35);
    for (const id of cloud.running.keys()) cloud.silent.add(id);
    cloud.pass(160);
    cloud.silent.clear();
    cloud.pass(300);
    const [truth] = cloud.model
      .truth()
      .loadBalancers()
      .filter((each) => each.kind === 'classic');
    expect(Object.values(truth?.instances ?? {})).toEqual(['healthy', 'healthy', 'healthy']);
  });

  test('cost no events for ever when they never answer', () => {
    cloud.pass(35);
    for (const id of cloud.running.keys()) cloud.silent.add(id);
    cloud.pass(7200);
    expect(targets()).toEqual(['unhealthy', 'unhealthy', 'unhealthy']);
    expect(cloud.clock.nextAt()).toBeUndefined();
  });

  test('drain for the deregistration delay before the group shuts them down', () => {
    cloud.call('elasticloadbalancingv2', 'ModifyTargetGroupAttributes', {
      TargetGroupArn: targetGroup,
      Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '120' }],
    });
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId: id,
      ShouldDecrementDesiredCapacity: true,
    });
    expect(targets([{ Id: id }])).toEqual(['draining']);
    cloud.pass(118);
    expect(cloud.stopping).toEqual([]);
    expect(cloud.ids('Terminating')).toEqual([id]);
    cloud.pass(15);
    expect(cloud.stopping).toEqual([id]);
    expect(targets([{ Id: id }])).toEqual(['unused']);
    const world = cloud.events.filter((event) => event.kind === 'deregistered');
    expect(world.map((event) => event.loadBalancer)).toEqual(['api', 'api']);
  });

  test('that a client deregistered earlier are shut down without another wait', () => {
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.call('elasticloadbalancingv2', 'DeregisterTargets', { TargetGroupArn: targetGroup, Targets: [{ Id: id }] });
    cloud.call('elasticloadbalancing', 'DeregisterInstancesFromLoadBalancer', {
      LoadBalancerName: 'api',
      Instances: [{ InstanceId: id }],
    });
    cloud.pass(301);
    expect(targets([{ Id: id }])).toEqual(['unused']);
    cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId: id,
      ShouldDecrementDesiredCapacity: true,
    });
    cloud.pass(11);
    expect(cloud.stopping).toEqual([id]);
  });

  test('of a target group that no listener forwards to are unused, not waiting', () => {
    cloud.pass(300);
    const lonely = cloud.call('elasticloadbalancingv2', 'CreateTargetGroup', {
      Name: 'lonely',
      Protocol: 'TCP',
      Port: 80,
    });
    const { TargetGroupArn } = lonely.TargetGroups[0];
    const [id] = cloud.ids('InService') as [string];
    cloud.call('elasticloadbalancingv2', 'RegisterTargets', { TargetGroupArn, Targets: [{ Id: id }] });
    const health = cloud.call('elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn });
    expect(health.TargetHealthDescriptions[0].TargetHealth).toMatchObject({
      State: 'unused',
      Reason: 'Target.NotInUse',
    });
  });

  test('that are not registered are an error of a classic load balancer and unused in a target group', () => {
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.call('autoscaling', 'DetachInstances', {
      AutoScalingGroupName: 'workers',
      InstanceIds: [id],
      ShouldDecrementDesiredCapacity: true,
    });
    cloud.pass(301);
    const asked = { LoadBalancerName: 'api', Instances: [{ InstanceId: id }] };
    expect(cloud.codeOf('elasticloadbalancing', 'DescribeInstanceHealth', asked)).toBe('InvalidInstance');
    expect(targets([{ Id: id }])).toEqual(['unused']);
  });

  test('are replaced by a group that believes its load balancers, after its grace period', () => {
    cloud.call('autoscaling', 'UpdateAutoScalingGroup', {
      AutoScalingGroupName: 'workers',
      HealthCheckType: 'ELB',
      HealthCheckGracePeriod: 600,
    });
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.silent.add(id);
    targets();
    cloud.pass(200);
    expect(cloud.ids('InService')).toContain(id);
    cloud.pass(200);
    targets();
    expect(cloud.ids('InService')).not.toContain(id);
  });

  test('stay where they are when the group only believes EC2', () => {
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.silent.add(id);
    targets();
    cloud.pass(1200);
    expect(cloud.ids('InService')).toContain(id);
  });

  test('leave their load balancers at once in standby', () => {
    cloud.pass(300);
    const [id] = cloud.ids('InService') as [string];
    cloud.call('autoscaling', 'EnterStandby', {
      AutoScalingGroupName: 'workers',
      InstanceIds: [id],
      ShouldDecrementDesiredCapacity: true,
    });
    expect(targets([{ Id: id }])).toEqual(['draining']);
    expect(cloud.ids('EnteringStandby')).toEqual([id]);
    cloud.pass(301);
    expect(cloud.ids('Standby')).toEqual([id]);
  });
});
