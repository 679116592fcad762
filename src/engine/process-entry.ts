/** A row in the engine's memory: authoritative while the lease is held, and guarded by the optimistic seq besides. */
import type { Json, PendingMessage } from '../ports/store.ts';
import type { LiveProcess } from './hydrate.ts';

export interface ProcessEntry {
  readonly id: string;
  /** Absent until the START message has been committed. */
  live?: LiveProcess;
  /** Messages in order; the first leaves when its commit has happened. */
  inbox: PendingMessage[];
  /** A visit is under way: nothing else touches the row. */
  busy: boolean;
  /** The entry has left memory (final, quarantined, or unknown). */
  gone: boolean;
  /** The step should run at the next visit. */
  due: boolean;
  messageVisitQueued: boolean;
  stepVisitQueued: boolean;
  /** Consecutive transient failures; a machine that keeps `failures` in its context overrides it, and so survives a restart. */
  failures: number;
  /** Consecutive failures of the store on this row. */
  storeFailures: number;
  stepsInARow: number;
  /** Identity of the wait that was committed last, while it is the last thing committed. */
  lastWait?: string;
}

export function newEntry(id: string): ProcessEntry {
  return {
    id,
    inbox: [],
    busy: false,
    gone: false,
    due: false,
    messageVisitQueued: false,
    stepVisitQueued: false,
    failures: 0,
    storeFailures: 0,
    stepsInARow: 0,
  };
}

/** Consecutive failures so far: what the machine says in its context's `failures`, else what this engine has seen. */
export function failuresSoFar(entry: ProcessEntry): number {
  const context: Json = entry.live?.state.context ?? null;
  if (typeof context === 'object' && context !== null && !Array.isArray(context)) {
    const counted = context['failures'];
    if (typeof counted === 'number' && Number.isInteger(counted) && counted >= 0) return counted;
  }
  return entry.failures;
}
