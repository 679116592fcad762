import type { Cluster, InfrastructureAccount, NodePool } from '../domain/cluster.ts';
import { accountNumber, isControlPlane } from '../domain/cluster.ts';
import { GoMap, GoStruct, type GoValue } from './gotemplate/value.ts';

/** Config items of a cluster or pool after the defaults were laid under them. */
export type ConfigItems = Readonly<Record<string, string>>;

function poolStruct(pool: NodePool, items: ConfigItems): GoStruct {
  return new GoStruct('*api.NodePool', {
    Name: pool.name,
    Profile: pool.profile,
    InstanceTypes: pool.instanceTypes,
    InstanceType: pool.instanceTypes[0] ?? '',
    DiscountStrategy: pool.discountStrategy,
    MinSize: BigInt(pool.minSize),
    MaxSize: BigInt(pool.maxSize),
    ConfigItems: GoMap.ofStrings(items),
    IsSpot: pool.discountStrategy !== 'none',
    IsMaster: isControlPlane(pool),
    IsKarpenter: pool.profile.includes('karpenter'),
  });
}

/** `.Cluster` with the field names of the original. */
export class ClusterData {
  readonly cluster: GoStruct;
  readonly pools: ReadonlyMap<string, GoStruct>;

  constructor(cluster: Cluster, items: ConfigItems, account: InfrastructureAccount | undefined) {
    const pools = new Map<string, GoStruct>();
    for (const pool of cluster.nodePools) {
      // every config item of the cluster holds for its pools unless the pool says otherwise
      pools.set(pool.name, poolStruct(pool, { ...items, ...pool.configItems }));
    }
    this.pools = pools;
    this.cluster = new GoStruct('*api.Cluster', {
      ID: cluster.id,
      Alias: cluster.alias,
      LocalID: cluster.localId,
      InfrastructureAccount: cluster.infrastructureAccount,
      InfrastructureAccountID: accountNumber(cluster.infrastructureAccount),
      Region: cluster.region,
      Provider: cluster.provider,
      APIServerURL: cluster.apiServerUrl,
      Channel: cluster.channel,
      Environment: cluster.environment,
      CriticalityLevel: BigInt(cluster.criticalityLevel),
      LifecycleStatus: cluster.lifecycleStatus,
      Owner: account?.owner ?? '',
      AccountName: account?.name ?? '',
      Name: cluster.provider === 'zalando-eks' ? cluster.alias : cluster.id,
      WorkerRoleARN: `arn:aws:iam::${accountNumber(cluster.infrastructureAccount)}:role/${cluster.localId}-worker`,
      ConfigItems: GoMap.ofStrings(items),
      NodePools: [...pools.values()],
      ASGBackedPools: [...pools.values()].filter((pool) => pool.fields.get('IsKarpenter') === false),
      KarpenterPools: [...pools.values()].filter((pool) => pool.fields.get('IsKarpenter') === true),
    });
  }
}

/** What templates see as dot. `.NodePool` is nil outside of pool templates, `.Values` is empty in the defaults. */
export function templateDot(cluster: GoStruct, values: ReadonlyMap<string, GoValue>, pool: GoStruct | null): GoStruct {
  return new GoStruct('*templateData', { Cluster: cluster, Values: new GoMap(values), NodePool: pool });
}
