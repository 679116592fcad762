import { terminal } from '../../domain/failure.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { siblingKey } from '../../planning/pipeline/dimensions.ts';
import { lookAgainAfter } from '../../planning/pipeline/look-again.ts';
import { type NextInRollout, nextInRollout } from '../../planning/pipeline/next-in-rollout.ts';
import { describeHold, holdOn, type Override, pinOn, readOverrides } from '../../planning/pipeline/overrides.ts';
import type { JournalNote, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { type StartHold, startHoldIn } from '../start-hold.ts';
import { changeMembers } from './change-members.ts';
import { childrenInFlight, startUpdate } from './update-message.ts';
import { type WaveLook, waveLook } from './wave-look.ts';

/** Decision time until it looks by itself, should a report be lost. */
const backstopMs = 5 * 60_000;
/** Holds can end without anybody telling. */
const holdLookMs = 5 * 60_000;
const seldomMs = 15 * 60_000;

type Input = StepInput<RolloutState>;

/** Decides who starts, and carries out nothing else: children report, and the plan stays as it was made. */
export function advanceRollout(deps: PipelineDependencies) {
  return async (input: Input): Promise<StepOutcome> => {
    const { context } = input;
    const policy = policyOf(deps, context.channel);
    if (policy === undefined) {
      const message = `channel ${context.channel} is not in the pipeline file any more`;
      return { kind: 'failed', failure: terminal('channel-unknown', message) };
    }
    const overrides = readOverrides(await deps.store.facts('override'));
    const { channel, waived } = context;
    const hold = await startHoldIn(deps, overrides, { channel, waived }, input.now);
    const changed = changeMembers(deps, input, { policy, overrides, held: hold?.rests === true });
    if (changed !== undefined) return changed;
    const resting = hold === undefined ? undefined : rest(input, policy, hold);
    if (resting !== undefined) return resting;
    const look = await waveLook(deps, input, { policy, overrides });
    if ('outcome' in look) return look.outcome;
    const next = nextInRollout({
      waves: context.waves,
      members: context.members,
      maxParallel: policy.maxParallel,
      maxFailures: policy.maxFailures,
      ...(policy.sameFailureLimit === undefined ? {} : { sameFailureLimit: policy.sameFailureLimit }),
      ...(policy.knownFailures === undefined ? {} : { knownFailures: policy.knownFailures }),
      ...(hold === undefined ? {} : { hold: hold.reason }),
      siblings: siblingsOf(deps, context, policy),
      clusterHolds: clusterHolds(input, overrides),
      waveHolds: look.holds,
    });
    return carriedOut(deps, input, { policy, next, until: hold?.until ?? null, look });
  };
}

/** What is in flight stops where `finish` allows it, and goes on when the window opens or the freeze is over. */
function rest(input: Input, policy: ChannelPolicy, hold: StartHold): StepOutcome | undefined {
  const { context } = input;
  const finish = policy.finish ?? 'node';
  if (!hold.rests || finish === 'cluster') return undefined;
  const rested = childrenInFlight(context).filter((child) => !context.resting.includes(child));
  if (rested.length === 0) return undefined;
  const event = { type: 'PAUSE', by: input.id, reason: hold.reason, finish };
  const message = `${rested.length} clusters of ${context.channel} stop after their current ${finish}: ${hold.reason}`;
  return done(
    {
      kind: 'advanced',
      started: [],
      left: [],
      poked: [],
      resumed: false,
      maxFailures: policy.maxFailures,
      rested,
    },
    {
      messages: rested.map((to): OutboxMessage => ({ to, event })),
      journal: [{ kind: 'clusters-rest', message, data: { clusters: rested } }],
    },
  );
}

function clusterHolds(input: Input, overrides: Override[]): Record<string, string> {
  const { channel, commit, members, waves } = input.context;
  const held: Record<string, string> = {};
  if (overrides.length === 0) return held;
  for (const [cluster, member] of Object.entries(members)) {
    if (member.state !== 'pending') continue;
    const wave = waves[member.wave]?.name;
    const where = { channel, cluster, ...(wave === undefined ? {} : { wave }) };
    const own = holdOn(overrides, where, input.now) ?? pinOn(overrides, { ...where, commit }, input.now);
    if (own !== undefined) held[cluster] = describeHold(own);
  }
  return held;
}

function siblingsOf(deps: PipelineDependencies, context: RolloutState, policy: ChannelPolicy): Record<string, string> {
  if (policy.siblings === undefined) return {};
  const keys: Record<string, string> = {};
  for (const cluster of deps.registry().clusters) {
    const key = context.members[cluster.id] === undefined ? undefined : siblingKey(cluster, policy.siblings);
    if (key !== undefined) keys[cluster.id] = key;
  }
  return keys;
}

interface Decided {
  policy: ChannelPolicy;
  next: NextInRollout;
  until: number | null;
  look: WaveLook;
}

function carriedOut(deps: PipelineDependencies, input: Input, { policy, next, until, look }: Decided): StepOutcome {
  const { context } = input;
  switch (next.kind) {
    case 'start': {
      const fleet = deps.pipeline().maxParallel;
      const messages = next.clusters.map((id) => startUpdate(input.id, context, id, policy, fleet));
      return done(
        {
          kind: 'advanced',
          started: next.clusters,
          left: [],
          poked: [],
          resumed: false,
          maxFailures: policy.maxFailures,
        },
        { messages, journal: [...waveNote(context, next.wave), startNote(next)] },
      );
    }
    case 'halt': {
      const message = `${context.channel} halts on ${context.commit.slice(0, 12)}: ${next.reason}`;
      return done(
        { kind: 'halt', code: next.code, message: next.reason },
        { journal: [{ kind: 'rollout-halted', message, data: { code: next.code } }] },
      );
    }
    case 'verified': {
      const message = `${context.commit.slice(0, 12)} is on ${context.channel}: ${next.reason}`;
      return done({ kind: 'verified' }, { journal: [{ kind: 'rollout-verified', message }] });
    }
    case 'wait': {
      const soon = next.code === 'held' || next.code === 'gate-closed';
      const ends = [until, look.wakeAt].filter((at) => at !== null);
      const waited = context.wait?.code === next.code ? input.now - context.wait.since : 0;
      const again = lookAgainAfter(waited, { firstMs: soon ? holdLookMs : backstopMs, mostMs: seldomMs });
      const wakeAt = Math.max(input.now + 1, Math.min(input.now + again, ...ends));
      // the sentence is part of what is compared, so that a new reason is committed and shown
      const progress = { reason: next.reason, ...look.progress } as unknown as Json;
      const reason = { code: next.code, message: next.reason };
      const news = next.code === 'held' && context.wait?.code !== next.code;
      const said = `${context.commit.slice(0, 12)} starts nothing more on ${context.channel}: ${next.reason}`;
      const journal = news ? [{ kind: 'rollout-waits', message: said, data: { until } }] : [];
      return { kind: 'waiting', reason, wakeAt, progress, journal };
    }
  }
}

function waveNote(context: RolloutState, index: number): JournalNote[] {
  const wave = context.waves[index];
  const begun = wave?.clusters.some((id) => context.members[id]?.state !== 'pending') ?? true;
  if (wave === undefined || begun) return [];
  const message = `wave ${wave.name} of ${context.channel} starts: ${wave.clusters.length} clusters`;
  return [{ kind: 'wave-started', message, data: { wave: wave.name, clusters: wave.clusters } }];
}

function startNote(next: NextInRollout & { kind: 'start' }): JournalNote {
  return {
    kind: 'clusters-started',
    message: `${next.clusters.length} clusters start (${next.reason})`,
    data: { clusters: next.clusters },
  };
}

function done(output: RolloutOutput, effects: { messages?: OutboxMessage[]; journal?: JournalNote[] }): StepOutcome {
  return { kind: 'done', output: output as unknown as Json, ...effects };
}
