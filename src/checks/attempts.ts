/** What the attempts of one check come to. */
import { type AttemptVerdict, judgeAttempts } from '../planning/e2e/statistical-verdict.ts';
import type { CheckOutcome, CheckResult, CheckRunRequest } from '../ports/check-runner.ts';
import type { CheckDefinition } from './contract.ts';
import type { Attempt } from './run-check.ts';

const verdicts = new Set<CheckOutcome>(['fail', 'timedout']);
/** Runs again of a check that came to no verdict, in one run; the process that wants the run may repeat the whole. */
const errorRetries = 1;

export interface Attempts {
  startedAt: number;
  attempts: (Attempt & { durationMs: number })[];
}

type History = CheckRunRequest['history'];
/** As much of an attempt as decides whether there is another. */
export type Said = Pick<Attempt, 'outcome' | 'hopeless'>;

/** The result of all its attempts; `last` is undefined when the run was cancelled before it could run again. */
export function resultOf(
  check: CheckDefinition,
  { attempts, startedAt }: Attempts,
  last: Attempt | undefined,
  history: History,
): CheckResult {
  const failed = attempts.find((attempt) => verdicts.has(attempt.outcome));
  const odds = oddsOf(check, attempts, history);
  const believed = last?.outcome === 'pass' && (odds === undefined || odds.kind === 'flaky' || odds.kind === 'passes');
  const shown = believed || failed === undefined ? (last ?? attempts.at(-1)) : failed;
  const { steps, metrics, cases, nodes, evidence, outcome, message, skipCode } = shown as Attempt;
  const flaky = believed && failed !== undefined;
  const why = failed === undefined || odds === undefined ? '' : `; ${odds.reason}`;
  const kept = attempts.at(-1)?.kept;
  return {
    check: check.id,
    gate: check.gate,
    outcome: flaky ? 'flaky' : outcome,
    message: flaky ? `passed when run again${why}; before: ${failed.message}` : message,
    ...(flaky || odds === undefined || attempts.length < 2 || odds.reason === '' ? {} : { odds: odds.reason }),
    ...(skipCode === undefined ? {} : { skipCode }),
    startedAt,
    durationMs: attempts.reduce((sum, attempt) => sum + attempt.durationMs, 0),
    attempts: attempts.length,
    // Each attempt clears up after those before it, too.
    leaked: attempts.at(-1)?.leaked ?? [],
    ...(kept === undefined ? {} : { kept }),
    steps,
    metrics,
    ...(cases.length === 0 ? {} : { cases }),
    nodes,
    evidence: flaky ? failed.evidence : evidence,
  };
}

/** What the odds say of its attempts; undefined without history, or for a check that is not to be run again. */
function oddsOf(check: CheckDefinition, attempts: readonly Said[], history: History): AttemptVerdict | undefined {
  if (history === undefined || check.retries === 0) return undefined;
  const said = attempts.filter((attempt) => attempt.outcome === 'pass' || verdicts.has(attempt.outcome));
  const outcomes = said.map((attempt) => (attempt.outcome === 'pass' ? 'pass' : 'fail'));
  return judgeAttempts(outcomes, history[check.id] ?? { runs: 0, flakes: 0 });
}

/** Whether another attempt follows those that were made. */
export function runsAgain(check: CheckDefinition, attempts: readonly Said[], history: History): boolean {
  const last = attempts.at(-1)?.outcome;
  const count = (wanted: (outcome: CheckOutcome) => boolean): number =>
    attempts.filter((attempt) => wanted(attempt.outcome)).length;
  if (last === 'error')
    return attempts.at(-1)?.hopeless !== true && count((outcome) => outcome === 'error') <= errorRetries;
  if (last !== 'pass' && (last === undefined || !verdicts.has(last))) return false;
  const odds = oddsOf(check, attempts, history);
  if (odds !== undefined) return odds.kind === 'again';
  return last !== 'pass' && count((outcome) => verdicts.has(outcome)) <= check.retries;
}
