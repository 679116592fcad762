import { AwsError } from '../aws-request.ts';
import type { Cloud } from '../cloud.ts';
import type { StacksPart } from '../cloud-parts.ts';
import type { RegionState } from '../region-state.ts';
import { findStack } from './find-stack.ts';
import { importersOf, outputsOf, type Plan, planOf } from './plan.ts';
import { type Operation, ResourceSteps, type Verb } from './resource-steps.ts';
import type { ResourceWork } from './resource-type.ts';
import { type AwaitedSignals, areEnough, signalsOf } from './signals.ts';
import type { Stack, StackDefinition, StackResource } from './stack.ts';
import { StackJournal } from './stack-journal.ts';

const shortestStepMs = 200;

/** Runs stack operations: one resource after the other, each a while, and back again when one fails. */
export class StackRunner implements StacksPart {
  readonly #cloud: Cloud;
  readonly #journal: StackJournal;
  readonly #steps: ResourceSteps;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
    this.#journal = new StackJournal(cloud);
    this.#steps = new ResourceSteps(cloud, this.#journal);
  }

  setStatus(state: RegionState, stack: Stack, status: string, reason?: string): void {
    this.#journal.setStatus(state, stack, status, reason);
  }

  create(state: RegionState, stack: Stack): void {
    const plan = planOf(state, stack, stack.definition, stack.resources);
    this.setStatus(state, stack, 'CREATE_IN_PROGRESS', 'User Initiated');
    const operation = this.#operation(state, stack, plan, plan.order.length + 1);
    operation.finished = () => {
      if (this.#setOutputs(state, stack, plan)) this.setStatus(state, stack, 'CREATE_COMPLETE');
      else operation.failed('', 'CREATE');
    };
    operation.failed = (logicalId) => this.#rollBackCreation(state, stack, logicalId);
    this.#apply(operation, plan, 0);
  }

  update(state: RegionState, stack: Stack, definition: StackDefinition): void {
    const previous = stack.definition;
    stack.imports.clear();
    const plan = planOf(state, stack, definition, stack.resources);
    stack.definition = definition;
    stack.updatedAt = this.#cloud.now();
    stack.cancelRequested = false;
    this.setStatus(state, stack, 'UPDATE_IN_PROGRESS', 'User Initiated');
    const added = plan.order.filter((logicalId) => !stack.resources.has(logicalId)).length;
    const operation = this.#operation(state, stack, plan, added + 3);
    operation.finished = () => {
      if (!this.#setOutputs(state, stack, plan)) {
        operation.failed('', 'UPDATE');
        return;
      }
      const unwanted = dropped(stack, plan);
      for (const resource of unwanted) {
        const refusal = this.#steps.policyRefusal(stack, 'Update:Delete', resource);
        if (refusal === undefined) continue;
        this.#resourceFailed(operation, resource.logicalId, 'DELETE', refusal);
        return;
      }
      operation.cleanup = [...operation.replaced.values(), ...unwanted];
      this.setStatus(state, stack, 'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS');
      this.#cleanUpToTheEnd(operation, 'UPDATE_COMPLETE', 'Update successful');
    };
    operation.failed = (logicalId) => this.#rollBackUpdate(operation, previous, logicalId);
    this.#apply(operation, plan, 0);
  }

  /** Takes a failed rollback up again. */
  continueRollback(state: RegionState, stack: Stack, skip: readonly string[]): void {
    const plan = planOf(state, stack, stack.definition, stack.resources);
    const order = plan.order.filter((logicalId) => !skip.includes(logicalId));
    for (const logicalId of skip) {
      const resource = stack.resources.get(logicalId);
      if (resource) this.#journal.mark(state, stack, resource, 'UPDATE_COMPLETE', 'Resource was skipped');
    }
    const operation = this.#operation(state, stack, plan, 3);
    this.#backTo(operation, plan, order, 'User Initiated');
  }

  /** A stack whose exports are in use falls back to where it was, with the reason: the service accepts the call all the same. */
  delete(state: RegionState, stack: Stack): void {
    stack.cancelRequested = false;
    for (const { exportName } of stack.outputs) {
      if (exportName === undefined) continue;
      const importers = importersOf(state, exportName).filter((name) => name !== stack.name);
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
    operation.failed = (logicalId) => {
      const reason = `The following resource(s) failed to delete: [${logicalId}]. `;
      this.setStatus(state, stack, 'DELETE_FAILED', reason);
    };
    this.#cleanUp(operation, () => this.#gone(state, stack));
  }

  #gone(state: RegionState, stack: Stack): void {
    stack.deletedAt = this.#cloud.now();
    stack.outputs = [];
    stack.imports.clear();
    if (state.stackIds.get(stack.name) === stack.id) state.stackIds.delete(stack.name);
    this.setStatus(state, stack, 'DELETE_COMPLETE');
  }

  #operation(state: RegionState, stack: Stack, plan: Plan | undefined, steps: number): Operation {
    stack.operation += 1;
    const total = this.#cloud.draw(state, this.#cloud.timings.stack);
    return {
      state,
      stack,
      number: stack.operation,
      plan,
      stepMs: Math.max(shortestStepMs, Math.floor(total / Math.max(1, steps))),
      cleanup: [],
      replaced: new Map(),
      work: new Map(),
      finished: () => undefined,
      failed: () => undefined,
    };
  }

  /** Timers of an operation that was overtaken do nothing. */
  #after(operation: Operation, act: () => void): void {
    this.#cloud.clock.at(this.#cloud.now() + operation.stepMs, () => {
      if (operation.stack.operation === operation.number) act();
    });
  }

  /** Brings the resources, from `index` on, to what the plan says; unchanged ones cost nothing. */
  #apply(operation: Operation, plan: Plan, index: number, order = plan.order): void {
    const { stack, state } = operation;
    for (let i = index; i < order.length; i++) {
      if (stack.cancelRequested) {
        stack.cancelRequested = false;
        operation.failed('', 'UPDATE');
        return;
      }
      const logicalId = order[i] as string;
      const before = stack.resources.get(logicalId)?.physicalId;
      const result = this.#steps.apply(operation, plan, logicalId);
      if (result === 'unchanged') continue;
      const isNew = stack.resources.get(logicalId)?.physicalId !== before;
      if (typeof result === 'object') {
        this.#resourceFailed(operation, logicalId, result.verb, result.failure);
        return;
      }
      const goOn = (): void =>
        this.#after(operation, () => {
          const resource = stack.resources.get(logicalId);
          if (resource) this.#journal.mark(state, stack, resource, result);
          this.#apply(operation, plan, i + 1, order);
        });
      this.#awaitRest(operation, plan, logicalId, isNew, goOn);
      return;
    }
    this.#after(operation, () => operation.finished());
  }

  /** What a resource waits for that is made or changed: signals, or work behind it. */
  #awaitRest(operation: Operation, plan: Plan, logicalId: string, isNew: boolean, goOn: () => void): void {
    const work = operation.work.get(logicalId);
    operation.work.delete(logicalId);
    if (work) {
      this.#awaitWork(operation, logicalId, work, goOn);
      return;
    }
    let awaited: AwaitedSignals | undefined;
    try {
      awaited = isNew ? signalsOf(plan, logicalId) : undefined;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      this.#resourceFailed(operation, logicalId, 'CREATE', error.message);
      return;
    }
    if (awaited) this.#awaitSignals(operation, logicalId, awaited, goOn);
    else goOn();
  }

  /** The operation stands still until enough signals came, or the time is up. */
  #awaitSignals(operation: Operation, logicalId: string, awaited: AwaitedSignals, goOn: () => void): void {
    const { stack } = operation;
    const { count, timeoutMs, percent } = awaited;
    const received = new Map<string, boolean>();
    const settle = (failure?: string): void => {
      timer.cancel();
      stack.signalWaits.delete(logicalId);
      if (stack.operation !== operation.number) return;
      if (failure === undefined) goOn();
      else this.#resourceFailed(operation, logicalId, 'CREATE', failure);
    };
    const heard = (): void => {
      const failures = [...received.values()].filter((well) => !well).length;
      if (!areEnough(count - failures, count, percent))
        settle(
          `Received ${failures} FAILURE signal(s) out of ${count}. Unable to satisfy ${percent}% MinSuccessfulInstancesPercent requirement`,
        );
      else if (received.size >= count) settle();
    };
    const timer = this.#cloud.clock.at(this.#cloud.now() + timeoutMs, () => {
      const successes = [...received.values()].filter((well) => well).length;
      if (areEnough(successes, count, percent)) settle();
      else settle(`Failed to receive ${count - received.size} resource signal(s) within the specified duration`);
    });
    stack.signalWaits.set(logicalId, { received, heard, cancel: () => settle('Resource creation cancelled') });
    if (count === 0) settle();
  }

  signal(
    state: RegionState,
    { stack: name, logicalId, uniqueId, well }: Parameters<StacksPart['signal']>[1],
  ): string | undefined {
    const stack = findStack(state, name);
    const wait = stack?.signalWaits.get(logicalId);
    if (!stack || !wait) {
      const status = stack?.resources.get(logicalId)?.status ?? 'no';
      return `Resource ${logicalId} is in ${status} state and cannot be signaled`;
    }
    wait.received.set(uniqueId, well);
    const resource = stack.resources.get(logicalId);
    const reason = `Received ${well ? 'SUCCESS' : 'FAILURE'} signal with UniqueId ${uniqueId}`;
    if (resource) this.#journal.mark(state, stack, resource, resource.status, reason);
    wait.heard();
    return undefined;
  }

  /** The operation goes on once the work behind the resource is done. */
  #awaitWork(operation: Operation, logicalId: string, begin: (work: ResourceWork) => void, goOn: () => void): void {
    const { stack, state } = operation;
    const resource = stack.resources.get(logicalId);
    const isCurrent = (): boolean => stack.operation === operation.number;
    begin({
      note: (reason) => {
        if (resource && isCurrent()) this.#journal.mark(state, stack, resource, 'UPDATE_IN_PROGRESS', reason);
      },
      goesOn: isCurrent,
      done: (failure) => {
        if (!isCurrent()) return;
        if (failure === undefined) {
          goOn();
          return;
        }
        // Whoever takes it up again has everything left to do.
        if (resource) resource.digest = '';
        this.#resourceFailed(operation, logicalId, 'UPDATE', failure);
      },
    });
  }

  #resourceFailed(operation: Operation, logicalId: string, verb: Verb, reason: string): void {
    const { stack, plan, state } = operation;
    stack.cancelRequested = false;
    const status = `${verb}_FAILED`;
    const resource = stack.resources.get(logicalId);
    if (resource) this.#journal.mark(state, stack, resource, status, reason);
    else {
      const type = plan?.scope.template.resources.get(logicalId)?.type ?? '';
      this.#journal.event(state, stack, { logicalId, physicalId: '', type, status, reason });
    }
    this.#after(operation, () => operation.failed(logicalId, verb));
  }

  /** False, with an event that says why, when an output cannot be computed or an export is not free to change. */
  #setOutputs(state: RegionState, stack: Stack, plan: Plan): boolean {
    try {
      const outputs = outputsOf(plan);
      checkExports(state, stack, outputs);
      stack.outputs = outputs;
      return true;
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      this.#journal.note(state, stack, stack.status, error.message);
      return false;
    }
  }

  #rollBackCreation(state: RegionState, stack: Stack, logicalId: string): void {
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
    undo.failed = (failedId) => {
      const why = `The following resource(s) failed to delete: [${failedId}]. `;
      this.setStatus(state, stack, 'ROLLBACK_FAILED', why);
    };
    this.#cleanUp(undo, () => this.setStatus(state, stack, 'ROLLBACK_COMPLETE'));
  }

  #rollBackUpdate(operation: Operation, previous: StackDefinition, logicalId: string): void {
    const { state, stack } = operation;
    stack.definition = previous;
    const plan = planOf(state, stack, previous, stack.resources);
    const undo = this.#operation(state, stack, plan, 3);
    for (const [id, resource] of operation.replaced) {
      const newer = stack.resources.get(id);
      if (newer) undo.cleanup.push({ ...newer });
      stack.resources.set(id, resource);
    }
    const failed = `The following resource(s) failed to update: [${logicalId}]. `;
    this.#backTo(undo, plan, plan.order, logicalId === '' ? 'The update was cancelled or its outputs failed.' : failed);
  }

  #backTo(operation: Operation, plan: Plan, order: string[], reason: string): void {
    const { state, stack } = operation;
    this.setStatus(state, stack, 'UPDATE_ROLLBACK_IN_PROGRESS', reason);
    operation.failed = (logicalId) => {
      const why = `The following resource(s) failed to update: [${logicalId}]. `;
      this.setStatus(state, stack, 'UPDATE_ROLLBACK_FAILED', why);
    };
    operation.finished = () => {
      this.#setOutputs(state, stack, plan);
      operation.cleanup.push(...operation.replaced.values(), ...dropped(stack, plan));
      this.setStatus(state, stack, 'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS');
      this.#cleanUpToTheEnd(operation, 'UPDATE_ROLLBACK_COMPLETE', 'Rollback successful');
    };
    this.#apply(operation, plan, 0, order);
  }

  /** An update is complete when it comes to its cleanup: what cannot be deleted then is left behind, and the stack forgets it. */
  #cleanUpToTheEnd(operation: Operation, status: string, outcome: string): void {
    const { state, stack } = operation;
    const unwanted = new Map(operation.cleanup.map((resource) => [resource.logicalId, resource]));
    let reason: string | undefined;
    const done = (): void => this.setStatus(state, stack, status, reason);
    operation.failed = (logicalId) => {
      reason = `${outcome}. One or more resources could not be deleted.`;
      const left = unwanted.get(logicalId);
      if (stack.resources.get(logicalId)?.physicalId === left?.physicalId) stack.resources.delete(logicalId);
      this.#cleanUp(operation, done);
    };
    this.#cleanUp(operation, done);
  }

  /** Deletes what is in `cleanup`, one after the other. */
  #cleanUp(operation: Operation, done: () => void): void {
    const { state, stack } = operation;
    const resource = operation.cleanup.shift();
    if (resource === undefined) {
      this.#after(operation, done);
      return;
    }
    const isCurrent = stack.resources.get(resource.logicalId)?.physicalId === resource.physicalId;
    const forget = (status: string): void => {
      this.#journal.mark(state, stack, resource, status);
      if (isCurrent) stack.resources.delete(resource.logicalId);
    };
    if (resource.deletionPolicy === 'Retain') {
      forget('DELETE_SKIPPED');
      this.#cleanUp(operation, done);
      return;
    }
    this.#journal.mark(state, stack, resource, 'DELETE_IN_PROGRESS');
    const refusal = this.#steps.remove(operation, resource, () =>
      this.#after(operation, () => {
        forget('DELETE_COMPLETE');
        this.#cleanUp(operation, done);
      }),
    );
    if (refusal === undefined) return;
    this.#journal.mark(state, stack, resource, 'DELETE_FAILED', refusal);
    this.#after(operation, () => operation.failed(resource.logicalId, 'DELETE'));
  }
}

/** Resources that the plan does not want, last made first. */
function dropped(stack: Stack, plan: Plan): StackResource[] {
  const wanted = new Set(plan.order);
  return [...stack.resources.values()].filter((resource) => !wanted.has(resource.logicalId)).reverse();
}

/** @throws AwsError when an export has another owner, or changes while it is imported */
function checkExports(state: RegionState, stack: Stack, outputs: Stack['outputs']): void {
  for (const { exportName } of outputs) {
    if (exportName === undefined) continue;
    for (const id of state.stackIds.values()) {
      const other = state.stacks.get(id);
      if (other && other !== stack && other.outputs.some((output) => output.exportName === exportName)) {
        const message = `Export with name ${exportName} is already exported by stack ${other.name}`;
        throw new AwsError('ValidationError', message);
      }
    }
  }
  for (const { exportName, value } of stack.outputs) {
    const now = outputs.find((each) => each.exportName === exportName);
    if (exportName === undefined || now?.value === value) continue;
    const importers = importersOf(state, exportName);
    if (importers.length === 0) continue;
    const message = `Export ${exportName} cannot be ${now ? 'updated' : 'deleted'} as it is in use by ${importers.join(' and ')}`;
    throw new AwsError('ValidationError', message);
  }
}
