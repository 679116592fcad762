import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type AwsCaller, AwsServiceError } from '../../../src/providers/aws/aws-calls.ts';
import { createCloudProvider } from '../../../src/providers/aws/cloud-provider.ts';

interface Call {
  action: string;
  input: Record<string, unknown>;
}

type Answer = object | Error | ((input: Record<string, unknown>) => object | Error);

/** Answers each action from its list; the last answer stays. */
function provider(answers: Record<string, Answer[]>) {
  const calls: Call[] = [];
  const caller: AwsCaller = {
    call: async (action: string, input: unknown) => {
      calls.push({ action, input: input as Record<string, unknown> });
      const list = answers[action] ?? [];
      const answer = list.length > 1 ? list.shift() : list[0];
      if (answer === undefined) throw new Error(`the test does not expect ${action}`);
      const value = typeof answer === 'function' ? (answer as (i: unknown) => object | Error)(input) : answer;
      if (value instanceof Error) throw value;
      return value;
    },
    credentialsExpireAt: async () => undefined,
  };
  return { calls, cloud: createCloudProvider({ account: '123456789012', region: 'eu-central-1' }, caller) };
}

const validation = (message: string) => new AwsServiceError('ValidationError', message, 400);

const described = (fields: object = {}) => ({
  AutoScalingGroups: [
    {
      AutoScalingGroupName: 'g',
      DesiredCapacity: 3,
      MinSize: 1,
      MaxSize: 5,
      Tags: [{ Key: 'NodePool', Value: 'default' }],
      ...fields,
    },
  ],
});

const stackInput = { name: 's', template: '{}', parameters: { A: '1' }, tags: { T: 'x' }, token: 'tok' };

