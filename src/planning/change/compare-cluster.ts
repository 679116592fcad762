import type { Cluster } from '../../domain/cluster.ts';
import { clusterVersion } from '../../domain/rendered.ts';
import { classOf } from './fleet-plan.ts';
import type { ClusterChange, LiveFindings, PlanRefusal, PoolRollForecast, UnitChange } from './plan-document.ts';
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
    notes: [...more.notes, ...karpenterNotes(input, changes), ...checkNotes(input, rolls)],
    ...(more.live === undefined ? {} : { live: more.live }),
  };
}

/** A pool whose nodes only go, as it leaves the configuration, has no new node to be checked. */
function checkNotes({ midRoll }: PoolForecastInput, rolls: readonly PoolRollForecast[]): string[] {
  if (midRoll === undefined || !rolls.some((roll) => !roll.controlPlane && roll.surge > 0)) return [];
  return [`each roll of workers waits for checks on its first new node (profile ${midRoll}) before old ones go`];
}

/** clm rolls no node of these pools: Karpenter does, as soon as it sees the change. */
function karpenterNotes({ fresh, after }: PoolForecastInput, changes: readonly UnitChange[]): string[] {
  if (fresh) return [];
  const changed = new Set(changes.map((change) => change.of));
  return after.rendered.karpenterPools
    .filter((pool) => changed.has(pool.component))
    .map(
      ({ name }) =>
        `nodes of pool ${name} that drift are rolled by Karpenter, within the disruption budgets of its NodePool; the update waits for it`,
    );
}
