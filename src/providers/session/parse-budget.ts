import type { BudgetView, LabelSelector } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { fieldsOf, listOf, numberOf, stringsOf, textOf } from './parse-object.ts';

/** undefined when there is none: such a budget selects nothing, while an empty selector selects all pods of its namespace. */
export function selectorOf(value: unknown): LabelSelector | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const selector = fieldsOf(value);
  const expressions = listOf(selector['matchExpressions']).map((expression) => ({
    key: textOf(expression['key']),
    operator: textOf(expression['operator']),
    ...(Array.isArray(expression['values']) ? { values: expression['values'].map(textOf) } : {}),
  }));
  return {
    ...(selector['matchLabels'] === undefined ? {} : { matchLabels: stringsOf(selector['matchLabels']) }),
    ...(expressions.length === 0 ? {} : { matchExpressions: expressions }),
  };
}

export function parseBudget(object: KubeObject): BudgetView {
  const { metadata } = object;
  const status = fieldsOf(object['status']);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    labels: stringsOf(metadata.labels),
    generation: numberOf(metadata.generation),
    observedGeneration: numberOf(status['observedGeneration']),
    selector: selectorOf(fieldsOf(object['spec'])['selector']),
    disruptionsAllowed: numberOf(status['disruptionsAllowed']),
    currentHealthy: numberOf(status['currentHealthy']),
    desiredHealthy: numberOf(status['desiredHealthy']),
    expectedPods: numberOf(status['expectedPods']),
    unhealthyPodEvictionPolicy:
      fieldsOf(object['spec'])['unhealthyPodEvictionPolicy'] === 'AlwaysAllow' ? 'AlwaysAllow' : 'IfHealthyBudget',
  };
}

/** true when it allows and demands what it did. How many are healthy matters only through what that allows. */
export function sameBudget(a: BudgetView, b: BudgetView): boolean {
  return (
    a.uid === b.uid &&
    a.disruptionsAllowed === b.disruptionsAllowed &&
    a.desiredHealthy === b.desiredHealthy &&
    a.expectedPods === b.expectedPods &&
    a.currentHealthy >= a.desiredHealthy === b.currentHealthy >= b.desiredHealthy &&
    a.generation === b.generation &&
    a.observedGeneration === b.observedGeneration
  );
}
