import type { E2eHistory, E2eStore } from './e2e-store.ts';

/** The store's port: what SQLite implements now and Postgres later. Every write of the engine is one `commit`. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type ProcessStatus = 'active' | 'final' | 'quarantined';

/** One persisted machine. */
export interface ProcessRow {
  id: string;
  machine: string;
  /** Version of the machine definition that wrote value and context. */
  version: number;
  seq: number;
  /** XState state value. */
  value: Json;
  context: Json;
  status: ProcessStatus;
  /** Decision time in epoch ms; null = only an event wakes it (never for an active state that waits: P8). */
  wakeAt: number | null;
  parent: string | null;
  /** For queries; empty string when it does not apply. */
  channel: string;
  cluster: string;
  commit: string;
  createdAt: number;
  updatedAt: number;
}

/** A decision worth keeping. Append-only and hash-chained. */
export interface JournalEntry {
  at: number;
  /** Process that decided, or `operator:<name>`. */
  source: string;
  seq: number;
  /** kebab-case kind: `cluster-updated`, `node-drained`, `branch-moved`. */
  kind: string;
  channel: string;
  cluster: string;
  commit: string;
  /** One sentence a person understands without the logs. */
  message: string;
  data: Json;
}

export interface StoredJournalEntry extends JournalEntry {
  id: number;
  hash: string;
}

/** A message to another process, delivered by the engine at least once and applied exactly once. */
export interface OutboxMessage {
  to: string;
  /** `START` creates the row (when it does not exist yet); anything else is an event for it. */
  event: { type: string; [key: string]: Json };
  start?: { machine: string; parent: string | null; channel: string; cluster: string; commit: string };
  /** Only for messages from outside: a repeat with the same key is dropped (P10). */
  key?: string;
}

export interface PendingMessage {
  id: number;
  from: string;
  message: OutboxMessage;
}

/** A small document outside the machines: what is known of a cluster, an override, evidence, a channel's last good head. */
export interface FactWrite {
  kind: string;
  key: string;
  /** null deletes. */
  value: Json;
  /** Of a post: programs read it back letter by letter, so nothing is taken out of it. What is posted else loses its secrets. */
  exact?: true;
}

export interface Fact {
  kind: string;
  key: string;
  value: Json;
  updatedAt: number;
}

/** Counted inside the transaction: the commit is refused (`not-admitted`) when the slot group is full (P3). */
export interface Admission {
  /** Slot names, each with its limit: `channel:beta` ≤ 5, `fleet` ≤ 40. */
  slots: { name: string; limit: number }[];
  /**
   * Process that will hold the slots until it is final or releases them; or `<process>#<part>` for several holders of one process, all
   * of which are given back when it is final.
   */
  holder: string;
}

export interface Commit {
  row: ProcessRow;
  /** seq in the database before this commit; null = the row must not exist yet. `row.seq` is one more, or 0. */
  expectedSeq: number | null;
  journal?: JournalEntry[];
  outbox?: OutboxMessage[];
  facts?: FactWrite[];
  admit?: Admission[];
  /** Processes whose slots are given back; a row that turns final gives its own back by itself. */
  release?: string[];
  /** The messages that it applies; marked delivered in the same transaction. One that is delivered already makes it a conflict. */
  delivered?: number[];
  /** One entry for (row.id, row.seq). */
  trace?: Trace;
  now: number;
}

/** What a commit changed, for the trace of steps (kept for a bounded age; decisions go to the journal). */
export interface Trace {
  /** Event that was applied: `STEP_DONE`, `PAUSE`, … */
  event: string;
  /** Dotted state paths before and after; `from` is '' for a new row. */
  from: string;
  to: string;
}

export interface TraceEntry extends Trace {
  process: string;
  seq: number;
  at: number;
}

export type CommitResult = 'committed' | 'conflict' | 'not-admitted' | 'lease-lost';

export interface JournalQuery {
  afterId?: number;
  beforeId?: number;
  channel?: string;
  cluster?: string;
  commit?: string;
  kind?: string;
  limit: number;
  newestFirst?: boolean;
}

export interface Lease {
  /** false once the lease is lost; checked before every mutation of a cloud or cluster. */
  held(): boolean;
  release(): Promise<void>;
}

export interface ReadStore {
  /** History of end-to-end runs. */
  readonly e2e: E2eHistory;
  load(id: string): Promise<ProcessRow | undefined>;
  rows(filter: {
    machine?: string;
    status?: ProcessStatus;
    channel?: string;
    cluster?: string;
    parent?: string;
  }): Promise<ProcessRow[]>;
  fact(kind: string, key: string): Promise<Fact | undefined>;
  facts(kind: string, keyPrefix?: string): Promise<Fact[]>;
  journal(query: JournalQuery): Promise<StoredJournalEntry[]>;
  slotHolders(name: string): Promise<string[]>;
  /** Whether a message to this process is on its way: a START that has not been delivered has no row yet. */
  isAwaited(process: string): Promise<boolean>;
  /** Newest `limit` entries of the trace of one process, oldest first. */
  trace(process: string, limit: number): Promise<TraceEntry[]>;
}

export interface Store extends ReadStore {
  /** History and ledger of end-to-end runs. */
  readonly e2e: E2eStore;
  commit(commit: Commit): Promise<CommitResult>;
  /** Moves only wake_at, under the same optimistic lock; no seq, no journal. */
  moveWake(id: string, expectedSeq: number, wakeAt: number | null): Promise<boolean>;
  /** Messages not delivered yet, oldest first; only those with a higher id than `afterId` when it is given. */
  pending(limit: number, afterId?: number): Promise<PendingMessage[]>;
  /**
   * Drops a message that nobody can take (final or missing receiver), with a journal entry that says so; no entry for a repeated
   * START, which is a no-op by design.
   */
  discard(messageId: number, entry?: JournalEntry): Promise<void>;
  /** Messages from outside (operators, webhooks), facts and journal without a process. Secrets in what people read of them are not stored. */
  post(input: {
    messages?: OutboxMessage[];
    facts?: FactWrite[];
    journal?: JournalEntry[];
    now: number;
  }): Promise<void>;
  /** Takes the single-writer lease; waits while another daemon holds it. */
  acquireLease(options: { holder: string; signal: AbortSignal; onWait?: () => void }): Promise<Lease>;
  /** Consistent copy of the database while in use. */
  backup(toPath: string): Promise<void>;
  /** Deletes final rows, delivered messages and trace older than the given time. Decisions in the journal are kept. */
  prune(before: number): Promise<{ rows: number; messages: number }>;
  close(): Promise<void>;
}
