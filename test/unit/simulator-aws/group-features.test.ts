import { beforeEach, describe, expect, test } from 'vitest';
import { region, SimulatedCloud, startMs } from './simulated-cloud.ts';

let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud();
});

const asg = (action: string, params: Record<string, unknown> = {}) =>
  cloud.call('autoscaling', action, { AutoScalingGroupName: 'workers', ...params });
const asgCode = (action: string, params: Record<string, unknown> = {}) =>
  cloud.codeOf('autoscaling', action, { AutoScalingGroupName: 'workers', ...params });

describe('terminating several instances at once', () => {
  beforeEach(() => {
    cloud.createGroup({ MinSize: 1, DesiredCapacity: 3 });
    cloud.pass(120);
  });

  test('lowers desired by as many, or by none when that would go below the minimum', () => {
    const [a, b, c] = cloud.ids('InService');
    const terminate = { ShouldDecrementDesiredCapacity: true };
    expect(asgCode('TerminateInstanceInAutoScalingGroup', { ...terminate, InstanceIds: [a, b, c] })).toBe(
      'ValidationError',
    );
    expect(cloud.group().DesiredCapacity).toBe(3);
    const { Activities } = asg('TerminateInstanceInAutoScalingGroup', { ...terminate, InstanceIds: [a, b] });
    expect(Activities).toHaveLength(2);
    expect(cloud.group().DesiredCapacity).toBe(1);
    expect(cloud.ids('InService')).toEqual([c]);
  });

  test('needs the name of the group, and refuses instances of another one', () => {
    const [a] = cloud.ids('InService');
    const request = { InstanceIds: [a], ShouldDecrementDesiredCapacity: false };
    expect(cloud.codeOf('autoscaling', 'TerminateInstanceInAutoScalingGroup', request)).toBe('ValidationError');
    cloud.createGroup({ AutoScalingGroupName: 'others' });
    expect(asgCode('TerminateInstanceInAutoScalingGroup', { ...request, AutoScalingGroupName: 'others' })).toBe(
      'ValidationError',
    );
    expect(asgCode('TerminateInstanceInAutoScalingGroup', { ...request, InstanceId: a })).toBe('ValidationError');
  });
});

describe('attaching instances', () => {
  test('takes running instances of no group in, and raises desired within the maximum', () => {
    cloud.createGroup({ MinSize: 0, MaxSize: 4, DesiredCapacity: 3 });
    cloud.pass(120);
    const [detached] = cloud.ids('InService');
    asg('DetachInstances', { InstanceIds: [detached], ShouldDecrementDesiredCapacity: true });
    expect(cloud.group().DesiredCapacity).toBe(2);
    asg('AttachInstances', { InstanceIds: [detached] });
    expect(cloud.group().DesiredCapacity).toBe(3);
    cloud.pass(60);
    expect(cloud.ids('InService')).toContain(detached);
    expect(asgCode('AttachInstances', { InstanceIds: [detached] })).toBe('ValidationError');
    const { Instances } = cloud.call('ec2', 'RunInstances', {
      MinCount: 2,
      MaxCount: 2,
      LaunchTemplate: { LaunchTemplateName: 'workers' },
      Placement: { AvailabilityZone: `${region}b` },
    });
    const ids = Instances.map((instance: { InstanceId: string }) => instance.InstanceId);
    expect(asgCode('AttachInstances', { InstanceIds: [ids[0]] })).toBe('ValidationError');
    cloud.pass(60);
    expect(asgCode('AttachInstances', { InstanceIds: ids })).toBe('ValidationError');
    expect(asgCode('AttachInstances', { InstanceIds: [ids[0]] })).toBe('ok');
    cloud.pass(60);
    expect(cloud.ids('InService')).toHaveLength(4);
  });
});

