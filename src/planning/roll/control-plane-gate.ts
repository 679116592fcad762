/** One control-plane node at a time, and only when the others are well. */
import type { NodeView } from '../../domain/cluster-view.ts';
import type { RollMemory } from '../../domain/node-pool-roll.ts';
import { type ClusterIndex, indexNodes, isControlPlaneNode } from './cluster-index.ts';
import type { GroupState } from './members.ts';
import { indexPods } from './pod-index.ts';
import type { PoolRollState, RollPlanInput } from './roll-plan.ts';

/** Facts about the whole cluster that every pool's decisions share. */
export interface ClusterState {
  /** Nothing is changed while this holds. */
  frozen: { code: string; message: string } | undefined;
  /** New nodes that are not usable yet, over all pools. */
  booting: number;
  /** Name of a control-plane node on its way out. */
  controlPlaneInFlight: string | undefined;
  /** Name of a worker being drained. */
  workerInFlight: string | undefined;
  /** Nodes being drained that carry pods the cluster lives by. */
  criticalInFlight: string | undefined;
  notReady: number;
  unschedulable: number;
  /** Pods that cannot pull their image. */
  pullFailures: number;
  /** Set by the gate when only the API server's word is missing. */
  wantsApi: boolean;
  /** Set when a node could be cordoned if only the Leases had been read lately. */
  wantsLeases: boolean;
}

export function countNotReady(
  input: Pick<RollPlanInput, 'view' | 'now'> & { cloud: Pick<RollPlanInput['cloud'], 'groups'> },
  bootMs: number,
): number {
  const { notReady } = indexNodes(input.view.nodes);
  if (notReady.length === 0) return 0;
  const settled = new Set(
    input.cloud.groups.flatMap((group) =>
      group.instances.filter((one) => /^(InService|Standby)/.test(one.lifecycleState)).map((one) => one.id),
    ),
  );
  return notReady.filter((node) => {
    if (node.deleting) return false;
    const id = node.instanceId;
    // Its instance is ending, gone, or still starting: not what a storm looks like.
    if (id !== undefined && !settled.has(id)) return false;
    return !hasNeverBeenReady(node) && input.now - node.createdAt >= bootMs;
  }).length;
}

/** A failed boot, and no sign of what befalls nodes that served: counted, two of them would keep themselves from being ended. */
function hasNeverBeenReady({ ready, readySince, createdAt }: NodeView): boolean {
  return !ready && (readySince ?? createdAt) - createdAt < registrationMs;
}

/** Conditions of a node get their times with its registration, or moments later. */
const registrationMs = 5_000;

export function countUnschedulable(input: Pick<RollPlanInput, 'view' | 'now'>, unschedulableAfterMs: number): number {
  const { unscheduled } = indexPods(input.view.pods);
  return unscheduled.filter((pod) => input.now - pod.createdAt >= unschedulableAfterMs).length;
}

/** An overloaded or broken registry shows here first: every booting node pulls its images. */
export function countPullFailures(input: Pick<RollPlanInput, 'view'>): number {
  return indexPods(input.view.pods).pullFailures;
}

/** Nothing new is booted or drained while this holds: it would make more pods pull. */
export function imagePullGate(
  memory: Pick<RollMemory, 'pullFailuresAtStart'>,
  cluster: ClusterState,
  policy: Pick<RollPlanInput['policy'], 'imagePullPods'>,
): { code: string; message: string } | undefined {
  if (cluster.pullFailures - memory.pullFailuresAtStart < policy.imagePullPods) return undefined;
  const message = `${cluster.pullFailures} pods cannot pull their image, ${memory.pullFailuresAtStart} when the roll began`;
  return { code: 'image-pull-storm', message };
}

export function controlPlaneInFlight(
  input: RollPlanInput,
  index: ClusterIndex,
  states: GroupState[],
): string | undefined {
  for (const node of index.cordonedByUs) {
    if (!isControlPlaneNode(node)) continue;
    const dead = !node.ready && input.now - (node.readySince ?? node.createdAt) >= input.policy.deadNodeMs;
    if (dead && node.instanceId !== undefined && !index.inCloud.has(node.instanceId)) continue;
    return node.name;
  }
  for (const state of states) {
    for (const member of state.members) if (member.phase === 'terminating' && member.node) return member.name;
  }
  return undefined;
}

/** The roll's own notes on the control plane: who is in flight, and since when nobody is. */
export function trackSettling(memory: RollMemory, inFlight: string | undefined, now: number): RollMemory {
  if (inFlight !== undefined) {
    return memory.inFlight === inFlight && memory.settledFrom === null
      ? memory
      : { ...memory, inFlight, settledFrom: null };
  }
  return memory.inFlight === null ? memory : { ...memory, inFlight: null, settledFrom: now };
}

/** A member on a control-plane node, as kubeadm and kOps run them, that is not ready: one more away may cost the quorum. */
function sickEtcd({ view }: RollPlanInput): string | undefined {
  const members = view.pods.filter(
    (pod) =>
      pod.mirror &&
      pod.namespace === 'kube-system' &&
      (pod.labels['component'] === 'etcd' || /^etcd-manager-/.test(pod.labels['k8s-app'] ?? '')),
  );
  return members.find((pod) => !pod.ready)?.name;
}

/** undefined when a worker may be taken out as far as the control plane is concerned. */
export function workerGate(cluster: ClusterState): { code: string; message: string } | undefined {
  if (cluster.controlPlaneInFlight === undefined) return undefined;
  const message = `control-plane node ${cluster.controlPlaneInFlight} is on its way out; workers wait`;
  return { code: 'control-plane-in-flight', message };
}

/** undefined when the next control-plane node may be taken out. */
export function controlPlaneGate(
  pool: PoolRollState,
  cluster: ClusterState,
  input: RollPlanInput,
): { code: string; message: string; at?: number } | undefined {
  if (cluster.workerInFlight !== undefined) {
    return {
      code: 'workers-in-flight',
      message: `worker ${cluster.workerInFlight} is being drained; control plane and workers never go together`,
    };
  }
  if (cluster.controlPlaneInFlight !== undefined) {
    return {
      code: 'control-plane-in-flight',
      message: `control-plane node ${cluster.controlPlaneInFlight} is on its way out`,
    };
  }
  if (cluster.notReady > pool.memory.notReadyAtStart) {
    const message = `${cluster.notReady} nodes are not Ready, ${pool.memory.notReadyAtStart} were when the roll began`;
    return { code: 'nodes-not-ready', message };
  }
  const etcd = sickEtcd(input);
  if (etcd) {
    const message = `etcd member ${etcd} is not ready; no control-plane node leaves before all members are`;
    return { code: 'etcd-not-ready', message };
  }
  const settledAt = (pool.memory.settledFrom ?? Number.NEGATIVE_INFINITY) + input.policy.settleMs;
  if (settledAt > input.now) {
    return { code: 'control-plane-settling', message: 'the control plane settles after a replacement', at: settledAt };
  }
  if (input.apiReady === undefined) cluster.wantsApi = true;
  if (input.apiReady !== true) {
    const said = input.apiReady === false ? 'says it is not ready' : 'has not been asked yet';
    return { code: 'api-not-ready', message: `the API server ${said} (/readyz)` };
  }
  return undefined;
}
