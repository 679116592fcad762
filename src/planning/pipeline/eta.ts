/**
 * When a version will be proven on a channel: from measured durations of cluster updates, waves, concurrency, soaks and windows. Pure.
 * Without a measured update there is no estimate: nothing is guessed.
 */
import { type ChannelPolicy, type Pipeline, windowsOf } from '../../domain/pipeline.ts';
import type { TimeWindow, WindowedWork } from '../../domain/time-window.ts';
import { formatDuration } from '../../support/duration.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { judgeWindows } from './windows.ts';

/** What is left to do of a rollout. */
export interface RolloutLeft {
  commit: string;
  /** Waves that are not over: clusters that have to be updated yet; `elapsedMs` of those that are in flight. */
  waves: { name: string; clusters: { id: string; elapsedMs: number }[] }[];
  soakLeftMs: number;
  /** Nothing happens before this moment; null = until somebody acts, so that there is no estimate. */
  restsUntil: number | null;
  /** Gates that only people or other systems can open. */
  waitsFor: string[];
}

export interface EtaChannel {
  policy: ChannelPolicy;
  /** All clusters that a rollout of the channel takes. */
  clusters: string[];
  rollout: RolloutLeft | undefined;
}

export interface EtaInput {
  now: number;
  pipeline: Pick<Pipeline, 'windows' | 'maxParallel'>;
  channels: EtaChannel[];
  /** Measured durations of whole updates by cluster, in ms. */
  durations: ReadonlyMap<string, readonly number[]>;
}

/** Moments in epoch ms. */
export interface Eta {
  commit: string;
  p50: number;
  p90: number;
  /** What decides it, in order: each stage with its slowest part. */
  path: string[];
  /** What it does not know: approvals, other systems. The estimate counts on them now. */
  waitsFor: string[];
}

const draws = 40;
/** In flight for longer than ever measured: it is taken to need this share of the draw still. */
const leastShareLeft = 0.1;
/** Windows walked through for one stage. */
const mostWindows = 500;
const channelsFollowed = 20;

interface Spread {
  p50: number;
  p90: number;
}

/** Estimates by channel: of its own rollout, or of the version that is on its way to it from the nearest channel before. */
export function estimate(input: EtaInput): Map<string, Eta> {
  const found = new Map<string, Eta>();
  const fleet = [...input.durations.values()].flat();
  if (fleet.length === 0) return found;
  const byName = new Map(input.channels.map((channel) => [channel.policy.name, channel]));
  for (const { policy, rollout } of input.channels) {
    if (rollout === undefined || rollout.restsUntil === null) continue;
    const start = Math.max(input.now, rollout.restsUntil);
    const own = finish(input, fleet, policy, { at: { p50: start, p90: start }, rollout });
    if (own === undefined) continue;
    found.set(policy.name, own);
    follow(input, fleet, byName, found, own, policy);
  }
  return found;
}

/** Carries an estimate to the channels after it that have nothing of their own under way. */
function follow(
  input: EtaInput,
  fleet: number[],
  byName: ReadonlyMap<string, EtaChannel>,
  found: Map<string, Eta>,
  first: Eta,
  from: ChannelPolicy,
): void {
  const open = [{ eta: first, policy: from }];
  for (let step = 0; step < channelsFollowed; step += 1) {
    const next = open.shift();
    if (next === undefined) return;
    for (const name of next.policy.promotesTo) {
      const channel = byName.get(name);
      const known = found.get(name);
      if (channel === undefined || channel.rollout !== undefined || (known !== undefined && known.p50 <= next.eta.p50))
        continue;
      const windows = windowsOf(input.pipeline, channel.policy);
      const p50 = worked(windows, 'promotions', next.eta.p50, 0);
      const p90 = worked(windows, 'promotions', next.eta.p90, 0);
      if (p50 === undefined || p90 === undefined || channel.clusters.length === 0) continue;
      const rollout: RolloutLeft = {
        commit: next.eta.commit,
        waves: [{ name: 'all', clusters: channel.clusters.map((id) => ({ id, elapsedMs: 0 })) }],
        soakLeftMs: channel.policy.soakMs,
        restsUntil: 0,
        waitsFor: (channel.policy.gates ?? [])
          .filter((gate) => gate.kind !== 'schedule')
          .map((gate) => `${name}: ${gate.name}`),
      };
      const eta = finish(input, fleet, channel.policy, { at: { p50, p90 }, rollout });
      if (eta === undefined) continue;
      const manual = next.policy.manualTargets?.includes(name) === true ? [`clm promote to ${name}`] : [];
      const review = channel.policy.promotion === 'pull-request' ? [`review of the promotion to ${name}`] : [];
      const whole = {
        ...eta,
        path: [...next.eta.path, ...eta.path],
        waitsFor: [...next.eta.waitsFor, ...manual, ...review, ...eta.waitsFor],
      };
      found.set(name, whole);
      open.push({ eta: whole, policy: channel.policy });
    }
  }
}

