/** What a run after a change says, against what the same cluster showed before it: only regressions block. Pure. */

export interface CheckFailure {
  check: string;
  outcome: string;
  message: string;
  /** Failures that say the same share it. */
  signature?: string | undefined;
}

export interface RunAfterChange {
  passed: number;
  /** Blocking checks that did not pass; `failures` may hold fewer of them. */
  failed: number;
  failures: readonly CheckFailure[];
  /** Checks that passed only when run again. */
  flaky: readonly string[];
}

/** How results are judged, beside their profile. */
export interface RegressionPolicy {
  /** So many masked failures are let through. */
  maxFlaky: number;
}

export interface GateVerdict {
  kind: 'pass' | 'acceptable' | 'block';
  reason: string;
  /** Failures that the change made. */
  regressions: CheckFailure[];
  /** Failures that were there before. */
  excused: CheckFailure[];
}

/** Only a verdict on the cluster can be excused: what is left behind, and what could not be asked, never is. */
const excusable = new Set(['fail', 'timedout', 'blocked']);

/**
 * `before` is undefined where nothing was measured before the change: then every failure blocks. A failure is excused when the same
 * check failed in the same way before.
 */
export function judgeRegressions(
  after: RunAfterChange,
  before: readonly CheckFailure[] | undefined,
  policy: RegressionPolicy,
): GateVerdict {
  const excused = after.failures.filter((failure) => before?.some((one) => isSame(one, failure)) === true);
  const regressions = after.failures.filter((failure) => !excused.includes(failure));
  const verdict = (kind: GateVerdict['kind'], reason: string): GateVerdict => ({ kind, reason, regressions, excused });
  // first what people can mend: which check failed, and how
  const worst = regressions[0];
  if (worst !== undefined) return verdict('block', describeRegression(worst, regressions, before));
  if (after.passed === 0) return verdict('block', 'no check passed: an empty run proves nothing');
  if (after.failed > after.failures.length) {
    return verdict('block', `${after.failed} checks failed, more than can be told apart`);
  }
  if (after.flaky.length > policy.maxFlaky) {
    const named = after.flaky.join(', ');
    return verdict('block', `${after.flaky.length} masked failures, ${policy.maxFlaky} allowed: ${named}`);
  }
  if (excused.length === 0) return verdict('pass', '');
  return verdict('acceptable', `failed before the change too: ${excused.map((one) => one.check).join(', ')}`);
}

const longestShown = 400;

function isSame(before: CheckFailure, after: CheckFailure): boolean {
  return (
    before.check === after.check &&
    excusable.has(after.outcome) &&
    excusable.has(before.outcome) &&
    before.signature !== undefined &&
    before.signature !== '' &&
    before.signature === after.signature
  );
}

function describeRegression(
  worst: CheckFailure,
  all: readonly CheckFailure[],
  before: readonly CheckFailure[] | undefined,
): string {
  const also = all.slice(1).map((one) => one.check);
  const more = also.length === 0 ? '' : `; also ${also.join(', ')}`;
  const earlier = before?.find((one) => one.check === worst.check);
  const why =
    before === undefined
      ? ''
      : earlier === undefined
        ? ', and it passed before the change'
        : `, otherwise than before the change (${earlier.outcome}: ${earlier.message.slice(0, 120)})`;
  return `check ${worst.check} ${worst.outcome}: ${shortened(worst.message)}${why}${more}`;
}

/** It stands in lines of status and news; `clm e2e show` has all of it. */
function shortened(message: string): string {
  return message.length > longestShown ? `${message.slice(0, longestShown)}…` : message;
}