describe('stacks', () => {
  it('are absent when the service does not know them, and when they are deleted', async () => {
    const { cloud } = provider({
      DescribeStacks: [
        validation('Stack with id s does not exist'),
        { Stacks: [{ StackName: 's', StackStatus: 'DELETE_COMPLETE' }] },
        validation('1 validation error detected: name too long'),
      ],
    });
    expect(await cloud.describeStack('s')).toBeUndefined();
    expect(await cloud.describeStack('s')).toBeUndefined();
    await expect(cloud.describeStack('s')).rejects.toMatchObject({
      failure: { kind: 'terminal', code: 'aws-validation' },
    });
  });

  it('are reported in their own words, ROLLBACK_COMPLETE included', async () => {
    const { cloud } = provider({
      DescribeStacks: [
        {
          Stacks: [
            {
              StackName: 's',
              StackId: 'arn:s',
              StackStatus: 'ROLLBACK_COMPLETE',
              StackStatusReason: 'why',
              Outputs: [{ OutputKey: 'o', OutputValue: '1' }],
              Tags: [{ Key: 't', Value: '2' }],
              Parameters: [{ ParameterKey: 'p', ParameterValue: '3' }],
            },
          ],
        },
      ],
    });
    expect(await cloud.describeStack('s')).toEqual({
      name: 's',
      id: 'arn:s',
      status: 'ROLLBACK_COMPLETE',
      statusReason: 'why',
      outputs: { o: '1' },
      tags: { t: '2' },
      parameters: { p: '3' },
      terminationProtection: false,
    });
  });

  it('are changed by change sets: made once by name, judged when they are ready, thrown away when they change nothing', async () => {
    const change = {
      Action: 'Modify',
      LogicalResourceId: 'Group',
      PhysicalResourceId: 'g-1',
      ResourceType: 'AWS::AutoScaling::AutoScalingGroup',
      Replacement: 'Conditional',
      Details: [
        {
          Target: { Attribute: 'Properties', Name: 'AutoScalingGroupName', RequiresRecreation: 'Always' },
          Evaluation: 'Dynamic',
        },
        { Target: { Attribute: 'Tags', RequiresRecreation: 'Never' }, Evaluation: 'Static' },
      ],
    };
    const { cloud, calls } = provider({
      CreateChangeSet: [new AwsServiceError('AlreadyExistsException', 'ChangeSet c exists', 400)],
      DescribeChangeSet: [
        { Status: 'CREATE_PENDING' },
        {
          Status: 'CREATE_COMPLETE',
          ExecutionStatus: 'AVAILABLE',
          Changes: [{ ResourceChange: change }],
          NextToken: 'n',
        },
        {
          Status: 'CREATE_COMPLETE',
          ExecutionStatus: 'AVAILABLE',
          Changes: [{ ResourceChange: { Action: 'Remove' } }],
        },
        {
          Status: 'FAILED',
          StatusReason: "The submitted information didn't contain changes. Submit different information",
        },
        { Status: 'FAILED', StatusReason: 'No updates are to be performed.' },
        { Status: 'FAILED', StatusReason: 'Transform failed' },
        { Status: 'CREATE_COMPLETE', ExecutionStatus: 'OBSOLETE' },
        { Status: 'CREATE_COMPLETE', ExecutionStatus: 'EXECUTE_COMPLETE' },
        new AwsServiceError('ChangeSetNotFound', 'ChangeSet [c] does not exist', 404),
      ],
      DeleteChangeSet: [new AwsServiceError('InvalidChangeSetStatus', 'is executing', 400)],
    });
    await cloud.createChangeSet({ ...stackInput, changeSet: 'c' });
    expect(calls[0]?.input).toMatchObject({
      StackName: 's',
      ChangeSetName: 'c',
      ChangeSetType: 'UPDATE',
      TemplateBody: '{}',
      Parameters: [{ ParameterKey: 'A', ParameterValue: '1' }],
      Tags: [{ Key: 'T', Value: 'x' }],
      ClientToken: 'tok',
    });
    const look = async () => (await cloud.describeChangeSet('s', 'c'))?.status;
    expect(await look()).toBe('making');
    expect(await cloud.describeChangeSet('s', 'c')).toEqual({
      status: 'ready',
      changes: [
        {
          action: 'Modify',
          logicalId: 'Group',
          physicalId: 'g-1',
          type: 'AWS::AutoScaling::AutoScalingGroup',
          replacement: 'Conditional',
          properties: [
            { property: 'AutoScalingGroupName', recreation: 'Always', dynamic: true },
            { property: 'Tags', recreation: 'Never', dynamic: false },
          ],
        },
        { action: 'Remove', logicalId: '', type: '', replacement: 'False', properties: [] },
      ],
    });
    expect([await look(), await look(), await look(), await look(), await look(), await look()]).toEqual([
      'unchanged',
      'unchanged',
      'failed',
      'spent',
      'spent',
      undefined,
    ]);
    await cloud.deleteChangeSet('s', 'c');
  });

  it('are not begun to change twice: what cannot be executed is looked at again', async () => {
    const { cloud } = provider({
      ExecuteChangeSet: [
        {},
        new AwsServiceError('TokenAlreadyExistsException', 'Token already exists', 400),
        new AwsServiceError('InvalidChangeSetStatus', 'is in UPDATE_IN_PROGRESS state and can not be updated.', 400),
        new AwsServiceError('ChangeSetNotFound', 'gone', 404),
      ],
    });
    const execute = () => cloud.executeChangeSet('s', 'c', 'tok');
    expect([await execute(), await execute(), await execute(), await execute()]).toEqual([
      'started',
      'started',
      'refused',
      'refused',
    ]);
  });

  it('are created and deleted once though the request is sent twice with the same token', async () => {
    const again = new AwsServiceError('TokenAlreadyExistsException', 'Token already exists', 400);
    const { cloud, calls } = provider({ CreateStack: [again], DeleteStack: [again] });
    await cloud.createStack({ ...stackInput, terminationProtection: true, policy: '{}' });
    await cloud.deleteStack('s', 'tok');
    expect(calls[0]?.input).toMatchObject({
      ClientRequestToken: 'tok',
      EnableTerminationProtection: true,
      StackPolicyBody: '{}',
    });
  });

  it('take a long template from S3', async () => {
    const { cloud, calls } = provider({ CreateStack: [{}] });
    await cloud.createStack({
      ...stackInput,
      template: 'x'.repeat(60_000),
      templateUrl: 'https://b.s3.r.amazonaws.com/k',
    });
    expect(calls[0]?.input).toMatchObject({ TemplateURL: 'https://b.s3.r.amazonaws.com/k' });
    expect(calls[0]?.input).not.toHaveProperty('TemplateBody');
  });

  it('are not sent with a template that CloudFormation does not take', async () => {
    const { cloud, calls } = provider({});
    const create = cloud.createStack({ ...stackInput, template: 'ä'.repeat(26_000) });
    await expect(create).rejects.toMatchObject({
      failure: { kind: 'terminal', message: expect.stringContaining('52000 bytes') },
    });
    expect(calls).toEqual([]);
  });

  it('are found by tag over all pages', async () => {
    const stack = (name: string, value: string, status = 'CREATE_COMPLETE') => ({
      StackName: name,
      StackStatus: status,
      Tags: [{ Key: 'k', Value: value }],
    });
    const { cloud } = provider({
      DescribeStacks: [
        { Stacks: [stack('a', 'yes'), stack('b', 'no')], NextToken: 'n' },
        { Stacks: [stack('c', 'yes'), stack('d', 'yes', 'DELETE_COMPLETE')] },
      ],
    });
    expect((await cloud.listStacks({ key: 'k', value: 'yes' })).map((s) => s.name)).toEqual(['a', 'c']);
  });

  it('have their newest events first, no more than asked for', async () => {
    const event = (id: string) => ({
      LogicalResourceId: id,
      ResourceStatus: 'X',
      Timestamp: new Date(Date.UTC(2026, 0, 1)),
    });
    const { cloud, calls } = provider({
      DescribeStackEvents: [
        { StackEvents: [event('3'), event('2')], NextToken: 'n' },
        { StackEvents: [event('1'), event('0')] },
      ],
    });
    const events = await cloud.stackEvents('s', 3);
    expect(events.map((e) => e.logicalId)).toEqual(['3', '2', '1']);
    expect(events[0]?.at).toBe('2026-01-01T00:00:00.000Z');
    expect(calls).toHaveLength(2);
  });
});

