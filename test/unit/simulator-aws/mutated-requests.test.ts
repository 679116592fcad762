import { describe, expect, test } from 'vitest';
import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import { MalformedQuery, parseQuery } from '../../../src/simulator/wire/aws-query.ts';
import { AwsWire } from '../../../src/simulator/wire/aws-wire.ts';
import type { WireAnswer } from '../../../src/simulator/wire/http-server.ts';
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { poolTemplate } from './pool-template.ts';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

const image = 'ami-0123456789abcdef0';
const text = poolTemplate({ image });

/** Values that have no business where they turn up. */
const oddities: unknown[] = [
  '',
  ' ',
  '0',
  '-1',
  '99999999999999999999',
  'NaN',
  'true',
  null,
  undefined,
  [],
  {},
  [[]],
  [null],
  [{}],
  { member: [] },
  0,
  -5,
  1e99,
  true,
  '__proto__',
  'constructor',
  'workers',
  'pool',
  '\u0000',
  '<a>&</a>',
  '$Latest',
  'x'.repeat(70_000),
  '{"Resources":[]}',
  '{"Resources":{"A":{"Type":"AWS::AutoScaling::AutoScalingGroup","Properties":{"MinSize":{"Fn::If":["x"]}}}}}',
  '{"Resources":{"A":{"Type":"AWS::EC2::LaunchTemplate","Properties":{"LaunchTemplateData":{"Fn::GetAZs":{"Fn::Select":["a",[]]}}}}}}',
];

function pick<T>(random: Random, all: readonly T[]): T {
  return all[random.int(all.length)] as T;
}

/** Replaces, drops or adds values anywhere inside. */
function mutate(random: Random, value: unknown, depth = 0): unknown {
  if (random.next() < 0.12) return pick(random, oddities);
  if (depth > 4 || typeof value !== 'object' || value === null) {
    if (typeof value === 'string' && random.next() < 0.15 && value.length > 0) {
      const at = random.int(value.length);
      return (
        value.slice(0, at) +
        pick(random, ['', '\n', ':', '!', '*', '}', '$' + '{x}', ' - ']) +
        value.slice(at + random.int(4))
      );
    }
    return value;
  }
  if (Array.isArray(value))
    return value.flatMap((each) => (random.next() < 0.1 ? [] : [mutate(random, each, depth + 1)]));
  const entries = Object.entries(value).filter(() => random.next() > 0.08);
  return Object.fromEntries(entries.map(([key, each]) => [key, mutate(random, each, depth + 1)]));
}

function mutateAll(random: Random, params: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, mutate(random, value)]));
}

