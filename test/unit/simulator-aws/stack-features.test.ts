import { beforeEach, describe, expect, test } from 'vitest';
import { account, region, SimulatedCloud } from './simulated-cloud.ts';

let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud();
});

const cfn = (action: string, params: Record<string, unknown>) => cloud.call('cloudformation', action, params);
const bucket = (name: string, more: object = {}) => ({
  Type: 'AWS::S3::Bucket',
  Properties: { BucketName: name, ...more },
});
const template = (Resources: object, more: object = {}) => JSON.stringify({ Resources, ...more });

function update(body: string, more: Record<string, unknown> = {}): string {
  cfn('UpdateStack', { StackName: 'one', TemplateBody: body, ...more });
  cloud.until(() => !/IN_PROGRESS$/.test(cloud.stack('one').StackStatus));
  return cloud.stack('one').StackStatus;
}

describe('a stack policy', () => {
  const policy = JSON.stringify({
    Statement: [
      { Effect: 'Allow', Action: 'Update:*', Principal: '*', Resource: '*' },
      {
        Effect: 'Deny',
        Action: ['Update:Replace', 'Update:Delete'],
        Principal: '*',
        Resource: '*',
        Condition: { StringEquals: { ResourceType: ['AWS::S3::Bucket'] } },
      },
    ],
  });

  beforeEach(() => {
    cloud.createStack('one', template({ A: bucket('one-a'), B: bucket('one-b') }), { StackPolicyBody: policy });
    cloud.pass(120);
  });

  test('lets updates modify, and refuses to replace or delete what it protects', () => {
    expect(update(template({ A: bucket('one-a', { Tags: [] }), B: bucket('one-b') }))).toBe('UPDATE_COMPLETE');
    expect(update(template({ A: bucket('other'), B: bucket('one-b') }))).toBe('UPDATE_ROLLBACK_COMPLETE');
    const reasons = cfn('DescribeStackEvents', { StackName: 'one' }).StackEvents.map(
      (event: { ResourceStatusReason?: string }) => event.ResourceStatusReason,
    );
    expect(reasons).toContain(
      'Action denied by stack policy: A statement denies [Update:Replace] for resource [LogicalResourceId/A]',
    );
    expect(update(template({ B: bucket('one-b') }))).toBe('UPDATE_ROLLBACK_COMPLETE');
    const left = cfn('ListStackResources', { StackName: 'one' }).StackResourceSummaries;
    expect(left.map((each: { PhysicalResourceId: string }) => each.PhysicalResourceId).sort()).toEqual([
      'one-a',
      'one-b',
    ]);
  });

  test('gives way to one that is given for a single update', () => {
    const during = JSON.stringify({
      Statement: [{ Effect: 'Allow', Action: 'Update:*', Principal: '*', Resource: 'LogicalResourceId/A' }],
    });
    const body = template({ A: bucket('other'), B: bucket('one-b') });
    expect(update(body, { StackPolicyDuringUpdateBody: during })).toBe('UPDATE_COMPLETE');
    expect(update(template({ A: bucket('third'), B: bucket('one-b') }))).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(update(template({ A: bucket('other'), B: bucket('x') }), { StackPolicyDuringUpdateBody: during })).toBe(
      'UPDATE_ROLLBACK_COMPLETE',
    );
  });

  test('must be one', () => {
    for (const StackPolicyBody of ['nonsense', '{}', '{"Statement": [{"Effect": "Maybe"}]}'])
      expect(cloud.codeOf('cloudformation', 'SetStackPolicy', { StackName: 'one', StackPolicyBody })).toBe(
        'ValidationError',
      );
  });
});

