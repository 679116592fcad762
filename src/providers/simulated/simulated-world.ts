import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { World } from '../../simulator/model/world.ts';
import { connectSimulatedAws, connectSimulatedKube } from './connect-simulated.ts';
import type { Latency } from './latency.ts';
import type { SimulatedExchangeOptions, SimulatedKubeApi } from './simulated-exchange.ts';

export interface SimulatedWorldOptions {
  world: World;
  /** Says who acts in the world's events: `clm/1`. */
  userAgent: string;
  /** None unless given. */
  latency?: Latency;
  loses?: SimulatedExchangeOptions['loses'];
}

/** What createClusterSessions needs to work on a simulated world in this process. */
export function createSimulatedConnections({ world, userAgent, latency, loses }: SimulatedWorldOptions): {
  connectKube(cluster: Cluster): KubeCluster;
  connectCloud(cluster: Cluster): CloudProvider;
} {
  const delays = latency === undefined ? {} : { latency };
  const losses = loses === undefined ? {} : { loses };
  return {
    connectKube: ({ id }) =>
      connectSimulatedKube({ cluster: id, api: apiOf(world, id), userAgent, ...delays, ...losses }),
    connectCloud: ({ infrastructureAccount, region }) =>
      connectSimulatedAws({
        account: accountNumber(infrastructureAccount),
        region,
        api: world.aws,
        userAgent,
        ...delays,
      }),
  };
}

/** One that is still to be created cannot be reached. */
function apiOf(world: World, id: string): SimulatedKubeApi {
  return {
    apiReachable: () => world.hasCluster(id) && world.kube(id).apiReachable(),
    handle: (request) => world.kube(id).handle(request),
    watch: (request, sink) => world.kube(id).watch(request, sink),
  };
}