function seeds(cloud: SimulatedCloud): [AwsService, string, Record<string, unknown>][] {
  const AutoScalingGroupName = 'workers';
  const InstanceIds = cloud.ids('InService').slice(0, 1);
  const [InstanceId] = InstanceIds;
  const lt = cloud.group()?.LaunchTemplate ?? {};
  const TargetGroupArn = cloud.call('elasticloadbalancingv2', 'DescribeTargetGroups').TargetGroups[0]?.TargetGroupArn;
  const VolumeId = cloud.call('ec2', 'DescribeVolumes').Volumes[0]?.VolumeId;
  const stack = {
    StackName: 'pool',
    TemplateBody: text,
    Capabilities: ['CAPABILITY_NAMED_IAM'],
    Tags: [{ Key: 'a', Value: 'b' }],
  };
  return [
    [
      'autoscaling',
      'CreateAutoScalingGroup',
      {
        AutoScalingGroupName: 'other',
        MinSize: 1,
        MaxSize: 2,
        AvailabilityZones: [`${region}a`],
        LaunchTemplate: lt,
        Tags: [{ Key: 'a', Value: 'b' }],
      },
    ],
    [
      'autoscaling',
      'UpdateAutoScalingGroup',
      {
        AutoScalingGroupName,
        MinSize: 1,
        MaxSize: 12,
        DesiredCapacity: 4,
        LaunchTemplate: lt,
        AvailabilityZones: [`${region}a`, `${region}b`],
      },
    ],
    ['autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName, DesiredCapacity: 5, HonorCooldown: false }],
    [
      'autoscaling',
      'LaunchInstances',
      { AutoScalingGroupName, RequestedCapacity: 1, ClientToken: 'token', AvailabilityZones: [`${region}b`] },
    ],
    ['autoscaling', 'TerminateInstanceInAutoScalingGroup', { InstanceId, ShouldDecrementDesiredCapacity: false }],
    ['autoscaling', 'SetInstanceProtection', { AutoScalingGroupName, InstanceIds, ProtectedFromScaleIn: true }],
    ['autoscaling', 'DetachInstances', { AutoScalingGroupName, InstanceIds, ShouldDecrementDesiredCapacity: false }],
    ['autoscaling', 'EnterStandby', { AutoScalingGroupName, InstanceIds, ShouldDecrementDesiredCapacity: true }],
    ['autoscaling', 'ExitStandby', { AutoScalingGroupName, InstanceIds }],
    ['autoscaling', 'SuspendProcesses', { AutoScalingGroupName, ScalingProcesses: ['AZRebalance'] }],
    ['autoscaling', 'ResumeProcesses', { AutoScalingGroupName }],
    [
      'autoscaling',
      'CreateOrUpdateTags',
      {
        Tags: [
          { ResourceId: 'workers', ResourceType: 'auto-scaling-group', Key: 'k', Value: 'v', PropagateAtLaunch: true },
        ],
      },
    ],
    [
      'autoscaling',
      'DescribeAutoScalingGroups',
      { AutoScalingGroupNames: ['workers'], Filters: [{ Name: 'tag:NodePool', Values: ['workers'] }], MaxRecords: 5 },
    ],
    [
      'autoscaling',
      'PutLifecycleHook',
      {
        AutoScalingGroupName,
        LifecycleHookName: 'h',
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        HeartbeatTimeout: 30,
      },
    ],
    [
      'autoscaling',
      'CompleteLifecycleAction',
      { AutoScalingGroupName, LifecycleHookName: 'h', InstanceId, LifecycleActionResult: 'CONTINUE' },
    ],
    ['autoscaling', 'StartInstanceRefresh', { AutoScalingGroupName, Preferences: { SkipMatching: true } }],
    [
      'ec2',
      'CreateLaunchTemplateVersion',
      {
        LaunchTemplateId: lt.LaunchTemplateId,
        SourceVersion: '1',
        LaunchTemplateData: {
          ImageId: image,
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b' }] }],
        },
      },
    ],
    ['ec2', 'DescribeLaunchTemplateVersions', { LaunchTemplateId: lt.LaunchTemplateId, Versions: ['$Latest', '1'] }],
    [
      'ec2',
      'DescribeInstances',
      { InstanceIds, Filters: [{ Name: 'instance-state-name', Values: ['run*'] }], MaxResults: 5 },
    ],
    ['ec2', 'TerminateInstances', { InstanceIds }],
    [
      'elasticloadbalancing',
      'CreateLoadBalancer',
      {
        LoadBalancerName: 'lb',
        AvailabilityZones: [`${region}a`],
        Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 1, InstancePort: 2 }],
      },
    ],
    [
      'elasticloadbalancing',
      'ConfigureHealthCheck',
      {
        LoadBalancerName: 'api-classic',
        HealthCheck: { Target: 'TCP:1', Interval: 10, Timeout: 5, HealthyThreshold: 2, UnhealthyThreshold: 2 },
      },
    ],
    [
      'elasticloadbalancing',
      'RegisterInstancesWithLoadBalancer',
      { LoadBalancerName: 'api-classic', Instances: InstanceIds.map((each) => ({ InstanceId: each })) },
    ],
    ['elasticloadbalancingv2', 'RegisterTargets', { TargetGroupArn, Targets: InstanceIds.map((Id) => ({ Id })) }],
    ['elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn }],
    [
      'elasticloadbalancingv2',
      'ModifyTargetGroupAttributes',
      { TargetGroupArn, Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '10' }] },
    ],
    ['cloudformation', 'CreateStack', stack],
    ['cloudformation', 'UpdateStack', { ...stack, TemplateBody: text.replace(image, 'ami-0fedcba9876543210') }],
    ['cloudformation', 'CreateChangeSet', { ...stack, ChangeSetName: 'next' }],
    ['cloudformation', 'ExecuteChangeSet', { StackName: 'pool', ChangeSetName: 'next' }],
    ['cloudformation', 'DeleteStack', { StackName: 'pool', RetainResources: ['Group'] }],
    ['cloudformation', 'DescribeStackEvents', { StackName: 'pool', NextToken: 'b2Zmc2V0LTE' }],
    [
      'autoscaling',
      'PutWarmPool',
      { AutoScalingGroupName, MinSize: 1, MaxGroupPreparedCapacity: 6, PoolState: 'Stopped' },
    ],
    ['autoscaling', 'DeleteWarmPool', { AutoScalingGroupName, ForceDelete: true }],
    ['autoscaling', 'DescribeWarmPool', { AutoScalingGroupName, MaxRecords: 5 }],
    ['autoscaling', 'AttachInstances', { AutoScalingGroupName, InstanceIds }],
    [
      'autoscaling',
      'PutScheduledUpdateGroupAction',
      { AutoScalingGroupName, ScheduledActionName: 's', Recurrence: '*/5 * * * *', MinSize: 1, DesiredCapacity: 4 },
    ],
    [
      'autoscaling',
      'PutScalingPolicy',
      { AutoScalingGroupName, PolicyName: 'p', AdjustmentType: 'PercentChangeInCapacity', ScalingAdjustment: 25 },
    ],
    ['autoscaling', 'ExecutePolicy', { AutoScalingGroupName, PolicyName: 'p', HonorCooldown: true }],
    ['autoscaling', 'DescribePolicies', { AutoScalingGroupName, PolicyNames: ['p'] }],
    ['autoscaling', 'CancelInstanceRefresh', { AutoScalingGroupName }],
    ['ec2', 'RunInstances', { MinCount: 1, MaxCount: 2, ImageId: image, InstanceType: 'm5.large' }],
    ['ec2', 'StopInstances', { InstanceIds }],
    ['ec2', 'StartInstances', { InstanceIds }],
    ['ec2', 'CreateVolume', { AvailabilityZone: `${region}a`, Size: 1, VolumeType: 'gp3' }],
    ['ec2', 'AttachVolume', { VolumeId, InstanceId, Device: '/dev/xvdb' }],
    ['ec2', 'DetachVolume', { VolumeId, InstanceId }],
    [
      'cloudformation',
      'SignalResource',
      { StackName: 'pool', LogicalResourceId: 'Group', UniqueId: 'i', Status: 'SUCCESS' },
    ],
    [
      'cloudformation',
      'SetStackPolicy',
      {
        StackName: 'pool',
        StackPolicyBody: '{"Statement":[{"Effect":"Allow","Action":"Update:*","Principal":"*","Resource":"*"}]}',
      },
    ],
    ['cloudformation', 'ContinueUpdateRollback', { StackName: 'pool', ResourcesToSkip: ['Group'] }],
    ['s3', 'CreateBucket', { Bucket: 'a-bucket' }],
    ['s3', 'PutBucketVersioning', { Bucket: 'a-bucket', Status: 'Enabled' }],
    ['s3', 'ListObjectsV2', { Bucket: 'a-bucket', Prefix: 'k', Delimiter: '/', MaxKeys: 5 }],
    ['s3', 'DeleteObject', { Bucket: 'a-bucket', Key: 'k', VersionId: 'v' }],
    [
      'eks',
      'CreateCluster',
      {
        name: 'managed',
        version: '1.31',
        roleArn: 'arn:aws:iam::1:role/x',
        resourcesVpcConfig: {
          subnetIds: cloud.call('ec2', 'DescribeSubnets').Subnets.map((each: { SubnetId: string }) => each.SubnetId),
        },
        tags: { a: 'b' },
      },
    ],
    ['eks', 'UpdateClusterVersion', { name: 'managed', version: '1.32' }],
    ['eks', 'ListClusters', { maxResults: 5 }],
    ['sts', 'AssumeRole', { RoleArn: `arn:aws:iam::${account}:role/a`, RoleSessionName: 'me', DurationSeconds: 900 }],
    ['s3', 'PutObject', { Bucket: 'a-bucket', Key: 'k', Body: 'x' }],
    ['kms', 'Encrypt', { KeyId: 'k', Plaintext: 'eA==' }],
  ];
}

