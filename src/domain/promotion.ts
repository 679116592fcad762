/** One proven version on its way to one target channel, as its process keeps it. */
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

export interface PromotionInput {
  channel: string;
  target: string;
  commit: string;
  tree: string;
  rolloutId: string;
}

export interface PromotionState extends PromotionInput {
  /** Branch of the target and where it was when the move was decided. */
  branch: string | null;
  from: string | null;
  paused: StoredPause | null;
  /** Why the branch may not move. */
  problem: { code: string; message: string; since: number } | null;
  /** Commit of the target that already contains this one, or that took its place. */
  containedIn: string | null;
  /** The pull request, and whether it was approved. */
  review: { id: string; url: string; approvedBy: string[] | null } | null;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

export type PromotionOutput =
  | { kind: 'cleared'; branch: string; from: string }
  | { kind: 'held'; code: string; message: string }
  | { kind: 'moved' }
  /** The target asks for a review first. */
  | { kind: 'review'; branch: string; from: string }
  | { kind: 'proposed'; id: string; url: string }
  | { kind: 'reviewed'; by: string[] }
  /** On the forge: the branch has moved. */
  | { kind: 'merged' }
  | { kind: 'contained'; in: string }
  | { kind: 'recheck' };
