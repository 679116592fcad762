/** May the next wave begin? Its soak, its gates, and whoever paused it. */
import type { GateRecord } from '../../domain/gate.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { describeHold, holdOn, type Override } from '../../planning/pipeline/overrides.ts';
import { isSoaked, soakTickMs, startSoak, tickSoak } from '../../planning/pipeline/soak.ts';
import type { StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { formatDuration } from '../../support/duration.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';
import { askGates } from './ask-gates.ts';
import { firstTrouble } from './soak-rollout.ts';

type Input = StepInput<RolloutState>;

export interface WaveLook {
  /** Why a wave may not begin yet, by index. */
  holds: Record<number, { code: string; reason: string }>;
  wakeAt: number | null;
  /** Kept by the rollout while it waits. */
  progress: { waveSoak?: RolloutState['waveSoak']; gates?: GateRecord[] };
}

const nothing: WaveLook = { holds: {}, wakeAt: null, progress: {} };

/** Looks at the first wave that has not begun, once the ones before it are over. */
export async function waveLook(
  deps: PipelineDependencies,
  input: Input,
  { policy, overrides }: { policy: ChannelPolicy; overrides: Override[] },
): Promise<WaveLook | { outcome: StepOutcome }> {
  const { context, now } = input;
  const index = nextWave(context);
  const wave = context.waves[index];
  if (wave === undefined) return nothing;
  const paused = holdOn(overrides, { channel: context.channel, wave: wave.name }, now);
  if (paused !== undefined) {
    const hold = { code: 'held', reason: describeHold(paused) };
    return { ...nothing, holds: { [index]: hold }, wakeAt: paused.expiresAt };
  }
  const rules = policy.waves.find((one) => one.name === wave.name);
  if (rules === undefined || index === 0) return nothing;
  const requiredMs = rules.soakBeforeMs ?? 0;
  if (requiredMs > 0 && !context.waived.includes('soak')) {
    const look = await soakBefore(deps, input, index, requiredMs);
    if (look !== undefined) return look;
  }
  if (rules.gatesBefore === undefined || context.waived.includes('gates')) return nothing;
  return gatesBefore(deps, input, index, { policy, names: rules.gatesBefore });
}

function nextWave(context: RolloutState): number {
  return context.waves.findIndex((wave) =>
    wave.clusters.some((id) => ['pending', 'inFlight'].includes(context.members[id]?.state ?? '')),
  );
}

async function soakBefore(
  deps: PipelineDependencies,
  input: Input,
  index: number,
  requiredMs: number,
): Promise<WaveLook | undefined> {
  const { context, now } = input;
  const begun = context.waves[index]?.clusters.some((id) => context.members[id]?.state !== 'pending') ?? true;
  if (begun) return undefined;
  const before = context.waveSoak?.wave === index ? context.waveSoak.soak : startSoak(requiredMs, now);
  const trouble = isSoaked(before) ? undefined : await firstTrouble(deps, input);
  const soak = tickSoak(before, { now, healthy: trouble === undefined, requiredMs });
  const waveSoak = { wave: index, soak };
  if (isSoaked(soak)) return undefined;
  const reason = `soaked ${formatDuration(soak.observedMs)} of ${formatDuration(requiredMs)}${trouble === undefined ? '' : `; ${trouble}`}`;
  const left = requiredMs - soak.observedMs;
  return {
    holds: { [index]: { code: 'wave-soak', reason } },
    wakeAt: now + Math.min(soakTickMs(requiredMs), Math.max(left, 1)),
    progress: { waveSoak },
  };
}

async function gatesBefore(
  deps: PipelineDependencies,
  input: Input,
  index: number,
  asked: { policy: ChannelPolicy; names: string[] },
): Promise<WaveLook | { outcome: StepOutcome }> {
  const { context } = input;
  const begun = context.waves[index]?.clusters.some((id) => context.members[id]?.state !== 'pending') ?? true;
  if (begun) return nothing;
  const gates = await askGates(deps, input, asked.policy, asked.names);
  const name = context.waves[index]?.name ?? '';
  const shut = gates.filter((gate) => gate.state === 'closed');
  const unclear = gates.find((gate) => gate.state === 'inconclusive');
  if (shut.length === 0 && unclear !== undefined) {
    const message = `before wave ${name}: ${unclear.reason}`;
    const output: RolloutOutput = { kind: 'inconclusive', gate: unclear.name, message, gates };
    const journal = [{ kind: 'gate-inconclusive', message: `gate ${unclear.name} is inconclusive ${message}` }];
    return { outcome: { kind: 'done', output: output as unknown as Json, journal } };
  }
  // a gate that was named and is not there any more is not open
  if (shut.length === 0 && gates.length === asked.names.length) return nothing;
  const missing = asked.names.filter((one) => !gates.some((gate) => gate.name === one));
  const reason = [
    ...shut.map((gate) => `${gate.name}: ${gate.reason}`),
    ...missing.map((one) => `${one}: the pipeline has no such gate`),
  ].join('; ');
  const soonest = shut.flatMap((gate) => (gate.earliest === null ? [] : [gate.earliest]));
  return {
    holds: { [index]: { code: 'gate-closed', reason } },
    wakeAt: soonest.length === 0 ? null : Math.min(...soonest),
    progress: { gates },
  };
}
