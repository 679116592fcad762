import type { ClusterCore } from '../../kube/cluster-core.ts';
import type { Node, Pod, PodDisruptionBudget } from '../../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, shownText } from '../../kube/object.ts';
import { selectorMatcher } from '../../kube/selectors.ts';
import { isDaemonPod } from '../autoscaler/room.ts';

/** Nodes of the pool that may be on their way out for drift at once: its strictest budget, shares rounded up; 10% without any. */
export function allowedByBudgets(pool: SimObject, nodes: number): number {
  const given = listOf(fieldsOf(fieldsOf(pool['spec'])['disruption'])['budgets']).map(fieldsOf);
  const budgets = given.length === 0 ? [{ nodes: '10%' }] : given;
  const limits = budgets
    .filter((each) => !('reasons' in each) || listOf(each['reasons']).includes('Drifted'))
    .map((each) => {
      const text = shownText(each['nodes'] ?? '10%');
      const share = /^(\d+)%$/.exec(text);
      return share ? Math.ceil((nodes * Number(share[1])) / 100) : Number(text);
    });
  return Math.min(nodes, ...limits);
}

/** A pod of the node that must not be moved now, in the words of Karpenter's event. */
export function blockedBy(core: ClusterCore, node: Node): string | undefined {
  const held = 'karpenter.sh/do-not-disrupt';
  if (node.metadata.annotations?.[held] === 'true') return `disruption is blocked through the "${held}" annotation`;
  const budgets = [...core.store.typed<PodDisruptionBudget>('poddisruptionbudgets.policy').byKey.values()];
  for (const pod of [...core.store.podsOn(node.metadata.name).values()] as Pod[]) {
    if (isDaemonPod(pod) || pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') continue;
    const { namespace = '', name, annotations, labels } = pod.metadata;
    if (annotations?.[held] === 'true') return `pod "${namespace}/${name}" has "${held}" annotation`;
    const budget = budgets.find(
      (each) =>
        each.metadata.namespace === namespace &&
        selectorMatcher(each.spec.selector)(labels) &&
        each.status.disruptionsAllowed <= 0,
    );
    if (budget) return `pdb "${namespace}/${budget.metadata.name}" prevents pod evictions`;
  }
  return undefined;
}
