/** How a row comes into being, leaves work because it cannot be read, and comes back. Pure. */
import type { MachineModule } from '../machines/events.ts';
import type { Commit, JournalEntry, Json, PendingMessage, ProcessRow } from '../ports/store.ts';
import { type Attempt, attempt } from './attempt.ts';
import { type Decision, finalMessage, journalEntry, unborn } from './decide.ts';
import type { LiveProcess } from './hydrate.ts';
import { initialState, type ProcessState } from './machine-logic.ts';

export type StartMessage = NonNullable<PendingMessage['message']['start']>;

export interface StartOptions {
  module: MachineModule | undefined;
  now: number;
  /** Throws when this program cannot work on the state. */
  check: (state: ProcessState) => ProcessState;
}

/** The first commit of a process. One that cannot be started becomes a quarantined row, so that it is seen. */
export function decideStart(
  message: PendingMessage,
  start: StartMessage,
  options: StartOptions,
): { commit: Commit; made: Attempt<ProcessState> } {
  const { module, now, check } = options;
  const input: Json = message.message.event['input'] ?? null;
  const made = attempt(() => {
    if (!module) throw new Error(`this program has no machine named ${start.machine}`);
    return check(initialState(module, input));
  });
  const base = {
    id: message.message.to,
    machine: start.machine,
    version: module?.version ?? 0,
    seq: 0,
    parent: start.parent,
    channel: start.channel,
    cluster: start.cluster,
    commit: start.commit,
    createdAt: now,
    updatedAt: now,
  };
  const row: ProcessRow = made.ok
    ? {
        ...base,
        value: made.value.value,
        context: made.value.context,
        status: made.value.final ? 'final' : 'active',
        wakeAt: made.value.step === undefined ? null : now,
      }
    : { ...base, value: null, context: { input }, status: 'quarantined', wakeAt: null };
  const outbox = made.ok ? finalMessage(row, made.value, now) : [];
  const commit: Commit = {
    row,
    expectedSeq: null,
    delivered: [message.id],
    trace: { event: 'START', from: '', to: made.ok ? made.value.path : '' },
    now,
    ...(outbox.length > 0 ? { outbox } : {}),
    ...(made.ok ? {} : { journal: [quarantineEntry(row, now, made.reason)] }),
  };
  return { commit, made };
}

/** Value and context stay as they were stored; `started`: the START message of a row that was not stored yet. */
export function decideQuarantine(
  row: ProcessRow,
  { path, reason, now, started }: { path: string; reason: string; now: number; started: PendingMessage | undefined },
): Commit {
  const quarantined: ProcessRow = { ...row, seq: row.seq + 1, status: 'quarantined', wakeAt: null, updatedAt: now };
  return {
    row: quarantined,
    ...(row.seq === unborn && started !== undefined
      ? { expectedSeq: null, delivered: [started.id] }
      : { expectedSeq: row.seq }),
    journal: [quarantineEntry(quarantined, now, reason)],
    trace: { event: 'QUARANTINED', from: path, to: path },
    now,
  };
}

/** A quarantined row that can be read again goes on; one that its machine now reads as ended is ended, and its parent told. */
export function decideTakeUp(live: LiveProcess, now: number): Decision & { kind: 'commit' } {
  const { state, row: stored, module } = live;
  const row: ProcessRow = {
    ...stored,
    version: module.version,
    seq: stored.seq + 1,
    value: state.value,
    context: state.context,
    status: state.final ? 'final' : 'active',
    wakeAt: state.step === undefined ? null : now,
    updatedAt: now,
  };
  const text = `${row.id} can be read again and is taken up in state ${state.path}`;
  const outbox = finalMessage(row, state, now);
  return {
    kind: 'commit',
    commit: {
      row,
      expectedSeq: stored.seq,
      journal: [journalEntry(row, now, 'process-taken-up', text, null)],
      trace: { event: 'TAKEN_UP', from: state.path, to: state.path },
      now,
      ...(outbox.length > 0 ? { outbox } : {}),
    },
    state,
    event: 'TAKEN_UP',
    due: state.step !== undefined,
    stateChanged: false,
    ignored: false,
  };
}

function quarantineEntry(row: ProcessRow, now: number, reason: string): JournalEntry {
  return journalEntry(row, now, 'process-quarantined', `${row.id} is quarantined: ${reason}`, { reason });
}
