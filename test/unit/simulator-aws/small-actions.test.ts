import { beforeEach, describe, expect, test } from 'vitest';
import { poolTemplate } from './pool-template.ts';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

const image = 'ami-0123456789abcdef0';
let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud();
});

const asg = (action: string, params: Record<string, unknown> = {}) =>
  cloud.call('autoscaling', action, { AutoScalingGroupName: 'workers', ...params });

describe('groups', () => {
  test('replace what is said to be unhealthy, at once when the grace period does not count', () => {
    cloud.createGroup({ HealthCheckGracePeriod: 600 });
    cloud.pass(120);
    const [sick] = cloud.ids('InService');
    cloud.call('autoscaling', 'SetInstanceHealth', { InstanceId: sick, HealthStatus: 'Unhealthy' });
    cloud.pass(30);
    expect(cloud.ids('InService')).toContain(sick);
    const request = { InstanceId: sick, HealthStatus: 'Unhealthy', ShouldRespectGracePeriod: false };
    cloud.call('autoscaling', 'SetInstanceHealth', request);
    cloud.pass(300);
    expect(cloud.ids('InService')).toHaveLength(3);
    expect(cloud.ids('InService')).not.toContain(sick);
  });

  test('wait longer for a hook with every heartbeat, and not at all once it is deleted', () => {
    cloud.createGroup({ MinSize: 0, DesiredCapacity: 0 });
    const hook = { LifecycleHookName: 'ready' };
    const launching = 'autoscaling:EC2_INSTANCE_LAUNCHING';
    asg('PutLifecycleHook', {
      ...hook,
      LifecycleTransition: launching,
      HeartbeatTimeout: 60,
      DefaultResult: 'CONTINUE',
    });
    asg('SetDesiredCapacity', { DesiredCapacity: 1 });
    cloud.until(() => cloud.ids('Pending:Wait').length === 1);
    const [InstanceId] = cloud.ids('Pending:Wait');
    cloud.pass(50);
    asg('RecordLifecycleActionHeartbeat', { ...hook, InstanceId });
    cloud.pass(50);
    expect(cloud.ids('Pending:Wait')).toEqual([InstanceId]);
    cloud.pass(15);
    expect(cloud.ids('InService')).toEqual([InstanceId]);
    asg('DeleteLifecycleHook', hook);
    expect(asg('DescribeLifecycleHooks').LifecycleHooks).toEqual([]);
    asg('SetDesiredCapacity', { DesiredCapacity: 2 });
    cloud.pass(60);
    expect(cloud.ids('InService')).toHaveLength(2);
    expect(asg('DescribeAdjustmentTypes').AdjustmentTypes).toHaveLength(3);
  });

  test('register at load balancers that are attached, and leave those that are detached', () => {
    cloud.createGroup({ MinSize: 0, DesiredCapacity: 2 });
    cloud.pass(120);
    cloud.call('elasticloadbalancing', 'CreateLoadBalancer', {
      LoadBalancerName: 'lb',
      AvailabilityZones: [`${region}a`],
      Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 1, InstancePort: 2 }],
    });
    const target = { Name: 'tg', Protocol: 'TCP', Port: 80, VpcId: cloud.call('ec2', 'DescribeVpcs').Vpcs[0].VpcId };
    const { TargetGroups } = cloud.call('elasticloadbalancingv2', 'CreateTargetGroup', target);
    const TargetGroupARNs = [TargetGroups[0].TargetGroupArn];
    asg('AttachLoadBalancers', { LoadBalancerNames: ['lb'] });
    asg('AttachLoadBalancerTargetGroups', { TargetGroupARNs });
    const sizes = () =>
      cloud.model
        .truth()
        .loadBalancers()
        .map((each) => Object.keys(each.instances).length);
    expect(sizes()).toEqual([2, 2]);
    expect(asg('DescribeLoadBalancerTargetGroups').LoadBalancerTargetGroups).toHaveLength(1);
    asg('DetachLoadBalancers', { LoadBalancerNames: ['lb'] });
    asg('DetachLoadBalancerTargetGroups', { TargetGroupARNs });
    cloud.pass(400);
    expect(sizes()).toEqual([0, 0]);
  });
});