describe('groups', () => {
  it('are described by tag filters over all pages, and checked again against the tags', async () => {
    const { cloud, calls } = provider({
      DescribeAutoScalingGroups: [
        { ...described(), NextToken: 'n' },
        described({ AutoScalingGroupName: 'foreign', Tags: [{ Key: 'NodePool', Value: 'other' }] }),
      ],
    });
    expect((await cloud.describeGroups({ NodePool: 'default' })).map((g) => g.name)).toEqual(['g']);
    expect(calls.map((call) => call.input)).toEqual([
      { Filters: [{ Name: 'tag:NodePool', Values: ['default'] }], MaxRecords: 100 },
      { Filters: [{ Name: 'tag:NodePool', Values: ['default'] }], MaxRecords: 100, NextToken: 'n' },
    ]);
  });

  it('are never described without tags: that would be everybody else’s', async () => {
    await expect(provider({}).cloud.describeGroups({})).rejects.toThrow(RangeError);
  });

  it('are read with instances, templates and what is suspended', async () => {
    const { cloud } = provider({
      DescribeAutoScalingGroups: [
        described({
          VPCZoneIdentifier: 'subnet-1, subnet-2',
          AvailabilityZones: ['a', 'b'],
          MixedInstancesPolicy: {
            LaunchTemplate: {
              LaunchTemplateSpecification: { LaunchTemplateId: 'lt-1', LaunchTemplateName: 'n', Version: '7' },
            },
          },
          NewInstancesProtectedFromScaleIn: true,
          SuspendedProcesses: [{ ProcessName: 'AZRebalance' }],
          LoadBalancerNames: ['elb'],
          TargetGroupARNs: ['tg'],
          Instances: [
            {
              InstanceId: 'i-1',
              AvailabilityZone: 'a',
              InstanceType: 'm5.large',
              LifecycleState: 'InService',
              HealthStatus: 'Healthy',
              ProtectedFromScaleIn: true,
              LaunchTemplate: { LaunchTemplateId: 'lt-1', Version: '6' },
            },
            { InstanceId: 'i-2', AvailabilityZone: 'b', LifecycleState: 'SomethingNew', HealthStatus: 'UNHEALTHY' },
          ],
        }),
      ],
    });
    expect(await cloud.describeGroups({ NodePool: 'default' })).toEqual([
      {
        name: 'g',
        desired: 3,
        min: 1,
        max: 5,
        zones: ['a', 'b'],
        subnets: ['subnet-1', 'subnet-2'],
        launchTemplate: { id: 'lt-1', name: 'n', version: '7' },
        newInstancesProtected: true,
        suspendedProcesses: ['AZRebalance'],
        classicLoadBalancers: ['elb'],
        targetGroups: ['tg'],
        tags: { NodePool: 'default' },
        instances: [
          {
            id: 'i-1',
            zone: 'a',
            instanceType: 'm5.large',
            lifecycleState: 'InService',
            health: 'Healthy',
            protectedFromScaleIn: true,
            launchTemplate: { id: 'lt-1', version: '6' },
          },
          {
            id: 'i-2',
            zone: 'b',
            instanceType: '',
            lifecycleState: 'SomethingNew',
            health: 'Unhealthy',
            protectedFromScaleIn: false,
          },
        ],
      },
    ]);
  });

  it('have desired raised only from what they want now', async () => {
    const { cloud, calls } = provider({ DescribeAutoScalingGroups: [described()], SetDesiredCapacity: [{}] });
    await cloud.raiseDesired('g', 3, 4);
    expect(calls.at(-1)).toEqual({
      action: 'SetDesiredCapacity',
      input: { AutoScalingGroupName: 'g', DesiredCapacity: 4, HonorCooldown: false },
    });
    for (const [from, to] of [
      [2, 4],
      [4, 5],
      [3, 2],
      [3, 6],
    ] as const) {
      await expect(cloud.raiseDesired('g', from, to)).rejects.toMatchObject({
        failure: { kind: 'transient', code: 'aws-conflict' },
      });
    }
    expect(calls.filter((call) => call.action === 'SetDesiredCapacity')).toHaveLength(1);
  });

  it('have their maximum never lowered below what they want, which would end instances', async () => {
    const { cloud, calls } = provider({ DescribeAutoScalingGroups: [described()], UpdateAutoScalingGroup: [{}] });
    await expect(cloud.updateGroup('g', { max: 2 })).rejects.toMatchObject({ failure: { code: 'aws-conflict' } });
    await cloud.updateGroup('g', { max: 3 });
    await cloud.updateGroup('g', { min: 0, newInstancesProtected: false });
    await cloud.updateGroup('g', {});
    expect(calls.filter((call) => call.action === 'UpdateAutoScalingGroup').map((call) => call.input)).toEqual([
      { AutoScalingGroupName: 'g', MaxSize: 3 },
      { AutoScalingGroupName: 'g', MinSize: 0, NewInstancesProtectedFromScaleIn: false },
    ]);
  });

  it('launch by token, and report what could not be launched', async () => {
    const { cloud, calls } = provider({
      LaunchInstances: [
        {
          Instances: [{ InstanceIds: ['i-1', 'i-2'] }, { InstanceIds: ['i-3'] }],
          Errors: [{ ErrorCode: 'InsufficientInstanceCapacity', ErrorMessage: 'none left', AvailabilityZone: 'a' }],
        },
      ],
    });
    expect(await cloud.launchInstances('g', { count: 3, zone: 'a', token: 't' })).toEqual({
      instanceIds: ['i-1', 'i-2', 'i-3'],
      errors: [{ code: 'InsufficientInstanceCapacity', message: 'none left', zone: 'a' }],
    });
    expect(calls[0]?.input).toMatchObject({
      RequestedCapacity: 3,
      ClientToken: 't',
      AvailabilityZones: ['a'],
      RetryStrategy: 'none',
    });
  });

  it('tell by their activities whether an instance left its place behind, of the newest three pages', async () => {
    const activity = (what: string, how = '') => ({
      Activities: [{ Description: what, Cause: `At 2026-01-01T00:00:00Z an instance was taken out of service${how}.` }],
      NextToken: 'n',
    });
    const { cloud, calls } = provider({
      DescribeScalingActivities: [
        activity('Terminating EC2 instance: i-12', ', shrinking the capacity from 3 to 2'),
        activity('Terminating EC2 instance: i-1'),
        activity('Launching a new EC2 instance: i-3'),
      ],
    });
    expect(await cloud.endOfInstance('g', 'i-1')).toEqual({ gaveUpPlace: false });
    expect(await cloud.endOfInstance('g', 'i-3')).toBeUndefined();
    const page = { AutoScalingGroupName: 'g', MaxRecords: 100 };
    const next = { ...page, NextToken: 'n' };
    expect(calls.map((call) => call.input)).toEqual([page, next, page, next, next]);
  });

  it('are protected fifty instances at a time', async () => {
    const { cloud, calls } = provider({ SetInstanceProtection: [{}] });
    await cloud.setProtection(
      'g',
      Array.from({ length: 120 }, (_, i) => `i-${i}`),
      true,
    );
    expect(calls.map((call) => (call.input['InstanceIds'] as string[]).length)).toEqual([50, 50, 20]);
  });

  it('have no process suspended, and no tag touched, for an empty list', async () => {
    const { cloud, calls } = provider({});
    await cloud.suspendProcesses('g', []);
    await cloud.resumeProcesses('g', []);
    await cloud.tagGroup('g', {});
    await cloud.untagGroup('g', []);
    await cloud.setProtection('g', [], true);
    expect(calls).toEqual([]);
  });

  it('carry tags that their instances do not inherit', async () => {
    const { cloud, calls } = provider({ CreateOrUpdateTags: [{}] });
    await cloud.tagGroup('g', { 'clm/roll-id': 'r' });
    expect(calls[0]?.input).toEqual({
      Tags: [
        {
          ResourceId: 'g',
          ResourceType: 'auto-scaling-group',
          Key: 'clm/roll-id',
          Value: 'r',
          PropagateAtLaunch: false,
        },
      ],
    });
  });
});

