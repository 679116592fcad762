/** APIs that Kubernetes has stopped to serve, as its deprecation guide lists them. */
import type { KubeObject } from '../../domain/kube-object.ts';
import { describeObject } from '../pipeline/apply-order.ts';
import { type KubernetesVersion, minorsBetween, parseKubernetesVersion } from './version.ts';

interface RemovedApi {
  /** Group and version, and the kinds of it that went. */
  apiVersion: string;
  kinds: readonly string[];
  /** First minor without it. */
  in: string;
  /** What to write instead; absent = nothing replaces it. */
  instead?: string;
}

const removed: readonly RemovedApi[] = [
  {
    apiVersion: 'extensions/v1beta1',
    kinds: ['DaemonSet', 'Deployment', 'ReplicaSet'],
    in: '1.16',
    instead: 'apps/v1',
  },
  { apiVersion: 'extensions/v1beta1', kinds: ['NetworkPolicy'], in: '1.16', instead: 'networking.k8s.io/v1' },
  { apiVersion: 'extensions/v1beta1', kinds: ['PodSecurityPolicy'], in: '1.16' },
  { apiVersion: 'apps/v1beta1', kinds: ['Deployment', 'StatefulSet'], in: '1.16', instead: 'apps/v1' },
  {
    apiVersion: 'apps/v1beta2',
    kinds: ['DaemonSet', 'Deployment', 'ReplicaSet', 'StatefulSet'],
    in: '1.16',
    instead: 'apps/v1',
  },
  { apiVersion: 'extensions/v1beta1', kinds: ['Ingress'], in: '1.22', instead: 'networking.k8s.io/v1' },
  {
    apiVersion: 'networking.k8s.io/v1beta1',
    kinds: ['Ingress', 'IngressClass'],
    in: '1.22',
    instead: 'networking.k8s.io/v1',
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1beta1',
    kinds: ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
    in: '1.22',
    instead: 'admissionregistration.k8s.io/v1',
  },
  {
    apiVersion: 'apiextensions.k8s.io/v1beta1',
    kinds: ['CustomResourceDefinition'],
    in: '1.22',
    instead: 'apiextensions.k8s.io/v1',
  },
  {
    apiVersion: 'apiregistration.k8s.io/v1beta1',
    kinds: ['APIService'],
    in: '1.22',
    instead: 'apiregistration.k8s.io/v1',
  },
  {
    apiVersion: 'authentication.k8s.io/v1beta1',
    kinds: ['TokenReview'],
    in: '1.22',
    instead: 'authentication.k8s.io/v1',
  },
  {
    apiVersion: 'authorization.k8s.io/v1beta1',
    kinds: ['LocalSubjectAccessReview', 'SelfSubjectAccessReview', 'SelfSubjectRulesReview', 'SubjectAccessReview'],
    in: '1.22',
    instead: 'authorization.k8s.io/v1',
  },
  {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kinds: ['CertificateSigningRequest'],
    in: '1.22',
    instead: 'certificates.k8s.io/v1',
  },
  { apiVersion: 'coordination.k8s.io/v1beta1', kinds: ['Lease'], in: '1.22', instead: 'coordination.k8s.io/v1' },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1beta1',
    kinds: ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
    in: '1.22',
    instead: 'rbac.authorization.k8s.io/v1',
  },
  { apiVersion: 'scheduling.k8s.io/v1beta1', kinds: ['PriorityClass'], in: '1.22', instead: 'scheduling.k8s.io/v1' },
  {
    apiVersion: 'storage.k8s.io/v1beta1',
    kinds: ['CSIDriver', 'CSINode', 'StorageClass', 'VolumeAttachment'],
    in: '1.22',
    instead: 'storage.k8s.io/v1',
  },
  { apiVersion: 'batch/v1beta1', kinds: ['CronJob'], in: '1.25', instead: 'batch/v1' },
  { apiVersion: 'discovery.k8s.io/v1beta1', kinds: ['EndpointSlice'], in: '1.25', instead: 'discovery.k8s.io/v1' },
  { apiVersion: 'events.k8s.io/v1beta1', kinds: ['Event'], in: '1.25', instead: 'events.k8s.io/v1' },
  { apiVersion: 'autoscaling/v2beta1', kinds: ['HorizontalPodAutoscaler'], in: '1.25', instead: 'autoscaling/v2' },
  { apiVersion: 'policy/v1beta1', kinds: ['PodDisruptionBudget'], in: '1.25', instead: 'policy/v1' },
  { apiVersion: 'policy/v1beta1', kinds: ['PodSecurityPolicy'], in: '1.25' },
  { apiVersion: 'node.k8s.io/v1beta1', kinds: ['RuntimeClass'], in: '1.25', instead: 'node.k8s.io/v1' },
  { apiVersion: 'autoscaling/v2beta2', kinds: ['HorizontalPodAutoscaler'], in: '1.26', instead: 'autoscaling/v2' },
  {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta1',
    kinds: ['FlowSchema', 'PriorityLevelConfiguration'],
    in: '1.26',
    instead: 'flowcontrol.apiserver.k8s.io/v1',
  },
  { apiVersion: 'storage.k8s.io/v1beta1', kinds: ['CSIStorageCapacity'], in: '1.27', instead: 'storage.k8s.io/v1' },
  {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta2',
    kinds: ['FlowSchema', 'PriorityLevelConfiguration'],
    in: '1.29',
    instead: 'flowcontrol.apiserver.k8s.io/v1',
  },
  {
    apiVersion: 'flowcontrol.apiserver.k8s.io/v1beta3',
    kinds: ['FlowSchema', 'PriorityLevelConfiguration'],
    in: '1.32',
    instead: 'flowcontrol.apiserver.k8s.io/v1',
  },
];

