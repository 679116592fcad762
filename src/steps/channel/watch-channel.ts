import { firstOfRollout } from '../../domain/attempts.ts';
import { type ChannelProblem, type ChannelProgress, type ChannelState, versionOn } from '../../domain/channel.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import { rolloutOf } from '../../domain/rollout.ts';
import { type HeadVerdict, judgeHead } from '../../planning/pipeline/judge-head.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { JournalNote, StepEffects, StepInput, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { type PipelineDependencies, policyOf } from '../pipeline-dependencies.ts';
import { startCatchUps } from './catch-up.ts';
import { startCreations } from './create-clusters.ts';
import { lookForDrift } from './drift-look.ts';
import { headFacts, upstreamOf } from './head-facts.ts';
import { type Rest, restOf } from './stand-in.ts';
import { startDecommissions } from './start-decommissions.ts';
import { noRollout, startRollout } from './start-rollout.ts';

/** Follows a channel's branch: sees new heads, starts their rollouts, and says why one does not start. */
export function watchChannel(deps: PipelineDependencies) {
  return async (input: StepInput<ChannelState>): Promise<StepOutcome> => {
    const policy = policyOf(deps, input.context.channel);
    if (policy === undefined) {
      const message = `channel ${input.context.channel} is not in the pipeline file`;
      return { kind: 'waiting', reason: { code: 'channel-unknown', message }, wakeAt: nextPoll(deps, input.now) };
    }
    const look = await deps.heads.look(input.now);
    const commit = look.byBranch.get(policy.branch);
    const info = commit === undefined ? undefined : await deps.heads.commitInfo(commit);
    const problem = look.problems.get(policy.branch);
    const facts = await headFacts(deps, policy, info, input);
    const verdict = judgeHead({
      channel: policy.name,
      upstream: upstreamOf(deps, policy.name),
      head: info,
      problem,
      handled: input.context.handled,
      ...facts,
    });
    const idle = verdict.kind === 'idle' && info !== undefined;
    const rest = idle ? await restOf(deps, policy, info, facts.veto, input) : undefined;
    return outcome(deps, input, { policy, info, verdict, rest });
  };
}

interface Found {
  policy: ChannelPolicy;
  info: CommitInfo | undefined;
  verdict: HeadVerdict;
  /** Of a head that was taken care of. */
  rest: Rest | undefined;
}

async function outcome(deps: PipelineDependencies, input: StepInput<ChannelState>, found: Found): Promise<StepOutcome> {
  const progress = progressOf(input, found);
  const facts = await channelFact(deps, input.context, found, progress);
  const { verdict, info, rest } = found;
  if (verdict.kind === 'start' && info !== undefined) {
    const { messages, replaced, lane } = await startRollout(deps, input, found.policy, info, {
      rollout: rolloutOf(found.policy.name, info.commit),
      firstAttempt: firstOfRollout(1),
    });
    const note = {
      kind: 'rollout-requested',
      message: `${describe(info)} on ${found.policy.name}: ${verdict.reason}${replaced}`,
      data: { commit: info.commit, tree: info.tree, subject: info.subject, lane },
    };
    const adopted = verdict.adopted ? [adoptedNote(found.policy.name, info, verdict.reason)] : [];
    return { kind: 'done', output: progress as Json, facts, messages, journal: [...adopted, note] };
  }
  if (verdict.kind === 'adopted' && info !== undefined) {
    const key = `${found.policy.name}/${info.tree}`;
    const proven: FactWrite = { kind: 'proven', key, value: { commit: info.commit, adopted: true, at: input.now } };
    const note = {
      kind: 'head-adopted',
      message: `${describe(info)} on ${found.policy.name}: ${verdict.reason}`,
      data: { commit: info.commit, tree: info.tree },
    };
    return { kind: 'done', output: progress as Json, facts: [...facts, proven], journal: [note] };
  }
  if (rest?.kind === 'start' && input.context.move === null) return startStandIn(deps, input, found, rest);
  if (rest?.kind === 'rests' && input.context.move === null) {
    const behind = await startCatchUps(deps, input, found.policy, rest.info);
    if (behind !== undefined) {
      const { catchUps, messages, journal } = behind;
      return { kind: 'done', output: { ...progress, catchUps } as unknown as Json, facts, messages, journal };
    }
  }
  const { channel, move } = input.context;
  const none = move === null && (await noRollout(deps, channel, versionOn(input.context)?.rollout));
  const rests = rest?.kind === 'rests' && none ? rest.info : undefined;
  const created = await startCreations(deps, input, found.policy, rests);
  if (created !== undefined) {
    const { catchUps, messages, journal } = created;
    return { kind: 'done', output: { ...progress, catchUps } as unknown as Json, facts, messages, journal };
  }
  const leaving = await startDecommissions(deps, input);
  if (leaving !== undefined) return { kind: 'done', output: progress as Json, facts, ...leaving };
  const effects: StepEffects = { facts, journal: problemNotes(input.context, progress, found.policy.name) };
  if (rests !== undefined && deps.looksForDrift !== false) {
    const drift = await lookForDrift(deps, found.policy.name, rests, input.now);
    effects.facts?.push(...drift.facts);
    effects.journal?.push(...drift.journal);
  }
  return {
    kind: 'waiting',
    reason: {
      code: verdict.kind === 'idle' ? 'next-commit' : codeOf(verdict),
      message: (rest?.kind === 'start' ? undefined : rest?.reason) ?? verdict.reason,
    },
    wakeAt: nextPoll(deps, input.now),
    progress: progress as Json,
    ...effects,
  };
}

