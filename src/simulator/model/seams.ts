/**
 * The seam between the two halves of a simulated world: the cloud runs instances, a cluster runs nodes on them. Neither half
 * imports the other; world.ts joins them.
 */

/** A running instance as its kubelet sees it. Whatever the node registers with comes from its user data, as in reality. */
export interface SimInstance {
  id: string;
  account: string;
  region: string;
  zone: string;
  instanceType: string;
  imageId: string;
  privateIp: string;
  /** Decoded user data (base64, gunzipped): the kubelet's flags are read out of it. */
  userData: string;
  /** Tags of the instance, including those propagated from its group. */
  tags: Record<string, string>;
  launchedAt: number;
  /** Boot of this image never reaches a Ready kubelet (a fault or a bad image). */
  neverReady: boolean;
}

/** What the cloud tells clusters. */
export interface InstanceListener {
  /** The instance runs; its kubelet will register after its boot time. */
  instanceRunning(instance: SimInstance): void;
  /** Shutting down: the kubelet stops; pods on it get no further grace. */
  instanceStopping(instanceId: string): void;
  /** Gone; the cloud-controller removes the node object. */
  instanceGone(instanceId: string): void;
}

/** What load balancers ask of clusters: does this instance answer on this port's health check? */
export interface HealthProbe {
  instanceAnswers(instanceId: string, port: number): boolean;
}

/** A control plane that the cloud runs (EKS). */
export interface ManagedControlPlane {
  /** Of the cluster whose API it serves: `aws:<account>:<region>:<local id>`. */
  cluster: string;
  account: string;
  region: string;
  /** As EKS knows it. */
  name: string;
  /** `1.34` */
  version: string;
}

/** What the cloud tells of control planes that it runs. */
export interface ControlPlaneListener {
  /** It serves an API from now on, or serves this version of it. */
  controlPlaneUp(plane: ManagedControlPlane): void;
  controlPlaneGone(cluster: string): void;
}

/** One call of the cloud's API, in the account and region of a cluster. */
export type CallCloud = (
  service: 'autoscaling' | 'ec2' | 'elasticloadbalancing' | 'elasticloadbalancingv2' | 's3',
  action: string,
  params: Record<string, unknown>,
  userAgent: string,
) => { ok: true; result: Record<string, unknown> } | { ok: false; code: string; message: string };

/** Has the cloud know a disk that a cluster has begun with. */
export type AdoptDisk = (disk: {
  id: string;
  zone: string;
  gibibytes: number;
  tags: Readonly<Record<string, string>>;
  /** What it is attached to. */
  instanceId?: string;
}) => void;

/** Who caused an event: a client over the API (by its user agent), or the world's own controllers. */
export interface Actor {
  kind: 'client' | 'world';
  name: string;
}

/**
 * What happened in the world, as invariant checkers and the demo's report see it. Emitted at the moment of the change, from the
 * true state, whatever any client believes.
 */
export type WorldEvent = { at: number; cluster: string; actor: Actor } & (
  | {
      kind: 'eviction-accepted';
      namespace: string;
      pod: string;
      uid: string;
      node: string;
      /** Of the budgets that select the pod, as judged at the moment of acceptance from true pod readiness. */
      budgets: { name: string; healthy: number; desiredHealthy: number; allowedBefore: number; podWasReady: boolean }[];
    }
  | { kind: 'eviction-refused'; namespace: string; pod: string; uid: string; node: string; budgets: string[] }
  | {
      kind: 'pod-delete-requested';
      namespace: string;
      pod: string;
      uid: string;
      node: string;
      gracePeriodSeconds: number;
      uidPrecondition: boolean;
      /** DaemonSet, mirror or finished pod, or none of these. */
      podKind: 'workload' | 'daemon' | 'mirror' | 'finished';
    }
  | { kind: 'node-cordoned' | 'node-uncordoned'; node: string; instanceId: string }
  | { kind: 'node-ready' | 'node-not-ready' | 'node-added' | 'node-removed'; node: string; instanceId: string }
  | { kind: 'instance-launched'; instanceId: string; group: string; launchTemplateVersion: string }
  /** A client asked for the termination (actor client), or the group decided it (actor world). */
  | { kind: 'instance-terminate-requested'; instanceId: string; group: string; decrement: boolean }
  | { kind: 'instance-gone'; instanceId: string; group: string }
  /** EC2 wants a spot instance back: first a recommendation, then a notice of two minutes. */
  | { kind: 'spot-notice'; instanceId: string; group: string; notice: 'rebalance' | 'interruption' }
  | {
      kind: 'group-changed';
      group: string;
      before: { min: number; max: number; desired: number };
      after: { min: number; max: number; desired: number };
      /** The call or rule that changed it: SetDesiredCapacity, UpdateAutoScalingGroup, CloudFormation, … */
      by: string;
    }
  | { kind: 'stack-changed'; stack: string; status: string }
  | { kind: 'deregistered'; loadBalancer: string; instanceId: string }
  /** A client had etcd forget a member; `instanceId` is '' when none runs for it. */
  | { kind: 'etcd-member-removed'; etcd: string; member: string; instanceId: string }
);

export type EmitWorldEvent = (event: WorldEvent) => void;