describe('load balancers', () => {
  it('have the health of each registered instance, in one vocabulary', async () => {
    const { cloud } = provider({
      DescribeInstanceHealth: [
        {
          InstanceStates: [
            { InstanceId: 'i-1', State: 'InService' },
            { InstanceId: 'i-2', State: 'OutOfService', ReasonCode: 'Instance' },
            { InstanceId: 'i-3', State: 'OutOfService', ReasonCode: 'ELB' },
            { InstanceId: 'i-4', State: 'Unknown' },
          ],
        },
      ],
      DescribeTargetHealth: [
        {
          TargetHealthDescriptions: [
            ['i-1', 'healthy'],
            ['i-2', 'initial'],
            ['i-3', 'unhealthy'],
            ['i-4', 'draining'],
            ['i-5', 'unhealthy.draining'],
            ['i-6', 'unused'],
            ['i-7', 'unavailable'],
            ['i-8', 'somethingNew'],
          ].map(([Id, State]) => ({ Target: { Id }, TargetHealth: { State } })),
        },
      ],
    });
    expect(await cloud.loadBalancerHealth(['elb'], ['tg'])).toEqual([
      {
        kind: 'classic',
        id: 'elb',
        instances: { 'i-1': 'healthy', 'i-2': 'unhealthy', 'i-3': 'initial', 'i-4': 'unknown' },
      },
      {
        kind: 'target-group',
        id: 'tg',
        instances: {
          'i-1': 'healthy',
          'i-2': 'initial',
          'i-3': 'unhealthy',
          'i-4': 'draining',
          'i-5': 'draining',
          'i-6': 'unused',
          'i-7': 'unknown',
          'i-8': 'unknown',
        },
      },
    ]);
  });

  it('judge an instance by the worst of its ports, and leave out what is not registered', async () => {
    const target = (Id: string, Port: number, State: string, Reason?: string) => ({
      Target: { Id, Port },
      TargetHealth: { State, Reason },
    });
    const { cloud } = provider({
      DescribeTargetHealth: [
        {
          TargetHealthDescriptions: [
            target('i-1', 80, 'healthy'),
            target('i-1', 443, 'unhealthy'),
            target('i-2', 80, 'initial'),
            target('i-2', 443, 'healthy'),
            target('i-3', 80, 'unused', 'Target.NotRegistered'),
          ],
        },
      ],
    });
    expect((await cloud.loadBalancerHealth([], ['tg']))[0]?.instances).toEqual({
      'i-1': 'unhealthy',
      'i-2': 'initial',
    });
  });

  it('fail as a whole when one of them cannot be asked: a missing answer is no empty one', async () => {
    const { cloud } = provider({
      DescribeInstanceHealth: [{ InstanceStates: [] }],
      DescribeTargetHealth: [
        new AwsServiceError('TargetGroupNotFoundException', 'One or more target groups not found', 400),
      ],
    });
    await expect(cloud.loadBalancerHealth(['elb'], ['tg'])).rejects.toMatchObject({
      failure: { code: 'aws-not-found' },
    });
  });

  it('have nothing to do for an instance that is not registered any more', async () => {
    const { cloud } = provider({
      DeregisterInstancesFromLoadBalancer: [
        new AwsServiceError('InvalidInstance', 'Could not find EC2 instance i-1.', 400),
      ],
      DeregisterTargets: [{}],
    });
    await cloud.deregister('classic', 'elb', 'i-1');
    await cloud.deregister('target-group', 'tg', 'i-1');
  });
});

