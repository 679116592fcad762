import { AwsError } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import { clusterOfTags, type RegionState } from '../region-state.ts';
import { resolve } from './expressions.ts';
import { importersOf, outputsOf, type Plan, planOf } from './plan.ts';
import { resourceCatalogue } from './resource-catalogue.ts';
import type { ResourceContext, ResourceType } from './resource-type.ts';
import { pushEvent, type Stack, type StackDefinition, type StackResource } from './stack.ts';

type Verb = 'CREATE' | 'UPDATE' | 'DELETE';

/** One operation on one stack, from its call until the stack is at rest. */
interface Operation {
  state: RegionState;
  stack: Stack;
  number: number;
  plan: Plan;
  stepMs: number;
  /** What ended up unwanted and goes in the cleanup: replaced and dropped resources, or what a failed update made. */
  cleanup: StackResource[];
  /** Made by this operation. */
  made: string[];
  /** What a replacement took the place of, by logical id. */
  replaced: Map<string, StackResource>;
  finished(): void;
  failed(logicalId: string, verb: Verb): void;
}

/** Runs stack operations: one resource after the other, each a while, and back again when one fails. */
export class StackRunner {
  readonly #cloud: Cloud;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  create(state: RegionState, stack: Stack): void {
    const plan = planOf(state, stack, stack.definition, stack.resources);
    this.setStatus(state, stack, 'CREATE_IN_PROGRESS', 'User Initiated');
    const operation = this.#operation(state, stack, plan, plan.order.length + 1);
    operation.finished = () => {
      if (this.#setOutputs(operation)) this.setStatus(state, stack, 'CREATE_COMPLETE');
      else operation.failed('', 'CREATE');
    };
    operation.failed = (logicalId) => this.#rollBackCreation(operation, logicalId);
    this.#apply(operation, 0);
  }

  update(state: RegionState, stack: Stack, definition: StackDefinition): void {
    const previous = stack.definition;
    stack.imports.clear();
    const plan = planOf(state, stack, definition, stack.resources);
    stack.definition = definition;
    stack.updatedAt = this.#cloud.now();
    stack.cancelRequested = false;
    this.setStatus(state, stack, 'UPDATE_IN_PROGRESS', 'User Initiated');
    const operation = this.#operation(state, stack, plan, operationGuess(stack, plan) + 1);
    operation.finished = () => {
      if (!this.#setOutputs(operation)) {
        operation.failed('', 'UPDATE');
        return;
      }
      const wanted = new Set(plan.order);
      const dropped = [...stack.resources.values()].filter((resource) => !wanted.has(resource.logicalId));
      operation.cleanup = [...operation.replaced.values(), ...dropped.reverse()];
      this.setStatus(state, stack, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
      this.#cleanUp(operation, () => this.setStatus(state, stack, 'UPDATE_COMPLETE'));
    };
    operation.failed = (logicalId) => this.#rollBackUpdate(operation, previous, logicalId);
    this.#apply(operation, 0);
  }

  /** Takes a failed rollback up again. */
  continueRollback(state: RegionState, stack: Stack, skip: readonly string[]): void {
    const plan = planOf(state, stack, stack.definition, stack.resources);
    plan.order = plan.order.filter((logicalId) => !skip.includes(logicalId));
    const operation = this.#operation(state, stack, plan, 3);
    this.#rollForwardTo(operation, 'User Initiated');
  }

  /** A stack whose exports are in use falls back to where it was, with the reason: the service accepts the call all the same. */
  delete(state: RegionState, stack: Stack): void {
    stack.cancelRequested = false;
    for (const { exportName } of stack.outputs) {
      const importers = exportName === undefined ? [] : importersOf(state, exportName).filter((name) => name !== stack.name);
      if (importers.length === 0) continue;
      const reason = `Export ${exportName} cannot be deleted as it is in use by ${importers.join(' and ')}`;
      this.setStatus(state, stack, stack.status, reason);
      return;
    }
    this.setStatus(state, stack, 'DELETE_IN_PROGRESS', 'User Initiated');
    this.#deleteAll(state, stack);
  }

  #deleteAll(state: RegionState, stack: Stack): void {
    const operation = this.#operation(state, stack, undefined, stack.resources.size + 1);
    operation.cleanup = [...stack.resources.values()].reverse();
    operation.failed = (logicalId) =>
      this.setStatus(state, stack, 'DELETE_FAILED', `The following resource(s) failed to delete: [${logicalId}]. `);
    this.#cleanUp(operation, () => this.#gone(state, stack));
  }

