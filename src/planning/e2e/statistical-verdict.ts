/**
 * Broken, or only as flaky as ever? A sequential probability ratio test (Wald) between two explanations of what a check's attempts
 * showed: its own flake rate, and a broken cluster. It says how many more attempts are worth making, instead of a fixed number.
 */
import type { FlakeHistory } from '../../ports/check-runner.ts';

export interface AttemptVerdict {
  kind: 'passes' | 'flaky' | 'broken' | 'again';
  /** How much more likely broken is than flaky, as a power of e. */
  evidence: number;
  reason: string;
}

/** A broken thing still passes by chance now and then. */
const failureRateWhenBroken = 0.9;
/** Chance of calling a flake a break, and of calling a break a flake. */
const mistakes = 0.01;
const decisive = Math.log((1 - mistakes) / mistakes);
/** What is assumed before anything is known: one flake in twenty, worth ten runs. */
const prior = { runs: 10, flakes: 0.5 };
const leastFlakeRate = 0.005;
const mostFlakeRate = 0.4;
/** Nobody waits longer; what is undecided by then counts as broken. */
export const mostAttempts = 7;
/** More clusters than this add nothing: they may share a cause that is not the version's. */
const mostElsewhere = 2;

/** How often the check fails on a cluster that is well. */
export function flakeRateOf(history: FlakeHistory): number {
  const rate = (history.flakes + prior.flakes) / (history.runs + prior.runs);
  return Math.min(mostFlakeRate, Math.max(leastFlakeRate, rate));
}

/**
 * Judges attempts of one check on one cluster. A first pass passes. After a failure it takes as many passes to believe in a flake as
 * the check's history makes necessary; one failure alone is never believed.
 */
export function judgeAttempts(attempts: readonly ('pass' | 'fail')[], history: FlakeHistory): AttemptVerdict {
  const failed = attempts.filter((one) => one === 'fail').length;
  const passed = attempts.length - failed;
  if (failed === 0) return { kind: passed > 0 ? 'passes' : 'again', evidence: 0, reason: '' };
  const rate = flakeRateOf(history);
  const forFailure = Math.log(failureRateWhenBroken / rate);
  const forPass = Math.log((1 - failureRateWhenBroken) / (1 - rate));
  const elsewhere = Math.min(history.failingElsewhere ?? 0, mostElsewhere);
  const evidence = (failed + elsewhere) * forFailure + passed * forPass;
  const also = elsewhere === 0 ? '' : `, and it fails on ${history.failingElsewhere} other clusters`;
  const shown = `${failed} of ${attempts.length} attempts failed${also}; its flake rate is ${(100 * rate).toFixed(1)} % (${history.runs} results)`;
  if (evidence >= decisive && attempts.length >= 2) {
    return { kind: 'broken', evidence, reason: `${shown}: more than its flakiness explains` };
  }
  if (evidence <= -decisive) return { kind: 'flaky', evidence, reason: `${shown}: its flakiness explains it` };
  if (attempts.length >= mostAttempts) {
    return { kind: 'broken', evidence, reason: `${shown}: undecided after ${mostAttempts} attempts counts as broken` };
  }
  return { kind: 'again', evidence, reason: `${shown}: not decided yet` };
}
