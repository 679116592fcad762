import type { AwsService } from '../../../src/simulator/model/aws/aws-request.ts';
import type { KubeModel } from '../../../src/simulator/model/kube/kube-model.ts';
import type { SimObject } from '../../../src/simulator/model/kube/object.ts';
import { builtinResources } from '../../../src/simulator/model/kube/resource-definition.ts';
import type { ClusterTemplate } from '../../../src/simulator/model/kube/template/cluster-template.ts';
import { World } from '../../../src/simulator/model/world.ts';
import { coreDnsObjects, probeImage } from '../simulator-inside/inside-cluster.ts';
import type { Body } from './test-cluster.ts';

/** The CronJob of the workloads is due on the hour, long after all has settled. */
const startMs = Date.UTC(2026, 10, 21, 8, 10);
const region = 'eu-central-1';

export interface Place {
  id: string;
  account: string;
  region: string;
}

export function place(name: string, account = '123456789012'): Place {
  return { id: `aws:${account}:${region}:${name}`, account, region };
}

/** Groups of three masters and six workers; no cluster yet. */
export function createPools(world: World, cluster: Place): void {
  const name = cluster.id.slice(cluster.id.lastIndexOf(':') + 1);
  for (const [role, size] of [
    ['master', 3],
    ['worker', 6],
  ] as const) {
    const labels = `node.kubernetes.io/role=${role},node.kubernetes.io/node-pool=${role}s`;
    const taints = role === 'master' ? ' --register-with-taints=node.kubernetes.io/role=master:NoSchedule' : '';
    const pool = `${name}-${role}s`;
    aws(world, cluster, 'ec2', 'CreateLaunchTemplate', {
      LaunchTemplateName: pool,
      LaunchTemplateData: {
        ImageId: 'ami-0123456789abcdef0',
        InstanceType: 'm5.xlarge',
        // Text of the cluster's own, as bootstrap data has it.
        UserData: Buffer.from(`#cloud-config\n# ${cluster.id}\n- kubelet --node-labels=${labels}${taints}\n`).toString(
          'base64',
        ),
      },
    });
    aws(world, cluster, 'autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: pool,
      MinSize: size,
      MaxSize: size + 3,
      AvailabilityZones: ['a', 'b', 'c'].map((zone) => `${region}${zone}`),
      LaunchTemplate: { LaunchTemplateName: pool, Version: '1' },
      Tags: [{ Key: `kubernetes.io/cluster/${cluster.id}`, Value: 'owned', PropagateAtLaunch: true }],
    });
  }
}

export function aws(
  world: World,
  cluster: Place,
  service: AwsService,
  action: string,
  params: Record<string, unknown>,
): Record<string, unknown> {
  const { account } = cluster;
  const reply = world.aws.handle({ account, region, service, action, params, userAgent: 'test' });
  if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
  return reply.result;
}

function deployment(name: string, replicas: number, container: object, pod: object = {}): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'team' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', ...container }], ...pod } },
    },
  };
}

function service(name: string, port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'team' },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: port }] },
  };
}

/** Something of every controller. */
function workloads(cluster: Place): object[] {
  const daemon = { app: 'agent' };
  return [
    ...coreDnsObjects(),
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'ebs.csi.aws.com',
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'about', namespace: 'team' },
      data: { cluster: `I am ${cluster.id}, of channel dev`, other: '11111111-2222-4333-8444-555555555555' },
    },
    deployment('web', 6, { image: 'nginx:1', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 2 } }),
    service('web', 80),
    deployment('probe', 2, {
      image: probeImage,
      args: ['serve', '--http', '8080'],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 2 },
    }),
    service('probe', 8080),
    // Fits nowhere yet.
    deployment('picky', 1, { image: 'team/picky:1' }, { nodeSelector: { disk: 'fast' } }),
    // One of them fills a node.
    deployment('thick', 6, { image: 'team/thick:1', resources: { requests: { cpu: '3' } } }),
    deployment('port', 1, { image: 'team/port:1', ports: [{ containerPort: 7777, hostPort: 7777 }] }),
    ...['web', 'db'].map((name) => ({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, namespace: 'team' },
      spec: { maxUnavailable: 1, selector: { matchLabels: { app: name } } },
    })),
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', namespace: 'team' },
      spec: {
        replicas: 2,
        serviceName: 'db',
        selector: { matchLabels: { app: 'db' } },
        template: {
          metadata: { labels: { app: 'db' } },
          spec: {
            containers: [{ name: 'c', image: 'team/db:1', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
          },
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent', namespace: 'kube-system' },
      spec: {
        selector: { matchLabels: daemon },
        template: {
          metadata: { labels: daemon },
          spec: { tolerations: [{ operator: 'Exists' }], containers: [{ name: 'c', image: 'team/agent:1' }] },
        },
      },
    },
    {
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'hourly', namespace: 'team' },
      spec: {
        schedule: '0 * * * *',
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'team/task:1' }] } } },
        },
      },
    },
    {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.org' },
      spec: {
        group: 'example.org',
        scope: 'Namespaced',
        names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    },
    { apiVersion: 'example.org/v1', kind: 'Widget', metadata: { name: 'one', namespace: 'team' }, spec: { size: 1 } },
  ];
}

