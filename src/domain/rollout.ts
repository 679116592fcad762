/** One config version moving through one channel, as its process keeps it. */
import type { GateRecord } from './gate.ts';
import type { Finish } from './pipeline.ts';
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

export interface RolloutInput {
  channel: string;
  commit: string;
  /** Tree of the channel configuration: evidence is keyed by it. */
  tree: string;
  subject: string;
  /** Decision time, epoch ms. */
  requestedAt: number;
  /** How it came here; absent = the ordinary way. */
  lane?: RolloutLane | undefined;
  /** What a hotfix or rollback need not wait for. */
  waived?: Waivable[] | undefined;
  /** Where its attempts are numbered from: a version that comes to a channel again begins with numbers of its own. */
  firstAttempt?: number | undefined;
}

/** Id of the process. `number`: a version that comes to a channel again has a second rollout, and so on. */
export function rolloutOf(channel: string, commit: string, number = 1): string {
  return `rollout:${channel}:${commit}${number === 1 ? '' : `:${number}`}`;
}

/** `hotfix` and `rollback` go before everything else, `bypass` came around a channel. */
export type RolloutLane = 'normal' | 'hotfix' | 'rollback' | 'bypass';
export const waivables = ['soak', 'gates', 'waves', 'windows'] as const;
export type Waivable = (typeof waivables)[number];

/** `left` = not in the registry any more, `skipped` = left out by somebody: neither green nor counted. */
export type MemberState = 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left' | 'skipped';

export interface RolloutMember {
  state: MemberState;
  attempt: number;
  /** Index into `waves`; -1 = nothing changes for this cluster, it takes no place in a wave. */
  wave: number;
  /** Cluster version that it was brought to. */
  version: string | null;
  /** Evidence was inherited, the cluster was not touched. */
  inherited: boolean;
  /** Came to the channel after the plan was made: it catches up, and counts only when nobody of the plan is left. */
  joined?: boolean | undefined;
  blocked: { code: string; message: string; data?: unknown } | null;
  stalled: { code: string; message: string } | null;
  failure: StoredFailure | null;
  nodesReplaced: number;
  checks: { passed: number; failed: number };
}

/**
 * Clusters whose results prove or disprove the version: those of the plan without who left or is skipped. Only when none of them is left
 * do those that joined later count, or a channel whose clusters were all exchanged could never prove anything.
 */
export function countedMembers(members: Record<string, Pick<RolloutMember, 'state' | 'joined'>>): string[] {
  const here = Object.keys(members).filter((id) => !['left', 'skipped'].includes(members[id]?.state ?? 'left'));
  const planned = here.filter((id) => members[id]?.joined !== true);
  return planned.length > 0 ? planned : here;
}

interface RolloutWave {
  name: string;
  clusters: string[];
}

/** Sum of observed, capped ticks: neither downtime nor clock jumps count. */
interface RolloutSoak {
  requiredMs: number;
  observedMs: number;
  /** The same, summed over the clusters that were healthy. */
  clusterMs: number;
  lastTickAt: number;
}

/** Where work goes on after a pause, a halt or a retry. */
export type ResumableState = 'planned' | 'updating' | 'soaking' | 'gating' | 'repaying';

export interface RolloutState extends RolloutInput {
  lane: RolloutLane;
  waived: Waivable[];
  firstAttempt: number;
  /** Snapshot of the membership and its order, fixed when the plan was made. */
  waves: RolloutWave[];
  members: Record<string, RolloutMember>;
  /** Clusters of the channel that take no part, and why (lifecycle status, mostly). */
  ineligible: Record<string, string>;
  maxFailures: number;
  /** Later channels that this version does not render for: told, never a reason to stop. */
  warnings: string[];
  soak: RolloutSoak | null;
  /** Healthy time before a wave, by the wave's index. */
  waveSoak: { wave: number; soak: RolloutSoak } | null;
  /** What the gates said when they were asked last. */
  gates: GateRecord[];
  /** Children that a closed window or a freeze has stopped, and that go on when it is over. */
  resting: string[];
  resumeTo: ResumableState;
  paused: StoredPause | null;
  /** Children that were told to pause, and have to be told to resume. */
  told: string[];
  /** Stalled or blocked clusters that an operator wants tried at once. */
  poke: string[];
  /** `answered`: the channel was asked to put the last good version back. */
  halt: { code: string; message: string; since: number; answered?: boolean | undefined } | null;
  /** A newer commit, or who aborted it. */
  stop: { by: string; reason: string; told: boolean; finish?: Finish | undefined } | null;
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
  | {
      kind: 'advanced';
      started: string[];
      left: string[];
      poked: string[];
      resumed: boolean;
      maxFailures: number;
      skipped?: string[];
      /** Skipped ones whose skip is over. */
      back?: string[];
      joined?: string[];
      /** Children that were told to rest. */
      rested?: string[];
    }
  | { kind: 'verified' }
  | { kind: 'soaked'; soak: RolloutSoak }
  | { kind: 'proven'; gates: GateRecord[]; owes: boolean }
  /** Nobody can say: it pauses until somebody has looked. */
  | { kind: 'inconclusive'; gate: string; message: string; gates: GateRecord[] }
  | { kind: 'answered' }
  /** Evidence that was skipped has been gathered. */
  | { kind: 'repaid'; soak: RolloutSoak }
  | { kind: 'halt'; code: string; message: string }
  /** Children in flight know of the pause, or of the end. */
  | { kind: 'told'; children: string[] }
  | { kind: 'expired' }
  | { kind: 'stopped' };
