import { AwsError } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { resolve } from './expressions.ts';
import type { Plan } from './plan.ts';
import { resourceCatalogue } from './resource-catalogue.ts';
import {
  changedProperties,
  type MadeResource,
  type ResourceContext,
  type ResourceType,
  type ResourceWork,
} from './resource-type.ts';
import type { Stack, StackResource } from './stack.ts';
import type { StackJournal } from './stack-journal.ts';
import { type PolicyAction, policyRefusal } from './stack-policy.ts';

export type Verb = 'CREATE' | 'UPDATE' | 'DELETE';

/** One operation on one stack, from its call until the stack is at rest. */
export interface Operation {
  state: RegionState;
  stack: Stack;
  number: number;
  /** Absent when the operation only deletes. */
  plan: Plan | undefined;
  stepMs: number;
  /** What ended up unwanted and goes in the cleanup: replaced and dropped resources, or what a failed update made. */
  cleanup: StackResource[];
  /** What a replacement took the place of, by logical id. */
  replaced: Map<string, StackResource>;
  /** What goes on behind changed resources, by logical id. */
  work: Map<string, (work: ResourceWork) => void>;
  finished(): void;
  failed(logicalId: string, verb: Verb): void;
}

export type StepResult = 'unchanged' | 'CREATE_COMPLETE' | 'UPDATE_COMPLETE' | { failure: string; verb: Verb };

/** What happens to a single resource in an operation. */
export class ResourceSteps {
  readonly #cloud: Cloud;
  readonly #journal: StackJournal;

  constructor(cloud: Cloud, journal: StackJournal) {
    this.#cloud = cloud;
    this.#journal = journal;
  }

  /** Starts what the plan wants of a resource; gives the status that it will have. */
  apply(operation: Operation, plan: Plan, logicalId: string): StepResult {
    const { stack, state } = operation;
    const declaration = plan.scope.template.resources.get(logicalId);
    if (!declaration) return 'unchanged';
    const current = stack.resources.get(logicalId);
    const verb: Verb = current === undefined ? 'CREATE' : 'UPDATE';
    try {
      const properties = (resolve(declaration.properties, plan.scope) ?? {}) as Record<string, unknown>;
      const digest = JSON.stringify([declaration.type, properties, declaration.metadata]);
      if (current) current.deletionPolicy = declaration.deletionPolicy;
      if (current?.digest === digest) return 'unchanged';
      this.#injectFault(operation, logicalId, verb);
      const handler = this.#handler(declaration.type);
      const context = this.#context(operation, logicalId);
      if (current !== undefined)
        this.#obeyPolicy(stack, current, replaces(handler, declaration.type, properties, current));
      if (current !== undefined && current.type === declaration.type) {
        this.#journal.mark(state, stack, current, 'UPDATE_IN_PROGRESS');
        const made = handler.update(context, properties, current);
        if (made !== 'replace') {
          const { physicalId, attributes, work } = made;
          Object.assign(current, { physicalId, attributes, applied: properties, digest });
          if (work) operation.work.set(logicalId, work);
          return 'UPDATE_COMPLETE';
        }
        const why = 'Requested update requires the creation of a new physical resource; hence creating one.';
        this.#journal.mark(state, stack, current, 'UPDATE_IN_PROGRESS', why);
      }
      if (current !== undefined) operation.replaced.set(logicalId, { ...current });
      const { work, ...made } = handler.create(context, properties);
      this.#keep(operation, plan, logicalId, made, properties, digest);
      if (work) operation.work.set(logicalId, work);
      return current === undefined ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE';
    } catch (error) {
      return { failure: failureText(logicalId, error), verb };
    }
  }

  #keep(
    operation: Operation,
    plan: Plan,
    logicalId: string,
    made: MadeResource,
    applied: Record<string, unknown>,
    digest: string,
  ): void {
    const declaration = plan.scope.template.resources.get(logicalId);
    const resource: StackResource = {
      logicalId,
      type: declaration?.type ?? '',
      ...made,
      applied,
      digest,
      status: '',
      changedAt: this.#cloud.now(),
      deletionPolicy: declaration?.deletionPolicy ?? 'Delete',
    };
    operation.stack.resources.set(logicalId, resource);
    const status = operation.replaced.has(logicalId) ? 'UPDATE_IN_PROGRESS' : 'CREATE_IN_PROGRESS';
    this.#journal.mark(operation.state, operation.stack, resource, status, 'Resource creation Initiated');
  }

  /** Starts the deletion; the reason when it is refused. */
  remove(operation: Operation, resource: StackResource, done: () => void): string | undefined {
    try {
      this.#injectFault(operation, resource.logicalId, 'DELETE');
      this.#handler(resource.type).remove(this.#context(operation, resource.logicalId), resource, done);
      return undefined;
    } catch (error) {
      return failureText(resource.logicalId, error);
    }
  }

  #context(operation: Operation, logicalId: string): ResourceContext {
    const { state, stack, plan } = operation;
    const declared = plan?.scope.template.resources.get(logicalId)?.updatePolicy;
    const resolved = plan && resolve(declared ?? {}, plan.scope);
    const updatePolicy = (resolved ?? {}) as Record<string, unknown>;
    return { cloud: this.#cloud, state, stack, logicalId, updatePolicy };
  }

  #handler(type: string): ResourceType {
    const handler = resourceCatalogue.get(type);
    if (handler) return handler;
    throw new AwsError('ValidationError', `Template format error: Unrecognized resource types: [${type}]`);
  }

  /** Only updates are bound by the policy; what takes one back is not. @throws AwsError */
  #obeyPolicy(stack: Stack, current: StackResource, replaced: boolean): void {
    const refusal = this.policyRefusal(stack, replaced ? 'Update:Replace' : 'Update:Modify', current);
    if (refusal !== undefined) throw new AwsError('ValidationError', refusal);
  }

  policyRefusal(stack: Stack, action: PolicyAction, resource: StackResource): string | undefined {
    const policy = stack.policyDuringUpdate ?? stack.policyBody;
    if (stack.status !== 'UPDATE_IN_PROGRESS' || policy === undefined) return undefined;
    return policyRefusal(policy, action, resource);
  }

  #injectFault(operation: Operation, logicalId: string, verb: Verb): void {
    const rollback = operation.stack.status.includes('ROLLBACK');
    const phase = rollback ? 'rollback' : (verb.toLowerCase() as 'create' | 'update' | 'delete');
    const reason = this.#cloud.faults.stackFault(operation.state, operation.stack.name, logicalId, phase);
    if (reason !== undefined) throw new AwsError('ResourceFault', reason);
  }
}

function replaces(
  handler: ResourceType,
  type: string,
  properties: Record<string, unknown>,
  current: StackResource,
): boolean {
  if (type !== current.type) return true;
  return changedProperties(properties, current).some((name) => handler.replacing?.includes(name));
}

/** Properties of a shape that no handler expects fail their resource, as a schema check would. */
function failureText(logicalId: string, error: unknown): string {
  if (error instanceof AwsError) return error.message;
  const message = error instanceof Error ? error.message : 'unknown';
  return `Properties validation failed for resource ${logicalId} with message: ${message}`;
}
