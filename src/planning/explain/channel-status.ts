/** One channel of the status document. */
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { waitStatus } from './cluster-status.ts';
import {
  type ChannelView,
  isoTime,
  outerState,
  type ProcessView,
  type PromotionView,
  type RolloutView,
  stateName,
  viewOf,
} from './process-views.ts';
import type { ChannelState } from './states.ts';
import type { ChannelStatus, ClusterStatus, WaitStatus } from './status-document.ts';

export interface ChannelInput {
  policy: ChannelPolicy;
  channel: { row: ProcessView; view: ChannelView } | undefined;
  /** Newest rollout of the channel, active or not. */
  rollout: { row: ProcessView; view: RolloutView } | undefined;
  /** Promotions out of this channel that are not final. */
  promotions: { row: ProcessView; view: PromotionView }[];
  /** Clusters of the channel, already explained. */
  clusters: ClusterStatus[];
}

export function channelStatus(input: ChannelInput): ChannelStatus {
  const { policy, channel, rollout, clusters } = input;
  const counts = countsOf(input);
  const state = channelState(input, counts);
  const reason = reasonOf(input, state);
  const soak = rollout?.view.soak;
  const view = channel?.view;
  return {
    name: policy.name,
    branch: policy.branch,
    promotesTo: policy.promotesTo,
    state,
    ...textFields({ head: view?.head, subject: view?.subject, proven: view?.proven, lastGood: view?.lastGood }),
    ...(rollout === undefined ? {} : { rollout: rolloutPart(rollout) }),
    counts,
    checks: checksOf(input),
    nodes: nodesOf(clusters),
    ...(soak && rollout.row.status === 'active'
      ? { soak: { observedSeconds: soak.observedMs / 1000, requiredSeconds: soak.requiredMs / 1000 } }
      : {}),
    gates: (rollout?.row.status === 'active' ? rollout.view.gates : []).map((gate) => ({
      name: gate.name,
      state: gate.state,
      reason: gate.reason,
      openedBy: gate.openedBy,
      ...(gate.earliest === null ? {} : { earliest: isoTime(gate.earliest) }),
      since: isoTime(gate.since),
    })),
    promotions: input.promotions.map(promotionPart),
    waits: waitsOf(input),
    ...(reason === undefined ? {} : { reason }),
  };
}

function promotionPart(promotion: ChannelInput['promotions'][number]): ChannelStatus['promotions'][number] {
  const { row, view } = promotion;
  const wait = promotionWait(promotion);
  return {
    to: view.target,
    commit: view.commit,
    state: outerState(row.value),
    ...(view.review == null ? {} : { review: view.review.url }),
    ...(wait === undefined ? {} : { wait }),
  };
}

function promotionWait({ row, view }: ChannelInput['promotions'][number]): WaitStatus | undefined {
  if (view.problem !== null) {
    const { code, message, since } = view.problem;
    return { code, message, since: isoTime(since) };
  }
  return view.wait === null ? undefined : waitStatus(view.wait, row.wakeAt);
}

function textFields(fields: Record<string, string | null | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(fields).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '',
    ),
  );
}

function rolloutPart({ row, view }: NonNullable<ChannelInput['rollout']>): NonNullable<ChannelStatus['rollout']> {
  const waves = view.waves;
  const open = waves.findIndex((wave) =>
    wave.clusters.some((id) => {
      const state = view.members[id]?.state;
      return state === 'pending' || state === 'inFlight';
    }),
  );
  const number = open === -1 ? waves.length - 1 : open;
  const wave = waves[number];
  return {
    id: row.id,
    commit: view.commit,
    ...textFields({ subject: view.subject }),
    state: row.status === 'quarantined' ? 'quarantined' : stateName(row.value),
    startedAt: isoTime(row.createdAt),
    ...(wave === undefined ? {} : { wave: { number: number + 1, of: waves.length, name: wave.name } }),
    active: row.status === 'active',
  };
}

function countsOf({ rollout, clusters }: ChannelInput): ChannelStatus['counts'] {
  const counts = { total: 0, updated: 0, inFlight: 0, queued: 0, blocked: 0, stalled: 0, failed: 0 };
  if (rollout !== undefined && Object.keys(rollout.view.members).length > 0) {
    const waiting = new Set(clusters.filter((cluster) => cluster.state === 'queued').map((cluster) => cluster.id));
    for (const [id, member] of Object.entries(rollout.view.members)) {
      if (member.state === 'left') continue;
      counts.total += 1;
      if (member.state === 'updated') counts.updated += 1;
      else if (member.state === 'failed' || member.state === 'aborted') counts.failed += 1;
      else if (member.state !== 'inFlight' || waiting.has(id)) counts.queued += 1;
      else {
        counts.inFlight += 1;
        if (member.blocked !== null) counts.blocked += 1;
        else if (member.stalled !== null) counts.stalled += 1;
      }
    }
    return counts;
  }
  for (const cluster of clusters) {
    if (cluster.state === 'ineligible') continue;
    counts.total += 1;
    if (cluster.state === 'up-to-date') counts.updated += 1;
    else if (cluster.state === 'queued') counts.queued += 1;
    else if (cluster.state === 'failed') counts.failed += 1;
    else if (cluster.state !== 'unknown') counts.inFlight += 1;
  }
  return counts;
}

