import type { Cluster } from '../domain/cluster.ts';
import { type AttemptVerdict, judgeAttempts } from '../planning/e2e/statistical-verdict.ts';
import type {
  CheckLedger,
  CheckOutcome,
  CheckResult,
  CheckRunner,
  CheckRunRequest,
  CheckRunState,
  SkipCode,
} from '../ports/check-runner.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { cleanUp } from './cleanup.ts';
import { ClusterFacts } from './cluster-facts.ts';
import type { CheckDefinition } from './contract.ts';
import { pause } from './pause.ts';
import { declaredButAbsent } from './preconditions.ts';
import { type ArtifactStore, type Attempt, type CheckScene, runCheck } from './run-check.ts';
import { nextDecision, timeLeft } from './schedule.ts';
import { selectChecks } from './selection.ts';
import { CheckSettings } from './settings.ts';

/** Checks of one run that are under way at once; serial ones run alone. */
const parallelChecks = 6;
/** Runs again of a check that came to no verdict, in one run; the process that wants the run may repeat the whole. */
const errorRetries = 1;
const sweepWithinMs = 3 * 60_000;

export interface CheckRunnerInput {
  /** Where the cluster is asked; a session of the daemon, or one connection. */
  sessions: { sessionFor(clusterId: string): Promise<{ kube: KubeCluster }> } | ClusterSessions;
  clusterOf(id: string): Cluster | undefined;
  clock: Clock;
  profiles: Record<string, CheckDefinition[]>;
  ledger: CheckLedger;
  /** Files of checks are dropped without it. */
  artifacts?: ArtifactStore;
  log: { warn(fields: Record<string, unknown>, message: string): void };
}

interface Run {
  request: CheckRunRequest;
  state: CheckRunState;
  abort: AbortController;
  finished: Promise<void>;
  listeners: Set<() => void>;
}

/** Runs live in memory, outside the engine's workers; the process that wants them keeps the finished results durably. */
export function createCheckRunner(input: CheckRunnerInput): CheckRunner {
  const runs = new Map<string, Run>();
  return {
    checksOf: (profile) => input.profiles[profile]?.map((check) => check.id),
    testsOf: (profile) =>
      (input.profiles[profile] ?? []).map(({ id, title, area, gate }) => ({ key: id, title, area, gate })),
    ensure(request, onProgress) {
      let run = runs.get(request.runId);
      if (!run) {
        run = new RunOfChecks(input, request).start();
        runs.set(request.runId, run);
      }
      run.listeners.clear();
      run.listeners.add(onProgress);
      return run.state;
    },
    async cancel(runId, clusterId) {
      const run = runs.get(runId);
      if (!run) {
        if (clusterId !== undefined) await sweepRun(input, runId, clusterId);
        return;
      }
      run.abort.abort(new Error('the run was cancelled'));
      await run.finished;
      runs.delete(runId);
    },
    forget: (runId) => {
      runs.delete(runId);
    },
  };
}

/** Once more for the whole run: a killed one may have left something of checks that did not come to their end. */
async function sweepRun(input: CheckRunnerInput, runId: string, clusterId: string): Promise<void> {
  try {
    const { kube } = await input.sessions.sessionFor(clusterId);
    const { clock, ledger } = input;
    const left = await cleanUp({ kube, clock, ledger, run: runId, withinMs: sweepWithinMs });
    if (left.length > 0) input.log.warn({ clusterId, runId, left }, 'Something of a run of checks is left behind');
  } catch (error) {
    input.log.warn({ clusterId, runId, error: String(error) }, 'Cleaning up after a run of checks failed');
  }
}

const verdicts = new Set<CheckOutcome>(['fail', 'timedout']);
/** How long an API that went away is waited for before checks without a verdict are run again, decision time. */
const apiBackWithinMs = 60_000;

interface Earlier {
  startedAt: number;
  attempts: (Attempt & { durationMs: number })[];
}