function consistent(cloud: SimulatedCloud): void {
  const truth = cloud.model.truth();
  const addresses = new Set<string>();
  for (const instance of cloud.running.values()) {
    expect(addresses).not.toContain(instance.privateIp);
    addresses.add(instance.privateIp);
  }
  for (const group of truth.groups()) {
    expect(group.min).toBeLessThanOrEqual(group.desired);
    expect(group.desired).toBeLessThanOrEqual(group.max);
  }
  const known = new Set(truth.instances().map((each) => each.id));
  const owners = new Map<string, string>();
  for (const group of truth.groups()) {
    for (const member of group.members) {
      expect(known).toContain(member.instanceId);
      expect(owners.get(member.instanceId), 'an instance is in one group').toBeUndefined();
      owners.set(member.instanceId, group.name);
    }
  }
  for (const instance of truth.instances()) {
    const warm = cloud.reply('autoscaling', 'DescribeWarmPool', { AutoScalingGroupName: instance.group });
    const waits = warm.ok && JSON.stringify(warm.result).includes(instance.id);
    if (instance.group !== '' && !waits && instance.state !== 'shutting-down')
      expect(owners.get(instance.id), 'what says that it is in a group is').toBe(instance.group);
  }
  for (const balancer of truth.loadBalancers())
    for (const id of Object.keys(balancer.instances)) expect(known, balancer.name).toContain(id);
  for (const volume of cloud.call('ec2', 'DescribeVolumes').Volumes) {
    expect(volume.Attachments).toHaveLength(volume.State === 'in-use' ? 1 : 0);
    for (const attachment of volume.Attachments) expect(known).toContain(attachment.InstanceId);
  }
}

