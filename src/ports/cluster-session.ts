import type { ClusterView } from '../domain/cluster-view.ts';
import type { CloudProvider, LoadBalancerHealth, NodeGroup } from './cloud-provider.ts';
import type { KubeCluster } from './kube-cluster.ts';

/** The cloud side of a cluster as of one moment: one describe shared by all its pools. */
export interface CloudView {
  at: number;
  groups: NodeGroup[];
  /** Only of load balancers that a group is attached to. */
  loadBalancers: LoadBalancerHealth[];
}

/**
 * A cluster in flight: its clients, and a watched cache of nodes, pods, budgets and DaemonSets. Sessions exist only while a
 * process needs them; idle ones are closed.
 */
export interface ClusterSession {
  readonly clusterId: string;
  readonly kube: KubeCluster;
  readonly cloud: CloudProvider;
  /**
   * The watched view; the first call starts the watches and resolves when every one has synced. Own evictions, deletions and
   * cordons that the server accepted are laid over it until the watch shows them.
   */
  view(): Promise<ClusterView>;
  /** Describe of the cluster's groups, at most `maxAgeMs` (decision time) old; 0 = a new one now. */
  cloudView(maxAgeMs: number): Promise<CloudView>;
  /** The groups of such a describe alone: load balancers, which take a call each, are not asked. */
  groups(maxAgeMs: number): Promise<NodeGroup[]>;
  /** Forget the cached describe: an own mutation has made it old. */
  cloudChanged(): void;
  /** Lay an accepted own action, or a node that was read anew, over the view until the watch catches up. */
  accepted(
    action:
      | { kind: 'evicted'; podUid: string }
      | { kind: 'node-patched'; node: import('../domain/kube-object.ts').KubeObject },
  ): void;
  /** Wakes the listener after changes that matter (coalesced); at most one listener a key. */
  onChange(key: string, listener: () => void): void;
  offChange(key: string): void;
  /** One at a time per cluster: planning and acting on one view must not interleave. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** Hands out sessions; `sessionFor` is cheap when the session is open. */
export interface ClusterSessions {
  sessionFor(clusterId: string): Promise<ClusterSession>;
  /** Closes watches and sockets of a cluster that nothing is in flight for. */
  release(clusterId: string): void;
  close(): Promise<void>;
}
