/** What the cluster registry is told of a cluster: taken from the status document, so that both say the same. Pure. */
import type { LifecycleStatus } from '../../domain/cluster.ts';
import type { ObservedStatus, RegistryProblem } from '../../domain/registry-status.ts';
import type { ClusterStatus } from './status-document.ts';

export function observedStatus(cluster: ClusterStatus): ObservedStatus {
  const next = cluster.state === 'up-to-date' ? undefined : cluster.target;
  return {
    ...(cluster.version === undefined ? {} : { current: cluster.version }),
    ...(next === undefined ? {} : { next }),
    problems: problemsOf(cluster),
    lifecycle: cluster.lifecycle as LifecycleStatus,
  };
}

function problemsOf(cluster: ClusterStatus): RegistryProblem[] {
  const problems: RegistryProblem[] = [];
  const add = (code: string, title: string, instance: string): void => {
    problems.push({ type: `urn:clm:problem:${code}`, title, instance });
  };
  if (cluster.failure !== undefined) add(cluster.failure.code, cluster.failure.message, cluster.id);
  for (const { code, message, namespace, budget } of blockersOf(cluster)) {
    add(code, message, budget === undefined ? cluster.id : `poddisruptionbudget/${namespace ?? ''}/${budget}`);
  }
  for (const { check, message } of cluster.checks?.failures ?? []) add('check-failed', message, `check/${check}`);
  return problems;
}

function blockersOf(cluster: ClusterStatus): NonNullable<ClusterStatus['blocker']>[] {
  const pools = cluster.pools.flatMap((pool) => (pool.blocker === undefined ? [] : [pool.blocker]));
  return pools.length > 0 || cluster.blocker === undefined ? pools : [cluster.blocker];
}
