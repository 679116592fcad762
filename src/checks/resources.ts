import type { Resource } from '../ports/kube-cluster.ts';

function define(group: string, version: string, resource: string, kind: string, namespaced = true): Resource {
  return { group, version, resource, kind, namespaced };
}

export const namespaces = define('', 'v1', 'namespaces', 'Namespace', false);
export const nodes = define('', 'v1', 'nodes', 'Node', false);
export const pods = define('', 'v1', 'pods', 'Pod');
export const services = define('', 'v1', 'services', 'Service');
export const configMaps = define('', 'v1', 'configmaps', 'ConfigMap');
export const serviceAccounts = define('', 'v1', 'serviceaccounts', 'ServiceAccount');
export const leases = define('coordination.k8s.io', 'v1', 'leases', 'Lease');
export const events = define('', 'v1', 'events', 'Event');
export const resourceQuotas = define('', 'v1', 'resourcequotas', 'ResourceQuota');

export const deployments = define('apps', 'v1', 'deployments', 'Deployment');
export const daemonSets = define('apps', 'v1', 'daemonsets', 'DaemonSet');
export const statefulSets = define('apps', 'v1', 'statefulsets', 'StatefulSet');

export const endpointSlices = define('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');

export const storageClasses = define('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', false);
export const ingressClasses = define('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', false);

export const jobs = define('batch', 'v1', 'jobs', 'Job');
export const cronJobs = define('batch', 'v1', 'cronjobs', 'CronJob');
export const secrets = define('', 'v1', 'secrets', 'Secret');
export const persistentVolumeClaims = define('', 'v1', 'persistentvolumeclaims', 'PersistentVolumeClaim');
export const persistentVolumes = define('', 'v1', 'persistentvolumes', 'PersistentVolume', false);
export const volumeAttachments = define('storage.k8s.io', 'v1', 'volumeattachments', 'VolumeAttachment', false);
export const podDisruptionBudgets = define('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget');
export const validatingWebhooks = define(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  false,
);
export const mutatingWebhooks = define(
  'admissionregistration.k8s.io',
  'v1',
  'mutatingwebhookconfigurations',
  'MutatingWebhookConfiguration',
  false,
);
export const subjectAccessReviews = define(
  'authorization.k8s.io',
  'v1',
  'subjectaccessreviews',
  'SubjectAccessReview',
  false,
);
export const clusterRoleBindings = define(
  'rbac.authorization.k8s.io',
  'v1',
  'clusterrolebindings',
  'ClusterRoleBinding',
  false,
);
export const roles = define('rbac.authorization.k8s.io', 'v1', 'roles', 'Role');
export const roleBindings = define('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding');
export const horizontalPodAutoscalers = define(
  'autoscaling',
  'v2',
  'horizontalpodautoscalers',
  'HorizontalPodAutoscaler',
);
export const ingresses = define('networking.k8s.io', 'v1', 'ingresses', 'Ingress');
export const networkPolicies = define('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy');