/** `first` is started object by object; for `copies` there are instances alone. All are as old. */
export function settledWorld(input: { first: Place; copies?: Place[]; seed?: string }): World {
  const { first } = input;
  const world = new World({
    seed: input.seed ?? 'template',
    startMs,
    options: { clustersFromInstances: false },
  });
  const model = world.addCluster(first);
  for (const cluster of [first, ...(input.copies ?? [])]) createPools(world, cluster);
  world.advanceTo(startMs + 5 * 60_000);
  model.seed(workloads(first), 'team');
  // The controller gives up on the deployment that fits nowhere after ten minutes.
  world.advanceTo(startMs + 20 * 60_000);
  return world;
}

/** @throws Error with all problems when the cluster cannot be one */
export function templateOf(model: KubeModel): ClusterTemplate {
  const taken = model.template();
  if ('problems' in taken) throw new Error(taken.problems.join('; '));
  return taken.template;
}

/** @throws Error with all problems when the instances do not fit */
export function addLike(world: World, cluster: Place, template: ClusterTemplate): KubeModel {
  const made = world.addClusterLike(cluster, template);
  if ('problems' in made) throw new Error(made.problems.join('; '));
  return made.model;
}

/** All stored objects, table by table, in their order; Events among them only when `events` says so. */
export function everything(model: KubeModel, events = false): SimObject[] {
  const keys = [...new Set([...builtinResources.map((each) => each.key), 'widgets.example.org'])];
  return keys.filter((key) => events || key !== 'events').flatMap((key) => [...model.truth().objects(key).values()]);
}

const identity = new RegExp(
  [
    '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}',
    'vol-[0-9a-f]{17}',
    'csi-pvc[0-9a-z-]+',
    'ip-[0-9-]+\\.eu-central-1\\.compute\\.internal',
    '\\bi-[0-9a-f]{17}',
    '[0-9a-f]{32,64}',
    '\\b10\\.[0-9]+\\.[0-9]+\\.[0-9]+\\b',
    'aws:[0-9]{12}:eu-central-1:[a-z0-9-]+',
    '[a-z0-9][a-z0-9-]*-[bcdfghjklmnpqrstvwxz2456789]{5}\\b',
  ].join('|'),
  'g',
);

/** What no two clusters may have in common: uids, ids of machines and containers, names of nodes, names that the API made up. */
export function identitiesIn(objects: readonly SimObject[]): string[] {
  const names = new Set(objects.map(({ metadata }) => metadata.name));
  const found = new Set(JSON.stringify(objects).match(identity));
  return [...found].filter((each) => {
    // A word that only looks like a made-up name, a client's own uuid, the digest of an image.
    if (/-[a-z2-9]{5}$/.test(each) && !/^(csi|ip|vol|aws)-?/.test(each)) return names.has(each);
    return !each.startsWith('11111111-2222') && !/0{20,}$/.test(each);
  });
}

/** The objects with every identity replaced by the number of its first appearance. */
export function anonymous(objects: readonly SimObject[]): unknown {
  const numbers = new Map<string, string>();
  const known = new Set(identitiesIn(objects));
  const text = JSON.stringify(objects).replace(identity, (found) => {
    if (!known.has(found)) return found;
    const number = numbers.get(found) ?? `#${numbers.size}#`;
    numbers.set(found, number);
    return number;
  });
  return JSON.parse(text);
}

export function send(model: KubeModel, method: string, path: string, body?: object): { status: number; body: Body } {
  const [pathname = '', search = ''] = path.split('?');
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const query = new URLSearchParams(search);
  return model.handle({ method, path: pathname, query, body, contentType, userAgent: 'test/1' });
}

/** Nobody can change it any more: an attempt throws. */
export function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freezeDeep(part);
}
