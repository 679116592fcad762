/** The status document, from committed rows and facts alone. Pure: the same input gives the same document. */
import type { Cluster } from '../../domain/cluster.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import type { Problem } from '../../domain/problem.ts';
import { parseDriftFact } from '../pipeline/cluster-drift.ts';
import { channelEtas } from './channel-eta.ts';
import { channelStatus, withViews } from './channel-status.ts';
import { clusterStatus } from './cluster-status.ts';
import {
  type ChannelView,
  type ClusterFactView,
  type ClusterUpdateView,
  type FactView,
  isoTime,
  outerState,
  type ProcessView,
  type PromotionView,
  type RolloutView,
  viewOf,
} from './process-views.ts';
import { type ClusterState, clusterStates } from './states.ts';
import type { ChannelStatus, ClusterStatus, StatusDocument, StatusProblem } from './status-document.ts';

export interface StatusInput {
  /** Decision time, epoch ms. */
  now: number;
  /** Id of the newest journal entry. */
  asOfSeq: number;
  daemon: { running: boolean; lastCommitAt?: number };
  /** Every row that is not final, the newest rollout of each channel, and the last updates of failed clusters. */
  rows: ProcessView[];
  /** Of kind `cluster`, by cluster id. */
  clusterFacts: FactView[];
  /** Of kind `override`. */
  overrideFacts: FactView[];
  /** Of kind `duration`, by cluster id. */
  durationFacts?: FactView[];
  /** Of kind `drift`, by cluster id. */
  driftFacts?: FactView[];
  adopted: boolean;
  /** undefined when no usable one was ever read. */
  pipeline: Pipeline | undefined;
  registry: { clusters: Cluster[]; problems: Problem[] };
  /** What the daemon itself has to say: configuration that was refused, say. */
  problems: StatusProblem[];
}

/** Problems in one document; the rest is counted. */
const problemCap = 100;

const movingStates = new Set<ClusterState>(['updating', 'verifying', 'blocked', 'stalled', 'paused']);

export function buildStatus(input: StatusInput): StatusDocument {
  const index = indexRows(input.rows);
  const pipeline = input.pipeline;
  const channelViews = new Map(withViews<ChannelView>(index.of('channel')).map((item) => [item.view.channel, item]));
  const rollouts = newestRollouts(index.of('rollout'));
  const decommissions = new Map(
    index.of('decommission').flatMap((row) => (row.status === 'active' ? [[row.cluster, row] as const] : [])),
  );
  const facts = new Map(input.clusterFacts.map((fact) => [fact.key, fact.value as ClusterFactView]));
  const drifts = new Map((input.driftFacts ?? []).map((fact) => [fact.key, parseDriftFact(fact.value)]));
  const clusters = input.registry.clusters.map((cluster) => {
    const rollout = rollouts.get(cluster.channel);
    const view = channelViews.get(cluster.channel)?.view;
    const target =
      rollout?.row.status === 'active' ? rollout.view.commit : (rollout?.view.commit ?? view?.proven ?? undefined);
    return clusterStatus({
      cluster,
      fact: facts.get(cluster.id),
      update: index.update(cluster.id),
      failedUpdate: index.failedUpdate(cluster.id),
      quarantined: index.quarantinedClusters.has(cluster.id),
      rollout,
      catchUp: view?.catchUps[cluster.id],
      decommission: decommissions.get(cluster.id),
      drift: drifts.get(cluster.id),
      target,
      child: (id) => index.byId.get(id),
    });
  });
  clusters.sort(byUrgency);
  const byChannel = new Map<string, ClusterStatus[]>();
  for (const cluster of clusters) {
    const list = byChannel.get(cluster.channel);
    if (list === undefined) byChannel.set(cluster.channel, [cluster]);
    else list.push(cluster);
  }
  const promotions = withViews<PromotionView>(index.of('promotion'));
  const channels = (pipeline?.channels ?? []).map((policy) =>
    channelStatus({
      policy,
      channel: channelViews.get(policy.name),
      rollout: rollouts.get(policy.name),
      promotions: promotions.filter((item) => item.row.status === 'active' && item.view.channel === policy.name),
      clusters: byChannel.get(policy.name) ?? [],
    }),
  );
  const etas = etasOf(input, index, rollouts);
  for (const channel of channels) {
    const eta = etas.get(channel.name);
    if (eta !== undefined) channel.eta = eta;
  }
  const problems = allProblems(input, index, channels, clusters, rollouts);
  const byState: Record<string, number> = {};
  for (const cluster of clusters) byState[cluster.state] = (byState[cluster.state] ?? 0) + 1;
  return {
    apiVersion: 'clm/v1',
    kind: 'Status',
    at: isoTime(input.now),
    asOfSeq: input.asOfSeq,
    daemon: {
      running: input.daemon.running,
      ...(input.daemon.lastCommitAt === undefined ? {} : { lastCommitAt: isoTime(input.daemon.lastCommitAt) }),
    },
    adopted: input.adopted,
    fleet: {
      clusters: clusters.length,
      byState,
      inFlight: clusters.filter((cluster) => movingStates.has(cluster.state)).length,
      maxParallel: pipeline?.maxParallel ?? 0,
    },
    channels,
    clusters,
    problems: problems.slice(0, problemCap),
    problemsOmitted: Math.max(0, problems.length - problemCap),
    overrides: input.overrideFacts.flatMap((fact) => overrideOf(fact, input.now)),
  };
}

