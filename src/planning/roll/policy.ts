import type { SurgeSetting } from '../../domain/node-pool-roll.ts';

/** What a cluster allows a roll to do. All times in ms of decision time. */
export interface RollPolicy {
  /** Unless the pool's own setting says otherwise. */
  surge: SurgeSetting;
  /** Nodes of the cluster that may boot at once: each pulls its images. */
  bootCap: number;
  /** Usable nodes below the baseline that a group may have: a number, or a share of it rounded down. */
  maxUnavailable: number | `${number}%`;
  /** A new node counts once it has been Ready this long. */
  minReadyMs: number;
  /** One new node comes first and shows that the template boots: always, never, or (`auto`) unless nodes of the same content have shown it. */
  canary: boolean | 'auto';
  /** With `auto`: nodes that became usable longer ago prove nothing. */
  canaryEvidenceMs: number;
  /** Failed boots after which a roll of a pool stops; old nodes that were not replaced by then stay. */
  maxBootFailures: number;
  /** An empty node goes once no pod has come to it for this long. */
  quietMs: number;
  /** Evictions in flight a budget. */
  evictionsPerBudget: number;
  /** Evictions asked for in one look at the cluster. */
  evictionsPerTick: number;
  /** Waits of a refused pod: at least, growing to at most. */
  evictionRetry: { baseMs: number; maxMs: number };
  /** A drain that budgets stop this long is parked: it keeps its cordon, and its surge slot is given to the next node. */
  parkAfterMs: number;
  /** Parked nodes a pool; each may cost one more instance above the surge. */
  maxBlocked: number;
  /** A pod that nothing would bring back. */
  barePods: 'evict' | 'block';
  /** Pods that ask not to be moved (karpenter.sh/do-not-disrupt, safe-to-evict=false). */
  protectedPods: 'evict' | 'block';
  /** Pods whose data is on the disk of their node. */
  localVolumes: 'evict' | 'block';
  /** Pods labelled to be waited for are evicted after this long all the same. */
  waitCompletedMs: number;
  /** Pods with one of these labels are primaries that an operator moves by itself once it sees the node's label change. */
  primaryLabels: { key: string; value: string }[];
  /** How long the operator gets for it before its pods are evicted like any other. */
  primaryWaitMs: number;
  /** When a pod may be deleted around its budget; only while an operator's override allows it. */
  force: ForcePolicy;
  /** Volumes get this long to be detached from an empty node. */
  detachTimeoutMs: number;
  /** Effect of the taint on outdated nodes that wait for their turn. */
  outdatedTaint: 'PreferNoSchedule' | 'NoSchedule';
  /** A node whose kubelet has not renewed its Lease for this long does not count, whatever its conditions say. */
  leaseFreshMs: number;
  /** Draining old nodes go on when a roll is stopped once this share of their pods has moved. */
  finishDrainShare: number;
  /** Pause between two control-plane nodes once everything is well again. */
  settleMs: number;
  /** Load balancers get this long to let go of an instance. */
  deregisterTimeoutMs: number;
  /** A NotReady node this long is dead: terminating pods on it are not waited for. */
  deadNodeMs: number;
  /** More NotReady nodes than this share (and more than one) stop everything until it is over. */
  stormShare: number;
  /** Pods without a node, more than when the roll began, that stop further cordons. */
  unschedulablePods: number;
  /** A pod without a node counts after this long. */
  unschedulableAfterMs: number;
  /** Pods that cannot pull their image, more than when the roll began, that stop launches and cordons. */
  imagePullPods: number;
  /** A change by somebody else is believed when two looks this far apart agree; describes may be 30 s old. */
  confirmMs: number;
  /** Taint keys (or prefixes ending in *) that a node loses once it is initialised. */
  startupTaints: string[];
  /** DaemonSets (`namespace/name`) without whose ready pod no node counts; others are derived from the rest of the cluster. */
  requiredDaemonSets: string[];
  /** Label values that mark the pods a cluster lives by; nodes that carry them go last and one at a time. */
  criticalLabels: { key: string; value: string }[];
  /** Mutations in one look at the cluster. */
  actionsPerTick: number;
}

