/** The two ports on a simulated world in this process. */
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { createCloudProvider } from '../aws/cloud-provider.ts';
import { createKubeCluster } from '../kube/kube-cluster.ts';
import { type Latency, noLatency } from './latency.ts';
import { createSimulatedAwsCaller, type SimulatedAwsApi } from './simulated-aws-caller.ts';
import { createSimulatedExchange, type SimulatedExchangeOptions, type SimulatedKubeApi } from './simulated-exchange.ts';

/** `latency` is none unless given: calls then answer in the next turn without any time passing. */
export function connectSimulatedKube(options: {
  cluster: string;
  api: SimulatedKubeApi;
  userAgent: string;
  latency?: Latency;
  loses?: SimulatedExchangeOptions['loses'];
}): KubeCluster {
  const { cluster, api, userAgent, latency = noLatency, loses } = options;
  const exchange = createSimulatedExchange({
    cluster,
    api,
    userAgent,
    latency,
    ...(loses === undefined ? {} : { loses }),
  });
  return createKubeCluster({ cluster, exchange });
}

export function connectSimulatedAws(options: {
  account: string;
  region: string;
  api: SimulatedAwsApi;
  userAgent: string;
  latency?: Latency;
}): CloudProvider {
  const { account, region, api, userAgent, latency = noLatency } = options;
  return createCloudProvider(
    { account, region },
    createSimulatedAwsCaller({ account, region, api, userAgent, latency }),
  );
}
