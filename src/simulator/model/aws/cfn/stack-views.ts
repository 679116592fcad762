/** CloudFormation's describes and lists. */

import { AwsError, type Params, page } from '../aws-request.ts';
import type { ActionTable, Call } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { tagList } from '../resources.ts';
import { driftInformation } from './drift-actions.ts';
import { findStack } from './find-stack.ts';
import type { Stack, StackResource } from './stack.ts';
import { noSuchStack } from './stack-actions.ts';

const badToken = (): AwsError => new AwsError('ValidationError', 'The NextToken value is not valid.');

function paged(params: Params, key: string, all: Record<string, unknown>[], size = 100): Record<string, unknown> {
  const { items, next } = page(all, { size, token: params.text('NextToken'), badToken });
  return { [key]: items, ...(next === undefined ? {} : { NextToken: next }) };
}

function anyStack(state: RegionState, nameOrId: string): Stack {
  const stack = findStack(state, nameOrId);
  if (stack) return stack;
  throw noSuchStack(nameOrId);
}

export function stackView(stack: Stack, now: number): Record<string, unknown> {
  const { template, parameters, tags, capabilities } = stack.definition;
  return {
    StackId: stack.id,
    StackName: stack.name,
    ...(template.description === undefined ? {} : { Description: template.description }),
    Parameters: [...template.parameters].map(([ParameterKey, declaration]) => ({
      ParameterKey,
      ParameterValue: declaration.noEcho ? '****' : (parameters.get(ParameterKey) ?? declaration.defaultValue ?? ''),
    })),
    CreationTime: new Date(stack.createdAt),
    ...(stack.updatedAt === undefined ? {} : { LastUpdatedTime: new Date(stack.updatedAt) }),
    ...(stack.deletedAt === undefined ? {} : { DeletionTime: new Date(stack.deletedAt) }),
    RollbackConfiguration: {},
    StackStatus: stack.status,
    ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
    DisableRollback: stack.disableRollback,
    NotificationARNs: [],
    ...(stack.timeoutMinutes === undefined ? {} : { TimeoutInMinutes: stack.timeoutMinutes }),
    Capabilities: capabilities,
    Outputs: stack.outputs.map((output) => ({
      OutputKey: output.key,
      OutputValue: output.value,
      ...(output.description === undefined ? {} : { Description: output.description }),
      ...(output.exportName === undefined ? {} : { ExportName: output.exportName }),
    })),
    ...(stack.roleArn === undefined ? {} : { RoleARN: stack.roleArn }),
    ...(stack.changeSetId === undefined ? {} : { ChangeSetId: stack.changeSetId }),
    Tags: tagList(tags),
    EnableTerminationProtection: stack.terminationProtection,
    DriftInformation: driftInformation(stack, now),
  };
}

function summaryView(stack: Stack, now: number): Record<string, unknown> {
  const view = stackView(stack, now);
  return {
    StackId: view['StackId'],
    StackName: view['StackName'],
    ...(view['Description'] === undefined ? {} : { TemplateDescription: view['Description'] }),
    CreationTime: view['CreationTime'],
    ...(view['LastUpdatedTime'] === undefined ? {} : { LastUpdatedTime: view['LastUpdatedTime'] }),
    ...(view['DeletionTime'] === undefined ? {} : { DeletionTime: view['DeletionTime'] }),
    StackStatus: stack.status,
    ...(stack.statusReason === undefined ? {} : { StackStatusReason: stack.statusReason }),
    DriftInformation: view['DriftInformation'],
  };
}

function resourceView(stack: Stack, resource: StackResource, timestamp: string): Record<string, unknown> {
  return {
    StackName: stack.name,
    StackId: stack.id,
    LogicalResourceId: resource.logicalId,
    PhysicalResourceId: resource.physicalId,
    ResourceType: resource.type,
    [timestamp]: new Date(resource.changedAt),
    ResourceStatus: resource.status,
    ...(resource.reason === undefined ? {} : { ResourceStatusReason: resource.reason }),
    DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
  };
}