describe('scheduled actions', () => {
  beforeEach(() => cloud.createGroup({ MinSize: 1, MaxSize: 10, DesiredCapacity: 3 }));

  test('set sizes at their time, once or on a schedule in a time zone', () => {
    asg('PutScheduledUpdateGroupAction', {
      ScheduledActionName: 'once',
      StartTime: new Date(startMs + 600_000).toISOString(),
      DesiredCapacity: 5,
    });
    asg('PutScheduledUpdateGroupAction', {
      ScheduledActionName: 'evening',
      Recurrence: '0 20 * * *',
      TimeZone: 'Europe/Berlin',
      MinSize: 0,
      MaxSize: 0,
      DesiredCapacity: 0,
    });
    const { ScheduledUpdateGroupActions } = asg('DescribeScheduledActions');
    expect(ScheduledUpdateGroupActions).toMatchObject([
      { ScheduledActionName: 'once', DesiredCapacity: 5 },
      { ScheduledActionName: 'evening', StartTime: new Date(Date.UTC(2026, 10, 21, 19)) },
    ]);
    cloud.pass(599);
    expect(cloud.group().DesiredCapacity).toBe(3);
    cloud.pass(2);
    expect(cloud.group().DesiredCapacity).toBe(5);
    expect(asg('DescribeScheduledActions').ScheduledUpdateGroupActions).toHaveLength(1);
    cloud.clock.advanceTo(Date.UTC(2026, 10, 21, 19, 0, 1));
    expect(cloud.group()).toMatchObject({ MinSize: 0, MaxSize: 0, DesiredCapacity: 0 });
  });

  test('do nothing while their process is suspended, and go with their group', () => {
    asg('PutScheduledUpdateGroupAction', { ScheduledActionName: 'a', Recurrence: '*/5 * * * *', DesiredCapacity: 7 });
    asg('SuspendProcesses', { ScalingProcesses: ['ScheduledActions'] });
    cloud.pass(700);
    expect(cloud.group().DesiredCapacity).toBe(3);
    asg('ResumeProcesses', { ScalingProcesses: ['ScheduledActions'] });
    cloud.pass(301);
    expect(cloud.group().DesiredCapacity).toBe(7);
    asg('DeleteAutoScalingGroup', { ForceDelete: true });
    cloud.pass(3600);
    expect(cloud.clock.nextAt()).toBeUndefined();
  });

  test('are refused when they say nothing or mean nothing', () => {
    const put = (more: Record<string, unknown>) =>
      asgCode('PutScheduledUpdateGroupAction', { ScheduledActionName: 'a', ...more });
    expect(put({ Recurrence: '0 9 * * *' })).toBe('ValidationError');
    expect(put({ Recurrence: 'tomorrow', MinSize: 1 })).toBe('ValidationError');
    expect(put({ StartTime: new Date(startMs - 1000).toISOString(), MinSize: 1 })).toBe('ValidationError');
    expect(put({ MinSize: 1 })).toBe('ValidationError');
    expect(asgCode('DeleteScheduledAction', { ScheduledActionName: 'a' })).toBe('ValidationError');
    const batch = asg('BatchPutScheduledUpdateGroupAction', {
      ScheduledUpdateGroupActions: [
        { ScheduledActionName: 'good', Recurrence: '0 9 * * *', MinSize: 2 },
        { ScheduledActionName: 'bad', Recurrence: '0 9 * * *' },
      ],
    });
    expect(batch.FailedScheduledUpdateGroupActions).toMatchObject([{ ScheduledActionName: 'bad' }]);
    const gone = asg('BatchDeleteScheduledAction', { ScheduledActionNames: ['good', 'none'] });
    expect(gone.FailedScheduledActions).toMatchObject([{ ScheduledActionName: 'none' }]);
  });
});