  #gone(state: RegionState, stack: Stack): void {
    stack.deletedAt = this.#cloud.now();
    stack.outputs = [];
    stack.imports.clear();
    if (state.stackIds.get(stack.name) === stack.id) state.stackIds.delete(stack.name);
    this.setStatus(state, stack, 'DELETE_COMPLETE');
  }

  /** Moves the stack, leaves an event, and tells the world. */
  setStatus(state: RegionState, stack: Stack, status: string, reason?: string): void {
    stack.status = status;
    if (reason === undefined) delete stack.statusReason;
    else stack.statusReason = reason;
    this.#event(stack, state, {
      logicalId: stack.name,
      physicalId: stack.id,
      type: 'AWS::CloudFormation::Stack',
      status,
      reason,
    });
    this.#cloud.emit({
      kind: 'stack-changed',
      cluster:
        clusterOfTags(stack.definition.tags) ??
        this.#cloud.clusterOfStack(state.account, state.region, stack.name) ??
        '',
      stack: stack.name,
      status,
    });
  }

  #event(
    stack: Stack,
    state: RegionState,
    event: { logicalId: string; physicalId: string; type: string; status: string; reason?: string | undefined },
  ): void {
    pushEvent(stack, {
      id: state.uuid(),
      at: this.#cloud.now(),
      logicalId: event.logicalId,
      physicalId: event.physicalId,
      type: event.type,
      status: event.status,
      ...(event.reason === undefined ? {} : { reason: event.reason }),
      ...(stack.token === undefined ? {} : { token: stack.token }),
    });
  }

  #mark(operation: Operation, resource: StackResource, status: string, reason?: string): void {
    resource.status = status;
    if (reason === undefined) delete resource.reason;
    else resource.reason = reason;
    resource.changedAt = this.#cloud.now();
    this.#event(operation.stack, operation.state, { ...resource, reason });
  }

  #operation(state: RegionState, stack: Stack, plan: Plan | undefined, steps: number): Operation {
    stack.operation += 1;
    const total = this.#cloud.draw(state, this.#cloud.timings.stack);
    return {
      state,
      stack,
      number: stack.operation,
      plan: plan ?? { scope: undefined as never, order: [] },
      stepMs: Math.max(200, Math.floor(total / Math.max(1, steps))),
      cleanup: [],
      made: [],
      replaced: new Map(),
      finished: () => undefined,
      failed: () => undefined,
    };
  }

  #after(operation: Operation, act: () => void): void {
    this.#cloud.clock.at(this.#cloud.now() + operation.stepMs, () => {
      if (operation.stack.operation === operation.number) act();
    });
  }

  #context(operation: Operation, logicalId: string): ResourceContext {
    const { state, stack, plan } = operation;
    const updatePolicy = plan.scope?.template.resources.get(logicalId)?.updatePolicy;
    return { cloud: this.#cloud, state, stack, logicalId, updatePolicy };
  }

  #handler(type: string): ResourceType {
    const handler = resourceCatalogue.get(type);
    if (handler) return handler;
    throw new AwsError('ValidationError', `Template format error: Unrecognized resource types: [${type}]`);
  }

  /** Brings the resources of the plan, from `index` on, to what they should be; unchanged ones cost nothing. */
  #apply(operation: Operation, index: number): void {
    const { plan, stack } = operation;
    for (let i = index; i < plan.order.length; i++) {
      if (stack.cancelRequested) {
        stack.cancelRequested = false;
        operation.failed('', 'UPDATE');
        return;
      }
      const logicalId = plan.order[i] as string;
      const started = this.#applyOne(operation, logicalId);
      if (started === 'unchanged') continue;
      if (started === 'failed') return;
      this.#after(operation, () => {
        const resource = stack.resources.get(logicalId);
        if (resource) this.#mark(operation, resource, started);
        this.#apply(operation, i + 1);
      });
      return;
    }
    this.#after(operation, () => operation.finished());
  }

  /** Starts one resource; gives the status that it will have. */
  #applyOne(operation: Operation, logicalId: string): 'unchanged' | 'failed' | 'CREATE_COMPLETE' | 'UPDATE_COMPLETE' {
    const { plan, stack } = operation;
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
      if (current !== undefined && current.type === declaration.type) {
        this.#mark(operation, current, 'UPDATE_IN_PROGRESS');
        const made = handler.update(context, properties, current);
        if (made !== 'replace') {
          Object.assign(current, made, { applied: properties, digest });
          return 'UPDATE_COMPLETE';
        }
        this.#mark(operation, current, 'UPDATE_IN_PROGRESS', 'Requested update requires the creation of a new physical resource; hence creating one.');
        operation.replaced.set(logicalId, { ...current });
      } else if (current !== undefined) operation.replaced.set(logicalId, { ...current });
      this.#createOne(operation, logicalId, handler.create(context, properties), properties, digest);
      return current === undefined ? 'CREATE_COMPLETE' : 'UPDATE_COMPLETE';
    } catch (error) {
      this.#resourceFailed(operation, logicalId, verb, failureText(logicalId, error));
      return 'failed';
    }
  }

  #createOne(
    operation: Operation,
    logicalId: string,
    made: ReturnType<ResourceType['create']>,
    properties: Record<string, unknown>,
    digest: string,
  ): void {
    const declaration = operation.plan.scope.template.resources.get(logicalId);
    const resource: StackResource = {
      logicalId,
      type: declaration?.type ?? '',
      ...made,
      applied: properties,
      digest,
      status: '',
      changedAt: this.#cloud.now(),
      deletionPolicy: declaration?.deletionPolicy ?? 'Delete',
    };
    operation.stack.resources.set(logicalId, resource);
    operation.made.push(logicalId);
    this.#mark(operation, resource, operation.replaced.has(logicalId) ? 'UPDATE_IN_PROGRESS' : 'CREATE_IN_PROGRESS', 'Resource creation Initiated');
  }

  #injectFault(operation: Operation, logicalId: string, verb: Verb): void {
    const phase = operation.stack.status.includes('ROLLBACK') ? 'rollback' : verb.toLowerCase();
    const reason = this.#cloud.faults.stackFault(operation.stack.name, logicalId, phase);
    if (reason !== undefined) throw new AwsError('ResourceFault', reason);
  }

  #resourceFailed(operation: Operation, logicalId: string, verb: Verb, message: string): void {
    const { stack, plan, state } = operation;
    const type = plan.scope?.template.resources.get(logicalId)?.type ?? stack.resources.get(logicalId)?.type ?? '';
    const resource = stack.resources.get(logicalId);
    if (resource) this.#mark(operation, resource, `${verb}_FAILED`, message);
    else this.#event(stack, state, { logicalId, physicalId: '', type, status: `${verb}_FAILED`, reason: message });
    this.#after(operation, () => operation.failed(logicalId, verb));
  }

  #setOutputs(operation: Operation): boolean {
    const { stack, state, plan } = operation;
    try {
      const outputs = outputsOf(plan);
      for (const { exportName } of outputs) {
        if (exportName === undefined) continue;
        for (const id of state.stackIds.values()) {
          const other = state.stacks.get(id);
          if (other && other !== stack && other.outputs.some((output) => output.exportName === exportName)) {
            throw new AwsError('ValidationError', `Export with name ${exportName} is already exported by stack ${other.name}`);
          }
        }
      }
      for (const { exportName, value } of stack.outputs) {
        if (exportName === undefined || outputs.some((each) => each.exportName === exportName && each.value === value)) continue;
        const importers = importersOf(state, exportName);
        if (importers.length === 0) continue;
        const verb = outputs.some((each) => each.exportName === exportName) ? 'updated' : 'deleted';
        throw new AwsError('ValidationError', `Export ${exportName} cannot be ${verb} as it is in use by ${importers.join(' and ')}`);
      }
      stack.outputs = outputs;
      return true;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      this.#event(stack, state, {
        logicalId: stack.name,
        physicalId: stack.id,
        type: 'AWS::CloudFormation::Stack',
        status: stack.status,
        reason: error.message,
      });
      return false;
    }
  }

  #rollBackCreation(operation: Operation, logicalId: string): void {
    const { state, stack } = operation;
    const reason = `The following resource(s) failed to create: [${logicalId}]. `;
    if (stack.disableRollback || stack.onFailure === 'DO_NOTHING') {
      this.setStatus(state, stack, 'CREATE_FAILED', reason);
      return;
    }
    if (stack.onFailure === 'DELETE') {
      this.setStatus(state, stack, 'DELETE_IN_PROGRESS', `${reason}Delete requested by user.`);
      this.#deleteAll(state, stack);
      return;
    }
    this.setStatus(state, stack, 'ROLLBACK_IN_PROGRESS', `${reason}Rollback requested by user.`);
    const undo = this.#operation(state, stack, undefined, stack.resources.size + 1);
    undo.cleanup = [...stack.resources.values()].reverse();
    undo.failed = (failedId) =>
      this.setStatus(state, stack, 'ROLLBACK_FAILED', `The following resource(s) failed to delete: [${failedId}]. `);
    this.#cleanUp(undo, () => this.setStatus(state, stack, 'ROLLBACK_COMPLETE'));
  }

  #rollBackUpdate(operation: Operation, previous: StackDefinition, logicalId: string): void {
    const { state, stack } = operation;
    stack.definition = previous;
    const undo = this.#operation(state, stack, planOf(state, stack, previous, stack.resources), 3);
    for (const [id, resource] of operation.replaced) {
      const newer = stack.resources.get(id);
      if (newer) undo.cleanup.push({ ...newer });
      stack.resources.set(id, resource);
    }
    const reason = logicalId === '' ? 'Update cancelled or its outputs failed.' : `The following resource(s) failed to update: [${logicalId}]. `;
    this.#rollForwardTo(undo, reason);
  }

  #rollForwardTo(operation: Operation, reason: string): void {
    const { state, stack, plan } = operation;
    this.setStatus(state, stack, 'UPDATE_ROLLBACK_IN_PROGRESS', reason);
    operation.failed = (logicalId) =>
      this.setStatus(state, stack, 'UPDATE_ROLLBACK_FAILED', `The following resource(s) failed to update: [${logicalId}]. `);
    operation.finished = () => {
      this.#setOutputs(operation);
      const wanted = new Set(plan.order);
      const surplus = [...stack.resources.values()].filter((resource) => !wanted.has(resource.logicalId));
      operation.cleanup.push(...surplus.reverse());
      this.setStatus(state, stack, 'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS');
      this.#cleanUp(operation, () => this.setStatus(state, stack, 'UPDATE_ROLLBACK_COMPLETE'));
    };
    this.#apply(operation, 0);
  }

  /** Deletes what is in `cleanup`, one after the other. */
  #cleanUp(operation: Operation, done: () => void): void {
    const { state, stack } = operation;
    const resource = operation.cleanup.shift();
    if (resource === undefined) {
      this.#after(operation, done);
      return;
    }
    const stillCurrent = stack.resources.get(resource.logicalId)?.physicalId === resource.physicalId;
    const forget = (status: string): void => {
      this.#mark(operation, resource, status);
      if (stillCurrent) stack.resources.delete(resource.logicalId);
    };
    if (resource.deletionPolicy === 'Retain') {
      forget('DELETE_SKIPPED');
      this.#cleanUp(operation, done);
      return;
    }
    this.#mark(operation, resource, 'DELETE_IN_PROGRESS');
    const context: ResourceContext = { cloud: this.#cloud, state, stack, logicalId: resource.logicalId, updatePolicy: undefined };
    try {
      this.#injectFault(operation, resource.logicalId, 'DELETE');
      this.#handler(resource.type).remove(context, resource, () =>
        this.#after(operation, () => {
          forget('DELETE_COMPLETE');
          this.#cleanUp(operation, done);
        }),
      );
    } catch (error) {
      this.#resourceFailed(operation, resource.logicalId, 'DELETE', failureText(resource.logicalId, error));
    }
  }
}

/** Properties of a shape that no handler expects fail their resource, as a schema check would. */
function failureText(logicalId: string, error: unknown): string {
  if (error instanceof AwsError) return error.message;
  return `Properties validation failed for resource ${logicalId} with message: ${error instanceof Error ? error.message : 'unknown'}`;
}

/** How many resources an update will probably touch; only decides how its time is spread. */
function operationGuess(stack: Stack, plan: Plan): number {
  let changed = 0;
  for (const logicalId of plan.order) {
    const current = stack.resources.get(logicalId);
    if (!current) changed += 1;
  }
  return changed + 2;
}
