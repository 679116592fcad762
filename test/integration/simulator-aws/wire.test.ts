import {
  AutoScalingClient,
  CreateOrUpdateTagsCommand,
  DescribeAutoScalingGroupsCommand,
  LaunchInstancesCommand,
  paginateDescribeAutoScalingGroups,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateStackCommand,
  DeleteStackCommand,
  paginateListStacks,
  UpdateStackCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
  waitUntilStackUpdateComplete,
} from '@aws-sdk/client-cloudformation';
import { DescribeInstancesCommand, waitUntilInstanceTerminated } from '@aws-sdk/client-ec2';
import { DescribeInstanceHealthCommand } from '@aws-sdk/client-elastic-load-balancing';
import { AssumeRoleCommand, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { poolTemplate } from '../../unit/simulator-aws/pool-template.ts';
import { account, region, ServedCloud } from './served-cloud.ts';

describe('the AWS wire', () => {
  let served: ServedCloud;
  beforeEach(async () => {
    // A waiter polls every so often of its own time; a minute of simulated time passes with each of its calls.
    served = await ServedCloud.start({ secondsPerRequest: 20 });
  });
  afterEach(async () => {
    await served.stop();
    expect(served.errors).toEqual([]);
  });

  const raw = async (init: { body?: string; headers?: Record<string, string>; method?: string; path?: string }) => {
    const { method = 'POST', path = '/', body, headers } = init;
    const answer = await fetch(served.server.url + path, {
      method,
      ...(body === undefined ? {} : { body }),
      headers: headers ?? {},
    });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  const signed = (service: string, accessKey = `AKIA${account}`): Record<string, string> => ({
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/20261121/${region}/${service}/aws4_request, SignedHeaders=host, Signature=0123abcd`,
    'content-type': 'application/x-www-form-urlencoded',
  });

  test('refuses unsigned and half-signed requests, unknown keys and unknown services in the API’s own words', async () => {
    const body = 'Action=GetCallerIdentity&Version=2011-06-15';
    const unsigned = await raw({ body });
    expect(unsigned.status).toBe(403);
    expect(unsigned.text).toContain('<Code>MissingAuthenticationToken</Code>');
    expect((await raw({ body, headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x' } })).text).toContain(
      '<Code>IncompleteSignature</Code>',
    );
    expect((await raw({ body, headers: signed('sts', 'AKIAIOSFODNN7EXAMPLE') })).text).toContain(
      '<Code>InvalidClientTokenId</Code>',
    );
    expect((await raw({ body, headers: signed('dynamodb') })).text).toContain('<Code>SignatureDoesNotMatch</Code>');
    expect((await raw({ body: '', headers: signed('sts') })).text).toContain('<Code>MissingAction</Code>');
    expect((await raw({ body: 'Action=Nope&Version=2011-06-15', headers: signed('sts') })).text).toContain(
      '<Code>InvalidAction</Code>',
    );
  });

  test('lets the SDK tell errors apart by their class', async () => {
    served.cloud.createGroup();
    const client = served.autoscaling();
    const launch = (RequestedCapacity: number) =>
      client.send(
        new LaunchInstancesCommand({
          AutoScalingGroupName: 'workers',
          RequestedCapacity,
          ClientToken: 't',
          AvailabilityZones: [`${region}a`],
        }),
      );
    await launch(1);
    await expect(launch(2)).rejects.toMatchObject({
      name: 'IdempotentParameterMismatchError',
      $metadata: { httpStatusCode: 400 },
    });
    const setDesired = new SetDesiredCapacityCommand({ AutoScalingGroupName: 'workers', DesiredCapacity: 99 });
    await expect(client.send(setDesired)).rejects.toMatchObject({
      name: 'ValidationError',
      message: expect.stringContaining('is above max value 10'),
    });
    await expect(
      served.ec2().send(new DescribeInstancesCommand({ InstanceIds: ['i-0123456789abcdef0'] })),
    ).rejects.toMatchObject({
      name: 'InvalidInstanceID.NotFound',
      message: "The instance ID 'i-0123456789abcdef0' does not exist",
    });
    await expect(
      served.classic().send(new DescribeInstanceHealthCommand({ LoadBalancerName: 'absent' })),
    ).rejects.toMatchObject({ name: 'AccessPointNotFoundException' });
    await expect(
      served.cloudformation().send(new UpdateStackCommand({ StackName: 'absent', TemplateBody: '{}' })),
    ).rejects.toMatchObject({
      name: 'ValidationError',
      message: 'Stack with id absent does not exist',
    });
  });

  test('finishes the SDK’s paginators', async () => {
    for (let i = 0; i < 7; i++) served.cloud.createGroup({ AutoScalingGroupName: `group-${i}`, DesiredCapacity: 1 });
    const client = served.autoscaling();
    const names: string[] = [];
    for await (const each of paginateDescribeAutoScalingGroups({ client, pageSize: 3 }, {})) {
      names.push(...(each.AutoScalingGroups ?? []).map((group) => group.AutoScalingGroupName ?? ''));
    }
    expect(names).toEqual(Array.from({ length: 7 }, (_, i) => `group-${i}`));
    for (let i = 0; i < 120; i++)
      served.cloud.createStack(`stack-${i}`, { Resources: { A: { Type: 'AWS::SQS::Queue' } } });
    let stacks = 0;
    for await (const each of paginateListStacks({ client: served.cloudformation() }, {}))
      stacks += each.StackSummaries?.length ?? 0;
    expect(stacks).toBe(120);
  });

  test('finishes the SDK’s waiters over the life of a stack and the end of an instance', async () => {
    const client = served.cloudformation();
    const waiter = { client, maxWaitTime: 60, minDelay: 0.01, maxDelay: 0.02 };
    const input = {
      StackName: 'pool',
      TemplateBody: poolTemplate({ image: 'ami-0123456789abcdef0' }),
      Capabilities: ['CAPABILITY_NAMED_IAM' as const],
    };
    await client.send(new CreateStackCommand(input));
    expect((await waitUntilStackCreateComplete(waiter, { StackName: 'pool' })).state).toBe('SUCCESS');
    await client.send(
      new UpdateStackCommand({ ...input, TemplateBody: poolTemplate({ image: 'ami-0fedcba9876543210' }) }),
    );
    expect((await waitUntilStackUpdateComplete(waiter, { StackName: 'pool' })).state).toBe('SUCCESS');
    served.cloud.pass(120);
    const [id] = served.cloud.ids('InService', 'pool') as [string];
    await served
      .autoscaling()
      .send(new TerminateInstanceInAutoScalingGroupCommand({ InstanceId: id, ShouldDecrementDesiredCapacity: false }));
    const ended = await waitUntilInstanceTerminated({ ...waiter, client: served.ec2() }, { InstanceIds: [id] });
    expect(ended.state).toBe('SUCCESS');
    await client.send(new DeleteStackCommand({ StackName: 'pool' }));
    expect((await waitUntilStackDeleteComplete(waiter, { StackName: 'pool' })).state).toBe('SUCCESS');
  });

  test('takes the account from the key or the assumed role, and keeps accounts apart', async () => {
    served.cloud.createGroup();
    const mine = await served.sts().send(new GetCallerIdentityCommand({}));
    expect(mine).toMatchObject({ Account: account, Arn: `arn:aws:iam::${account}:user/clm` });
    const assumed = await served
      .sts()
      .send(new AssumeRoleCommand({ RoleArn: 'arn:aws:iam::210987654321:role/clm', RoleSessionName: 'session' }));
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = assumed.Credentials ?? {};
    expect(await served.sts(AccessKeyId).send(new GetCallerIdentityCommand({}))).toMatchObject({
      Account: '210987654321',
      Arn: 'arn:aws:sts::210987654321:assumed-role/clm/session',
    });
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    const other = new AutoScalingClient({ endpoint: served.server.url, region, credentials });
    expect((await other.send(new DescribeAutoScalingGroupsCommand({}))).AutoScalingGroups).toEqual([]);
  });

  test('names the client by its user agent in what happened', async () => {
    served.cloud.createGroup();
    const client = served.autoscaling();
    await client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'workers', DesiredCapacity: 5 }));
    const change = served.cloud.events.filter((event) => event.kind === 'group-changed').at(-1);
    expect(change).toMatchObject({
      by: 'SetDesiredCapacity',
      actor: { kind: 'client', name: expect.stringMatching(/^aws-sdk-js\//) },
    });
  });

  test('cuts the connection for a lost reply, after the effect', async () => {
    served.cloud.createGroup();
    served.cloud.model.faults.add({ kind: 'lost-after', action: 'CreateOrUpdateTags', times: 1 });
    const command = new CreateOrUpdateTagsCommand({
      Tags: [
        {
          ResourceId: 'workers',
          ResourceType: 'auto-scaling-group',
          Key: 'clm/roll-id',
          Value: 'r',
          PropagateAtLaunch: false,
        },
      ],
    });
    await expect(served.autoscaling().send(command)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(served.cloud.group().Tags).toContainEqual(expect.objectContaining({ Key: 'clm/roll-id', Value: 'r' }));
  });

  test('stores objects byte by byte, and encrypts and decrypts', async () => {
    const s3 = (method: string, path: string, body?: Uint8Array, headers: Record<string, string> = {}) =>
      fetch(served.server.url + path, {
        method,
        headers: { ...signed('s3'), ...headers },
        ...(body === undefined ? {} : { body }),
      });
    expect((await s3('PUT', '/bucket-of-tests')).status).toBe(200);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(
      (await s3('PUT', '/bucket-of-tests/a/b%20c', bytes, { 'content-type': 'application/gzip' })).headers.get('etag'),
    ).toMatch(/^"[0-9a-f]{32}"$/);
    const got = await s3('GET', '/bucket-of-tests/a/b%20c');
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes);
    expect(got.headers.get('content-type')).toBe('application/gzip');
    expect((await s3('HEAD', '/bucket-of-tests/a/b%20c')).headers.get('content-length')).toBe('256');
    const listing = await (await s3('GET', '/bucket-of-tests?list-type=2&prefix=a/')).text();
    expect(listing).toContain('<Contents><Key>a/b c</Key>');
    const absent = await s3('GET', '/bucket-of-tests/absent');
    expect([absent.status, await absent.text()]).toEqual([404, expect.stringContaining('<Code>NoSuchKey</Code>')]);
    const chunked = new TextEncoder().encode(
      '5;chunk-signature=0\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n',
    );
    await s3('PUT', '/bucket-of-tests/chunked', chunked, { 'content-encoding': 'aws-chunked' });
    expect(await (await s3('GET', '/bucket-of-tests/chunked')).text()).toBe('hello');
    const kms = async (action: string, body: unknown) => {
      const headers = {
        ...signed('kms'),
        'x-amz-target': `TrentService.${action}`,
        'content-type': 'application/x-amz-json-1.1',
      };
      const answer = await raw({ body: JSON.stringify(body), headers });
      return JSON.parse(answer.text) as Record<string, string>;
    };
    const { CiphertextBlob } = await kms('Encrypt', {
      KeyId: 'alias/clm',
      Plaintext: Buffer.from('secret').toString('base64'),
    });
    const { Plaintext } = await kms('Decrypt', { CiphertextBlob });
    expect(Buffer.from(Plaintext ?? '', 'base64').toString()).toBe('secret');
    expect(await kms('Decrypt', { CiphertextBlob: 'bm8=' })).toMatchObject({ __type: 'InvalidCiphertextException' });
    expect((await raw({ body: '{', headers: signed('kms') })).text).toContain('SerializationException');
  });
});
