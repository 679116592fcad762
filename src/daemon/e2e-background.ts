/** What a run of checks is told beside its profile: quarantines, and how long each check takes. */

import type { Cluster } from '../domain/cluster.ts';
import type { KeepPolicy } from '../domain/pipeline.ts';
import { flakeHistories } from '../planning/e2e/flake-rates.ts';
import type { FlakeHistory, Quarantine } from '../ports/check-runner.ts';
import type { Store } from '../ports/store.ts';
import { pipelineDefaults } from '../sources/pipeline/pipeline-schema.ts';
import type { RunBackground } from '../steps/e2e/run-checks.ts';

const runsLookedAt = 10;
const flakesOverMs = 30 * 24 * 3_600_000;
const mostFlakeRuns = 300;
const nothing: FlakeHistory = { runs: 0, flakes: 0 };
const lookBackMs = 7 * 24 * 3_600_000;

export async function e2eBackground(
  input: {
    store: Store;
    clusterOf: (id: string) => Cluster | undefined;
    keepOf: (channel: string) => KeepPolicy | undefined;
  },
  run: { clusterId: string; profile: string; commit: string },
  now: number,
): Promise<RunBackground> {
  const { store, clusterOf, keepOf } = input;
  const { clusterId, profile } = run;
  const facts = await store.facts('e2e-quarantine');
  const earlier = await store.e2e.results({ clusterId, profile, since: now - lookBackMs, limit: runsLookedAt });
  const taken = new Map<string, number[]>();
  for (const { test, outcome, durationMs } of earlier) {
    if (outcome === 'pass') taken.set(test, [...(taken.get(test) ?? []), durationMs]);
  }
  const history = await flakeHistory(store, run, now);
  const cluster = clusterOf(clusterId);
  const keep = cluster === undefined ? undefined : keepOf(cluster.channel);
  return {
    request: {
      quarantine: facts.map((fact) => fact.value as unknown as Quarantine),
      expectedMs: Object.fromEntries([...taken].map(([test, times]) => [test, median(times)])),
      history,
      // a cluster that asks for it by itself is held to a number, too
      mostKept: keep?.most ?? pipelineDefaults.channel.mostKept,
      ...(keep === undefined ? {} : { keepOnFailureMs: keep.forMs }),
    },
    provider: cluster?.provider ?? '',
    region: cluster?.region ?? '',
    environment: cluster?.environment ?? '',
  };
}

/** Over all clusters: a check flakes the same everywhere, and one cluster alone has few runs. */
async function flakeHistory(
  store: Store,
  run: { clusterId: string; profile: string; commit: string },
  now: number,
): Promise<Record<string, FlakeHistory>> {
  const { profile, commit, clusterId } = run;
  const since = now - flakesOverMs;
  const all = await store.e2e.results({ profile, since, limit: mostFlakeRuns });
  const elsewhere = new Map<string, Set<string>>();
  for (const one of all) {
    if (commit === '' || one.commit !== commit || one.clusterId === clusterId) continue;
    const clusters = elsewhere.get(one.test) ?? new Set<string>();
    elsewhere.set(one.test, clusters);
    if (one.outcome === 'fail' || one.outcome === 'timedout') clusters.add(one.clusterId);
    else if (one.outcome === 'pass') clusters.delete(one.clusterId);
  }
  const histories: Record<string, FlakeHistory> = flakeHistories(all);
  for (const [test, clusters] of elsewhere) {
    if (clusters.size > 0) histories[test] = { ...(histories[test] ?? nothing), failingElsewhere: clusters.size };
  }
  return histories;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
