import type { ClusterCore } from './cluster-core.ts';
import { isPodReady, isTerminating, type Node, type Pod, type PodDisruptionBudget } from './kinds.ts';
import type { SimObject } from './object.ts';

/** Which nodes have a living kubelet, by node name; kept by the node manager. */
const livingNodes = new WeakMap<ClusterCore, Set<string>>();

/** The set of the cluster's nodes whose kubelet lives. */
export function livingNodesOf(core: ClusterCore): Set<string> {
  let nodes = livingNodes.get(core);
  if (!nodes) {
    nodes = new Set();
    livingNodes.set(core, nodes);
  }
  return nodes;
}

/** Ready, not going away, and on a machine that still runs: whatever the API believes meanwhile. */
export function trulyReady(core: ClusterCore, pod: Pod): boolean {
  return isPodReady(pod) && !isTerminating(pod) && livingNodesOf(core).has(pod.spec.nodeName ?? '');
}

/** The world's true state of one cluster, for checkers: live maps, not copies. Never change what is in them. */
export interface KubeTruth {
  /** By name. */
  nodes: ReadonlyMap<string, Node>;
  /** By `namespace/name`. */
  pods: ReadonlyMap<string, Pod>;
  /** By `namespace/name`. */
  budgets: ReadonlyMap<string, PodDisruptionBudget>;
  podsOn(node: string): ReadonlyMap<string, Pod>;
  /** Any table by its key (`deployments.apps`), by `namespace/name`. */
  objects(resourceKey: string): ReadonlyMap<string, SimObject>;
  trulyReady(pod: Pod): boolean;
  /** The kubelet of this node runs. */
  isAlive(node: string): boolean;
  revision: number;
  openWatches: number;
  /** Exceptions inside controllers: always empty, or the simulator has a bug. */
  internalErrors: readonly string[];
}
