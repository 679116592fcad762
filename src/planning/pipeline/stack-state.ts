/** What a CloudFormation stack's status means for the update that wants it changed. */
import type { StackEvent, StackView } from '../../ports/cloud-provider.ts';

export type StackState =
  /** There is none: create it. */
  | { kind: 'absent' }
  /** Something is under way, ours or not: wait. */
  | { kind: 'busy' }
  /** At rest and whole. */
  | { kind: 'settled' }
  /** At rest after a rollback: as before, the change was refused. */
  | { kind: 'rolled-back' }
  /** Nothing can be done to it before somebody looks. */
  | { kind: 'broken'; reason: string };

export function classifyStack(stack: Pick<StackView, 'status' | 'name'> | undefined): StackState {
  if (stack === undefined) return { kind: 'absent' };
  const { status } = stack;
  if (status.endsWith('_IN_PROGRESS')) return { kind: 'busy' };
  if (status === 'UPDATE_ROLLBACK_COMPLETE' || status === 'IMPORT_ROLLBACK_COMPLETE') return { kind: 'rolled-back' };
  if (status === 'CREATE_COMPLETE' || status === 'UPDATE_COMPLETE' || status === 'IMPORT_COMPLETE') {
    return { kind: 'settled' };
  }
  if (status === 'DELETE_COMPLETE') return { kind: 'absent' };
  return { kind: 'broken', reason: `stack ${stack.name} is ${status}` };
}

/** Cancellations follow from the failure that is looked for. */
const consequences = /cancelled|canceled|Resource creation cancelled|Resource update cancelled/i;

/** The event that started the trouble: the oldest failure since `since` that is not the consequence of another. */
export function firstFailure(events: readonly StackEvent[], since: number): StackEvent | undefined {
  const failed = events.filter((event) => event.status.endsWith('_FAILED') && !(Date.parse(event.at) < since));
  const oldestFirst = [...failed].reverse();
  return oldestFirst.find((event) => event.reason !== undefined && !consequences.test(event.reason)) ?? oldestFirst[0];
}

/** Sentence for the person on call. */
export function describeStackFailure(name: string, status: string, failure: StackEvent | undefined): string {
  if (failure === undefined) return `stack ${name} is ${status}`;
  return `stack ${name} is ${status}: ${failure.logicalId} ${failure.status}${failure.reason ? ` (${failure.reason})` : ''}`;
}
