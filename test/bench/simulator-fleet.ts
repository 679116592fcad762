/** The measuring process of `npm run bench -- simulator`: `simulator-fleet.ts CLUSTERS`, with `--expose-gc`. */
import { World } from '../../src/simulator/model/world.ts';
import { wallMs } from '../../src/support/deadline.ts';
import type { BenchRow, Measured } from './bench-row.ts';

const startMs = Date.UTC(2026, 10, 21);
const nodes = 30;
const podsANode = 10;
const perAccount = 10;
const hourMs = 3_600_000;
const compared = 10;

function main(wanted: number): BenchRow[] {
  const one = `${nodes} nodes, ${nodes * podsANode} pods`;
  const slowly = measured(() => slowFleet(compared));
  const before = liveMebibytes();
  const started = measured(() => fleet(wanted));
  const resident = process.memoryUsage().rss / 2 ** 20;
  const live = liveMebibytes() - before;
  const { ready, pods } = sizeOf(started.value);
  return [
    row(
      `start ${wanted} clusters like one`,
      started.cpuMs / 1000,
      's CPU',
      `${seconds(started)} wall; ${ready} ready nodes, ${pods} ready pods`,
    ),
    row('start of one of them', started.cpuMs / wanted, 'ms CPU', one),
    row('start of one, object by object', slowly.cpuMs / compared, 'ms CPU', `through its API; mean of ${compared}`),
    row('memory they take', live, 'MiB', `live objects; ${Math.round(resident)} MiB resident, heap limit 4096 MiB`),
    row('memory of one of them', live / wanted, 'MiB', one),
    idleHour(started.value, wanted),
    ...(wanted === 84 ? [] : [idleHour(fleet(84), 84)]),
  ];
}

function row(name: string, value: number, unit: string, note: string): BenchRow {
  return { name, value: Number(value.toPrecision(3)), unit, note };
}

function seconds({ wallMs: ms }: Measured): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function measured<T>(run: () => T): Measured & { value: T } {
  const wall = wallMs();
  const cpu = process.cpuUsage();
  const value = run();
  const used = process.cpuUsage(cpu);
  return { value, wallMs: wallMs() - wall, cpuMs: (used.user + used.system) / 1000 };
}

/** What is left of the start (deadlines of deployments, the garbage collector's second looks) is over by then. */
function idleHour(world: World, clusters: number): BenchRow {
  world.advanceTo(world.clock.now() + hourMs);
  const hour = measured(() => world.advanceTo(world.clock.now() + hourMs));
  return row(`an idle hour of ${clusters} clusters`, hour.cpuMs, 'ms CPU', `${hour.value} timers`);
}

/** What is reachable, after a collection. */
function liveMebibytes(): number {
  gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

function membersOf(clusters: number): { id: string; account: string; region: string }[] {
  return Array.from({ length: clusters }, (_, i) => {
    const account = String(100_000_000_000 + Math.floor(i / perAccount));
    return { id: `aws:${account}:eu-central-1:kube-${i}`, account, region: 'eu-central-1' };
  });
}

function slowFleet(clusters: number): World {
  const world = new World({ seed: 'bench', startMs });
  const models = membersOf(clusters).map((member, i) => {
    const model = world.addCluster(member);
    createPool(world, { ...member, name: `pool-${i}` });
    return model;
  });
  world.advanceTo(startMs + 600_000);
  for (const model of models) model.seed(workloads(), 'bench');
  world.advanceTo(startMs + 1_200_000);
  return world;
}

/** The first cluster is started object by object; the others are started from it. */
function fleet(clusters: number): World {
  const world = new World({ seed: 'bench', startMs });
  const members = membersOf(clusters);
  const [first, ...others] = members;
  if (!first) throw new RangeError('a fleet has at least one cluster');
  const model = world.addCluster(first);
  for (const [i, member] of members.entries()) createPool(world, { ...member, name: `pool-${i}` });
  world.advanceTo(startMs + 600_000);
  model.seed(workloads(), 'bench');
  world.advanceTo(startMs + 1_200_000);
  const taken = model.template();
  if ('problems' in taken) throw new Error(taken.problems.join('; '));
  for (const other of others) {
    const made = world.addClusterLike(other, taken.template);
    if ('problems' in made) throw new Error(`${other.id}: ${made.problems.join('; ')}`);
  }
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

process.send?.(main(Number(process.argv[2])));
