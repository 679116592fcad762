import type { E2eProgress, UpdateProgress } from '../../domain/cluster-update.ts';
import { judgeRegressions } from '../../planning/e2e/regressions.ts';
import type { StepEffects, StepOutcome } from '../../ports/step.ts';
import { checkRun, describeFailures } from './check-runs.ts';
import { done, failed, passed, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

const backstopMs = 5 * 60_000;
/** A run that ended without a verdict is repeated so often; then nobody knows, and that is not green. */
const mostRuns = 3;
/** Without a policy: flaky checks are shown and do not block, and nothing is excused. */
const anyNumber = Number.POSITIVE_INFINITY;

/** Has the checks run against exactly this version, and judges what they found against what was so before. */
export function runE2e(): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { e2e } = context;
    if (e2e === null) return startRun(input, 1);
    if (e2e.state === 'running') return runs(input);
    if (e2e.result === 'passed' || e2e.result === 'failed') return judged(input, e2e);
    if (e2e.round < mostRuns) return startRun(input, e2e.round + 1);
    const why = e2e.failures[0] === undefined ? '' : `: ${describeFailures(e2e.failures)}`;
    return failed('e2e-inconclusive', `the checks came to no verdict in ${e2e.round} runs${why}`);
  };
}

function judged(input: UpdateInput, e2e: E2eProgress): StepOutcome {
  const { policy, baseline, clusterId } = input.context;
  const verdict = judgeRegressions({ ...e2e, flaky: e2e.flaky ?? [] }, baseline?.failures, {
    maxFlaky: policy.e2eGate?.maxFlaky ?? anyNumber,
  });
  if (verdict.kind === 'block') return failed('e2e-failed', verdict.reason);
  if (verdict.kind === 'pass') return passed();
  const excused = verdict.excused.map((failure) => failure.check);
  const message = `${clusterId}: no check fails that passed before the change; ${verdict.reason}`;
  const journal = [{ kind: 'e2e-acceptable', message, data: { run: e2e.child, excused } }];
  return done({ kind: 'next', e2e: { ...e2e, excused } }, { journal });
}

function startRun(input: UpdateInput, round: number): StepOutcome {
  const { context } = input;
  // a plan made anew within the same update is checked anew
  const number = (context.plan?.round ?? 0) * mostRuns + round;
  const child = `e2e:${input.id}:${number}`;
  const e2e: E2eProgress = {
    round,
    child,
    state: 'running',
    result: null,
    passed: 0,
    failed: 0,
    skipped: 0,
    failures: [],
  };
  const { message, note } = checkRun(input, {
    child,
    profile: context.policy.e2eProfile,
    purpose: 'verify',
    commit: context.commit,
    version: context.plan?.version ?? '',
  });
  return runs(input, { e2e }, { messages: [message], journal: [note] });
}

function runs({ context, now }: UpdateInput, progress: UpdateProgress = {}, effects: StepEffects = {}): StepOutcome {
  const reason = { code: 'checks', message: `checks of profile ${context.policy.e2eProfile} run` };
  return waiting(reason, now + backstopMs, progress, effects);
}
