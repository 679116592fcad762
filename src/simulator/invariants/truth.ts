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

export interface WorldTruth {
  clusters(): string[];
  groups(cluster: string): GroupTruth[];
  nodes(cluster: string): NodeTruth[];
  /** Names of pods on the node that a drain has to move: no DaemonSet, mirror or finished pods. */
  workloadPodsOn(cluster: string, node: string): string[];
}
