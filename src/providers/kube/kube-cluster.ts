/** The KubeCluster port over any exchange: paths, bodies and the meaning of answers. No client library, no sockets in here. */
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { createDiscovery } from './discovery.ts';
import type { KubeExchange } from './kube-exchange.ts';
import { createReads } from './kube-reads.ts';
import { createWrites } from './kube-writes.ts';

export interface KubeClusterOptions {
  /** The cluster's id: named in every message. */
  cluster: string;
  exchange: KubeExchange;
}

/** A KubeCluster that talks through the exchange. Closing it closes the exchange. */
export function createKubeCluster({ cluster, exchange }: KubeClusterOptions): KubeCluster {
  const inCluster = (what: string): string => `${what} in cluster ${cluster}`;
  const discovery = createDiscovery({ cluster, exchange });
  return {
    ...createReads(exchange, inCluster),
    ...createWrites(exchange, inCluster),
    resourceOf: (apiVersion, kind) => discovery.resourceOf(apiVersion, kind),
    close: () => {
      exchange.close();
    },
  };
}
