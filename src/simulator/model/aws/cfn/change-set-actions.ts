/** Change sets: what an update would do, kept until it is done or thrown away. */

import { AwsError } from '../aws-request.ts';
import type { ActionTable, Call } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { tagList } from '../resources.ts';
import { resolve, type Scope } from './expressions.ts';
import { findStack } from './find-stack.ts';
import { planOf } from './plan.ts';
import { resourceCatalogue } from './resource-catalogue.ts';
import type { ResourceType } from './resource-type.ts';
import { type ChangeSet, isUpdatable, type Stack, type StackDefinition } from './stack.ts';
import {
  beginOperation,
  definitionText,
  existingStack,
  fail,
  newStack,
  readDefinition,
  type TemplateFetch,
} from './stack-actions.ts';

const makingMs: [number, number] = [2_000, 6_000];

/** Resolves with what is known before anything runs: attributes of what will change are not. */
function forecastScope(scope: Scope, unknown: ReadonlySet<string>): Scope {
  return {
    ...scope,
    refOf: (logicalId) => scope.refOf(logicalId) ?? `{{${logicalId}}}`,
    attributeOf: (logicalId, attribute) =>
      unknown.has(logicalId) ? `{{${logicalId}.${attribute}}}` : scope.attributeOf(logicalId, attribute),
  };
}

interface ChangeDetail {
  Target: { Attribute: string; Name?: string; RequiresRecreation: string };
  Evaluation: 'Static' | 'Dynamic';
  ChangeSource: string;
  CausingEntity?: string;
}

/** What an update would do to each property; a value that only the update itself will know is dynamic. */
function changeDetails(
  properties: Record<string, unknown>,
  applied: Record<string, unknown>,
  type: ResourceType | undefined,
): ChangeDetail[] {
  const names = [...new Set([...Object.keys(properties), ...Object.keys(applied)])];
  return names.flatMap((name): ChangeDetail[] => {
    const after = JSON.stringify(properties[name]) as string | undefined;
    if (after === JSON.stringify(applied[name])) return [];
    const cause = /\{\{([A-Za-z0-9.]+)\}\}/.exec(after ?? '')?.[1];
    const RequiresRecreation = type?.replacing?.includes(name)
      ? 'Always'
      : type?.mayReplace?.includes(name)
        ? 'Conditionally'
        : 'Never';
    const target = name === 'Tags' ? { Attribute: 'Tags' } : { Attribute: 'Properties', Name: name };
    return [
      {
        Target: { ...target, RequiresRecreation },
        Evaluation: cause === undefined ? 'Static' : 'Dynamic',
        ChangeSource:
          cause === undefined ? 'DirectModification' : cause.includes('.') ? 'ResourceAttribute' : 'ResourceReference',
        ...(cause === undefined ? {} : { CausingEntity: cause }),
      },
    ];
  });
}

/** True when a change is certain to need a new resource, Conditional when it depends on values not yet known. */
function replacementOf(details: readonly ChangeDetail[], otherType: boolean): 'True' | 'Conditional' | 'False' {
  const needs = (kind: string, evaluation?: string): boolean =>
    details.some(
      (each) => each.Target.RequiresRecreation === kind && (evaluation === undefined || each.Evaluation === evaluation),
    );
  if (otherType || needs('Always', 'Static')) return 'True';
  return needs('Always') || needs('Conditionally') ? 'Conditional' : 'False';
}

