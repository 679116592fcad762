/** What a run of checks is told beside its profile: quarantines, and how long each check takes. */
import type { Cluster } from '../domain/cluster.ts';
import type { Quarantine } from '../ports/check-runner.ts';
import type { Store } from '../ports/store.ts';
import type { RunBackground } from '../steps/e2e/run-checks.ts';

const runsLookedAt = 10;
const lookBackMs = 7 * 24 * 3_600_000;

export async function e2eBackground(
  input: { store: Store; clusterOf: (id: string) => Cluster | undefined },
  clusterId: string,
  profile: string,
  now: number,
): Promise<RunBackground> {
  const { store, clusterOf } = input;
  const facts = await store.facts('e2e-quarantine');
  const earlier = await store.e2e.results({ clusterId, profile, since: now - lookBackMs, limit: runsLookedAt });
  const taken = new Map<string, number[]>();
  for (const { test, outcome, durationMs } of earlier) {
    if (outcome === 'pass') taken.set(test, [...(taken.get(test) ?? []), durationMs]);
  }
  const cluster = clusterOf(clusterId);
  return {
    request: {
      quarantine: facts.map((fact) => fact.value as unknown as Quarantine),
      expectedMs: Object.fromEntries([...taken].map(([test, times]) => [test, median(times)])),
    },
    provider: cluster?.provider ?? '',
    region: cluster?.region ?? '',
    environment: cluster?.environment ?? '',
  };
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
