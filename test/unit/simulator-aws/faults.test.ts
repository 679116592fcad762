import { beforeEach, describe, expect, test } from 'vitest';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

describe('faults of the cloud', () => {
  let cloud: SimulatedCloud;
  beforeEach(() => {
    cloud = new SimulatedCloud();
    cloud.createGroup();
    cloud.pass(120);
  });

  const setDesired = (DesiredCapacity: number) =>
    cloud.reply('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'workers', DesiredCapacity });

  test('throttle in the words of each service', () => {
    cloud.model.faults.add({ kind: 'throttle' });
    expect(cloud.codeOf('autoscaling', 'DescribeAutoScalingGroups')).toBe('Throttling');
    expect(cloud.codeOf('cloudformation', 'DescribeStacks')).toBe('Throttling');
    expect(cloud.reply('ec2', 'DescribeInstances')).toMatchObject({
      ok: false,
      code: 'RequestLimitExceeded',
      status: 503,
    });
  });

  test('hit only what they name, for as long and as often as they say', () => {
    const from = cloud.clock.now() + 10_000;
    cloud.model.faults.add({
      kind: 'server-error',
      service: 'autoscaling',
      action: 'Describe*',
      from,
      until: from + 10_000,
      times: 2,
    });
    const code = () => cloud.codeOf('autoscaling', 'DescribeAutoScalingGroups');
    expect(code()).toBe('ok');
    cloud.pass(10);
    expect(setDesired(3).ok).toBe(true);
    expect([code(), code(), code()]).toEqual(['InternalFailure', 'InternalFailure', 'ok']);
    const other = cloud.model.faults.add({ kind: 'server-error', account: '999999999999' });
    expect(code()).toBe('ok');
    cloud.model.faults.remove(other);
    expect(cloud.model.faults.list()).toHaveLength(1);
  });

  test('lose a reply before the effect, or after it', () => {
    const before = cloud.model.faults.add({ kind: 'lost-before', action: 'SetDesiredCapacity' });
    expect(setDesired(4)).toMatchObject({ ok: false, status: 0, code: 'ConnectionReset' });
    expect(cloud.group().DesiredCapacity).toBe(3);
    cloud.model.faults.remove(before);
    cloud.model.faults.add({ kind: 'lost-after', action: 'SetDesiredCapacity' });
    expect(setDesired(4)).toMatchObject({ ok: false, status: 0, code: 'ConnectionReset' });
    expect(cloud.group().DesiredCapacity).toBe(4);
  });

  test('show an old answer for a while, and the truth only to checkers', () => {
    cloud.model.faults.add({ kind: 'stale', service: 'autoscaling', staleMs: 30_000 });
    const [victim] = cloud.ids('InService') as [string];
    cloud.call('autoscaling', 'TerminateInstanceInAutoScalingGroup', {
      InstanceId: victim,
      ShouldDecrementDesiredCapacity: true,
    });
    cloud.pass(10);
    expect(cloud.ids('InService')).toContain(victim);
    expect(
      cloud.model
        .truth()
        .groups()[0]
        ?.members.find((each) => each.instanceId === victim)?.state,
    ).toBe('Terminating');
    cloud.pass(25);
    expect(cloud.ids('InService')).not.toContain(victim);
  });

  test('delay replies by as much as they say', () => {
    cloud.model.faults.add({ kind: 'latency', latencyMs: 1500 });
    expect(cloud.reply('sts', 'GetCallerIdentity')).toMatchObject({ ok: true, latencyMs: 1500 });
  });

  test('mark instances of a bad image, whose kubelet never becomes ready', () => {
    cloud.model.faults.badImages.add('ami-0123456789abcdef0');
    setDesired(4);
    cloud.pass(60);
    const marks = [...cloud.running.values()].map((instance) => instance.neverReady).sort();
    expect(marks).toEqual([false, false, false, true]);
  });

  test('come from chance that follows the seed', () => {
    const codes = (seed: string): string => {
      const world = new SimulatedCloud({ seed });
      world.model.faults.add({ kind: 'throttle', probability: 0.5 });
      return Array.from({ length: 40 }, () => world.codeOf('sts', 'GetCallerIdentity')).join();
    };
    expect(codes('a')).toBe(codes('a'));
    expect(codes('a')).not.toBe(codes('b'));
    expect(codes('a')).toContain('ok');
    expect(codes('a')).toContain('Throttling');
  });
});

test('calls beyond the bucket of an account, region and service are throttled until it has filled again', () => {
  const cloud = new SimulatedCloud();
  cloud.model.buckets.limits.autoscaling = { perSecond: 1, burst: 3 };
  const code = () => cloud.codeOf('autoscaling', 'DescribeAutoScalingGroups');
  expect([code(), code(), code(), code()]).toEqual(['ok', 'ok', 'ok', 'Throttling']);
  expect(cloud.codeOf('ec2', 'DescribeInstances')).toBe('ok');
  const elsewhere = {
    account,
    region: 'eu-west-1',
    service: 'autoscaling',
    action: 'DescribeAutoScalingGroups',
    params: {},
  } as const;
  expect(cloud.model.handle(elsewhere).ok).toBe(true);
  cloud.pass(2);
  expect([code(), code(), code()]).toEqual(['ok', 'ok', 'Throttling']);
});

describe('a request that makes no sense', () => {
  const cloud = new SimulatedCloud();
  test.each([
    ['an unknown action', 'autoscaling', 'Explode', {}, 'InvalidAction'],
    ['the name of a method of all objects', 'autoscaling', 'constructor', {}, 'InvalidAction'],
    ['a missing name', 'autoscaling', 'SetDesiredCapacity', {}, 'ValidationError'],
    [
      'a list where text belongs',
      'autoscaling',
      'SetDesiredCapacity',
      { AutoScalingGroupName: ['a'] },
      'ValidationError',
    ],
    [
      'text where a list belongs',
      'autoscaling',
      'DescribeAutoScalingGroups',
      { AutoScalingGroupNames: 'a' },
      'ValidationError',
    ],
    [
      'text where a number belongs',
      'autoscaling',
      'DescribeAutoScalingGroups',
      { MaxRecords: 'many' },
      'ValidationError',
    ],
    ['a number out of bounds', 'autoscaling', 'DescribeAutoScalingGroups', { MaxRecords: 101 }, 'ValidationError'],
    [
      'an unknown filter',
      'ec2',
      'DescribeInstances',
      { Filters: [{ Name: 'colour', Values: ['red'] }] },
      'InvalidParameterValue',
    ],
    ['a malformed instance id', 'ec2', 'DescribeInstances', { InstanceIds: ['i-1'] }, 'InvalidInstanceID.Malformed'],
    [
      'an absent instance',
      'ec2',
      'DescribeInstances',
      { InstanceIds: ['i-0123456789abcdef0'] },
      'InvalidInstanceID.NotFound',
    ],
    [
      'an absent load balancer',
      'elasticloadbalancing',
      'DescribeInstanceHealth',
      { LoadBalancerName: 'a' },
      'LoadBalancerNotFound',
    ],
    [
      'an absent target group',
      'elasticloadbalancingv2',
      'DescribeTargetHealth',
      { TargetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/b' },
      'TargetGroupNotFound',
    ],
    ['an absent stack', 'cloudformation', 'DescribeStacks', { StackName: 'absent' }, 'ValidationError'],
    ['a malformed role', 'sts', 'AssumeRole', { RoleArn: 'nobody', RoleSessionName: 'me' }, 'ValidationError'],
    ['an absent bucket', 's3', 'GetObject', { Bucket: 'absent', Key: 'k' }, 'NoSuchBucket'],
    ['foreign ciphertext', 'kms', 'Decrypt', { CiphertextBlob: 'bm8=' }, 'InvalidCiphertextException'],
  ] as const)('with %s gets the error of its service', (_what, service, action, params, code) => {
    expect(cloud.codeOf(service, action, params)).toBe(code);
  });

  test('from no account or no region is refused as unsigned', () => {
    const request = { service: 'sts', action: 'GetCallerIdentity', params: {} } as const;
    expect(cloud.model.handle({ ...request, account: '12', region })).toMatchObject({
      ok: false,
      status: 403,
      code: 'InvalidClientTokenId',
    });
    expect(cloud.model.handle({ ...request, account, region: 'nowhere' })).toMatchObject({
      ok: false,
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });
});

test('objects in S3 and secrets of KMS come back as they went in, to their own account only', () => {
  const cloud = new SimulatedCloud();
  cloud.call('s3', 'CreateBucket', { Bucket: 'templates' });
  cloud.call('s3', 'PutObject', {
    Bucket: 'templates',
    Key: 'a/b.yaml',
    Body: 'Resources: {A: {Type: "AWS::SQS::Queue"}}',
  });
  expect(cloud.call('s3', 'GetObject', { Bucket: 'templates', Key: 'a/b.yaml' }).Body.toString()).toContain(
    'Resources',
  );
  cloud.call('cloudformation', 'CreateStack', {
    StackName: 'from-s3',
    TemplateURL: `https://s3.${region}.amazonaws.com/templates/a/b.yaml`,
  });
  cloud.pass(100);
  expect(cloud.stack('from-s3').StackStatus).toBe('CREATE_COMPLETE');
  const missing = { StackName: 'x', TemplateURL: `https://templates.s3.${region}.amazonaws.com/absent.yaml` };
  expect(cloud.codeOf('cloudformation', 'CreateStack', missing)).toBe('ValidationError');
  const { CiphertextBlob } = cloud.call('kms', 'Encrypt', { KeyId: 'alias/clm', Plaintext: Buffer.from('secret') });
  expect(cloud.call('kms', 'Decrypt', { CiphertextBlob }).Plaintext.toString()).toBe('secret');
  const other = {
    account: '210987654321',
    region,
    service: 'kms',
    action: 'Decrypt',
    params: { CiphertextBlob },
  } as const;
  expect(cloud.model.handle(other)).toMatchObject({ ok: false, code: 'AccessDeniedException' });
});
