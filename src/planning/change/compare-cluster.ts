import type { Cluster } from '../../domain/cluster.ts';
import { clusterVersion } from '../../domain/rendered.ts';
import { classOf } from './fleet-plan.ts';
import type { ClusterChange, LiveFindings, PlanRefusal, PoolRollForecast, UnitChange } from './plan-document.ts';
import { type PoolForecastInput, poolForecasts } from './pool-forecast.ts';
import { rollCauses } from './roll-causes.ts';
import { beforeOf, unitChanges } from './unit-changes.ts';

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
    notes: [
      ...more.notes,
      ...etcdNotes(input),
      ...karpenterNotes(input, changes),
      ...checkNotes(input, rolls),
      ...canaryNotes(rolls),
    ],
    ...(more.live === undefined ? {} : { live: more.live }),
  };
}

/** A pool whose nodes only go, as it leaves the configuration, has no new node to be checked. */
function checkNotes({ midRoll }: PoolForecastInput, rolls: readonly PoolRollForecast[]): string[] {
  if (midRoll === undefined || !rolls.some((roll) => !roll.controlPlane && roll.surge > 0)) return [];
  return [
    `each roll of workers waits for checks on the first new node of each of its contents (profile ${midRoll}) before old ones go`,
  ];
}

/** Which boots come first in the forecast, and why: by what renders, since nothing of it is launched yet. */
function canaryNotes(rolls: readonly PoolRollForecast[]): string[] {
  const pools = new Map<string, string[]>();
  for (const { contents = [], nodes, pool, surge } of rolls) {
    // one by one anyway
    if (surge < 2 || nodes < 2) continue;
    for (const { canary, groups } of contents) {
      const note = `${canary.needed ? 'with one new node first' : 'without a canary'}: ${canary.reason}`;
      const name = contents.length === 1 ? pool : `${pool} (${groups.join(', ')})`;
      pools.set(note, [...(pools.get(note) ?? []), name]);
    }
  }
  return [...pools].map(([note, names]) => `the forecast reckons in ${names.join(', ')} ${note}`);
}

/** Members of etcd are no nodes of a pool, and go before anything else. */
function etcdNotes(input: PoolForecastInput): string[] {
  const { after } = input;
  if (input.fresh || input.fact === undefined) return [];
  return after.rendered.stacks.flatMap((stack) => {
    const { etcd } = stack;
    if (stack.kind !== 'etcd' || etcd === undefined) return [];
    const before = beforeOf(input, 'stacks', (of) => of.stacks, stack);
    if (before.kind === 'same' || before.kind === 'absent') return [];
    const causes = before.kind === 'known' ? rollCauses(before.unit, stack, after.redact) : [before.why];
    if (causes.length === 0) return [];
    const why = [...new Set(causes)].join(', ');
    const maybe = before.kind === 'known' ? '' : 'maybe ';
    if (etcd.strategy === 'manual')
      return [`${maybe}members of etcd become outdated (${why}), and stay until somebody replaces them`];
    const blind = etcd.healthUrl === undefined ? '; the update fails there, as etcd_health_url is not set' : '';
    return [`${maybe}members of etcd (${stack.name}) are replaced first, one at a time: ${why}${blind}`];
  });
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
