/**
 * One cluster of a simulated world that is created, whose Kubernetes minor is raised, or that is taken away: real engine, machines,
 * steps and stacks, on one virtual clock.
 */
import { accountNumber, type Cluster } from '../../src/domain/cluster.ts';
import type { ClusterUpdateInput } from '../../src/domain/cluster-update.ts';
import type { RenderedCluster, RenderedStack } from '../../src/domain/rendered.ts';
import { createEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/engine-options.ts';
import { clusterUpdateModule } from '../../src/machines/cluster-update/versions.ts';
import { decommissionModule } from '../../src/machines/decommission/versions.ts';
import { e2eRunModule } from '../../src/machines/e2e-run/versions.ts';
import { nodePoolRollModule } from '../../src/machines/node-pool-roll/versions.ts';
import { defaultRollPolicy } from '../../src/planning/roll/policy.ts';
import { noOverrides } from '../../src/planning/roll/roll-plan.ts';
import type { CheckRunner } from '../../src/ports/check-runner.ts';
import type { Json, Store } from '../../src/ports/store.ts';
import { createClusterSessions } from '../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../src/providers/simulated/simulated-world.ts';
import type { AwsService } from '../../src/simulator/model/aws/aws-request.ts';
import { defaultImages, networkOf } from '../../src/simulator/model/aws/geography.ts';
import { World } from '../../src/simulator/model/world.ts';
import { createPipelineSteps } from '../../src/steps/create-pipeline-steps.ts';
import { createCheckSteps } from '../../src/steps/e2e/run-checks.ts';
import { createRollSteps } from '../../src/steps/roll/create-roll-steps.ts';
import { readStops, stopsKind } from '../../src/steps/roll/measurements.ts';
import { silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';
import { crashing, crashingKube } from './crashing-ports.ts';
import { type CrashPoint, crashingLease, crashingStore } from './crashing-store.ts';
import { ScriptedSource } from './pipeline/scripted-source.ts';
import { sampleCluster } from './sample-cluster.ts';

const account = accountNumber(sampleCluster.infrastructureAccount);
const { region, id: clusterId, localId } = sampleCluster;
const startMs = Date.UTC(2026, 10, 21, 8);
const subnets = networkOf(account, region).subnets.map((subnet) => subnet.id);

// biome-ignore lint/suspicious/noExplicitAny: answers are read by their SDK field names
type Answer = any;

const minorOf = (version: string): number => Number(/^v?1\.(\d+)/.exec(version)?.[1]);

function poolTemplate(pool: string, role: string, version: string): string {
  const flags = `--node-labels=node.kubernetes.io/node-pool=${pool},node.kubernetes.io/role=${role},lifecycle-status=ready`;
  const userData = `#cloud-config\n# kubelet ${version}\nkubelet ${flags}\n`;
  const tag = (Key: string, Value: string) => ({ Key, Value, PropagateAtLaunch: true });
  return JSON.stringify({
    Resources: {
      Template: {
        Type: 'AWS::EC2::LaunchTemplate',
        Properties: {
          LaunchTemplateName: pool,
          LaunchTemplateData: {
            ImageId: defaultImages(region)[0]?.id,
            InstanceType: 'm5.large',
            UserData: Buffer.from(userData).toString('base64'),
          },
        },
      },
      Group: {
        Type: 'AWS::AutoScaling::AutoScalingGroup',
        Properties: {
          AutoScalingGroupName: pool,
          MinSize: '1',
          MaxSize: '3',
          VPCZoneIdentifier: subnets,
          LaunchTemplate: {
            LaunchTemplateId: { Ref: 'Template' },
            Version: { 'Fn::GetAtt': ['Template', 'LatestVersionNumber'] },
          },
          Tags: [tag(`kubernetes.io/cluster/${clusterId}`, 'owned'), tag('NodePool', pool)],
        },
      },
    },
  });
}

function clusterTemplate(name: string | undefined, version: string): string {
  const eks = {
    Type: 'AWS::EKS::Cluster',
    Properties: {
      Name: name,
      Version: `1.${minorOf(version)}`,
      RoleArn: `arn:aws:iam::${account}:role/eks`,
      ResourcesVpcConfig: { SubnetIds: subnets },
      Tags: [{ Key: `kubernetes.io/cluster/${clusterId}`, Value: 'owned' }],
    },
  };
  const queue = { Type: 'AWS::SQS::Queue', Properties: { QueueName: localId } };
  return JSON.stringify({ Resources: name === undefined ? { Queue: queue } : { Plane: eks } });
}

export class MinorWorld {
  readonly world: World;
  readonly cluster: Cluster;
  /** What was seen that must never be: two minors at once, a minor back, a kubelet that is newer than what is served. */
  readonly wrong: string[] = [];
  /** Minors that the API served, in order. */
  readonly served: number[] = [];
  target: string;

  /** Stacks whose deletion ended, in order. */
  readonly removed: string[] = [];

  /** `eks`: EKS runs the control plane. Stands with `version` and is at rest, unless nothing of it is there yet. */
  constructor(kind: 'nodes' | 'eks', version: string, lifecycleStatus: Cluster['lifecycleStatus'] = 'ready') {
    this.target = version;
    this.world = new World({ seed: kind, startMs });
    this.cluster = {
      ...sampleCluster,
      provider: kind === 'eks' ? 'aws-eks' : 'aws',
      lifecycleStatus,
    };
    this.world.subscribe((event) => {
      if (event.kind === 'stack-changed' && event.status === 'DELETE_COMPLETE') this.removed.push(event.stack);
      if (this.world.hasCluster(clusterId)) this.#judge(event.kind, 'node' in event ? event.node : '');
    });
    for (const stack of lifecycleStatus === 'requested' ? [] : this.rendered().stacks) {
      this.call('cloudformation', 'CreateStack', {
        StackName: stack.name,
        TemplateBody: stack.template,
        Tags: Object.entries(stack.tags).map(([Key, Value]) => ({ Key, Value })),
      });
      this.pass(stack.kind === 'cluster' ? 1_200 : 600);
    }
    this.served.length = 0;
    this.wrong.length = 0;
  }

  call(service: AwsService, action: string, params: Record<string, unknown>): Answer {
    const reply = this.world.aws.handle({ account, region, service, action, params, userAgent: 'setup' });
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return reply.result;
  }

  pass(seconds: number): void {
    this.world.advanceTo(this.world.clock.now() + seconds * 1000);
  }

  rendered(): RenderedCluster {
    const { target: version } = this;
    const eks = this.cluster.provider === 'aws-eks';
    const stack = (name: string, kind: RenderedStack['kind'], template: string, pool?: string): RenderedStack => ({
      name,
      kind,
      template,
      ...(pool === undefined ? {} : { pool }),
      parameters: {},
      tags: { [`kubernetes.io/cluster/${clusterId}`]: 'owned' },
      digest: `${name} ${version}`,
    });
    const pools = eks ? ['workers'] : ['masters', 'workers'];
    const stackOf = (pool: string) => `nodepool-${pool}-${clusterId.replaceAll(':', '-')}`;
    return {
      clusterId,
      commit: 'c2',
      digest: `d ${version}`,
      kubernetesVersion: version,
      stacks: [
        stack(localId, 'cluster', clusterTemplate(eks ? localId : undefined, version)),
        ...pools.map((pool) =>
          stack(
            stackOf(pool),
            'node-pool',
            poolTemplate(pool, pool === 'masters' ? 'master' : 'worker', version),
            pool,
          ),
        ),
      ],
      components: [
        {
          name: 'version',
          digest: version,
          objects: [
            {
              apiVersion: 'v1',
              kind: 'ConfigMap',
              metadata: { name: 'version', namespace: 'kube-system' },
              data: { version },
            },
          ],
        },
      ],
      pools: pools.map((pool) => ({
        name: pool,
        profile: pool,
        controlPlane: pool === 'masters',
        stackName: stackOf(pool),
        digest: `${pool} ${version}`,
      })),
      karpenterPools: [],
      deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
    };
  }

  #servedMinor(): number {
    const answer = this.world.kube(clusterId).handle({ method: 'GET', path: '/version', query: new URLSearchParams() });
    return minorOf((answer.body as { gitVersion: string }).gitVersion);
  }

  #judge(kind: string, node: string): void {
    const serves = this.#servedMinor();
    const before = this.served.at(-1);
    if (before !== undefined && serves !== before && serves !== before + 1)
      this.wrong.push(`1.${before} → 1.${serves}`);
    if (before !== serves) this.served.push(serves);
    const added = kind === 'node-added' ? this.#nodes().find((one) => one.metadata.name === node) : undefined;
    if (added === undefined || added.metadata.labels['node.kubernetes.io/role'] === 'master') return;
    const kubelet = minorOf(added.status.nodeInfo.kubeletVersion);
    if (kubelet > serves) this.wrong.push(`a kubelet of 1.${kubelet} joined API servers of 1.${serves}`);
  }

  #nodes(): Answer[] {
    return [...this.world.kube(clusterId).truth().nodes.values()];
  }

  /** `name STATUS` of all that there are. */
  stacks(): string[] {
    const all: { StackName: string; StackStatus: string }[] = this.call('cloudformation', 'DescribeStacks', {}).Stacks;
    return all.map(({ StackName, StackStatus }) => `${StackName} ${StackStatus}`).sort();
  }

  eksClusters(): string[] {
    return this.call('eks', 'ListClusters', {}).clusters;
  }

  /** What is left when everything has come to rest. */
  endState(): unknown {
    this.pass(900);
    const groups = this.world.aws.truth().groups(clusterId);
    return {
      serves: this.#servedMinor(),
      served: this.served,
      wrong: this.wrong,
      nodes: this.#nodes()
        .map(({ metadata, spec, status }) => [
          metadata.labels['node.kubernetes.io/node-pool'],
          status.nodeInfo.kubeletVersion,
          (spec.taints ?? []).length,
          metadata.labels['lifecycle-status'],
        ])
        .sort(),
      groups: groups.map(({ name, min, max, desired, tags, suspended }) => [
        name,
        min,
        max,
        desired,
        Object.keys(tags).sort(),
        suspended,
      ]),
      stacks: this.stacks(),
      updates:
        this.cluster.provider === 'aws-eks' ? this.call('eks', 'ListUpdates', { name: localId }).updateIds.length : 0,
    };
  }
}

