import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type Random, seededRandom } from '../../support/random.ts';
import { createHttpExchange } from './http-exchange.ts';
import type { KubeAccess, TokenSource } from './kube-access.ts';
import { createKubeCluster } from './kube-cluster.ts';
import type { KubeExchange } from './kube-exchange.ts';
import { createLocatedExchange, type KubeAddress } from './located-exchange.ts';

export interface KubeConnection {
  /** The cluster's id: named in every message. */
  cluster: string;
  access: KubeAccess;
  /** `clm/<version> rollout=<id>`. */
  userAgent: string;
  /** Wall time for one call, its repeats included; 30 s unless given. */
  requestTimeoutMs?: number;
  /** A watch that hears nothing for this long is closed; 120 s unless given (servers send bookmarks every minute). Wall time. */
  watchIdleMs?: number;
  /** Sockets for calls at once, 8 unless given; each watch has one of its own. */
  maxSockets?: number;
  /** For jitter between repeats of reads. */
  random?: Random;
  /** Hears the server's time (epoch ms, whole seconds) with its answers; not a number where a server says nonsense. */
  heardTime?: (serverMs: number) => void;
}

function exchangeOf(connection: KubeConnection): KubeExchange {
  const { cluster, access, userAgent } = connection;
  return createHttpExchange({
    cluster,
    access,
    userAgent,
    agent: { maxSockets: connection.maxSockets ?? 8, idleMs: 60_000 },
    requestTimeoutMs: connection.requestTimeoutMs ?? 30_000,
    watchIdleMs: connection.watchIdleMs ?? 120_000,
    random: connection.random ?? seededRandom(cluster),
    ...(connection.heardTime === undefined ? {} : { heardTime: connection.heardTime }),
  });
}

/**
 * A connection to a cluster's API server. Opens no socket before the first call. Throws FailureError `kube-access-invalid` when
 * kubeconfig, context or address cannot work.
 */
export function connectKube(connection: KubeConnection): KubeCluster {
  return createKubeCluster({ cluster: connection.cluster, exchange: exchangeOf(connection) });
}

/**
 * The same for a cluster whose address is not known before its control plane is there (EKS), with tokens that end. `locate` rejects
 * with FailureError `kube-unreachable` until then.
 */
export function connectLocatedKube(
  connection: Omit<KubeConnection, 'access'> & { locate: () => Promise<KubeAddress>; tokens: TokenSource },
): KubeCluster {
  const { locate, tokens, ...rest } = connection;
  const exchange = createLocatedExchange(locate, (address) =>
    exchangeOf({ ...rest, access: { kind: 'server', ...address, tokens } }),
  );
  return createKubeCluster({ cluster: connection.cluster, exchange });
}
