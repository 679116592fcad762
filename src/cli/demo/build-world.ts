import { accountNumber, type Cluster } from '../../domain/cluster.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { RenderedCluster, RenderedStack } from '../../domain/rendered.ts';
import type { World } from '../../simulator/model/world.ts';
import { teamWorkloads, undrainableWorkload } from '../../simulator/scenarios/team-workloads.ts';
import { wallMs } from '../../support/deadline.ts';
import { seededRandom } from '../../support/random.ts';

/** Pods of teams a worker node; with system pods a fleet of 1,000 nodes then runs more than 8,000. */
const teamPodsPerWorker = 5.5;
const tightShare = 0.15;
const settleStepMs = 30_000;
const saidEveryMs = 1_500;
/** What passes between two looks at the wall clock. */
const settlePartMs = 5_000;
const settleLimitMs = 3 * 3_600_000;

export interface FleetMember {
  cluster: Cluster;
  rendered: RenderedCluster;
}

/**
 * Brings a world to where a fleet stands that has long been at one commit: its stacks created, nodes up, manifests applied, and
 * teams' workloads running. Everything goes through the world's own API, as anybody's tool would do it.
 */
export async function buildWorld(input: {
  world: World;
  members: FleetMember[];
  seed: string;
  undrainable: Set<string>;
  onProgress(message: string): void;
}): Promise<void> {
  const { world, members, onProgress } = input;
  for (const { cluster } of members) {
    world.addCluster({ id: cluster.id, account: accountNumber(cluster.infrastructureAccount), region: cluster.region });
  }
  onProgress('creating cluster stacks');
  await createStacks(world, members, onProgress, (stack) => stack.kind !== 'node-pool');
  onProgress('creating node-pool stacks');
  await createStacks(world, members, onProgress, (stack) => stack.kind === 'node-pool');
  onProgress('waiting for nodes');
  await settle(
    world,
    'nodes',
    onProgress,
    () => members.find(({ cluster }) => !nodesReady(world, cluster))?.cluster.id,
  );
  onProgress('applying manifests and workloads');
  for (const { cluster, rendered } of members) {
    applyAll(
      world,
      cluster.id,
      rendered.components.flatMap((component) => component.objects),
      'clm',
    );
    const workers = world.kube(cluster.id).truth().nodes.size - 3;
    const random = seededRandom(input.seed).fork(cluster.id);
    const pods = Math.round(workers * teamPodsPerWorker);
    applyAll(world, cluster.id, teamWorkloads({ random, pods, tightShare }) as KubeObject[], 'teams');
    if (input.undrainable.has(cluster.id)) applyAll(world, cluster.id, undrainableWorkload() as KubeObject[], 'teams');
  }
  onProgress('waiting for pods');
  await settle(
    world,
    'pods',
    onProgress,
    () => members.find(({ cluster }) => podsNotReady(world, cluster.id) > 0)?.cluster.id,
  );
}

async function createStacks(
  world: World,
  members: FleetMember[],
  onProgress: (message: string) => void,
  which: (stack: RenderedStack) => boolean,
): Promise<void> {
  const created: { cluster: Cluster; name: string }[] = [];
  for (const { cluster, rendered } of members) {
    for (const stack of rendered.stacks.filter(which)) {
      cloudFormation(world, cluster, 'CreateStack', {
        StackName: stack.name,
        TemplateBody: stack.template,
        Parameters: Object.entries(stack.parameters).map(([ParameterKey, ParameterValue]) => ({
          ParameterKey,
          ParameterValue,
        })),
        Tags: Object.entries(stack.tags).map(([Key, Value]) => ({ Key, Value })),
        Capabilities: ['CAPABILITY_NAMED_IAM'],
      });
      created.push({ cluster, name: stack.name });
    }
  }
  await settle(world, 'stacks', onProgress, () => {
    for (const { cluster, name } of created) {
      const answer = cloudFormation(world, cluster, 'DescribeStacks', { StackName: name }) as {
        Stacks: { StackStatus: string; StackStatusReason?: string }[];
      };
      const stack = answer.Stacks[0];
      if (stack?.StackStatus === 'CREATE_COMPLETE') continue;
      if (stack?.StackStatus !== 'CREATE_IN_PROGRESS') {
        throw new Error(`stack ${name} of ${cluster.id} is ${stack?.StackStatus}: ${stack?.StackStatusReason ?? ''}`);
      }
      return name;
    }
    return undefined;
  });
}

function cloudFormation(world: World, cluster: Cluster, action: string, params: Record<string, unknown>): unknown {
  const answer = world.aws.handle({
    account: accountNumber(cluster.infrastructureAccount),
    region: cluster.region,
    service: 'cloudformation',
    action,
    params,
    userAgent: 'scenario',
  });
  if (!answer.ok) throw new Error(`${action} for ${cluster.id}: ${answer.code} ${answer.message}`);
  return answer.result;
}

/** Lets time pass until nothing is missing; `missing` names the first thing that is. */
async function settle(
  world: World,
  what: string,
  onProgress: (message: string) => void,
  missing: () => string | undefined,
): Promise<void> {
  const deadline = world.clock.now() + settleLimitMs;
  let last: string | undefined;
  let saidAt = wallMs();
  do {
    if (world.clock.now() >= deadline) throw new Error(`the simulated fleet did not settle: ${what} of ${last}`);
    for (let part = 0; part < settleStepMs; part += settlePartMs) {
      world.advanceTo(world.clock.now() + settlePartMs);
      if (wallMs() - saidAt < saidEveryMs) continue;
      onProgress(`waiting for ${what}${last === undefined ? '' : `: ${last} is not done`}`);
      saidAt = wallMs();
    }
    last = missing();
  } while (last !== undefined);
}

function nodesReady(world: World, cluster: Cluster): boolean {
  const wanted = cluster.nodePools.reduce((sum, pool) => sum + pool.minSize, 0);
  const nodes = [...world.kube(cluster.id).truth().nodes.values()];
  return nodes.length >= wanted && nodes.every((node) => conditionTrue(node, 'Ready'));
}

function podsNotReady(world: World, clusterId: string): number {
  let count = 0;
  for (const pod of world.kube(clusterId).truth().pods.values()) if (!conditionTrue(pod, 'Ready')) count += 1;
  return count;
}

function conditionTrue(
  object: { status?: { conditions?: { type: string; status: string }[] } },
  type: string,
): boolean {
  return object.status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;
}

/** Server-side apply of each object as the named manager, kinds that others need first. */
function applyAll(world: World, clusterId: string, objects: KubeObject[], manager: string): void {
  const rank = (object: KubeObject): number => {
    if (object.kind === 'Namespace' || object.kind === 'CustomResourceDefinition') return 0;
    return object.kind === 'Deployment' || object.kind === 'DaemonSet' || object.kind === 'StatefulSet' ? 2 : 1;
  };
  const ordered = [...objects].sort((a, b) => rank(a) - rank(b));
  world.kube(clusterId).seed(ordered, manager);
}
