import { unknownSubject } from '../api/errors.ts';
import type { Cluster } from '../domain/cluster.ts';
import { nearMatches } from '../domain/near-matches.ts';

/** The one cluster of that id or alias; throws ApiError 404 with near names when there is none, or more than one. */
export function findCluster(clusters: Cluster[], name: string): Cluster {
  const matching = clusters.filter((one) => one.id === name || one.alias === name);
  const [cluster] = matching;
  if (cluster !== undefined && matching.length === 1) return cluster;
  const several = matching.length > 1;
  const known = clusters.flatMap((one) => [one.id, one.alias]);
  const near = several ? matching.map((one) => one.id) : nearMatches(name, known);
  throw unknownSubject(several ? 'single cluster' : 'cluster', name, near);
}
