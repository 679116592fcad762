import type { HistoryResult } from '../../ports/e2e-store.ts';
import { normalisedMessage } from './signature.ts';

export interface FailureCluster {
  signature: string;
  /** What the failures say, with names and numbers masked. */
  says: string;
  example: string;
  tests: string[];
  clusters: string[];
  count: number;
  firstRun: string;
  lastRun: string;
  lastAt: number;
}

/** Failures that say the same, the most frequent first. Results come oldest first. */
export function failureClusters(results: readonly HistoryResult[]): FailureCluster[] {
  const groups = new Map<string, FailureCluster>();
  for (const one of results) {
    if (one.signature === '') continue;
    const known = groups.get(one.signature);
    if (known === undefined) {
      groups.set(one.signature, {
        signature: one.signature,
        says: normalisedMessage(one.message),
        example: one.message,
        tests: [one.test],
        clusters: [one.clusterId],
        count: 1,
        firstRun: one.runId,
        lastRun: one.runId,
        lastAt: one.startedAt,
      });
      continue;
    }
    known.count += 1;
    known.lastRun = one.runId;
    known.lastAt = Math.max(known.lastAt, one.startedAt);
    if (!known.tests.includes(one.test)) known.tests.push(one.test);
    if (!known.clusters.includes(one.clusterId)) known.clusters.push(one.clusterId);
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.lastAt - a.lastAt);
}
