import type { DaemonSetView } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { selectorOf } from './parse-budget.ts';
import { type Fields, fieldsOf, listOf, numberOf, stringsOf } from './parse-object.ts';
import { tolerationsOf } from './parse-pod.ts';

export function parseDaemonSet(object: KubeObject): DaemonSetView {
  const status = fieldsOf(object['status']);
  const template = fieldsOf(fieldsOf(object['spec'])['template']);
  return {
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    desired: numberOf(status['desiredNumberScheduled']),
    ready: numberOf(status['numberReady']),
    placement: placementOf(fieldsOf(template['spec'])),
  };
}

function placementOf(spec: Fields): NonNullable<DaemonSetView['placement']> {
  const affinity = fieldsOf(fieldsOf(spec['affinity'])['nodeAffinity']);
  const required = fieldsOf(affinity['requiredDuringSchedulingIgnoredDuringExecution']);
  return {
    nodeSelector: stringsOf(spec['nodeSelector']),
    terms: listOf(required['nodeSelectorTerms']).map((term) => selectorOf(term)?.matchExpressions ?? []),
    tolerations: tolerationsOf(spec),
  };
}

export function sameDaemonSet(a: DaemonSetView, b: DaemonSetView): boolean {
  if (a.uid !== b.uid || a.desired !== b.desired || a.ready !== b.ready) return false;
  return JSON.stringify(a.placement) === JSON.stringify(b.placement);
}
