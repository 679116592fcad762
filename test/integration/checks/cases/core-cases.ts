import { expiredCertificate, freshCertificate } from '../certificates.ts';
import type { CheckCase } from '../check-cases.ts';
import { type CheckWorld, systemDeployment } from '../check-world.ts';

const webhook = (name: string, caBundle: string) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name },
  webhooks: [
    {
      name: `${name}.example.org`,
      failurePolicy: 'Fail',
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      clientConfig: { service: { namespace: 'kube-system', name: 'policy', path: '/' }, caBundle },
      rules: [{ apiGroups: ['example.org'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }],
    },
  ],
});
const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'kube-system' },
  spec: { selector: { app: name }, ports: [{ port: 443 }] },
});
const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};
const rules = (expected: string) =>
  JSON.stringify([
    { name: 'readers', user: 'ann', verbs: ['get', 'list'], resources: ['pods', 'deployments.apps'], expect: expected },
    { name: 'admins', groups: ['system:masters'], verbs: ['delete'], resources: ['nodes'], expect: 'allowed' },
  ]);
const brokenImages = {
  by: (world: CheckWorld) => {
    world.kube.faults.imagePull = 'broken';
  },
  outcome: 'timedout',
};

export const coreCases: CheckCase[] = [
  {
    check: 'system.daemonset-current',
    evidence: /0 DaemonSets are updated on deletion/,
    given: () => {},
    broken: {
      'an old pod of an OnDelete DaemonSet': {
        by: async (world) => {
          const set = (image: string) => ({
            apiVersion: 'apps/v1',
            kind: 'DaemonSet',
            metadata: { name: 'agent', namespace: 'kube-system' },
            spec: {
              updateStrategy: { type: 'OnDelete' },
              selector: { matchLabels: { app: 'agent' } },
              template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'a', image }] } },
            },
          });
          world.kube.seed([set('agent:1')]);
          await world.pass(60_000);
          world.kube.seed([set('agent:2')]);
          await world.pass(60_000);
        },
        message: /4 nodes run old pods of OnDelete DaemonSets: agent on /,
      },
    },
  },
  {
    check: 'security.authz-matrix',
    given: (world) => {
      world.cluster.configItems['e2e_authz_rules'] = rules('denied');
    },
    evidence: /^5 cells as the table says$/,
    broken: {
      'a binding that gives too much': {
        by: (world) =>
          world.kube.seed([
            {
              apiVersion: 'rbac.authorization.k8s.io/v1',
              kind: 'ClusterRole',
              metadata: { name: 'reader' },
              rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
            },
            {
              apiVersion: 'rbac.authorization.k8s.io/v1',
              kind: 'ClusterRoleBinding',
              metadata: { name: 'ann' },
              roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'reader' },
              subjects: [{ kind: 'User', name: 'ann', apiGroup: 'rbac.authorization.k8s.io' }],
            },
          ]),
        message: /1 of 5 cells: readers: get pods is allowed, not denied/,
      },
      'a table that cannot be read': {
        by: (world) => {
          world.cluster.configItems['e2e_authz_rules'] = '- name: x';
        },
        message: /the table of rules cannot be read/,
      },
    },
  },
  {
    check: 'security.admission-webhooks',
    given: async (world) => {
      world.kube.seed([systemDeployment('policy', 'policy:1'), service('policy'), webhook('policy', freshCertificate)]);
      await world.pass(120_000);
    },
    evidence: /1 webhooks are served and trusted/,
    broken: {
      'no endpoint behind it': {
        by: async (world) => {
          world.kube.seed([{ ...systemDeployment('policy', 'policy:1'), spec: scaledToNone('policy') }]);
          await world.pass(120_000);
        },
        message: /webhook policy\/policy\.example\.org: its service kube-system\/policy has no ready endpoint/,
      },
      'an authority that has ended': {
        by: (world) => world.kube.seed([webhook('policy', expiredCertificate)]),
        message: /its authority ends in -\d+ days/,
      },
    },
  },
  {
    check: 'certs.expiry',
    given: (world) => world.kube.seed([webhook('policy', freshCertificate)]),
    evidence: /1 certificates, the first ends in \d+ days/,
    broken: {
      'a certificate that has ended': {
        by: (world) => world.kube.seed([webhook('old', expiredCertificate)]),
        message: /ValidatingWebhookConfiguration old\/old\.example\.org \(CN=expired.*\) ended \d+ days ago/,
      },
      'a bundle that is none': {
        by: (world) => world.kube.seed([webhook('odd', Buffer.from('nothing').toString('base64'))]),
        message: /odd\/odd\.example\.org: not a certificate/,
      },
    },
  },
  {
    check: 'workload.deployment-update',
    evidence: /3 pods replaced twice, never fewer than 2 ready/,
    broken: {
      'images that cannot be pulled': {
        ...brokenImages,
        message: /3 ready pods of app=update.*ErrImagePull|ImagePullBackOff/,
      },
    },
  },
  {
    check: 'workload.deployment-scale',
    evidence: /^3 → 0 → 3 pods$/,
    broken: {
      'controllers that stop': {
        by: (world) =>
          world.when('clm-e2e', 'pods', 3, () => {
            world.kube.faults.workloads = 'broken';
          }),
        outcome: 'timedout',
        message: /the pods of app=scale gone: not within .* 3 pods are left/,
      },
    },
  },
  {
    check: 'workload.daemonset-all-nodes',
    evidence: /a ready pod on each of 4 nodes, gone with the DaemonSet/,
    broken: {
      'one node where no pod becomes ready': {
        by: (world) => void world.kube.faults.unreadyNodes.add(world.nodeNames()[0] as string),
        outcome: 'timedout',
        message: /1 of 4 nodes have none: /,
      },
    },
  },
  {
    check: 'workload.statefulset-basic',
    evidence: /3 pods in order, updated, and scaled down to ordered-0/,
    broken: {
      'images that cannot be pulled': { ...brokenImages, message: /0 of 1 pods are ready and current; ordered-0: / },
    },
  },
  {
    check: 'storage.statefulset-multizone',
    given: (world) => world.kube.seed([storageClass]),
    evidence: /2 zones, each with its volume; zones-0 found its own again/,
    broken: {
      'a class that provisions nothing': {
        by: (world) => {
          world.kube.faults.scheduler = 'broken';
        },
        outcome: 'timedout',
        message: /2 ready pods of app=zones: not within/,
      },
    },
  },
  {
    check: 'node.pools-run-pods',
    evidence: /^1 pools: workers$/,
    broken: {
      'a pool without a node': {
        by: (world) => void world.cluster.nodePools.push({ ...pool, name: 'gone', minSize: 1 }),
        message: /pool gone has no node, its least size is 1/,
      },
      'images that cannot be pulled': {
        ...brokenImages,
        message: /pool workers: pool-workers: (ErrImagePull|ImagePullBackOff)/,
      },
    },
  },
  {
    check: 'rollout.pdb-eviction',
    evidence: /3 pods evicted one by one, \d+ times refused/,
    broken: {
      'a scheduler that stops': {
        by: (world) =>
          world.when('clm-e2e', 'poddisruptionbudgets.policy', 1, () => {
            world.kube.faults.scheduler = 'broken';
          }),
        outcome: 'timedout',
        message: /budget-\S+ is not evicted: /,
      },
    },
  },
  {
    check: 'cleanup.leaks',
    evidence: /nothing of earlier runs is left/,
    broken: {
      'a namespace past its date': {
        by: (world) =>
          world.kube.seed([
            {
              apiVersion: 'v1',
              kind: 'Namespace',
              metadata: {
                name: 'clm-e2e-00000000-old',
                labels: { 'clm.e2e/run': '00000000' },
                annotations: { 'clm.e2e/expires-at': '2020-01-01T00:00:00.000Z' },
              },
            },
          ]),
        message: /1 things of earlier runs are left: namespace\/clm-e2e-00000000-old/,
      },
    },
  },
];

const pool = {
  name: 'workers',
  profile: 'worker',
  instanceTypes: ['m5.large'],
  discountStrategy: 'none' as const,
  minSize: 0,
  maxSize: 3,
  configItems: {},
};

function scaledToNone(name: string): object {
  const spec = (systemDeployment(name, `${name}:1`) as { spec: object }).spec;
  return { ...spec, replicas: 0 };
}