const wellRunner: CheckRunner = {
  checksOf: () => ['api.health'],
  testsOf: () => [{ key: 'api.health', title: 'API', area: 'api', gate: 'blocking' }],
  kept: async () => [],
  sweepKept: async () => ({ swept: [], left: [] }),
  forget: () => {},
  cancel: async () => {},
  ensure: () => ({
    results: [
      {
        check: 'api.health',
        gate: 'blocking',
        outcome: 'pass',
        message: 'well',
        startedAt: startMs,
        durationMs: 1,
        attempts: 1,
        leaked: [],
      },
    ],
    running: [],
    progress: {},
    again: [],
    total: 1,
    done: true,
    notSelected: [],
    endsAt: 0,
  }),
};

const input: ClusterUpdateInput = {
  clusterId,
  channel: 'dev',
  commit: 'c2',
  tree: 't2',
  rolloutId: 'rollout:dev:c2',
  attempt: 1,
  policy: {
    e2eProfile: 'smoke',
    blockLimitMs: 1_800_000,
    progressDeadlineMs: 24 * 3_600_000,
    channelMaxParallel: 1,
    fleetMaxParallel: 1,
  },
};

const processes = {
  clusterUpdate: { id: 'update:dev:c2:kube-1:1', input: input as unknown as Json },
  decommission: { id: 'decommission:kube-1', input: { clusterId, channel: 'dev' } },
};