describe('a change set', () => {
  test('says what would be replaced, what may be, and what is changed in place; and keeps secrets', () => {
    const parameters = { Secret: { Type: 'String', NoEcho: true, Default: 'a' } };
    const listener = { Protocol: 'TCP', LoadBalancerPort: '1', InstancePort: '1' };
    const elb = (more: object) => ({
      Type: 'AWS::ElasticLoadBalancing::LoadBalancer',
      Properties: { AvailabilityZones: [`${region}a`], Listeners: [listener], ...more },
    });
    const launch = (image: string) => ({
      Type: 'AWS::EC2::LaunchTemplate',
      Properties: { LaunchTemplateData: { ImageId: image, InstanceType: 'm5.large' } },
    });
    const group = {
      Type: 'AWS::AutoScaling::AutoScalingGroup',
      Properties: {
        MinSize: 0,
        MaxSize: 1,
        AvailabilityZones: [`${region}a`],
        LaunchTemplate: {
          LaunchTemplateId: { Ref: 'Launch' },
          Version: { 'Fn::GetAtt': ['Launch', 'LatestVersionNumber'] },
        },
      },
    };
    const policyOf = (of: string) => ({
      Type: 'AWS::EC2::Volume',
      Properties: { AvailabilityZone: of, Size: 1 },
    });
    const before = {
      A: bucket('cs-a'),
      B: bucket('cs-b'),
      Launch: launch('ami-00000001'),
      Group: group,
      Elb: elb({}),
      Disk: policyOf(`${region}a`),
    };
    const after = {
      A: bucket('cs-other'),
      B: bucket('cs-b', { Tags: [{ Key: 'k', Value: 'v' }] }),
      Launch: launch('ami-00000002'),
      Group: group,
      Elb: elb({ AvailabilityZones: [`${region}b`] }),
    };
    cloud.createStack('one', template(before, { Parameters: parameters }));
    cloud.pass(120);
    cfn('CreateChangeSet', {
      StackName: 'one',
      ChangeSetName: 'next',
      TemplateBody: template(after, { Parameters: parameters }),
      Parameters: [{ ParameterKey: 'Secret', ParameterValue: 'hidden' }],
    });
    cloud.pass(10);
    const described = cfn('DescribeChangeSet', { StackName: 'one', ChangeSetName: 'next' });
    expect(described.Parameters).toEqual([{ ParameterKey: 'Secret', ParameterValue: '****' }]);
    const changes = described.Changes.map(
      ({ ResourceChange: change }: { ResourceChange: Record<string, string> & { Scope: string[] } }) =>
        `${change['Action']} ${change['LogicalResourceId']} ${change['Replacement']} ${change.Scope.join('+')}`,
    );
    expect(changes.sort()).toEqual([
      'Modify A True Properties',
      'Modify B False Tags',
      'Modify Elb Conditional Properties',
      'Modify Group False Properties',
      'Modify Launch False Properties',
      'Remove Disk undefined ',
    ]);
    const ofGroup = described.Changes.find(
      (each: { ResourceChange: { LogicalResourceId: string } }) => each.ResourceChange.LogicalResourceId === 'Group',
    ).ResourceChange;
    expect(ofGroup.Details).toMatchObject([
      { Evaluation: 'Dynamic', ChangeSource: 'ResourceAttribute', CausingEntity: 'Launch.LatestVersionNumber' },
    ]);
  });
});