function etasOf(input: StatusInput, index: RowIndex, rollouts: ReturnType<typeof newestRollouts>) {
  const { now, pipeline, registry, durationFacts = [] } = input;
  if (pipeline === undefined || durationFacts.length === 0) return new Map<string, never>();
  const admittedAt = (cluster: string): number | undefined => {
    const row = index.update(cluster);
    return row === undefined ? undefined : viewOf<ClusterUpdateView>(row)?.admittedAt;
  };
  return channelEtas({ now, pipeline, clusters: registry.clusters, rollouts, durationFacts, admittedAt });
}

interface RowIndex {
  byId: Map<string, ProcessView>;
  quarantined: ProcessView[];
  quarantinedClusters: Set<string>;
  of(machine: string): ProcessView[];
  update(cluster: string): ProcessView | undefined;
  failedUpdate(cluster: string): ProcessView | undefined;
}

function indexRows(rows: ProcessView[]): RowIndex {
  const byId = new Map<string, ProcessView>();
  const byMachine = new Map<string, ProcessView[]>();
  const updates = new Map<string, ProcessView>();
  const finished = new Map<string, ProcessView>();
  const quarantined: ProcessView[] = [];
  for (const row of rows) {
    byId.set(row.id, row);
    const list = byMachine.get(row.machine);
    if (list === undefined) byMachine.set(row.machine, [row]);
    else list.push(row);
    if (row.status === 'quarantined') quarantined.push(row);
    if (row.machine !== 'clusterUpdate' || row.status === 'quarantined') continue;
    const newest = row.status === 'active' ? updates : finished;
    const known = newest.get(row.cluster);
    // An update that acts goes before one that waits for the slot which the first one holds.
    if (known === undefined || precedes(row, known)) newest.set(row.cluster, row);
  }
  return {
    byId,
    quarantined,
    quarantinedClusters: new Set(quarantined.flatMap((row) => (row.cluster === '' ? [] : [row.cluster]))),
    of: (machine) => byMachine.get(machine) ?? [],
    update: (cluster) => updates.get(cluster),
    failedUpdate: (cluster) => finished.get(cluster),
  };
}

function precedes(row: ProcessView, known: ProcessView): boolean {
  const acting = (one: ProcessView): number => ((viewOf<ClusterUpdateView>(one)?.admittedAt ?? 0) > 0 ? 1 : 0);
  return acting(row) - acting(known) > 0 || (acting(row) === acting(known) && row.createdAt > known.createdAt);
}

function newestRollouts(rows: ProcessView[]): Map<string, { row: ProcessView; view: RolloutView }> {
  const newest = new Map<string, { row: ProcessView; view: RolloutView }>();
  for (const item of withViews<RolloutView>(rows)) {
    if (item.row.status === 'quarantined') continue;
    const known = newest.get(item.row.channel);
    if (known === undefined || item.row.createdAt > known.row.createdAt) newest.set(item.row.channel, item);
  }
  return newest;
}

const urgency = new Map<string, number>(clusterStates.map((state, index) => [state, index]));

function someOf(texts: readonly string[], most: number): string {
  const more = texts.length > most ? ` and ${texts.length - most} more` : '';
  return `${texts.slice(0, most).join('; ')}${more}`;
}