describe('scaling policies', () => {
  beforeEach(() => cloud.createGroup({ MinSize: 1, MaxSize: 10, DesiredCapacity: 4 }));

  const execute = (more: Record<string, unknown> = {}) => asg('ExecutePolicy', { PolicyName: 'p', ...more });

  test.each([
    ['ChangeInCapacity', -2, 2],
    ['ExactCapacity', 9, 9],
    ['PercentChangeInCapacity', 50, 6],
    ['PercentChangeInCapacity', 10, 5],
    ['ChangeInCapacity', 40, 10],
  ])('%s by %d brings four to %d', (AdjustmentType, ScalingAdjustment, desired) => {
    asg('PutScalingPolicy', { PolicyName: 'p', AdjustmentType, ScalingAdjustment });
    execute();
    expect(cloud.group().DesiredCapacity).toBe(desired);
  });

  test('step by how far the metric is from its threshold', () => {
    asg('PutScalingPolicy', {
      PolicyName: 'p',
      PolicyType: 'StepScaling',
      AdjustmentType: 'ChangeInCapacity',
      StepAdjustments: [
        { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
        { MetricIntervalLowerBound: 10, ScalingAdjustment: 3 },
      ],
    });
    execute({ MetricValue: 55, BreachThreshold: 50 });
    expect(cloud.group().DesiredCapacity).toBe(5);
    execute({ MetricValue: 80, BreachThreshold: 50 });
    expect(cloud.group().DesiredCapacity).toBe(8);
  });

  test('honour the cooldown when asked to', () => {
    const policy = { PolicyName: 'p', AdjustmentType: 'ChangeInCapacity', ScalingAdjustment: 1, Cooldown: 60 };
    const { PolicyARN } = asg('PutScalingPolicy', policy);
    cloud.call('autoscaling', 'ExecutePolicy', { PolicyName: PolicyARN });
    expect(asgCode('ExecutePolicy', { PolicyName: 'p', HonorCooldown: true })).toBe('ScalingActivityInProgress');
    expect(asgCode('SetDesiredCapacity', { DesiredCapacity: 6, HonorCooldown: true })).toBe(
      'ScalingActivityInProgress',
    );
    cloud.pass(61);
    expect(asgCode('ExecutePolicy', { PolicyName: 'p', HonorCooldown: true })).toBe('ok');
    expect(asg('DescribePolicies').ScalingPolicies).toMatchObject([{ PolicyName: 'p', Cooldown: 60 }]);
    asg('DeletePolicy', { PolicyName: 'p' });
    expect(asgCode('ExecutePolicy', { PolicyName: 'p' })).toBe('ValidationError');
  });
});

describe('mixed instances', () => {
  const mixed = (overrides: object[], distribution: object) => ({
    MixedInstancesPolicy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: { LaunchTemplateName: 'base', Version: '1' },
        Overrides: overrides,
      },
      InstancesDistribution: distribution,
    },
    LaunchTemplate: undefined,
  });

  test('weigh what they launch: capacity counts in units', () => {
    cloud.createTemplate('base');
    cloud.createGroup({
      MaxSize: 40,
      DesiredCapacity: 10,
      ...mixed([{ InstanceType: 'm5.xlarge', WeightedCapacity: '4' }], {}),
    });
    cloud.pass(120);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.group().Instances[0]).toMatchObject({ WeightedCapacity: '4' });
    const [victim] = cloud.ids('InService');
    cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId: victim,
      ShouldDecrementDesiredCapacity: true,
    });
    expect(cloud.group().DesiredCapacity).toBe(6);
    cloud.pass(200);
    expect(cloud.ids('InService')).toHaveLength(2);
    asg('SetDesiredCapacity', { DesiredCapacity: 5 });
    cloud.pass(200);
    expect(cloud.ids('InService')).toHaveLength(2);
    const launched = asg('LaunchInstances', {
      RequestedCapacity: 8,
      ClientToken: 't',
      AvailabilityZones: [`${region}a`],
    });
    expect(launched.Instances).toMatchObject([
      { InstanceType: 'm5.xlarge', InstanceIds: [{}, {}].map(() => expect.any(String) as string) },
    ]);
    expect(cloud.group().DesiredCapacity).toBe(13);
  });

  test('buy a base on demand and a share of the rest on the spot market', () => {
    cloud.createTemplate('base');
    cloud.createGroup({
      MaxSize: 20,
      DesiredCapacity: 10,
      ...mixed([{ InstanceType: 'm5.large' }], { OnDemandBaseCapacity: 2, OnDemandPercentageAboveBaseCapacity: 25 }),
    });
    cloud.pass(120);
    const { Reservations } = cloud.call('ec2', 'DescribeInstances');
    const spot = Reservations.flatMap((each: { Instances: { InstanceLifecycle?: string }[] }) => each.Instances).filter(
      (instance: { InstanceLifecycle?: string }) => instance.InstanceLifecycle === 'spot',
    );
    expect(spot).toHaveLength(6);
    expect(cloud.call('ec2', 'DescribeSpotInstanceRequests').SpotInstanceRequests).toHaveLength(6);
  });
});

