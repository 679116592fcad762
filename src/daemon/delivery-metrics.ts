/**
 * How delivery goes, for Prometheus: what updates, rolls and runs of checks took, how far clusters are behind, forced evictions, flaky
 * checks, and the four measures of DORA. Counted as it is committed; what holds now is read when it is scraped.
 */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Committed } from '../engine/engine-options.ts';
import { flakeRates } from '../planning/e2e/flake-rates.ts';
import type { StatusDocument } from '../planning/explain/status-document.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { ReadStore, Store } from '../ports/store.ts';
import { wallMs } from '../support/deadline.ts';
import { DoraCounts } from './dora.ts';
import { RevisionLag } from './revision-lag.ts';

export interface DeliverySources {
  store: Pick<ReadStore, 'journal'> & { e2e: Pick<Store['e2e'], 'results'> };
  source: Pick<ChannelSource, 'commitInfo' | 'commitsBetween'>;
  onError: (error: unknown) => void;
}

export interface DeliveryMetrics {
  committed: (commit: Pick<Committed, 'row' | 'to' | 'journal'>) => void;
  fill: (status: StatusDocument) => Promise<void>;
  /** Resolves when everything that was committed so far has been counted. */
  counted: () => Promise<void>;
}

const minutes = 60;
const processBuckets = [1, 2, 5, 10, 20, 40, 60, 120, 240, 480, 1440].map((each) => each * minutes);
/** Runs that flake rates are made of, and fewest of one check that say something. */
const flakeRuns = 200;
const fewestRuns = 5;
/** Wall ms for which flake rates are kept. */
const flakesKeptMs = 5 * 60_000;

export function registerDeliveryMetrics(registers: Registry[], sources: DeliverySources): DeliveryMetrics {
  const durations = registerDurations(registers);
  const forced = new Counter({
    name: 'clm_forced_evictions_total',
    help: 'Pods that were deleted around their budgets, because somebody had allowed it.',
    labelNames: ['cluster', 'namespace'],
    registers,
  });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  const labels: ('channel' | 'cluster')[] = ['channel', 'cluster'];
  const commits = gauge(
    'clm_cluster_revision_lag_commits',
    "Commits of its channel's branch that a cluster lacks.",
    labels,
  );
  const seconds = gauge(
    'clm_cluster_revision_lag_seconds',
    'Time since the oldest commit was made that a cluster lacks; 0 = it lacks none.',
    labels,
  );
  const flakes = gauge('clm_e2e_flake_ratio', 'Share of the newest results of a check that were flaky.', ['check']);
  const dora = new DoraCounts(registers, sources);
  const lag = new RevisionLag(sources.source);
  let flakesAt: number | undefined;
  const fillFlakes = async (): Promise<void> => {
    if (flakesAt !== undefined && wallMs() - flakesAt < flakesKeptMs) return;
    flakesAt = wallMs();
    flakes.reset();
    for (const { test, flipPercent } of flakeRates(await sources.store.e2e.results({ limit: flakeRuns }), {
      minRuns: fewestRuns,
    })) {
      if (flipPercent !== null) flakes.set({ check: test }, flipPercent / 100);
    }
  };
  return {
    committed: ({ row, to, journal }) => {
      for (const { kind, data } of journal) {
        if (kind === 'pod-forced') forced.inc({ cluster: row.cluster, namespace: namespaceOf(data) });
      }
      if (row.status === 'final')
        durations[row.machine]?.observe({ channel: row.channel, outcome: to }, (row.updatedAt - row.createdAt) / 1000);
      dora.committed(journal);
    },
    fill: async (status) => {
      commits.reset();
      seconds.reset();
      for (const one of await lag.of(status)) {
        commits.set({ channel: one.channel, cluster: one.cluster }, one.commits);
        seconds.set({ channel: one.channel, cluster: one.cluster }, one.seconds);
      }
      await fillFlakes();
    },
    counted: () => dora.counted(),
  };
}

/** Of processes that are over, by machine. */
function registerDurations(registers: Registry[]): Record<string, Histogram<'channel' | 'outcome'>> {
  const histogram = (name: string, help: string): Histogram<'channel' | 'outcome'> =>
    new Histogram({ name, help, labelNames: ['channel', 'outcome'], buckets: processBuckets, registers });
  return {
    clusterUpdate: histogram('clm_reconcile_duration_seconds', 'Time from the request of a cluster update to its end.'),
    nodePoolRoll: histogram(
      'clm_node_roll_duration_seconds',
      'Time from the start of the roll of a node pool to its end.',
    ),
    e2eRun: histogram('clm_e2e_duration_seconds', 'Time from the start of a run of checks of an update to its end.'),
  };
}

function namespaceOf(data: unknown): string {
  const namespace = (data as { namespace?: unknown } | null | undefined)?.namespace;
  return typeof namespace === 'string' ? namespace : '';
}
