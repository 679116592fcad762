import type { DaemonSetView, NodeView, Taint, Toleration } from '../../domain/cluster-view.ts';
import { selectorMatches } from './label-selector.ts';

/** What the controller of DaemonSets lets all their pods tolerate. */
const alwaysTolerated = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
  'node.kubernetes.io/disk-pressure',
  'node.kubernetes.io/memory-pressure',
  'node.kubernetes.io/pid-pressure',
  'node.kubernetes.io/unschedulable',
]);

/** Whether a pod of the DaemonSet may run on the node, as far as its template says. What is not understood counts as yes. */
export function mayRunOn(placement: DaemonSetView['placement'], node: Pick<NodeView, 'labels' | 'taints'>): boolean {
  if (!placement) return true;
  const { nodeSelector, terms, tolerations } = placement;
  if (!selectorMatches({ matchLabels: nodeSelector }, node.labels)) return false;
  if (terms.length > 0 && !terms.some((term) => selectorMatches({ matchExpressions: term }, node.labels))) return false;
  return node.taints.every((taint) => !keepsAway(taint) || tolerations.some((one) => tolerates(one, taint)));
}

function keepsAway({ key, effect }: Taint): boolean {
  return (effect === 'NoSchedule' || effect === 'NoExecute') && !alwaysTolerated.has(key);
}

function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? '') === '') return toleration.operator === 'Exists';
  if (toleration.key !== taint.key) return false;
  return toleration.operator === 'Exists' || (toleration.value ?? '') === (taint.value ?? '');
}