function byUrgency(a: ClusterStatus, b: ClusterStatus): number {
  const difference = (urgency.get(a.state) ?? 0) - (urgency.get(b.state) ?? 0);
  if (difference !== 0) return difference;
  return compareText(a.channel, b.channel) || compareText(a.alias, b.alias) || compareText(a.id, b.id);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function allProblems(
  input: StatusInput,
  index: RowIndex,
  channels: ChannelStatus[],
  clusters: ClusterStatus[],
  rollouts: Map<string, { row: ProcessView; view: RolloutView }>,
): StatusProblem[] {
  const problems: StatusProblem[] = [...input.problems];
  const add = (
    severity: StatusProblem['severity'],
    scope: string,
    subject: string,
    code: string,
    message: string,
    since?: string,
  ): void => {
    problems.push({ severity, scope, subject, code, message, ...(since === undefined ? {} : { since }) });
  };
  for (const row of index.quarantined) {
    add(
      'error',
      'process',
      row.id,
      'snapshot-quarantined',
      'Its stored state is not understood by this version of clm; nothing of it runs.',
      isoTime(row.updatedAt),
    );
  }
  for (const row of input.rows) {
    if (row.status === 'active' && viewOf(row) === undefined) {
      add(
        'error',
        'process',
        row.id,
        'row-not-understood',
        'Its stored context lacks fields that this version of clm expects.',
      );
    }
  }
  for (const channel of channels) channelProblems(channel, index, rollouts.get(channel.name), add);
  for (const cluster of clusters) {
    if (cluster.blocker !== undefined) {
      add('error', 'cluster', cluster.alias, cluster.blocker.code, cluster.blocker.message, cluster.blocker.since);
    } else if (cluster.failure !== undefined && (cluster.state === 'failed' || cluster.state === 'stalled')) {
      add(
        cluster.state === 'failed' ? 'error' : 'warning',
        'cluster',
        cluster.alias,
        cluster.failure.code,
        cluster.failure.message,
        cluster.since,
      );
    }
  }
  for (const { alias, drift } of clusters) {
    if (drift === undefined || drift.found.length === 0) continue;
    const message = `It differs from what was recorded: ${someOf(drift.found, 2)}`;
    add('warning', 'cluster', alias, 'cluster-drifted', message, drift.lookedAt);
  }
  const known = new Set((input.pipeline?.channels ?? []).map((channel) => channel.name));
  for (const cluster of clusters) {
    if (input.pipeline !== undefined && !known.has(cluster.channel)) {
      add(
        'error',
        'cluster',
        cluster.alias,
        'channel-unknown',
        `Its channel '${cluster.channel}' is not in the pipeline; nothing brings it up to date.`,
      );
    }
  }
  for (const problem of input.registry.problems) {
    const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
    problems.push({
      severity: 'error',
      scope: 'registry',
      subject: place,
      code: 'registry-invalid',
      message: problem.path === undefined ? problem.message : `${problem.path}: ${problem.message}`,
      remedy: problem.remedy,
    });
  }
  return problems.sort((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

function channelProblems(
  channel: ChannelStatus,
  index: RowIndex,
  rollout: { row: ProcessView; view: RolloutView } | undefined,
  add: (
    severity: StatusProblem['severity'],
    scope: string,
    subject: string,
    code: string,
    message: string,
    since?: string,
  ) => void,
): void {
  const own = withViews<ChannelView>(index.of('channel')).find((item) => item.view.channel === channel.name)?.view;
  if (own?.problem)
    add('error', 'channel', channel.name, own.problem.code, own.problem.message, isoTime(own.problem.since));
  if (own?.failure) add('warning', 'channel', channel.name, own.failure.code, own.failure.message);
  for (const { row, view } of withViews<PromotionView>(index.of('promotion'))) {
    if (row.status !== 'active' || view.channel !== channel.name || view.problem === null) continue;
    if (outerState(row.value) !== 'held') continue;
    add('error', 'channel', channel.name, view.problem.code, view.problem.message, isoTime(view.problem.since));
  }
  if (rollout?.row.status !== 'active') return;
  const { halt, failure, warnings } = rollout.view;
  if (halt !== null) add('error', 'channel', channel.name, halt.code, halt.message, isoTime(halt.since));
  else if (failure !== null) add('warning', 'channel', channel.name, failure.code, failure.message);
  for (const warning of warnings.slice(0, 5))
    add('warning', 'channel', channel.name, 'later-channel-does-not-render', warning);
}

function overrideOf(fact: FactView, now: number): StatusDocument['overrides'] {
  if (typeof fact.value !== 'object' || fact.value === null) return [];
  const value = fact.value as Record<string, unknown>;
  const text = (name: string): string => (typeof value[name] === 'string' ? value[name] : '');
  const expiresAt = value['expiresAt'];
  if (typeof expiresAt === 'number' && expiresAt <= now) return [];
  return [
    {
      id: fact.key,
      kind: text('kind'),
      scope: text('scope'),
      actor: text('actor'),
      reason: text('reason'),
      ...(typeof expiresAt === 'number' ? { expiresAt: isoTime(expiresAt) } : {}),
    },
  ];
}
