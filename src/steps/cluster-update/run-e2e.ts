import type { E2eProgress } from '../../domain/cluster-update.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { OutboxMessage } from '../../ports/store.ts';
import { done, failed, type UpdateInput, type UpdateStep, waiting } from './update-step.ts';

const backstopMs = 5 * 60_000;
/** A run that ended without a verdict is repeated so often; then nobody knows, and that is not green. */
const mostRuns = 3;

/** Has the checks run against exactly this version. */
export function runE2e(): UpdateStep {
  return async (input) => {
    const { context } = input;
    const { e2e } = context;
    if (e2e === null) return startRun(input, 1);
    if (e2e.state === 'running') {
      const reason = { code: 'checks', message: `checks of profile ${context.policy.e2eProfile} run` };
      return waiting(reason, input.now + backstopMs);
    }
    if (e2e.result === 'passed') return done({ kind: 'next' });
    if (e2e.result === 'failed') return failed('e2e-failed', describeFailures(e2e));
    if (e2e.round < mostRuns) return startRun(input, e2e.round + 1);
    const why = e2e.failures[0] === undefined ? '' : `: ${describeFailures(e2e)}`;
    return failed('e2e-inconclusive', `the checks came to no verdict in ${e2e.round} runs${why}`);
  };
}

function describeFailures(e2e: E2eProgress): string {
  const [first, ...others] = e2e.failures;
  if (first === undefined) return 'the checks did not pass';
  const more = others.length === 0 ? '' : `; also ${others.map((failure) => failure.check).join(', ')}`;
  return `check ${first.check} ${first.outcome}: ${first.message}${more}`;
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
  const start = {
    clusterId: context.clusterId,
    channel: context.channel,
    commit: context.commit,
    version: context.plan?.version ?? '',
    updateId: input.id,
    attempt: context.attempt,
    profile: context.policy.e2eProfile,
  };
  const message: OutboxMessage = {
    to: child,
    event: { type: 'START', input: start },
    start: {
      machine: 'e2eRun',
      parent: input.id,
      channel: context.channel,
      cluster: context.clusterId,
      commit: context.commit,
    },
  };
  const profile = context.policy.e2eProfile;
  const note = {
    kind: 'e2e-started',
    message: `checks of profile ${profile} start on ${context.clusterId} at ${start.version}`,
    data: { run: child, profile, version: start.version },
  };
  return done({ kind: 'again', e2e }, { messages: [message], journal: [note] });
}
