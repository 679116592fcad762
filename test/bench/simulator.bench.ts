/** What a simulated fleet costs: memory and time to start, and an hour in which nothing happens. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { World } from '../../src/simulator/model/world.ts';
import { wallMs } from '../../src/support/deadline.ts';
import type { BenchRow } from './bench-row.ts';

const startMs = Date.UTC(2026, 10, 21);
const nodes = 30;
const podsANode = 10;
const perAccount = 10;
const hourMs = 3_600_000;

/** `CLM_BENCH_CLUSTERS` clusters of 30 nodes and 300 pods (100 unless given), and an idle hour of 84 of them. */
export function run(): Promise<BenchRow[]> {
  const wanted = Number(process.env['CLM_BENCH_CLUSTERS'] ?? 100);
  const before = liveBytes();
  const startedAt = wallMs();
  const world = fleet(wanted);
  const seconds = (wallMs() - startedAt) / 1000;
  const mebibytes = (liveBytes() - before) / 2 ** 20;
  const { ready, pods } = sizeOf(world);
  const rows: BenchRow[] = [
    {
      name: `start ${wanted} clusters`,
      value: Number(seconds.toFixed(1)),
      unit: 's',
      note: `${ready} ready nodes, ${pods} ready pods; wanted ${wanted * nodes} and ${wanted * nodes * podsANode}`,
    },
    {
      name: 'memory they take',
      value: Math.round(mebibytes),
      unit: 'MiB',
      note: `live objects; ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB resident`,
    },
    {
      name: 'memory of one cluster',
      value: Number((mebibytes / wanted).toFixed(2)),
      unit: 'MiB',
      note: `${nodes} nodes, ${nodes * podsANode} pods`,
    },
  ];
  const idle = wanted === 84 ? world : fleet(84);
  // What is left of the start (garbage of the collector, retries) is over by then.
  idle.advanceTo(idle.clock.now() + hourMs);
  const idleAt = wallMs();
  const fired = idle.advanceTo(idle.clock.now() + hourMs);
  rows.push({
    name: 'an idle hour of 84 clusters',
    value: Math.round(wallMs() - idleAt),
    unit: 'ms',
    note: `${fired} timers`,
  });
  return Promise.resolve(rows);
}

/** What is reachable, after a collection; what is allocated where collections cannot be asked for. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (() => void) | undefined;
  collect?.();
  return process.memoryUsage().heapUsed;
}

function fleet(clusters: number): World {
  const world = new World({ seed: 'bench', startMs });
  for (let i = 0; i < clusters; i++) {
    const account = String(100_000_000_000 + Math.floor(i / perAccount));
    const id = `aws:${account}:eu-central-1:kube-${i}`;
    world.addCluster({ id, account, region: 'eu-central-1' });
    createPool(world, { id, account, name: `pool-${i}` });
  }
  world.advanceTo(startMs + 600_000);
  for (const id of world.clusters()) world.kube(id).seed(workloads(), 'bench');
  world.advanceTo(startMs + 1_200_000);
  return world;
}

function createPool(world: World, cluster: { id: string; account: string; name: string }): void {
  const call = (service: 'ec2' | 'autoscaling', action: string, params: Record<string, unknown>) => {
    const reply = world.aws.handle({ account: cluster.account, region: 'eu-central-1', service, action, params });
    if (!reply.ok) throw new Error(`${action}: ${reply.message}`);
  };
  const flags = '--node-labels=node.kubernetes.io/role=worker,node.kubernetes.io/node-pool=workers';
  call('ec2', 'CreateLaunchTemplate', {
    LaunchTemplateName: cluster.name,
    LaunchTemplateData: {
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 'm5.2xlarge',
      UserData: Buffer.from(`#cloud-config\nruncmd:\n- kubelet ${flags}\n`).toString('base64'),
    },
  });
  call('autoscaling', 'CreateAutoScalingGroup', {
    AutoScalingGroupName: cluster.name,
    MinSize: nodes,
    MaxSize: nodes,
    AvailabilityZones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
    LaunchTemplate: { LaunchTemplateName: cluster.name, Version: '1' },
    Tags: [{ Key: `kubernetes.io/cluster/${cluster.id}`, Value: 'owned', PropagateAtLaunch: true }],
  });
}

/** Ten pods a node: deployments of ten, a budget each. */
function workloads(): object[] {
  return Array.from({ length: nodes }, (_, i): object[] => {
    const labels = { app: `app-${i}` };
    return [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: `app-${i}`, namespace: 'default', labels },
        spec: {
          replicas: podsANode,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: {
              containers: [
                { name: 'app', image: 'team/app:1', resources: { requests: { cpu: '100m', memory: '64Mi' } } },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: `app-${i}`, namespace: 'default' },
        spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
      },
    ];
  }).flat();
}

function sizeOf(world: World): { ready: number; pods: number } {
  const isReady = (object: { status?: { conditions?: { type: string; status: string }[] } }): boolean =>
    object.status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
  let ready = 0;
  let pods = 0;
  for (const id of world.clusters()) {
    const truth = world.kube(id).truth();
    for (const node of truth.nodes.values()) if (isReady(node)) ready += 1;
    for (const pod of truth.pods.values()) if (isReady(pod)) pods += 1;
  }
  return { ready, pods };
}
