/** The states of the status document, apart from its schema: the command line lists them without loading one. */

/** What a cluster is doing, worst first in lists. */
export const clusterStates = [
  'quarantined',
  'failed',
  'blocked',
  'stalled',
  'paused',
  /** On its way out: what it waits for, or what is done about it. */
  'decommissioning',
  'updating',
  'verifying',
  'queued',
  'up-to-date',
  /** Never seen by this daemon: nothing is known of what it runs. */
  'unknown',
  /** Its lifecycle status keeps it out of rollouts. */
  'ineligible',
] as const;

/** What a channel is doing with its newest version. */
export const channelStates = [
  'halted',
  'blocked',
  'paused',
  'held',
  'updating',
  'verifying',
  'soaking',
  'gating',
  'promoting',
  'proven',
  'idle',
  'unknown',
] as const;

export type ClusterState = (typeof clusterStates)[number];
export type ChannelState = (typeof channelStates)[number];
