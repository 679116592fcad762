import {
  paginateDescribeAutoScalingGroups,
  waitUntilGroupExists,
  waitUntilGroupInService,
  waitUntilGroupNotExists,
} from '@aws-sdk/client-auto-scaling';
import {
  DeleteStackCommand,
  paginateDescribeStackEvents,
  UpdateStackCommand,
  waitUntilChangeSetCreateComplete,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackExists,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { paginateDescribeInstances, waitUntilInstanceRunning, waitUntilInstanceTerminated } from '@aws-sdk/client-ec2';
import { waitUntilAnyInstanceInService } from '@aws-sdk/client-elastic-load-balancing';
import { waitUntilTargetInService } from '@aws-sdk/client-elastic-load-balancing-v2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poolTemplate } from '../../unit/simulator-aws/pool-template.ts';
import { ServedCloud } from './served-cloud.ts';

const image = 'ami-0123456789abcdef0';

/** Every request is 15 simulated seconds after the one before it, so that what waiters wait for comes while they ask. */
describe('waiters and paginators of the SDK', () => {
  let served: ServedCloud;
  beforeAll(async () => {
    served = await ServedCloud.start({ secondsPerRequest: 15 });
    served.cloud.createStack('pool', poolTemplate({ image }), { Capabilities: ['CAPABILITY_NAMED_IAM'] });
  });
  afterAll(async () => {
    await served.stop();
    expect(served.errors).toEqual([]);
  });

  const quick = <T>(client: T) => ({ client, maxWaitTime: 60, minDelay: 0.02, maxDelay: 0.02 });
  const success = { state: 'SUCCESS' };

  test('see a stack created, its instances in service everywhere, updated, and deleted', async () => {
    const cloudformation = served.cloudformation();
    const StackName = 'pool';
    expect(await waitUntilStackExists(quick(cloudformation), { StackName })).toMatchObject(success);
    expect(await waitUntilStackCreateComplete(quick(cloudformation), { StackName })).toMatchObject(success);
    const groups = { AutoScalingGroupNames: ['pool'] };
    expect(await waitUntilGroupExists(quick(served.autoscaling()), groups)).toMatchObject(success);
    expect(await waitUntilGroupInService(quick(served.autoscaling()), groups)).toMatchObject(success);
    const balancer = { LoadBalancerName: 'api-classic' };
    expect(await waitUntilAnyInstanceInService(quick(served.classic()), balancer)).toMatchObject(success);
    const { TargetGroupArn } = served.cloud.call('elasticloadbalancingv2', 'DescribeTargetGroups').TargetGroups[0];
    expect(await waitUntilTargetInService(quick(served.balancing()), { TargetGroupArn })).toMatchObject(success);
    const InstanceIds = served.cloud.ids('InService', 'pool');
    expect(await waitUntilInstanceRunning(quick(served.ec2()), { InstanceIds })).toMatchObject(success);

    const TemplateBody = poolTemplate({ image: 'ami-0fedcba9876543210' });
    const Capabilities = ['CAPABILITY_NAMED_IAM' as const];
    served.cloud.call('cloudformation', 'CreateChangeSet', {
      StackName,
      ChangeSetName: 'next',
      TemplateBody,
      Capabilities,
    });
    const changeSet = { StackName, ChangeSetName: 'next' };
    expect(await waitUntilChangeSetCreateComplete(quick(cloudformation), changeSet)).toMatchObject(success);
    await cloudformation.send(new UpdateStackCommand({ StackName, TemplateBody, Capabilities }));
    expect(await waitUntilStackUpdateComplete(quick(cloudformation), { StackName })).toMatchObject(success);
    await cloudformation.send(new DeleteStackCommand({ StackName }));
    expect(await waitUntilStackDeleteComplete(quick(cloudformation), { StackName })).toMatchObject(success);
    expect(await waitUntilGroupNotExists(quick(served.autoscaling()), groups)).toMatchObject(success);
    expect(await waitUntilInstanceTerminated(quick(served.ec2()), { InstanceIds })).toMatchObject(success);
  });

  test('turn every page, and end', async () => {
    for (let i = 0; i < 7; i++) served.cloud.createGroup({ AutoScalingGroupName: `group-${i}`, DesiredCapacity: 1 });
    served.cloud.pass(120);
    const names: (string | undefined)[] = [];
    for await (const page of paginateDescribeAutoScalingGroups({ client: served.autoscaling(), pageSize: 3 }, {}))
      names.push(...(page.AutoScalingGroups ?? []).map((group) => group.AutoScalingGroupName));
    expect(new Set(names).size).toBe(7);
    let reservations = 0;
    const running = { Filters: [{ Name: 'instance-state-name', Values: ['running'] }] };
    for await (const page of paginateDescribeInstances({ client: served.ec2(), pageSize: 5 }, running))
      reservations += page.Reservations?.length ?? 0;
    expect(reservations).toBe(7);
    const events = served.cloud.createStack('many', {
      Resources: Object.fromEntries(
        Array.from({ length: 60 }, (_, i) => [
          `B${i}`,
          { Type: 'AWS::S3::Bucket', Properties: { BucketName: `many-${i}` } },
        ]),
      ),
    });
    served.cloud.pass(300);
    const seen = new Set<string | undefined>();
    for await (const page of paginateDescribeStackEvents({ client: served.cloudformation() }, { StackName: events }))
      for (const event of page.StackEvents ?? []) seen.add(event.EventId);
    expect(seen.size).toBe(122);
  });
});
