/** One config version moving through one channel, as its process keeps it. */
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

export interface RolloutInput {
  channel: string;
  commit: string;
  /** Tree of the channel configuration: evidence is keyed by it. */
  tree: string;
  subject: string;
  /** Decision time, epoch ms. */
  requestedAt: number;
}

/** `left` = not in the registry any more: neither green nor counted. */
export type MemberState = 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left';

export interface RolloutMember {
  state: MemberState;
  attempt: number;
  /** Index into `waves`; -1 = nothing changes for this cluster, it takes no place in a wave. */
  wave: number;
  /** Cluster version that it was brought to. */
  version: string | null;
  /** Evidence was inherited, the cluster was not touched. */
  inherited: boolean;
  blocked: { code: string; message: string; data?: unknown } | null;
  stalled: { code: string; message: string } | null;
  failure: StoredFailure | null;
  nodesReplaced: number;
  checks: { passed: number; failed: number };
}

interface RolloutWave {
  name: string;
  clusters: string[];
}

/** Sum of observed, capped ticks: neither downtime nor clock jumps count. */
interface RolloutSoak {
  requiredMs: number;
  observedMs: number;
  lastTickAt: number;
}

/** Where work goes on after a pause, a halt or a retry. */
export type ResumableState = 'planned' | 'updating' | 'soaking' | 'gating';

export interface RolloutState extends RolloutInput {
  /** Snapshot of the membership and its order, fixed when the plan was made. */
  waves: RolloutWave[];
  members: Record<string, RolloutMember>;
  /** Clusters of the channel that take no part, and why (lifecycle status, mostly). */
  ineligible: Record<string, string>;
  maxFailures: number;
  /** Later channels that this version does not render for: told, never a reason to stop. */
  warnings: string[];
  soak: RolloutSoak | null;
  resumeTo: ResumableState;
  paused: StoredPause | null;
  /** Children that were told to pause, and have to be told to resume. */
  told: string[];
  /** Stalled or blocked clusters that an operator wants tried at once. */
  poke: string[];
  halt: { code: string; message: string; since: number } | null;
  /** A newer commit, or who aborted it. */
  stop: { by: string; reason: string; told: boolean } | null;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

/** What the rollout's steps hand back when they are done. */
export type RolloutOutput =
  | {
      kind: 'planned';
      waves: RolloutWave[];
      members: Record<string, RolloutMember>;
      ineligible: Record<string, string>;
      maxFailures: number;
      warnings: string[];
    }
  /** Children were started, told to resume, or poked; clusters left the registry. */
  | { kind: 'advanced'; started: string[]; left: string[]; poked: string[]; resumed: boolean; maxFailures: number }
  | { kind: 'verified' }
  | { kind: 'soaked'; soak: RolloutSoak }
  | { kind: 'proven' }
  | { kind: 'halt'; code: string; message: string }
  /** Children in flight know of the pause, or of the end. */
  | { kind: 'told'; children: string[] }
  | { kind: 'expired' }
  | { kind: 'stopped' };
