/** Whether a new read of the registry may take the place of the last good one (B2): absence never deletes by itself. Pure. */
import type { Cluster } from '../domain/cluster.ts';

interface RegistryLosses {
  clusters: string[];
  productionClusters: string[];
  /** `<cluster id>/<pool>` */
  productionPools: string[];
}

export type RegistryVerdict = { accepted: true } | { accepted: false; losses: RegistryLosses; message: string };

/** A read that loses more than this share of the clusters is held back. */
const lossShare = 1 / 10;

export function judgeRegistryChange(previous: Cluster[], next: Cluster[]): RegistryVerdict {
  const nextById = new Map(next.map((cluster) => [cluster.id, cluster]));
  // What was decommissioned may go without a question.
  const counted = previous.filter((cluster) => cluster.lifecycleStatus !== 'decommissioned');
  const lost = counted.filter((cluster) => !nextById.has(cluster.id));
  const losses: RegistryLosses = {
    clusters: lost.map((cluster) => cluster.id),
    productionClusters: lost.filter((cluster) => cluster.environment === 'production').map((cluster) => cluster.id),
    productionPools: counted.flatMap((cluster) => lostPools(cluster, nextById.get(cluster.id))),
  };
  const tooMany = lost.length > counted.length * lossShare;
  if (!tooMany && losses.productionClusters.length === 0 && losses.productionPools.length === 0)
    return { accepted: true };
  return { accepted: false, losses, message: describe(losses, counted.length) };
}

function lostPools(cluster: Cluster, next: Cluster | undefined): string[] {
  if (cluster.environment !== 'production' || next === undefined) return [];
  const kept = new Set(next.nodePools.map((pool) => pool.name));
  return cluster.nodePools.filter((pool) => !kept.has(pool.name)).map((pool) => `${cluster.id}/${pool.name}`);
}

const named = 5;

function describe(losses: RegistryLosses, before: number): string {
  const parts = [`${losses.clusters.length} of ${before} clusters would vanish`];
  if (losses.productionClusters.length > 0) parts.push(`production clusters: ${list(losses.productionClusters)}`);
  if (losses.productionPools.length > 0) parts.push(`production node pools: ${list(losses.productionPools)}`);
  return `The registry as read now is held back; ${parts.join('; ')}`;
}

function list(names: string[]): string {
  const rest = names.length - named;
  return rest > 0 ? `${names.slice(0, named).join(', ')} and ${rest} more` : names.join(', ');
}
