/** The pipeline file after parsing: what channels there are, and what each demands before a version moves on. */

export interface WavePolicy {
  name: string;
  /** How many of the clusters not yet in an earlier wave: a count, or a percentage (rounded up). */
  size: number | `${number}%`;
}

export interface ChannelPolicy {
  name: string;
  /** git branch; the channel's name unless given. */
  branch: string;
  /** Channels a version is promoted to once it is proven here. */
  promotesTo: string[];
  waves: WavePolicy[];
  /** Clusters in flight at once in this channel. */
  maxParallel: number;
  /** Clusters that may fail or stall before the channel halts: a halt comes at maxFailures + 1. */
  maxFailures: number;
  /** Observed healthy time after the last cluster was verified, in ms. */
  soakMs: number;
  /** Profile of checks run on each cluster after its update. */
  e2eProfile: string;
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
}