describe('warm pools', () => {
  const pool = () => asg('DescribeWarmPool');

  test('keep stopped instances ready, from which the group grows first', () => {
    cloud.createGroup({ MinSize: 1, MaxSize: 5, DesiredCapacity: 2 });
    asg('PutWarmPool', { MaxGroupPreparedCapacity: 4, PoolState: 'Stopped' });
    cloud.pass(240);
    expect(pool().Instances).toMatchObject([
      { LifecycleState: 'Warmed:Stopped' },
      { LifecycleState: 'Warmed:Stopped' },
    ]);
    expect(cloud.group()).toMatchObject({ WarmPoolSize: 2, WarmPoolConfiguration: { PoolState: 'Stopped' } });
    expect(cloud.running.size).toBe(2);
    const warm = pool().Instances.map((instance: { InstanceId: string }) => instance.InstanceId);
    asg('SetDesiredCapacity', { DesiredCapacity: 3 });
    cloud.pass(90);
    expect(cloud.ids('InService').filter((id) => warm.includes(id))).toHaveLength(1);
    expect(pool().Instances).toHaveLength(1);
  });

  test('take back what a scale-in lets go when they reuse, and go when they are deleted', () => {
    cloud.createGroup({ MinSize: 0, MaxSize: 4, DesiredCapacity: 3 });
    asg('PutWarmPool', { PoolState: 'Running', InstanceReusePolicy: { ReuseOnScaleIn: true } });
    cloud.pass(240);
    asg('SetDesiredCapacity', { DesiredCapacity: 1 });
    cloud.pass(60);
    expect(cloud.gone).toEqual([]);
    expect(pool().Instances).toHaveLength(3);
    asg('DeleteWarmPool', { ForceDelete: true });
    expect(pool().WarmPoolConfiguration).toMatchObject({ Status: 'PendingDelete' });
    cloud.pass(240);
    expect(pool()).toEqual({ Instances: [] });
    expect(cloud.gone).toHaveLength(3);
    expect(asgCode('DeleteWarmPool')).toBe('ValidationError');
  });
});

describe('an instance refresh', () => {
  beforeEach(() => {
    cloud.createGroup({ MinSize: 1, DesiredCapacity: 4 });
    cloud.pass(120);
  });

  const status = () => asg('DescribeInstanceRefreshes').InstanceRefreshes[0];

  test('replaces all, keeps enough in service, and lets no other begin meanwhile', () => {
    const before = cloud.ids('InService');
    asg('StartInstanceRefresh', { Preferences: { MinHealthyPercentage: 75 } });
    expect(asgCode('StartInstanceRefresh')).toBe('InstanceRefreshInProgress');
    let least = 4;
    cloud.until(() => {
      least = Math.min(least, cloud.ids('InService').length);
      return status().Status === 'Successful';
    }, 3600);
    expect(least).toBeGreaterThanOrEqual(3);
    cloud.pass(300);
    expect(cloud.ids('InService').filter((id) => before.includes(id))).toEqual([]);
  });

  test('waits for protected instances and gives up after an hour', () => {
    asg('SetInstanceProtection', { InstanceIds: cloud.ids('InService'), ProtectedFromScaleIn: true });
    asg('StartInstanceRefresh');
    cloud.pass(3000);
    expect(status()).toMatchObject({ Status: 'InProgress', InstancesToUpdate: 4 });
    cloud.pass(700);
    expect(status().Status).toBe('Failed');
  });

  test('with a configuration of its own holds the template, and can be rolled back', () => {
    const id = cloud.createTemplate('next');
    const LaunchTemplate = { LaunchTemplateId: id, Version: '1' };
    expect(asgCode('RollbackInstanceRefresh')).toBe('ActiveInstanceRefreshNotFound');
    asg('StartInstanceRefresh', { DesiredConfiguration: { LaunchTemplate } });
    expect(asgCode('UpdateAutoScalingGroup', { LaunchTemplate })).toBe('ValidationError');
    cloud.pass(70);
    asg('RollbackInstanceRefresh');
    expect(cloud.group().LaunchTemplate.LaunchTemplateName).toBe('workers');
    cloud.until(() => status().Status === 'RollbackSuccessful', 3600);
    cloud.pass(300);
    const names = cloud
      .group()
      .Instances.map(
        (instance: { LaunchTemplate: { LaunchTemplateName: string } }) => instance.LaunchTemplate.LaunchTemplateName,
      );
    expect(new Set(names)).toEqual(new Set(['workers']));
    asg('StartInstanceRefresh');
    expect(asgCode('RollbackInstanceRefresh')).toBe('IrreversibleInstanceRefresh');
    asg('CancelInstanceRefresh');
    cloud.pass(61);
    expect(status().Status).toBe('Cancelled');
  });
});

