import {
  AttachVolumeCommand,
  CreateVolumeCommand,
  DeleteVolumeCommand,
  DetachVolumeCommand,
  paginateDescribeLaunchTemplates,
  paginateDescribeVolumes,
  RunInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceExists,
  waitUntilInstanceRunning,
  waitUntilInstanceStatusOk,
  waitUntilInstanceStopped,
  waitUntilInstanceTerminated,
  waitUntilSecurityGroupExists,
  waitUntilSubnetAvailable,
  waitUntilSystemStatusOk,
  waitUntilVolumeAvailable,
  waitUntilVolumeDeleted,
  waitUntilVolumeInUse,
  waitUntilVpcAvailable,
  waitUntilVpcExists,
} from '@aws-sdk/client-ec2';
import {
  paginateDescribeLoadBalancers as paginateClassic,
  waitUntilInstanceDeregistered,
  waitUntilInstanceInService,
} from '@aws-sdk/client-elastic-load-balancing';
import {
  CreateLoadBalancerCommand,
  DeleteLoadBalancerCommand,
  DeregisterTargetsCommand,
  paginateDescribeListeners,
  paginateDescribeLoadBalancers,
  paginateDescribeTargetGroups,
  waitUntilLoadBalancerAvailable,
  waitUntilLoadBalancerExists,
  waitUntilLoadBalancersDeleted,
  waitUntilTargetDeregistered,
  waitUntilTargetInService,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  paginateListBuckets,
  paginateListObjectsV2,
  S3Client,
  waitUntilBucketExists,
  waitUntilBucketNotExists,
  waitUntilObjectExists,
  waitUntilObjectNotExists,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { networkOf } from '../../../src/simulator/model/aws/geography.ts';
import { poolTemplate } from '../../unit/simulator-aws/pool-template.ts';
import { account, region, ServedCloud } from './served-cloud.ts';

const image = 'ami-0123456789abcdef0';
const { subnets, vpcId } = networkOf(account, region);
const success = { state: 'SUCCESS' };
const quick = <T>(client: T) => ({ client, maxWaitTime: 60, minDelay: 0.02, maxDelay: 0.02 });

/** All of what the pages hold. */
async function all<P, T>(pages: AsyncIterable<P>, of: (page: P) => readonly T[] | undefined): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...(of(page) ?? []));
  return found;
}

