import type { CheckResult } from '../../ports/check-runner.ts';
import type { ResultRecord, RunRecord, RunVerdict } from '../../ports/e2e-store.ts';
import { failureSignature } from './signature.ts';

const longestMessage = 256;

const failing = new Set(['fail', 'timedout', 'blocked']);
const withoutVerdict = new Set(['error', 'cancelled']);

/** What a run says of the cluster as a whole; only blocking checks count, and skips are never green. */
export function runVerdict(results: readonly CheckResult[]): { verdict: RunVerdict; reason: string } {
  const blocking = results.filter((result) => result.gate === 'blocking');
  const named = (found: CheckResult[], what: string): string =>
    `${found.length} ${what}: ${found.map((result) => result.check).join(', ')}`;
  const failed = blocking.filter((result) => failing.has(result.outcome));
  if (failed.length > 0) return { verdict: 'fail', reason: named(failed, 'failed') };
  const leaking = results.filter((result) => result.leaked.length > 0);
  if (leaking.length > 0) return { verdict: 'fail', reason: named(leaking, 'left something behind') };
  const unsure = blocking.filter((result) => withoutVerdict.has(result.outcome));
  if (unsure.length > 0) {
    const cancelled = unsure.every((result) => result.outcome === 'cancelled');
    return { verdict: cancelled ? 'cancelled' : 'error', reason: named(unsure, 'without a verdict') };
  }
  if (!blocking.some((result) => result.outcome === 'pass' || result.outcome === 'flaky')) {
    return { verdict: 'error', reason: 'no check passed: an empty run proves nothing' };
  }
  const flaky = blocking.filter((result) => result.outcome === 'flaky');
  if (flaky.length > 0) return { verdict: 'flaky', reason: named(flaky, 'passed only when run again') };
  return { verdict: 'pass', reason: '' };
}

/** Results as history keeps them. */
export function resultRecords(runId: string, results: readonly CheckResult[]): ResultRecord[] {
  return results.map((result) => {
    const bad = failing.has(result.outcome) || withoutVerdict.has(result.outcome) || result.outcome === 'flaky';
    return {
      runId,
      test: result.check,
      outcome: result.outcome,
      attempts: result.attempts,
      startedAt: result.startedAt,
      durationMs: result.durationMs,
      message: result.message.slice(0, longestMessage),
      signature: bad ? failureSignature(result.check, result.message) : '',
      skipCode: result.skipCode ?? '',
      leaked: result.leaked.length,
      nodes: result.nodes ?? [],
    };
  });
}

/** The run of checks as history keeps it. */
export function runRecord(
  about: Omit<RunRecord, 'verdict' | 'reason' | 'startedAt' | 'finishedAt'> & { now: number; startedAt: number },
  results: readonly CheckResult[],
): RunRecord {
  const { now, ...rest } = about;
  const startedAt = Math.min(about.startedAt || now, ...results.map((result) => result.startedAt));
  return { ...rest, startedAt, finishedAt: now, ...runVerdict(results) };
}