describe('load balancers', () => {
  test('are tagged, changed and deleted, and tell of targets that they were given', () => {
    cloud.createStack('pool', poolTemplate({ image }), { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    cloud.pass(300);
    const classic = (action: string, params: object) =>
      cloud.call('elasticloadbalancing', action, { LoadBalancerName: 'api-classic', ...params });
    const Instances = [{ InstanceId: cloud.model.truth().instances()[0]?.id }];
    expect(classic('RegisterInstancesWithLoadBalancer', { Instances }).Instances).toHaveLength(2);
    classic('ModifyLoadBalancerAttributes', { LoadBalancerAttributes: { ConnectionDraining: { Enabled: false } } });
    expect(classic('DescribeLoadBalancerAttributes', {}).LoadBalancerAttributes.ConnectionDraining.Enabled).toBe(false);
    classic('AddTags', { LoadBalancerNames: ['api-classic'], Tags: [{ Key: 'k', Value: 'v' }] });
    expect(
      cloud.call('elasticloadbalancing', 'DescribeTags', { LoadBalancerNames: ['api-classic'] }).TagDescriptions[0]
        .Tags,
    ).toContainEqual({ Key: 'k', Value: 'v' });
    classic('DeleteLoadBalancer', {});
    expect(cloud.codeOf('elasticloadbalancing', 'DescribeLoadBalancers', { LoadBalancerNames: ['api-classic'] })).toBe(
      'LoadBalancerNotFound',
    );

    const v2 = (action: string, params: object = {}) => cloud.call('elasticloadbalancingv2', action, { ...params });
    const { LoadBalancerArn } = v2('DescribeLoadBalancers').LoadBalancers[0];
    const Attributes = [{ Key: 'deletion_protection.enabled', Value: 'false' }];
    v2('ModifyLoadBalancerAttributes', { LoadBalancerArn, Attributes });
    expect(v2('DescribeLoadBalancerAttributes', { LoadBalancerArn }).Attributes).toContainEqual(Attributes[0]);
    v2('AddTags', { ResourceArns: [LoadBalancerArn], Tags: [{ Key: 'k', Value: 'v' }] });
    expect(v2('DescribeTags', { ResourceArns: [LoadBalancerArn] }).TagDescriptions[0].Tags).toContainEqual({
      Key: 'k',
      Value: 'v',
    });
    const { ListenerArn } = v2('DescribeListeners', { LoadBalancerArn }).Listeners[0];
    const { TargetGroupArn } = v2('DescribeTargetGroups').TargetGroups[0];
    expect(cloud.codeOf('elasticloadbalancingv2', 'DeleteTargetGroup', { TargetGroupArn })).toBe('ResourceInUse');
    v2('DeleteListener', { ListenerArn });
    v2('DeleteTargetGroup', { TargetGroupArn });
    v2('DeleteLoadBalancer', { LoadBalancerArn });
    expect([v2('DescribeLoadBalancers').LoadBalancers, v2('DescribeTargetGroups').TargetGroups]).toEqual([[], []]);
  });
});

describe('the rest', () => {
  test('launch templates get versions, a default, and an end', () => {
    const LaunchTemplateId = cloud.createTemplate('base');
    cloud.call('ec2', 'CreateLaunchTemplateVersion', {
      LaunchTemplateId,
      SourceVersion: '1',
      LaunchTemplateData: { InstanceType: 'm5.xlarge' },
    });
    const versions = cloud.call('ec2', 'DescribeLaunchTemplateVersions', { LaunchTemplateId, Versions: ['2'] });
    expect(versions.LaunchTemplateVersions[0].LaunchTemplateData).toMatchObject({
      ImageId: image,
      InstanceType: 'm5.xlarge',
    });
    cloud.call('ec2', 'ModifyLaunchTemplate', { LaunchTemplateId, DefaultVersion: '2' });
    expect(cloud.call('ec2', 'DescribeLaunchTemplates').LaunchTemplates[0].DefaultVersionNumber).toBe(2);
    cloud.call('ec2', 'CreateTags', { Resources: [LaunchTemplateId], Tags: [{ Key: 'k', Value: 'v' }] });
    expect(cloud.call('ec2', 'DescribeLaunchTemplates').LaunchTemplates[0].Tags).toEqual([{ Key: 'k', Value: 'v' }]);
    cloud.call('ec2', 'DeleteLaunchTemplate', { LaunchTemplateId });
    expect(cloud.call('ec2', 'DescribeLaunchTemplates').LaunchTemplates).toEqual([]);
  });

  test('an update that is cancelled rolls back; security groups of stacks are described', () => {
    cloud.createStack('pool', poolTemplate({ image }), { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    cloud.pass(300);
    const groups = cloud.call('ec2', 'DescribeSecurityGroups').SecurityGroups;
    expect(groups).toMatchObject([{ Description: 'nodes', OwnerId: account }]);
    cloud.call('cloudformation', 'UpdateStack', {
      StackName: 'pool',
      TemplateBody: poolTemplate({ image: 'ami-0fedcba9876543210' }),
      Capabilities: ['CAPABILITY_NAMED_IAM'],
    });
    cloud.call('cloudformation', 'CancelUpdateStack', { StackName: 'pool' });
    cloud.pass(300);
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
  });

  test('an access key tells its account; buckets tell where they are, whether they keep versions, and what they hold', () => {
    const key = { AccessKeyId: `AKIA${account}` };
    expect(cloud.call('sts', 'GetAccessKeyInfo', key)).toEqual({ Account: account });
    const s3 = (action: string, params: object = {}) => cloud.call('s3', action, { Bucket: 'a-bucket', ...params });
    expect(cloud.codeOf('s3', 'HeadBucket', { Bucket: 'a-bucket' })).toBe('NoSuchBucket');
    s3('CreateBucket');
    expect(s3('HeadBucket')).toEqual({ BucketRegion: region });
    expect(s3('GetBucketLocation')).toEqual({ LocationConstraint: region });
    expect(s3('GetBucketVersioning')).toEqual({});
    s3('PutBucketVersioning', { Status: 'Suspended' });
    expect(s3('GetBucketVersioning')).toEqual({ Status: 'Suspended' });
    s3('PutObject', { Key: 'k', Body: 'four', ContentType: 'text/plain' });
    expect(s3('HeadObject', { Key: 'k' })).toMatchObject({ ContentLength: 4, ContentType: 'text/plain' });
  });
});