describe('what a stack holds for other services', () => {
  test('a bucket with objects, or versions of them, keeps its stack: DELETE_FAILED until it is empty', () => {
    const s3 = (action: string, params: Record<string, unknown>) =>
      cloud.call('s3', action, { Bucket: 'full', ...params });
    cloud.createStack('one', template({ A: bucket('full'), B: bucket('empty') }));
    cloud.pass(120);
    const remove = (): string => {
      const id = cloud.stack('one').StackId;
      cfn('DeleteStack', { StackName: 'one' });
      cloud.until(() => !/IN_PROGRESS$/.test(cloud.stack(id).StackStatus));
      return cloud.stack(id).StackStatus;
    };
    s3('PutBucketVersioning', { Status: 'Enabled' });
    const { VersionId } = s3('PutObject', { Key: 'k', Body: 'kept' });
    expect(remove()).toBe('DELETE_FAILED');
    expect(cloud.stack('one').StackStatusReason).toContain('[A]');
    expect(String(s3('GetObject', { Key: 'k' }).Body)).toBe('kept');
    const { StackResources } = cfn('DescribeStackResources', { StackName: 'one', LogicalResourceId: 'A' });
    expect(StackResources).toMatchObject([
      { ResourceStatus: 'DELETE_FAILED', ResourceStatusReason: expect.stringContaining('is not empty') as string },
    ]);
    const marker = s3('DeleteObject', { Key: 'k' });
    expect(remove()).toBe('DELETE_FAILED');
    for (const each of [VersionId, marker.VersionId]) s3('DeleteObject', { Key: 'k', VersionId: each });
    expect(remove()).toBe('DELETE_COMPLETE');
    expect(s3('ListBuckets', {}).Buckets).toEqual([]);
    cloud.createStack('two', template({ A: bucket('full') }));
    cloud.pass(120);
    s3('DeleteBucket', {});
    expect(cloud.codeOf('s3', 'HeadBucket', { Bucket: 'full' })).toBe('NoSuchBucket');
  });

  test('keys and their aliases are listed, page by page', () => {
    const key = { Type: 'AWS::KMS::Key', Properties: { KeyPolicy: {} } };
    const alias = (of: string) => ({
      Type: 'AWS::KMS::Alias',
      Properties: { AliasName: `alias/${of.toLowerCase()}`, TargetKeyId: { Ref: of } },
    });
    cloud.createStack('one', template({ A: key, B: key, AliasA: alias('A'), AliasB: alias('B') }));
    cloud.pass(120);
    const kms = (action: string, params = {}) => cloud.call('kms', action, params);
    const first = kms('ListKeys', { Limit: 1 });
    expect(first).toMatchObject({ Truncated: true, Keys: [{ KeyArn: expect.stringContaining(':key/') as string }] });
    const second = kms('ListKeys', { Limit: 1, Marker: first.NextMarker });
    expect(second.Truncated).toBe(false);
    expect(second.Keys[0].KeyId).not.toBe(first.Keys[0].KeyId);
    const { Aliases } = kms('ListAliases');
    expect(Aliases.map((each: { AliasName: string }) => each.AliasName).sort()).toEqual(['alias/a', 'alias/b']);
    const KeyId = first.Keys[0].KeyArn;
    expect(kms('ListAliases', { KeyId }).Aliases).toMatchObject([{ TargetKeyId: first.Keys[0].KeyId }]);
    expect(cloud.codeOf('kms', 'ListKeys', { Marker: 'x' })).toBe('InvalidMarkerException');
  });
});

describe('signals', () => {
  const waiting = (count: number) =>
    template({
      A: { ...bucket('signalled'), CreationPolicy: { ResourceSignal: { Count: count, Timeout: 'PT10M' } } },
    });
  const signal = (UniqueId: string, Status = 'SUCCESS') =>
    cloud.codeOf('cloudformation', 'SignalResource', { StackName: 'one', LogicalResourceId: 'A', UniqueId, Status });

  test('hold a new resource back until enough of them came, each sender once', () => {
    cloud.createStack('one', waiting(2));
    cloud.pass(120);
    expect(cloud.stack('one').StackStatus).toBe('CREATE_IN_PROGRESS');
    expect([signal('i-1'), signal('i-1')]).toEqual(['ok', 'ok']);
    cloud.pass(60);
    expect(cloud.stack('one').StackStatus).toBe('CREATE_IN_PROGRESS');
    expect(signal('i-2')).toBe('ok');
    cloud.pass(60);
    expect(cloud.stack('one').StackStatus).toBe('CREATE_COMPLETE');
    expect(signal('i-3')).toBe('ValidationError');
  });

  test('that say no, or do not come, roll the creation back', () => {
    cloud.createStack('one', waiting(1));
    cloud.pass(60);
    signal('i-1', 'FAILURE');
    cloud.pass(120);
    expect(cloud.stack('one').StackStatus).toBe('ROLLBACK_COMPLETE');
    cloud.createStack('two', waiting(1).replace('signalled', 'never'));
    cloud.pass(500);
    expect(cloud.stack('two').StackStatus).toBe('CREATE_IN_PROGRESS');
    cloud.pass(300);
    expect(cloud.stack('two').StackStatus).toBe('ROLLBACK_COMPLETE');
  });

  test('are what a wait condition waits for', () => {
    const body = template({
      H: { Type: 'AWS::CloudFormation::WaitConditionHandle' },
      A: { Type: 'AWS::CloudFormation::WaitCondition', Properties: { Handle: { Ref: 'H' }, Timeout: '600' } },
    });
    cloud.createStack('one', body);
    cloud.pass(120);
    expect(cloud.stack('one').StackStatus).toBe('CREATE_IN_PROGRESS');
    signal('done');
    cloud.pass(60);
    expect(cloud.stack('one').StackStatus).toBe('CREATE_COMPLETE');
  });
});

