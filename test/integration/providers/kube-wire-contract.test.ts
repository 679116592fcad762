import { describeKubeClusterContract } from '../../support/contract/kube-cluster-contract.ts';
import { serveContractWorld } from '../../support/contract/served-world.ts';

describeKubeClusterContract('client-node over the wire', async () => {
  const served = await serveContractWorld({ rate: 25, nodes: 2 });
  const kube = served.connectKube();
  return {
    kube,
    until: (what, condition) => served.until(what, condition),
    async close() {
      kube.close();
      await served.close();
    },
  };
});
