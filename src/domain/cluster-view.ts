/** What planners see of a running cluster: small plain views, derived from watched objects and one describe of the cloud. */

export interface Taint {
  key: string;
  value?: string;
  effect: string;
}

export interface Toleration {
  key?: string;
  operator?: string;
  value?: string;
  effect?: string;
}

export interface NodeView {
  name: string;
  uid: string;
  resourceVersion: string;
  /** `i-…` of providerID `aws:///<zone>/<instance id>`; undefined when the node carries none. */
  instanceId?: string;
  zone?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  taints: Taint[];
  unschedulable: boolean;
  /** Condition Ready is True. */
  ready: boolean;
  /** When Ready last changed, epoch ms. */
  readySince?: number;
  kubeletVersion: string;
  osImage: string;
  createdAt: number;
  deleting: boolean;
  allocatable: { cpuMilli: number; memoryBytes: number; pods: number };
}

export interface PodView {
  namespace: string;
  name: string;
  uid: string;
  nodeName?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Controller owner reference. */
  owner?: { kind: string; name: string; uid: string };
  phase: string;
  ready: boolean;
  /** deletionTimestamp is set, epoch ms. */
  deletingAt?: number;
  gracePeriodSeconds: number;
  /** Annotation kubernetes.io/config.mirror: a static pod. */
  mirror: boolean;
  createdAt: number;
  readySince?: number;
  /** Claims mounted; a zone-bound volume pins the pod. */
  claims: string[];
  /** reason of a waiting container (ImagePullBackOff, …). */
  waitingReason?: string;
  /** Its own, or what the admission of the cluster gave it. */
  priorityClassName?: string;
  tolerations: Toleration[];
  requests: { cpuMilli: number; memoryBytes: number };
}

export interface BudgetView {
  namespace: string;
  name: string;
  uid: string;
  labels: Record<string, string>;
  generation: number;
  observedGeneration: number;
  selector: LabelSelector | undefined;
  disruptionsAllowed: number;
  currentHealthy: number;
  desiredHealthy: number;
  expectedPods: number;
  /** Whether unready pods may go although the budget allows none; the server's default is IfHealthyBudget. */
  unhealthyPodEvictionPolicy: 'IfHealthyBudget' | 'AlwaysAllow';
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface DaemonSetView {
  namespace: string;
  name: string;
  uid: string;
  desired: number;
  ready: number;
  /** Where its pods may run, as its template says; undefined = anywhere. */
  placement?: {
    nodeSelector: Record<string, string>;
    /** One of them has to hold; empty = no demand. */
    terms: { key: string; operator: string; values?: string[] }[][];
    tolerations: Toleration[];
  };
}

/** A persistent volume. */
export interface VolumeView {
  name: string;
  uid: string;
  /** `namespace/name` of the claim it is bound to. */
  claim?: string;
  /** Zones it can be used in; undefined = anywhere. */
  zones?: string[];
  /** On the disk of one node: it cannot follow its pod. */
  local: boolean;
}

/** A volume that is attached to a node, or is about to be. */
export interface AttachmentView {
  name: string;
  node: string;
  volume: string;
}

/** Everything a roll decides on, as of one moment. */
export interface ClusterView {
  at: number;
  /** Set while a watch is down or not synced: nothing may be decided on this view (B8). */
  stale?: string;
  nodes: NodeView[];
  pods: PodView[];
  budgets: BudgetView[];
  daemonSets: DaemonSetView[];
  volumes: VolumeView[];
  attachments: AttachmentView[];
}
