/** What clusters are alike or different in: the words by which waves, coverage and sibling rules choose. */
import type { Cluster } from '../../domain/cluster.ts';

/** The parts of a cluster that dimensions read; what is not given has no value. */
export type Described = Pick<Cluster, 'id'> &
  Partial<
    Pick<
      Cluster,
      | 'alias'
      | 'region'
      | 'infrastructureAccount'
      | 'environment'
      | 'criticalityLevel'
      | 'provider'
      | 'configItems'
      | 'nodePools'
    >
  >;

/** Values of a cluster in one dimension (`region`, `configItems.cni`), or in a product of them (`region x architecture`). */
export function valuesOf(cluster: Described, dimension: string): string[] {
  const factors = dimension.split(' x ').map((one) => plainValues(cluster, one.trim()));
  return factors.reduce((left, right) => left.flatMap((a) => right.map((b) => (a === '' ? b : `${a} x ${b}`))), ['']);
}

function plainValues(cluster: Described, dimension: string): string[] {
  const item = /^configItems\.(.+)$/.exec(dimension)?.[1];
  if (item !== undefined) return known(cluster.configItems?.[item]);
  const types = (cluster.nodePools ?? []).flatMap((pool) => pool.instanceTypes);
  switch (dimension) {
    case 'region':
      return known(cluster.region);
    case 'account':
      return known(cluster.infrastructureAccount);
    case 'environment':
      return known(cluster.environment);
    case 'provider':
      return known(cluster.provider);
    case 'criticality':
      return known(cluster.criticalityLevel?.toString());
    case 'instanceFamily':
      return [...new Set(types.map((type) => type.split('.')[0] as string))].sort();
    case 'architecture':
      return [...new Set(types.map(architectureOf))].sort();
    case 'minor':
      return known(/^v?(\d+\.\d+)/.exec(versionOf(cluster) ?? '')?.[1]);
    default:
      return [];
  }
}

function known(value: string | undefined): string[] {
  return value === undefined || value === '' ? [] : [value];
}

function versionOf(cluster: Described): string | undefined {
  const items = cluster.configItems ?? {};
  return items['kubernetes_version'] ?? items['kubernetes_minor'];
}

/** AWS marks Graviton by a `g` right behind the generation: m6g, c7gn, r8gd. */
function architectureOf(instanceType: string): string {
  return /^[a-z]+\d+g[a-z]*\./.test(instanceType) || instanceType.startsWith('a1.') ? 'arm64' : 'amd64';
}

/** Clusters alike in all of these dimensions have the same key; one without a value in any of them has no siblings. */
export function siblingKey(cluster: Described, dimensions: readonly string[]): string | undefined {
  if (dimensions.length === 0) return undefined;
  const values = dimensions.map((dimension) => valuesOf(cluster, dimension).join('+'));
  return values.includes('') ? undefined : values.join('|');
}

/** Every value that occurs among the clusters, as `dimension=value`. */
export function featuresOf(cluster: Described, dimensions: readonly string[]): string[] {
  return dimensions.flatMap((dimension) => valuesOf(cluster, dimension).map((value) => `${dimension}=${value}`));
}
