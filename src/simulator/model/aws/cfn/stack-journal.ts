import type { Cloud } from '../cloud.ts';
import type { RegionState } from '../region-state.ts';
import { clusterOfTags } from '../resources.ts';
import { pushEvent, type Stack, type StackResource } from './stack.ts';

const stackType = 'AWS::CloudFormation::Stack';

/** Statuses of stacks and resources, and the events that say so. */
export class StackJournal {
  readonly #cloud: Cloud;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** Moves the stack, leaves an event, and tells the world. */
  setStatus(state: RegionState, stack: Stack, status: string, reason?: string): void {
    stack.status = status;
    if (reason === undefined) delete stack.statusReason;
    else stack.statusReason = reason;
    this.note(state, stack, status, reason);
    const { tags } = stack.definition;
    this.#cloud.emit({
      kind: 'stack-changed',
      cluster: clusterOfTags(tags) ?? this.#cloud.clusterOfStack(state.account, state.region, stack.name) ?? '',
      stack: stack.name,
      status,
    });
  }

  /** An event of the stack itself that moves nothing. */
  note(state: RegionState, stack: Stack, status: string, reason?: string): void {
    this.event(state, stack, { logicalId: stack.name, physicalId: stack.id, type: stackType, status, reason });
  }

  /** Moves a resource and leaves an event. */
  mark(state: RegionState, stack: Stack, resource: StackResource, status: string, reason?: string): void {
    resource.status = status;
    if (reason === undefined) delete resource.reason;
    else resource.reason = reason;
    resource.changedAt = this.#cloud.now();
    const { logicalId, physicalId, type } = resource;
    this.event(state, stack, { logicalId, physicalId, type, status, reason });
  }

  event(
    state: RegionState,
    stack: Stack,
    event: { logicalId: string; physicalId: string; type: string; status: string; reason?: string | undefined },
  ): void {
    const { reason, ...rest } = event;
    pushEvent(stack, {
      id: state.uuid(),
      at: this.#cloud.now(),
      ...rest,
      ...(reason === undefined ? {} : { reason }),
      ...(stack.token === undefined ? {} : { token: stack.token }),
    });
  }
}
