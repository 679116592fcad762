/** What is done to one row during a visit: births, messages, steps, quarantine. Every method leaves the row consistent. */
import type { MachineModule } from '../machines/events.ts';
import type { StepOutcome } from '../ports/step.ts';
import type { Commit, CommitResult, JournalEntry, Lease, PendingMessage, ProcessRow, Store } from '../ports/store.ts';
import { backoffMs } from '../support/backoff.ts';
import { wallMs } from '../support/deadline.ts';
import type { Random } from '../support/random.ts';
import { attempt } from './attempt.ts';
import { type Decision, decideMessage, decideOutcome, unborn, waitIdentity } from './decide.ts';
import { decideQuarantine, decideStart, decideTakeUp, type StartMessage } from './decide-existence.ts';
import type { EngineLimits, EngineOptions } from './engine-options.ts';
import { hydrate, type LiveProcess } from './hydrate.ts';
import type { ProcessState } from './machine-logic.ts';
import type { Mailroom } from './mailroom.ts';
import { failuresAfterMessage, failuresSoFar, type ProcessEntry } from './process-entry.ts';
import type { StepRunner } from './step-runner.ts';

/** What a worker tells the runtime. */
export interface WorkerHost {
  /** Decision time in whole ms. */
  now(): number;
  committed(
    entry: ProcessEntry,
    commit: Commit,
    previous: ProcessRow | undefined,
    state: ProcessState | undefined,
  ): void;
  /** The row's wake-up, after any change of it. */
  wakeAt(entry: ProcessEntry, at: number | null): void;
  /** The entry leaves memory; `quarantined` says why when that is the reason. */
  remove(entry: ProcessEntry, quarantined?: string): void;
  waitsForSlot(entry: ProcessEntry, waits: boolean): void;
  leaseLost(): void;
}

export class ProcessWorker {
  readonly #store: Store;
  readonly #lease: Lease;
  readonly #random: Random;
  readonly #options: EngineOptions;
  readonly #limits: EngineLimits;
  readonly #modules: ReadonlyMap<string, MachineModule>;
  readonly #host: WorkerHost;
  readonly #mailroom: Mailroom;
  readonly #runner: StepRunner;
  readonly counts = { commits: 0, wakeMoves: 0, conflicts: 0, stepRuns: 0, stepFailures: 0 };

  constructor(
    options: EngineOptions,
    limits: EngineLimits,
    parts: { host: WorkerHost; mailroom: Mailroom; runner: StepRunner },
  ) {
    this.#store = options.store;
    this.#lease = options.lease;
    this.#random = options.random.fork('backoff');
    this.#options = options;
    this.#limits = limits;
    this.#modules = new Map(options.machines.map((module) => [module.name, module]));
    this.#host = parts.host;
    this.#mailroom = parts.mailroom;
    this.#runner = parts.runner;
  }

