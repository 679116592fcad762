/** Loads from a store what the status document is made of. The daemon and a reader without a daemon share it. */
import { type ChannelState, versionOn } from '../domain/channel.ts';
import type { Cluster } from '../domain/cluster.ts';
import type { Pipeline } from '../domain/pipeline.ts';
import type { Problem } from '../domain/problem.ts';
import { buildStatus } from '../planning/explain/build-status.ts';
import type { PastRollout } from '../planning/explain/explain-subject.ts';
import type { StatusDocument, StatusProblem } from '../planning/explain/status-document.ts';
import type { ProcessRow, ReadStore } from '../ports/store.ts';
import { rolloutsOf } from './rollout-list.ts';

export interface StatusSources {
  pipeline: Pipeline | undefined;
  registry: { clusters: Cluster[]; problems: Problem[] };
  problems: StatusProblem[];
  daemonRunning: boolean;
  now: number;
}

type StatusStore = Pick<ReadStore, 'rows' | 'load' | 'fact' | 'facts' | 'journal'>;

/** Last updates of failed clusters that are read for their checks; beyond it the rollout's own record has to do. */
const failedUpdatesRead = 50;

export async function readStatus(store: StatusStore, sources: StatusSources): Promise<StatusDocument> {
  const newest = (await store.journal({ limit: 1, newestFirst: true })).at(0);
  const active = await store.rows({ status: 'active' });
  const quarantined = await store.rows({ status: 'quarantined' });
  const finished = await finishedRows(store, active);
  const lastCommitAt = newestUpdate(active) ?? newest?.at;
  return buildStatus({
    now: sources.now,
    asOfSeq: newest?.id ?? 0,
    daemon: {
      running: sources.daemonRunning,
      ...(sources.daemonRunning || lastCommitAt === undefined ? {} : { lastCommitAt }),
    },
    rows: [...active, ...quarantined, ...finished],
    clusterFacts: await store.facts('cluster'),
    overrideFacts: await store.facts('override'),
    durationFacts: await store.facts('duration'),
    driftFacts: await store.facts('drift'),
    adopted: (await store.fact('adoption', 'fleet')) !== undefined,
    pipeline: sources.pipeline,
    registry: sources.registry,
    problems: sources.problems,
  });
}

/** The newest rollout of a channel that has none under way, and what became of clusters that failed. */
async function finishedRows(store: StatusStore, active: ProcessRow[]): Promise<ProcessRow[]> {
  const rows: ProcessRow[] = [];
  const busy = new Set(active.filter((row) => row.machine === 'rollout').map((row) => row.channel));
  for (const row of active) {
    if (row.machine !== 'channel' || busy.has(row.channel)) continue;
    const { handled = null, standIn = null } = (row.context ?? {}) as unknown as Partial<ChannelState>;
    const on = versionOn({ channel: row.channel, handled, standIn });
    const last = on === undefined ? undefined : await store.load(on.rollout);
    if (last !== undefined) rows.push(last);
  }
  let budget = failedUpdatesRead;
  for (const rollout of [...active, ...rows]) {
    if (rollout.machine !== 'rollout') continue;
    const members =
      (rollout.context as { members?: Record<string, { state?: unknown; attempt?: unknown }> } | null)?.members ?? {};
    for (const [cluster, member] of Object.entries(members)) {
      if (member.state !== 'failed' || budget === 0) continue;
      budget -= 1;
      const update = await store.load(
        `update:${rollout.channel}:${rollout.commit}:${cluster}:${String(member.attempt)}`,
      );
      if (update !== undefined) rows.push(update);
    }
  }
  return rows;
}

function newestUpdate(rows: ProcessRow[]): number | undefined {
  let newest: number | undefined;
  for (const row of rows) if (newest === undefined || row.updatedAt > newest) newest = row.updatedAt;
  return newest;
}

/** Ended rollouts, for `clm why <commit>`. */
export async function readPastRollouts(store: Pick<ReadStore, 'rows'>): Promise<PastRollout[]> {
  const rollouts = await rolloutsOf(store, { limit: 500 });
  return rollouts
    .filter((rollout) => !rollout.active)
    .map(({ channel, commit, state, reason }) => ({
      channel,
      commit,
      state,
      ...(reason === undefined ? {} : { reason }),
    }));
}