function changesOf(state: RegionState, stack: Stack, definition: StackDefinition): Record<string, unknown>[] {
  const plan = planOf(state, stack, definition, stack.resources);
  const changed = new Set<string>();
  const changes: Record<string, unknown>[] = [];
  const add = (
    Action: string,
    LogicalResourceId: string,
    ResourceType: string,
    more: Record<string, unknown>,
  ): void => {
    changes.push({ Type: 'Resource', ResourceChange: { Action, LogicalResourceId, ResourceType, ...more } });
  };
  for (const logicalId of plan.order) {
    const declaration = definition.template.resources.get(logicalId);
    if (!declaration) continue;
    const current = stack.resources.get(logicalId);
    if (!current) {
      changed.add(logicalId);
      add('Add', logicalId, declaration.type, { Scope: [], Details: [] });
      continue;
    }
    const properties = (resolve(declaration.properties, forecastScope(plan.scope, changed)) ?? {}) as Record<
      string,
      unknown
    >;
    if (current.digest === JSON.stringify([declaration.type, properties, declaration.metadata])) continue;
    changed.add(logicalId);
    const type = resourceCatalogue.get(declaration.type);
    const details = changeDetails(properties, current.applied, type);
    add('Modify', logicalId, declaration.type, {
      PhysicalResourceId: current.physicalId,
      Replacement: replacementOf(details, current.type !== declaration.type),
      Scope: [...new Set(details.map((detail) => detail.Target.Attribute))],
      Details: details,
    });
  }
  const wanted = new Set(plan.order);
  for (const resource of stack.resources.values()) {
    if (wanted.has(resource.logicalId)) continue;
    add('Remove', resource.logicalId, resource.type, {
      PhysicalResourceId: resource.physicalId,
      Scope: [],
      Details: [],
    });
  }
  return changes;
}

function createChangeSet(call: Call, fetch: TemplateFetch): Record<string, unknown> {
  const { cloud, params, state } = call;
  const name = params.required('ChangeSetName');
  if (!/^[a-zA-Z][-a-zA-Z0-9]{0,127}$/.test(name)) fail(`Value '${name}' at 'changeSetName' is not valid`);
  const stackName = params.required('StackName');
  const type = params.oneOf('ChangeSetType', ['CREATE', 'UPDATE'] as const) ?? 'UPDATE';
  let stack = findStack(state, stackName);
  if (type === 'UPDATE' && (!stack || stack.status === 'REVIEW_IN_PROGRESS')) {
    fail(`Stack [${stackName}] does not exist`);
  }
  if (type === 'CREATE' && stack && stack.status !== 'REVIEW_IN_PROGRESS') {
    fail(`Stack [${stackName}] already exists and cannot be created again with the changeSet [${name}].`);
  }
  const definition = readDefinition(call, fetch, type === 'UPDATE' ? stack : undefined);
  if (stack?.changeSets.has(name))
    throw new AwsError(
      'AlreadyExistsException',
      `ChangeSet ${name} cannot be created due to a mismatch with existing attribute Name`,
    );
  if (!stack) {
    stack = newStack(call, stackName, definition);
    state.stacks.set(stack.id, stack);
    state.stackIds.set(stackName, stack.id);
    cloud.stacks.setStatus(state, stack, 'REVIEW_IN_PROGRESS', 'User Initiated');
  }
  const token = params.text('ClientToken');
  const description = params.text('Description');
  const changeSet: ChangeSet = {
    id: state.arn('cloudformation', `changeSet/${name}/${state.uuid()}`),
    name,
    type,
    status: 'CREATE_IN_PROGRESS',
    executionStatus: 'UNAVAILABLE',
    definition,
    createdAt: cloud.now(),
    changes: [],
    ...(token === undefined ? {} : { token }),
    ...(description === undefined ? {} : { description }),
  };
  stack.changeSets.set(name, changeSet);
  const target = stack;
  cloud.clock.at(cloud.now() + cloud.draw(state, makingMs), () => makeChangeSet(state, target, changeSet));
  return { Id: changeSet.id, StackId: stack.id };
}

function makeChangeSet(state: RegionState, stack: Stack, changeSet: ChangeSet): void {
  try {
    changeSet.changes = changesOf(state, stack, changeSet.definition);
    const unknown = [...changeSet.definition.template.resources.values()].find(
      ({ type }) => !resourceCatalogue.has(type),
    );
    if (unknown)
      throw new AwsError('ValidationError', `Template format error: Unrecognized resource types: [${unknown.type}]`);
    if (changeSet.type === 'UPDATE' && definitionText(changeSet.definition) === definitionText(stack.definition)) {
      throw new AwsError(
        'ValidationError',
        "The submitted information didn't contain changes. Submit different information to create a change set.",
      );
    }
    changeSet.status = 'CREATE_COMPLETE';
    changeSet.executionStatus = 'AVAILABLE';
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    changeSet.status = 'FAILED';
    changeSet.reason = error.message;
  }
}