/** Left alone, every group comes to what it should be, and every stack to rest with what it says it has. */
function settles(cloud: SimulatedCloud): void {
  cloud.model.faults.clear();
  for (const { name } of cloud.model.truth().groups()) {
    cloud.reply('autoscaling', 'ResumeProcesses', { AutoScalingGroupName: name });
    cloud.reply('autoscaling', 'BatchDeleteScheduledAction', {
      AutoScalingGroupName: name,
      ScheduledActionNames: ['s'],
    });
  }
  // Launch hooks that nobody completes abandon the launch, over and over: a group with one never settles.
  const hooked = (name: string): boolean => {
    const reply = cloud.reply('autoscaling', 'DescribeLifecycleHooks', { AutoScalingGroupName: name });
    return reply.ok && (reply.result['LifecycleHooks'] as unknown[]).length > 0;
  };
  cloud.pass(4 * 3600);
  for (const group of cloud.model.truth().groups()) {
    if (hooked(group.name) || group.members.some((member) => member.state === 'Standby')) continue;
    const counted = group.members.filter((member) => member.state === 'InService').length;
    const failed = cloud.call('autoscaling', 'DescribeScalingActivities', { AutoScalingGroupName: group.name })
      .Activities[0];
    if (failed?.StatusCode === 'Failed') continue;
    expect(counted, `${group.name} has what it wants`).toBe(group.desired);
  }
  for (const stack of cloud.model.truth().stacks()) {
    expect(stack.status, stack.name).not.toMatch(/IN_PROGRESS$/);
    if (!/^(CREATE|UPDATE)_COMPLETE$/.test(stack.status)) continue;
    const resources = cloud.call('cloudformation', 'DescribeStackResources', { StackName: stack.name }).StackResources;
    for (const resource of resources) expect(resource.ResourceStatus).toMatch(/_COMPLETE$/);
  }
}

