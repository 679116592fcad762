import type { DaemonSetView } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { fieldsOf, numberOf } from './parse-object.ts';

export function parseDaemonSet(object: KubeObject): DaemonSetView {
  const status = fieldsOf(object['status']);
  return {
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    uid: object.metadata.uid ?? '',
    desired: numberOf(status['desiredNumberScheduled']),
    ready: numberOf(status['numberReady']),
  };
}

export function sameDaemonSet(a: DaemonSetView, b: DaemonSetView): boolean {
  return a.uid === b.uid && a.desired === b.desired && a.ready === b.ready;
}
