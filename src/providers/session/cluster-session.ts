/** One cluster in flight: its clients, the watched view, and the describe of its cloud side. */
import { FailureError, transient } from '../../domain/failure.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { createChangeSignal } from './change-signal.ts';
import { createCloudCache } from './cloud-cache.ts';
import { createMutex } from './mutex.ts';
import { watchCluster } from './watched-cluster.ts';

const wakeAtMostEveryMs = 20;
const mostWaiting = 100;

export interface ClusterSessionOptions {
  clusterId: string;
  kube: KubeCluster;
  cloud: CloudProvider;
  /** Decision time. */
  clock: Clock;
  /** Wall time; the virtual clock in simulation. */
  wall: Clock;
  random: Random;
  log: Logger;
}

/** A session that its keeper can close, and ask whether anybody uses it. */
export interface OpenSession extends ClusterSession {
  /** Wall time of the last use. */
  lastUsed(): number;
  /** Keeps the session from being idle; throws FailureError `session-closed` when it is closed. */
  touch(): void;
  listening(): boolean;
  close(): void;
}

export function openClusterSession(options: ClusterSessionOptions): OpenSession {
  const { clusterId, kube, cloud, clock, wall, random } = options;
  const log = options.log.child({ clusterId });
  const signal = createChangeSignal({ wall, intervalMs: wakeAtMostEveryMs, log });
  const cloudCache = createCloudCache({ cloud, clusterId, clock });
  const mutex = createMutex(`cluster ${clusterId}`, mostWaiting);
  const changed = (): void => {
    signal.raise();
  };
  const watched = watchCluster({ kube, clock, wall, random, log, changed });
  let usedAt = wall.now();
  let closed = false;

  function touch(): void {
    if (closed) throw new FailureError(transient('session-closed', `the session of cluster ${clusterId} was closed`));
    usedAt = wall.now();
  }

  return {
    clusterId,
    kube,
    cloud,

    async view() {
      touch();
      const view = await watched.view();
      touch();
      return view;
    },

    async cloudView(maxAgeMs) {
      touch();
      return cloudCache.read(maxAgeMs);
    },
    async groups(maxAgeMs) {
      touch();
      return cloudCache.groups(maxAgeMs);
    },
    cloudChanged: () => {
      cloudCache.forget();
    },

    accepted(action) {
      if (action.kind === 'evicted') watched.evicted(action.podUid);
      else watched.nodePatched(action.node);
    },

    onChange: (key, listener) => {
      touch();
      signal.listen(key, listener);
    },
    offChange: (key) => {
      signal.unlisten(key);
    },

    exclusive: (work) => {
      touch();
      return mutex.run(work);
    },

    lastUsed: () => usedAt,
    touch,
    listening: () => signal.listeners() > 0,
    close() {
      if (closed) return;
      closed = true;
      signal.stop();
      watched.stop();
      kube.close();
    },
  };
}
