/** One cluster taken away for good, as its process keeps it. */
import type { StoredFailure, StoredWait } from './stored.ts';

export interface DecommissionInput {
  clusterId: string;
  channel: string;
}

/** A pool of workers that is drained before its stack goes. */
export interface PoolDrain {
  /** The roll that does it. */
  child: string;
  round: number;
  state: 'running' | 'rolled' | 'aborted' | 'failed';
  reason: string | null;
  /** What holds one of its nodes up. */
  blocked: string | null;
}

export interface DecommissionState extends DecommissionInput {
  /** Decision time at which it was asked for, as far as clm has seen. */
  requestedAt: number;
  /** Update of the cluster that was asked to end. */
  asked: string | null;
  /** Decision time at which the present state began. */
  since: number;
  /** Stacks that were deleted. */
  removed: string[];
  /** Pools of workers that are drained, by name. */
  drains: Record<string, PoolDrain>;
  /** Their rolls were told to rest. */
  paused: boolean;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

/** `STEP_DONE.output` of every step of a decommission. */
export interface DecommissionOutput {
  /**
   * `next`: this state is complete; `again`: something was done, the same step looks again; `cancelled`: nobody wants it any more, and
   * nothing was taken away.
   */
  kind: 'next' | 'again' | 'cancelled';
  asked?: string;
  removed?: string[];
  /** Merged pool by pool. */
  drains?: Record<string, PoolDrain>;
  paused?: boolean;
}