function located(call: Call): { stack: Stack; changeSet: ChangeSet } | undefined {
  const { params, state } = call;
  const name = params.required('ChangeSetName');
  const stackName = params.text('StackName');
  const stacks = stackName === undefined ? [...state.stacks.values()] : [existingStack(state, stackName)];
  for (const stack of stacks) {
    for (const changeSet of stack.changeSets.values()) {
      if (changeSet.id === name || (stackName !== undefined && changeSet.name === name)) return { stack, changeSet };
    }
  }
  return undefined;
}

function required(call: Call): { stack: Stack; changeSet: ChangeSet } {
  const found = located(call);
  if (found) return found;
  throw new AwsError('ChangeSetNotFound', `ChangeSet [${call.params.required('ChangeSetName')}] does not exist`, 404);
}

function summary(stack: Stack, changeSet: ChangeSet): Record<string, unknown> {
  return {
    ChangeSetId: changeSet.id,
    ChangeSetName: changeSet.name,
    StackId: stack.id,
    StackName: stack.name,
    ...(changeSet.description === undefined ? {} : { Description: changeSet.description }),
    CreationTime: new Date(changeSet.createdAt),
    ExecutionStatus: changeSet.executionStatus,
    Status: changeSet.status,
    ...(changeSet.reason === undefined ? {} : { StatusReason: changeSet.reason }),
  };
}

function execute(call: Call): Record<string, unknown> {
  const { cloud, state } = call;
  const { stack, changeSet } = required(call);
  if (changeSet.executionStatus !== 'AVAILABLE') {
    throw new AwsError(
      'InvalidChangeSetStatus',
      `ChangeSet [${changeSet.id}] cannot be executed in its current status of [${changeSet.status}]`,
    );
  }
  if (changeSet.type === 'UPDATE' && !isUpdatable(stack.status)) {
    throw new AwsError(
      'InvalidChangeSetStatus',
      `Stack:${stack.id} is in ${stack.status} state and can not be updated.`,
    );
  }
  beginOperation(call, stack);
  stack.changeSetId = changeSet.id;
  changeSet.executionStatus = 'EXECUTE_COMPLETE';
  for (const other of stack.changeSets.values()) if (other !== changeSet) other.executionStatus = 'OBSOLETE';
  stack.changeSets.clear();
  if (changeSet.type === 'CREATE') {
    stack.definition = changeSet.definition;
    cloud.stacks.create(state, stack);
  } else cloud.stacks.update(state, stack, changeSet.definition);
  return {};
}

export function changeSetActions(fetch: TemplateFetch): ActionTable {
  return {
    CreateChangeSet: (call) => createChangeSet(call, fetch),
    DescribeChangeSet: (call) => {
      const { stack, changeSet } = required(call);
      return {
        ...summary(stack, changeSet),
        Parameters: [...changeSet.definition.parameters].map(([ParameterKey, value]) => ({
          ParameterKey,
          ParameterValue: changeSet.definition.template.parameters.get(ParameterKey)?.noEcho ? '****' : value,
        })),
        Capabilities: changeSet.definition.capabilities,
        Tags: tagList(changeSet.definition.tags),
        Changes: changeSet.changes,
      };
    },
    ExecuteChangeSet: execute,
    DeleteChangeSet: (call) => {
      const found = located(call);
      found?.stack.changeSets.delete(found.changeSet.name);
      return {};
    },
    ListChangeSets: (call) => {
      const stack = existingStack(call.state, call.params.required('StackName'));
      return { Summaries: [...stack.changeSets.values()].map((changeSet) => summary(stack, changeSet)) };
    },
  };
}
