/** People say yes: so many different ones, of the right roles, of exactly this version. */
import type { ApprovalGate } from '../../../domain/gate.ts';
import { closed, type GateVerdict, open } from './gate-verdict.ts';

export interface Approval {
  actor: string;
  verdict: 'approved' | 'rejected';
  reason: string;
  /** Commit and tree that the person saw. */
  commit: string;
  tree: string;
  at: number;
  expiresAt: number | null;
}

export interface ApprovalInput {
  gate: ApprovalGate;
  channel: string;
  commit: string;
  tree: string;
  approvals: readonly Approval[];
  roles: Record<string, string[]>;
  now: number;
}

export function judgeApproval(input: ApprovalInput): GateVerdict {
  const { gate, channel, commit } = input;
  // an approval belongs to the version that was looked at: it does not outlive it
  const valid = input.approvals.filter(
    (one) =>
      one.commit === commit &&
      one.tree === input.tree &&
      (one.expiresAt === null || one.expiresAt > input.now) &&
      mayApprove(gate, one.actor, input.roles),
  );
  const newest = new Map<string, Approval>();
  for (const one of [...valid].sort((a, b) => a.at - b.at)) newest.set(one.actor, one);
  const by = [...newest.values()];
  const who = `${whoMay(gate, input.roles)}: clm approve ${commit.slice(0, 12)} --channel ${channel} --gate ${gate.name} --reason …`;
  const rejected = by.find((one) => one.verdict === 'rejected');
  if (rejected !== undefined) {
    return closed(`rejected by ${rejected.actor}: ${rejected.reason}`, `${rejected.actor}, by approving after all`);
  }
  const names = by.map((one) => one.actor).sort();
  if (names.length >= gate.quorum) return open(`approved by ${names.join(', ')}`);
  const have = names.length === 0 ? '' : ` (${names.join(', ')})`;
  return closed(`${names.length} of ${gate.quorum} approvals${have}`, who);
}

export function mayApprove(gate: ApprovalGate, actor: string, roles: Record<string, string[]>): boolean {
  return gate.roles.length === 0 || gate.roles.some((role) => roles[role]?.includes(actor) === true);
}

export function whoMay(gate: ApprovalGate, roles: Record<string, string[]>): string {
  if (gate.roles.length === 0) return 'anybody';
  const members = new Set(gate.roles.flatMap((role) => roles[role] ?? []));
  return `${gate.roles.join(' or ')} (${[...members].sort().join(', ')})`;
}
