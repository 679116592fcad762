/** May this version leave the channel? Compares versions, never conditions; an empty gate is closed (B5). */
import { countedMembers } from '../../domain/rollout.ts';
import { type EvidenceFact, evidenceKey } from './facts.ts';

export interface GateMember {
  state: 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left' | 'skipped';
  /** Came after the plan was made: it counts only when nobody of the plan is left. */
  joined?: boolean | undefined;
  attempt: number;
  version: string | null;
}

export interface GateInput {
  commit: string;
  tree: string;
  members: Record<string, GateMember>;
  maxFailures: number;
  /** By evidence key. */
  evidence: ReadonlyMap<string, EvidenceFact>;
}

export interface GateVerdict {
  open: boolean;
  green: string[];
  /** Members that are not green, each with why. */
  notGreen: { cluster: string; reason: string }[];
  reason: string;
}

export function judgeGate(input: GateInput): GateVerdict {
  const green: string[] = [];
  const notGreen: GateVerdict['notGreen'] = [];
  for (const cluster of countedMembers(input.members).sort()) {
    const member = input.members[cluster] as GateMember;
    const reason = whyNotGreen(input, cluster, member);
    if (reason === undefined) green.push(cluster);
    else notGreen.push({ cluster, reason });
  }
  if (green.length === 0) {
    const reason = notGreen.length === 0 ? 'the channel has no cluster to prove a version on' : 'no cluster is green';
    return { open: false, green, notGreen, reason };
  }
  if (notGreen.length > input.maxFailures) {
    const first = notGreen[0] as GateVerdict['notGreen'][number];
    return {
      open: false,
      green,
      notGreen,
      reason: `${areOf(notGreen.length)} not green, ${input.maxFailures} allowed; ${first.cluster}: ${first.reason}`,
    };
  }
  const tolerated = notGreen.length === 0 ? '' : `, ${notGreen.length} failed within the budget`;
  return { open: true, green, notGreen, reason: `${areOf(green.length)} green${tolerated}` };
}

function areOf(clusters: number): string {
  return clusters === 1 ? '1 cluster is' : `${clusters} clusters are`;
}

function whyNotGreen(input: GateInput, cluster: string, member: GateMember): string | undefined {
  if (member.state !== 'updated') return `it is ${member.state}`;
  const evidence = input.evidence.get(evidenceKey(cluster, input.commit, member.attempt));
  if (evidence === undefined) return `there is no evidence for ${input.commit} attempt ${member.attempt}`;
  if (evidence.tree !== input.tree) return `its evidence belongs to another tree, ${evidence.tree}`;
  if (evidence.version !== member.version) {
    return `its evidence belongs to ${evidence.version}, it runs ${member.version ?? 'nothing known'}`;
  }
  if (!evidence.version.startsWith(`${input.commit}#`)) return `its evidence belongs to ${evidence.version}`;
  return evidence.result === 'passed' ? undefined : `its checks ${evidence.result}`;
}
