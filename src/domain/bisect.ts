/** The search for the commit of a batch that made a channel halt, as its process keeps it. */
import type { StoredFailure, StoredWait } from './stored.ts';

export interface BisectPolicy {
  /** Clusters that it is tried on, one after the other, until one shows the failure again. */
  clusters: number;
  /** Updates that are made for it at most. */
  attempts: number;
}

export interface BisectInput {
  channel: string;
  /** The version that halted. */
  commit: string;
  tree: string;
  rolloutId: string;
}

export interface BisectCandidate {
  commit: string;
  tree: string;
}

export interface BisectTrial {
  commit: string;
  cluster: string;
  /** Of the cluster update: part of its id. */
  attempt: number;
  /** `none`: it says nothing, the cluster was taken by another update, or failed in another way. */
  result: 'inFlight' | 'passed' | 'failed' | 'none';
}

export interface BisectVerdict {
  kind: 'culprit' | 'inconclusive' | 'cancelled';
  message: string;
  culprit: string | null;
  /** Branch or pull request with the revert. */
  revert: string | null;
}

export interface BisectState extends BisectInput {
  /** The version that was proven here before; null = none is known. */
  good: BisectCandidate | null;
  /** Commits after it that may be tried here, oldest first; the last is the halted one. null = not planned yet. */
  candidates: BisectCandidate[] | null;
  /** Clusters that failed, with the code of their failure: only the same one counts. */
  clusters: { id: string; code: string }[];
  trials: BisectTrial[];
  limits: BisectPolicy;
  verdict: BisectVerdict | null;
  wait: StoredWait | null;
  failure: StoredFailure | null;
}

export type BisectOutput =
  | {
      kind: 'planned';
      good: BisectCandidate | null;
      candidates: BisectCandidate[];
      clusters: { id: string; code: string }[];
      limits: BisectPolicy;
    }
  | { kind: 'tried'; trial: BisectTrial }
  | { kind: 'ended'; verdict: BisectVerdict };
