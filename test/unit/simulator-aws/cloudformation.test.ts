import { beforeEach, describe, expect, test } from 'vitest';
import { poolTemplate } from './pool-template.ts';
import { SimulatedCloud } from './simulated-cloud.ts';

const oldImage = 'ami-0123456789abcdef0';
const newImage = 'ami-0fedcba9876543210';
const Capabilities = ['CAPABILITY_NAMED_IAM'];

describe('a stack', () => {
  let cloud: SimulatedCloud;
  beforeEach(() => {
    cloud = new SimulatedCloud();
  });

  const create = (template = poolTemplate({ image: oldImage }), more: Record<string, unknown> = {}) => {
    cloud.createStack('pool', template, { Capabilities, ...more });
    cloud.pass(200);
    return cloud.stack('pool');
  };
  const update = (TemplateBody: string, more: Record<string, unknown> = {}) =>
    cloud.reply('cloudformation', 'UpdateStack', { StackName: 'pool', TemplateBody, Capabilities, ...more });
  const events = (): string[] =>
    cloud
      .call('cloudformation', 'DescribeStackEvents', { StackName: 'pool' })
      .StackEvents.map(
        (each: { LogicalResourceId: string; ResourceStatus: string }) =>
          `${each.LogicalResourceId} ${each.ResourceStatus}`,
      )
      .reverse();
  const resource = (LogicalResourceId: string): string =>
    cloud.call('cloudformation', 'DescribeStackResource', { StackName: 'pool', LogicalResourceId }).StackResourceDetail
      .PhysicalResourceId;
  const versions = (): number =>
    cloud.call('ec2', 'DescribeLaunchTemplates', { LaunchTemplateIds: [resource('LaunchTemplate')] }).LaunchTemplates[0]
      .LatestVersionNumber;

  test('is created in its own time, resource after resource, and says so', () => {
    cloud.createStack('pool', poolTemplate({ image: oldImage }), { Capabilities });
    expect(cloud.stack('pool').StackStatus).toBe('CREATE_IN_PROGRESS');
    cloud.pass(9);
    expect(cloud.stack('pool').StackStatus).toBe('CREATE_IN_PROGRESS');
    cloud.pass(60);
    expect(cloud.stack('pool')).toMatchObject({
      StackStatus: 'CREATE_COMPLETE',
      Outputs: [{ OutputKey: 'GroupName', OutputValue: 'pool', ExportName: 'pool:group' }, { OutputKey: 'Dns' }],
    });
    expect(events()).toContain('LaunchTemplate CREATE_COMPLETE');
    expect(events().indexOf('LaunchTemplate CREATE_COMPLETE')).toBeLessThan(
      events().indexOf('Group CREATE_IN_PROGRESS'),
    );
    const changes = cloud.events.flatMap((event) => (event.kind === 'stack-changed' ? [event.status] : []));
    expect(changes).toEqual(['CREATE_IN_PROGRESS', 'CREATE_COMPLETE']);
  });

  test('makes what its template says: functions, parameters, mappings, conditions and tags all the way to the instance', () => {
    create(undefined, {
      Parameters: [{ ParameterKey: 'Size', ParameterValue: '3' }],
      Tags: [{ Key: 'team', Value: 'a' }],
    });
    const group = cloud.group('pool');
    expect(group).toMatchObject({ MinSize: 3, MaxSize: 10, DesiredCapacity: 3, LaunchTemplate: { Version: '1' } });
    expect(group.TargetGroupARNs).toHaveLength(1);
    const [instance] = [...cloud.running.values()];
    expect(instance).toMatchObject({
      imageId: oldImage,
      instanceType: 'm5.large',
      tags: {
        NodePool: 'workers',
        team: 'a',
        'aws:cloudformation:stack-name': 'pool',
        'aws:autoscaling:groupName': 'pool',
      },
    });
    expect(instance?.userData).toMatch(
      /^#cloud-config\naccount: 123456789012\nrole: arn:aws:iam::123456789012:role\/pool-worker\n$/,
    );
  });

  test('updates a launch template by a new version, points its group at it, and touches no instance', () => {
    create();
    const before = cloud.ids('InService', 'pool');
    expect(update(poolTemplate({ image: newImage }))).toMatchObject({ ok: true });
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_IN_PROGRESS');
    cloud.pass(100);
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_COMPLETE');
    expect(versions()).toBe(2);
    expect(cloud.group('pool').LaunchTemplate.Version).toBe('2');
    expect(cloud.ids('InService', 'pool')).toEqual(before);
    expect(
      cloud.group('pool').Instances.map((each: { LaunchTemplate: { Version: string } }) => each.LaunchTemplate.Version),
    ).toEqual(['1', '1']);
    expect(
      cloud.model
        .truth()
        .groups()[0]
        ?.members.map((member) => member.outdated),
    ).toEqual([true, true]);
    expect(events().filter((event) => event.endsWith('UPDATE_IN_PROGRESS'))).toEqual([
      'pool UPDATE_IN_PROGRESS',
      'LaunchTemplate UPDATE_IN_PROGRESS',
      'Group UPDATE_IN_PROGRESS',
    ]);
  });

  test('keeps desired capacity and foreign tags in an update, but sets its limits again', () => {
    create();
    cloud.call('autoscaling', 'UpdateAutoScalingGroup', {
      AutoScalingGroupName: 'pool',
      MinSize: 0,
      MaxSize: 12,
      DesiredCapacity: 5,
    });
    cloud.call('autoscaling', 'CreateOrUpdateTags', {
      Tags: [
        {
          ResourceId: 'pool',
          ResourceType: 'auto-scaling-group',
          Key: 'clm/roll-id',
          Value: 'x',
          PropagateAtLaunch: false,
        },
      ],
    });
    update(poolTemplate({ image: newImage }));
    cloud.pass(100);
    expect(cloud.group('pool')).toMatchObject({ MinSize: 2, MaxSize: 10, DesiredCapacity: 5 });
    expect(cloud.group('pool').Tags.map((tag: { Key: string }) => tag.Key)).toContain('clm/roll-id');
  });

  test('takes desired down with a MaxSize that it lowers', () => {
    create();
    cloud.call('autoscaling', 'SetDesiredCapacity', { AutoScalingGroupName: 'pool', DesiredCapacity: 5 });
    cloud.pass(60);
    update(poolTemplate({ image: oldImage, max: 3 }));
    cloud.pass(100);
    expect(cloud.group('pool').DesiredCapacity).toBe(3);
    const events = cloud.events.filter((event) => event.kind === 'group-changed').at(-1);
    expect(events).toMatchObject({ by: 'CloudFormation', before: { desired: 5 }, after: { desired: 3 } });
  });

  test('refuses an update that changes nothing, and one that comes while another runs', () => {
    create();
    expect(update(poolTemplate({ image: oldImage }))).toMatchObject({
      ok: false,
      code: 'ValidationError',
      message: 'No updates are to be performed.',
    });
    expect(update(`# a comment changes nothing\n${poolTemplate({ image: oldImage })}`)).toMatchObject({
      ok: false,
      message: 'No updates are to be performed.',
    });
    update(poolTemplate({ image: newImage }));
    expect(update(poolTemplate({ image: oldImage }))).toMatchObject({
      ok: false,
      message: expect.stringMatching(/is in UPDATE_IN_PROGRESS state and can not be updated/),
    });
  });

  test('treats the same request under the same token as one, and another request under it as an error', () => {
    const template = poolTemplate({ image: oldImage });
    const ask = (more: object = {}) =>
      cloud.reply('cloudformation', 'CreateStack', {
        StackName: 'pool',
        TemplateBody: template,
        Capabilities,
        ClientRequestToken: 't1',
        ...more,
      });
    const first = ask();
    expect(ask()).toEqual(first);
    expect(ask({ Tags: [{ Key: 'a', Value: 'b' }] })).toMatchObject({ ok: false, code: 'TokenAlreadyExistsException' });
    expect(ask({ ClientRequestToken: 't2' })).toMatchObject({ ok: false, code: 'AlreadyExistsException' });
    cloud.pass(200);
    const again = { ClientRequestToken: 'u1' };
    expect(update(poolTemplate({ image: newImage }), again)).toMatchObject({ ok: true });
    expect(update(poolTemplate({ image: newImage }), again)).toMatchObject({ ok: true });
    cloud.pass(100);
    expect(update(poolTemplate({ image: newImage }), again)).toMatchObject({ ok: true });
    expect(versions()).toBe(2);
  });

  test('rolls back a creation that fails, and keeps the reason', () => {
    const bad = poolTemplate({ image: oldImage, extra: '  Extra: {Type: "AWS::Nothing::Known", Properties: {}}' });
    expect(create(bad).StackStatus).toBe('ROLLBACK_COMPLETE');
    const failed = cloud
      .call('cloudformation', 'DescribeStackEvents', { StackName: 'pool' })
      .StackEvents.find((each: { ResourceStatus: string }) => each.ResourceStatus === 'CREATE_FAILED');
    expect(failed).toMatchObject({
      LogicalResourceId: 'Extra',
      ResourceStatusReason: expect.stringContaining('AWS::Nothing::Known'),
    });
    expect(cloud.group('pool')).toBeUndefined();
    expect(update(poolTemplate({ image: newImage }))).toMatchObject({
      ok: false,
      message: expect.stringContaining('ROLLBACK_COMPLETE'),
    });
  });

  test('rolls back an update that fails: the group is back at what it was, by a further template version', () => {
    create();
    const bad = poolTemplate({ image: newImage }).replace('MaxSize: "10"', 'MaxSize: "1"');
    update(bad);
    cloud.pass(200);
    expect(cloud.stack('pool')).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE' });
    expect(events()).toContain('Group UPDATE_FAILED');
    expect(versions()).toBe(3);
    expect(cloud.group('pool')).toMatchObject({ MaxSize: 10, LaunchTemplate: { Version: '3' } });
    const template = cloud.call('ec2', 'DescribeLaunchTemplateVersions', {
      LaunchTemplateId: resource('LaunchTemplate'),
      Versions: ['3'],
    });
    expect(template.LaunchTemplateVersions[0].LaunchTemplateData.ImageId).toBe(oldImage);
    expect(cloud.call('cloudformation', 'GetTemplate', { StackName: 'pool' }).TemplateBody).toBe(
      poolTemplate({ image: oldImage }),
    );
    expect(update(poolTemplate({ image: oldImage }))).toMatchObject({ message: 'No updates are to be performed.' });
    expect(update(poolTemplate({ image: newImage }))).toMatchObject({ ok: true });
  });

  test('can be stuck in UPDATE_ROLLBACK_FAILED and be taken out of it', () => {
    create();
    cloud.model.faults.addStack({ stack: 'pool', logicalId: 'Group', phase: 'update' });
    cloud.model.faults.addStack({
      stack: 'pool',
      logicalId: 'LaunchTemplate',
      phase: 'rollback',
      times: 1,
      reason: 'no',
    });
    update(poolTemplate({ image: newImage }));
    cloud.pass(200);
    expect(cloud.stack('pool')).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_FAILED' });
    cloud.model.faults.clear();
    expect(update(poolTemplate({ image: newImage })).ok).toBe(false);
    cloud.call('cloudformation', 'ContinueUpdateRollback', { StackName: 'pool' });
    cloud.pass(200);
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
  });

  test('deletes resources that its new template no longer has, after the update is complete', () => {
    create(
      poolTemplate({
        image: oldImage,
        extra: '  Disk: {Type: "AWS::EC2::Volume", Properties: {Size: 10, AvailabilityZone: eu-central-1a}}',
      }),
    );
    expect(cloud.call('ec2', 'DescribeVolumes').Volumes).toHaveLength(1);
    update(poolTemplate({ image: oldImage }));
    cloud.pass(100);
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_COMPLETE');
    expect(cloud.call('ec2', 'DescribeVolumes').Volumes).toEqual([]);
    expect(events().slice(-4)).toEqual([
      'pool UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
      'Disk DELETE_IN_PROGRESS',
      'Disk DELETE_COMPLETE',
      'pool UPDATE_COMPLETE',
    ]);
  });

  test('keeps what its template says to retain', () => {
    create(
      poolTemplate({
        image: oldImage,
        extra:
          '  Disk: {Type: "AWS::EC2::Volume", DeletionPolicy: Retain, Properties: {Size: 10, AvailabilityZone: eu-central-1a}}',
      }),
    );
    cloud.call('cloudformation', 'DeleteStack', { StackName: 'pool' });
    cloud.pass(400);
    expect(cloud.call('ec2', 'DescribeVolumes').Volumes).toHaveLength(1);
  });

  test('replaces a resource whose new property cannot be updated, then deletes the old one', () => {
    const disk = (zone: string) =>
      poolTemplate({
        image: oldImage,
        extra: `  Disk: {Type: "AWS::EC2::Volume", Properties: {AvailabilityZone: ${zone}}}`,
      });
    create(disk('eu-central-1a'));
    const before = resource('Disk');
    update(disk('eu-central-1b'));
    cloud.pass(100);
    expect(resource('Disk')).not.toBe(before);
    expect(cloud.call('ec2', 'DescribeVolumes').Volumes).toMatchObject([{ AvailabilityZone: 'eu-central-1b' }]);
  });

  test('waits in its deletion until the instances of its group are gone', () => {
    create();
    cloud.call('cloudformation', 'DeleteStack', { StackName: 'pool' });
    cloud.pass(30);
    expect(cloud.stack('pool').StackStatus).toBe('DELETE_IN_PROGRESS');
    cloud.pass(400);
    expect(cloud.codeOf('cloudformation', 'DescribeStacks', { StackName: 'pool' })).toBe('ValidationError');
    expect(cloud.running.size).toBe(0);
    const { StackSummaries } = cloud.call('cloudformation', 'ListStacks', {});
    expect(StackSummaries).toMatchObject([{ StackName: 'pool', StackStatus: 'DELETE_COMPLETE' }]);
    expect(cloud.codeOf('cloudformation', 'DeleteStack', { StackName: 'pool' })).toBe('ok');
    expect(create().StackStatus).toBe('CREATE_COMPLETE');
  });

  test('is not deleted while it is protected from termination or another stack imports from it', () => {
    create(undefined, { EnableTerminationProtection: true });
    expect(cloud.codeOf('cloudformation', 'DeleteStack', { StackName: 'pool' })).toBe('ValidationError');
    cloud.call('cloudformation', 'UpdateTerminationProtection', {
      StackName: 'pool',
      EnableTerminationProtection: false,
    });
    cloud.createStack('importer', {
      Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: { 'Fn::ImportValue': 'pool:group' } } } },
    });
    cloud.pass(100);
    expect(cloud.stack('importer').StackStatus).toBe('CREATE_COMPLETE');
    cloud.call('cloudformation', 'DeleteStack', { StackName: 'pool' });
    cloud.pass(100);
    const reason = 'Export pool:group cannot be deleted as it is in use by importer';
    expect(cloud.stack('pool')).toMatchObject({ StackStatus: 'CREATE_COMPLETE', StackStatusReason: reason });
    const unexported = poolTemplate({ image: oldImage }).replace(/\n {4}Export: .*/, '');
    update(unexported);
    cloud.pass(200);
    expect(cloud.stack('pool')).toMatchObject({ StackStatus: 'UPDATE_ROLLBACK_COMPLETE' });
    cloud.call('cloudformation', 'DeleteStack', { StackName: 'importer' });
    cloud.pass(100);
    cloud.call('cloudformation', 'DeleteStack', { StackName: 'pool' });
    expect(cloud.stack('pool').StackStatus).toBe('DELETE_IN_PROGRESS');
  });

  test('hides values of parameters that are not to be echoed', () => {
    create(
      poolTemplate({ image: oldImage }).replace(
        'Prefix: {Type: String, Default: workers}',
        'Prefix: {Type: String, Default: workers, NoEcho: true}',
      ),
    );
    const parameters = cloud.stack('pool').Parameters as { ParameterKey: string; ParameterValue: string }[];
    expect(parameters.find((each) => each.ParameterKey === 'Prefix')?.ParameterValue).toBe('****');
  });

  test('can be changed by a change set that first says what it would do', () => {
    create();
    const changeSet = { StackName: 'pool', ChangeSetName: 'next' };
    cloud.call('cloudformation', 'CreateChangeSet', {
      ...changeSet,
      TemplateBody: poolTemplate({ image: newImage }),
      Capabilities,
    });
    expect(cloud.call('cloudformation', 'DescribeChangeSet', changeSet).Status).toBe('CREATE_IN_PROGRESS');
    expect(cloud.codeOf('cloudformation', 'ExecuteChangeSet', changeSet)).toBe('InvalidChangeSetStatus');
    cloud.pass(10);
    const described = cloud.call('cloudformation', 'DescribeChangeSet', changeSet);
    expect(
      described.Changes.map(
        (each: { ResourceChange: { LogicalResourceId: string } }) => each.ResourceChange.LogicalResourceId,
      ),
    ).toEqual(['LaunchTemplate', 'Group']);
    expect(cloud.stack('pool').StackStatus).toBe('CREATE_COMPLETE');
    cloud.call('cloudformation', 'ExecuteChangeSet', changeSet);
    cloud.pass(100);
    expect(cloud.stack('pool').StackStatus).toBe('UPDATE_COMPLETE');
    expect(versions()).toBe(2);
  });

  test('gets a failed change set when nothing would change', () => {
    create();
    const changeSet = { StackName: 'pool', ChangeSetName: 'same' };
    cloud.call('cloudformation', 'CreateChangeSet', {
      ...changeSet,
      TemplateBody: poolTemplate({ image: oldImage }),
      Capabilities,
    });
    cloud.pass(10);
    expect(cloud.call('cloudformation', 'DescribeChangeSet', changeSet)).toMatchObject({
      Status: 'FAILED',
      StatusReason: expect.stringContaining("didn't contain changes"),
    });
    cloud.call('cloudformation', 'DeleteChangeSet', changeSet);
    expect(cloud.codeOf('cloudformation', 'DescribeChangeSet', changeSet)).toBe('ChangeSetNotFound');
  });

  test('whose group asks for a rolling update replaces instances undrained, as the service would', () => {
    const rolling = (image: string) =>
      poolTemplate({ image }).replace(
        '  Group:\n    Type: AWS::AutoScaling::AutoScalingGroup',
        '  Group:\n    Type: AWS::AutoScaling::AutoScalingGroup\n    UpdatePolicy: {AutoScalingRollingUpdate: {MaxBatchSize: "1"}}',
      );
    create(rolling(oldImage));
    const before = cloud.ids('InService', 'pool');
    update(rolling(newImage));
    cloud.pass(1500);
    expect(cloud.ids('InService', 'pool')).toHaveLength(2);
    expect(cloud.ids('InService', 'pool').filter((id) => before.includes(id))).toEqual([]);
  });
});