/** One life of a daemon: until the process has ended, or until it is killed. Answers the state that the process is in. */
export async function live(
  minor: MinorWorld,
  inner: Store,
  point: CrashPoint,
  machine: keyof typeof processes = 'clusterUpdate',
): Promise<unknown> {
  const { id: processId, input: given } = processes[machine];
  const { world, cluster } = minor;
  const store = crashingStore(inner, point);
  const log = silentLogger();
  const connections = createSimulatedConnections({ world, userAgent: 'clm/test' });
  const sessions = createClusterSessions({
    connectKube: (one) => crashingKube(connections.connectKube(one), point),
    connectCloud: (one) => crashing(connections.connectCloud(one), point),
    clusterOf: () => cluster,
    clock: world.clock,
    wall: world.clock,
    random: seededRandom('sessions'),
    log,
    idleReleaseMs: 3_600_000,
  });
  const running: { engine?: Engine } = {};
  const wake = (id: string): void => running.engine?.wake(id);
  const random = seededRandom('steps');
  const { clock } = world;
  const steps = {
    ...createPipelineSteps({
      source: new ScriptedSource(),
      registry: () => ({ clusters: [cluster], accounts: [], problems: [] }),
      pipeline: () => ({ channels: [], maxParallel: 1, evidenceMaxAgeMs: 1 }),
      render: async () => ({ ok: true, rendered: minor.rendered() }),
      sessions,
      store,
      clock,
      random,
      wake,
      log,
    } as unknown as Parameters<typeof createPipelineSteps>[0]),
    ...createRollSteps({
      sessions,
      clock,
      random,
      wake,
      log,
      clusterOf: () => undefined,
      policyOf: () => defaultRollPolicy,
      fleet: {
        bootLimit: 10,
        booting: async () => [],
        historyOf: async () => ({ boots: [], drains: [] }),
        bootRecords: async () => [],
        stopsOf: async (cluster) => readStops((await store.fact(stopsKind, cluster))?.value),
      },
      overridesOf: async () => noOverrides,
    }),
    ...createCheckSteps({
      runner: wellRunner,
      wake,
      history: store.e2e,
      about: async () => ({ request: {}, provider: 'aws', region, environment: 'test' }),
      runnerVersion: '0.0.0',
    }),
  };
  const engine = createEngine({
    store,
    lease: crashingLease(point),
    clock,
    random: seededRandom('engine'),
    machines: [clusterUpdateModule, decommissionModule, nodePoolRollModule, e2eRunModule],
    steps,
    log,
  });
  running.engine = engine;
  const ended = async (): Promise<boolean> => point.dead || (await inner.load(processId))?.status === 'final';
  try {
    await engine.start();
    await engine.post({
      to: processId,
      event: { type: 'START', input: given },
      start: { machine, parent: null, channel: 'dev', cluster: clusterId, commit: 'c2' },
      key: `start ${machine}`,
    });
    const limit = clock.now() + 24 * 3_600_000;
    for (;;) {
      for (let i = 0; i < 6; i += 1) {
        await engine.settled();
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (await ended()) break;
      const next = clock.nextAt();
      if (next === undefined || next > limit) throw new Error(`stuck: ${JSON.stringify(await inner.rows({}))}`);
      clock.advanceTo(next);
    }
  } catch (error) {
    if (!point.dead) throw error;
  }
  await engine.stop().catch(() => {});
  await sessions.close();
  return (await inner.load(processId))?.value;
}
