import { networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { AwsWire } from '../../../src/simulator/wire/aws-wire.ts';
import { eksTokenRefusal } from '../../../src/simulator/wire/eks-token.ts';
import { account, region, SimulatedCloud } from '../../unit/simulator-aws/simulated-cloud.ts';
import type { Difference } from './difference.ts';

/** A group of so many instances, in service. */
function running(more: Record<string, unknown> = {}): SimulatedCloud {
  const cloud = new SimulatedCloud();
  cloud.createGroup(more);
  cloud.pass(150);
  return cloud;
}

/** Status of a new stack of this one resource, once it is at rest. */
function stackOf(resource: object): { cloud: SimulatedCloud; status: string } {
  const cloud = new SimulatedCloud();
  cloud.createStack('one', { Resources: { A: resource } });
  cloud.until(() => !/IN_PROGRESS$/.test(cloud.stack('one').StackStatus));
  return { cloud, status: cloud.stack('one').StackStatus };
}

/** Each line of the document's AWS section, and how to see that it is still so. */
export const awsDifferences: readonly Difference[] = [
  {
    id: 'aws-actions',
    differs: () => new SimulatedCloud().codeOf('autoscaling', 'CreateLaunchConfiguration') === 'InvalidAction',
  },
  {
    id: 'aws-resource-types',
    differs: () => stackOf({ Type: 'AWS::Lambda::Function', Properties: {} }).status === 'ROLLBACK_COMPLETE',
  },
  {
    id: 'aws-nested-stacks',
    differs: () =>
      stackOf({ Type: 'AWS::CloudFormation::Stack', Properties: {} }).status === 'ROLLBACK_COMPLETE' &&
      new SimulatedCloud().codeOf('cloudformation', 'ValidateTemplate', {
        TemplateBody: '{"Transform": "AWS::Serverless-2016-10-31", "Resources": {"A": {"Type": "AWS::S3::Bucket"}}}',
      }) === 'ValidationError',
  },
  {
    id: 'aws-wait-urls',
    differs: () => {
      const { cloud } = stackOf({ Type: 'AWS::CloudFormation::WaitConditionHandle' });
      const [handle] = cloud.call('cloudformation', 'DescribeStackResources', { StackName: 'one' }).StackResources;
      return !/^https:/.test(handle.PhysicalResourceId);
    },
  },
  {
    id: 'aws-policies',
    differs: () =>
      new SimulatedCloud().codeOf('sts', 'AssumeRole', {
        RoleArn: 'arn:aws:iam::999999999999:role/nobody-made-it',
        RoleSessionName: 'test',
      }) === 'ok',
  },
  {
    id: 'aws-signatures',
    differs: async () => {
      const { model } = new SimulatedCloud();
      const wire = new AwsWire({ handle: (request) => model.handle(request), delay: () => Promise.resolve() });
      const credential = `AKIA${account}/20261121/${region}/sts/aws4_request`;
      const answer = await wire.handle({
        method: 'POST',
        path: '/',
        query: new URLSearchParams(),
        headers: { authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0` },
        body: 'Action=GetCallerIdentity&Version=2011-06-15',
      });
      return 'status' in answer && answer.status === 200;
    },
  },
  {
    id: 'aws-images',
    differs: () => {
      const cloud = new SimulatedCloud();
      const ImageId = 'ami-0123456789abcdef0';
      const launched = cloud.codeOf('ec2', 'RunInstances', {
        MinCount: 1,
        MaxCount: 1,
        ImageId,
        InstanceType: 'm5.large',
      });
      const described = cloud.codeOf('ec2', 'DescribeImages', { ImageIds: [ImageId] });
      return launched === 'ok' && described === 'InvalidAMIID.NotFound';
    },
  },
  {
    id: 'aws-spot-prices',
    differs: () => {
      const cloud = new SimulatedCloud();
      cloud.createTemplate('base');
      cloud.createGroup({
        DesiredCapacity: 4,
        LaunchTemplate: undefined,
        MixedInstancesPolicy: {
          LaunchTemplate: {
            LaunchTemplateSpecification: { LaunchTemplateName: 'base', Version: '1' },
            Overrides: [{ InstanceType: 'm5.24xlarge' }, { InstanceType: 'm5.large' }],
          },
          InstancesDistribution: { OnDemandPercentageAboveBaseCapacity: 0, SpotAllocationStrategy: 'lowest-price' },
        },
      });
      cloud.pass(120);
      return cloud.model
        .truth()
        .instances()
        .every((instance) => instance.instanceType === 'm5.24xlarge');
    },
  },
  {
    id: 'aws-warm-hooks',
    differs: () => {
      const cloud = running({ MinSize: 0, MaxSize: 3, DesiredCapacity: 1 });
      cloud.call('autoscaling', 'PutLifecycleHook', {
        AutoScalingGroupName: 'workers',
        LifecycleHookName: 'ready',
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_LAUNCHING',
        HeartbeatTimeout: 3600,
      });
      cloud.call('autoscaling', 'PutWarmPool', { AutoScalingGroupName: 'workers', PoolState: 'Hibernated' });
      cloud.pass(200);
      const { Instances } = cloud.call('autoscaling', 'DescribeWarmPool', { AutoScalingGroupName: 'workers' });
      return Instances[0]?.LifecycleState === 'Warmed:Stopped';
    },
  },
  {
    id: 'aws-metrics',
    differs: () => {
      const cloud = running();
      const { Alarms } = cloud.call('autoscaling', 'PutScalingPolicy', {
        AutoScalingGroupName: 'workers',
        PolicyName: 'p',
        PolicyType: 'TargetTrackingScaling',
        TargetTrackingConfiguration: { TargetValue: 50 },
      });
      return Alarms.length === 0;
    },
  },
  {
    id: 'aws-terminate-twice',
    differs: () => {
      const cloud = running({ MinSize: 0, DesiredCapacity: 3 });
      const request = { InstanceId: cloud.ids('InService')[0], ShouldDecrementDesiredCapacity: true };
      cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', request);
      cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', request);
      return cloud.group().DesiredCapacity === 1;
    },
  },
  {
    id: 'aws-target-states',
    differs: () => {
      const cloud = new SimulatedCloud();
      const made = cloud.call('elasticloadbalancingv2', 'CreateTargetGroup', { Name: 'w', Protocol: 'TCP', Port: 80 });
      const { TargetGroupArn } = made.TargetGroups[0];
      const Subnets = networkOf(account, region).subnets.map((subnet) => subnet.id);
      const { LoadBalancers } = cloud.call('elasticloadbalancingv2', 'CreateLoadBalancer', {
        Name: 'w',
        Type: 'network',
        Subnets,
      });
      cloud.call('elasticloadbalancingv2', 'CreateListener', {
        LoadBalancerArn: LoadBalancers[0].LoadBalancerArn,
        Port: 80,
        Protocol: 'TCP',
        DefaultActions: [{ Type: 'forward', TargetGroupArn }],
      });
      cloud.call('elasticloadbalancingv2', 'ModifyTargetGroupAttributes', {
        TargetGroupArn,
        Attributes: [
          { Key: 'target_health_state.unhealthy.connection_termination.enabled', Value: 'false' },
          { Key: 'target_health_state.unhealthy.draining_interval_seconds', Value: '360000' },
        ],
      });
      cloud.createGroup({ TargetGroupARNs: [TargetGroupArn] });
      cloud.pass(400);
      for (const id of cloud.running.keys()) cloud.silent.add(id);
      const states = (): string[] =>
        cloud
          .call('elasticloadbalancingv2', 'DescribeTargetHealth', { TargetGroupArn })
          .TargetHealthDescriptions.map((each: { TargetHealth: { State: string } }) => each.TargetHealth.State);
      states();
      cloud.pass(120);
      return states().join() === 'unhealthy,unhealthy,unhealthy';
    },
  },
  {
    id: 'aws-health-on-read',
    differs: () => {
      const cloud = new SimulatedCloud();
      cloud.call('elasticloadbalancing', 'CreateLoadBalancer', {
        LoadBalancerName: 'lb',
        AvailabilityZones: [`${region}a`],
        Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 443, InstancePort: 443 }],
      });
      cloud.createGroup({ LoadBalancerNames: ['lb'], AvailabilityZones: [`${region}a`] });
      cloud.pass(600);
      const [id = ''] = cloud.ids('InService');
      cloud.silent.add(id);
      cloud.pass(600);
      return cloud.model.truth().loadBalancers()[0]?.instances[id] === 'healthy';
    },
  },
  {
    id: 'aws-rates',
    differs: () => {
      const cloud = new SimulatedCloud();
      let calls = 0;
      while (cloud.codeOf('autoscaling', 'DescribeTags') === 'ok') calls += 1;
      return calls === 2000;
    },
  },
  {
    id: 'aws-security-group-rules',
    differs: () => {
      const { cloud } = stackOf({
        Type: 'AWS::EC2::SecurityGroup',
        Properties: { GroupDescription: 'a', SecurityGroupIngress: [{ IpProtocol: 'tcp', FromPort: 1, ToPort: 2 }] },
      });
      return cloud.call('ec2', 'DescribeSecurityGroups').SecurityGroups[0].IpPermissions.length === 0;
    },
  },
  {
    id: 'aws-kms',
    differs: () => {
      const cloud = new SimulatedCloud();
      const Plaintext = Buffer.from('a secret');
      const { CiphertextBlob } = cloud.call('kms', 'Encrypt', { KeyId: 'alias/none', Plaintext });
      return Buffer.from(CiphertextBlob as Uint8Array).includes('a secret');
    },
  },
  {
    id: 'aws-eks-endpoint',
    differs: () => {
      const query = new URLSearchParams({
        Action: 'GetCallerIdentity',
        'X-Amz-Credential': 'AKIA123456789012/20261121/eu-central-1/sts/aws4_request',
        'X-Amz-Date': '20261121T080000Z',
        'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
        'X-Amz-Signature': 'made-up',
      });
      const token = `k8s-aws-v1.${Buffer.from(`https://sts.eu-central-1.amazonaws.com/?${query.toString()}`).toString('base64url')}`;
      const now = Date.UTC(2026, 10, 21, 8, 1);
      return (
        eksTokenRefusal(token, { name: 'a', account: '123456789012', now, secretOf: () => undefined }) === undefined
      );
    },
  },
];