  hydrate(row: ProcessRow) {
    return hydrate(row, this.#modules, (name) => this.#knowsStep(name));
  }

  /** Takes a row into memory: at start, and after a conflict. A quarantined one that can be read again goes on. */
  async adopt(entry: ProcessEntry, row: ProcessRow): Promise<void> {
    const hydrated = this.hydrate(row);
    if (!hydrated.ok) {
      await this.quarantine(entry, row, hydrated.reason);
      return;
    }
    entry.live = hydrated.process;
    // A row that this version of the machine reads as ended is ended properly: its parent waits for the message.
    if (row.status === 'quarantined' || hydrated.process.state.final)
      await this.#commit(entry, decideTakeUp(hydrated.process, this.#host.now()));
    else this.#host.wakeAt(entry, row.wakeAt);
  }

  /** The first message of the inbox: applied, or settled because nobody can take it. */
  async applyMessage(entry: ProcessEntry): Promise<void> {
    const message = entry.inbox[entry.taken];
    if (!message) return;
    if (!entry.live) {
      await this.#birth(entry, message);
      return;
    }
    if (message.message.start) {
      await this.#discard(entry, message);
      return;
    }
    const { live } = entry;
    const decision = this.#guarded(live, () => decideMessage(live, message, this.#host.now()));
    if ('reason' in decision) {
      await this.quarantine(entry, live.row, decision.reason);
      return;
    }
    if (decision.kind === 'carry') {
      entry.taken += 1;
      this.#carryOn(entry, live, decision.state);
    } else if ((await this.#commit(entry, decision)) !== 'committed' || decision.ignored) return;
    entry.stepsInARow = 0;
    entry.failures = failuresAfterMessage(entry, message.from === '');
    delete entry.lastWait;
  }

  /** One run of the step that the state names, and the commit of its outcome. */
  async runStep(entry: ProcessEntry): Promise<void> {
    const live = entry.live;
    const name = live?.state.step;
    if (!live || name === undefined) return;
    if (!this.#lease.held()) {
      this.#host.leaseLost();
      return;
    }
    const step = this.#options.steps[name];
    if (!step) throw new Error(`step ${name} vanished`);
    const { row, state } = live;
    this.#host.waitsForSlot(entry, false);
    const started = wallMs();
    this.counts.stepRuns += 1;
    const outcome = await this.#runner.run(name, step, {
      id: row.id,
      state: state.path,
      context: state.context,
      seq: row.seq,
      parent: row.parent,
      channel: row.channel,
      cluster: row.cluster,
      commit: row.commit,
      now: this.#host.now(),
      leaseHeld: () => this.#lease.held(),
    });
    if (!outcome) return;
    if (outcome.kind === 'failed') this.counts.stepFailures += 1;
    this.#options.onStep?.({
      id: row.id,
      machine: row.machine,
      step: name,
      outcome: outcome.kind,
      wallMs: wallMs() - started,
      ...(outcome.kind === 'failed' ? { code: outcome.failure.code } : {}),
    });
    if (!this.#lease.held()) {
      this.#host.leaseLost();
      return;
    }
    await this.#applyOutcome(entry, live, outcome);
  }

  async #applyOutcome(entry: ProcessEntry, live: LiveProcess, outcome: StepOutcome): Promise<void> {
    const now = this.#host.now();
    const failures = outcome.kind === 'failed' ? failuresSoFar(entry) + 1 : 0;
    const mayRunOn = entry.stepsInARow < this.#limits.stepsInARow;
    if (!mayRunOn) {
      this.#options.log.error(
        { process: entry.id, step: live.state.step ?? '' },
        'Process runs step after step without end and must pause',
      );
    }
    const retryAfterMs = outcome.kind === 'failed' ? (outcome.failure.retryAfterMs ?? 0) : 0;
    const retryAt = Math.ceil(
      now + Math.max(retryAfterMs, backoffMs(this.#limits.backoff, Math.max(1, failures), this.#random)),
    );
    const wait = outcome.kind === 'waiting' ? waitIdentity(outcome) : undefined;
    const sameWait = wait !== undefined && wait === entry.lastWait;
    const decision = this.#guarded(live, () =>
      decideOutcome({ process: live, outcome, now, retryAt, sameWait, flushMs: this.#limits.flushMs, mayRunOn }),
    );
    if ('reason' in decision) {
      await this.quarantine(entry, live.row, decision.reason);
      return;
    }
    if (decision.kind === 'move-wake') {
      entry.failures = failures;
      entry.stepsInARow = 0;
      live.state = decision.state;
      await this.#moveWake(entry, live, decision.wakeAt);
      return;
    }
    if (decision.kind === 'carry') {
      entry.failures = failures;
      entry.stepsInARow += 1;
      delete entry.lastWait;
      this.#carryOn(entry, live, decision.state);
      return;
    }
    const result = await this.#commit(entry, decision);
    if (result === 'not-admitted') {
      await this.#waitForSlot(entry, live, outcome, now);
      return;
    }
    if (result !== 'committed') return;
    if (decision.ignored && outcome.kind === 'done') {
      this.#options.log.error(
        { process: entry.id, step: live.state.step ?? '' },
        'Machine ignores that its step is done',
      );
    }
    entry.failures = failures;
    entry.stepsInARow = decision.due && mayRunOn ? entry.stepsInARow + 1 : 0;
    if (wait === undefined || decision.stateChanged) delete entry.lastWait;
    else entry.lastWait = wait;
  }

  /** Nothing of the refused commit has happened; the row shows that it waits, and its step runs again when a slot is freed. */
  async #waitForSlot(entry: ProcessEntry, live: LiveProcess, refused: StepOutcome, now: number): Promise<void> {
    const slots = (refused.admit ?? []).flatMap((admission) => admission.slots);
    const names = [...new Set(slots.map((slot) => slot.name))];
    const outcome: StepOutcome = {
      kind: 'waiting',
      reason: { code: 'slot', message: `waits for a free slot of ${names.join(', ')}`, data: { slots: names } },
      wakeAt: now + this.#limits.slotRetryMs,
      progress: refused.kind === 'waiting' ? (refused.progress ?? null) : null,
    };
    // Registered first: a slot freed while this commits must not be missed.
    this.#host.waitsForSlot(entry, true);
    await this.#applyOutcome(entry, live, outcome);
  }

  /**
   * The timer in memory is exact. The stored wake-up only has to be no later, since a restart runs at once what is past due: an
   * earlier one is left alone, within a bound, and a wait that is looked at again and again writes nothing.
   */
  async #moveWake(entry: ProcessEntry, live: LiveProcess, wakeAt: number): Promise<void> {
    const stored = live.row.wakeAt;
    const near = stored !== null && (stored > this.#host.now() || wakeAt - stored <= this.#limits.wakeSlackMs);
    if (near && stored <= wakeAt) {
      this.#host.wakeAt(entry, wakeAt);
      return;
    }
    if (!(await this.#store.moveWake(entry.id, live.row.seq, wakeAt))) {
      if (!this.#lease.held()) this.#host.leaseLost();
      else await this.#reload(entry);
      return;
    }
    this.counts.wakeMoves += 1;
    live.row = { ...live.row, wakeAt };
    this.#host.wakeAt(entry, wakeAt);
  }

  /** The state in memory goes ahead of the stored one; its step runs at once, and commits both. */
  #carryOn(entry: ProcessEntry, live: LiveProcess, state: ProcessState): void {
    entry.live = { ...live, state, carriedFrom: live.carriedFrom ?? live.state.path };
    entry.due = true;
  }

  async #commit(entry: ProcessEntry, decision: Decision & { kind: 'commit' }): Promise<CommitResult> {
    const live = entry.live;
    if (!live) throw new Error(`${entry.id} has left memory`);
    const taken = entry.inbox.slice(0, entry.taken).map((message) => message.id);
    const delivered = [...taken, ...(decision.commit.delivered ?? [])];
    const commit = delivered.length === 0 ? decision.commit : { ...decision.commit, delivered };
    const result = await this.#store.commit(commit);
    if (result === 'committed') {
      const previous = live.row.seq === unborn ? undefined : live.row;
      entry.live = { row: decision.commit.row, module: live.module, state: decision.state };
      this.#afterCommit(entry, commit, previous, decision.state, decision.due);
    } else if (result === 'conflict') {
      await this.#reload(entry);
    } else if (result === 'lease-lost') {
      this.#host.leaseLost();
    }
    return result;
  }

  #afterCommit(
    entry: ProcessEntry,
    commit: Commit,
    previous: ProcessRow | undefined,
    state: ProcessState | undefined,
    due: boolean,
  ): void {
    this.counts.commits += 1;
    this.#messagesSettled(entry, 0, commit.delivered?.length ?? 0);
    if (due) entry.due = true;
    this.#host.committed(entry, commit, previous, state);
    if (commit.row.status !== 'active') return;
    this.#host.wakeAt(entry, due ? null : commit.row.wakeAt);
  }

  /** A message for a row that is not in memory: START makes it, anything else finds nobody. */
  async #birth(entry: ProcessEntry, message: PendingMessage): Promise<void> {
    const known = await this.#store.load(entry.id);
    if (known?.status === 'active') {
      await this.adopt(entry, known);
      return;
    }
    if (known?.status === 'quarantined') {
      this.#host.remove(entry, 'it is quarantined');
      return;
    }
    const { start, event } = message.message;
    if (start && !known) {
      await this.#create(entry, message, start);
      return;
    }
    const state = known ? 'has ended' : 'does not exist';
    await this.#discard(
      entry,
      message,
      start ? undefined : this.#unclaimed(message, `${event.type} was dropped: ${entry.id} ${state}`),
    );
  }

  async #create(entry: ProcessEntry, message: PendingMessage, start: StartMessage): Promise<void> {
    const module = this.#modules.get(start.machine);
    const { commit, made } = decideStart(message, start, {
      module,
      now: this.#host.now(),
      check: (state) => this.#withKnownStep(state),
    });
    if (made.ok && module && made.value.quick) {
      entry.live = { row: { ...commit.row, seq: unborn }, module, state: made.value, carriedFrom: '' };
      entry.taken = 1;
      entry.due = true;
      return;
    }
    const result = await this.#store.commit(commit);
    if (result === 'lease-lost') this.#host.leaseLost();
    if (result === 'conflict') await this.#reload(entry);
    if (result !== 'committed') return;
    const state = made.ok ? made.value : undefined;
    if (state && module) entry.live = { row: commit.row, module, state };
    this.#afterCommit(entry, commit, undefined, state, state?.step !== undefined);
    if (made.ok) return;
    this.#options.log.error(
      { process: entry.id, reason: made.reason },
      'Process could not be started and is quarantined',
    );
    this.#host.remove(entry, made.reason);
  }

  async #discard(entry: ProcessEntry, message: PendingMessage, journal?: JournalEntry): Promise<void> {
    await this.#store.discard(message.id, journal);
    this.#messagesSettled(entry, entry.taken, 1);
  }

  /** Takes the row out of work and says so; its value and context stay as they were stored. */
  async quarantine(entry: ProcessEntry, row: ProcessRow, reason: string): Promise<void> {
    this.#options.log.error({ process: row.id, seq: row.seq, reason }, 'Process is quarantined');
    if (row.status !== 'quarantined') {
      const [path, started] = [entry.live?.state.path ?? '', entry.inbox[0]];
      const commit = decideQuarantine(row, { path, reason, now: this.#host.now(), started });
      const result = await this.#store.commit(commit);
      if (result === 'lease-lost') this.#host.leaseLost();
      if (result === 'conflict') await this.#reload(entry);
      if (result !== 'committed') return;
      this.#afterCommit(entry, commit, row, entry.live?.state, false);
    }
    this.#host.remove(entry, reason);
  }

  /** Somebody else wrote the row: what is stored wins, and messages delivered there are not applied again. */
  async #reload(entry: ProcessEntry): Promise<void> {
    this.counts.conflicts += 1;
    this.#options.log.warn({ process: entry.id }, 'Row was changed by another writer and is loaded again');
    const row = await this.#store.load(entry.id);
    const before = entry.inbox.length;
    entry.inbox = await this.#mailroom.undelivered(entry.id);
    entry.taken = 0;
    this.#mailroom.recount(before, entry.inbox.length);
    delete entry.live;
    delete entry.lastWait;
    if (row?.status === 'active') await this.adopt(entry, row);
    else if (row?.status === 'quarantined') this.#host.remove(entry, 'another writer quarantined it');
    else if (entry.inbox.length === 0) this.#host.remove(entry);
  }

  #messagesSettled(entry: ProcessEntry, from: number, count: number): void {
    if (count === 0) return;
    entry.inbox.splice(from, count);
    if (from < entry.taken) entry.taken = Math.max(0, entry.taken - count);
    if (this.#mailroom.settled(count)) void this.#mailroom.pull();
  }

  #unclaimed(message: PendingMessage, text: string): JournalEntry {
    const source = message.from === '' ? 'outside' : message.from;
    const data = { to: message.message.to, event: message.message.event };
    return {
      at: this.#host.now(),
      source,
      seq: 0,
      kind: 'message-discarded',
      channel: '',
      cluster: '',
      commit: '',
      message: text,
      data,
    };
  }

  /** A machine that throws, or breaks the engine's rules, costs its own row and nothing else. */
  #guarded<T extends Decision>(live: LiveProcess, decide: () => T): T | { reason: string } {
    const made = attempt(() => {
      const decision = decide();
      if (decision.kind === 'commit') this.#withKnownStep(decision.state);
      return decision;
    });
    return made.ok ? made.value : { reason: `${made.reason} (machine ${live.module.name}, state ${live.state.path})` };
  }

  #withKnownStep(state: ProcessState): ProcessState {
    if (state.step !== undefined && !this.#knowsStep(state.step))
      throw new Error(`this program has no step named ${state.step}`);
    return state;
  }

  #knowsStep(name: string): boolean {
    return Object.hasOwn(this.#options.steps, name);
  }
}
