/** What the estimate of a channel's end is made of, out of rows and facts. */
import { z } from 'zod';
import type { Cluster } from '../../domain/cluster.ts';
import type { Pipeline } from '../../domain/pipeline.ts';
import { formatDuration } from '../../support/duration.ts';
import { type Eta, type EtaChannel, estimate, type RolloutLeft } from '../pipeline/eta.ts';
import { type FactView, isoTime, outerState, type ProcessView, type RolloutView } from './process-views.ts';
import type { ChannelStatus, ExplanationLink } from './status-document.ts';

/** Of kind `duration`, by cluster: what its last updates took, in ms. */
const durationFact = z.object({ updates: z.array(z.number()) });

interface EtaSources {
  now: number;
  pipeline: Pipeline;
  clusters: Cluster[];
  rollouts: ReadonlyMap<string, { row: ProcessView; view: RolloutView }>;
  durationFacts: FactView[];
  /** Since when a cluster's update is in flight. */
  admittedAt(cluster: string): number | undefined;
}

export function channelEtas(sources: EtaSources): Map<string, NonNullable<ChannelStatus['eta']>> {
  const durations = new Map<string, number[]>();
  for (const { key, value } of sources.durationFacts) {
    const parsed = durationFact.safeParse(value);
    if (parsed.success && parsed.data.updates.length > 0) durations.set(key, parsed.data.updates);
  }
  const channels = sources.pipeline.channels.map((policy): EtaChannel => {
    const rollout = sources.rollouts.get(policy.name);
    return {
      policy,
      clusters: sources.clusters
        .filter((cluster) => cluster.channel === policy.name && cluster.lifecycleStatus === 'ready')
        .map((cluster) => cluster.id),
      rollout: rollout?.row.status === 'active' ? leftOf(sources, policy, rollout) : undefined,
    };
  });
  const { now, pipeline } = sources;
  const etas = estimate({ now, pipeline, channels, durations });
  return new Map([...etas].map(([name, eta]) => [name, written(eta)]));
}

function leftOf(
  { now, admittedAt }: EtaSources,
  policy: EtaChannel['policy'],
  { row, view }: { row: ProcessView; view: RolloutView },
): RolloutLeft {
  const waves = view.waves.flatMap(({ name, clusters }) => {
    const left = clusters.filter((id) => ['pending', 'inFlight'].includes(view.members[id]?.state ?? ''));
    const open = left.map((id) => ({ id, elapsedMs: Math.max(0, now - (admittedAt(id) ?? now)) }));
    return open.length === 0 ? [] : [{ name, clusters: open }];
  });
  const state = outerState(row.value);
  const moving = ['planned', 'updating', 'soaking', 'gating'].includes(state);
  const until = state === 'paused' ? (view.paused?.expiresAt ?? null) : moving ? 0 : null;
  const others = (policy.gates ?? []).filter((gate) => gate.kind !== 'schedule');
  const shut = others.filter((gate) => view.gates.find((one) => one.name === gate.name)?.state !== 'open');
  return {
    commit: view.commit,
    waves,
    soakLeftMs: state === 'gating' ? 0 : Math.max(0, policy.soakMs - (view.soak?.observedMs ?? 0)),
    restsUntil: until,
    waitsFor: shut.map((gate) => `${policy.name}: ${gate.name}`),
  };
}

function written({ commit, p50, p90, path, waitsFor }: Eta): NonNullable<ChannelStatus['eta']> {
  return { commit, p50: isoTime(p50), p90: isoTime(p90), path, waitsFor };
}

/** When it will be through, and what decides that. */
export function etaLinks(now: string, { eta, name }: ChannelStatus): ExplanationLink[] {
  if (eta === undefined) return [];
  const when = (at: string): string => `${at.slice(0, 16).replace('T', ' ')}Z (${relative(now, at)})`;
  const counted = eta.waitsFor.length === 0 ? '' : `; it counts on ${eta.waitsFor.join(', ')} at once`;
  return [
    {
      subject: 'expected',
      message: `${eta.commit.slice(0, 7)} is proven on ${name} at ${when(eta.p50)}, nine times in ten by ${when(eta.p90)}${counted}`,
      next: eta.path.join('; '),
    },
  ];
}

/** `in 2h`, or `now` for what is past. */
export function relative(now: string, at: string): string {
  const ms = Date.parse(at) - Date.parse(now);
  return ms <= 0 ? 'now' : `in ${formatDuration(ms)}`;
}
