import type { Cluster } from '../domain/cluster.ts';
import type { CheckOutcome, CheckResult, CheckRunRequest, CheckRunState, SkipCode } from '../ports/check-runner.ts';
import { redactProse } from '../support/redact.ts';
import { type Attempts, resultOf, runsAgain } from './attempts.ts';
import { ClusterFacts } from './cluster-facts.ts';
import type { CheckDefinition } from './contract.ts';
import { KeepQuota, keepFor } from './keep.ts';
import { pause } from './pause.ts';
import { declaredButAbsent } from './preconditions.ts';
import { type ArtifactStore, type Attempt, type CheckScene, runCheck } from './run-check.ts';
import { nextDecision, timeLeft } from './schedule.ts';
import { selectChecks } from './selection.ts';
import { CheckSettings } from './settings.ts';
import { type SweepInput, sweepRun } from './sweep.ts';

/** Checks of one run that are under way at once; serial ones run alone. */
const parallelChecks = 6;
/** How long an API that went away is waited for before checks without a verdict are run again, decision time. */
const apiBackWithinMs = 60_000;

export interface CheckRunnerInput extends SweepInput {
  clusterOf(id: string): Cluster | undefined;
  profiles: Record<string, CheckDefinition[]>;
  /** Files of checks are dropped without it. */
  artifacts?: ArtifactStore;
}

export interface Run {
  request: CheckRunRequest;
  state: CheckRunState;
  abort: AbortController;
  finished: Promise<void>;
  listeners: Set<() => void>;
}

/** One run: what is next, what is under way, and what came of it. */
export class RunOfChecks {
  readonly #input: CheckRunnerInput;
  readonly #request: CheckRunRequest;
  readonly #checks: CheckDefinition[];
  readonly #run: Run;
  /** Earlier attempts of checks that are run again. */
  readonly #earlier = new Map<string, Attempts>();
  readonly #startedAt = new Map<string, number>();
  #waiting: CheckDefinition[];
  #again: CheckDefinition[] = [];
  #running: CheckDefinition[] = [];
  #seq = 0;

