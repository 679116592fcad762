/** What a channel's head is judged on: facts, overrides, signatures, and the rollout under way. */
import type { ChannelState } from '../../domain/channel.ts';
import type { ChannelPolicy } from '../../domain/pipeline.ts';
import type { RolloutState } from '../../domain/rollout.ts';
import { parseAdoption, parseApproved } from '../../planning/pipeline/facts.ts';
import type { HeadInput } from '../../planning/pipeline/judge-head.ts';
import { describeHold, holdOn, pinOn, readOverrides, vetoOn } from '../../planning/pipeline/overrides.ts';
import type { CommitInfo } from '../../ports/channel-source.ts';
import type { StepInput } from '../../ports/step.ts';
import type { ProcessRow } from '../../ports/store.ts';
import type { PipelineDependencies } from '../pipeline-dependencies.ts';

/** New commits whose signatures are looked at; a branch that gained more has to be looked at by people. */
const mostSigned = 200;
/** States in which a rollout is not on its way any more, so that a queue behind it would never move. */
const stuck = new Set(['halted', 'superseding', 'aborting', 'repaying']);

type HeadFacts = Omit<HeadInput, 'channel' | 'upstream' | 'head' | 'problem' | 'handled'>;

export function upstreamOf(deps: Pick<PipelineDependencies, 'pipeline'>, channel: string): string[] {
  return deps
    .pipeline()
    .channels.filter((other) => other.promotesTo.includes(channel))
    .map((other) => other.name);
}

export async function headFacts(
  deps: PipelineDependencies,
  policy: ChannelPolicy,
  info: CommitInfo | undefined,
  input: StepInput<ChannelState>,
): Promise<HeadFacts> {
  const { store } = deps;
  const adoption = parseAdoption((await store.fact('adoption', 'fleet'))?.value);
  const overrides = readOverrides(await store.facts('override'));
  const adoptsUnproven = policy.unprovenHeads === 'adopt';
  const nothing = { adoption, adoptsUnproven, provenUpstream: [], behind: undefined };
  if (info === undefined) return { ...nothing, approved: false, hold: undefined, veto: undefined, unsigned: undefined };
  const approvedFact = await store.fact('approved', `${policy.name}/${info.commit}`);
  const provenUpstream: string[] = [];
  for (const upstream of upstreamOf(deps, policy.name)) {
    if ((await store.fact('proven', `${upstream}/${info.tree}`)) !== undefined) provenUpstream.push(upstream);
  }
  const hold =
    holdOn(overrides, { channel: policy.name }, input.now) ??
    pinOn(overrides, { channel: policy.name, commit: info.commit }, input.now);
  const { paused } = input.context;
  const byPause = input.state === 'paused' && paused !== null ? `paused by ${paused.by}: ${paused.reason}` : undefined;
  const veto = vetoOn(overrides, info, input.now);
  const handled = input.context.handled === info.commit;
  const fast = ['hotfix', 'rollback'].includes(parseApproved(approvedFact?.value)?.lane ?? 'normal');
  return {
    adoption,
    adoptsUnproven,
    approved: approvedFact !== undefined,
    provenUpstream,
    hold: byPause ?? (hold === undefined ? undefined : describeHold(hold)),
    veto: veto === undefined ? undefined : describeHold(veto),
    unsigned: handled || approvedFact !== undefined ? undefined : await unsigned(deps, policy, info, input.context),
    behind: handled || fast ? undefined : await behind(deps, policy, info, input.now),
  };
}

/** The first new commit whose signature does not count. Commits that clm moved here or somebody approved are not asked again. */
async function unsigned(
  deps: PipelineDependencies,
  policy: ChannelPolicy,
  info: CommitInfo,
  { lastGood }: ChannelState,
): Promise<string | undefined> {
  if (policy.signatures !== 'required' || lastGood === info.commit) return undefined;
  const commits = await deps.source.commitsBetween(lastGood ?? undefined, info.commit, mostSigned + 1);
  if (commits.length > mostSigned) return `more than ${mostSigned} new commits: their signatures are not looked at`;
  for (const { commit } of lastGood === null ? [info] : commits) {
    const verdict = await deps.source.verifySignature(commit);
    if (!verdict.verified) return `${policy.name} takes signed commits only: ${verdict.message}`;
  }
  return undefined;
}

/** Nothing is gained by waiting for it: somebody has to act, it is going anyway, or there is no cluster that could prove it. */
function isStuck({ value, context }: ProcessRow): boolean {
  const { wait } = context as Partial<Pick<RolloutState, 'wait'>>;
  return (typeof value === 'string' && stuck.has(value)) || wait?.code === 'channel-empty';
}

/** A queue lets the rollout under way come to its end; a minimum dwell lets it live so long at least. */
async function behind(
  deps: PipelineDependencies,
  policy: ChannelPolicy,
  info: CommitInfo,
  now: number,
): Promise<HeadInput['behind']> {
  const rows = await deps.store.rows({ machine: 'rollout', status: 'active', channel: policy.name });
  const older = rows.filter((row) => row.commit !== info.commit && !isStuck(row));
  const newest = older.toSorted((a, b) => b.createdAt - a.createdAt)[0];
  if (newest === undefined) return undefined;
  const name = newest.commit.slice(0, 12);
  if (policy.newCommits === 'queue') {
    return { code: 'queued', reason: `queued behind ${name}, which is under way` };
  }
  const until = newest.createdAt + (policy.minDwellMs ?? 0);
  if (now >= until) return undefined;
  return { code: 'min-dwell', reason: `${name} keeps the channel until ${new Date(until).toISOString()}` };
}
