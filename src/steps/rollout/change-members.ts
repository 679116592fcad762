/** Clusters that came, left, are skipped or are back, and children that wait to be told: done first, and one commit for all. */
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutOutput, RolloutState } from '../../domain/rollout.ts';
import { describeHold, holdOn, type Override, pinOn, skipOn } from '../../planning/pipeline/overrides.ts';
import type { JournalNote, StepInput, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { membersOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { childrenInFlight, updateId } from './update-message.ts';

type Input = StepInput<RolloutState>;

/** Where a cluster that is gone would count for ever: against the failure budget, or as one in flight. */
const countsGone = new Set(['inFlight', 'failed', 'aborted']);

interface Known {
  policy: ChannelPolicy;
  overrides: Override[];
  /** What was in flight rests, and goes on resting. */
  held: boolean;
}

export function changeMembers(deps: PipelineDependencies, input: Input, known: Known): StepOutcome | undefined {
  const { context } = input;
  const membership = membershipChanges(deps, input, known.overrides);
  const inFlight = new Set(childrenInFlight(context));
  const told = [...context.told, ...context.resting].filter((child) => inFlight.has(child));
  const over = !known.held && (context.told.length > 0 || context.resting.length > 0);
  const resume = over ? mayResume(input, known.overrides, told) : [];
  const poked = context.poke;
  if (!membership.any && !over && poked.length === 0) return undefined;
  const by = input.id;
  const gone = 'it left the channel or the registry';
  const messages: OutboxMessage[] = [
    ...membership.stopped.map((to): OutboxMessage => ({ to, event: { type: 'ABORT', by, reason: gone } })),
    ...resume.map((to): OutboxMessage => ({ to, event: { type: 'RESUME', by, reason: 'the rollout goes on' } })),
    ...poked.map(
      (cluster): OutboxMessage => ({
        to: updateId(context, cluster, context.members[cluster]?.attempt ?? 1),
        event: { type: 'RETRY', by, reason: 'somebody asked the rollout to try again' },
      }),
    ),
  ];
  const output: RolloutOutput = {
    kind: 'advanced',
    started: [],
    left: membership.left,
    skipped: membership.skipped,
    back: membership.back,
    joined: membership.joined,
    poked,
    resumed: over,
    maxFailures: known.policy.maxFailures,
  };
  return { kind: 'done', output: output as unknown as Json, messages, journal: membership.journal };
}

function membershipChanges(deps: PipelineDependencies, input: Input, overrides: Override[]) {
  const { context } = input;
  const { channel, commit, members } = context;
  const { eligible, ineligible } = membersOf(deps, channel);
  const here = new Set(eligible.map((cluster) => cluster.id));
  const own = new Set([...here, ...Object.keys(ineligible)]);
  const journal: JournalNote[] = [];
  const note = (kind: string, cluster: string, message: string): void =>
    void journal.push({ kind, message, data: { cluster } });
  const version = commit.slice(0, 12);
  const left: string[] = [];
  /** Updates of clusters that are gone. */
  const stopped: string[] = [];
  const skipped: string[] = [];
  const back: string[] = [];
  for (const [id, member] of Object.entries(members)) {
    const skip = skipOn(overrides, id, input.now);
    if (member.state === 'skipped' && skip === undefined && here.has(id)) {
      back.push(id);
      note('cluster-back', id, `${id} is not skipped any more, and follows to ${version}`);
    }
    if (!own.has(id) && countsGone.has(member.state)) {
      left.push(id);
      const flies = member.state === 'inFlight';
      if (flies) stopped.push(updateId(context, id, member.attempt));
      const what = flies ? 'its update is stopped' : 'its failure counts no more';
      note('cluster-left', id, `${id} left ${channel} or the registry while ${version} was under way: ${what}`);
    }
    if (member.state !== 'pending') continue;
    if (!here.has(id)) {
      left.push(id);
      const why = ineligible[id] ?? 'it left the registry or the channel';
      note('cluster-left', id, `${id} takes no part in ${version} on ${channel} any more: ${why}`);
    } else if (skip !== undefined) {
      skipped.push(id);
      note('cluster-skipped', id, `${id} is left out of ${version} on ${channel}: ${describeHold(skip)}`);
    }
  }
  const joined = [...here].filter((id) => {
    const member = members[id];
    if (member !== undefined && member.state !== 'left') return false;
    const kept = pinOn(overrides, { channel, cluster: id, commit }, input.now) ?? skipOn(overrides, id, input.now);
    return kept === undefined;
  });
  for (const id of joined)
    note('cluster-joined', id, `${id} came to ${channel} while ${version} was under way, and catches up`);
  return {
    left,
    stopped,
    skipped,
    back,
    joined,
    journal,
    any: left.length + skipped.length + back.length + joined.length > 0,
  };
}

/** A cluster that is held for itself stays so: it was not this rollout's pause alone that stopped it. */
function mayResume(input: Input, overrides: Override[], children: string[]): string[] {
  if (children.length === 0) return [];
  const { context } = input;
  const own = overrides.filter((override) => override.scope.startsWith('cluster:'));
  const held = Object.entries(context.members)
    .filter(([cluster]) => holdOn(own, { channel: context.channel, cluster }, input.now) !== undefined)
    .map(([cluster, member]) => updateId(context, cluster, member.attempt));
  return children.filter((child) => !held.includes(child));
}
