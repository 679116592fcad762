/** What the engine is made of and what it says about itself. */
import type { MachineModule } from '../machines/events.ts';
import type { Step, StepOutcome } from '../ports/step.ts';
import type { FactWrite, JournalEntry, Lease, OutboxMessage, ProcessRow, Store } from '../ports/store.ts';
import type { BackoffPolicy } from '../support/backoff.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';

export interface EngineLimits {
  /** Steps under way at once, over all rows. */
  concurrency: number;
  /** A step that takes longer (wall ms) is told to stop through its signal; its row is held until it settles. */
  stepTimeoutMs: number;
  /** Waits after transient failures, in decision time. */
  backoff: BackoffPolicy;
  /** A commit refused for want of a slot is tried again after this long (decision ms) at the latest. */
  slotRetryMs: number;
  /**
   * A wait that repeats itself moves only the wake-up; what its machine counts meanwhile (observed time) is kept in memory and
   * written with the next commit, at the latest after this long (decision ms). A crash loses no more than that. A machine that has
   * counted nothing writes nothing.
   */
  flushMs: number;
  /** How much earlier than the timer in memory a stored wake-up may be (decision ms) before it is written anew. */
  wakeSlackMs: number;
  /** Steps of one row that may end `done` one after another before the row must pause. */
  stepsInARow: number;
  /** Messages read from the store at once. */
  messagePage: number;
  /** `stop` waits this long (wall ms) for steps under way. */
  stopGraceMs: number;
}

export const defaultLimits: EngineLimits = {
  concurrency: 48,
  stepTimeoutMs: 120_000,
  backoff: { baseMs: 5_000, maxMs: 300_000 },
  slotRetryMs: 60_000,
  flushMs: 600_000,
  wakeSlackMs: 600_000,
  stepsInARow: 1_000,
  messagePage: 500,
  stopGraceMs: 10_000,
};

/** A commit that has happened. Listeners must be quick and must not throw. */
export interface Committed {
  row: ProcessRow;
  /** Absent for a new row. */
  previous?: ProcessRow;
  event: string;
  /** Dotted state paths; `from` is '' for a new row. */
  from: string;
  to: string;
  journal: JournalEntry[];
}

/** A step that has ended, for metrics. `wallMs` is real time. */
export interface StepRun {
  id: string;
  machine: string;
  step: string;
  outcome: StepOutcome['kind'];
  code?: string;
  wallMs: number;
}

/** Each step types its own context; that it suits is the business of the machine that names the step. */
export type AnyStep = Step<never>;

export interface EngineOptions {
  store: Store;
  /** Taken by the caller (store.acquireLease) before `start`; once it is lost the engine stops for good. */
  lease: Lease;
  clock: Clock;
  random: Random;
  machines: MachineModule[];
  /** By the name that states give in `meta.step`. */
  steps: Record<string, AnyStep>;
  log: Logger;
  limits?: Partial<EngineLimits>;
  onCommitted?: (commit: Committed) => void;
  onStep?: (run: StepRun) => void;
  /** The lease is gone and everything has stopped; the process should end. */
  onLeaseLost?: () => void;
}

export interface EngineStats {
  running: boolean;
  active: number;
  quarantined: { id: string; reason: string }[];
  stepsUnderWay: number;
  stepsQueued: number;
  pendingMessages: number;
  slotWaiters: number;
  /** Steps past their soft limit that have not settled: a reason for /healthz to be red. */
  overdueSteps: { id: string; step: string; wallMs: number }[];
  /** Since start. */
  commits: number;
  wakeMoves: number;
  conflicts: number;
  stepRuns: number;
  stepFailures: number;
  storeFailures: number;
  /** Decision time of the earliest timer, and of the last commit. */
  nextWakeAt: number | null;
  lastCommitAt: number | null;
}

export interface Engine {
  /** Loads the active rows, delivers pending messages, runs what is due. Rejects when the store cannot be read. */
  start(): Promise<void>;
  /** Tells steps to stop, waits for them (bounded), commits what they returned. Idempotent. */
  stop(): Promise<void>;
  /** A hint that something changed for this row: its step runs now. Volatile; ignored while the row backs off from a failure. */
  wake(id: string): void;
  /** Stores a message from outside (with facts and journal in the same transaction), then delivers it. */
  post(
    message: OutboxMessage | OutboxMessage[],
    alongside?: { facts?: FactWrite[]; journal?: JournalEntry[] },
  ): Promise<void>;
  /** Reads messages that somebody else put into the store with `store.post`. */
  messagesPosted(): void;
  /** Resolves when nothing can move before a timer fires or somebody calls: no step, message or commit under way. */
  settled(): Promise<void>;
  stats(): EngineStats;
}
