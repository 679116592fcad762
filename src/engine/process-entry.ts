/** A row in the engine's memory: authoritative while the lease is held, and guarded by the optimistic seq besides. */
import type { Json, PendingMessage } from '../ports/store.ts';
import type { LiveProcess } from './hydrate.ts';

export interface ProcessEntry {
  readonly id: string;
  /** Absent until the START message has been committed. */
  live?: LiveProcess;
  /** Messages in order; the first leaves when its commit has happened. */
  inbox: PendingMessage[];
  /** So many of them, the first ones, have been applied in memory: the commit of the step that they lead to delivers them. */
  taken: number;
  /** A visit is under way: nothing else touches the row. */
  busy: boolean;
  /** The entry has left memory (final, quarantined, or unknown). */
  gone: boolean;
  /** The step should run at the next visit. */
  due: boolean;
  messageVisitQueued: boolean;
  stepVisitQueued: boolean;
  /** Consecutive failures that this engine has seen; a machine that keeps `failures` in its context makes them survive a restart. */
  failures: number;
  /** Consecutive failures of the store on this row, and whether it is left alone for a while because of them. */
  storeFailures: number;
  paused: boolean;
  stepsInARow: number;
  /** Identity of the wait that was committed last, while it is the last thing committed. */
  lastWait?: string;
}

export function newEntry(id: string): ProcessEntry {
  return {
    id,
    inbox: [],
    taken: 0,
    busy: false,
    gone: false,
    due: false,
    messageVisitQueued: false,
    stepVisitQueued: false,
    failures: 0,
    storeFailures: 0,
    paused: false,
    stepsInARow: 0,
  };
}

/** Whether a message waits that has not been applied. */
export function hasMail(entry: ProcessEntry): boolean {
  return entry.inbox.length > entry.taken;
}

/**
 * Consecutive failures so far: what this engine has seen, or what the machine says in its context's `failures` when that is more
 * (after a restart).
 */
export function failuresSoFar(entry: ProcessEntry): number {
  return Math.max(entry.failures, countedByMachine(entry) ?? 0);
}

/** After a message was applied: a machine that counts may have forgotten; for one that does not, somebody's request is enough. */
export function failuresAfterMessage(entry: ProcessEntry, fromOutside: boolean): number {
  return countedByMachine(entry) ?? (fromOutside ? 0 : entry.failures);
}

function countedByMachine(entry: ProcessEntry): number | undefined {
  const context: Json = entry.live?.state.context ?? null;
  if (typeof context !== 'object' || context === null || Array.isArray(context)) return undefined;
  const counted = context['failures'];
  return typeof counted === 'number' && Number.isInteger(counted) && counted >= 0 ? counted : undefined;
}
