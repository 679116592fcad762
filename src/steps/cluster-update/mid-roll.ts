/** Checks while workers are replaced: what fails on new nodes alone stops the rolls before the rest is replaced too. */
import type { PoolRoll } from '../../domain/cluster-update.ts';
import type { StepOutcome } from '../../ports/step.ts';
import { checkRun, describeFailures } from './check-runs.ts';
import { done, failed, type UpdateInput } from './update-step.ts';

const loadCheck = 'rollout.load-slo';
/** Decision time between two runs. */
const everyMs = 3 * 60_000;
/** A roll that takes longer than these runs is looked at no more. */
const mostRuns = 100;

/** undefined = nothing to do now; the roll goes on. */
export function midRoll(input: UpdateInput, running: PoolRoll[]): StepOutcome | undefined {
  const { context } = input;
  const profile = context.policy.e2eGate?.midRoll;
  const last = context.midRoll;
  if (last !== undefined && last.child === null && last.result === 'failed' && last.failures.length > 0) {
    // who is on call looks at the new image, or at what the service could not stand
    const code = last.failures.some((one) => one.check !== loadCheck) ? 'new-nodes-fail' : 'objective-missed';
    return failed(code, `the roll was stopped half-way: ${describeFailures(last.failures)}`);
  }
  if (profile === undefined || running.length === 0 || last?.child != null) return undefined;
  const round = (last?.round ?? 0) + 1;
  if (round > mostRuns || input.now < nextMidRollAt(input, running)) return undefined;
  const since = Math.min(...running.map((roll) => roll.since));
  const child = `e2e-mid-roll:${input.id}:${(context.plan?.round ?? 0) * mostRuns + round}`;
  const { message, note } = checkRun(input, {
    child,
    profile,
    purpose: 'mid-roll',
    commit: context.commit,
    version: context.plan?.version ?? '',
    newSince: since,
  });
  const next = { round, child, at: input.now, result: null, failures: [] };
  return done({ kind: 'again', midRoll: next }, { messages: [message], journal: [note] });
}

/** When the next run is due; for the wake-up of a step that waits for rolls. */
export function nextMidRollAt({ context }: UpdateInput, running: PoolRoll[]): number {
  const last = context.midRoll;
  // one that is under way says itself when it is over; after the last one there is nothing to wait for
  const over = last != null && (last.child !== null || last.round >= mostRuns);
  if (context.policy.e2eGate?.midRoll === undefined || running.length === 0 || over) return Number.POSITIVE_INFINITY;
  return (last?.at ?? Math.min(...running.map((roll) => roll.since))) + everyMs;
}
