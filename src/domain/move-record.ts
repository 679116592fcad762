/** Why a branch moved: kept in the store with the move, and published as a git note on the commit that the branch moved to. */
import type { GateState } from './gate.ts';
import type { MemberState, RolloutLane } from './rollout.ts';

/** One cluster's part in a proof. */
export interface ProofMember {
  state: MemberState;
  attempt: number;
  version: string | null;
  joined?: boolean;
  /** Absent when there is none for this very attempt. */
  evidence?: {
    version: string;
    tree: string;
    result: 'passed' | 'failed' | 'error';
    passed: number;
    failed: number;
    /** Checks that failed before the change too. */
    excused: string[];
    at: number;
    inheritedFrom: string | null;
  };
}

/** Everything that the gate between two channels judged. */
export interface MoveProof {
  channel: string;
  /** What was proven: the commit moved to, or the one that a merge of a pull request brought. */
  commit: string;
  rollout: string;
  lane: RolloutLane;
  waived: string[];
  maxFailures: number;
  members: Record<string, ProofMember>;
  soak: { requiredMs: number; observedMs: number; clusterMs: number } | null;
  gates: { name: string; state: GateState; reason: string }[];
}

export interface MoveApproval {
  /** `<channel>/<gate>`; `review` is that of a pull request or proposal. */
  gate: string;
  actor: string;
  verdict: 'approved' | 'rejected';
  reason: string;
  /** Decision time, epoch ms. */
  at: number;
}

export interface MoveRecord {
  format: 1;
  branch: string;
  channel: string;
  from: string;
  to: string;
  /** Of the channel configuration at `to`. */
  tree: string;
  /** Decision time, epoch ms. */
  at: number;
  by: 'promotion' | 'hotfix' | 'bypass' | 'rollback';
  /** null when people moved it: what it skipped is a debt. */
  proof: MoveProof | null;
  /** Who asked for it, or merged the pull request; null when evidence alone moved it. */
  asked: { actor: string; reason: string; waived: string[] } | null;
  approvals: MoveApproval[];
  /** sha256 of the pipeline's policy for the two channels, in force at the move. */
  policy: string;
}

/** A record with what ties it to the record before it and to the journal; this is what a key signs. */
export interface PublishedMove {
  record: MoveRecord;
  /** Digest of the statement that was published for the branch before this one; null = the first one. */
  previous: string | null;
  /** The entry of the journal that tells of the move. */
  journal: { id: number; hash: string };
}
