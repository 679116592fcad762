import type { CheckResult } from '../../ports/check-runner.ts';
import type { ResultRecord, RunRecord, RunVerdict, TestRecord } from '../../ports/e2e-store.ts';
import { failureSignature, longestMessage } from './signature.ts';

const failing = new Set(['fail', 'timedout', 'blocked']);
const withoutVerdict = new Set(['error', 'cancelled']);

/** Of so many checks a verdict says the names: a run that was cancelled early has them all. */
const mostNamed = 8;

function named(found: readonly CheckResult[], what: string): string {
  const names = found.slice(0, mostNamed).map((result) => result.check);
  const more = found.length - names.length;
  return `${found.length} ${what}: ${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

/** What a run says of the cluster as a whole; only blocking checks count, and skips are never green. */
export function runVerdict(results: readonly CheckResult[]): { verdict: RunVerdict; reason: string } {
  const blocking = results.filter((result) => result.gate === 'blocking');
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

/** `<check>/<name>` for tests that a check runs itself. */
const caseKey = (check: string, name: string): string => `${check}/${name}`;

/** The tests that checks ran themselves, as history names them. */
export function caseTests(results: readonly CheckResult[], tests: readonly TestRecord[]): TestRecord[] {
  return results.flatMap((result) =>
    (result.cases ?? []).map(({ name }) => ({
      key: caseKey(result.check, name),
      title: name,
      area: tests.find((test) => test.key === result.check)?.area ?? 'custom',
      // The check that ran it decides.
      gate: 'informing' as const,
    })),
  );
}

/** Results as history keeps them, those of tests that checks ran themselves among them. */
export function resultRecords(runId: string, results: readonly CheckResult[]): ResultRecord[] {
  const ofCases = results.flatMap((result) =>
    (result.cases ?? []).map((one) => ({
      runId,
      test: caseKey(result.check, one.name),
      outcome: one.outcome,
      attempts: one.outcome === 'flaky' ? 2 : 1,
      startedAt: result.startedAt,
      durationMs: one.durationMs,
      message: one.message.slice(0, longestMessage),
      signature: one.outcome === 'pass' ? '' : failureSignature(one.name, one.message),
      skipCode: '' as const,
      leaked: 0,
      nodes: [],
    })),
  );
  return [...resultsOfChecks(runId, results), ...ofCases];
}

function resultsOfChecks(runId: string, results: readonly CheckResult[]): ResultRecord[] {
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
