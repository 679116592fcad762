/** What is still on a draining node, and what may be done about each pod. */
import type { BudgetView, NodeView, PodView } from '../../domain/cluster-view.ts';
import { memoised } from '../../support/memoise.ts';
import { type ClusterIndex, ownerOf } from './cluster-index.ts';
import type { RollPolicy } from './policy.ts';

export type PodClass =
  /** Neither moved nor waited for: DaemonSet and mirror pods, finished ones, those labelled `drain: skip`. */
  | { kind: 'ignored'; why: 'daemon' | 'mirror' | 'finished' | 'skip' | 'dead-node' }
  /** Its deletion was accepted: waited for, never asked twice. */
  | { kind: 'terminating' }
  /** Terminating for longer than its grace allows. */
  | { kind: 'stuck'; message: string }
  | { kind: 'evictable' }
  /** Left alone until it finishes by itself. */
  | { kind: 'awaited'; until: number; code: 'awaits-completion' | 'awaits-switchover'; message: string }
  | { kind: 'blocked'; code: string; message: string };

export interface DrainPod {
  pod: PodView;
  class: PodClass;
}

export interface DrainState {
  /** Everything that must be gone before the node is empty. */
  remaining: DrainPod[];
  /** Pods without a controller among them: nothing brings them back. */
  bare: number;
}

/** Time over its grace after which a terminating pod is reported (kubelet or finalizer stuck). */
const stuckAfterMs = 30_000;

export interface DrainFacts {
  now: number;
  policy: RollPolicy;
  returns: ReadonlyMap<string, number>;
  refusedForGood: ReadonlyMap<string, { code: string; message: string }>;
}

type PodIndex = Pick<ClusterIndex, 'isDaemonPod' | 'volumesOf'>;

export function drainStateOf(parts: {
  node: NodeView;
  startedAt: number;
  pods: PodView[];
  index: PodIndex;
  input: DrainFacts;
  unreachable: boolean;
}): DrainState {
  const remaining: DrainPod[] = [];
  let bare = 0;
  for (const pod of parts.pods) {
    const judged = classifyPod({ ...parts, pod });
    if (judged.kind === 'ignored') continue;
    if (!pod.owner) bare += 1;
    remaining.push({ pod, class: judged });
  }
  return { remaining, bare };
}

/** Pods that a drain has to move, for choosing among nodes that are not drained yet. */
export function movablePods(pods: PodView[], index: Pick<ClusterIndex, 'isDaemonPod'>): PodView[] {
  return movableAmong(index.isDaemonPod)(pods);
}

const movableAmong = memoised((isDaemonPod: ClusterIndex['isDaemonPod']) =>
  memoised((pods: PodView[]): PodView[] => pods.filter((pod) => isWorkload(pod, isDaemonPod(pod)))),
);

/** Neither DaemonSet nor mirror pod, not finished, not labelled to be skipped. */
export function isWorkload(pod: Pick<PodView, 'mirror' | 'phase' | 'labels'>, daemon: boolean): boolean {
  return !daemon && !pod.mirror && !isFinished(pod) && drainLabel(pod) !== 'skip';
}

export function classifyPod(parts: {
  pod: PodView;
  node: NodeView;
  startedAt: number;
  index: PodIndex;
  input: DrainFacts;
  unreachable: boolean;
}): PodClass {
  const { pod, node, input, startedAt } = parts;
  if (pod.mirror) return { kind: 'ignored', why: 'mirror' };
  if (parts.index.isDaemonPod(pod)) return { kind: 'ignored', why: 'daemon' };
  if (isFinished(pod)) return { kind: 'ignored', why: 'finished' };
  const label = drainLabel(pod);
  if (label === 'skip') return { kind: 'ignored', why: 'skip' };
  if (pod.deletingAt !== undefined) return terminating(pod, node, input, parts.unreachable);
  const refused = input.refusedForGood.get(pod.uid);
  if (refused) return { kind: 'blocked', ...refused };
  const awaited = awaitedBy(pod, label, startedAt, input);
  if (awaited) return awaited;
  if (!pod.owner && input.policy.barePods === 'block') {
    const message = `${pod.namespace}/${pod.name} has no controller: nothing would bring it back`;
    return { kind: 'blocked', code: 'bare-pod', message };
  }
  if (input.policy.protectedPods === 'block' && asksToStay(pod)) {
    const message = `${pod.namespace}/${pod.name} asks not to be moved by an annotation`;
    return { kind: 'blocked', code: 'protected-pod', message };
  }
  const local = input.policy.localVolumes === 'block' ? parts.index.volumesOf(pod).find((one) => one.local) : undefined;
  if (local) {
    const message = `the data of ${pod.namespace}/${pod.name} is on the disk of ${node.name} (volume ${local.name}) and cannot follow it`;
    return { kind: 'blocked', code: 'local-volume', message };
  }
  if (pod.owner && (input.returns.get(`${node.name}/${pod.owner.uid}`) ?? 0) >= maxReturns) {
    const message = `pods of ${ownerOf(pod)} come back to ${node.name} although it is cordoned: they tolerate every taint`;
    return { kind: 'blocked', code: 'pod-returns', message };
  }
  return { kind: 'evictable' };
}

