/** What the log of the upstream suite says of a run that is under way, or that ended without its results. */
import type { CheckProgress } from '../../ports/check-runner.ts';

/** `Will run 402 of 7201 specs`: once, or once a process. */
const planned = /^Will run (\d+) of (\d+) specs/gm;
/** A line of marks alone: `••S•`, one a test; a coloured or a slow one stands on a line with words. */
const marks = /^[•SP]*•[•SP]*$/gm;
const worded = /^• (?:\[|$)/gm;
const failures = /^(?:•? ?)\[(?:FAILED|FAIL|PANICKED!|TIMEDOUT)\] \[\d/gm;
const summary = /^Ran (\d+) of (\d+) Specs in ([\d.]+) seconds/m;
const counts = /(?:SUCCESS|FAIL)! -- .*?(\d+) Passed \| (\d+) Failed/;
const started = /Starting e2e run "?([0-9a-f-]{36})"?/g;

export interface LogReading extends CheckProgress {
  /** It came to its end, by its own words. */
  ended: boolean;
  passed: number;
}

/** Counts of a log as far as it is written; all of them 0 for an empty one. Never more completed than total, once it is known. */
export function readLog(text: string): LogReading {
  const total = Math.max(0, ...[...text.matchAll(planned)].map((found) => Number(found[1])));
  const end = summary.exec(text);
  const said = counts.exec(text);
  if (end && said) {
    const [passed, failed] = [Number(said[1]), Number(said[2])];
    const ran = Number(end[1]);
    return { total: Math.max(total, ran), completed: ran, failed, passed, ended: true };
  }
  const bullets = [...text.matchAll(marks)].reduce((sum, [line]) => sum + line.split('•').length - 1, 0);
  const failed = [...text.matchAll(failures)].length;
  // A failure has a bullet of its own in some versions, and none in others.
  const seen = bullets + [...text.matchAll(worded)].length;
  const completed = Math.max(seen, failed);
  return {
    total,
    completed: total > 0 ? Math.min(completed, total) : completed,
    failed,
    passed: Math.max(0, completed - failed),
    ended: false,
  };
}

/** What is posted to a progress URL, and what the log says: whichever is further on. Newer suites never post. */
export function mergeProgress(log: CheckProgress, posted: unknown): CheckProgress {
  const said = (typeof posted === 'object' && posted !== null ? posted : {}) as Record<string, unknown>;
  const number = (name: string): number => {
    const value = said[name];
    return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
  };
  const failed = Math.max(log.failed, number('failed'), Array.isArray(said['failures']) ? said['failures'].length : 0);
  // The URL counts passed ones as completed, and failed ones apart.
  const completed = Math.max(log.completed, number('completed') + number('failed'));
  const total = Math.max(log.total, number('total'));
  return { total, completed: total > 0 ? Math.min(completed, total) : completed, failed };
}

/** Ids that the suite gave itself: its namespaces carry them. */
export function runIds(text: string): string[] {
  return [...new Set([...text.matchAll(started)].map((found) => found[1] as string))];
}
