/** When a check of a cluster deserves a word to people: after so many failures in a row, and again when it is over. Pure. */
import type { CheckOutcome } from '../../ports/check-runner.ts';

export interface AlertPolicy {
  failuresToOpen: number;
  passesToClose: number;
}

export const alertDefaults: AlertPolicy = { failuresToOpen: 3, passesToClose: 1 };

export interface AlertSample {
  runId: string;
  outcome: CheckOutcome;
  message: string;
  startedAt: number;
}

export type AlertChange =
  | { kind: 'open'; failures: number; message: string; since: number; lastPassRun: string | null }
  | { kind: 'close'; passes: number }
  | { kind: 'none' };

const failing = new Set<CheckOutcome>(['fail', 'timedout']);

/**
 * `samples` are oldest first. A flaky result proves neither; what has no verdict (error, skipped, blocked, cancelled) is as if it had
 * not been run.
 */
export function alertChange(
  samples: readonly AlertSample[],
  open: boolean,
  policy: AlertPolicy = alertDefaults,
): AlertChange {
  const said = samples.filter((one) => one.outcome === 'pass' || one.outcome === 'flaky' || failing.has(one.outcome));
  const streak = (wanted: (one: AlertSample) => boolean): AlertSample[] => {
    const found: AlertSample[] = [];
    for (const one of [...said].reverse()) {
      if (!wanted(one)) break;
      found.unshift(one);
    }
    return found;
  };
  if (open) {
    const passes = streak((one) => one.outcome === 'pass').length;
    return passes >= policy.passesToClose ? { kind: 'close', passes } : { kind: 'none' };
  }
  const failures = streak((one) => failing.has(one.outcome));
  const [first] = failures;
  const last = failures.at(-1);
  if (first === undefined || last === undefined || failures.length < policy.failuresToOpen) return { kind: 'none' };
  const lastPass = said.filter((one) => one.outcome === 'pass').at(-1);
  const lastPassRun = lastPass?.runId ?? null;
  return { kind: 'open', failures: failures.length, message: last.message, since: first.startedAt, lastPassRun };
}