class RunOfChecks {
  readonly #input: CheckRunnerInput;
  readonly #request: CheckRunRequest;
  readonly #checks: CheckDefinition[];
  readonly #run: Run;
  /** Earlier attempts of checks that are run again. */
  readonly #earlier = new Map<string, Earlier>();
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
      // What an earlier life of this run has left: half-done checks begin anew.
      const { ledger } = this.#input;
      const { runId } = this.#request;
      if ((await ledger.open(runId)).length > 0) await this.#sweep();
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

  #sweep(): Promise<void> {
    return sweepRun(this.#input, this.#request.runId, this.#request.clusterId);
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
    const attempt = await runCheck(check, earlier.attempts.length + 1, scene);
    earlier.attempts.push({ ...attempt, durationMs: this.#input.clock.now() - startedAt });
    this.#running = this.#running.filter((one) => one !== check);
    delete this.#run.state.progress[check.id];
    if (this.#runsAgain(check, earlier.attempts) && !this.#run.abort.signal.aborted) this.#again.push(check);
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

  /** The result of all its attempts; `last` is undefined when the run was cancelled before it could run again. */
  #finish(check: CheckDefinition, last: Attempt | undefined): void {
    const { attempts, startedAt } = this.#earlier.get(check.id) as Earlier;
    const failed = attempts.find((attempt) => verdicts.has(attempt.outcome));
    const odds = this.#odds(check, attempts);
    const believed =
      last?.outcome === 'pass' && (odds === undefined || odds.kind === 'flaky' || odds.kind === 'passes');
    const shown = believed || failed === undefined ? (last ?? attempts.at(-1)) : failed;
    const { steps, metrics, cases, nodes, evidence, outcome, message, skipCode } = shown as Attempt;
    const flaky = believed && failed !== undefined;
    const why = failed === undefined || odds === undefined ? '' : `; ${odds.reason}`;
    this.#run.state.results.push({
      check: check.id,
      gate: check.gate,
      outcome: flaky ? 'flaky' : outcome,
      message: flaky ? `passed when run again${why}; before: ${failed.message}` : message,
      ...(flaky || odds === undefined || attempts.length < 2 || odds.reason === '' ? {} : { odds: odds.reason }),
      ...(skipCode === undefined ? {} : { skipCode }),
      startedAt,
      durationMs: attempts.reduce((sum, attempt) => sum + attempt.durationMs, 0),
      attempts: attempts.length,
      // Each attempt clears up after those before it, too.
      leaked: attempts.at(-1)?.leaked ?? [],
      steps,
      metrics,
      ...(cases.length === 0 ? {} : { cases }),
      nodes,
      evidence: flaky ? failed.evidence : evidence,
    });
  }

  /** What the odds say of its attempts; undefined without history, or for a check that is not to be run again. */
  #odds(check: CheckDefinition, attempts: readonly Attempt[]): AttemptVerdict | undefined {
    const { history } = this.#request;
    if (history === undefined || check.retries === 0) return undefined;
    const said = attempts.filter((attempt) => attempt.outcome === 'pass' || verdicts.has(attempt.outcome));
    const outcomes = said.map((attempt) => (attempt.outcome === 'pass' ? 'pass' : 'fail'));
    return judgeAttempts(outcomes, history[check.id] ?? { runs: 0, flakes: 0 });
  }

  #runsAgain(check: CheckDefinition, attempts: readonly Attempt[]): boolean {
    const last = attempts.at(-1)?.outcome;
    const count = (wanted: (outcome: CheckOutcome) => boolean): number =>
      attempts.filter((attempt) => wanted(attempt.outcome)).length;
    if (last === 'error')
      return attempts.at(-1)?.hopeless !== true && count((outcome) => outcome === 'error') <= errorRetries;
    if (last !== 'pass' && (last === undefined || !verdicts.has(last))) return false;
    const odds = this.#odds(check, attempts);
    if (odds !== undefined) return odds.kind === 'again';
    return last !== 'pass' && count((outcome) => verdicts.has(outcome)) <= check.retries;
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
    this.#run.state.results.push({
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
}
