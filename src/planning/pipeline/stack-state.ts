/** What a CloudFormation stack's status means for the update that wants it changed. */
import type { StackProgress } from '../../domain/cluster-update.ts';
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
  /** Nothing lives in it: its creation failed and was taken back, or a change set for its creation was never executed. */
  | { kind: 'hollow' }
  /** The rollback of an update failed: it can be taken up again. */
  | { kind: 'half-back' }
  /** Nothing can be done to it before somebody looks. */
  | { kind: 'broken' };

export function classifyStack(stack: Pick<StackView, 'status'> | undefined): StackState {
  if (stack === undefined) return { kind: 'absent' };
  const { status } = stack;
  if (status === 'ROLLBACK_COMPLETE' || status === 'REVIEW_IN_PROGRESS') return { kind: 'hollow' };
  if (status.endsWith('_IN_PROGRESS')) return { kind: 'busy' };
  if (status === 'UPDATE_ROLLBACK_COMPLETE' || status === 'IMPORT_ROLLBACK_COMPLETE') return { kind: 'rolled-back' };
  if (status === 'UPDATE_ROLLBACK_FAILED') return { kind: 'half-back' };
  if (status === 'CREATE_COMPLETE' || status === 'UPDATE_COMPLETE' || status === 'IMPORT_COMPLETE') {
    return { kind: 'settled' };
  }
  if (status === 'DELETE_COMPLETE') return { kind: 'absent' };
  return { kind: 'broken' };
}

/** The smallest next thing to do about a stack. */
export type StackAction =
  | { do: 'create' }
  /** Make a change set. */
  | { do: 'plan' }
  /** Look at the change set: judge it, execute it. */
  | { do: 'judge'; changeSet: string }
  /** Delete what is left, to create it anew. */
  | { do: 'remove' }
  | { do: 'recover' }
  | { do: 'applied' }
  /** Our operation, or what we wait for, goes on. */
  | { do: 'wait'; for: 'ours' | 'foreign' }
  | { do: 'fail'; code: 'stack-failed' | 'stack-broken' };

/** Was this change set the last thing that was carried out on the stack? */
function carriedOut(stack: Pick<StackView, 'changeSetId'> | undefined, changeSet: string | undefined): boolean {
  return changeSet !== undefined && stack?.changeSetId?.includes(`/${changeSet}/`) === true;
}

/** `before` is what this update has done about the stack so far; undefined = nothing that it knows of. */
export function nextForStack(live: StackView | undefined, before: StackProgress | undefined): StackAction {
  const state = classifyStack(live);
  // a change set counts as started when the stack says so: an answer may have been lost on either side
  const ours = before?.changeSet === undefined ? before?.state === 'started' : carriedOut(live, before.changeSet);
  switch (state.kind) {
    case 'busy':
      return {
        do: 'wait',
        for: ours || before?.state === 'removing' || before?.state === 'recovering' ? 'ours' : 'foreign',
      };
    case 'absent':
      return ours ? { do: 'fail', code: 'stack-failed' } : { do: 'create' };
    case 'hollow':
      return ours ? { do: 'fail', code: 'stack-failed' } : { do: 'remove' };
    case 'half-back':
      return ours || before?.state === 'recovering' ? { do: 'fail', code: 'stack-broken' } : { do: 'recover' };
    case 'broken':
      return { do: 'fail', code: ours ? 'stack-failed' : 'stack-broken' };
    case 'settled':
      if (ours) return { do: 'applied' };
      break;
    case 'rolled-back':
      if (ours) return { do: 'fail', code: 'stack-failed' };
  }
  return before?.changeSet === undefined ? { do: 'plan' } : { do: 'judge', changeSet: before.changeSet };
}

/** Cancellations follow from the failure that is looked for. */
const consequences = /cancelled|canceled|Resource creation cancelled|Resource update cancelled/i;

/** The event that started the trouble: the oldest failure since `since` that is not the consequence of another. */
export function firstFailure(events: readonly StackEvent[], since: number): StackEvent | undefined {
  const failed = events.filter((event) => event.status.endsWith('_FAILED') && !(Date.parse(event.at) < since));
  const oldestFirst = [...failed].reverse();
  return oldestFirst.find((event) => event.reason !== undefined && !consequences.test(event.reason)) ?? oldestFirst[0];
}

/** What a person does about a stack at rest in which nothing can be changed. */
const advice: Record<string, string> = {
  UPDATE_ROLLBACK_FAILED:
    'its last rollback failed again: repair the resource, or continue the rollback without it (ContinueUpdateRollback with ResourcesToSkip)',
  DELETE_FAILED:
    'somebody deletes it: finish the deletion (DeleteStack, RetainResources for what has to stay), or make it anew',
  ROLLBACK_FAILED: 'its creation failed and could not be taken back: delete it',
  CREATE_FAILED: 'its creation failed and rollback is switched off for it: delete it',
};

/** Sentence for the person on call. */
export function describeStackFailure(name: string, status: string, failure: StackEvent | undefined): string {
  const what =
    failure === undefined
      ? `stack ${name} is ${status}`
      : `stack ${name} is ${status}: ${failure.logicalId} ${failure.status}${failure.reason ? ` (${failure.reason})` : ''}`;
  const next = advice[status];
  return next === undefined ? what : `${what}; ${next}`;
}

/** Who is at work on a stack, as far as its events tell. Newest first. */
export function describeForeignWork(name: string, status: string, events: readonly StackEvent[]): string {
  const start = events.find((event) => event.logicalId === name && event.reason === 'User Initiated');
  const since = start === undefined ? '' : ` since ${start.at}`;
  const by =
    start?.token === undefined
      ? 'somebody else works on it, CloudTrail knows who'
      : start.token.startsWith('clm-')
        ? 'an earlier update of clm works on it'
        : `somebody else works on it (request token ${start.token})`;
  return `stack ${name} is ${status}${since}: ${by}`;
}
