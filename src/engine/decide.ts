/** What a step's outcome or a message means for a row: the next state, when it wakes, and the commit. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { EngineEvent } from '../machines/events.ts';
import type { StepEffects, StepOutcome } from '../ports/step.ts';
import type { Commit, JournalEntry, Json, OutboxMessage, PendingMessage, ProcessRow } from '../ports/store.ts';
import type { LiveProcess } from './hydrate.ts';
import { nextState, type ProcessState } from './machine-logic.ts';

/** A wait never ends sooner than this (decision ms), whatever the step asks: no spinning on the clock. */
const minWaitMs = 100;

/** The seq of a row that is in memory only: the commit of its first step makes it. */
export const unborn = -1;

export type Decision =
  /** Nothing worth a commit: only the wake-up moves. What the machine made of the wait stays in memory until the next commit. */
  | { kind: 'move-wake'; wakeAt: number; state: ProcessState }
  /** A quiet step is through, or a message led to a quick step: the step runs at once, and its commit holds this transition too. */
  | { kind: 'carry'; state: ProcessState }
  /** `due` = the row's step runs at once. */
  | {
      kind: 'commit';
      commit: Commit;
      state: ProcessState;
      event: string;
      due: boolean;
      stateChanged: boolean;
      ignored: boolean;
    };

export interface OutcomeInput {
  process: LiveProcess;
  outcome: StepOutcome;
  now: number;
  /** When to try again after a transient failure (or after an outcome that the machine ignores). */
  retryAt: number;
  /** The wait is the one that was committed last. */
  sameWait: boolean;
  /** A repeated wait is committed all the same when the last commit is older than this (decision ms). */
  flushMs: number;
  /** false once the row has run too many steps in a row: it pauses until `retryAt`. */
  mayRunOn: boolean;
}

/** Two waits with the same identity differ only in time. */
export function waitIdentity(outcome: StepOutcome & { kind: 'waiting' }): string {
  return `${outcome.reason.code}\n${outcome.same ?? JSON.stringify(outcome.progress ?? null)}`;
}

export function decideOutcome(input: OutcomeInput): Decision {
  const { process, outcome, now, retryAt, sameWait, flushMs, mayRunOn } = input;
  const event = outcomeEvent(outcome, now, retryAt);
  const next = nextState(process.module, process.state, event);
  const state = next ?? process.state;
  const stateChanged = state.path !== process.state.path;
  const wakeAt =
    outcome.kind === 'waiting'
      ? Math.ceil(Math.max(outcome.wakeAt, now + minWaitMs))
      : outcome.kind === 'failed'
        ? retryAt
        : now;
  if (isQuiet(outcome) && stateChanged && state.step !== undefined && mayRunOn) return { kind: 'carry', state };
  const repeated =
    outcome.kind === 'waiting' &&
    sameWait &&
    !stateChanged &&
    // what has come to nothing new since the last commit need not be written, however long ago that was
    (now - process.row.updatedAt < flushMs || isDeepStrictEqual(state.context, process.row.context));
  const nothingNew = next === undefined && outcome.kind !== 'done';
  if ((repeated || nothingNew) && process.carriedFrom === undefined && !hasEffects(outcome))
    return { kind: 'move-wake', wakeAt, state };
  // A step that has just failed is not run again at once, even if the machine names it in another state.
  const backsOff = outcome.kind === 'failed' && state.step === process.state.step;
  const ignoredDone = next === undefined && outcome.kind === 'done';
  const runsOn = stateChanged ? !backsOff : outcome.kind === 'done' && !ignoredDone;
  const due = runsOn && mayRunOn;
  return committed(process, state, {
    event: event.type,
    now,
    wakeAt: due ? now : ignoredDone || runsOn ? retryAt : wakeAt,
    due,
    ignored: next === undefined,
    effects: outcome,
  });
}

/** A message is applied once: its delivery is part of the commit, also when the machine ignores it. */
export function decideMessage(
  process: LiveProcess,
  message: PendingMessage,
  now: number,
): Decision & { kind: 'commit' | 'carry' } {
  const next = nextState(process.module, process.state, dated(message, now));
  const state = next ?? process.state;
  const ignored = next === undefined;
  if (!ignored && state.quick) return { kind: 'carry', state };
  // one that was carried on was about to run its step
  const due = !ignored || process.carriedFrom !== undefined;
  const journal = ignored && message.from === '' ? [ignoredEntry(process, message, now)] : [];
  return committed(process, state, {
    event: message.message.event.type,
    now,
    wakeAt: due ? now : process.row.wakeAt,
    due,
    ignored,
    effects: {},
    delivered: [message.id],
    journal,
  });
}