/** The original's drain settings: how old everything has to be before one pod is deleted in spite of its budget. */
export interface ForcePolicy {
  /** Since the drain of the node began. */
  gracePeriodMs: number;
  minPodLifetimeMs: number;
  /** Other pods of its budgets that are ready. */
  minHealthySiblingLifetimeMs: number;
  /** Other pods of its budgets that are not. */
  minUnhealthySiblingLifetimeMs: number;
  /** Between two such deletions on a node. */
  intervalMs: number;
}

const minute = 60_000;
const hour = 60 * minute;

/** Defaults of the original for clusters of production, and for all others. */
export const forceDefaults: Record<'production' | 'test', ForcePolicy> = {
  production: {
    gracePeriodMs: 6 * hour,
    minPodLifetimeMs: 72 * hour,
    minHealthySiblingLifetimeMs: hour,
    minUnhealthySiblingLifetimeMs: 6 * hour,
    intervalMs: 5 * minute,
  },
  test: {
    gracePeriodMs: 2 * hour,
    minPodLifetimeMs: 8 * hour,
    minHealthySiblingLifetimeMs: hour,
    minUnhealthySiblingLifetimeMs: hour,
    intervalMs: 5 * minute,
  },
};

export const defaultRollPolicy: RollPolicy = {
  surge: 'adaptive',
  bootCap: 10,
  maxUnavailable: 0,
  minReadyMs: 5_000,
  canary: 'auto',
  canaryEvidenceMs: 14 * 24 * hour,
  maxBootFailures: 3,
  quietMs: 5_000,
  evictionsPerBudget: 1,
  evictionsPerTick: 10,
  evictionRetry: { baseMs: 10_000, maxMs: 30_000 },
  parkAfterMs: 120_000,
  maxBlocked: 1,
  barePods: 'evict',
  protectedPods: 'block',
  localVolumes: 'block',
  waitCompletedMs: 6 * hour,
  primaryLabels: [{ key: 'spilo-role', value: 'master' }],
  primaryWaitMs: 10 * minute,
  force: forceDefaults.production,
  detachTimeoutMs: 5 * minute,
  outdatedTaint: 'PreferNoSchedule',
  leaseFreshMs: 40_000,
  finishDrainShare: 0.5,
  settleMs: 60_000,
  deregisterTimeoutMs: 360_000,
  deadNodeMs: 300_000,
  stormShare: 0.2,
  unschedulablePods: 3,
  unschedulableAfterMs: 120_000,
  imagePullPods: 5,
  confirmMs: 45_000,
  startupTaints: [
    'node.kubernetes.io/not-ready',
    'node.kubernetes.io/unreachable',
    'node.kubernetes.io/network-unavailable',
    'node.cloudprovider.kubernetes.io/uninitialized',
    'startup-taint.cluster-autoscaler.kubernetes.io/*',
    'ignore-taint.cluster-autoscaler.kubernetes.io/*',
    'ebs.csi.aws.com/agent-not-ready',
    'node.cilium.io/agent-not-ready',
    'zalando.org/node-not-ready',
  ],
  requiredDaemonSets: [],
  criticalLabels: [
    { key: 'k8s-app', value: 'kube-dns' },
    { key: 'k8s-app', value: 'coredns' },
    { key: 'application', value: 'coredns' },
    { key: 'app', value: 'registry' },
    { key: 'application', value: 'registry' },
    { key: 'app.kubernetes.io/name', value: 'clm' },
  ],
  actionsPerTick: 40,
};

/** Nodes below its baseline that a group of this size may have; never all of them. */
export function unavailableOf(baseline: number, setting: RollPolicy['maxUnavailable'], controlPlane: boolean): number {
  if (controlPlane) return 0;
  const nodes = typeof setting === 'number' ? setting : Math.floor((baseline * Number.parseFloat(setting)) / 100);
  return Math.max(0, Math.min(nodes, baseline - 1));
}

/** Surge nodes for a pool of `baseline` nodes; control planes always take one. */
export function surgeOf(
  baseline: number,
  policy: Pick<RollPolicy, 'surge' | 'bootCap'>,
  own: SurgeSetting | undefined,
  controlPlane: boolean,
): number {
  if (controlPlane) return 1;
  const wanted = own ?? policy.surge;
  if (typeof wanted === 'number') return Math.max(1, Math.floor(wanted));
  const share = wanted === 'adaptive' ? 10 : Number.parseFloat(wanted);
  const nodes = Math.ceil((baseline * share) / 100);
  return wanted === 'adaptive' ? Math.min(Math.max(1, nodes), policy.bootCap) : Math.max(1, nodes);
}
