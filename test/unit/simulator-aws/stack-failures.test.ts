import { beforeEach, describe, expect, test } from 'vitest';
import { region, SimulatedCloud } from './simulated-cloud.ts';

let cloud: SimulatedCloud;
beforeEach(() => {
  cloud = new SimulatedCloud();
  cloud.createStack('one', template({ A: 'a1', B: 'a2', C: 'a3' }));
  cloud.pass(120);
});

/** Volumes by logical id, as zone and size: `a1`; each depends on the one before it. */
function template(volumes: Record<string, string>): string {
  const ids = Object.keys(volumes);
  const Resources = Object.fromEntries(
    Object.entries(volumes).map(([id, [letter = '', size = '']], i) => [
      id,
      {
        Type: 'AWS::EC2::Volume',
        Properties: { AvailabilityZone: `${region}${letter}`, Size: size },
        ...(i === 0 ? {} : { DependsOn: ids[i - 1] }),
      },
    ]),
  );
  return JSON.stringify({ Resources });
}

const StackName = 'one';
const cfn = (action: string, params: Record<string, unknown> = {}) =>
  cloud.call('cloudformation', action, { StackName, ...params });
const refusal = (action: string, params: Record<string, unknown> = {}): string => {
  const reply = cloud.reply('cloudformation', action, { StackName, ...params });
  return reply.ok ? 'ok' : `${reply.code}: ${reply.message}`;
};
const volumes = (): string[] =>
  cloud
    .call('ec2', 'DescribeVolumes')
    .Volumes.map((each: { AvailabilityZone: string; Size: number }) => `${each.AvailabilityZone.slice(-1)}${each.Size}`)
    .sort();
const events = (): string[] =>
  cfn('DescribeStackEvents', { StackName: stackId() }).StackEvents.map(
    (each: { LogicalResourceId: string; ResourceStatus: string }) => `${each.LogicalResourceId} ${each.ResourceStatus}`,
  );
let known = '';
const stackId = (): string => known;
const settle = (): { StackStatus: string; StackStatusReason?: string } => {
  const read = () => cfn('DescribeStacks', { StackName: stackId() }).Stacks[0];
  cloud.until(() => !/IN_PROGRESS$/.test(read().StackStatus));
  return read();
};
beforeEach(() => {
  known = cloud.stack(StackName).StackId;
});

describe('a deletion that fails', () => {
  beforeEach(() => {
    cloud.model.faults.addStack({ stack: 'one', logicalId: 'B', phase: 'delete', reason: 'it is in use' });
    cfn('DeleteStack');
  });

  test('leaves DELETE_FAILED and says what could not be deleted; it can be tried again', () => {
    expect(settle()).toMatchObject({
      StackStatus: 'DELETE_FAILED',
      StackStatusReason: expect.stringContaining('failed to delete: [B]'),
    });
    expect(volumes()).toEqual(['a1', 'a2']);
    expect(events()).toContain('B DELETE_FAILED');
    expect(refusal('UpdateStack', { TemplateBody: template({ A: 'a9' }) })).toMatch(/DELETE_FAILED state and can not/);
    cloud.model.faults.clear();
    cfn('DeleteStack');
    expect(settle().StackStatus).toBe('DELETE_COMPLETE');
    expect(volumes()).toEqual([]);
  });

  test('is got over by retaining what cannot be deleted: that stays, and the stack is gone', () => {
    settle();
    expect(refusal('DeleteStack', { RetainResources: ['B', 'Nobody'] })).toMatch(/unassociated resources: \[Nobody\]/);
    cfn('DeleteStack', { RetainResources: ['B'] });
    expect(settle().StackStatus).toBe('DELETE_COMPLETE');
    expect(events()).toContain('B DELETE_SKIPPED');
    expect(volumes()).toEqual(['a2']);
  });
});

test('resources are retained only after a deletion that failed', () => {
  expect(refusal('DeleteStack', { RetainResources: ['B'] })).toMatch(/DELETE_FAILED state/);
  expect(cloud.stack(StackName).StackStatus).toBe('CREATE_COMPLETE');
});

