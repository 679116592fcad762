/** One cluster in flight: its clients, the watched view, and the describe of its cloud side. */
import type { BudgetView, ClusterView, DaemonSetView, NodeView, PodView } from '../../domain/cluster-view.ts';
import { FailureError, transient } from '../../domain/failure.ts';
import type { CloudProvider } from '../../ports/cloud-provider.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { createChangeSignal } from './change-signal.ts';
import { createCloudCache } from './cloud-cache.ts';
import { createMutex } from './mutex.ts';
import { createOwnActions } from './own-actions.ts';
import { parseBudget, sameBudget } from './parse-budget.ts';
import { parseDaemonSet, sameDaemonSet } from './parse-daemon-set.ts';
import { parseNode, sameNode } from './parse-node.ts';
import { parsePod, samePod } from './parse-pod.ts';
import { compareVersions } from './resource-version.ts';
import { createWatchedCollection, type WatchedCollection } from './watched-collection.ts';

const nodes: Resource = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };
const pods: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
const budgets: Resource = {
  group: 'policy',
  version: 'v1',
  resource: 'poddisruptionbudgets',
  kind: 'PodDisruptionBudget',
  namespaced: true,
};
const daemonSets: Resource = {
  group: 'apps',
  version: 'v1',
  resource: 'daemonsets',
  kind: 'DaemonSet',
  namespaced: true,
};

const wakeAtMostEveryMs = 20;
const ownActionMaxAgeMs = 30_000;
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
  /** Keeps the session from being idle. */
  touch(): void;
  listening(): boolean;
  close(): void;
}

/** Views of one kind as an array, made anew only after a change. */
function lazyArray<V>(
  collection: WatchedCollection<V>,
  seen: (view: V) => V,
  overlayRevision: () => number,
): () => V[] {
  let made: V[] = [];
  let madeOf = -1;
  let madeOver = -1;
  return () => {
    if (madeOf !== collection.revision() || madeOver !== overlayRevision()) {
      madeOf = collection.revision();
      madeOver = overlayRevision();
      made = Array.from(collection.views(), seen);
    }
    return made;
  };
}

export function openClusterSession(options: ClusterSessionOptions): OpenSession {
  const { clusterId, kube, cloud, clock, wall } = options;
  const log = options.log.child({ clusterId });
  const own = createOwnActions({ clock, wall, maxAgeMs: ownActionMaxAgeMs });
  const signal = createChangeSignal({ wall, intervalMs: wakeAtMostEveryMs, log });
  const cloudCache = createCloudCache({ cloud, clusterId, clock });
  const mutex = createMutex(`cluster ${clusterId}`, mostWaiting);
  let usedAt = wall.now();
  let closed = false;

  const common = { kube, wall, random: options.random, log, changed: signal.raise };
  const ignore = (): void => {};
  /** Where the pod of a uid is in the cache. */
  const podKeys = new Map<string, string>();
  const nodeViews = createWatchedCollection<NodeView>({
    ...common,
    kind: { resource: nodes, parse: parseNode, same: sameNode },
    seen: own.seenNode,
    observed: (view, before) => own.nodeObserved((view ?? before)?.name ?? '', view),
  });
  const podViews = createWatchedCollection<PodView>({
    ...common,
    kind: { resource: pods, parse: parsePod, same: samePod },
    seen: own.seenPod,
    observed: (view, before) => {
      if (before !== undefined && before.uid !== view?.uid) {
        podKeys.delete(before.uid);
        own.podObserved(before.uid, undefined);
      }
      if (view === undefined) return;
      podKeys.set(view.uid, `${view.namespace}/${view.name}`);
      own.podObserved(view.uid, view);
    },
  });
  const budgetViews = createWatchedCollection<BudgetView>({
    ...common,
    kind: { resource: budgets, parse: parseBudget, same: sameBudget },
    seen: (view) => view,
    observed: ignore,
  });
  const daemonSetViews = createWatchedCollection<DaemonSetView>({
    ...common,
    kind: { resource: daemonSets, parse: parseDaemonSet, same: sameDaemonSet },
    seen: (view) => view,
    observed: ignore,
  });
  const collections = [nodeViews, podViews, budgetViews, daemonSetViews];
  const none = (): number => 0;
  const nodeArray = lazyArray(nodeViews, own.seenNode, own.revision);
  const podArray = lazyArray(podViews, own.seenPod, own.revision);
  const budgetArray = lazyArray(budgetViews, (view) => view, none);
  const daemonSetArray = lazyArray(daemonSetViews, (view) => view, none);

  function use(): void {
    if (closed) throw new FailureError(transient('session-closed', `the session of cluster ${clusterId} was closed`));
    usedAt = wall.now();
  }

  return {
    clusterId,
    kube,
    cloud,

    async view(): Promise<ClusterView> {
      use();
      await Promise.all(collections.map((collection) => collection.synced()));
      use();
      if (own.forgetOld()) log.warn({}, 'the watch did not show an accepted action in time');
      const stale = collections.map((collection) => collection.stale()).find((reason) => reason !== undefined);
      return {
        at: clock.now(),
        ...(stale === undefined ? {} : { stale }),
        nodes: nodeArray(),
        pods: podArray(),
        budgets: budgetArray(),
        daemonSets: daemonSetArray(),
      };
    },

    async cloudView(maxAgeMs) {
      use();
      return cloudCache.read(maxAgeMs);
    },
    cloudChanged: () => cloudCache.forget(),

    accepted(action) {
      // The watch may have been faster than the answer: then there is nothing to lay over.
      if (action.kind === 'evicted') {
        const pod = podViews.get(podKeys.get(action.podUid) ?? '');
        if (pod !== undefined && pod.deletingAt === undefined) own.evicted(action.podUid);
        return;
      }
      const patched = parseNode(action.node);
      const node = nodeViews.get(patched.name);
      if (node?.uid === patched.uid && compareVersions(node.resourceVersion, patched.resourceVersion) < 0) {
        own.nodePatched(patched);
      }
    },

    onChange: (key, listener) => {
      use();
      signal.listen(key, listener);
    },
    offChange: (key) => signal.unlisten(key),

    exclusive: (work) => {
      use();
      return mutex.run(work);
    },

    lastUsed: () => usedAt,
    touch: use,
    listening: () => signal.listeners() > 0,
    close() {
      if (closed) return;
      closed = true;
      signal.stop();
      for (const collection of collections) collection.stop();
      kube.close();
    },
  };
}
