/** What the steps of the pipeline work with. */

import type { Cluster } from '../domain/cluster.ts';
import type { ChannelPolicy, Pipeline } from '../domain/pipeline.ts';
import type { ChannelSource, RegistryView } from '../ports/channel-source.ts';
import type { ClusterSessions } from '../ports/cluster-session.ts';
import type { HttpClient } from '../ports/http-client.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { Render } from '../ports/renderer.ts';
import type { Scm } from '../ports/scm.ts';
import type { ReadStore } from '../ports/store.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';
import type { HeadWatch } from './channel/head-watch.ts';

export interface PipelineDependencies {
  source: ChannelSource;
  /** Last good read of the cluster registry. */
  registry: () => RegistryView;
  pipeline: () => Pipeline;
  render: Render;
  sessions: ClusterSessions;
  store: ReadStore;
  clock: Clock;
  random: Random;
  wake: (processId: string) => void;
  /** Cancels a scheduled run of checks on the cluster; true once none is under way. */
  yieldCluster?: (clusterId: string) => boolean;
  log: Logger;
  heads: HeadWatch;
  /** Whom gates ask; one that is not there has no answer, and the gate stays closed. */
  metrics?: Metrics;
  http?: HttpClient;
  /** Where promotions are proposed for review. */
  scm?: Scm;
  /** Decision time between two looks at the branches. */
  pollIntervalMs: number;
  /** false where nobody but clm changes clusters: a model. */
  looksForDrift?: boolean;
}

export function policyOf(deps: Pick<PipelineDependencies, 'pipeline'>, channel: string): ChannelPolicy | undefined {
  return deps.pipeline().channels.find((policy) => policy.name === channel);
}

export function clusterOf(deps: Pick<PipelineDependencies, 'registry'>, clusterId: string): Cluster | undefined {
  return deps.registry().clusters.find((cluster) => cluster.id === clusterId);
}

/** Clusters of a channel that rollouts touch, and why the others are left alone. */
export function membersOf(
  deps: Pick<PipelineDependencies, 'registry'>,
  channel: string,
): { eligible: Cluster[]; ineligible: Record<string, string> } {
  const eligible: Cluster[] = [];
  const ineligible: Record<string, string> = {};
  for (const cluster of deps.registry().clusters) {
    if (cluster.channel !== channel || cluster.lifecycleStatus === 'decommissioned') continue;
    if (cluster.lifecycleStatus === 'ready') eligible.push(cluster);
    else ineligible[cluster.id] = `its lifecycle status is ${cluster.lifecycleStatus}`;
  }
  return { eligible, ineligible };
}
