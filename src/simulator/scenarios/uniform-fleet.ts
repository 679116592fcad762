/** Many clusters that are all alike: one is started object by object, the others from its settled state. */
import type { World, WorldCluster } from '../model/world.ts';

const nodes = 30;
const podsANode = 10;
const perAccount = 10;
const region = 'eu-central-1';
const stepMs = 30_000;
const settleLimitMs = 2 * 3_600_000;
/** What is left of the start (deadlines of deployments, second looks of the garbage collector) is over by then. */
const restMs = 600_000;
/** And after so many of them at the latest. */
const mostRests = 6;
const toldEvery = 50;

/** What each cluster is, for people. */
export const uniformSize = { nodes, pods: nodes * podsANode };

/** Clusters of these numbers, ten an account: `aws:<account>:eu-central-1:kube-<number>`. */
export function uniformClusters(from: number, count: number): WorldCluster[] {
  return Array.from({ length: count }, (_, i) => {
    const account = String(100_000_000_000 + Math.floor((from + i) / perAccount));
    return { id: `aws:${account}:${region}:kube-${from + i}`, account, region };
  });
}

/**
 * Adds the clusters, each with a stack that makes its nodes and with running workloads; an hour or less passes in the world. Gives
 * back control between its parts, with a line of what it is at. @throws Error when the world does not settle: a bug
 */
export function* startUniformClusters(world: World, clusters: readonly WorldCluster[]): Generator<string, void> {
  const [first, ...others] = clusters;
  if (!first) return;
  const model = world.addCluster(first);
  // Nodes are taken over by instances that are as old or older: the others' pools come first.
  yield* startPools(world, others);
  yield* startPools(world, [first]);
  yield `starting one cluster of ${nodes} nodes and ${nodes * podsANode} pods, object by object`;
  yield* settle(world, 'its nodes', () => model.truth().nodes.size === nodes);
  world.advanceTo(world.clock.now() + restMs);
  model.seed(workloads(), 'uniform-fleet');
  world.advanceTo(world.clock.now() + restMs);
  let taken = model.template();
  // a back-off that chance has made longer
  for (let rests = 1; 'problems' in taken && rests < mostRests; rests += 1) {
    world.advanceTo(world.clock.now() + restMs);
    taken = model.template();
  }
  if ('problems' in taken) throw new Error(`${first.id} is no template: ${taken.problems.join('; ')}`);
  for (const [index, other] of others.entries()) {
    if (index % toldEvery === 0) yield `starting clusters like it: ${index} of ${others.length}`;
    const made = world.addClusterLike(other, taken.template);
    if ('problems' in made) throw new Error(`${other.id}: ${made.problems.join('; ')}`);
  }
}

function* startPools(world: World, clusters: readonly WorldCluster[]): Generator<string, void> {
  for (const cluster of clusters) createStack(world, cluster);
  let running = 0;
  const waiting = new Set(clusters);
  const done = (): boolean => {
    for (const cluster of waiting) {
      if (world.aws.runningInstances(cluster.id, cluster).length < nodes) continue;
      waiting.delete(cluster);
      running += nodes;
    }
    return waiting.size === 0;
  };
  for (const _ of settle(world, 'instances', done))
    yield `launching instances: ${running} of ${clusters.length * nodes}`;
}

function* settle(world: World, what: string, done: () => boolean): Generator<string, void> {
  const deadline = world.clock.now() + settleLimitMs;
  while (!done()) {
    if (world.clock.now() >= deadline) throw new Error(`the uniform clusters did not settle: ${what}`);
    yield `waiting for ${what}`;
    world.advanceTo(world.clock.now() + stepMs);
  }
}

function createStack(world: World, { id, account }: WorldCluster): void {
  const StackName = `pool-${id.slice(id.lastIndexOf(':') + 1)}`;
  const reply = world.aws.handle({
    account,
    region,
    service: 'cloudformation',
    action: 'CreateStack',
    params: {
      StackName,
      TemplateBody: poolTemplate,
      Parameters: [{ ParameterKey: 'ClusterTag', ParameterValue: `kubernetes.io/cluster/${id}` }],
      Tags: [{ Key: `kubernetes.io/cluster/${id}`, Value: 'owned' }],
    },
    userAgent: 'scenario',
  });
  if (!reply.ok) throw new Error(`CreateStack ${StackName}: ${reply.code} ${reply.message}`);
}

const flags = '--node-labels=node.kubernetes.io/role=worker,node.kubernetes.io/node-pool=workers';

const poolTemplate = JSON.stringify({
  Description: 'A pool of nodes',
  Parameters: { ClusterTag: { Type: 'String' } },
  Resources: {
    LaunchTemplate: {
      Type: 'AWS::EC2::LaunchTemplate',
      Properties: {
        LaunchTemplateData: {
          ImageId: 'ami-0123456789abcdef0',
          InstanceType: 'm5.2xlarge',
          UserData: Buffer.from(`#cloud-config\nruncmd:\n- kubelet ${flags}\n`).toString('base64'),
        },
      },
    },
    Workers: {
      Type: 'AWS::AutoScaling::AutoScalingGroup',
      Properties: {
        MinSize: String(nodes),
        MaxSize: String(nodes),
        AvailabilityZones: [`${region}a`, `${region}b`, `${region}c`],
        LaunchTemplate: {
          LaunchTemplateId: { Ref: 'LaunchTemplate' },
          Version: { 'Fn::GetAtt': ['LaunchTemplate', 'LatestVersionNumber'] },
        },
        Tags: [{ Key: { Ref: 'ClusterTag' }, Value: 'owned', PropagateAtLaunch: true }],
      },
    },
  },
  Outputs: { Group: { Value: { Ref: 'Workers' } } },
});

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
