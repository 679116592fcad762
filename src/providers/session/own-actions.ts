/** Own actions that the server accepted, laid over the watched views until the watch shows them or they age out. */
import type { NodeView, PodView } from '../../domain/cluster-view.ts';
import type { Clock } from '../../support/clock.ts';
import { compareVersions } from './resource-version.ts';

export interface OwnActions {
  evicted(podUid: string): void;
  /** The node as the server answered the patch. */
  nodePatched(view: NodeView): void;
  seenPod(view: PodView): PodView;
  seenNode(view: NodeView): NodeView;
  /** The watch shows this pod now; undefined = it is gone. */
  podObserved(uid: string, view: PodView | undefined): void;
  nodeObserved(name: string, view: NodeView | undefined): void;
  /** Forgets what has aged out; true when something was forgotten. */
  forgetOld(): boolean;
  /** Grows with every change. */
  revision(): number;
}

export interface OwnActionsOptions {
  /** Decision time: when a pod that was evicted is to end. */
  clock: Clock;
  /** How old an action may become is a matter of the network: wall time outside of simulation. */
  wall: Clock;
  /** A watch that has not shown an accepted action by then never will. */
  maxAgeMs: number;
}

interface Eviction {
  acceptedAt: number;
  expiresAt: number;
}

interface NodePatch {
  view: NodeView;
  expiresAt: number;
}

export function createOwnActions({ clock, wall, maxAgeMs }: OwnActionsOptions): OwnActions {
  const evictions = new Map<string, Eviction>();
  const patches = new Map<string, NodePatch>();
  let revision = 0;

  function forget<K, V extends { expiresAt: number }>(entries: Map<K, V>, now: number): boolean {
    let forgot = false;
    // Oldest first: the first young one ends the search.
    for (const [key, entry] of entries) {
      if (entry.expiresAt > now) break;
      entries.delete(key);
      forgot = true;
    }
    return forgot;
  }

  return {
    evicted(podUid) {
      evictions.delete(podUid);
      evictions.set(podUid, { acceptedAt: clock.now(), expiresAt: wall.now() + maxAgeMs });
      revision += 1;
    },
    nodePatched(view) {
      patches.delete(view.name);
      patches.set(view.name, { view, expiresAt: wall.now() + maxAgeMs });
      revision += 1;
    },
    seenPod(view) {
      if (evictions.size === 0) return view;
      const eviction = evictions.get(view.uid);
      if (eviction === undefined || view.deletingAt !== undefined) return view;
      return { ...view, deletingAt: eviction.acceptedAt + view.gracePeriodSeconds * 1000 };
    },
    seenNode(view) {
      if (patches.size === 0) return view;
      const patch = patches.get(view.name);
      if (patch === undefined || patch.view.uid !== view.uid) return view;
      return compareVersions(view.resourceVersion, patch.view.resourceVersion) < 0 ? patch.view : view;
    },
    podObserved(uid, view) {
      if (view !== undefined && view.deletingAt === undefined) return;
      if (evictions.delete(uid)) revision += 1;
    },
    nodeObserved(name, view) {
      const patch = patches.get(name);
      if (patch === undefined) return;
      const behind =
        view !== undefined &&
        view.uid === patch.view.uid &&
        compareVersions(view.resourceVersion, patch.view.resourceVersion) < 0;
      if (!behind && patches.delete(name)) revision += 1;
    },
    forgetOld() {
      const now = wall.now();
      const forgotEvictions = forget(evictions, now);
      const forgotPatches = forget(patches, now);
      if (!forgotEvictions && !forgotPatches) return false;
      revision += 1;
      return true;
    },
    revision: () => revision,
  };
}
