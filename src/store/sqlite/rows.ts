/** Between the tables' rows and the port's objects. */
import type { Selectable } from 'kysely';
import type {
  Fact,
  Json,
  OutboxMessage,
  PendingMessage,
  ProcessRow,
  StoredJournalEntry,
  TraceEntry,
} from '../../ports/store.ts';
import type { Tables } from './schema.ts';

// Whatever is in these columns was written by this store with JSON.stringify.
function json<T = Json>(text: string): T {
  return JSON.parse(text) as T;
}

/** Decision time may be fractional under a scaled clock; columns are whole milliseconds. */
export function wholeMs(at: number): number {
  return Math.round(at);
}

export function processOf(row: Selectable<Tables['processes']>): ProcessRow {
  return {
    id: row.id,
    machine: row.machine,
    version: row.version,
    seq: row.seq,
    value: json(row.value),
    context: json(row.context),
    status: row.status as ProcessRow['status'],
    wakeAt: row.wake_at,
    parent: row.parent,
    channel: row.channel,
    cluster: row.cluster,
    commit: row.commit_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function journalEntryOf(row: Selectable<Tables['journal']>): StoredJournalEntry {
  return {
    id: row.id,
    at: row.at,
    source: row.source,
    seq: row.seq,
    kind: row.kind,
    channel: row.channel,
    cluster: row.cluster,
    commit: row.commit_id,
    message: row.message,
    data: json(row.data),
    hash: row.hash,
  };
}

export function pendingOf(row: { id: number; sender: string; message: string }): PendingMessage {
  return { id: row.id, from: row.sender, message: json<OutboxMessage>(row.message) };
}

export function factOf(row: Selectable<Tables['facts']>): Fact {
  return { kind: row.kind, key: row.key, value: json(row.value), updatedAt: row.updated_at };
}

export function traceOf(row: Selectable<Tables['trace']>): TraceEntry {
  return {
    process: row.process,
    seq: row.seq,
    at: row.at,
    event: row.event,
    from: row.from_state,
    to: row.to_state,
  };
}
