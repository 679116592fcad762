import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import { untilOnVirtualClock } from '../../support/contract/advancing-clock.ts';
import { describeCloudProviderContract } from '../../support/contract/cloud-provider-contract.ts';
import {
  contractAccount,
  contractImages,
  contractNetwork,
  contractRegion,
  makeContractWorld,
} from '../../support/contract/contract-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

describeCloudProviderContract('the simulated world in-process', async () => {
  const world = makeContractWorld({ seed: 1, startMs: Date.UTC(2026, 0, 1), nodes: 0 });
  return {
    cloud: createSimulatedConnections({ world, userAgent: 'clm/contract' }).connectCloud(sampleCluster),
    account: contractAccount,
    region: contractRegion,
    network: contractNetwork(),
    images: contractImages(),
    until: untilOnVirtualClock(world.clock),
    close: async () => {},
  };
});
