/** The registry's objects. Field names are the original registry's (snake_case in files), camelCase here. */

export type LifecycleStatus = 'requested' | 'creating' | 'ready' | 'decommission-requested' | 'decommissioned';

export interface NodePool {
  name: string;
  profile: string;
  instanceTypes: string[];
  discountStrategy: 'none' | 'spot' | 'spot_max_price';
  minSize: number;
  maxSize: number;
  configItems: Record<string, string>;
}

export interface Cluster {
  /** `aws:<account>:<region>:<local id>` */
  id: string;
  alias: string;
  localId: string;
  /** `aws:123456789012` */
  infrastructureAccount: string;
  region: string;
  provider: string;
  apiServerUrl: string;
  channel: string;
  /** `production` is protected as such; every other name is treated as `test` is. */
  environment: string;
  criticalityLevel: number;
  lifecycleStatus: LifecycleStatus;
  configItems: Record<string, string>;
  nodePools: NodePool[];
}

export interface InfrastructureAccount {
  /** `aws:123456789012` */
  id: string;
  name: string;
  owner: string;
  environment: 'production' | 'test';
  lifecycleStatus: 'requested' | 'creating' | 'ready' | 'decommissioned';
  /** Role to assume for this account; absent = the daemon's own credentials or profile. */
  assumeRoleArn?: string;
}

/** Control-plane pools are those whose profile says so, as in the original. */
export function isControlPlane(pool: Pick<NodePool, 'profile'>): boolean {
  return pool.profile.includes('master') || pool.profile.includes('control-plane');
}

/** `123456789012` of `aws:123456789012`. */
export function accountNumber(infrastructureAccount: string): string {
  return infrastructureAccount.slice(infrastructureAccount.indexOf(':') + 1);
}
