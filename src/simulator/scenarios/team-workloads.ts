import type { Random } from '../../support/random.ts';

/** Kubernetes objects as JSON, ready for a cluster's API. */
// biome-ignore lint/suspicious/noExplicitAny: objects of several kinds, only built here
type KubeJson = Record<string, any>;

const teams = ['payments', 'search', 'checkout', 'fulfilment', 'identity', 'catalogue', 'pricing', 'mobile'];
const apps = ['api', 'worker', 'frontend', 'indexer', 'gateway', 'scheduler', 'cache', 'consumer'];

export interface TeamWorkloadOptions {
  random: Random;
  /** Pods wanted on the cluster, roughly. */
  pods: number;
  /** Share of the workloads whose budget allows one disruption at a time, 0 … 1. */
  tightShare: number;
}

/** What the cluster's users run: deployments of two to eight replicas with budgets, most of them comfortable, some tight. */
export function teamWorkloads(options: TeamWorkloadOptions): KubeJson[] {
  const { random } = options;
  const objects: KubeJson[] = [];
  const namespaces = new Set<string>();
  let pods = 0;
  for (let index = 0; pods < options.pods; index++) {
    const team = teams[random.int(teams.length)] ?? 'payments';
    const name = `${apps[index % apps.length]}-${Math.floor(index / apps.length)}`;
    const replicas = 2 + random.int(5);
    if (!namespaces.has(team)) {
      namespaces.add(team);
      objects.push({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: team, labels: { team } } });
    }
    const tight = random.next() < options.tightShare;
    objects.push(deployment({ team, name: `${team}-${name}`, replicas, random }));
    objects.push(
      budget({ team, name: `${team}-${name}`, spec: tight ? { minAvailable: replicas - 1 } : comfortable(random) }),
    );
    pods += replicas;
  }
  return objects;
}

/** A budget that never allows a disruption, on a workload of its own: what `--break pdb` puts into the dev cluster. */
export function undrainableWorkload(): KubeJson[] {
  const meta = { team: 'ledger', name: 'ledger-db' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ledger', labels: { team: 'ledger' } } },
    workload({ ...meta, replicas: 2, cpu: '100m', memory: '256Mi', grace: 30 }),
    budget({ ...meta, spec: { maxUnavailable: 0 } }),
  ];
}

function comfortable(random: Random): KubeJson {
  return random.next() < 0.5 ? { maxUnavailable: '34%' } : { minAvailable: '50%' };
}

function deployment(input: { team: string; name: string; replicas: number; random: Random }): KubeJson {
  const { random } = input;
  const cpu = `${50 + 50 * random.int(4)}m`;
  const memory = `${64 * (1 + random.int(4))}Mi`;
  return workload({
    team: input.team,
    name: input.name,
    replicas: input.replicas,
    cpu,
    memory,
    grace: 10 + 10 * random.int(3),
  });
}

function workload(input: {
  team: string;
  name: string;
  replicas: number;
  cpu: string;
  memory: string;
  grace: number;
}): KubeJson {
  const labels = { application: input.name, team: input.team };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: input.name, namespace: input.team, labels },
    spec: {
      replicas: input.replicas,
      selector: { matchLabels: { application: input.name } },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: input.grace,
          containers: [
            {
              name: 'app',
              image: `${input.team}/${input.name}:1.0.0`,
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: '/health', port: 8080 } },
              resources: { requests: { cpu: input.cpu, memory: input.memory } },
            },
          ],
        },
      },
    },
  };
}

function budget(input: { team: string; name: string; spec: KubeJson }): KubeJson {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: input.name, namespace: input.team, labels: { team: input.team } },
    spec: { ...input.spec, selector: { matchLabels: { application: input.name } } },
  };
}