/** Every request is 15 simulated seconds after the one before it. */
describe('waiters and paginators of the SDK', () => {
  let served: ServedCloud;
  beforeEach(async () => {
    served = await ServedCloud.start({ secondsPerRequest: 15 });
  });
  afterEach(async () => {
    await served.stop();
    expect(served.errors).toEqual([]);
  });

  const more = () => ({
    endpoint: served.server.url,
    region,
    credentials: { accessKeyId: `AKIA${account}`, secretAccessKey: 'any secret' },
    maxAttempts: 1,
  });

  test('of EC2 instances: exists, running, status, system status, stopped, terminated', async () => {
    const client = served.ec2();
    const { Instances } = await client.send(
      new RunInstancesCommand({ ImageId: image, InstanceType: 'm5.large', MinCount: 1, MaxCount: 1 }),
    );
    const ids = { InstanceIds: [Instances?.[0]?.InstanceId ?? ''] };
    expect(await waitUntilInstanceExists(quick(client), ids)).toMatchObject(success);
    expect(await waitUntilInstanceRunning(quick(client), ids)).toMatchObject(success);
    expect(await waitUntilInstanceStatusOk(quick(client), ids)).toMatchObject(success);
    expect(await waitUntilSystemStatusOk(quick(client), ids)).toMatchObject(success);
    await client.send(new StopInstancesCommand(ids));
    expect(await waitUntilInstanceStopped(quick(client), ids)).toMatchObject(success);
    await client.send(new TerminateInstancesCommand(ids));
    expect(await waitUntilInstanceTerminated(quick(client), ids)).toMatchObject(success);
  });

  test('of EC2 volumes: available, in use, available again, deleted; page after page', async () => {
    const client = served.ec2();
    const zone = `${region}a`;
    const { Instances } = await client.send(
      new RunInstancesCommand({
        ImageId: image,
        InstanceType: 'm5.large',
        MinCount: 1,
        MaxCount: 1,
        Placement: { AvailabilityZone: zone },
      }),
    );
    const InstanceId = Instances?.[0]?.InstanceId ?? '';
    await waitUntilInstanceRunning(quick(client), { InstanceIds: [InstanceId] });
    const made: string[] = [];
    for (let i = 0; i < 7; i++) {
      const { VolumeId = '' } = await client.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 1 }));
      made.push(VolumeId);
    }
    const volumes = { VolumeIds: made.slice(0, 1) };
    const [VolumeId] = made;
    expect(await waitUntilVolumeAvailable(quick(client), volumes)).toMatchObject(success);
    await client.send(new AttachVolumeCommand({ VolumeId, InstanceId, Device: '/dev/xvdba' }));
    expect(await waitUntilVolumeInUse(quick(client), volumes)).toMatchObject(success);
    await client.send(new DetachVolumeCommand({ VolumeId }));
    expect(await waitUntilVolumeAvailable(quick(client), volumes)).toMatchObject(success);
    const Filters = [{ Name: 'size', Values: ['1'] }];
    const found = await all(paginateDescribeVolumes({ client, pageSize: 5 }, { Filters }), (page) => page.Volumes);
    expect(found.map((each) => each.VolumeId).sort()).toEqual(made.sort());
    await client.send(new DeleteVolumeCommand({ VolumeId }));
    expect(await waitUntilVolumeDeleted(quick(client), volumes)).toMatchObject(success);
  });

  test('of the network, and launch templates page after page', async () => {
    const client = served.ec2();
    expect(await waitUntilVpcExists(quick(client), { VpcIds: [vpcId] })).toMatchObject(success);
    expect(await waitUntilVpcAvailable(quick(client), { VpcIds: [vpcId] })).toMatchObject(success);
    const SubnetIds = subnets.map((subnet) => subnet.id);
    expect(await waitUntilSubnetAvailable(quick(client), { SubnetIds })).toMatchObject(success);
    served.cloud.createStack('pool', poolTemplate({ image }), { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    served.cloud.pass(120);
    const groups = { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
    expect(await waitUntilSecurityGroupExists(quick(client), groups)).toMatchObject(success);
    for (let i = 0; i < 6; i++) served.cloud.createTemplate(`template-${i}`);
    const templates = await all(
      paginateDescribeLaunchTemplates({ client, pageSize: 5 }, {}),
      (page) => page.LaunchTemplates,
    );
    expect(templates).toHaveLength(7);
  });

  test('of load balancers: exists, available, in service, deregistered, deleted; page after page', async () => {
    served.cloud.createStack('pool', poolTemplate({ image }), { Capabilities: ['CAPABILITY_NAMED_IAM'] });
    served.cloud.pass(400);
    const v2 = served.balancing();
    const classic = served.classic();
    const [id = ''] = served.cloud.ids('InService', 'pool');
    const one = { LoadBalancerName: 'api-classic', Instances: [{ InstanceId: id }] };
    expect(await waitUntilInstanceInService(quick(classic), one)).toMatchObject(success);
    served.cloud.call('elasticloadbalancing', 'DeregisterInstancesFromLoadBalancer', one);
    expect(await waitUntilInstanceDeregistered(quick(classic), one)).toMatchObject(success);
    expect(await all(paginateClassic({ client: classic }, {}), (page) => page.LoadBalancerDescriptions)).toHaveLength(
      1,
    );

    for (let i = 0; i < 3; i++)
      await v2.send(
        new CreateLoadBalancerCommand({ Name: `lb-${i}`, Type: 'network', Subnets: subnets.map((each) => each.id) }),
      );
    const balancers = await all(paginateDescribeLoadBalancers({ client: v2, pageSize: 2 }, {}), (p) => p.LoadBalancers);
    expect(balancers.map((each) => each.LoadBalancerName).sort()).toEqual(['api-network', 'lb-0', 'lb-1', 'lb-2']);
    const LoadBalancerArns = balancers.map((each) => each.LoadBalancerArn ?? '');
    expect(await waitUntilLoadBalancerExists(quick(v2), { LoadBalancerArns })).toMatchObject(success);
    expect(await waitUntilLoadBalancerAvailable(quick(v2), { LoadBalancerArns })).toMatchObject(success);
    const Names = ['lb-0'];
    const arn = balancers.find((each) => each.LoadBalancerName === 'lb-0')?.LoadBalancerArn;
    await v2.send(new DeleteLoadBalancerCommand({ LoadBalancerArn: arn }));
    expect(await waitUntilLoadBalancersDeleted(quick(v2), { Names })).toMatchObject(success);

    const network = balancers.find((each) => each.LoadBalancerName === 'api-network')?.LoadBalancerArn;
    const listeners = paginateDescribeListeners({ client: v2, pageSize: 1 }, { LoadBalancerArn: network });
    expect(await all(listeners, (page) => page.Listeners)).toHaveLength(1);
    const groups = await all(paginateDescribeTargetGroups({ client: v2, pageSize: 1 }, {}), (p) => p.TargetGroups);
    const target = { TargetGroupArn: groups[0]?.TargetGroupArn, Targets: [{ Id: id }] };
    expect(await waitUntilTargetInService(quick(v2), target)).toMatchObject(success);
    await v2.send(new DeregisterTargetsCommand(target));
    expect(await waitUntilTargetDeregistered(quick(v2), target)).toMatchObject(success);
  });

  test('of S3: buckets and objects that come and go, page after page', async () => {
    const client = new S3Client({ ...more(), forcePathStyle: true });
    const Bucket = 'templates';
    expect(await waitUntilBucketNotExists(quick(client), { Bucket })).toMatchObject(success);
    await client.send(new CreateBucketCommand({ Bucket }));
    expect(await waitUntilBucketExists(quick(client), { Bucket })).toMatchObject(success);
    const object = { Bucket, Key: 'a' };
    expect(await waitUntilObjectNotExists(quick(client), object)).toMatchObject(success);
    const keys = Array.from({ length: 7 }, (_, i) => `k${i}`);
    for (const Key of ['a', ...keys]) await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    expect(await waitUntilObjectExists(quick(client), object)).toMatchObject(success);
    const listed = await all(paginateListObjectsV2({ client, pageSize: 3 }, { Bucket }), (page) => page.Contents);
    expect(listed.map((each) => each.Key)).toEqual(['a', ...keys]);
    for (const Key of ['a', ...keys]) await client.send(new DeleteObjectCommand({ Bucket, Key }));
    expect(await waitUntilObjectNotExists(quick(client), object)).toMatchObject(success);
    served.cloud.createStack('one', {
      Resources: { A: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'of-a-stack' } } },
    });
    for (let i = 0; i < 4; i++) await client.send(new CreateBucketCommand({ Bucket: `more-${i}` }));
    const buckets = await all(paginateListBuckets({ client, pageSize: 2 }, {}), (page) => page.Buckets);
    expect(buckets.map((each) => each.Name)).toEqual(['more-0', 'more-1', 'more-2', 'more-3', 'of-a-stack', Bucket]);
    await client.send(new DeleteBucketCommand({ Bucket }));
    expect(await waitUntilBucketNotExists(quick(client), { Bucket })).toMatchObject(success);
  });
});
