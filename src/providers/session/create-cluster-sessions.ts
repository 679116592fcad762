import type { Cluster } from '../../domain/cluster.ts';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ClusterSessions } from '../../ports/cluster-session.ts';
import type { KubeCluster } from '../../ports/kube-cluster.ts';
import { type Clock, ScaledClock, type Timer } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { type OpenSession, openClusterSession } from './cluster-session.ts';

export interface ClusterSessionsOptions {
  /** A connection of its own for each call; the session closes it. */
  connectKube(cluster: Cluster): KubeCluster | Promise<KubeCluster>;
  /** Shared between clusters; never closed here. */
  connectCloud(cluster: Cluster): CloudProvider | Promise<CloudProvider>;
  /** The registry's entry; undefined when it has none. */
  clusterOf(clusterId: string): Cluster | undefined | Promise<Cluster | undefined>;
  /** Decision time. */
  clock: Clock;
  /** Wall time unless given; simulation gives its virtual clock. Times coalescing, restarts of watches and idleness. */
  wall?: Clock;
  random: Random;
  log: Logger;
  /** A session that nobody used or listens to for this long is closed. */
  idleReleaseMs: number;
}

interface Entry {
  opening: Promise<OpenSession>;
  session?: OpenSession;
}

/** Sessions for any binding of the two ports: real clients, or the simulated world. */
export function createClusterSessions(options: ClusterSessionsOptions): ClusterSessions {
  const wall = options.wall ?? new ScaledClock(0, 1);
  const entries = new Map<string, Entry>();
  let sweep: Timer | undefined;
  let closed = false;

  async function open(clusterId: string): Promise<OpenSession> {
    const cluster = await options.clusterOf(clusterId);
    if (cluster === undefined) {
      throw new FailureError(terminal('cluster-unknown', `the registry has no cluster ${clusterId}`));
    }
    const cloud = await options.connectCloud(cluster);
    const kube = await options.connectKube(cluster);
    const { clock, log } = options;
    return openClusterSession({ clusterId, kube, cloud, clock, wall, random: options.random.fork(clusterId), log });
  }

  function release(clusterId: string): void {
    const entry = entries.get(clusterId);
    if (entry === undefined) return;
    entries.delete(clusterId);
    entry.opening.then(
      (session) => session.close(),
      () => {},
    );
  }

  /** One timer for all sessions, only while there are any. */
  function scheduleSweep(): void {
    if (sweep !== undefined || entries.size === 0 || closed) return;
    sweep = wall.at(wall.now() + options.idleReleaseMs / 2, () => {
      sweep = undefined;
      const before = wall.now() - options.idleReleaseMs;
      for (const [clusterId, { session }] of [...entries]) {
        if (session !== undefined && !session.listening() && session.lastUsed() <= before) release(clusterId);
      }
      scheduleSweep();
    });
  }

  return {
    async sessionFor(clusterId) {
      if (closed) throw new FailureError(transient('session-closed', 'sessions are being closed'));
      let entry = entries.get(clusterId);
      if (entry === undefined) {
        const made: Entry = { opening: open(clusterId) };
        entry = made;
        entries.set(clusterId, made);
        made.opening.then(
          (session) => {
            made.session = session;
            scheduleSweep();
          },
          () => {
            // A failed opening is not remembered: the next caller tries again.
            if (entries.get(clusterId) === made) entries.delete(clusterId);
          },
        );
      }
      const session = await entry.opening;
      session.touch();
      return session;
    },
    release,
    async close() {
      closed = true;
      sweep?.cancel();
      const opening = [...entries.values()].map((entry) => entry.opening);
      for (const clusterId of [...entries.keys()]) release(clusterId);
      await Promise.allSettled(opening);
    },
  };
}
