/** Lifecycle and scheduling: which row is visited when. What happens during a visit is process-worker.ts. */
import PQueue from 'p-queue';
import { FailureError, transient } from '../domain/failure.ts';
import type { Commit, FactWrite, JournalEntry, OutboxMessage, PendingMessage, ProcessRow } from '../ports/store.ts';
import { backoffMs } from '../support/backoff.ts';
import { startDeadline, wallMs, yieldToEventLoop } from '../support/deadline.ts';
import type { Random } from '../support/random.ts';
import {
  defaultLimits,
  type Engine,
  type EngineLimits,
  type EngineOptions,
  type EngineStats,
} from './engine-options.ts';
import type { ProcessState } from './machine-logic.ts';
import { Mailroom } from './mailroom.ts';
import { hasMail, newEntry, type ProcessEntry } from './process-entry.ts';
import { ProcessWorker, type WorkerHost } from './process-worker.ts';
import { StepRunner } from './step-runner.ts';
import { WakeQueue } from './wake-queue.ts';

/** Messages and steps between two turns given to sockets and timers. Counted, not timed, so that a simulation repeats exactly. */
const workPerTurn = 16;
/** Rows whose messages are applied at once. */
const messageVisits = 8;
/** A row that is later than now by more was written by a clock that was ahead of this one. */
const clocksDifferMs = 30_000;

type Phase = 'new' | 'running' | 'stopping' | 'stopped';

export class EngineRuntime implements Engine, WorkerHost {
  readonly #options: EngineOptions;
  readonly #limits: EngineLimits;
  readonly #random: Random;
  readonly #entries = new Map<string, ProcessEntry>();
  readonly #quarantined = new Map<string, string>();
  readonly #slotWaiters = new Set<ProcessEntry>();
  readonly #stop = new AbortController();
  readonly #messageQueue = new PQueue({ concurrency: messageVisits });
  readonly #stepQueue: PQueue;
  readonly #wakes: WakeQueue;
  readonly #mailroom: Mailroom;
  readonly #runner: StepRunner;
  readonly #worker: ProcessWorker;
  #phase: Phase = 'new';
  #stopped: Promise<void> | undefined;
  /** Visits queued or under way, and calls on the store beside them. */
  #busy = 0;
  #settledWaiters: (() => void)[] = [];
  #workSinceTurn = 0;
  #turn: Promise<void> | undefined;
  #storeFailures = 0;
  #lastCommitAt: number | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#random = options.random.fork('store');
    this.#stepQueue = new PQueue({ concurrency: this.#limits.concurrency });
    this.#wakes = new WakeQueue(options.clock, (id) => this.#timerFired(id));
    this.#mailroom = new Mailroom(options.store, this.#limits.messagePage, (message) => this.#route(message));
    this.#runner = new StepRunner({ timeoutMs: this.#limits.stepTimeoutMs, stop: this.#stop.signal, log: options.log });
    const parts = { host: this, mailroom: this.#mailroom, runner: this.#runner };
    this.#worker = new ProcessWorker(options, this.#limits, parts);
  }

