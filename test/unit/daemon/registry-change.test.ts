import { describe, expect, it } from 'vitest';
import { judgeRegistryChange } from '../../../src/daemon/registry-change.ts';
import type { Cluster, NodePool } from '../../../src/domain/cluster.ts';

function pool(name: string): NodePool {
  return {
    name,
    profile: 'worker',
    instanceTypes: ['m5.large'],
    discountStrategy: 'none',
    minSize: 1,
    maxSize: 3,
    configItems: {},
  };
}

function cluster(number: number, change: Partial<Cluster> = {}): Cluster {
  return {
    id: `aws:123456789012:eu-central-1:kube-${number}`,
    alias: `kube-${number}`,
    localId: `kube-${number}`,
    infrastructureAccount: 'aws:123456789012',
    region: 'eu-central-1',
    provider: 'aws',
    apiServerUrl: 'https://example',
    channel: 'stable',
    environment: 'test',
    criticalityLevel: 1,
    lifecycleStatus: 'ready',
    configItems: {},
    nodePools: [pool('workers'), pool('batch')],
    ...change,
  };
}

const fleet = Array.from({ length: 20 }, (_, index) => cluster(index));

describe('a new read of the registry', () => {
  it('is accepted when it loses up to a tenth of the clusters', () => {
    expect(judgeRegistryChange(fleet, fleet.slice(2)).accepted).toBe(true);
  });

  it('is held back when it loses more than a tenth, and names them (B2)', () => {
    const verdict = judgeRegistryChange(fleet, fleet.slice(3));
    expect(verdict).toMatchObject({ accepted: false, losses: { clusters: fleet.slice(0, 3).map((one) => one.id) } });
  });

  it('is held back when it is empty, however small the fleet was', () => {
    expect(judgeRegistryChange([cluster(1)], []).accepted).toBe(false);
  });

  it('is held back when it loses a single production cluster (B2)', () => {
    const production = cluster(99, { environment: 'production' });
    const verdict = judgeRegistryChange([...fleet, production], fleet);
    expect(verdict).toMatchObject({ accepted: false, losses: { productionClusters: [production.id] } });
  });

  it('is held back when a production cluster loses a pool, and accepted when a test cluster does', () => {
    const production = cluster(99, { environment: 'production' });
    const verdict = judgeRegistryChange([production], [{ ...production, nodePools: [pool('workers')] }]);
    expect(verdict).toMatchObject({ accepted: false, losses: { productionPools: [`${production.id}/batch`] } });
    expect(judgeRegistryChange([cluster(1)], [cluster(1, { nodePools: [pool('workers')] })]).accepted).toBe(true);
  });

  it('may lose what was decommissioned', () => {
    const gone = cluster(99, { environment: 'production', lifecycleStatus: 'decommissioned' });
    expect(judgeRegistryChange([...fleet, gone], fleet).accepted).toBe(true);
  });

  it('is accepted the first time, when nothing was known', () => {
    expect(judgeRegistryChange([], fleet).accepted).toBe(true);
  });
});