function finish(
  input: EtaInput,
  fleet: number[],
  policy: ChannelPolicy,
  { at, rollout }: { at: Spread; rollout: RolloutLeft },
): Eta | undefined {
  const random = seededRandom(`eta/${policy.name}/${rollout.commit}`);
  const windows = windowsOf(input.pipeline, policy);
  const slots = Math.max(1, Math.min(policy.maxParallel, input.pipeline.maxParallel));
  const own = input.channels.find((one) => one.policy === policy)?.clusters ?? [];
  const channelWide = own.flatMap((id) => input.durations.get(id) ?? []);
  const samplesOf = (id: string): readonly number[] =>
    input.durations.get(id) ?? (channelWide.length > 0 ? channelWide : fleet);
  const path: string[] = [];
  let [p50, p90]: (number | undefined)[] = [at.p50, at.p90];
  for (const [index, wave] of rollout.waves.entries()) {
    const soakBefore = index === 0 ? 0 : (policy.waves.find((one) => one.name === wave.name)?.soakBeforeMs ?? 0);
    const { spread, slowest } = makespan(wave.clusters, slots, samplesOf, random);
    p50 = p50 === undefined ? undefined : worked(windows, 'updates', p50 + soakBefore, spread.p50);
    p90 = p90 === undefined ? undefined : worked(windows, 'updates', p90 + soakBefore, spread.p90);
    const name = rollout.waves.length > 1 || wave.name !== 'all' ? ` wave ${wave.name}` : '';
    path.push(
      `${policy.name}${name}: ${formatDuration(spread.p50)}, ${wave.clusters.length} clusters, ${slots} at once, slowest ${slowest}`,
    );
  }
  if (p50 === undefined || p90 === undefined) return undefined;
  if (rollout.soakLeftMs > 0) path.push(`${policy.name} soak: ${formatDuration(rollout.soakLeftMs)}`);
  const schedules = (policy.gates ?? []).flatMap((gate) => (gate.kind === 'schedule' ? [gate.windows] : []));
  const ends = [p50, p90].map((moment) =>
    schedules.reduce<number | undefined>(
      (time, rules) => (time === undefined ? undefined : worked(rules, 'promotions', time, 0)),
      moment + rollout.soakLeftMs,
    ),
  );
  const [end50, end90] = ends;
  if (end50 === undefined || end90 === undefined) return undefined;
  return { commit: rollout.commit, p50: end50, p90: Math.max(end50, end90), path, waitsFor: rollout.waitsFor };
}

/** Median and 90th percentile of a wave, as many clusters at once as there are slots, in the order in which they start. */
function makespan(
  clusters: RolloutLeft['waves'][number]['clusters'],
  slots: number,
  samplesOf: (id: string) => readonly number[],
  random: Random,
): { spread: Spread; slowest: string } {
  const ends: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    const free = Array.from({ length: Math.min(slots, clusters.length) }, () => 0);
    for (const { id, elapsedMs } of clusters) {
      const samples = samplesOf(id);
      const drawn = samples[random.int(samples.length)] ?? 0;
      const slot = free.indexOf(Math.min(...free));
      free[slot] = (free[slot] ?? 0) + Math.max(drawn - elapsedMs, drawn * leastShareLeft);
    }
    ends.push(Math.max(0, ...free));
  }
  ends.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(ends[Math.min(draws - 1, Math.floor(share * draws))] ?? 0);
  const middle = (id: string): number => {
    const sorted = [...samplesOf(id)].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  };
  const slowest = clusters.toSorted((a, b) => middle(b.id) - middle(a.id))[0]?.id ?? 'none';
  return { spread: { p50: at(0.5), p90: at(0.9) }, slowest };
}

/** The moment at which so much work is done when it goes on only while the windows are open; undefined = nobody can say. */
function worked(windows: TimeWindow[], work: WindowedWork, from: number, ms: number): number | undefined {
  if (windows.length === 0) return from + ms;
  let at = from;
  let left = ms;
  for (let step = 0; step < mostWindows; step += 1) {
    const verdict = judgeWindows(windows, work, at);
    if (!verdict.open) {
      if (verdict.opensAt === null) return undefined;
      at = verdict.opensAt;
    } else {
      if (verdict.closesAt === null || verdict.closesAt - at >= left) return at + left;
      left -= verdict.closesAt - at;
      at = verdict.closesAt;
    }
  }
  return undefined;
}