describe('files', () => {
  const missing = new AwsServiceError('NotFound', '', 404);
  const archive = {
    bucket: 'b',
    key: 'k',
    encryptionKey: 'alias/a',
    files: [
      { path: 'etc/plain', data: Buffer.from('plain').toString('base64'), permissions: 0o644, encrypted: false },
      { path: 'etc/secret', data: Buffer.from('secret').toString('base64'), permissions: 0o600, encrypted: true },
    ],
  };

  it('are put once: what is there has the same content, as its key says', async () => {
    const { cloud, calls } = provider({ HeadObject: [missing, {}], PutObject: [{}] });
    expect(await cloud.storeText('b', 'k', 'text')).toBe('stored');
    expect(await cloud.storeText('b', 'k', 'text')).toBe('there');
    expect(calls.map((call) => call.action)).toEqual(['HeadObject', 'PutObject', 'HeadObject']);
    expect(calls.every((call) => call.input['ExpectedBucketOwner'] === '123456789012')).toBe(true);
  });

  it('go into a bucket that is made when there is none', async () => {
    const noBucket = new AwsServiceError('NoSuchBucket', '', 404);
    const { cloud, calls } = provider({ HeadObject: [missing], PutObject: [noBucket, {}], CreateBucket: [{}] });
    expect(await cloud.storeText('b', 'k', 'text')).toBe('stored');
    expect(calls.map((call) => call.action)).toEqual(['HeadObject', 'PutObject', 'CreateBucket', 'PutObject']);
    expect(calls[2]?.input).toEqual({
      Bucket: 'b',
      CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' },
    });
  });

  it('never go into a bucket of somebody else', async () => {
    const { cloud } = provider({ HeadObject: [new AwsServiceError('AccessDenied', 'Access Denied', 403)] });
    await expect(cloud.storeText('b', 'k', 'text')).rejects.toMatchObject({
      failure: {
        code: 'bucket-not-ours',
        message: expect.stringMatching(/^bucket b: .*config item files_bucket/) as string,
      },
    });
    const noBucket = new AwsServiceError('NoSuchBucket', '', 404);
    const taken = new AwsServiceError('BucketAlreadyExists', '', 409);
    const other = provider({ HeadObject: [missing], PutObject: [noBucket], CreateBucket: [taken] });
    await expect(other.cloud.storeText('b', 'k', 'text')).rejects.toMatchObject({
      failure: { code: 'bucket-not-ours', message: expect.stringContaining('its name is taken') as string },
    });
  });

  it('go into a bucket of the same account that another daemon made a moment before', async () => {
    const noBucket = new AwsServiceError('NoSuchBucket', '', 404);
    const ours = new AwsServiceError('BucketAlreadyOwnedByYou', '', 409);
    const { cloud } = provider({ HeadObject: [missing], PutObject: [noBucket, {}], CreateBucket: [ours] });
    expect(await cloud.storeText('b', 'k', 'text')).toBe('stored');
  });

  it('are packed in the order given, secrets encrypted before they are packed', async () => {
    const { cloud, calls } = provider({
      HeadObject: [missing],
      PutObject: [{}],
      Encrypt: [(input) => ({ CiphertextBlob: Buffer.from(`<${String(input['Plaintext'])}>`) })],
    });
    expect(await cloud.storeArchive(archive)).toBe('stored');
    expect(calls[1]).toMatchObject({ action: 'Encrypt', input: { KeyId: 'alias/a' } });
    const unpacked: [string, number | undefined, string][] = [];
    const entries = extract();
    entries.end(gunzipSync(calls[2]?.input['Body'] as Buffer));
    for await (const entry of entries) {
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      unpacked.push([entry.header.name, entry.header.mode, Buffer.concat(chunks).toString()]);
    }
    expect(unpacked).toEqual([
      ['etc/plain', 0o644, 'plain'],
      ['etc/secret.enc', 0o600, '<secret>'],
    ]);
  });

  it('that KMS does not take are named', async () => {
    const { cloud } = provider({ HeadObject: [missing] });
    const data = Buffer.alloc(5_000).toString('base64');
    const files = [{ path: 'etc/big', data, permissions: 0o600, encrypted: true }];
    await expect(cloud.storeArchive({ ...archive, files })).rejects.toMatchObject({
      failure: { message: expect.stringContaining('etc/big of k has 5000 bytes') },
    });
  });
});