export interface RemovedUse {
  /** `PodDisruptionBudget kube-system/coredns (policy/v1beta1)`, or a resource that clients ask for. */
  what: string;
  removedIn: string;
  instead?: string;
}

/** Objects whose API the target version does not serve. */
export function removedInManifests(objects: readonly KubeObject[], target: KubernetesVersion): RemovedUse[] {
  return objects.flatMap((object) => {
    const api = removed.find((one) => one.apiVersion === object.apiVersion && one.kinds.includes(object.kind));
    if (api === undefined || !isGone(api.in, target)) return [];
    const what = `${describeObject(object)} (${object.apiVersion})`;
    return [{ what, removedIn: api.in, ...(api.instead === undefined ? {} : { instead: api.instead }) }];
  });
}

/**
 * What clients have asked for since the API server started: `apiserver_requested_deprecated_apis` of its metrics. Only what the target
 * version does not serve any more.
 */
export function removedInUse(metrics: string, target: KubernetesVersion): RemovedUse[] {
  const uses = new Map<string, RemovedUse>();
  for (const line of metrics.split('\n')) {
    const match = /^apiserver_requested_deprecated_apis\{(.*)\}\s+([\d.e+]+)\s*$/.exec(line);
    if (match === null || Number(match[2]) === 0) continue;
    const labels = new Map([...(match[1] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map((pair) => [pair[1], pair[2] ?? '']));
    const removedIn = labels.get('removed_release') ?? '';
    if (!isGone(removedIn, target)) continue;
    const group = labels.get('group') ?? '';
    const version = labels.get('version') ?? '';
    const what = `${labels.get('resource') ?? ''}.${version}${group === '' ? '' : `.${group}`}`;
    uses.set(what, { what, removedIn });
  }
  return [...uses.values()].sort((a, b) => (a.what < b.what ? -1 : 1));
}

function isGone(removedIn: string, target: KubernetesVersion): boolean {
  const version = parseKubernetesVersion(removedIn);
  return version !== undefined && minorsBetween(version, target) >= 0;
}
