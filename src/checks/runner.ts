import PQueue from 'p-queue';
import type { Cluster } from '../domain/cluster.ts';
import { FailureError } from '../domain/failure.ts';
import type { CheckOutcome, CheckResult, CheckRunner, CheckRunRequest, CheckRunState } from '../ports/check-runner.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import { type Clock, patientLimit } from '../support/clock.ts';
import { type CheckContext, type CheckDefinition, CheckFailed, CheckTimedOut } from './contract.ts';
import { createSandbox, labelsOf, namespaceOf, removeSandboxes } from './sandbox.ts';
import { pause, untilObjects } from './wait.ts';

/** Checks of one run that are under way at once; serial ones run alone. */
const parallelChecks = 4;
/** Wall time that a check gets at least: its calls do not become faster with the clock. */
const leastCheckWallMs = 30_000;

export interface CheckRunnerInput {
  sessions: ClusterSessions;
  clusterOf(id: string): Cluster | undefined;
  clock: Clock;
  profiles: Record<string, CheckDefinition[]>;
  log: { warn(fields: Record<string, unknown>, message: string): void };
}

interface Run {
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
    ensure(request, onProgress) {
      let run = runs.get(request.runId);
      if (!run) {
        run = startRun(input, request);
        runs.set(request.runId, run);
      }
      run.listeners.clear();
      run.listeners.add(onProgress);
      return run.state;
    },
    async cancel(runId, clusterId) {
      const run = runs.get(runId);
      if (!run) {
        if (clusterId !== undefined) await sweep(input, runId, clusterId);
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

function startRun(input: CheckRunnerInput, request: CheckRunRequest): Run {
  const checks = input.profiles[request.profile] ?? [];
  const done = new Map(request.finished.map((result) => [result.check, result]));
  const state: CheckRunState = {
    results: [...request.finished],
    running: [],
    total: checks.length,
    done: false,
  };
  const run: Run = { state, abort: new AbortController(), finished: Promise.resolve(), listeners: new Set() };
  const tell = (): void => {
    for (const listener of run.listeners) listener();
  };
  const todo = checks.filter((check) => !done.has(check.id));
  run.finished = runAll(input, request, todo, run, tell).finally(() => {
    state.done = true;
    tell();
  });
  return run;
}

async function runAll(
  input: CheckRunnerInput,
  request: CheckRunRequest,
  todo: CheckDefinition[],
  run: Run,
  tell: () => void,
): Promise<void> {
  const { state } = run;
  const cluster = input.clusterOf(request.clusterId);
  const runOne = async (check: CheckDefinition): Promise<void> => {
    state.running.push(check.id);
    tell();
    const startedAt = input.clock.now();
    const result = cluster
      ? await runCheck(input, request, cluster, check, run)
      : { outcome: 'error' as const, message: `cluster ${request.clusterId} is not in the registry`, leaked: [] };
    state.running = state.running.filter((id) => id !== check.id);
    state.results.push({ check: check.id, startedAt, durationMs: input.clock.now() - startedAt, ...result });
    tell();
  };
  try {
    await runInOrder(todo, state, runOne, input.clock);
  } finally {
    if (cluster) await sweep(input, request.runId, cluster.id);
  }
}

async function runInOrder(
  todo: CheckDefinition[],
  state: CheckRunState,
  runOne: (check: CheckDefinition) => Promise<void>,
  clock: Clock,
): Promise<void> {
  const queue = new PQueue({ concurrency: parallelChecks });
  const independent = todo.filter((check) => !check.serial && check.dependsOn.length === 0);
  await queue.addAll(independent.map((check) => () => runOne(check)));
  for (const check of todo.filter((one) => !independent.includes(one))) {
    const missing = check.dependsOn.find((id) => !state.results.some((r) => r.check === id && r.outcome === 'pass'));
    if (missing === undefined) {
      await runOne(check);
      continue;
    }
    state.results.push({
      check: check.id,
      outcome: 'blocked',
      message: `${missing} did not pass`,
      startedAt: clock.now(),
      durationMs: 0,
      leaked: [],
    });
  }
}

/** Once more for the whole run: a killed run may have left namespaces of checks that did not come to theirs this time. */
async function sweep(input: CheckRunnerInput, runId: string, clusterId: string): Promise<void> {
  try {
    const { kube } = await input.sessions.sessionFor(clusterId);
    const left = await removeSandboxes(kube, input.clock, new AbortController().signal, runId);
    if (left.length > 0) input.log.warn({ clusterId, runId, left }, 'Namespaces of a run of checks are left behind');
  } catch (error) {
    input.log.warn({ clusterId, runId, error: String(error) }, 'Cleaning up after a run of checks failed');
  }
}

interface Verdict {
  outcome: CheckOutcome;
  message: string;
  leaked: string[];
  skipCode?: NonNullable<CheckResult['skipCode']>;
}

async function runCheck(
  input: CheckRunnerInput,
  request: CheckRunRequest,
  cluster: Cluster,
  check: CheckDefinition,
  run: Run,
): Promise<Verdict> {
  const { clock, log } = input;
  const limit = new AbortController();
  const limitMs = patientLimit(clock, check.timeoutMs, leastCheckWallMs);
  const timer = clock.at(clock.now() + limitMs, () =>
    limit.abort(new CheckTimedOut(`not finished within ${Math.round(limitMs / 1000)} s`)),
  );
  const signal = AbortSignal.any([run.abort.signal, limit.signal]);
  let verdict: Verdict;
  let sandboxed: KubeCluster | undefined;
  try {
    const { kube } = await input.sessions.sessionFor(cluster.id);
    const sandbox = async (): Promise<void> => {
      sandboxed = kube;
      // A killed daemon may have left this very check half done.
      await removeSandboxes(kube, clock, signal, request.runId, check.id);
      await createSandbox(kube, request.runId, check.id, clock.now());
    };
    const context = contextFor({ kube, cluster, clock, signal, runId: request.runId, check: check.id, sandbox });
    const skip = await check.plan?.(context);
    verdict = skip
      ? { outcome: 'skipped', message: skip.message, skipCode: skip.code, leaked: [] }
      : { outcome: 'pass', message: await check.run(context), leaked: [] };
  } catch (error) {
    verdict = { ...judge(error, run.abort.signal), leaked: [] };
  } finally {
    timer.cancel();
  }
  if (!sandboxed) return verdict;
  try {
    // Not under the run's signal: a cancelled run cleans up too. Its own limit is in removeSandboxes.
    verdict.leaked = await removeSandboxes(sandboxed, clock, new AbortController().signal, request.runId, check.id);
  } catch (error) {
    verdict.leaked = [`namespace/${namespaceOf(request.runId, check.id)}`];
    log.warn({ clusterId: cluster.id, check: check.id, error: String(error) }, 'Cleaning up after a check failed');
  }
  return verdict;
}

function contextFor(parts: {
  kube: KubeCluster;
  cluster: Cluster;
  clock: Clock;
  signal: AbortSignal;
  runId: string;
  check: string;
  sandbox(): Promise<void>;
}): CheckContext {
  const { kube, cluster, clock, signal, runId, check, sandbox } = parts;
  const namespace = namespaceOf(runId, check);
  return {
    kube,
    cluster,
    clock,
    signal,
    namespace,
    labels: labelsOf(runId, check),
    sandbox,
    until: (what, resource, options, withinMs, judgeItems) =>
      untilObjects({ kube, clock, signal, what, resource, options, withinMs, judge: judgeItems }),
    pause: (ms) => pause(clock, ms, signal),
  };
}

/** Only CheckFailed and CheckTimedOut are verdicts on the cluster; a tool that cannot ask has no opinion. */
function judge(error: unknown, cancelledBy: AbortSignal): { outcome: CheckOutcome; message: string } {
  if (cancelledBy.aborted) return { outcome: 'cancelled', message: 'the run was cancelled' };
  if (error instanceof CheckFailed) return { outcome: 'fail', message: error.message };
  if (error instanceof CheckTimedOut) return { outcome: 'timedout', message: error.message };
  if (error instanceof FailureError) {
    const { kind, code, message } = error.failure;
    const refused = kind === 'terminal' && (code === 'kube-invalid' || code === 'kube-forbidden');
    return { outcome: refused ? 'fail' : 'error', message: `${code}: ${message}` };
  }
  return { outcome: 'error', message: `internal-error: ${error instanceof Error ? error.message : String(error)}` };
}
