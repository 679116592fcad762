/** In which order objects are applied: what others need comes first. */
import type { KubeObject } from '../../domain/kube-object.ts';

const ranks = [
  'CustomResourceDefinition',
  'Namespace',
  'PriorityClass',
  'StorageClass',
  'RuntimeClass',
  'IngressClass',
  'ResourceQuota',
  'LimitRange',
  'ServiceAccount',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'Secret',
  'ConfigMap',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'NetworkPolicy',
  'Service',
  'PodDisruptionBudget',
  'DaemonSet',
  'Deployment',
  'StatefulSet',
  'ReplicaSet',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
  'Ingress',
];
/** Kinds that nobody here knows come after workloads: their controllers are workloads. */
const unknownRank = ranks.length;
/** Webhooks and aggregated APIs answer for everybody, so they come when what serves them is there. */
const lastKinds = new Set(['APIService', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']);

/** Small comes first. */
export function applyRank(object: Pick<KubeObject, 'kind'>): number {
  if (lastKinds.has(object.kind)) return unknownRank + 1;
  const rank = ranks.indexOf(object.kind);
  return rank === -1 ? unknownRank : rank;
}

/** Objects that others depend on across components: applied first, and awaited. */
export function isFoundation(object: Pick<KubeObject, 'kind'>): boolean {
  return object.kind === 'CustomResourceDefinition' || object.kind === 'Namespace';
}

/** Stable: objects of one rank keep the order in which they were written. */
export function inApplyOrder(objects: readonly KubeObject[]): KubeObject[] {
  return objects
    .map((object, index) => ({ object, index, rank: applyRank(object) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ object }) => object);
}

/** `Deployment kube-system/coredns` */
export function describeObject(object: KubeObject): string {
  const { namespace, name } = object.metadata;
  return `${object.kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
}
