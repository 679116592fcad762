import { fieldsOf, listOf, shownText } from '../../kube/object.ts';
import { type SuiteCluster, SuiteFailure, type Waiting } from './suite-cluster.ts';

/** One test of the upstream suite: it asks the cluster, and knows nothing of who runs it. */
export interface SuiteTest {
  name: string;
  run(cluster: SuiteCluster): Waiting;
}

const minute = 60_000;
const app = (name: string) => ({ labels: { app: name } });

/** A good few of the four hundred, under their own names. */
export const suiteTests: readonly SuiteTest[] = [
  {
    name: '[sig-node] Pods Extended Pods Set QOS Class Pods should be submitted and removed [NodeConformance] [Conformance]',
    *run(cluster) {
      yield* cluster.pod('pod-submit-remove');
      const path = `${cluster.own('pods')}/pod-submit-remove`;
      cluster.ask('DELETE', path);
      yield* cluster.until('the pod to be gone', minute, () =>
        cluster.ask('GET', path).status === 404 ? undefined : 'it is there',
      );
    },
  },
  {
    name: '[sig-network] DNS should provide DNS for the cluster [Conformance]',
    *run(cluster) {
      const pod = yield* cluster.pod('dns-test');
      for (const name of ['kubernetes.default.svc.cluster.local', 'kubernetes.default'])
        yield* cluster.until(`${name} to be resolved`, 10 * minute, () => cluster.resolve(pod, name));
    },
  },
  {
    name: '[sig-network] Services should serve a basic endpoint from pods [Conformance]',
    *run(cluster) {
      yield* serve(cluster, 'endpoint-test2', {});
      const client = yield* cluster.pod('client');
      const address = String(fieldsOf(cluster.get(`${cluster.own('services')}/endpoint-test2`)?.['spec'])['clusterIP']);
      yield* cluster.until('the service to answer', 2 * minute, () => cluster.request(client, address, 80));
    },
  },
  {
    name: '[sig-network] Services should be able to create a functioning NodePort service [Conformance]',
    *run(cluster) {
      yield* serve(cluster, 'nodeport-test', { type: 'NodePort' });
      const client = yield* cluster.pod('client');
      const ports = listOf(fieldsOf(cluster.get(`${cluster.own('services')}/nodeport-test`)?.['spec'])['ports']).map(
        fieldsOf,
      );
      const port = Number(ports[0]?.['nodePort']);
      const addresses = cluster.list('/api/v1/nodes').flatMap((node) =>
        listOf(fieldsOf(node['status'])['addresses'])
          .map(fieldsOf)
          .filter((each) => each['type'] === 'InternalIP')
          .map((each) => String(each['address'])),
      );
      for (const address of addresses)
        yield* cluster.until(`port ${port} of ${address}`, 2 * minute, () => cluster.request(client, address, port));
    },
  },
  {
    name: '[sig-network] Networking Granular Checks: Pods should function for intra-pod communication: http [NodeConformance] [Conformance]',
    *run(cluster) {
      const pods = [];
      for (const [index, node] of cluster.nodes().slice(0, 5).entries())
        pods.push(yield* cluster.pod(`netserver-${index}`, { port: 8083, spec: { nodeName: node } }));
      const client = yield* cluster.pod('test-container-pod');
      for (const pod of pods)
        yield* cluster.until(`an answer of ${pod.metadata.name}`, minute, () =>
          cluster.request(client, pod.status.podIP ?? '', 8083),
        );
    },
  },
  {
    name: '[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('deployments', 'apps'), workload(cluster, 'Deployment', 'test-rolling', 2));
      const path = `${cluster.own('deployments', 'apps')}/test-rolling`;
      yield* ready(cluster, path, 2);
      cluster.patch(path, { spec: { template: { metadata: { annotations: { revision: 'two' } } } } });
      yield* ready(cluster, path, 2);
    },
  },
  {
    name: '[sig-apps] ReplicaSet should serve a basic image on each replica with a public image [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('replicasets', 'apps'), workload(cluster, 'ReplicaSet', 'my-hostname', 2));
      yield* ready(cluster, `${cluster.own('replicasets', 'apps')}/my-hostname`, 2);
    },
  },
  {
    name: '[sig-apps] StatefulSet Basic StatefulSet functionality [StatefulSetBasic] should perform rolling updates and roll backs of template modifications [Conformance]',
    *run(cluster) {
      yield* statefulSet(cluster, 'ss2');
    },
  },
  {
    name: '[sig-apps] StatefulSet Deploy clustered applications [Feature:StatefulSet] [Slow] should creating a working mysql cluster',
    *run(cluster) {
      yield* statefulSet(cluster, 'mysql');
    },
  },
  {
    name: '[sig-apps] Job should delete a job [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('jobs', 'batch'), {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'foo', namespace: cluster.namespace },
        spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: cluster.image }] } } },
      });
      const path = `${cluster.own('jobs', 'batch')}/foo`;
      yield* cluster.until('the job to succeed', 5 * minute, () =>
        fieldsOf(cluster.get(path)?.['status'])['succeeded'] === 1 ? undefined : 'it has not',
      );
      cluster.ask('DELETE', `${path}?propagationPolicy=Background`);
    },
  },
  {
    name: '[sig-storage] ConfigMap should be consumable from pods in volume [NodeConformance] [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('configmaps'), {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'configmap-test-volume', namespace: cluster.namespace },
        data: { 'data-1': 'value-1' },
      });
      const volumes = [{ name: 'v', configMap: { name: 'configmap-test-volume' } }];
      const containers = [{ name: 'c', image: cluster.image, volumeMounts: [{ name: 'v', mountPath: '/etc/v' }] }];
      const spec = { restartPolicy: 'Never', volumes, containers };
      yield* cluster.create(cluster.own('pods'), cluster.podOf('pod-configmaps', { spec }));
      yield* cluster.until('the pod to succeed', 5 * minute, () => {
        const phase = fieldsOf(cluster.get(`${cluster.own('pods')}/pod-configmaps`)?.['status'])['phase'];
        return phase === 'Succeeded' ? undefined : `it is ${String(phase)}`;
      });
    },
  },
  {
    name: '[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated. [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('resourcequotas'), {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'test-quota', namespace: cluster.namespace },
        spec: { hard: { pods: '5' } },
      });
      yield* cluster.until('the quota to be calculated', minute, () => {
        const status = fieldsOf(cluster.get(`${cluster.own('resourcequotas')}/test-quota`)?.['status']);
        return fieldsOf(status['hard'])['pods'] === '5' ? undefined : 'its status says nothing';
      });
    },
  },
  {
    name: '[sig-api-machinery] Namespaces [Serial] should ensure that all pods are removed when a namespace is deleted [Conformance]',
    *run(cluster) {
      yield* cluster.pod('test-pod');
      cluster.ask('DELETE', `/api/v1/namespaces/${cluster.namespace}`);
      yield* cluster.until('the namespace to be gone', 5 * minute, () =>
        cluster.ask('GET', `/api/v1/namespaces/${cluster.namespace}`).status === 404 ? undefined : 'it is there',
      );
    },
  },
  {
    name: '[sig-apps] Daemon set [Serial] should run and stop simple daemon [Conformance]',
    *run(cluster) {
      yield* cluster.create(cluster.own('daemonsets', 'apps'), workload(cluster, 'DaemonSet', 'daemon-set'));
      yield* cluster.until('a daemon pod on every node', 5 * minute, () => {
        const status = fieldsOf(cluster.get(`${cluster.own('daemonsets', 'apps')}/daemon-set`)?.['status']);
        const wanted = cluster.nodes().length;
        return Number(status['numberReady'] ?? 0) >= wanted
          ? undefined
          : `${shownText(status['numberReady'] ?? 0)} of ${wanted}`;
      });
    },
  },
  {
    name: '[sig-node] NoExecuteTaintManager Single Pod [Serial] removing taint cancels eviction [Disruptive] [Conformance]',
    *run(cluster) {
      const [node] = cluster.nodes();
      if (node === undefined) throw new SuiteFailure('there is no node');
      const path = `/api/v1/nodes/${node}`;
      const tolerations = [{ key: 'kubernetes.io/e2e-evict-taint-key', operator: 'Exists', tolerationSeconds: 600 }];
      const pod = yield* cluster.pod('taint-eviction', { spec: { nodeName: node, tolerations } });
      cluster.patch(path, {
        spec: { taints: [{ key: 'kubernetes.io/e2e-evict-taint-key', value: 'evictTaintVal', effect: 'NoExecute' }] },
      });
      yield 20_000;
      cluster.patch(path, { spec: { taints: null } });
      yield 60_000;
      const now = cluster.get(`${cluster.own('pods')}/taint-eviction`);
      if (fieldsOf(now?.['metadata'])['uid'] !== pod.metadata.uid) throw new SuiteFailure('the pod was evicted');
    },
  },
];

