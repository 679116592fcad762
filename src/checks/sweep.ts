/** Cleaning up after runs as a whole: those that were killed, and what was kept for people until its time is over. */
import type { CheckLedger, KeptObjects } from '../ports/check-runner.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { KubeCluster } from '../ports/kube-cluster.ts';
import type { Clock } from '../support/clock.ts';
import { type CleanupInput, cleanUp } from './cleanup.ts';
import { keptIn } from './keep.ts';

const sweepWithinMs = 3 * 60_000;

export interface SweepInput {
  /** Where the cluster is asked; a session of the daemon, or one connection. */
  sessions: { sessionFor(clusterId: string): Promise<{ kube: KubeCluster }> } | ClusterSessions;
  clock: Clock;
  ledger: CheckLedger;
  log: { warn(fields: Record<string, unknown>, message: string): void };
}

/**
 * Once more for the whole run: a killed one may have left something of checks that did not come to their end. What is kept stays
 * until its time is over, unless `only.release` names its check. Says what is left; never throws.
 */
export async function sweepRun(
  input: SweepInput,
  runId: string,
  clusterId: string,
  only: Pick<CleanupInput, 'check' | 'release'> = {},
): Promise<string[]> {
  const { clock, ledger, log } = input;
  try {
    const { kube } = await input.sessions.sessionFor(clusterId);
    const left = await cleanUp({ kube, clock, ledger, run: runId, withinMs: sweepWithinMs, ...only });
    if (left.length > 0) log.warn({ clusterId, runId, left }, 'Something of a run of checks is left behind');
    return left;
  } catch (error) {
    log.warn({ clusterId, runId, error: String(error) }, 'Cleaning up after a run of checks failed');
    return [`not cleaned up: ${String(error)}`];
  }
}

/** Takes away what was kept on a cluster: what is past its time, all of it, or that of one check. */
export async function sweepKept(
  input: SweepInput,
  clusterId: string,
  wanted: 'expired' | 'all' | { check: string },
): Promise<{ swept: KeptObjects[]; left: string[] }> {
  const { clock, ledger } = input;
  const swept: KeptObjects[] = [];
  const left: string[] = [];
  for (const run of await ledger.openRuns(clusterId)) {
    const goes = (one: KeptObjects): boolean =>
      typeof wanted === 'object' ? one.check === wanted.check : wanted === 'all' || one.until <= clock.now();
    const due = keptIn(await ledger.open(run)).filter(goes);
    // One by one: other checks of the run may be under way.
    for (const { check } of due) left.push(...(await sweepRun(input, run, clusterId, { check, release: () => true })));
    const still = new Set(keptIn(await ledger.open(run)).map((one) => one.check));
    swept.push(...due.filter((one) => !still.has(one.check)));
  }
  return { swept, left };
}
