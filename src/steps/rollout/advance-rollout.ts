import { terminal } from '../../domain/failure.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { parseChannelFact } from '../../planning/pipeline/facts.ts';
import { type NextInRollout, nextInRollout } from '../../planning/pipeline/next-in-rollout.ts';
import { describeHold, holdOn, type Override, readOverrides } from '../../planning/pipeline/overrides.ts';
import type { JournalNote, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { childrenInFlight, startUpdate, updateId } from './update-message.ts';

/** Decision time until it looks by itself, should a report be lost. */
const backstopMs = 5 * 60_000;
/** Holds can end without anybody telling. */
const holdLookMs = 60_000;

/** Decides who starts, and carries out nothing else: children report, and the plan stays as it was made. */
export function advanceRollout(deps: PipelineDependencies) {
  return async (input: StepInput<RolloutState>): Promise<StepOutcome> => {
    const { context } = input;
    const policy = policyOf(deps, context.channel);
    if (policy === undefined) {
      const message = `channel ${context.channel} is not in the pipeline file any more`;
      return { kind: 'failed', failure: terminal('channel-unknown', message) };
    }
    const housekeeping = await afterOperators(deps, input, policy);
    if (housekeeping !== undefined) return housekeeping;
    const { hold, clusterHolds, until } = await holds(deps, input);
    const next = nextInRollout({
      waves: context.waves,
      members: context.members,
      maxParallel: policy.maxParallel,
      maxFailures: policy.maxFailures,
      ...(hold === undefined ? {} : { hold }),
      clusterHolds,
    });
    return carriedOut(deps, input, policy, next, until);
  };
}

/** Clusters that left, children that wait to be told of a resume or a retry: done first, and one commit for all. */
async function afterOperators(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
  policy: ChannelPolicy,
): Promise<StepOutcome | undefined> {
  const { context } = input;
  const known = new Set(deps.registry().clusters.map((cluster) => cluster.id));
  const left = Object.keys(context.members).filter((id) => context.members[id]?.state === 'pending' && !known.has(id));
  const inFlight = new Set(childrenInFlight(context));
  const resume = await mayResume(
    deps,
    input,
    context.told.filter((child) => inFlight.has(child)),
  );
  const poked = context.poke;
  if (left.length === 0 && context.told.length === 0 && poked.length === 0) return undefined;
  const by = input.id;
  const messages: OutboxMessage[] = [
    ...resume.map((to): OutboxMessage => ({ to, event: { type: 'RESUME', by, reason: 'the rollout goes on' } })),
    ...poked.map(
      (cluster): OutboxMessage => ({
        to: updateId(context, cluster, context.members[cluster]?.attempt ?? 1),
        event: { type: 'RETRY', by, reason: 'somebody asked the rollout to try again' },
      }),
    ),
  ];
  const journal: JournalNote[] = left.map((id) => ({
    kind: 'cluster-left',
    message: `${id} left the registry while ${context.commit.slice(0, 12)} was on its way through ${context.channel}`,
  }));
  return done(
    { kind: 'advanced', started: [], left, poked, resumed: true, maxFailures: policy.maxFailures },
    { messages, journal },
  );
}

/** A cluster that is held for itself stays so: it was not this rollout's pause alone that stopped it. */
async function mayResume(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
  children: string[],
): Promise<string[]> {
  if (children.length === 0) return [];
  const { context } = input;
  const overrides = readOverrides(await deps.store.facts('override'));
  const own = overrides.filter((override) => override.scope.startsWith('cluster:'));
  const held = Object.entries(context.members)
    .filter(([cluster]) => holdOn(own, { channel: context.channel, cluster }, input.now) !== undefined)
    .map(([cluster, member]) => updateId(context, cluster, member.attempt));
  return children.filter((child) => !held.includes(child));
}

async function holds(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
): Promise<{ hold: string | undefined; clusterHolds: Record<string, string>; until: number | null }> {
  const { channel, members } = input.context;
  const overrides = readOverrides(await deps.store.facts('override'));
  const wide = holdOn(overrides, { channel }, input.now);
  const clusterHolds: Record<string, string> = {};
  for (const [cluster, member] of Object.entries(members)) {
    if (member.state !== 'pending' || overrides.length === 0) continue;
    const own: Override | undefined = holdOn(overrides, { channel, cluster }, input.now);
    if (own !== undefined) clusterHolds[cluster] = describeHold(own);
  }
  if (wide !== undefined) return { hold: describeHold(wide), clusterHolds, until: wide.expiresAt };
  const state = parseChannelFact((await deps.store.fact('channel', channel))?.value);
  const frozen = state?.frozen === true ? (state.problem?.message ?? 'its branch is not in order') : undefined;
  return { hold: frozen, clusterHolds, until: null };
}

function carriedOut(
  deps: PipelineDependencies,
  input: StepInput<RolloutState>,
  policy: ChannelPolicy,
  next: NextInRollout,
  until: number | null,
): StepOutcome {
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
      const look = input.now + (next.code === 'held' ? holdLookMs : backstopMs);
      const wakeAt = until !== null && next.code === 'held' ? Math.min(look, until) : look;
      // the sentence is part of what is compared, so that a new reason is committed and shown
      return { kind: 'waiting', reason: { code: next.code, message: next.reason }, wakeAt, progress: next.reason };
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