function workload(cluster: SuiteCluster, kind: string, name: string, replicas?: number): object {
  const containers = [
    {
      name: 'c',
      image: cluster.image,
      ports: [{ containerPort: 80 }],
      readinessProbe: { httpGet: { path: '/', port: 80 } },
    },
  ];
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: cluster.namespace },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: app(name).labels },
      template: { metadata: app(name), spec: { terminationGracePeriodSeconds: 1, containers } },
    },
  };
}

/** A service, and a pod behind it. */
function* serve(cluster: SuiteCluster, name: string, spec: object): Waiting {
  yield* cluster.create(cluster.own('services'), {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: cluster.namespace },
    spec: { selector: app(name).labels, ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }], ...spec },
  });
  yield* cluster.pod(`${name}-pod`, { ...app(name), port: 80 });
}

function* ready(cluster: SuiteCluster, path: string, replicas: number): Waiting {
  yield* cluster.until(`${replicas} ready replicas of ${path.split('/').at(-1) ?? ''}`, 5 * minute, () => {
    const found = cluster.get(path);
    const status = fieldsOf(found?.['status']);
    const seen = Number(status['observedGeneration'] ?? 0) >= Number(fieldsOf(found?.['metadata'])['generation'] ?? 1);
    const updated = 'updatedReplicas' in status ? Number(status['updatedReplicas']) : replicas;
    const count = Number(status['readyReplicas'] ?? 0);
    return seen && count === replicas && updated === replicas ? undefined : `${count} ready, ${updated} updated`;
  });
}

function* statefulSet(cluster: SuiteCluster, name: string): Waiting {
  yield* cluster.create(cluster.own('statefulsets', 'apps'), workload(cluster, 'StatefulSet', name, 3));
  const path = `${cluster.own('statefulsets', 'apps')}/${name}`;
  yield* ready(cluster, path, 3);
  cluster.patch(path, { spec: { template: { metadata: { annotations: { revision: 'two' } } } } });
  yield* ready(cluster, path, 3);
  for (const index of [0, 1, 2]) {
    const pod = cluster.get(`${cluster.own('pods')}/${name}-${index}`);
    if (fieldsOf(fieldsOf(pod?.['metadata'])['annotations'])['revision'] !== 'two')
      throw new SuiteFailure(`pod ${name}-${index} is not of the new template`);
  }
}
