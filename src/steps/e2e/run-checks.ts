import { terminal, transient } from '../../domain/failure.ts';
import { caseTests, resultRecords, runRecord } from '../../planning/e2e/run-record.ts';
import { failureSignature } from '../../planning/e2e/signature.ts';
import type { CheckResult, CheckRunner, CheckRunRequest, CheckRunState } from '../../ports/check-runner.ts';
import type { E2eStore } from '../../ports/e2e-store.ts';
import type { Step, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';

/** What the step reads of the machine's context. */
interface E2eContext {
  clusterId: string;
  channel: string;
  commit: string;
  version: string;
  attempt: number;
  profile: string;
  purpose?: 'verify' | 'baseline' | 'mid-roll';
  newSince?: number;
  newNodes?: string[];
  round: number;
  startedAt: number;
  results: CheckResult[];
}

/** Decision time until the step looks by itself, should a wake-up be lost. */
const backstopMs = 30_000;

export interface CheckStepsInput {
  runner: CheckRunner;
  wake: (processId: string) => void;
  history: Pick<E2eStore, 'record'>;
  /** What history and registry say of a cluster, for its runs. */
  about: (run: { clusterId: string; profile: string; commit: string }, now: number) => Promise<RunBackground>;
  runnerVersion: string;
  /** Told the results of every run that ended. */
  onResults?: (run: { clusterId: string; channel: string }, results: readonly CheckResult[]) => void;
}

export interface RunBackground {
  request: Pick<CheckRunRequest, 'quarantine' | 'expectedMs' | 'history' | 'keepOnFailureMs' | 'mostKept'>;
  provider: string;
  region: string;
  environment: string;
}

/** Steps of the e2eRun machine. Checks run outside the engine's workers; the step only asks how far they are. */
export function createCheckSteps(input: CheckStepsInput): Record<string, Step> {
  const { runner } = input;
  return {
    'run-checks': (step) => runChecks(input, step as unknown as StepInput<E2eContext>),
    'cancel-checks': async (step) => {
      await runner.cancel(runKeyOf(step as unknown as StepInput<E2eContext>), step.cluster);
      return {
        kind: 'done',
        journal: [{ kind: 'e2e-cancelled', message: `e2e run on ${step.cluster} was cancelled` }],
      };
    },
  };
}

function runKeyOf(step: StepInput<E2eContext>): string {
  return `${step.id}/${step.context.round}`;
}

async function runChecks(input: CheckStepsInput, step: StepInput<E2eContext>): Promise<StepOutcome> {
  const { runner, wake } = input;
  const { context } = step;
  if (!runner.checksOf(context.profile)) {
    return {
      kind: 'failed',
      failure: terminal('e2e-unknown-profile', `there is no profile of checks called '${context.profile}'`),
    };
  }
  if (!step.leaseHeld()) {
    return { kind: 'failed', failure: transient('lease-lost', 'another daemon holds the lease') };
  }
  const runId = runKeyOf(step);
  const about = await input.about(context, step.now);
  const { clusterId, profile, newSince, newNodes } = context;
  const since = {
    ...(newSince === undefined ? {} : { newSince }),
    ...(newNodes === undefined ? {} : { newNodes }),
  };
  const state = runner.ensure(
    { runId, clusterId, profile, finished: context.results, ...since, ...about.request },
    () => wake(step.id),
  );
  const known = new Set(context.results.map((result) => result.check));
  const fresh = state.results.filter((result) => !known.has(result.check));
  // Only a run after the change is evidence for its version.
  const verifies = (context.purpose ?? 'verify') === 'verify';
  const facts = verifies ? fresh.map((result) => resultFact(context, result)) : [];
  const progress = {
    results: state.results.map(compact),
    running: [...state.running].sort(),
    total: state.total,
    endsAt: Math.round(state.endsAt),
  } as unknown as Json;
  if (!state.done) {
    const reason = { code: 'checks-running', message: describe(state) };
    return { kind: 'waiting', reason, wakeAt: step.now + backstopMs, progress, facts };
  }
  await keepHistory(input, step, about, state);
  runner.forget(runId);
  input.onResults?.(context, state.results);
  const bad = state.results.filter(
    (result) => result.gate === 'blocking' && !['pass', 'flaky', 'skipped'].includes(result.outcome),
  );
  const message =
    bad.length === 0
      ? `${state.results.length} checks of profile ${context.profile} on ${context.clusterId} passed${saidMidRoll(context, state)}`
      : `${bad.length} of ${state.results.length} checks on ${context.clusterId} did not pass: ${bad
          .map((result) => `${result.check} (${result.outcome}: ${result.message}${saidKept(result)})`)
          .join('; ')}`;
  const data = { version: context.version, checks: state.results.length, bad: bad.map((result) => result.check) };
  return { kind: 'done', output: progress, facts, journal: [{ kind: 'e2e-finished', message, data }] };
}

function saidKept({ kept }: CheckResult): string {
  return kept === undefined ? '' : `; kept in ${kept.namespace} until ${new Date(kept.until).toISOString()}`;
}

/** Whether new nodes do as well as old ones is no mere pass: where it is not clear, that is said. */
function saidMidRoll(context: E2eContext, state: CheckRunState): string {
  if (context.purpose !== 'mid-roll') return '';
  return state.results.map((result) => `; ${result.check}: ${result.message}`).join('');
}

/** Written before the run is forgotten: a step that is killed in between writes the same again. */
async function keepHistory(
  input: CheckStepsInput,
  step: StepInput<E2eContext>,
  about: RunBackground,
  state: CheckRunState,
): Promise<void> {
  const { context } = step;
  const { provider, region, environment } = about;
  const run = runRecord(
    {
      id: runKeyOf(step),
      kind: 'cluster-update',
      profile: context.profile,
      trigger: step.id,
      channel: context.channel,
      commit: context.commit,
      clusterId: context.clusterId,
      provider,
      region,
      environment,
      kubernetesVersion: versionOf(state.results),
      startedAt: context.startedAt,
      runnerVersion: input.runnerVersion,
      contact: '',
      headers: { version: context.version, purpose: context.purpose ?? 'verify' },
      now: step.now,
    },
    state.results,
  );
  const tests = input.runner.testsOf(context.profile);
  await input.history.record(run, [...tests, ...caseTests(state.results, tests)], resultRecords(run.id, state.results));
}

/** The check of API health says which version it found. */
function versionOf(results: readonly CheckResult[]): string {
  const health = results.find((result) => result.check === 'api.health');
  return /^v\d+\.\d+\.\d+\S*(?=;)/.exec(health?.message ?? '')?.[0] ?? '';
}

function resultFact(context: E2eContext, result: CheckResult): FactWrite {
  return {
    kind: 'check',
    key: `${context.clusterId}/${context.commit}/${context.attempt}/${result.check}`,
    value: compact(result) as unknown as Json,
  };
}

/** A result as a process and a fact keep it: small. Reports and history take the rest. */
function compact(result: CheckResult): CheckResult {
  const {
    steps: _steps,
    metrics: _metrics,
    cases: _cases,
    nodes: _nodes,
    evidence: _evidence,
    kept: _kept,
    ...small
  } = result;
  const good = result.outcome === 'pass' || result.outcome === 'skipped';
  return good ? small : { ...small, signature: failureSignature(result.check, result.message) };
}

function describe(state: CheckRunState): string {
  const said = (check: string): string => {
    const { completed, total } = state.progress[check] ?? { completed: 0, total: 0 };
    return total === 0 ? check : `${check} (${completed} of ${total} tests)`;
  };
  const running = state.running.length > 0 ? `; running ${state.running.map(said).join(', ')}` : '';
  return `${state.results.length} of ${state.total} checks finished${running}`;
}
