import { terminal, transient } from '../../domain/failure.ts';
import type { CheckResult, CheckRunner, CheckRunState } from '../../ports/check-runner.ts';
import type { Step, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';

/** What the step reads of the machine's context. */
interface E2eContext {
  clusterId: string;
  commit: string;
  version: string;
  attempt: number;
  profile: string;
  round: number;
  results: CheckResult[];
}

/** Decision time until the step looks by itself, should a wake-up be lost. */
const backstopMs = 30_000;

/** Steps of the e2eRun machine. Checks run outside the engine's workers; the step only asks how far they are. */
export function createCheckSteps(input: {
  runner: CheckRunner;
  wake: (processId: string) => void;
}): Record<string, Step> {
  const { runner, wake } = input;
  return {
    'run-checks': async (step) => runChecks(runner, wake, step as unknown as StepInput<E2eContext>),
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

function runChecks(runner: CheckRunner, wake: (processId: string) => void, step: StepInput<E2eContext>): StepOutcome {
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
  const state = runner.ensure(
    { runId, clusterId: context.clusterId, profile: context.profile, finished: context.results },
    () => wake(step.id),
  );
  const known = new Set(context.results.map((result) => result.check));
  const fresh = state.results.filter((result) => !known.has(result.check));
  const facts = fresh.map((result) => resultFact(context, result));
  const progress = {
    results: state.results,
    running: [...state.running].sort(),
    total: state.total,
  } as unknown as Json;
  if (!state.done) {
    const reason = { code: 'checks-running', message: describe(state) };
    return { kind: 'waiting', reason, wakeAt: step.now + backstopMs, progress, facts };
  }
  runner.forget(runId);
  const bad = state.results.filter((result) => !['pass', 'flaky', 'skipped'].includes(result.outcome));
  const message =
    bad.length === 0
      ? `${state.results.length} checks of profile ${context.profile} on ${context.clusterId} passed`
      : `${bad.length} of ${state.results.length} checks on ${context.clusterId} did not pass: ${bad
          .map((result) => `${result.check} (${result.outcome}: ${result.message})`)
          .join('; ')}`;
  const data = { version: context.version, checks: state.results.length, bad: bad.map((result) => result.check) };
  return { kind: 'done', output: progress, facts, journal: [{ kind: 'e2e-finished', message, data }] };
}

function resultFact(context: E2eContext, result: CheckResult): FactWrite {
  return {
    kind: 'check',
    key: `${context.clusterId}/${context.commit}/${context.attempt}/${result.check}`,
    value: result as unknown as Json,
  };
}

function describe(state: CheckRunState): string {
  const running = state.running.length > 0 ? `; running ${state.running.join(', ')}` : '';
  return `${state.results.length} of ${state.total} checks finished${running}`;
}
