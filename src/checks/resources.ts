import type { Resource } from '../ports/kube-cluster.ts';

const core = (resource: string, kind: string, namespaced = true): Resource => ({
  group: '',
  version: 'v1',
  resource,
  kind,
  namespaced,
});

export const namespaces = core('namespaces', 'Namespace', false);
export const nodes = core('nodes', 'Node', false);
export const pods = core('pods', 'Pod');
export const services = core('services', 'Service');
export const configMaps = core('configmaps', 'ConfigMap');
export const serviceAccounts = core('serviceaccounts', 'ServiceAccount');
export const events = core('events', 'Event');

const apps = (resource: string, kind: string): Resource => ({
  group: 'apps',
  version: 'v1',
  resource,
  kind,
  namespaced: true,
});

export const deployments = apps('deployments', 'Deployment');
export const daemonSets = apps('daemonsets', 'DaemonSet');
export const statefulSets = apps('statefulsets', 'StatefulSet');

export const endpointSlices: Resource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
};
