import type { Cluster } from '../../domain/cluster.ts';
import { clusterVersion } from '../../domain/rendered.ts';
import { classOf } from './fleet-plan.ts';
import type { ClusterChange, LiveFindings, PlanRefusal } from './plan-document.ts';
import { type PoolForecastInput, poolForecasts } from './pool-forecast.ts';
import { unitChanges } from './unit-changes.ts';

/** Everything that a commit would do to one cluster, as far as is known without asking it. Pure. */
export function compareCluster(
  input: PoolForecastInput,
  more: { cluster: Cluster; notes: string[]; refusals: PlanRefusal[]; live?: LiveFindings },
): ClusterChange {
  const { cluster } = more;
  const changes = unitChanges(input);
  const rolls = poolForecasts(input);
  return {
    cluster: cluster.alias,
    id: cluster.id,
    channel: cluster.channel,
    commit: input.after.rendered.commit,
    version: clusterVersion(input.after.rendered),
    currentVersion: input.fact?.currentVersion ?? null,
    class: classOf({ changes, rolls }, { fresh: input.fresh, seen: input.fact !== undefined }),
    changes,
    rolls,
    refusals: more.refusals,
    notes: more.notes,
    ...(more.live === undefined ? {} : { live: more.live }),
  };
}