function checksOf({ rollout, clusters }: ChannelInput): ChannelStatus['checks'] {
  const checks = { passed: 0, failed: 0 };
  for (const member of Object.values(rollout?.view.members ?? {})) {
    if (member.state === 'inFlight') continue;
    checks.passed += member.checks.passed;
    checks.failed += member.checks.failed;
  }
  for (const cluster of clusters) {
    if (rollout?.view.members[cluster.id]?.state !== 'inFlight' || cluster.checks === undefined) continue;
    checks.passed += cluster.checks.passed;
    checks.failed += cluster.checks.failed;
  }
  return checks;
}

function nodesOf(clusters: ClusterStatus[]): ChannelStatus['nodes'] {
  const nodes = { total: 0, updated: 0 };
  for (const pool of clusters.flatMap((cluster) => cluster.pools)) {
    nodes.total += pool.total ?? 0;
    nodes.updated += pool.updated ?? 0;
  }
  return nodes;
}

function channelState(input: ChannelInput, counts: ChannelStatus['counts']): ChannelState {
  const { channel, rollout } = input;
  if (rollout !== undefined && rollout.row.status === 'active') {
    const state = rolloutState(outerState(rollout.row.value), counts);
    return channel?.view.paused && state !== 'halted' ? 'paused' : state;
  }
  if (channel === undefined) return 'unknown';
  const { view } = channel;
  if (view.frozen || view.problem !== null) return 'held';
  if (view.paused !== null || outerState(channel.row.value) === 'paused') return 'paused';
  if (view.head === null) return 'unknown';
  const moving = input.promotions.map((promotion) => outerState(promotion.row.value));
  if (view.head === view.proven)
    return moving.some((state) => state === 'checking' || state === 'moving') ? 'promoting' : 'proven';
  return 'idle';
}

function rolloutState(state: string, counts: ChannelStatus['counts']): ChannelState {
  switch (state) {
    case 'halted':
    case 'paused':
    case 'soaking':
    case 'gating':
      return state;
    case 'planned':
    case 'updating': {
      const moving = counts.inFlight - counts.blocked - counts.stalled;
      return counts.blocked > 0 && moving === 0 ? 'blocked' : 'updating';
    }
    case 'superseding':
    case 'aborting':
      return 'updating';
    default:
      return 'unknown';
  }
}

function reasonOf(input: ChannelInput, state: ChannelState): string | undefined {
  const { channel, rollout } = input;
  const active = rollout?.row.status === 'active' ? rollout.view : undefined;
  // what is being done about it is said with it
  if (state === 'halted')
    return ['halted', 'bisecting'].includes(active?.wait?.code ?? '') ? active?.wait?.message : active?.halt?.message;
  if (state === 'paused') {
    const paused = active?.paused ?? channel?.view.paused;
    return paused ? `by ${paused.by}: ${paused.reason}` : undefined;
  }
  if (state === 'blocked') return firstBlocked(input);
  if (channel?.view.problem) return channel.view.problem.message;
  if (active !== undefined) return active.failure?.message ?? active.wait?.message;
  const held = input.promotions.find((promotion) => promotion.view.problem !== null);
  if (held !== undefined) return `promotion to ${held.view.target} is held: ${held.view.problem?.message}`;
  if (channel?.view.failure) return channel.view.failure.message;
  const moving = input.promotions.at(0);
  if (moving !== undefined) return moving.view.wait?.message ?? `moving ${moving.view.target}`;
  if (state === 'proven') return undefined;
  const ended =
    rollout !== undefined && rollout.view.commit === channel?.view.head ? outerState(rollout.row.value) : '';
  if (ended === 'aborted' && rollout?.view.stop)
    return `aborted by ${rollout.view.stop.by}: ${rollout.view.stop.reason}`;
  return channel?.view.wait?.message;
}

function firstBlocked({ rollout, clusters }: ChannelInput): string | undefined {
  for (const [id, member] of Object.entries(rollout?.view.members ?? {})) {
    if (member.blocked === null) continue;
    const alias = clusters.find((cluster) => cluster.id === id)?.alias ?? id;
    return `${alias}: ${member.blocked.message}`;
  }
  return undefined;
}

function waitsOf({ channel, rollout, promotions }: ChannelInput): WaitStatus[] {
  const waits: WaitStatus[] = [];
  if (rollout?.row.status === 'active' && rollout.view.wait !== null) {
    waits.push(waitStatus(rollout.view.wait, rollout.row.wakeAt));
  }
  waits.push(...promotions.flatMap((promotion) => promotionWait(promotion) ?? []));
  if (channel?.view.wait && rollout?.row.status !== 'active')
    waits.push(waitStatus(channel.view.wait, channel.row.wakeAt));
  return waits;
}

/** Rows of a machine with their views; rows that cannot be read are left to the list of problems. */
export function withViews<View>(rows: ProcessView[]): { row: ProcessView; view: View }[] {
  return rows.flatMap((row) => {
    const view = viewOf<View>(row);
    return view === undefined ? [] : [{ row, view }];
  });
}