/** Every event carries decision time; messages that say nothing get the time of their application. */
function dated(message: PendingMessage, now: number): { type: string; now?: Json } {
  return { now, ...message.message.event };
}

interface CommitParts {
  event: string;
  now: number;
  wakeAt: number | null;
  due: boolean;
  ignored: boolean;
  effects: StepEffects;
  delivered?: number[];
  journal?: JournalEntry[];
}

function committed(process: LiveProcess, state: ProcessState, parts: CommitParts): Decision & { kind: 'commit' } {
  const { now, effects } = parts;
  const working = state.step !== undefined;
  const row: ProcessRow = {
    ...process.row,
    version: process.module.version,
    seq: process.row.seq + 1,
    value: state.value,
    context: state.context,
    status: state.final ? 'final' : 'active',
    wakeAt: working ? parts.wakeAt : null,
    updatedAt: now,
  };
  if (row.status === 'active' && row.wakeAt === null && state.waitsFor.length === 0) {
    throw new Error(`${row.id} would wait for nothing in state ${state.path}`);
  }
  const journal = [...(parts.journal ?? []), ...notes(row, effects, now)];
  const outbox = [...(effects.messages ?? []), ...finalMessage(row, state, now)];
  const commit: Commit = {
    row,
    expectedSeq: process.row.seq === unborn ? null : process.row.seq,
    trace: { event: parts.event, from: process.carriedFrom ?? process.state.path, to: state.path },
    now,
    ...(journal.length > 0 ? { journal } : {}),
    ...(outbox.length > 0 ? { outbox } : {}),
    ...(effects.facts ? { facts: effects.facts } : {}),
    ...(effects.admit ? { admit: effects.admit } : {}),
    ...(effects.release ? { release: effects.release } : {}),
    ...(parts.delivered === undefined ? {} : { delivered: parts.delivered }),
  };
  const stateChanged = state.path !== process.state.path;
  return {
    kind: 'commit',
    commit,
    state,
    event: parts.event,
    due: parts.due && working,
    stateChanged,
    ignored: parts.ignored,
  };
}

/** The parent of a process that ends is told by the engine, in the commit that ends it. */
export function finalMessage(row: ProcessRow, state: ProcessState, now: number): OutboxMessage[] {
  if (row.status !== 'final' || row.parent === null) return [];
  const event = {
    type: 'CHILD_FINISHED' as const,
    child: row.id,
    machine: row.machine,
    cluster: row.cluster,
    output: state.output,
    now,
  };
  return [{ to: row.parent, event }];
}

function outcomeEvent(outcome: StepOutcome, now: number, retryAt: number): EngineEvent {
  switch (outcome.kind) {
    case 'done':
      return { type: 'STEP_DONE', output: outcome.output ?? null, now };
    case 'waiting':
      return { type: 'STEP_WAITING', reason: outcome.reason, progress: outcome.progress ?? null, now };
    case 'failed':
      return { type: 'STEP_FAILED', failure: outcome.failure, retryAt, now };
  }
}

/** A final state is committed: somebody waits for it. */
function isQuiet(outcome: StepOutcome): boolean {
  return outcome.kind === 'done' && outcome.quiet === true && !hasEffects(outcome);
}

function hasEffects(effects: StepEffects): boolean {
  const { journal, facts, messages, admit, release } = effects;
  return [journal, facts, messages, admit, release].some((list) => list !== undefined && list.length > 0);
}

function notes(row: ProcessRow, effects: StepEffects, now: number): JournalEntry[] {
  return (effects.journal ?? []).map((note) => journalEntry(row, now, note.kind, note.message, note.data ?? null));
}

/** An entry about this row, as of its seq. */
export function journalEntry(row: ProcessRow, now: number, kind: string, message: string, data: Json): JournalEntry {
  const { id, seq, channel, cluster, commit } = row;
  return { at: now, source: id, seq, kind, channel, cluster, commit, message, data };
}

function ignoredEntry(process: LiveProcess, message: PendingMessage, now: number): JournalEntry {
  const { type } = message.message.event;
  const row = { ...process.row, seq: process.row.seq + 1 };
  const text = `${type} for ${row.id} changed nothing: it does not apply in state ${process.state.path}`;
  return journalEntry(row, now, 'event-ignored', text, { event: message.message.event, state: process.state.path });
}