describe('an update whose rollback fails', () => {
  beforeEach(() => {
    const faults = cloud.model.faults;
    faults.addStack({ stack: 'one', logicalId: 'C', phase: 'update' });
    faults.addStack({ stack: 'one', logicalId: 'B', phase: 'rollback', reason: 'stuck' });
    const body = JSON.parse(template({ A: 'a1', B: 'a2', C: 'a3' }));
    for (const id of ['B', 'C']) body.Resources[id].Properties.Tags = [{ Key: 'k', Value: 'v' }];
    cfn('UpdateStack', { TemplateBody: JSON.stringify(body) });
    expect(settle().StackStatus).toBe('UPDATE_ROLLBACK_FAILED');
  });

  test('stays so while the reason lasts, and goes on when it is over', () => {
    cfn('ContinueUpdateRollback');
    expect(settle().StackStatus).toBe('UPDATE_ROLLBACK_FAILED');
    cloud.model.faults.clear();
    cfn('ContinueUpdateRollback');
    expect(settle().StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
    expect(refusal('ContinueUpdateRollback')).toMatch(/UPDATE_ROLLBACK_COMPLETE state and can not continue rollback/);
  });

  test('goes on without what is skipped, which must be what failed', () => {
    expect(refusal('ContinueUpdateRollback', { ResourcesToSkip: ['A', 'B'] })).toMatch(/Resources \[A\] can not/);
    expect(cloud.stack(StackName).StackStatus).toBe('UPDATE_ROLLBACK_FAILED');
    cfn('ContinueUpdateRollback', { ResourcesToSkip: ['B'] });
    expect(settle().StackStatus).toBe('UPDATE_ROLLBACK_COMPLETE');
    const resources = cfn('DescribeStackResources').StackResources as Record<string, string>[];
    expect(resources.find((each) => each['LogicalResourceId'] === 'B')).toMatchObject({
      ResourceStatus: 'UPDATE_COMPLETE',
    });
  });

  test('can be deleted as it is', () => {
    cloud.model.faults.clear();
    cfn('DeleteStack');
    expect(settle().StackStatus).toBe('DELETE_COMPLETE');
  });
});

test('an update is complete though its cleanup cannot delete: that is left behind, out of the stack', () => {
  cloud.model.faults.addStack({ stack: 'one', logicalId: 'C', phase: 'delete', reason: 'it is in use' });
  cfn('UpdateStack', { TemplateBody: template({ A: 'a1', B: 'b2' }) });
  expect(settle()).toMatchObject({
    StackStatus: 'UPDATE_COMPLETE',
    StackStatusReason: 'Update successful. One or more resources could not be deleted.',
  });
  expect(events()).toContain('C DELETE_FAILED');
  expect(volumes()).toEqual(['a1', 'a3', 'b2']);
  const left = cfn('DescribeStackResources').StackResources as Record<string, string>[];
  expect(left.map((each) => each['LogicalResourceId'])).toEqual(['A', 'B']);
});

test('a change set without changes fails, is not executed, and the stack can still be changed', () => {
  const changeSet = { ChangeSetName: 'same' };
  cfn('CreateChangeSet', { ...changeSet, TemplateBody: template({ A: 'a1', B: 'a2', C: 'a3' }) });
  cloud.pass(10);
  expect(cfn('DescribeChangeSet', changeSet)).toMatchObject({
    Status: 'FAILED',
    ExecutionStatus: 'UNAVAILABLE',
    StatusReason:
      "The submitted information didn't contain changes. Submit different information to create a change set.",
  });
  expect(refusal('ExecuteChangeSet', changeSet)).toMatch(/^InvalidChangeSetStatus: /);
  expect(cloud.stack(StackName).StackStatus).toBe('CREATE_COMPLETE');
  cfn('UpdateStack', { TemplateBody: template({ A: 'a1', B: 'a2' }) });
  expect(settle().StackStatus).toBe('UPDATE_COMPLETE');
});
