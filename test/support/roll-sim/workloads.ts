/** What runs on a drawn cluster: deployments, stateful sets with volumes, bare pods and jobs, with budgets of all shapes. */
import type { Random } from '../../../src/support/random.ts';
import { budget } from '../roll-world.ts';

export interface Workload {
  name: string;
  kind: 'Deployment' | 'StatefulSet' | 'Pod' | 'DaemonSet';
  pods: number;
  /** As applied, its budgets included. */
  objects: object[];
}

interface Draw {
  nodes: number;
  pools: string[];
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

export const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'gp3' },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** About 10 pods a node, 30 to 150 in all; less where nodes are few. */
export function drawWorkloads(random: Random, draw: Draw): { workloads: Workload[]; blockers: Workload[] } {
  const wanted = Math.min(150, Math.max(8, draw.nodes * (5 + random.int(7))));
  const workloads: Workload[] = [];
  let pods = 0;
  for (let index = 0; pods < wanted; index += 1) {
    const workload = drawWorkload(random, `app-${index}`, Math.min(12, wanted - pods));
    workloads.push(workload);
    pods += workload.pods;
  }
  const blockers: Workload[] = [];
  if (random.next() < 0.12) blockers.push(blocker(random, 'ledger'));
  return { workloads, blockers };
}

function drawWorkload(random: Random, name: string, most: number): Workload {
  const kind = random.next();
  const replicas = Math.max(1, Math.min(most, 1 + random.int(8)));
  if (kind < 0.06) return barePod(random, name);
  if (kind < 0.1) return daemons(name);
  if (kind < 0.2) return stateful(random, name, Math.min(3, replicas));
  const objects: object[] = [
    workloadObject('Deployment', name, replicas, podSpec(random, name), {}),
    ...drawBudget(random, name, replicas),
  ];
  return { name, kind: 'Deployment', pods: replicas, objects };
}

function podSpec(random: Random, name: string): Record<string, unknown> {
  return {
    terminationGracePeriodSeconds: pick(random, [1, 5, 20, 20, 30, 60, 120]),
    ...(random.next() < 0.1 ? { nodeSelector: { 'node.kubernetes.io/node-pool': 'workers' } } : {}),
    containers: [
      {
        name: 'main',
        image: `${name}:1`,
        ...(random.next() < 0.8 ? { readinessProbe: { httpGet: { path: '/', port: 80 } } } : {}),
        resources: { requests: { cpu: `${20 + 20 * random.int(4)}m`, memory: `${32 * (1 + random.int(4))}Mi` } },
      },
    ],
  };
}

function workloadObject(
  kind: string,
  name: string,
  replicas: number,
  spec: Record<string, unknown>,
  more: object,
): object {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: 'shop' },
    spec: {
      ...(kind === 'DaemonSet' ? {} : { replicas }),
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec },
      ...more,
    },
  };
}

/** All shapes that let somebody go in the end. */
function drawBudget(random: Random, name: string, replicas: number): object[] {
  const drawn = random.next();
  if (drawn < 0.25 || replicas < 2) return drawn < 0.5 ? [] : [budget(name, { maxUnavailable: 1 })];
  const most = replicas - 1;
  const spec = pick<object>(random, [
    { maxUnavailable: 1 },
    { maxUnavailable: Math.max(1, random.int(most + 1)) },
    { maxUnavailable: `${20 + random.int(60)}%` },
    { minAvailable: Math.max(0, most - random.int(most + 1)) },
    { minAvailable: most },
    { minAvailable: `${random.int(Math.floor((100 * most) / replicas))}%` },
    { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' },
  ]);
  return [budget(name, spec)];
}

function stateful(random: Random, name: string, replicas: number): Workload {
  const withVolumes = random.next() < 0.6;
  const claims = withVolumes
    ? {
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              storageClassName: 'gp3',
              resources: { requests: { storage: '1Gi' } },
            },
          },
        ],
      }
    : {};
  const spec = podSpec(random, name);
  delete spec['nodeSelector'];
  // A volume is in a zone: its pod goes where a pool has nodes in all of them.
  spec['nodeSelector'] = { 'node.kubernetes.io/node-pool': 'workers' };
  const object = workloadObject('StatefulSet', name, replicas, spec, { serviceName: name, ...claims });
  return { name, kind: 'StatefulSet', pods: replicas, objects: [object, ...drawBudget(random, name, replicas)] };
}

function barePod(random: Random, name: string): Workload {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', labels: { app: name } },
    spec: podSpec(random, name),
  };
  return { name, kind: 'Pod', pods: 1, objects: [object] };
}

function daemons(name: string): Workload {
  const spec = {
    containers: [{ name: 'main', image: `${name}:1`, resources: { requests: { cpu: '20m', memory: '32Mi' } } }],
  };
  return { name, kind: 'DaemonSet', pods: 1, objects: [workloadObject('DaemonSet', name, 1, spec, {})] };
}

function blocker(random: Random, name: string): Workload {
  const replicas = 1 + random.int(2);
  const spec = pick<object>(random, [{ maxUnavailable: 0 }, { minAvailable: '100%' }, { minAvailable: replicas }]);
  return {
    name,
    kind: 'Deployment',
    pods: replicas,
    objects: [workloadObject('Deployment', name, replicas, podSpec(random, name), {}), budget(name, spec)],
  };
}
