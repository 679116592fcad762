import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import { untilOnVirtualClock } from '../../support/contract/advancing-clock.ts';
import { makeContractWorld } from '../../support/contract/contract-world.ts';
import { describeKubeClusterContract } from '../../support/contract/kube-cluster-contract.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

describeKubeClusterContract('the simulated world in-process', async () => {
  const world = makeContractWorld({ seed: 1, startMs: Date.UTC(2026, 0, 1), nodes: 2 });
  const kube = createSimulatedConnections({ world, userAgent: 'clm/contract' }).connectKube(sampleCluster);
  return { kube, until: untilOnVirtualClock(world.clock), close: async () => kube.close() };
});
