/** Objects as a cluster that is well shows them: what controllers would have said of them is there at once. */
import type { KubeObject } from '../../domain/kube-object.ts';
import type { Resource } from '../../ports/kube-cluster.ts';

const clusterWide = new Set([
  'APIService',
  'ClusterIssuer',
  'ClusterRole',
  'ClusterRoleBinding',
  'CSIDriver',
  'CustomResourceDefinition',
  'EC2NodeClass',
  'IngressClass',
  'MutatingWebhookConfiguration',
  'Namespace',
  'NodePool',
  'PersistentVolume',
  'PriorityClass',
  'RuntimeClass',
  'StorageClass',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'ValidatingWebhookConfiguration',
]);

/** Every kind is served; the plural is not what anybody looks at here. */
export function resourceOf(apiVersion: string, kind: string): Resource {
  const slash = apiVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : apiVersion.slice(0, slash),
    version: apiVersion.slice(slash + 1),
    kind,
    resource: `${kind.toLowerCase()}s`,
    namespaced: !clusterWide.has(kind),
  };
}

const holds = (...types: string[]) => types.map((type) => ({ type, status: 'True' }));

function statusOf(object: KubeObject): object {
  const spec = (object['spec'] ?? {}) as { replicas?: unknown };
  const replicas = typeof spec.replicas === 'number' ? spec.replicas : 1;
  switch (object.kind) {
    case 'DaemonSet':
      return { observedGeneration: 1, desiredNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1 };
    case 'Namespace':
      return { phase: 'Active' };
    case 'PersistentVolumeClaim':
      return { phase: 'Bound' };
    case 'Pod':
      return { phase: 'Running', conditions: holds('Ready') };
    case 'Service':
      return { loadBalancer: { ingress: [{ hostname: 'model' }] } };
    default:
      return {
        observedGeneration: 1,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
        conditions: holds('Available', 'Complete', 'Established', 'NamesAccepted', 'Ready'),
      };
  }
}

export function asReady(object: KubeObject): KubeObject {
  const metadata = { ...object.metadata, uid: `model-${object.kind}-${object.metadata.name}`, generation: 1 };
  return { ...object, metadata, status: statusOf(object) };
}