describe('10,000 mutated requests', () => {
  test.each([1, 2, 3])('leave the model answering and consistent (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const cloud = new SimulatedCloud({ seed: String(seed) });
    cloud.createGroup();
    cloud.createStack('pool', text, { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    cloud.pass(200);
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      for (const [service, action, params] of seeds(cloud)) {
        const reply = cloud.reply(service, action, mutateAll(random, params));
        if (!reply.ok) {
          refused += 1;
          expect(reply.code, action).not.toBe('InternalFailure');
          expect(reply.code).toMatch(/^[A-Za-z][A-Za-z0-9.]+$/);
          expect(reply.status).toBeGreaterThanOrEqual(400);
        }
      }
      cloud.pass(random.int(90));
      consistent(cloud);
    }
    expect(refused).toBeGreaterThan(500);
    settles(cloud);
  });

  test('are decoded from any form, or refused as malformed', () => {
    const random = seededRandom('forms');
    const steps = ['A', 'member', '1', '2', '0', '999999', '__proto__', 'constructor', 'Filter', 'Value', ''];
    for (let i = 0; i < 3000; i++) {
      const form = new URLSearchParams({ Action: 'X', Version: '1' });
      for (let field = 0; field < 6; field++) {
        const path = Array.from({ length: 1 + random.int(5) }, () => pick(random, steps)).join('.');
        form.append(path, pick(random, ['', '1', 'a']));
      }
      try {
        expect(parseQuery(form, random.next() < 0.5 ? 'ec2' : 'query').action).toBe('X');
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedQuery);
      }
    }
    expect(({} as Record<string, unknown>)['1']).toBeUndefined();
  });

  test('get well-formed answers over the wire, whatever their bytes', async () => {
    const random = seededRandom('bytes');
    const cloud = new SimulatedCloud();
    cloud.createGroup();
    cloud.pass(100);
    const wire = new AwsWire({ handle: (request) => cloud.model.handle(request), delay: () => Promise.resolve() });
    for (let i = 0; i < 1500; i++) {
      const service = pick(random, [
        'autoscaling',
        'ec2',
        'cloudformation',
        'elasticloadbalancing',
        'sts',
        's3',
        'kms',
        'eks',
        'x',
      ]);
      let body =
        'Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1=workers&MaxRecords=5';
      for (let cut = 0; cut < 1 + random.int(4); cut++) {
        const at = random.int(body.length);
        body =
          body.slice(0, at) + pick(random, ['', '%', '%00', '&', '=', '.1', '<', 'é']) + body.slice(at + random.int(6));
      }
      const answer: WireAnswer = await wire.handle({
        method: pick(random, ['POST', 'GET', 'PUT', 'DELETE', 'HEAD']),
        path: pick(random, ['/', '/bucket', '/bucket/key', '/%zz', '/b/%E0%A4%A', '/clusters', '/clusters/a/updates']),
        query: new URLSearchParams(),
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=AKIA${account}/d/${region}/${service}/aws4_request, SignedHeaders=h, Signature=0`,
        },
        body,
      });
      if (!('status' in answer)) continue;
      expect(answer.status).toBeGreaterThanOrEqual(200);
      expect(answer.status).not.toBe(500);
      expect(answer.body).not.toMatch(/\bat .*\.ts:\d/);
      if (answer.status >= 400 && answer.body !== '')
        expect(answer.body).toMatch(/<Code>[A-Za-z.]+<\/Code>|"__type":"[A-Za-z]+"/);
    }
  });
});