/** In place of the head, and of its rollout. */
async function startStandIn(
  deps: PipelineDependencies,
  input: StepInput<ChannelState>,
  found: Found,
  { standIn, info, rollout, firstAttempt }: Extract<Rest, { kind: 'start' }>,
): Promise<StepOutcome> {
  const { messages, replaced, lane } = await startRollout(deps, input, found.policy, info, { rollout, firstAttempt });
  const progress = { ...progressOf(input, found), standIn: { ...standIn, rollout } };
  const facts = await channelFact(deps, input.context, found, progress);
  const message = `${describe(info)} on ${found.policy.name}: ${standIn.reason}${replaced}`;
  const data = { commit: info.commit, tree: info.tree, subject: info.subject, lane, instead: standIn.head };
  const journal = [{ kind: 'rollout-requested', message, data }];
  return { kind: 'done', output: progress as unknown as Json, facts, messages, journal };
}

function adoptedNote(channel: string, info: CommitInfo, reason: string): JournalNote {
  const { commit, tree } = info;
  const message = `${describe(info)} on ${channel} is taken as it is: ${reason}`;
  return { kind: 'head-adopted', message, data: { commit, tree } };
}

function codeOf(verdict: HeadVerdict): string {
  return verdict.kind === 'frozen' || verdict.kind === 'held' ? verdict.code : verdict.kind;
}

function progressOf(input: StepInput<ChannelState>, { info, verdict, rest }: Found): ChannelProgress {
  const { context } = input;
  const handles = verdict.kind === 'start' || verdict.kind === 'adopted';
  const good = handles || verdict.kind === 'idle' || (verdict.kind === 'held' && verdict.good);
  return {
    head: info?.commit ?? context.head,
    subject: info?.subject ?? context.subject,
    lastGood: good && info !== undefined ? info.commit : context.lastGood,
    handled: handles && info !== undefined ? info.commit : context.handled,
    proven: verdict.kind === 'adopted' && info !== undefined ? info.commit : context.proven,
    frozen: verdict.kind === 'frozen',
    problem: problemOf(context.problem, stoodIn(rest) ?? verdict, input.now),
  };
}

/** Another version than the head's: somebody has to bring a newer commit. */
function stoodIn(rest: Rest | undefined): HeadVerdict | undefined {
  if (rest?.kind !== 'rests' || rest.reason === undefined) return undefined;
  return { kind: 'held', code: 'head-vetoed', reason: rest.reason, good: false };
}

/** Waiting for adoption, or being held by a person, is no problem: both are somebody's wish. */
function problemOf(before: ChannelProblem | null, verdict: HeadVerdict, now: number): ChannelProblem | null {
  const isProblem = verdict.kind === 'frozen' || (verdict.kind === 'held' && !verdict.good);
  if (!isProblem) return null;
  const since = before?.code === verdict.code ? before.since : now;
  return { code: verdict.code, message: verdict.reason, since };
}

function problemNotes(before: ChannelState, after: ChannelProgress, channel: string): JournalNote[] {
  const problem = after.problem ?? null;
  if (problem !== null && problem.code !== before.problem?.code) {
    return [{ kind: 'channel-held', message: `channel ${channel} stays where it is: ${problem.message}` }];
  }
  return problem === null && before.problem !== null
    ? [{ kind: 'channel-cleared', message: `channel ${channel} goes on: its branch is in order again` }]
    : [];
}

async function channelFact(
  deps: PipelineDependencies,
  context: ChannelState,
  { policy }: Found,
  progress: ChannelProgress,
): Promise<FactWrite[]> {
  const next = { ...context, ...progress };
  const value: Json = {
    head: next.head,
    lastGood: next.lastGood,
    proven: next.proven,
    subject: next.subject,
    frozen: next.frozen,
    problem: next.problem === null ? null : { code: next.problem.code, message: next.problem.message },
  };
  const stored = await deps.store.fact('channel', policy.name);
  if (stored !== undefined && sameFact(stored.value, value)) return [];
  return [{ kind: 'channel', key: policy.name, value }];
}

function sameFact(a: Json, b: { [key: string]: Json }): boolean {
  if (typeof a !== 'object' || a === null || Array.isArray(a)) return false;
  return Object.entries(b).every(([key, value]) => JSON.stringify(a[key] ?? null) === JSON.stringify(value));
}

function describe(info: CommitInfo): string {
  return `${info.commit.slice(0, 12)} (${info.subject})`;
}

/** All channels look at the same moments, so that one fetch serves them all. */
function nextPoll(deps: PipelineDependencies, now: number): number {
  return (Math.floor(now / deps.pollIntervalMs) + 1) * deps.pollIntervalMs;
}
