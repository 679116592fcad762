import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { settlePromises, untilOnVirtualClock } from '../../support/contract/advancing-clock.ts';
import { describeClusterSessionContract } from '../../support/contract/cluster-session-contract.ts';
import { makeContractWorld } from '../../support/contract/contract-world.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

describeClusterSessionContract('the simulated world in-process', async () => {
  const world = makeContractWorld({ seed: 1, startMs: Date.UTC(2026, 0, 1), nodes: 2 });
  const { clock } = world;
  const sessions = createClusterSessions({
    ...createSimulatedConnections({ world, userAgent: 'clm/contract' }),
    clusterOf: () => sampleCluster,
    clock,
    wall: clock,
    random: seededRandom(1),
    log: silentLogger(),
    idleReleaseMs: 3_600_000,
  });
  return {
    sessions,
    clusterId: sampleCluster.id,
    until: untilOnVirtualClock(clock),
    async pass(ms) {
      const endsAt = clock.now() + ms;
      for (let next = clock.nextAt(); next !== undefined && next <= endsAt; next = clock.nextAt()) {
        clock.advanceTo(next);
        await settlePromises();
      }
      clock.advanceTo(endsAt);
    },
    cutWatches({ forget }) {
      const model = world.kube(sampleCluster.id);
      model.closeWatches();
      if (!forget) return;
      // A change that only the history knew.
      model.seed([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'forgotten', namespace: 'default' } }]);
      model.compact();
    },
    close: () => sessions.close(),
  };
});