function describeStacks({ cloud, params, state }: Call): Record<string, unknown> {
  const now = cloud.now();
  const name = params.text('StackName');
  if (name !== undefined && name !== '') return { Stacks: [stackView(anyStack(state, name), now)] };
  const all = [...state.stackIds.values()].flatMap((id) => state.stacks.get(id) ?? []).reverse();
  const { items, next } = page(all, { size: 100, token: params.text('NextToken'), badToken });
  return { Stacks: items.map((stack) => stackView(stack, now)), ...(next === undefined ? {} : { NextToken: next }) };
}

function describeEvents({ params, state }: Call): Record<string, unknown> {
  const stack = anyStack(state, params.required('StackName'));
  const { items, next } = page([...stack.events].reverse(), { size: 100, token: params.text('NextToken'), badToken });
  return {
    StackEvents: items.map((event) => ({
      StackId: stack.id,
      EventId: event.id,
      StackName: stack.name,
      LogicalResourceId: event.logicalId,
      PhysicalResourceId: event.physicalId,
      ResourceType: event.type,
      Timestamp: new Date(event.at),
      ResourceStatus: event.status,
      ...(event.reason === undefined ? {} : { ResourceStatusReason: event.reason }),
      ...(event.token === undefined ? {} : { ClientRequestToken: event.token }),
    })),
    ...(next === undefined ? {} : { NextToken: next }),
  };
}

function oneResource({ params, state }: Call): Record<string, unknown> {
  const stack = anyStack(state, params.required('StackName'));
  const logicalId = params.required('LogicalResourceId');
  const resource = stack.resources.get(logicalId);
  if (!resource) return params.fail(`Resource ${logicalId} does not exist for stack ${stack.name}`);
  return { StackResourceDetail: { ...resourceView(stack, resource, 'LastUpdatedTimestamp'), Metadata: '{}' } };
}

function describeResources({ params, state }: Call): Record<string, unknown> {
  const name = params.text('StackName');
  const physicalId = params.text('PhysicalResourceId');
  const stack =
    name === undefined
      ? [...state.stacks.values()].find((each) =>
          [...each.resources.values()].some((resource) => resource.physicalId === physicalId),
        )
      : anyStack(state, name);
  if (!stack) return params.fail(`Stack for ${physicalId ?? ''} does not exist`);
  const logicalId = params.text('LogicalResourceId');
  const wanted = [...stack.resources.values()].filter(
    (resource) => logicalId === undefined || resource.logicalId === logicalId,
  );
  return { StackResources: wanted.map((resource) => resourceView(stack, resource, 'Timestamp')) };
}

function listStacks({ cloud, params, state }: Call): Record<string, unknown> {
  const wanted = new Set(params.texts('StackStatusFilter'));
  const all = [...state.stacks.values()].reverse().filter((stack) => wanted.size === 0 || wanted.has(stack.status));
  return paged(
    params,
    'StackSummaries',
    all.map((stack) => summaryView(stack, cloud.now())),
  );
}

export const stackDescribeActions: ActionTable = {
  DescribeStacks: describeStacks,
  DescribeStackEvents: describeEvents,
  DescribeStackResource: oneResource,
  DescribeStackResources: describeResources,
  ListStacks: listStacks,
  ListStackResources: ({ params, state }) => {
    const stack = anyStack(state, params.required('StackName'));
    const views = [...stack.resources.values()].map((resource) => {
      const { StackName: _name, StackId: _id, ...view } = resourceView(stack, resource, 'LastUpdatedTimestamp');
      return view;
    });
    return paged(params, 'StackResourceSummaries', views);
  },
  GetTemplate: ({ params, state }) => {
    const stack = anyStack(state, params.required('StackName'));
    return { TemplateBody: stack.definition.body, StagesAvailable: ['Original', 'Processed'] };
  },
  ListExports: ({ params, state }) => {
    const exports = [...state.stackIds.values()].flatMap((id) => {
      const stack = state.stacks.get(id);
      return (stack?.outputs ?? []).flatMap((output) =>
        output.exportName === undefined ? [] : [{ ExportingStackId: id, Name: output.exportName, Value: output.value }],
      );
    });
    return paged(params, 'Exports', exports);
  },
};