describe('sessions, rates and managed control planes', () => {
  test('a session ends at its time, in the words of each service', () => {
    const role = { RoleArn: `arn:aws:iam::${account}:role/clm`, RoleSessionName: 'test', DurationSeconds: 900 };
    const { Credentials } = cloud.call('sts', 'AssumeRole', role);
    const code = (service: 'sts' | 'ec2' | 'kms', action: string): string => {
      const reply = cloud.model.handle({
        account,
        region,
        service,
        action,
        params: { KeyId: 'k', Plaintext: '' },
        accessKeyId: Credentials.AccessKeyId,
      });
      return reply.ok ? 'ok' : reply.code;
    };
    cloud.pass(899);
    expect(code('sts', 'GetCallerIdentity')).toBe('ok');
    cloud.pass(1);
    expect([code('sts', 'GetCallerIdentity'), code('ec2', 'DescribeVpcs'), code('kms', 'Encrypt')]).toEqual([
      'ExpiredToken',
      'RequestExpired',
      'ExpiredTokenException',
    ]);
  });

  test('EC2 meters each API by itself, and more generously with a filter; Auto Scaling all of them together', () => {
    const until = (service: 'ec2' | 'autoscaling', action: string, params = {}): number => {
      let calls = 0;
      while (cloud.codeOf(service, action, params) === 'ok' && calls < 5000) calls += 1;
      return calls;
    };
    expect(until('ec2', 'DescribeVpcs')).toBe(50);
    expect(until('ec2', 'DescribeSubnets')).toBe(50);
    expect(until('ec2', 'DescribeSubnets', { MaxResults: 5 })).toBe(100);
    expect(cloud.codeOf('ec2', 'DescribeVpcs')).toBe('RequestLimitExceeded');
    cloud.pass(1);
    expect(until('ec2', 'DescribeVpcs')).toBe(10);
    expect(until('autoscaling', 'DescribeAutoScalingGroups')).toBe(2000);
    expect(cloud.codeOf('autoscaling', 'DescribeTags')).toBe('Throttling');
  });

  test('an EKS control plane takes its time, goes up one minor at a time, and is busy meanwhile', () => {
    const subnets = cloud.call('ec2', 'DescribeSubnets').Subnets.map((each: { SubnetId: string }) => each.SubnetId);
    const request = {
      name: 'a',
      version: '1.31',
      roleArn: 'arn:aws:iam::1:role/x',
      resourcesVpcConfig: { subnetIds: subnets },
    };
    const eks = (action: string, params: Record<string, unknown> = {}) =>
      cloud.call('eks', action, { name: 'a', ...params });
    const code = (action: string, params: Record<string, unknown> = {}) =>
      cloud.codeOf('eks', action, { name: 'a', ...params });
    expect(code('CreateCluster', { ...request, resourcesVpcConfig: { subnetIds: [subnets[0]] } })).toBe(
      'InvalidParameterException',
    );
    expect(eks('CreateCluster', request).cluster).toMatchObject({ status: 'CREATING', platformVersion: '' });
    expect([
      code('CreateCluster', request),
      code('DeleteCluster'),
      code('UpdateClusterVersion', { version: '1.32' }),
    ]).toEqual(['ResourceInUseException', 'ResourceInUseException', 'ResourceInUseException']);
    cloud.pass(800);
    expect(eks('DescribeCluster').cluster).toMatchObject({
      status: 'ACTIVE',
      endpoint: expect.stringMatching(/^https:/) as string,
    });
    for (const version of ['1.30', '1.31', '1.33', '2.0'])
      expect(code('UpdateClusterVersion', { version })).toBe('InvalidParameterException');
    const { update } = eks('UpdateClusterVersion', { version: '1.32' });
    expect(eks('DescribeUpdate', { updateId: update.id }).update.status).toBe('InProgress');
    expect(eks('ListUpdates').updateIds).toEqual([update.id]);
    cloud.pass(900);
    expect(eks('DescribeCluster').cluster).toMatchObject({ status: 'ACTIVE', version: '1.32' });
    expect(eks('ListClusters')).toEqual({ clusters: ['a'] });
    eks('DeleteCluster');
    cloud.pass(400);
    expect(code('DescribeCluster')).toBe('ResourceNotFoundException');
  });

  test('a stack waits for its EKS cluster, changes the version in place, one minor at a time, and takes it away', () => {
    const subnets = cloud.call('ec2', 'DescribeSubnets').Subnets.map((each: { SubnetId: string }) => each.SubnetId);
    const body = (version: string) =>
      template(
        {
          Cluster: {
            Type: 'AWS::EKS::Cluster',
            Properties: {
              Name: 'shop',
              Version: version,
              RoleArn: 'arn:aws:iam::1:role/x',
              ResourcesVpcConfig: { SubnetIds: subnets },
            },
          },
        },
        { Outputs: { Endpoint: { Value: { 'Fn::GetAtt': ['Cluster', 'Endpoint'] } } } },
      );
    const brought = (version: string) => {
      cfn('UpdateStack', { StackName: 'one', TemplateBody: body(version) });
      cloud.until(() => !/IN_PROGRESS$/.test(cloud.stack('one').StackStatus), 1_200);
      return cloud.stack('one').StackStatus;
    };
    const plane = () => cloud.call('eks', 'DescribeCluster', { name: 'shop' }).cluster;
    cloud.createStack('one', body('1.31'));
    cloud.pass(300);
    expect([cloud.stack('one').StackStatus, plane().status]).toEqual(['CREATE_IN_PROGRESS', 'CREATING']);
    cloud.until(() => cloud.stack('one').StackStatus === 'CREATE_COMPLETE', 1_200);
    expect(plane()).toMatchObject({
      status: 'ACTIVE',
      version: '1.31',
      endpoint: cloud.stack('one').Outputs[0].OutputValue,
    });
    expect(brought('1.33')).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(plane().version).toBe('1.31');
    expect(brought('1.32')).toBe('UPDATE_COMPLETE');
    expect(plane()).toMatchObject({ status: 'ACTIVE', version: '1.32' });
    expect(brought('1.31')).toBe('UPDATE_ROLLBACK_COMPLETE');
    cfn('DeleteStack', { StackName: 'one' });
    cloud.until(() => cloud.codeOf('eks', 'DescribeCluster', { name: 'shop' }) === 'ResourceNotFoundException', 1_200);
  });

  test('a bucket keeps versions once it is told to, and lists by prefix, delimiter and page', () => {
    const s3 = (action: string, params: Record<string, unknown> = {}) =>
      cloud.call('s3', action, { Bucket: 'keep', ...params });
    s3('CreateBucket');
    s3('PutObject', { Key: 'a/1', Body: 'old' });
    s3('PutBucketVersioning', { Status: 'Enabled' });
    const { VersionId } = s3('PutObject', { Key: 'a/1', Body: 'new' });
    s3('PutObject', { Key: 'a/2', Body: 'x' });
    s3('PutObject', { Key: 'b', Body: 'y' });
    expect(String(s3('GetObject', { Key: 'a/1', VersionId: 'null' }).Body)).toBe('old');
    expect(s3('DeleteObject', { Key: 'a/1' })).toMatchObject({ DeleteMarker: true });
    expect(cloud.codeOf('s3', 'GetObject', { Bucket: 'keep', Key: 'a/1' })).toBe('NoSuchKey');
    expect(String(s3('GetObject', { Key: 'a/1', VersionId }).Body)).toBe('new');
    expect(s3('ListObjectVersions', { Prefix: 'a/1' })).toMatchObject({
      Versions: [{ VersionId, IsLatest: false }, { VersionId: 'null' }],
      DeleteMarkers: [{ IsLatest: true }],
    });
    expect(s3('ListObjectsV2', { Delimiter: '/' })).toMatchObject({
      Contents: [{ Key: 'b' }],
      CommonPrefixes: [{ Prefix: 'a/' }],
    });
    const first = s3('ListObjectsV2', { MaxKeys: 1 });
    expect(first).toMatchObject({ IsTruncated: true, Contents: [{ Key: 'a/2' }] });
    expect(s3('ListObjectsV2', { MaxKeys: 1, ContinuationToken: first.NextContinuationToken })).toMatchObject({
      IsTruncated: false,
      Contents: [{ Key: 'b' }],
    });
    expect(s3('ListBuckets').Buckets).toMatchObject([{ Name: 'keep' }]);
    expect(cloud.codeOf('s3', 'DeleteBucket', { Bucket: 'keep' })).toBe('BucketNotEmpty');
  });
});