describe('volumes', () => {
  const ec2 = (action: string, params: Record<string, unknown>) => cloud.call('ec2', action, params);

  test('attach to one running instance of their zone, and are free again when it is gone', () => {
    cloud.createGroup({ MinSize: 0, DesiredCapacity: 2, AvailabilityZones: [`${region}a`] });
    cloud.pass(120);
    const [one, two] = cloud.ids('InService');
    const { VolumeId } = ec2('CreateVolume', { AvailabilityZone: `${region}a`, Size: 10, VolumeType: 'gp3' });
    const other = ec2('CreateVolume', { AvailabilityZone: `${region}b`, Size: 1 }).VolumeId;
    const attach = { VolumeId, InstanceId: one, Device: '/dev/xvdba' };
    expect(cloud.codeOf('ec2', 'AttachVolume', attach)).toBe('IncorrectState');
    cloud.pass(5);
    expect(ec2('AttachVolume', attach).State).toBe('attaching');
    expect(cloud.codeOf('ec2', 'AttachVolume', { ...attach, InstanceId: two })).toBe('VolumeInUse');
    expect(cloud.codeOf('ec2', 'AttachVolume', { ...attach, VolumeId: other })).toBe('InvalidVolume.ZoneMismatch');
    expect(cloud.codeOf('ec2', 'DeleteVolume', { VolumeId })).toBe('VolumeInUse');
    cloud.pass(5);
    const [volume] = ec2('DescribeVolumes', {
      Filters: [{ Name: 'attachment.instance-id', Values: [one] }],
    }).Volumes;
    expect(volume).toMatchObject({ VolumeId, State: 'in-use', Attachments: [{ State: 'attached' }] });
    expect(cloud.codeOf('ec2', 'DetachVolume', { VolumeId, InstanceId: two })).toBe('InvalidAttachment.NotFound');
    expect(ec2('DetachVolume', { VolumeId }).State).toBe('detaching');
    cloud.pass(10);
    ec2('AttachVolume', { ...attach, InstanceId: two });
    ec2('TerminateInstances', { InstanceIds: [two] });
    cloud.pass(120);
    expect(ec2('DescribeVolumes', { VolumeIds: [VolumeId] }).Volumes[0]).toMatchObject({
      State: 'available',
      Attachments: [],
    });
    expect(ec2('ModifyVolume', { VolumeId, Size: 20 }).VolumeModification).toMatchObject({
      OriginalSize: 10,
      TargetSize: 20,
    });
    expect(cloud.codeOf('ec2', 'ModifyVolume', { VolumeId, Size: 5 })).toBe('InvalidParameterValue');
    ec2('DeleteVolume', { VolumeId });
    expect(cloud.codeOf('ec2', 'DescribeVolumes', { VolumeIds: [VolumeId] })).toBe('InvalidVolume.NotFound');
  });

  test('launched instances can be stopped and started; the same token launches once', () => {
    const request = {
      MinCount: 1,
      MaxCount: 1,
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 'm5.large',
      ClientToken: 'once',
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }],
    };
    const [{ InstanceId }] = ec2('RunInstances', request).Instances;
    expect(ec2('RunInstances', request).Instances[0].InstanceId).toBe(InstanceId);
    cloud.pass(60);
    const state = () => ec2('DescribeInstances', { InstanceIds: [InstanceId] }).Reservations[0].Instances[0].State.Name;
    ec2('StopInstances', { InstanceIds: [InstanceId] });
    expect(state()).toBe('stopping');
    cloud.pass(20);
    expect([state(), cloud.running.has(InstanceId)]).toEqual(['stopped', false]);
    ec2('StartInstances', { InstanceIds: [InstanceId] });
    cloud.pass(20);
    expect([state(), cloud.running.has(InstanceId)]).toEqual(['running', true]);
    ec2('TerminateInstances', { InstanceIds: [InstanceId] });
    expect(cloud.codeOf('ec2', 'StartInstances', { InstanceIds: [InstanceId] })).toBe('IncorrectInstanceState');
  });
});