  constructor(input: CheckRunnerInput, request: CheckRunRequest) {
    this.#input = input;
    this.#request = request;
    const { selected, notSelected } = selectChecks(input.profiles[request.profile] ?? [], request.only, request.skip);
    this.#checks = selected;
    const done = new Set(request.finished.map((result) => result.check));
    this.#waiting = selected.filter((check) => !done.has(check.id));
    this.#run = {
      request,
      state: {
        results: [...request.finished],
        running: [],
        progress: {},
        again: [],
        total: selected.length,
        done: false,
        notSelected,
        endsAt: input.clock.now(),
      },
      abort: new AbortController(),
      finished: Promise.resolve(),
      listeners: new Set(),
    };
  }

  start(): Run {
    this.#run.finished = this.#runAll().finally(() => {
      this.#run.state.done = true;
      this.#tell();
    });
    return this.#run;
  }

  #tell(): void {
    const { state } = this.#run;
    const now = this.#input.clock.now();
    state.running = this.#running.map((check) => check.id);
    state.again = this.#again.map((check) => check.id);
    const expected = this.#request.expectedMs ?? {};
    const left = [...this.#waiting, ...this.#running, ...this.#again].map((check) => {
      const ranMs = this.#running.includes(check) ? now - (this.#startedAt.get(check.id) ?? now) : 0;
      const { completed = 0, total = 0 } = state.progress[check.id] ?? {};
      const known = expected[check.id] ?? check.expectedMs;
      // What it says of itself is worth more than what others took, once it has something to say.
      const expectedMs = completed >= 10 ? (ranMs * Math.max(total, completed)) / completed : known;
      return { serial: check.serial, again: this.#again.includes(check), expectedMs, ranMs };
    });
    state.endsAt = now + timeLeft(left, parallelChecks);
    for (const listener of this.#run.listeners) listener();
  }

  async #runAll(): Promise<void> {
    const cluster = this.#input.clusterOf(this.#request.clusterId);
    if (!cluster) {
      for (const check of this.#waiting) {
        this.#settle(check, `cluster ${this.#request.clusterId} is not in the registry`, 'error');
      }
      this.#waiting = [];
      return;
    }
    try {
      // What an earlier life of this run has left: half-done checks begin anew, with nothing kept of them.
      const { ledger } = this.#input;
      const { runId } = this.#request;
      const anew = new Set(this.#waiting.map((check) => check.id));
      if ((await ledger.open(runId)).length > 0) await this.#sweep((check) => anew.has(check));
      this.#seq = 1 + Math.max(-1, ...(await ledger.open(runId)).map((entry) => entry.seq));
      const scene = await this.#scene(cluster);
      await this.#loop(scene);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      for (const check of [...this.#waiting, ...this.#again]) this.#settle(check, message, 'error');
      this.#waiting = [];
      this.#again = [];
    } finally {
      await this.#sweep();
    }
  }

  #sweep(release: (check: string) => boolean = () => false): Promise<string[]> {
    return sweepRun(this.#input, this.#request.runId, this.#request.clusterId, { release });
  }

  async #scene(cluster: Cluster): Promise<CheckScene> {
    const { sessions, clock, ledger, log } = this.#input;
    const { kube } = await sessions.sessionFor(cluster.id);
    const settings = new CheckSettings(cluster);
    return {
      kube,
      cluster,
      settings,
      facts: new ClusterFacts(kube, settings, clock),
      clock,
      ledger,
      log,
      runId: this.#request.runId,
      quarantine: this.#request.quarantine ?? [],
      newSince: this.#request.newSince,
      newNodes: this.#request.newNodes ?? [],
      keepMs: keepFor(cluster, this.#request.keepOnFailureMs),
      keepQuota: new KeepQuota(ledger, cluster.id, this.#request.mostKept ?? Number.POSITIVE_INFINITY),
      artifacts: this.#input.artifacts,
      onProgress: (check, progress) => {
        this.#run.state.progress[check] = progress;
        this.#tell();
      },
      signal: this.#run.abort.signal,
      nextSeq: () => this.#seq++,
    };
  }

  async #loop(scene: CheckScene): Promise<void> {
    const underWay = new Set<Promise<void>>();
    for (;;) {
      if (this.#run.abort.signal.aborted) {
        await Promise.all(underWay);
        for (const check of this.#waiting) this.#settle(check, 'the run was cancelled', 'cancelled');
        for (const check of this.#again) this.#finish(check, undefined);
        this.#waiting = [];
        this.#again = [];
        return;
      }
      const decision = nextDecision({
        waiting: this.#waiting,
        again: this.#again,
        running: this.#running,
        settled: this.#settled(),
        limit: parallelChecks,
      });
      if (decision.kind === 'finished') return;
      if (decision.kind === 'wait') {
        await Promise.race(underWay);
        continue;
      }
      const check = this.#take(decision.check.id);
      if (decision.kind === 'block') {
        this.#block(check, decision.on);
        continue;
      }
      const work: Promise<void> = this.#runOne(check, scene).finally(() => underWay.delete(work));
      underWay.add(work);
    }
  }

  #settled(): Map<string, boolean> {
    return new Map(this.#run.state.results.map((one) => [one.check, ['pass', 'flaky'].includes(one.outcome)]));
  }

  #take(id: string): CheckDefinition {
    this.#waiting = this.#waiting.filter((check) => check.id !== id);
    this.#again = this.#again.filter((check) => check.id !== id);
    return this.#checks.find((check) => check.id === id) as CheckDefinition;
  }

  async #runOne(check: CheckDefinition, scene: CheckScene): Promise<void> {
    const startedAt = this.#input.clock.now();
    this.#running.push(check);
    this.#startedAt.set(check.id, startedAt);
    this.#tell();
    const earlier = this.#earlier.get(check.id) ?? { attempts: [], startedAt };
    this.#earlier.set(check.id, earlier);
    if (earlier.attempts.at(-1)?.outcome === 'error') await this.#untilApiAnswers(scene);
    const { history } = this.#request;
    const attempt = await runCheck(check, earlier.attempts.length + 1, {
      ...scene,
      isLast: (said) => !runsAgain(check, [...earlier.attempts, said], history),
    });
    earlier.attempts.push({ ...attempt, durationMs: this.#input.clock.now() - startedAt });
    this.#running = this.#running.filter((one) => one !== check);
    delete this.#run.state.progress[check.id];
    if (runsAgain(check, earlier.attempts, history) && !this.#run.abort.signal.aborted) this.#again.push(check);
    else this.#finish(check, attempt);
    this.#tell();
  }

  /** An API that is being replaced comes back; one that stays away leads to the same error again. */
  async #untilApiAnswers({ kube, clock, signal }: CheckScene): Promise<void> {
    const deadline = clock.now() + apiBackWithinMs;
    while (clock.now() < deadline && !signal.aborted) {
      try {
        if ((await kube.raw('/readyz')).status === 200) return;
      } catch {
        // Not yet.
      }
      await pause(clock, 5_000, signal).catch(() => {});
    }
  }

  #finish(check: CheckDefinition, last: Attempt | undefined): void {
    const earlier = this.#earlier.get(check.id) as Attempts;
    this.#add(resultOf(check, earlier, last, this.#request.history));
  }

  /** What depends on a check that does not apply here does not apply either; behind one that failed nobody can look. */
  #block(check: CheckDefinition, on: string): void {
    const before = this.#run.state.results.find((result) => result.check === on);
    if (before?.outcome !== 'skipped') {
      this.#settle(check, `${on} did not pass`, 'blocked');
      return;
    }
    const { code, declared } = this.#skippedWith(check, before);
    const message = `${on} was skipped: ${before.message}`;
    if (declared === undefined) this.#settle(check, message, 'skipped', code);
    else
      this.#settle(check, `the registry declares ${declared} for this cluster (e2e_expects), but ${message}`, 'fail');
  }

  /** A skip that somebody has decided on excuses what depends on it, whatever the registry declares. */
  #skippedWith(check: CheckDefinition, { skipCode }: CheckResult): { code: SkipCode; declared?: string } {
    const code = 'DEPENDENCY_FAILED';
    const cluster = this.#input.clusterOf(this.#request.clusterId);
    if (cluster === undefined || skipCode === 'QUARANTINED' || skipCode === 'DISRUPTIVE_NOT_ALLOWED') return { code };
    const declared = declaredButAbsent({ code, message: '' }, check, new CheckSettings(cluster).expects);
    return declared === undefined ? { code } : { code, declared };
  }

  #settle(check: CheckDefinition, message: string, outcome: CheckOutcome, skipCode?: SkipCode): void {
    const startedAt = this.#input.clock.now();
    const { id, gate } = check;
    this.#add({
      check: id,
      gate,
      outcome,
      message,
      ...(skipCode === undefined ? {} : { skipCode }),
      startedAt,
      durationMs: 0,
      attempts: 0,
      leaked: [],
    });
    this.#tell();
  }

  /** What a check found out may repeat what a server was sent; evidence, history, reports and messages are made of this. */
  #add(result: CheckResult): void {
    this.#run.state.results.push(redactProse(result));
  }
}
