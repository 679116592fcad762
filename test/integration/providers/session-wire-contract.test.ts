import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { describeClusterSessionContract } from '../../support/contract/cluster-session-contract.ts';
import { serveContractWorld } from '../../support/contract/served-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

describeClusterSessionContract('both SDKs over the wire', async () => {
  const served = await serveContractWorld({ rate: 25, nodes: 2 });
  const sessions = createClusterSessions({
    connectKube: () => served.connectKube(),
    connectCloud: () => served.connectCloud(),
    clusterOf: () => sampleCluster,
    clock: served.clock,
    random: seededRandom(1),
    log: silentLogger(),
    idleReleaseMs: 600_000,
  });
  return {
    sessions,
    clusterId: sampleCluster.id,
    until: (what, condition) => served.until(what, condition),
    pass: (ms) => served.pass(ms),
    cutWatches({ forget }) {
      const model = served.world.kube(sampleCluster.id);
      model.closeWatches();
      if (!forget) return;
      // A change that only the history knew.
      model.seed([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'forgotten', namespace: 'default' } }]);
      model.compact();
    },
    async close() {
      await sessions.close();
      await served.close();
    },
  };
});