  async start(): Promise<void> {
    if (this.#phase !== 'new') throw new Error('an engine starts once');
    this.#phase = 'running';
    await this.#track(async () => {
      const { store } = this.#options;
      const rows = [...(await store.rows({ status: 'active' })), ...(await store.rows({ status: 'quarantined' }))];
      await this.#recover(rows);
    });
    this.#options.log.info({ active: this.#entries.size, quarantined: this.#quarantined.size }, 'Engine started');
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopOnce();
    return this.#stopped;
  }

  wake(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry?.live || this.#phase !== 'running') return;
    // A hint says that something changed, not that the failure is over: the backoff stands.
    if (entry.failures > 0 && this.#wakes.at(id) !== undefined) return;
    entry.due = true;
    this.#schedule(entry);
  }

  async post(
    message: OutboxMessage | OutboxMessage[],
    alongside: { facts?: FactWrite[]; journal?: JournalEntry[] } = {},
  ): Promise<void> {
    if (this.#phase !== 'running' || !this.#options.lease.held()) {
      throw new FailureError(
        transient('engine-stopped', 'the daemon is not running its engine now; try again in a moment'),
      );
    }
    const messages = Array.isArray(message) ? message : [message];
    await this.#track(async () => {
      await this.#options.store.post({ messages, ...alongside, now: this.now() });
      this.#pull();
    });
  }

  messagesPosted(): void {
    if (this.#phase === 'running') this.#pull();
  }

  settled(): Promise<void> {
    if (this.#busy === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#settledWaiters.push(resolve);
    });
  }

  stats(): EngineStats {
    const overdue = this.#runner.underWay().filter((step) => step.overdue);
    return {
      running: this.#phase === 'running',
      active: this.#entries.size,
      quarantined: [...this.#quarantined].map(([id, reason]) => ({ id, reason })),
      stepsUnderWay: this.#runner.underWay().length,
      stepsQueued: this.#stepQueue.size,
      pendingMessages: this.#mailroom.waiting(),
      slotWaiters: this.#slotWaiters.size,
      overdueSteps: overdue.map(({ id, step, startedWallMs }) => ({ id, step, wallMs: wallMs() - startedWallMs })),
      ...this.#worker.counts,
      storeFailures: this.#storeFailures,
      nextWakeAt: this.#wakes.next(),
      lastCommitAt: this.#lastCommitAt,
    };
  }

  // ---- what the worker tells us ----

  now(): number {
    return Math.round(this.#options.clock.now());
  }

  committed(
    entry: ProcessEntry,
    commit: Commit,
    previous: ProcessRow | undefined,
    state: ProcessState | undefined,
  ): void {
    this.#lastCommitAt = commit.now;
    entry.storeFailures = 0;
    if (commit.outbox && commit.outbox.length > 0) this.#pull();
    if (commit.row.status === 'final') this.remove(entry);
    if (commit.row.status === 'final' || (commit.release && commit.release.length > 0)) this.#slotFreed();
    try {
      this.#options.onCommitted?.({
        row: commit.row,
        ...(previous ? { previous } : {}),
        event: commit.trace?.event ?? '',
        from: commit.trace?.from ?? '',
        to: state?.path ?? commit.trace?.to ?? '',
        journal: commit.journal ?? [],
      });
    } catch (error) {
      this.#options.log.error({ process: commit.row.id, err: error }, 'Listener to commits threw');
    }
  }

  wakeAt(entry: ProcessEntry, at: number | null): void {
    if (at !== null && at > this.now()) {
      this.#wakes.set(entry.id, at);
      return;
    }
    this.#wakes.clear(entry.id);
    // Its time has come. A working row without a wake-up cannot wait for anything either.
    if (entry.live?.state.step !== undefined) entry.due = true;
  }

  remove(entry: ProcessEntry, quarantined?: string): void {
    entry.gone = true;
    entry.due = false;
    this.#wakes.clear(entry.id);
    this.#slotWaiters.delete(entry);
    if (this.#entries.get(entry.id) === entry) this.#entries.delete(entry.id);
    if (quarantined !== undefined) this.#quarantined.set(entry.id, quarantined);
    const left = entry.inbox;
    entry.inbox = [];
    entry.taken = 0;
    if (left.length === 0) return;
    // Messages for a quarantined row stay in the store until it can be read again; those for a final one are discarded in order.
    if (quarantined === undefined) for (const message of left) this.#deliver(message);
    else if (this.#mailroom.settled(left.length)) this.#pull();
  }

  waitsForSlot(entry: ProcessEntry, waits: boolean): void {
    if (waits) this.#slotWaiters.add(entry);
    else this.#slotWaiters.delete(entry);
  }

  leaseLost(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#halt();
    this.#options.log.error({}, 'Lease is lost: everything stops');
    this.#options.onLeaseLost?.();
  }

  // ---- scheduling ----

  /** Every row is known before the first message is handed out, and every message before the first step runs. */
  async #recover(rows: ProcessRow[]): Promise<void> {
    const entries = rows.map((row) => ({ row, entry: { ...newEntry(row.id), busy: true } }));
    for (const { entry } of entries) this.#entries.set(entry.id, entry);
    // Wake-ups of a clock that was ahead would come as much too late. A step may run at any time: all do.
    const behind = rows.some((row) => row.updatedAt > this.now() + clocksDifferMs);
    for (const { row, entry } of entries) {
      await this.#worker.adopt(entry, behind ? { ...row, wakeAt: this.now() } : row);
      await this.#giveTurn();
    }
    await this.#mailroom.pull();
    for (const { entry } of entries) {
      entry.busy = false;
      this.#schedule(entry);
    }
  }

  #route(message: PendingMessage): void {
    if (this.#quarantined.has(message.message.to)) {
      this.#mailroom.settled();
      return;
    }
    this.#deliver(message);
  }

  #deliver(message: PendingMessage): void {
    const id = message.message.to;
    let entry = this.#entries.get(id);
    if (!entry) {
      entry = newEntry(id);
      this.#entries.set(id, entry);
    }
    entry.inbox.push(message);
    this.#schedule(entry);
  }

  #timerFired(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.due = true;
    this.#schedule(entry);
  }

  #slotFreed(): void {
    for (const entry of this.#slotWaiters) {
      entry.due = true;
      this.#schedule(entry);
    }
  }

  #schedule(entry: ProcessEntry): void {
    if (entry.gone || entry.busy || entry.paused || this.#phase !== 'running') return;
    if (hasMail(entry) && !entry.messageVisitQueued) {
      entry.messageVisitQueued = true;
      void this.#track(() => this.#messageQueue.add(() => this.#visit(entry, 'message')));
    } else if (entry.due && !hasMail(entry) && entry.live?.state.step !== undefined && !entry.stepVisitQueued) {
      entry.stepVisitQueued = true;
      void this.#track(() => this.#stepQueue.add(() => this.#visit(entry, 'step')));
    }
  }

  async #visit(entry: ProcessEntry, kind: 'message' | 'step'): Promise<void> {
    if (kind === 'message') entry.messageVisitQueued = false;
    else entry.stepVisitQueued = false;
    if (entry.gone || entry.busy || entry.paused || this.#phase !== 'running') return;
    entry.busy = true;
    try {
      await this.#giveTurn();
      while (hasMail(entry) && !this.#over(entry)) {
        await this.#worker.applyMessage(entry);
        await this.#giveTurn();
      }
      if (!entry.live && entry.inbox.length === 0) this.remove(entry);
      while (kind === 'step' && entry.due && !hasMail(entry) && !this.#over(entry)) {
        entry.due = false;
        await this.#worker.runStep(entry);
        // whoever is not in the middle of a commit waits for its turn
        if (entry.live?.carriedFrom === undefined) break;
        await this.#giveTurn();
      }
    } catch (error) {
      this.#visitFailed(entry, error);
    } finally {
      entry.busy = false;
      this.#schedule(entry);
    }
  }

  #over(entry: ProcessEntry): boolean {
    return entry.gone || this.#phase !== 'running';
  }

  /** The store failed, or the engine has a bug: the row is tried again later, the others go on. */
  #visitFailed(entry: ProcessEntry, error: unknown): void {
    if (this.#phase === 'stopped') return;
    this.#storeFailures += 1;
    entry.storeFailures += 1;
    const waitMs = backoffMs(this.#limits.backoff, entry.storeFailures, this.#random);
    this.#options.log.error({ process: entry.id, err: error, retryInMs: waitMs }, 'Process could not be moved on');
    // Neither its messages (their order matters) nor its step before the wait is over
    entry.paused = true;
    this.#options.clock.at(this.now() + waitMs, () => {
      entry.paused = false;
      entry.due = true;
      this.#schedule(entry);
    });
  }

  #pull(): void {
    void this.#track(() => this.#mailroom.pull()).catch((error: unknown) => {
      this.#storeFailures += 1;
      this.#options.log.error({ err: error }, 'Messages could not be read');
      this.#options.clock.at(this.now() + this.#limits.backoff.baseMs, () => this.messagesPosted());
    });
  }

  /** All visits wait for the same turn: if only the one that counts to the end waited, the others would hold the loop. */
  async #giveTurn(): Promise<void> {
    if (this.#turn) await this.#turn;
    this.#workSinceTurn += 1;
    if (this.#workSinceTurn < workPerTurn) return;
    this.#workSinceTurn = 0;
    this.#turn = yieldToEventLoop().then(() => {
      this.#turn = undefined;
    });
    await this.#turn;
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0) {
        const waiters = this.#settledWaiters;
        this.#settledWaiters = [];
        for (const resolve of waiters) resolve();
      }
    }
  }

  /** No new visit begins; the queued ones end at once. */
  #halt(): void {
    this.#wakes.stop();
    this.#slotWaiters.clear();
    this.#stop.abort(new Error('the engine stops'));
  }

  async #stopOnce(): Promise<void> {
    if (this.#phase === 'running') this.#phase = 'stopping';
    this.#halt();
    const deadline = startDeadline(this.#limits.stopGraceMs, 'stopping the engine');
    const expired = new Promise<void>((resolve) => {
      deadline.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.settled(), expired]);
    deadline.clear();
    if (this.#busy > 0) {
      const steps = this.#runner.underWay().map(({ id, step }) => `${step} of ${id}`);
      this.#options.log.warn({ steps }, 'Steps did not stop in time and are left to the next start');
    }
    this.#phase = 'stopped';
  }
}
