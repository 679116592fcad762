import { sampleObjects } from '../../unit/simulator-kube/sample-objects.ts';
import { type Body, TestCluster } from '../../unit/simulator-kube/test-cluster.ts';
import type { Coverage } from './difference.ts';

const discovery = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** `apiVersion/plural[/subresource]` as discovery tells them, and the paths that the root lists. */
export function servedKubeEndpoints(): string[] {
  const cluster = new TestCluster();
  const found: string[] = [];
  for (const root of ['/api', '/apis']) {
    const groups = cluster.send('GET', root, undefined, { accept: discovery }).body.items as Body[];
    for (const { metadata, versions } of groups) {
      for (const { version, resources } of versions) {
        const apiVersion = metadata.name ? `${metadata.name}/${version}` : version;
        for (const { resource, subresources } of resources) {
          found.push(`${apiVersion}/${resource}`);
          for (const each of subresources ?? []) found.push(`${apiVersion}/${resource}/${each.subresource}`);
        }
      }
    }
  }
  return [...found, ...cluster.get('/').paths.filter((path: string) => path !== '/api' && path !== '/apis')];
}

const unit = 'test/unit/simulator-kube';
const everyResource: Coverage = {
  test: `${unit}/every-resource.test.ts`,
  title: '%s is created, read, listed, watched, tabulated, patched, applied, replaced and deleted',
};
const everyStatus: Coverage = {
  test: `${unit}/subresources.test.ts`,
  title: '%s/status takes the status alone, and nothing else changes it',
};
const everyScale: Coverage = {
  test: `${unit}/subresources.test.ts`,
  title: '%s/scale is read, replaced and patched, and refuses what is no number of replicas',
};
const at = (test: string, title: string): Coverage => ({ test, title });
const wire = 'test/integration/simulator-kube/kube-wire.test.ts';
const plain = at(wire, 'answers JSON, and 404 for clusters that are not there');
const conversation = at(
  'test/integration/simulator-kube/recorded-conversation.test.ts',
  'goes the same way in all of its 100 steps',
);

const withStatus = [
  'v1/namespaces',
  'v1/nodes',
  'v1/pods',
  'v1/services',
  'v1/persistentvolumes',
  'v1/persistentvolumeclaims',
  'v1/resourcequotas',
  'v1/replicationcontrollers',
  'apps/v1/deployments',
  'apps/v1/replicasets',
  'apps/v1/daemonsets',
  'apps/v1/statefulsets',
  'batch/v1/jobs',
  'batch/v1/cronjobs',
  'policy/v1/poddisruptionbudgets',
  'autoscaling/v2/horizontalpodautoscalers',
  'networking.k8s.io/v1/ingresses',
  'storage.k8s.io/v1/volumeattachments',
  'apiextensions.k8s.io/v1/customresourcedefinitions',
  'apiregistration.k8s.io/v1/apiservices',
];
const withScale = ['v1/replicationcontrollers', 'apps/v1/deployments', 'apps/v1/replicasets', 'apps/v1/statefulsets'];

export const kubeCoverage: Readonly<Record<string, Coverage>> = {
  ...Object.fromEntries(Object.keys(sampleObjects).map((each) => [each, everyResource])),
  ...Object.fromEntries(withStatus.map((each) => [`${each}/status`, everyStatus])),
  ...Object.fromEntries(withScale.map((each) => [`${each}/scale`, everyScale])),
  'v1/pods/eviction': at(
    `${unit}/eviction.test.ts`,
    'takes one disruption from the budget, refuses the next with 429 and no Retry-After, and recovers',
  ),
  'v1/pods/log': at(`${unit}/workloads.test.ts`, 'complete when their command ends well, and show its output'),
  'v1/pods/binding': at(`${unit}/subresources.test.ts`, 'pods/binding puts a pod on a node once'),
  'v1/pods/ephemeralcontainers': { difference: 'kube-ephemeral-containers' },
  'v1/serviceaccounts/token': at(
    `${unit}/subresources.test.ts`,
    'serviceaccounts/token issues a token for the account',
  ),
  'v1/namespaces/finalize': at(`${unit}/subresources.test.ts`, 'namespaces/finalize lets a namespace go'),
  '/healthz': plain,
  '/livez': conversation,
  '/readyz': conversation,
  '/metrics': plain,
  '/version': plain,
  '/openapi/v2': at(
    `${unit}/field-validation.test.ts`,
    'has the definitions in version 2 as well, as JSON and as protobuf',
  ),
  '/openapi/v3': at(
    `${unit}/field-validation.test.ts`,
    'has a document for every group and version, whose references all lead somewhere',
  ),
};
