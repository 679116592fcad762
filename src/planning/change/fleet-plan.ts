/** Many clusters' changes as one answer: clusters in classes, and each change once. Holds one copy of every distinct change. */
import type { Cluster } from '../../domain/cluster.ts';
import type { ClusterChange, FleetChange, PlanClass, PlanDocument, UnitChange } from './plan-document.ts';
import { totalSeconds } from './pool-forecast.ts';

const noop = 'no-op';
/** In this order they are told. */
const classOrder = [noop, 'new', 'decommission', 'stacks', 'unknown', 'not-seen'];

/** One word for what happens to a cluster; `seen` = somebody has looked at it. */
export function classOf(
  change: Pick<ClusterChange, 'changes' | 'rolls'>,
  { fresh, seen }: { fresh: boolean; seen: boolean },
): string {
  if (fresh) return 'new';
  if (!seen) return 'not-seen';
  if (change.rolls.some((roll) => roll.certain && roll.nodes > 0)) return 'roll';
  const { changes } = change;
  if (changes.length === 0) return noop;
  if (changes.some((one) => one.change === 'unknown')) return 'unknown';
  if (changes.some((one) => one.unit === 'stack' || one.unit === 'user-data')) return 'stacks';
  const kinds = new Set(changes.map((one) => (one.unit === 'object' ? (one.name.split(' ')[0] ?? '') : one.unit)));
  const [only] = kinds;
  return kinds.size === 1 && only !== undefined ? `${only.toLowerCase()}-only` : 'manifests-only';
}

export interface FleetPlan {
  add(change: ClusterChange, cluster: Cluster): void;
  document(about: Pick<PlanDocument, 'ref' | 'commits'>): PlanDocument;
}

export function fleetPlan(): FleetPlan {
  const changes = new Map<string, { place: number; change: FleetChange }>();
  const clusters: PlanDocument['clusters'] = [];
  const rolls: PlanDocument['rolls'] = [];
  const times = new Map<string, { p50Seconds: number; p90Seconds: number }>();
  const refusals = new Map<string, PlanDocument['refusals'][number]>();
  const notes = new Map<string, string[]>();

  const placeOf = (change: UnitChange, cluster: Cluster): number => {
    const key = likeness(change, cluster);
    const known = changes.get(key) ?? { place: changes.size, change: { ...change, clusters: [], pools: [] } };
    changes.set(key, known);
    const { clusters: where, pools } = known.change;
    if (!where.includes(cluster.alias)) where.push(cluster.alias);
    if (ofPool(change) && !pools.includes(change.of)) pools.push(change.of);
    return known.place;
  };

  return {
    add(change, cluster) {
      const { changes: own, rolls: rolling, refusals: refused, ...rest } = change;
      for (const roll of rolling) rolls.push({ cluster: cluster.alias, ...roll });
      for (const refusal of refused) {
        const key = `${refusal.code} ${refusal.message}`;
        const known = refusals.get(key) ?? { ...refusal, clusters: [] };
        known.clusters.push(cluster.alias);
        refusals.set(key, known);
      }
      for (const note of change.notes) notes.set(note, [...(notes.get(note) ?? []), cluster.alias]);
      times.set(cluster.alias, {
        p50Seconds: totalSeconds(rolling, 'p50Seconds'),
        p90Seconds: totalSeconds(rolling, 'p90Seconds'),
      });
      clusters.push({
        ...rest,
        changes: [...new Set(own.map((one) => placeOf(one, cluster)))],
        nodes: rolling.reduce((sum, roll) => sum + roll.nodes, 0),
        refusals: refused.map((refusal) => refusal.code),
      });
    },
    document(about) {
      const classes = classesOf(clusters, times);
      return {
        ...about,
        summary: summaryOf(classes),
        noop: clusters.every((cluster) => cluster.class === noop),
        nodes: clusters.reduce((sum, cluster) => sum + cluster.nodes, 0),
        classes,
        changes: [...changes.values()].map((one) => one.change),
        rolls,
        refusals: [...refusals.values()],
        clusters,
        notes: [...notes].map(([message, own]) => ({ message, clusters: own })),
      };
    },
  };
}

/** What two clusters have in common when the same change meets both: the changed lines, their own names apart. */
function likeness(change: UnitChange, cluster: Cluster): string {
  const names = [cluster.id.replaceAll(':', '-'), cluster.id, cluster.alias, cluster.localId]
    .concat(cluster.infrastructureAccount.split(':').slice(1))
    .filter((name) => name.length > 2)
    .sort((a, b) => b.length - a.length);
  const plain = (text: string): string => names.reduce((result, name) => result.replaceAll(name, '<cluster>'), text);
  const lines = change.diff.filter((line) => line.startsWith('+') || line.startsWith('-'));
  // pools that are built alike change alike
  const name = ofPool(change) ? '' : `${plain(change.name)} ${change.of ?? ''}`;
  return [change.unit, change.change, name, change.note ?? '', ...lines.map(plain)].join('\n');
}

function ofPool(change: UnitChange): change is UnitChange & { of: string } {
  return change.of !== undefined && (change.unit === 'stack' || change.unit === 'user-data');
}

function classesOf(
  clusters: PlanDocument['clusters'],
  times: ReadonlyMap<string, { p50Seconds: number; p90Seconds: number }>,
): PlanClass[] {
  const classes = new Map<string, PlanClass>();
  for (const { cluster, class: name, nodes } of clusters) {
    const one = classes.get(name) ?? { name, clusters: [], nodes: 0, p50Seconds: 0, p90Seconds: 0 };
    one.clusters.push(cluster);
    one.nodes += nodes;
    one.p50Seconds = Math.max(one.p50Seconds, times.get(cluster)?.p50Seconds ?? 0);
    one.p90Seconds = Math.max(one.p90Seconds, times.get(cluster)?.p90Seconds ?? 0);
    classes.set(name, one);
  }
  const rank = (name: string): number => {
    if (name === 'roll') return classOrder.length + 1;
    const at = classOrder.indexOf(name);
    return at === -1 ? 0.5 : at;
  };
  return [...classes.values()].sort((a, b) => rank(a.name) - rank(b.name) || b.clusters.length - a.clusters.length);
}

function summaryOf(classes: readonly PlanClass[]): string {
  return classes
    .map(({ name, clusters, nodes }) => {
      const count = clusters.length;
      if (name === 'unknown' && nodes > 0) return `${count} unknown (up to ${nodes} nodes)`;
      if (name !== 'roll') return `${count} ${name}`;
      return `${count} ${count === 1 ? 'rolls' : 'roll'} ${nodes} ${nodes === 1 ? 'node' : 'nodes'}`;
    })
    .join(', ');
}
