/** What to do about the head of a channel's branch. */
import type { HeadProblem } from '../../ports/channel-source.ts';
import type { AdoptionFact } from './facts.ts';

export interface HeadInput {
  channel: string;
  /** Channels that promote to this one; none = people merge here. */
  upstream: string[];
  head: { commit: string; tree: string } | undefined;
  problem: HeadProblem | undefined;
  adoption: AdoptionFact | undefined;
  /** Head that a rollout was started for already, or that needs none. */
  handled: string | null;
  /** clm moved the branch here, or somebody approved it. */
  approved: boolean;
  /** Upstream channels that have proven this very tree. */
  provenUpstream: string[];
  /** A pause or freeze of the channel or the fleet. */
  hold: string | undefined;
  /** A veto of this version. */
  veto: string | undefined;
  /** Why the signatures of the new commits are not good enough. */
  unsigned: string | undefined;
  /** Takes heads that clm did not put there without asking. */
  adoptsUnproven: boolean;
  /** Why the rollout under way goes first: a queue, or its minimum dwell. */
  behind: { code: string; reason: string } | undefined;
}

export type HeadVerdict =
  /** Nothing starts, the channel stays on its last good version, and somebody has to look. */
  | { kind: 'frozen'; code: string; reason: string }
  /** Nothing starts, for now. `good`: the head itself is in order. */
  | { kind: 'held'; code: string; reason: string; good: boolean }
  | { kind: 'adopted'; reason: string }
  /** `adopted`: accepted without proof: it was there at first contact, or the channel's policy takes such heads. */
  | { kind: 'start'; reason: string; adopted: boolean }
  | { kind: 'idle'; reason: string };

export function judgeHead(input: HeadInput): HeadVerdict {
  const { head, problem, adoption } = input;
  if (problem !== undefined) return { kind: 'frozen', code: `branch-${problem.kind}`, reason: problem.message };
  if (head === undefined) {
    return { kind: 'frozen', code: 'branch-missing', reason: `the branch of channel ${input.channel} was not found` };
  }
  if (adoption === undefined) {
    const reason = 'the fleet is only observed until `clm adopt`';
    return { kind: 'held', code: 'not-adopted', reason, good: true };
  }
  if (input.handled === head.commit) return { kind: 'idle', reason: `${head.commit.slice(0, 12)} is taken care of` };
  const adopted = adoption.heads[input.channel];
  const isAdopted = adopted?.commit === head.commit;
  if (isAdopted && adopted.matches) {
    return { kind: 'adopted', reason: 'every cluster ran this version when the fleet was adopted' };
  }
  if (input.veto !== undefined) return { kind: 'held', code: 'head-vetoed', reason: input.veto, good: false };
  if (input.unsigned !== undefined) return { kind: 'held', code: 'head-unsigned', reason: input.unsigned, good: false };
  const why = acceptance(input, isAdopted);
  if (why === undefined) {
    const reason =
      `${head.commit.slice(0, 12)} on ${input.channel} was not put there by clm, ` +
      `and its tree is not proven on ${input.upstream.join(' or ')}`;
    return { kind: 'held', code: 'head-unproven', reason, good: false };
  }
  if (input.hold !== undefined) return { kind: 'held', code: 'held', reason: input.hold, good: true };
  if (input.behind !== undefined) return { kind: 'held', ...input.behind, good: true };
  const unproven = input.upstream.length > 0 && !input.approved && input.provenUpstream.length === 0;
  return { kind: 'start', reason: why, adopted: isAdopted || unproven };
}

function acceptance(input: HeadInput, isAdopted: boolean): string | undefined {
  if (input.upstream.length === 0) return 'merged by people';
  if (input.approved) return 'promoted or approved';
  if (input.provenUpstream.length > 0) return `its tree is proven on ${input.provenUpstream.join(', ')}`;
  if (isAdopted) return 'it was there when the fleet was adopted';
  return input.adoptsUnproven ? 'the channel takes heads that people put there' : undefined;
}
