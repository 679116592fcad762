/** The watched view of one cluster: six kinds, each listed and watched, and own actions laid over them. */
import type {
  AttachmentView,
  BudgetView,
  ClusterView,
  DaemonSetView,
  NodeView,
  PodView,
  VolumeView,
} from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { createOwnActions, type OwnActions } from './own-actions.ts';
import { parseBudget, sameBudget } from './parse-budget.ts';
import { parseDaemonSet, sameDaemonSet } from './parse-daemon-set.ts';
import { parseNode, sameNode } from './parse-node.ts';
import { parsePod, samePod } from './parse-pod.ts';
import { parseAttachment, parseVolume, sameAttachment, sameVolume } from './parse-volume.ts';
import { compareVersions } from './resource-version.ts';
import { createViewCache, type ViewCache } from './view-cache.ts';
import { WatchKeeper } from './watch-keeper.ts';

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

const volumes: Resource = {
  group: '',
  version: 'v1',
  resource: 'persistentvolumes',
  kind: 'PersistentVolume',
  namespaced: false,
};
const attachments: Resource = {
  group: 'storage.k8s.io',
  version: 'v1',
  resource: 'volumeattachments',
  kind: 'VolumeAttachment',
  namespaced: false,
};

const ownActionMaxAgeMs = 30_000;

export interface WatchedClusterOptions {
  kube: KubeCluster;
  /** Decision time. */
  clock: Clock;
  /** Wall time; the virtual clock in simulation. */
  wall: Clock;
  random: Random;
  log: Logger;
  /** Something that a decision may read has changed. */
  changed(): void;
}

export interface WatchedCluster {
  /** The first call lists and opens the watches; rejects with the failure that prevents it. */
  view(): Promise<ClusterView>;
  evicted(podUid: string): void;
  nodePatched(node: KubeObject): void;
  stop(): void;
}

/** Views of one kind as an array, made anew only after a change. */
function lazyArray<V>(cache: ViewCache<V>, seen: (view: V) => V, overlayRevision: () => number): () => V[] {
  let made: V[] = [];
  let madeOf = -1;
  let madeOver = -1;
  return () => {
    if (madeOf !== cache.revision() || madeOver !== overlayRevision()) {
      madeOf = cache.revision();
      madeOver = overlayRevision();
      made = cache.views(seen);
    }
    return made;
  };
}

function nodeCache(own: OwnActions, clock: Clock): ViewCache<NodeView> {
  return createViewCache<NodeView>({
    parse: (object) => parseNode(object, clock.now()),
    same: sameNode,
    seen: (view) => own.seenNode(view),
    observed: (view, before) => {
      own.nodeObserved((view ?? before)?.name ?? '', view);
    },
  });
}

/** `keys` is kept: where the pod of a uid is in the cache. */
function podCache(own: OwnActions, keys: Map<string, string>): ViewCache<PodView> {
  return createViewCache<PodView>({
    parse: parsePod,
    same: samePod,
    seen: (view) => own.seenPod(view),
    observed: (view, before) => {
      if (before !== undefined && before.uid !== view?.uid) {
        keys.delete(before.uid);
        own.podObserved(before.uid, undefined);
      }
      if (view === undefined) return;
      keys.set(view.uid, `${view.namespace}/${view.name}`);
      own.podObserved(view.uid, view);
    },
  });
}

function plainCache<V>(parse: (object: KubeObject) => V, same: (a: V, b: V) => boolean): ViewCache<V> {
  return createViewCache<V>({ parse, same, seen: (view) => view, observed: () => undefined });
}

export function watchCluster(options: WatchedClusterOptions): WatchedCluster {
  const { clock, wall, log } = options;
  const own = createOwnActions({ clock, wall, maxAgeMs: ownActionMaxAgeMs });
  const podKeys = new Map<string, string>();
  const caches = {
    nodes: nodeCache(own, clock),
    pods: podCache(own, podKeys),
    budgets: plainCache<BudgetView>(parseBudget, sameBudget),
    daemonSets: plainCache<DaemonSetView>(parseDaemonSet, sameDaemonSet),
    volumes: plainCache<VolumeView>(parseVolume, sameVolume),
    attachments: plainCache<AttachmentView>(parseAttachment, sameAttachment),
  };
  const keepers = [
    new WatchKeeper({ ...options, resource: nodes, cache: caches.nodes }),
    new WatchKeeper({ ...options, resource: pods, cache: caches.pods }),
    new WatchKeeper({ ...options, resource: budgets, cache: caches.budgets }),
    new WatchKeeper({ ...options, resource: daemonSets, cache: caches.daemonSets }),
    new WatchKeeper({ ...options, resource: volumes, cache: caches.volumes }),
    new WatchKeeper({ ...options, resource: attachments, cache: caches.attachments }),
  ];
  const overlaid = (): number => own.revision();
  const never = (): number => 0;
  const nodeArray = lazyArray(caches.nodes, (view) => own.seenNode(view), overlaid);
  const podArray = lazyArray(caches.pods, (view) => own.seenPod(view), overlaid);
  const budgetArray = lazyArray(caches.budgets, (view) => view, never);
  const daemonSetArray = lazyArray(caches.daemonSets, (view) => view, never);
  const volumeArray = lazyArray(caches.volumes, (view) => view, never);
  const attachmentArray = lazyArray(caches.attachments, (view) => view, never);

  return {
    async view() {
      await Promise.all(keepers.map((keeper) => keeper.synced()));
      if (own.forgetOld()) log.warn({}, 'the watch did not show an accepted action in time');
      const stale = keepers.map((keeper) => keeper.stale()).find((reason) => reason !== undefined);
      return {
        at: clock.now(),
        ...(stale === undefined ? {} : { stale }),
        nodes: nodeArray(),
        pods: podArray(),
        budgets: budgetArray(),
        daemonSets: daemonSetArray(),
        volumes: volumeArray(),
        attachments: attachmentArray(),
      };
    },

    // The watch may have been faster than the answer of the server: then there is nothing to lay over.
    evicted(podUid) {
      const pod = caches.pods.get(podKeys.get(podUid) ?? '');
      if (pod !== undefined && pod.deletingAt === undefined) own.evicted(podUid);
    },
    nodePatched(object) {
      const patched = parseNode(object, clock.now());
      const node = caches.nodes.get(patched.name);
      if (node?.uid !== patched.uid) return;
      if (compareVersions(node.resourceVersion, patched.resourceVersion) < 0) own.nodePatched(patched);
    },

    stop() {
      for (const keeper of keepers) keeper.stop();
      for (const cache of Object.values(caches)) cache.clear();
    },
  };
}
