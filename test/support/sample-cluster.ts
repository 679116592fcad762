import type { Cluster } from '../../src/domain/cluster.ts';

/** A registry entry for tests that need one and don't care which. */
export const sampleCluster: Cluster = {
  id: 'aws:123456789012:eu-central-1:kube-1',
  alias: 'sample',
  localId: 'kube-1',
  infrastructureAccount: 'aws:123456789012',
  region: 'eu-central-1',
  provider: 'aws',
  apiServerUrl: 'http://127.0.0.1:1/clusters/none',
  channel: 'dev',
  environment: 'test',
  criticalityLevel: 1,
  lifecycleStatus: 'ready',
  configItems: {},
  nodePools: [],
};
