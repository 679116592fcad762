/** The document that simulated promotions come to. Pure. */
import type { RolloutState } from '../../domain/rollout.ts';
import type { Explanation } from '../../planning/explain/status-document.ts';
import { formatDuration } from '../../support/duration.ts';
import type { WhatIfChannel, WhatIfDocument } from './document.ts';
import type { FleetModel } from './fleet-model.ts';
import { iso } from './recorder.ts';
import type { DrawResult } from './run-draw.ts';
import { stackMs } from './settled-clusters.ts';
import { guessedChecksMs } from './work-model.ts';

export interface ToldDraw {
  number: number;
  result: Omit<DrawResult, 'store'>;
  /** Of the commit. */
  rollouts: { channel: string; context: unknown }[];
  why: Explanation | null;
}

interface About {
  ref: string;
  commit: string;
  subject: string;
  tree: string;
  at: number;
  fleet: Pick<FleetModel, 'clusters' | 'pipeline' | 'measured'>;
  recorded: boolean;
  /** Look-ups that nobody has recorded. */
  guessed: number;
}

export function tellDraws(draws: readonly ToldDraw[], about: About): WhatIfDocument {
  const promoted = draws.filter(({ result }) => result.promoted);
  // what went wrong is what has to be looked at
  const shown = draws.find(({ result }) => !result.promoted) ?? draws[0];
  if (shown === undefined) throw new Error('nothing was drawn');
  const { recorder, unseenFaults } = shown.result;
  const { ref, commit, subject, at } = about;
  return {
    ref,
    commit,
    subject,
    at: iso(at),
    outcome: promoted.length === draws.length ? 'promoted' : 'not-promoted',
    draws: { run: draws.length, promoted: promoted.length, shown: shown.number },
    totalSeconds: spread(promoted.map(({ result }) => (result.endedAt - at) / 1000)),
    channels: about.fleet.pipeline.channels.map((policy) => channelOf(policy.name, draws, shown, about)),
    timeline: recorder.entries,
    waits: recorder.waits,
    why: shown.why,
    unseenFaults,
    assumptions: assumptionsOf(about),
  };
}

function channelOf(name: string, draws: readonly ToldDraw[], shown: ToldDraw, about: About): WhatIfChannel {
  const { clusters } = about.fleet;
  const context = shown.rollouts.find((one) => one.channel === name)?.context as RolloutState | undefined;
  const members = Object.values(context?.members ?? {});
  const own = shown.result.recorder.entries.filter((entry) => entry.channel === name && entry.cluster === '');
  const proven = (draw: ToldDraw) =>
    draw.result.recorder.entries.find((entry) => entry.channel === name && entry.kind === 'rollout-proven');
  return {
    name,
    clusters: clusters.filter((one) => one.channel === name && one.lifecycleStatus === 'ready').length,
    updated: members.filter((member) => member.state === 'updated' && !member.inherited).length,
    unchanged: members.filter((member) => member.inherited).length,
    failed: members.filter((member) => member.state === 'failed' || member.stalled !== null).length,
    nodesReplaced: members.reduce((sum, member) => sum + member.nodesReplaced, 0),
    arrivedAt: context === undefined ? null : iso(context.requestedAt),
    provenAt: proven(shown)?.at ?? null,
    provenSeconds: spread(draws.flatMap((draw) => proven(draw)?.afterSeconds ?? [])),
    waves: own
      .filter((entry) => entry.kind === 'wave-started')
      .flatMap(({ message, at }) => {
        const wave = context?.waves.find((one) => message.startsWith(`wave ${one.name} of `));
        return wave === undefined ? [] : [{ name: wave.name, clusters: wave.clusters.length, startedAt: at }];
      }),
  };
}

function spread(seconds: readonly number[]): { p50: number; p90: number } | null {
  const sorted = seconds.map(Math.round).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return sorted.length === 0 ? null : { p50: at(0.5), p90: at(0.9) };
}

function assumptionsOf({ recorded, guessed, fleet }: About): string[] {
  const { boots, updates } = fleet.measured;
  const contents = new Set(boots.filter((one) => one.nodes > 0).map((one) => one.content)).size;
  const proven = contents === 0 ? 'there are no records' : `records of ${contents} contents`;
  const gates = fleet.pipeline.channels.flatMap((one) =>
    (one.gates ?? []).flatMap((gate) => (gate.kind === 'http' || gate.kind === 'prometheus' ? [gate.name] : [])),
  );
  const defaults = `a stack ${formatDuration(stackMs)}, a run of checks ${formatDuration(guessedChecksMs)}, boots and drains of nodes a few minutes`;
  return [
    recorded
      ? 'the fleet is as the daemon has recorded it; a rollout that it has under way begins anew'
      : 'no daemon has recorded this fleet: every cluster is at the head of its channel, with no earlier evidence',
    updates.size > 0
      ? `an update takes what one of the last updates of the cluster took (measured on ${updates.size} of ${fleet.clusters.length} clusters)`
      : `no update was measured yet: ${defaults}`,
    'checks pass, stacks and nodes come up, and nothing drifts, unless a fault says otherwise',
    `one new node of each content comes first in a roll, unless the records or an update before it have shown that what renders boots (${proven})`,
    ...(gates.length > 0 ? [`other systems say yes at once: ${[...new Set(gates)].join(', ')}`] : []),
    ...(guessed > 0 ? ['look-ups in the cloud that nobody has recorded have made-up answers'] : []),
  ];
}
