/** The pipeline file after parsing: what channels there are, and what each demands before a version moves on. */
import type { BisectPolicy } from './bisect.ts';
import type { GatePolicy } from './gate.ts';
import type { TimeWindow } from './time-window.ts';

/** What clusters can be alike or different in; beside these, `configItems.<name>`, and products: `region x minor`. */
export const plainDimensions = [
  'region',
  'account',
  'environment',
  'provider',
  'criticality',
  'instanceFamily',
  'architecture',
  'minor',
] as const;

export interface WavePolicy {
  name: string;
  /** How many of the clusters not yet in an earlier wave: a count, or a percentage (rounded up). */
  size: number | `${number}%`;
  /** Only these clusters, by id or alias, are taken. */
  clusters?: string[];
  /** Only clusters with one of the given values in every given dimension are taken. */
  match?: Record<string, string[]>;
  /**
   * Takes the fewest clusters that show every value of every dimension (`region`, `configItems.cni`); a dimension may be a product,
   * `region x architecture`. `size` caps it.
   */
  coverage?: string[];
  /** Observed healthy time after the wave before this one, in ms. */
  soakBeforeMs?: number;
  /** Names of gates of the channel that have to be open before the wave starts. */
  gatesBefore?: string[];
}

/** How results of checks are judged, beside their profile. */
export interface E2eGatePolicy {
  /** The same profile runs before the change; what failed in the same way before does not block. */
  baseline: boolean;
  /** Checks of one run that may pass only when run again. */
  maxFlaky: number;
  /** Profile that runs while workers are replaced; failures of new nodes alone stop the roll. */
  midRoll?: string | undefined;
}

/** For how long objects of a failed check stay, and of how many checks at once on one cluster. */
export interface KeepPolicy {
  forMs: number;
  most: number;
}

/** Healthy time and work that a version must have shown before it goes on. */
export interface SoakDemands {
  /** Hours of healthy clusters, summed over them. */
  clusterHours?: number;
  nodesReplaced?: number;
  /** Clusters whose checks ran against this very version and passed. */
  passes?: number;
}

/** How much of the work in hand is completed when a window closes, a freeze begins or a newer commit arrives. */
export type Finish = 'node' | 'pool' | 'cluster';

export interface ChannelPolicy {
  name: string;
  /** git branch; the channel's name unless given. */
  branch: string;
  /** Channels a version can be promoted to once it is proven here. */
  promotesTo: string[];
  /** Of those, the ones that wait for `clm promote`. */
  manualTargets?: string[];
  /** With several upstream channels: proven on one of them is enough, or on all. */
  needs?: 'any' | 'all';
  /** How a version comes onto the branch: pushed, or after a pull request was approved. */
  promotion?: 'push' | 'pull-request';
  /** A head that clm did not put there: held until it is approved, or taken as it is. */
  unprovenHeads?: 'hold' | 'adopt';
  /** Every commit since the last good head must carry a signature that verifies. */
  signatures?: 'required';
  waves: WavePolicy[];
  /** Clusters in flight at once in this channel. */
  maxParallel: number;
  /** Clusters that may fail or stall before the channel halts: a halt comes at maxFailures + 1. */
  maxFailures: number;
  /** The same failure on so many clusters stops the channel, whatever is left of the failure budget. */
  sameFailureLimit?: number;
  /** Codes of failures that are known trouble of infrastructure: they do not count as the same failure. */
  knownFailures?: string[];
  /** Dimensions: clusters alike in all of them are never in flight together. */
  siblings?: string[];
  /** Observed healthy time after the last cluster was verified, in ms. */
  soakMs: number;
  soakDemands?: SoakDemands;
  /** Gates between this channel and the next. */
  gates?: GatePolicy[];
  windows?: TimeWindow[];
  finish?: Finish;
  /** What a newer commit does to the rollout under way. */
  newCommits?: 'supersede' | 'queue';
  /** A rollout younger than this is not superseded, in ms. */
  minDwellMs?: number;
  /** Puts back the last proven version by itself when the failure budget is spent. */
  rollback?: 'automatic';
  /** Searches, after a halt, for the commit of the batch that caused it. */
  bisect?: BisectPolicy;
  /** Profile of checks run on each cluster after its update. */
  e2eProfile: string;
  /** How their results are judged; any failure blocks unless given. */
  e2eGate?: E2eGatePolicy;
  /** Objects of failed checks stay on clusters for people to look at; production only where the cluster says so itself. */
  keepOnFailure?: KeepPolicy;
  /** Profiles that run on each cluster again and again, whatever happens. */
  periodic?: { profile: string; everyMs: number }[];
  /** A cluster whose pod disruption budgets block it this long without progress is `blocked`. */
  blockLimitMs: number;
  /** A cluster in flight this long, waits on budgets excluded, has failed. */
  progressDeadlineMs: number;
}

export interface Pipeline {
  channels: ChannelPolicy[];
  /** Clusters in flight at once over all channels (B3). */
  maxParallel: number;
  /** A cluster whose rendered digest did not change inherits evidence younger than this. */
  evidenceMaxAgeMs: number;
  /** Windows of every channel. */
  windows?: TimeWindow[];
  /** Who may approve as what: names of actors by role. */
  roles?: Record<string, string[]>;
}

/** A channel's windows together with those of all channels. */
export function windowsOf(pipeline: Pick<Pipeline, 'windows'>, policy: Pick<ChannelPolicy, 'windows'>): TimeWindow[] {
  return [...(pipeline.windows ?? []), ...(policy.windows ?? [])];
}
