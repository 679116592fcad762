import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as cloudformation from '@aws-sdk/client-cloudformation';
import * as ec2 from '@aws-sdk/client-ec2';
import * as classic from '@aws-sdk/client-elastic-load-balancing';
import * as balancing from '@aws-sdk/client-elastic-load-balancing-v2';
import * as sts from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import { poolTemplate } from '../../unit/simulator-aws/pool-template.ts';
import { region, ServedCloud } from './served-cloud.ts';

let served: ServedCloud;
beforeAll(async () => {
  served = await ServedCloud.start();
});
afterAll(async () => {
  await served.stop();
  expect(served.errors).toEqual([]);
});

interface Sdk {
  module: Record<string, unknown>;
  client: () => { send(command: unknown): Promise<Record<string, unknown>>; destroy(): void };
}

const sdks: Partial<Record<AwsService, Sdk>> = {
  autoscaling: { module: autoscaling, client: () => served.autoscaling() },
  ec2: { module: ec2, client: () => served.ec2() },
  elasticloadbalancing: { module: classic, client: () => served.classic() },
  elasticloadbalancingv2: { module: balancing, client: () => served.balancing() },
  cloudformation: { module: cloudformation, client: () => served.cloudformation() },
  sts: { module: sts, client: () => served.sts() },
};

async function overTheWire(service: AwsService, action: string, input: unknown): Promise<Record<string, unknown>> {
  const sdk = sdks[service] as Sdk;
  const Command = sdk.module[`${action}Command`] as new (input: unknown) => unknown;
  const client = sdk.client();
  try {
    const { $metadata: _metadata, ...output } = await client.send(new Command(input));
    return output;
  } finally {
    client.destroy();
  }
}

/** undefined members go, as they do in JSON; dates stay. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, each]) => each !== undefined)
        .map(([key, each]) => [key, plain(each)]),
    );
  }
  return value;
}

/** What changes nothing is asked twice: in-process and through the SDK; both must say the same. */
async function sameAnswer(
  service: AwsService,
  action: string,
  input: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  const inProcess = served.cloud.call(service, action, input);
  const output = await overTheWire(service, action, input);
  expect(plain(output), `${service} ${action}`).toEqual(plain(inProcess));
  return output;
}