/** Left alone for a bounded time: jobs that are to finish, and primaries that an operator hands over by itself. */
function awaitedBy(
  pod: PodView,
  label: string | undefined,
  startedAt: number,
  { now, policy }: DrainFacts,
): PodClass | undefined {
  const name = `${pod.namespace}/${pod.name}`;
  const completion = startedAt + policy.waitCompletedMs;
  if (label === 'wait-completed' && now < completion) {
    return { kind: 'awaited', until: completion, code: 'awaits-completion', message: `${name} is left to finish` };
  }
  const switchover = startedAt + policy.primaryWaitMs;
  const primary = policy.primaryLabels.some((one) => pod.labels[one.key] === one.value);
  if (primary && pod.ready && now < switchover) {
    const message = `${name} is a primary: its operator gets time to move it`;
    return { kind: 'awaited', until: switchover, code: 'awaits-switchover', message };
  }
  return undefined;
}

/** A pod that comes back to a cordoned node is evicted this often, then left alone. */
export const maxReturns = 2;

function terminating(pod: PodView, node: NodeView, input: DrainFacts, unreachable: boolean): PodClass {
  // deletionTimestamp already includes the grace period.
  const overdueMs = input.now - (pod.deletingAt ?? input.now);
  if (overdueMs < stuckAfterMs) return { kind: 'terminating' };
  if (unreachable) return { kind: 'ignored', why: 'dead-node' };
  const message = `${pod.namespace}/${pod.name} on ${node.name} is still terminating ${Math.round(overdueMs / 1000)} s after its grace period`;
  return { kind: 'stuck', message };
}

function isFinished(pod: Pick<PodView, 'phase'>): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}

function drainLabel(pod: Pick<PodView, 'labels'>): string | undefined {
  return pod.labels['cluster.x-k8s.io/drain'];
}

export function asksToStay(pod: PodView): boolean {
  return (
    pod.annotations['karpenter.sh/do-not-disrupt'] === 'true' ||
    pod.annotations['cluster-autoscaler.kubernetes.io/safe-to-evict'] === 'false'
  );
}

export type BudgetJudgement =
  | { kind: 'none' }
  | { kind: 'allows'; budget: BudgetView }
  /** Somebody has to become ready, or the controller has to catch up. */
  | { kind: 'refuses'; code: 'budget-refuses' | 'budget-not-observed'; budget: BudgetView; message: string }
  /** No amount of waiting helps. */
  | { kind: 'never'; code: 'budget-never-allows' | 'multiple-budgets'; budgets: BudgetView[]; message: string };

function letsUnreadyGo(budget: BudgetView): boolean {
  if (budget.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return budget.desiredHealthy > 0 && budget.currentHealthy >= budget.desiredHealthy;
}

/** What the budgets of a pod say before the API server is asked. The server's answer is what counts. */
export function judgeBudgets(pod: PodView, budgets: BudgetView[]): BudgetJudgement {
  // The server does not look at budgets for pods that do not run.
  if (pod.phase === 'Pending') return { kind: 'none' };
  const [budget, second] = budgets;
  if (!budget) return { kind: 'none' };
  if (second) {
    const names = budgets.map((one) => one.name).join(', ');
    const message = `${pod.namespace}/${pod.name} is selected by ${budgets.length} budgets (${names}); the eviction API refuses such pods`;
    return { kind: 'never', code: 'multiple-budgets', budgets, message };
  }
  if (budget.observedGeneration < budget.generation) {
    const message = `budget ${budget.namespace}/${budget.name} has changed and is not processed yet`;
    return { kind: 'refuses', code: 'budget-not-observed', budget, message };
  }
  // An unready pod takes nothing from its budget where the policy lets it go, or where enough others are healthy.
  if (!pod.ready && letsUnreadyGo(budget)) return { kind: 'none' };
  if (budget.disruptionsAllowed > 0) return { kind: 'allows', budget };
  if (budget.expectedPods > 0 && budget.desiredHealthy >= budget.expectedPods) {
    const message = `budget ${budget.namespace}/${budget.name} demands ${budget.desiredHealthy} of ${budget.expectedPods} pods healthy: it never allows one to move`;
    return { kind: 'never', code: 'budget-never-allows', budgets, message };
  }
  const message = `budget ${budget.namespace}/${budget.name} needs ${budget.desiredHealthy} healthy pods and has ${budget.currentHealthy}`;
  return { kind: 'refuses', code: 'budget-refuses', budget, message };
}
