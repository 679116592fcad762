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
  for (const group of truth.groups()) for (const member of group.members) expect(known).toContain(member.instanceId);
}

describe('10,000 mutated requests', () => {
  test.each([1, 2, 3, 4])('leave the model answering and consistent (seed %i)', (seed) => {
    const random = seededRandom(seed);
    const cloud = new SimulatedCloud({ seed: String(seed) });
    cloud.createGroup();
    cloud.createStack('pool', text, { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    cloud.pass(200);
    let refused = 0;
    for (let round = 0; round < 75; round++) {
      for (const [service, action, params] of seeds(cloud)) {
        const reply = cloud.reply(service, action, mutateAll(random, params));
        if (!reply.ok) {
          refused += 1;
          expect(reply.code, action).not.toBe('InternalFailure');
          expect(reply.status).toBeGreaterThanOrEqual(400);
        }
      }
      cloud.pass(random.int(90));
      consistent(cloud);
    }
    expect(refused).toBeGreaterThan(500);
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
        path: pick(random, ['/', '/bucket', '/bucket/key', '/%zz', '/b/%E0%A4%A']),
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
    }
  });
});
