import type { Cluster, InfrastructureAccount, NodePool } from '../domain/cluster.ts';
import { isControlPlane } from '../domain/cluster.ts';
import { canonicalJson, digestParts } from '../support/digest.ts';
import { accountFields, derivedFields, registryFields } from './account-clusters.ts';
import { GoMap, GoStruct, type GoValue } from './gotemplate/value.ts';
import { LayeredItems } from './layered-items.ts';
import { instanceTypeStrategy, requirementsOf, taintsOf } from './pool-fields.ts';
import { knowContent } from './template-inputs.ts';

/** Config items of a cluster or pool after the defaults were laid under them. */
export type ConfigItems = Readonly<Record<string, string>>;

/**
 * Where templates find each field of the registry; a field that they do not see says why. A new field does not compile before
 * it is listed.
 */
export const clusterFieldUse: Readonly<Record<keyof Cluster, string>> = {
  id: '.Cluster.ID',
  alias: '.Cluster.Alias',
  localId: '.Cluster.LocalID',
  infrastructureAccount: '.Cluster.InfrastructureAccount',
  region: '.Cluster.Region',
  provider: '.Cluster.Provider',
  apiServerUrl: '.Cluster.APIServerURL',
  channel: '.Cluster.Channel',
  environment: '.Cluster.Environment',
  criticalityLevel: '.Cluster.CriticalityLevel',
  lifecycleStatus: '.Cluster.LifecycleStatus',
  configItems: '.Cluster.ConfigItems',
  nodePools: '.Cluster.NodePools',
};

export const poolFieldUse: Readonly<Record<keyof NodePool, string>> = {
  name: '.NodePool.Name',
  profile: '.NodePool.Profile',
  instanceTypes: '.NodePool.InstanceTypes',
  discountStrategy: '.NodePool.DiscountStrategy',
  minSize: '.NodePool.MinSize',
  maxSize: '.NodePool.MaxSize',
  configItems: '.NodePool.ConfigItems',
};

export function isKarpenterPool(pool: Pick<NodePool, 'profile'>): boolean {
  return pool.profile.includes('karpenter');
}

function poolStruct(pool: NodePool, items: ConfigItems, itemsToken: string): GoStruct {
  // every config item of the cluster holds for its pools unless the pool says otherwise
  const configItems = new GoMap(new LayeredItems(pool.configItems, items), '');
  knowContent(configItems, digestParts([itemsToken, canonicalJson(pool.configItems)]));
  const struct = new GoStruct('*api.NodePool', {
    Name: pool.name,
    Profile: pool.profile,
    InstanceTypes: pool.instanceTypes,
    InstanceType: pool.instanceTypes[0] ?? '',
    DiscountStrategy: pool.discountStrategy,
    MinSize: BigInt(pool.minSize),
    MaxSize: BigInt(pool.maxSize),
    ConfigItems: configItems,
    IsSpot: pool.discountStrategy !== 'none',
    IsMaster: isControlPlane(pool),
    IsKarpenter: isKarpenterPool(pool),
    Taints: taintsOf(pool.configItems['taints'] ?? items['taints']),
    KarpenterRequirements: requirementsOf(pool.configItems['requirements'] ?? items['requirements']),
    KarpenterInstanceTypeStrategy: instanceTypeStrategy(pool),
  });
  knowContent(struct, digestParts([itemsToken, canonicalJson(pool)]));
  return struct;
}

/** What stands around a cluster in the registry. */
export interface ClusterAround {
  account: InfrastructureAccount | undefined;
  /** Clusters of its account in the registry's order, itself among them. */
  accountClusters: readonly Cluster[];
}

/** `.Cluster` with the field names of the original. */
export class ClusterData {
  readonly cluster: GoStruct;
  readonly pools: ReadonlyMap<string, GoStruct>;

  /** `itemsToken` tells these config items from all others. */
  constructor(cluster: Cluster, items: ConfigItems, itemsToken: string, around: ClusterAround) {
    const pools = new Map<string, GoStruct>();
    for (const pool of cluster.nodePools) pools.set(pool.name, poolStruct(pool, items, itemsToken));
    this.pools = pools;
    const configItems = new GoMap(new LayeredItems(items), '');
    knowContent(configItems, itemsToken);
    const derived = derivedFields({ ...cluster, configItems: items });
    const account = accountFields(cluster, around.accountClusters);
    const fields = {
      ...registryFields(cluster),
      Owner: around.account?.owner ?? '',
      AccountName: around.account?.name ?? '',
      ...derived.known,
      ...account.known,
      ConfigItems: configItems,
      NodePools: [...pools.values()],
      ASGBackedPools: [...pools.values()].filter((pool) => pool.fields.get('IsKarpenter') === false),
      KarpenterPools: [...pools.values()].filter((pool) => pool.fields.get('IsKarpenter') === true),
    };
    this.cluster = new GoStruct('*api.Cluster', fields, { ...derived.unknown, ...account.unknown });
  }
}

/** What templates see as dot. `.NodePool` is nil outside of pool templates, `.Values` is empty in the defaults. */
export function templateDot(cluster: GoStruct, values: ReadonlyMap<string, GoValue>, pool: GoStruct | null): GoStruct {
  return new GoStruct('*templateData', { Cluster: cluster, Values: new GoMap(values), NodePool: pool });
}