describe('the real SDK clients read the simulated APIs', () => {
  test('a group and its instances look the same in-process and through the SDK', async () => {
    const { LaunchTemplate } = (await overTheWire('ec2', 'CreateLaunchTemplate', {
      LaunchTemplateName: 'round-trip',
      LaunchTemplateData: {
        ImageId: 'ami-0123456789abcdef0',
        InstanceType: 'm5.large',
        UserData: Buffer.from('#cloud-config <&> "quoted"').toString('base64'),
        SecurityGroupIds: ['sg-0123456789abcdef0'],
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeType: 'gp3' } }],
        TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: 'b & <c>' }] }],
      },
      TagSpecifications: [{ ResourceType: 'launch-template', Tags: [{ Key: 'owner', Value: 'tests' }] }],
    })) as { LaunchTemplate: { LaunchTemplateId: string } };
    const { LaunchTemplateId } = LaunchTemplate;
    await overTheWire('autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: 'round-trip',
      MinSize: 1,
      MaxSize: 5,
      DesiredCapacity: 3,
      AvailabilityZones: [`${region}a`, `${region}b`],
      LaunchTemplate: { LaunchTemplateId, Version: '1' },
      Tags: [{ Key: 'NodePool', Value: 'a "quoted" <pool> & more\tü', PropagateAtLaunch: true }],
      LifecycleHookSpecificationList: [
        {
          LifecycleHookName: 'end',
          LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
          HeartbeatTimeout: 60,
          DefaultResult: 'CONTINUE',
        },
      ],
    });
    served.cloud.pass(120);
    const groups = await sameAnswer('autoscaling', 'DescribeAutoScalingGroups', {
      AutoScalingGroupNames: ['round-trip'],
    });
    expect(groups['AutoScalingGroups']).toMatchObject([
      { DesiredCapacity: 3, Instances: [{ LifecycleState: 'InService' }, {}, {}] },
    ]);
    await sameAnswer('autoscaling', 'DescribeAutoScalingGroups', {
      Filters: [{ Name: 'tag:NodePool', Values: ['a "quoted" <pool> & more\tü'] }],
    });
    await sameAnswer('autoscaling', 'DescribeAutoScalingGroups', { AutoScalingGroupNames: ['absent'] });
    await sameAnswer('autoscaling', 'DescribeAutoScalingInstances');
    await sameAnswer('autoscaling', 'DescribeScalingActivities', { AutoScalingGroupName: 'round-trip' });
    await sameAnswer('autoscaling', 'DescribeTags', { Filters: [{ Name: 'key', Values: ['NodePool'] }] });
    await sameAnswer('autoscaling', 'DescribeLifecycleHooks', { AutoScalingGroupName: 'round-trip' });
    await sameAnswer('autoscaling', 'DescribeInstanceRefreshes', { AutoScalingGroupName: 'round-trip' });
    await sameAnswer('autoscaling', 'DescribeScalingProcessTypes');
    await sameAnswer('ec2', 'DescribeInstances', {
      Filters: [{ Name: 'tag:aws:autoscaling:groupName', Values: ['round-trip'] }],
    });
    await sameAnswer('ec2', 'DescribeInstances', { InstanceIds: served.cloud.ids('InService', 'round-trip') });
    await sameAnswer('ec2', 'DescribeInstanceStatus');
    await sameAnswer('ec2', 'DescribeLaunchTemplates', { LaunchTemplateNames: ['round-trip'] });
    await sameAnswer('ec2', 'DescribeLaunchTemplateVersions', { LaunchTemplateId, Versions: ['$Latest'] });
  });

  test('the region describes itself the same in-process and through the SDK', async () => {
    await sameAnswer('ec2', 'DescribeSubnets', { Filters: [{ Name: 'availability-zone', Values: [`${region}b`] }] });
    await sameAnswer('ec2', 'DescribeVpcs');
    await sameAnswer('ec2', 'DescribeAvailabilityZones');
    await sameAnswer('ec2', 'DescribeRegions');
    const images = await sameAnswer('ec2', 'DescribeImages', {
      Owners: ['099720109477'],
      Filters: [{ Name: 'name', Values: ['kubernetes-node-v1.31-amd64-*'] }],
    });
    expect(images['Images']).toHaveLength(2);
    await sameAnswer('ec2', 'DescribeInstanceTypes', { InstanceTypes: ['m6g.2xlarge', 'c5.large'] });
    await sameAnswer('sts', 'GetCallerIdentity');
  });

  test('a stack and the load balancers it makes look the same in-process and through the SDK', async () => {
    const input = {
      StackName: 'stack-trip',
      TemplateBody: poolTemplate({ image: 'ami-0123456789abcdef0' }),
      Parameters: [{ ParameterKey: 'Size', ParameterValue: '2' }],
      Tags: [{ Key: 'owner', Value: 'tests' }],
      Capabilities: ['CAPABILITY_NAMED_IAM'],
      ClientRequestToken: 'round-trip-1',
    };
    await overTheWire('cloudformation', 'ValidateTemplate', { TemplateBody: input.TemplateBody });
    await overTheWire('cloudformation', 'CreateStack', input);
    served.cloud.pass(300);
    const stacks = await sameAnswer('cloudformation', 'DescribeStacks', { StackName: 'stack-trip' });
    expect(stacks['Stacks']).toMatchObject([{ StackStatus: 'CREATE_COMPLETE' }]);
    for (const action of [
      'DescribeStackEvents',
      'DescribeStackResources',
      'ListStackResources',
      'GetTemplate',
      'GetStackPolicy',
      'ListChangeSets',
    ]) {
      await sameAnswer('cloudformation', action, { StackName: 'stack-trip' });
    }
    await sameAnswer('cloudformation', 'DescribeStackResource', {
      StackName: 'stack-trip',
      LogicalResourceId: 'Group',
    });
    const drift = await overTheWire('cloudformation', 'DetectStackDrift', { StackName: 'stack-trip' });
    const StackDriftDetectionId = drift['StackDriftDetectionId'];
    const asked = { StackDriftDetectionId };
    const going = await sameAnswer('cloudformation', 'DescribeStackDriftDetectionStatus', asked);
    expect(going['DetectionStatus']).toBe('DETECTION_IN_PROGRESS');
    served.cloud.pass(60);
    const done = await sameAnswer('cloudformation', 'DescribeStackDriftDetectionStatus', asked);
    expect(done).toMatchObject({ DetectionStatus: 'DETECTION_COMPLETE', StackDriftStatus: 'IN_SYNC' });
    await sameAnswer('cloudformation', 'DescribeStackResourceDrifts', { StackName: 'stack-trip' });
    await sameAnswer('cloudformation', 'DescribeStacks', { StackName: 'stack-trip' });
    await sameAnswer('cloudformation', 'ListStacks', { StackStatusFilter: ['CREATE_COMPLETE'] });
    await sameAnswer('cloudformation', 'ListExports');
    await sameAnswer('cloudformation', 'ValidateTemplate', { TemplateBody: input.TemplateBody });
    await sameAnswer('elasticloadbalancing', 'DescribeLoadBalancers');
    await sameAnswer('elasticloadbalancing', 'DescribeInstanceHealth', { LoadBalancerName: 'api-classic' });
    await sameAnswer('elasticloadbalancing', 'DescribeLoadBalancerAttributes', { LoadBalancerName: 'api-classic' });
    await sameAnswer('elasticloadbalancing', 'DescribeTags', { LoadBalancerNames: ['api-classic'] });
    const groups = await sameAnswer('elasticloadbalancingv2', 'DescribeTargetGroups');
    const TargetGroupArn = (groups['TargetGroups'] as { TargetGroupArn: string }[])[0]?.TargetGroupArn;
    const health = await sameAnswer('elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn });
    expect(health['TargetHealthDescriptions']).toMatchObject([{ TargetHealth: { State: 'healthy' } }, {}]);
    await sameAnswer('elasticloadbalancingv2', 'DescribeTargetGroupAttributes', { TargetGroupArn });
    await sameAnswer('elasticloadbalancingv2', 'DescribeTags', { ResourceArns: [TargetGroupArn] });
    const balancers = await sameAnswer('elasticloadbalancingv2', 'DescribeLoadBalancers');
    const LoadBalancerArn = (balancers['LoadBalancers'] as { LoadBalancerArn: string }[])[0]?.LoadBalancerArn;
    await sameAnswer('elasticloadbalancingv2', 'DescribeListeners', { LoadBalancerArn });
    await sameAnswer('elasticloadbalancingv2', 'DescribeLoadBalancerAttributes', { LoadBalancerArn });
    await overTheWire('cloudformation', 'CreateChangeSet', {
      ...input,
      ClientRequestToken: undefined,
      ChangeSetName: 'next',
      Parameters: [{ ParameterKey: 'Size', ParameterValue: '3' }],
    });
    served.cloud.pass(10);
    const changeSet = await sameAnswer('cloudformation', 'DescribeChangeSet', {
      StackName: 'stack-trip',
      ChangeSetName: 'next',
    });
    expect(changeSet).toMatchObject({
      Status: 'CREATE_COMPLETE',
      Changes: [{ ResourceChange: { LogicalResourceId: 'Group', Action: 'Modify' } }],
    });
  });
});