describe('a template that is wrong', () => {
  const cloud = new SimulatedCloud();
  const refusal = (TemplateBody: string, more: object = {}): string => {
    const reply = cloud.reply('cloudformation', 'CreateStack', { StackName: 'wrong', TemplateBody, ...more });
    return reply.ok ? 'accepted' : `${reply.code}: ${reply.message}`;
  };
  const queue = (properties: object, more: object = {}) =>
    JSON.stringify({ Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: properties } }, ...more });

  test.each([
    ['no template', '', /Either Template URL or Template Body|Template format error/],
    ['broken JSON', '{"Resources": ', /JSON not well-formed/],
    ['broken YAML', 'Resources:\n  - a: [', /YAML not well-formed/],
    ['no resources', '{"Resources": {}}', /At least one Resources member must be defined/],
    ['a resource without type', '{"Resources": {"A": {}}}', /must contain a Type member/],
    [
      'an unknown section',
      '{"Resources": {"A": {"Type": "AWS::SQS::Queue"}}, "Foo": 1}',
      /Invalid template property or properties \[Foo\]/,
    ],
    ['a dangling reference', queue({ QueueName: { Ref: 'Nobody' } }), /Unresolved resource dependencies \[Nobody\]/],
    ['a circle', queue({ QueueName: { 'Fn::GetAtt': ['Queue', 'Arn'] } }), /Circular dependency/],
    ['a type of no provider', '{"Resources": {"A": {"Type": "Foo"}}}', /Unrecognized resource types: \[Foo\]/],
    ['a missing parameter', queue({}, { Parameters: { A: { Type: 'String' } } }), /Parameters: \[A\] must have values/],
    [
      'a YAML alias in a short form',
      'Resources:\n  A: {Type: "AWS::SQS::Queue", Properties: {QueueName: &n a}}\n  B: {Type: "AWS::SQS::Queue", Properties: {QueueName: !Join ["", [*n, b]]}}',
      /YAML aliases are not allowed/,
    ],
    [
      'a YAML alias',
      'Resources:\n  A: {Type: "AWS::SQS::Queue", Properties: &p {QueueName: a}}\n  B: {Type: "AWS::SQS::Queue", Properties: *p}',
      /YAML aliases are not allowed/,
    ],
    [
      'IAM resources without capabilities',
      '{"Resources": {"A": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "a"}}}}',
      /InsufficientCapabilitiesException: Requires capabilities : \[CAPABILITY_NAMED_IAM\]/,
    ],
    [
      'a body over 51,200 bytes',
      JSON.stringify({ Description: 'x'.repeat(52_000), Resources: { A: { Type: 'AWS::SQS::Queue' } } }),
      /less than or equal to 51200/,
    ],
  ])('with %s is refused at once', (_what, body, expected) => {
    expect(refusal(body)).toMatch(expected);
    expect(cloud.codeOf('cloudformation', 'DescribeStacks', { StackName: 'wrong' })).toBe('ValidationError');
  });

  test('with a key that is given twice is taken, and the last one counts', () => {
    const body = 'Resources:\n  A:\n    Type: AWS::SNS::Topic\n    Type: AWS::SQS::Queue\n';
    expect(refusal(body, { StackName: 'twice' })).toBe('accepted');
    const [resource] = cloud.call('cloudformation', 'DescribeStackResources', { StackName: 'twice' })[
      'StackResources'
    ] as object[];
    expect(resource).toMatchObject({ ResourceType: 'AWS::SQS::Queue' });
  });

  test('with a parameter that does not exist is refused', () => {
    const Parameters = [{ ParameterKey: 'Other', ParameterValue: '1' }];
    expect(refusal(queue({}), { Parameters })).toMatch(/Parameters: \[Other\] do not exist in the template/);
  });
});
