import { defaultImages } from '../../../src/simulator/model/aws/geography.ts';
import { karpenterDefinitions, nodeClass, nodePool, spikyPods } from '../../support/karpenter-objects.ts';
import { region } from '../../unit/simulator-aws/small-world.ts';
import { CloudCluster } from '../../unit/simulator-inside/cloud-cluster.ts';
import { InsideCluster, probeImage } from '../../unit/simulator-inside/inside-cluster.ts';
import {
  apps,
  type Body,
  configMap,
  deployment,
  inDefault,
  strategicPatchType,
  TestCluster,
} from '../../unit/simulator-kube/test-cluster.ts';
import type { Difference } from './difference.ts';

const pod = (name: string, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...spec },
});

/** A web deployment that runs, on so many nodes. */
function running(nodes = 1): TestCluster {
  const cluster = TestCluster.withNodes(nodes);
  cluster.create(`${apps}/deployments`, deployment('web', 2));
  cluster.until(() => cluster.ready('app=web').length === 2);
  cluster.advance(10_000);
  return cluster;
}

/** Each line of the document's Kubernetes section, and how to see that it is still so. */
export const kubeDifferences: readonly Difference[] = [
  {
    id: 'kube-autoscalers',
    differs: () => {
      const cluster = running();
      cluster.create('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers', {
        metadata: { name: 'h' },
        spec: {
          maxReplicas: 5,
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          metrics: [
            { type: 'Resource', resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 50 } } },
          ],
        },
      });
      cluster.advance(120_000);
      const [condition] = cluster.get('/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/h').status
        .conditions;
      return condition.message === 'unable to get metrics';
    },
  },
  {
    id: 'kube-karpenter',
    differs: () => {
      const cloud = new CloudCluster();
      const image = defaultImages(region)[0]?.id ?? '';
      const pool = nodePool('spiky');
      // one minute a year
      const budgets = [{ nodes: '0', schedule: '0 0 1 1 *', duration: '1m' }];
      const held = { ...pool, spec: { ...pool.spec, disruption: { budgets } } };
      cloud.apply(...karpenterDefinitions);
      cloud.install('karpenter', 'karpenter/karpenter:1.5');
      cloud.apply(nodeClass('spiky', image), held, spikyPods('spiky', 1));
      cloud.until(() => cloud.ready('app=load').length === 1);
      cloud.apply(nodeClass('spiky', image, { tags: { team: 'new' } }));
      cloud.advance(1_800_000);
      const claims: Body[] = cloud.get('/apis/karpenter.sh/v1/nodeclaims').items;
      const drifted = (claim: Body): boolean =>
        claim.status.conditions.some((one: Body) => one.type === 'Drifted' && one.status === 'True');
      return claims.length === 1 && claims.every(drifted);
    },
  },
  {
    id: 'kube-autoscaling-v1',
    differs: () => new TestCluster().send('GET', '/apis/autoscaling/v1').status === 404,
  },
  {
    id: 'kube-endpoints-mirroring',
    differs: () => {
      const cluster = new TestCluster();
      cluster.create(`${inDefault}/services`, { metadata: { name: 'own' }, spec: { ports: [{ port: 80 }] } });
      const subsets = [{ addresses: [{ ip: '10.9.9.9' }], ports: [{ port: 80 }] }];
      cluster.create(`${inDefault}/endpoints`, { metadata: { name: 'own' }, subsets });
      cluster.advance(60_000);
      return cluster.get('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices').items.length === 0;
    },
  },
  {
    id: 'kube-quota-scopes',
    differs: () => {
      const cluster = new TestCluster();
      const spec = { hard: { pods: '0' }, scopes: ['BestEffort'] };
      cluster.create(`${inDefault}/resourcequotas`, { metadata: { name: 'q' }, spec });
      cluster.advance(10_000);
      return cluster.send('POST', `${inDefault}/pods`, pod('p')).status === 201;
    },
  },
  {
    id: 'kube-webhooks',
    differs: () => {
      const cluster = new TestCluster();
      const webhook = {
        name: 'no.example.com',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        clientConfig: { url: 'https://127.0.0.1:1/none' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['DELETE'], resources: ['configmaps'] }],
      };
      const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
      cluster.create(path, { metadata: { name: 'w' }, webhooks: [webhook] });
      cluster.send('POST', `${inDefault}/configmaps`, configMap('a', {}));
      return cluster.send('DELETE', `${inDefault}/configmaps/a`).status === 200;
    },
  },
  {
    id: 'kube-events-kept',
    differs: () => {
      const cluster = TestCluster.withNodes(3);
      for (let i = 0; i < 6; i++) cluster.create(`${apps}/deployments`, deployment(`web-${i}`, 10));
      cluster.advance(60_000);
      const all = cluster.get('/api/v1/events').items as Body[];
      const scheduled = all.filter((each) => each.reason === 'Scheduled').length;
      return all.length <= 200 || scheduled < cluster.pods().filter((each) => each.spec.nodeName).length;
    },
  },
  {
    id: 'kube-list-managed-fields',
    differs: () => {
      const cluster = running();
      const [pod] = cluster.get(`${inDefault}/pods`).items as Body[];
      const alone = cluster.get(`${inDefault}/pods/${pod.metadata.name}`);
      return pod.metadata.managedFields === undefined && alone.metadata.managedFields.length > 0;
    },
  },
  {
    id: 'kube-openapi-descriptions',
    differs: () => {
      const cluster = new TestCluster();
      const schema = cluster.get('/openapi/v3/api/v1').components.schemas['io.k8s.api.core.v1.Pod'];
      return schema.description === undefined && Object.keys(cluster.get('/openapi/v2').paths).length === 0;
    },
  },
  {
    id: 'kube-duplicate-fields',
    differs: () => {
      const text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","k":"2"}}';
      const path = `${inDefault}/configmaps?fieldValidation=Strict`;
      return new TestCluster().send('POST', path, text).status === 201;
    },
  },
  {
    id: 'kube-access',
    differs: () => {
      const cluster = new TestCluster();
      const review = cluster.create('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
        spec: { user: 'nobody', resourceAttributes: { verb: 'create', resource: 'configmaps', namespace: 'default' } },
      });
      const path = `${inDefault}/configmaps`;
      const query = new URLSearchParams();
      const body = configMap('a', {});
      return !review.status.allowed && cluster.model.handle({ method: 'POST', path, query, body }).status === 201;
    },
  },
  {
    id: 'kube-protobuf',
    differs: () => {
      const accept = 'application/vnd.kubernetes.protobuf';
      return new TestCluster().send('GET', `${inDefault}/configmaps`, undefined, { accept }).status === 406;
    },
  },
  {
    id: 'kube-list-kinds',
    differs: () => new TestCluster().get('/api/v1/namespaces').items[0].kind === 'Namespace',
  },
  {
    id: 'kube-local-apiservices',
    differs: () => new TestCluster().get('/apis/apiregistration.k8s.io/v1/apiservices').items.length === 0,
  },
  {
    id: 'kube-exec-and-proxies',
    differs: () => {
      const cluster = running();
      const name = cluster.pods('app=web')[0]?.metadata.name;
      const one = `${inDefault}/pods/${name}`;
      const paths = [`${one}/exec?command=ls`, `${one}/attach`, `${one}/portforward`];
      return paths.every((path) => cluster.send('POST', path).status === 404);
    },
  },
  {
    id: 'kube-ephemeral-containers',
    differs: () => {
      const cluster = running();
      const name = cluster.pods('app=web')[0]?.metadata.name;
      const debug = { spec: { ephemeralContainers: [{ name: 'd', image: 'busybox' }] } };
      const path = `${inDefault}/pods/${name}/ephemeralcontainers`;
      return cluster.send('PATCH', path, debug, { type: strategicPatchType }).status === 405;
    },
  },
  {
    id: 'kube-preemption',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const big = { resources: { requests: { cpu: '1500m' } } };
      cluster.create(`${inDefault}/pods`, pod('low', { containers: [{ name: 'c', image: 'nginx:1', ...big }] }));
      cluster.until(() => cluster.ready().length === 1);
      cluster.create('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 1000 });
      const high = pod('high', { priorityClassName: 'high', containers: [{ name: 'c', image: 'nginx:1', ...big }] });
      cluster.create(`${inDefault}/pods`, high);
      cluster.advance(120_000);
      return cluster.send('GET', `${inDefault}/pods/low`).status === 200;
    },
  },
  {
    id: 'kube-lease-versions',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
      const before = cluster.get(path).items[0];
      cluster.advance(60_000);
      const after = cluster.get(path).items[0];
      return (
        before.spec.renewTime !== after.spec.renewTime &&
        before.metadata.resourceVersion === after.metadata.resourceVersion
      );
    },
  },
  {
    id: 'kube-containers',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const command = ['sh', '-c', 'wget -q http://nowhere.invalid/ && echo reached'];
      const task = pod('p', { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', command }] });
      cluster.create(`${inDefault}/pods`, task);
      cluster.advance(120_000);
      return cluster.get(`${inDefault}/pods/p`).status.phase === 'Succeeded';
    },
  },
  {
    id: 'kube-pre-stop',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const lifecycle = { preStop: { sleep: { seconds: 25 } } };
      cluster.create(`${inDefault}/pods`, pod('p', { containers: [{ name: 'c', image: 'x', lifecycle }] }));
      cluster.advance(60_000);
      cluster.send('DELETE', `${inDefault}/pods/p`);
      cluster.advance(20_000);
      return cluster.send('GET', `${inDefault}/pods/p`).status === 404;
    },
  },
  {
    id: 'kube-probe-periods',
    differs: () => {
      const inside = new InsideCluster(1);
      const readinessProbe = { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 100 };
      const args = ['serve', '--ready-after', '3s'];
      const container = { name: 'c', image: probeImage, args, readinessProbe };
      inside.cluster.create(`${inDefault}/pods`, pod('p', { containers: [container] }));
      inside.settle(30_000);
      return inside.cluster.get(`${inDefault}/pods/p`).status.containerStatuses[0].ready === true;
    },
  },
  {
    id: 'kube-prometheus-queries',
    differs: () => {
      const cloud = new CloudCluster();
      cloud.install('prometheus', 'prometheus:v2.54', [], { container: { ports: [{ containerPort: 9090 }] } });
      const name = cloud.ready('app=prometheus')[0]?.metadata.name;
      const path = `/api/v1/namespaces/kube-system/pods/${name}:9090/proxy/api/v1/query?query=rate(up[5m])`;
      return cloud.send('GET', path).status === 400;
    },
  },
  {
    id: 'kube-acme-objects',
    differs: () => {
      const cluster = new TestCluster();
      return cluster.send('GET', '/apis/acme.cert-manager.io/v1/orders').status === 404;
    },
  },
  {
    id: 'kube-volumes-without-driver',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const home = { metadata: { name: 'any' }, provisioner: 'nobody.example.com' };
      cluster.create('/apis/storage.k8s.io/v1/storageclasses', home);
      const spec = {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'any',
        resources: { requests: { storage: '1Gi' } },
      };
      cluster.create(`${inDefault}/persistentvolumeclaims`, { metadata: { name: 'data' }, spec });
      cluster.advance(10_000);
      return cluster.get(`${inDefault}/persistentvolumeclaims/data`).status.phase === 'Bound';
    },
  },
  {
    id: 'kube-resources',
    differs: () => {
      const cluster = new TestCluster();
      const paths = [
        '/apis/certificates.k8s.io/v1/certificatesigningrequests',
        '/api/v1/componentstatuses',
        `${inDefault}/bindings`,
        '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas',
        '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
        '/apis/storage.k8s.io/v1/volumeattributesclasses',
        '/apis/storage.k8s.io/v1/csistoragecapacities',
        '/apis/resource.k8s.io/v1/resourceclaims',
      ];
      return paths.every((path) => cluster.send('GET', path).status === 404);
    },
  },
  {
    id: 'kube-node-heartbeats',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const beat = (): Body => cluster.get('/api/v1/nodes').items[0].status.conditions[0].lastHeartbeatTime;
      const before = beat();
      cluster.advance(900_000);
      return beat() === before;
    },
  },
  {
    id: 'kube-token-volumes',
    differs: () => {
      const cluster = running();
      const [pod] = cluster.pods('app=web');
      const types = pod?.status.conditions?.map((each) => each.type);
      return pod?.spec.volumes === undefined && types?.includes('PodReadyToStartContainers') === false;
    },
  },
  {
    id: 'kube-set-details',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const template = { metadata: { labels: { app: 's' } }, spec: { containers: [{ name: 'c', image: 'x' }] } };
      const spec = {
        serviceName: 's',
        replicas: 1,
        ordinals: { start: 5 },
        selector: { matchLabels: { app: 's' } },
        template,
      };
      cluster.create('/apis/apps/v1/namespaces/default/statefulsets', { metadata: { name: 's' }, spec });
      cluster.advance(10_000);
      return cluster.pods('app=s')[0]?.metadata.name === 's-0';
    },
  },
  {
    id: 'kube-own-objects',
    differs: () => {
      const cluster = TestCluster.withNodes(1);
      const none = (path: string): boolean => cluster.get(path).items.length === 0;
      return (
        cluster.send('GET', `${inDefault}/endpoints/kubernetes`).status === 404 &&
        none('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases') &&
        none('/apis/storage.k8s.io/v1/csinodes') &&
        cluster.send('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/view').status === 404
      );
    },
  },
  {
    id: 'kube-service-range',
    differs: () => {
      const spec = { clusterIP: '192.0.2.1', ports: [{ port: 80 }] };
      return new TestCluster().send('POST', `${inDefault}/services`, { metadata: { name: 's' }, spec }).status === 201;
    },
  },
  {
    id: 'kube-stale-reads',
    differs: () => {
      const cluster = new TestCluster();
      cluster.model.callFaults.add({ kind: 'stale', staleMs: 30_000 });
      cluster.create(`${inDefault}/configmaps`, configMap('fresh', {}));
      const first = cluster.get(`${inDefault}/configmaps`).items.length;
      cluster.create(`${inDefault}/configmaps`, configMap('late', {}));
      return cluster.get(`${inDefault}/configmaps`).items.length === first;
    },
  },
];
