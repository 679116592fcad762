import type { ClusterCore } from '../../kube/cluster-core.ts';
import { requestsOf } from '../../kube/controllers/node-fit.ts';
import { isPodFinished, isTerminating, type Node, type Pod, type PodDisruptionBudget } from '../../kube/kinds.ts';
import { controllerOf } from '../../kube/object.ts';
import { selectorMatcher } from '../../kube/selectors.ts';
import { allocatable, excludes, hasRoom, isDaemonPod, mayRunOn, roomOn, take } from './room.ts';

const safeToEvict = 'cluster-autoscaler.kubernetes.io/safe-to-evict';
export const scaleDownDisabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';

export interface ScaleDownRules {
  utilizationThreshold: number;
  skipLocalStorage: boolean;
  skipSystemPods: boolean;
}

/** Pods that must move before the node can go. */
export function movingPods(core: ClusterCore, node: Node): Pod[] {
  return [...core.store.podsOn(node.metadata.name).values()].filter(
    (pod) => !isPodFinished(pod) && !isDaemonPod(pod) && !isTerminating(pod),
  );
}

/** What keeps the node, in the words of its status; undefined: nobody needs it. */
export function keptBecause(core: ClusterCore, node: Node, rules: ScaleDownRules): string | undefined {
  if (node.metadata.annotations?.[scaleDownDisabled] === 'true') return 'scale-down disabled by annotation';
  const moving = movingPods(core, node);
  const whole = allocatable(node);
  const used = { cpu: 0, memory: 0 };
  for (const pod of moving) {
    const { cpu, memory } = requestsOf(pod.spec);
    used.cpu += cpu;
    used.memory += memory;
  }
  const share = Math.max(used.cpu / Math.max(whole.cpu, 1e-9), used.memory / Math.max(whole.memory, 1e-9));
  if (share >= rules.utilizationThreshold) return `utilization ${share.toFixed(2)} is too high`;
  for (const pod of moving) {
    const why = blocks(core, pod, rules);
    if (why !== undefined) return `pod ${pod.metadata.namespace}/${pod.metadata.name}: ${why}`;
  }
  return fitElsewhere(core, node, moving) ? undefined : 'its pods fit nowhere else';
}

function blocks(core: ClusterCore, pod: Pod, rules: ScaleDownRules): string | undefined {
  const annotation = pod.metadata.annotations?.[safeToEvict];
  if (annotation === 'false') return 'not safe to evict';
  const budgets = budgetsOf(core, pod);
  if (budgets.some((budget) => budget.status.disruptionsAllowed <= 0)) return 'not enough disruption budget';
  if (annotation === 'true') return undefined;
  if (!controllerOf(pod)) return 'not replicated';
  if (rules.skipSystemPods && pod.metadata.namespace === 'kube-system' && budgets.length === 0)
    return 'a system pod without a budget';
  const local = pod.spec.volumes?.some(
    (volume) => volume['emptyDir'] !== undefined || volume['hostPath'] !== undefined,
  );
  return rules.skipLocalStorage && local ? 'has local storage' : undefined;
}

function budgetsOf(core: ClusterCore, pod: Pod): PodDisruptionBudget[] {
  const table = core.store.typed<PodDisruptionBudget>('poddisruptionbudgets.policy');
  return [...table.inNamespace(pod.metadata.namespace ?? '').values()].filter((budget) =>
    selectorMatcher(budget.spec.selector)(pod.metadata.labels),
  );
}

/** There is room on other nodes for all of these pods. */
export function fitElsewhere(core: ClusterCore, node: Node, moving: readonly Pod[]): boolean {
  const others = [...core.store.typed<Node>('nodes').byKey.values()]
    .filter(
      (each) =>
        each !== node &&
        !each.spec.unschedulable &&
        !each.spec.taints?.some((taint) => taint.key === toBeDeleted || taint.effect === 'NoExecute'),
    )
    .map((each) => ({
      node: each,
      room: roomOn(core, each, false),
      pods: [...core.store.podsOn(each.metadata.name).values()],
    }));
  return moving.every((pod) => {
    const target = others.find(
      (each) => mayRunOn(pod, each.node) && hasRoom(each.room, pod) && !excludes(pod, each.pods),
    );
    if (!target) return false;
    take(target.room, pod);
    target.pods.push(pod);
    return true;
  });
}

export const toBeDeleted = 'ToBeDeletedByClusterAutoscaler';
