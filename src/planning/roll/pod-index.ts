/**
 * What plans look up among the pods of a cluster, worked out once for each array of them. Views are never changed in place, so that an
 * array is what it was: a look that finds the same pods as the last one finds the same index.
 */
import type { PodView } from '../../domain/cluster-view.ts';
import { memoised } from '../../support/memoise.ts';

export interface PodIndex {
  /** Pods by the name of their node. A node whose pods have not changed has the same array as in the index before. */
  byNode: ReadonlyMap<string, PodView[]>;
  /** With a deletionTimestamp. */
  deleting: readonly PodView[];
  /** No node has been found for them. */
  unscheduled: readonly PodView[];
  /** Pods that cannot pull their image. */
  pullFailures: number;
  /** Nodes with a pod of a DaemonSet, and those where it is ready, by the DaemonSet's uid. */
  daemons: ReadonlyMap<string, { readyOn: Set<string>; anyOn: Set<string> }>;
}

/** The array last made for a node, by its first pod. */
const lists = new WeakMap<PodView, PodView[]>();

export const indexPods = memoised((pods: readonly PodView[]): PodIndex => {
  const byNode = new Map<string, PodView[]>();
  const deleting: PodView[] = [];
  const unscheduled: PodView[] = [];
  const daemons = new Map<string, { readyOn: Set<string>; anyOn: Set<string> }>();
  let pullFailures = 0;
  for (const pod of pods) {
    const { nodeName, owner } = pod;
    if (pod.deletingAt !== undefined) deleting.push(pod);
    else if (pod.waitingReason === 'ErrImagePull' || pod.waitingReason === 'ImagePullBackOff') pullFailures += 1;
    if (nodeName === undefined) {
      if (pod.phase === 'Pending' && pod.deletingAt === undefined) unscheduled.push(pod);
      continue;
    }
    const list = byNode.get(nodeName);
    if (list) list.push(pod);
    else byNode.set(nodeName, [pod]);
    if (owner?.kind !== 'DaemonSet') continue;
    const daemon = daemons.get(owner.uid) ?? { readyOn: new Set<string>(), anyOn: new Set<string>() };
    daemons.set(owner.uid, daemon);
    daemon.anyOn.add(nodeName);
    if (pod.ready) daemon.readyOn.add(nodeName);
  }
  for (const [node, list] of byNode) {
    const before = known(list);
    if (before !== list) byNode.set(node, before);
  }
  return { byNode, deleting, unscheduled, pullFailures, daemons };
});

export const podUids = memoised((pods: readonly PodView[]): ReadonlySet<string> => new Set(pods.map((pod) => pod.uid)));

/** The array made before, where it holds the same: what was worked out for it holds as well. */
function known(list: PodView[]): PodView[] {
  const [first] = list;
  if (!first) return list;
  const before = lists.get(first);
  if (before !== undefined && holdsSame(before, list)) return before;
  lists.set(first, list);
  return list;
}

function holdsSame(before: PodView[], list: PodView[]): boolean {
  if (before.length !== list.length) return false;
  for (let at = 0; at < list.length; at += 1) if (before[at] !== list[at]) return false;
  return true;
}
