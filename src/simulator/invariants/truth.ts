/** The true state of a world, as checkers read it: never what any client believes. */

export interface GroupTruth {
  name: string;
  min: number;
  max: number;
  desired: number;
  suspendedProcesses: string[];
  newInstancesProtected: boolean;
  tags: Record<string, string>;
  launchTemplateVersion: string;
  /** Load balancers and target groups that its instances are registered with. */
  loadBalancers: string[];
  instances: { id: string; lifecycleState: string; launchTemplateVersion: string; protectedFromScaleIn: boolean }[];
}

export interface NodeTruth {
  name: string;
  instanceId: string;
  ready: boolean;
  unschedulable: boolean;
  controlPlane: boolean;
  taints: string[];
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface PodTruth {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** uid of its controller; undefined for a bare pod. */
  owner: string | undefined;
  node: string | undefined;
  terminating: boolean;
}

export interface BudgetTruth {
  /** `namespace/name` */
  name: string;
  /** Pods that are ready, not going, and on a living node. */
  healthy: number;
  desiredHealthy: number;
  expectedPods: number;
}

/** An etcd on instances of its own. */
export interface EtcdTruth {
  name: string;
  /** Those that belong to it, whether their process runs or not. */
  members: {
    name: string;
    instanceId: string | undefined;
    up: boolean;
    /** Since when it is not up; undefined while it is, or was never. */
    downSince: number | undefined;
  }[];
}

export interface WorldTruth {
  clusters(): string[];
  has(cluster: string): boolean;
  groups(cluster: string): GroupTruth[];
  nodes(cluster: string): NodeTruth[];
  /** Names of pods on the node that a drain has to move: no DaemonSet, mirror or finished pods. */
  workloadPodsOn(cluster: string, node: string): string[];
  /** By `namespace/name`; undefined when there is no such pod. */
  pod(cluster: string, name: string): PodTruth | undefined;
  /** Budgets that select the pod, by true readiness. */
  budgetsOf(cluster: string, pod: string): BudgetTruth[];
  /** For each volume that a pod on the node uses and that is bound to zones: those zones. */
  volumeZones(cluster: string, node: string): string[][];
  /** Volumes attached to the node that none of its pods uses any more. */
  volumesLeft(cluster: string, node: string): number;
  /** Load balancers and target groups that the instance is registered with, and how it does there. */
  registrations(cluster: string, instanceId: string): { balancer: string; healthy: boolean; draining: boolean }[];
  /** The etcd that the instance is for; undefined for any other instance. */
  etcdOf(instanceId: string): EtcdTruth | undefined;
}
