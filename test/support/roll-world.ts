/** A simulated cluster whose pools are rolled in this process: engine, steps, sessions and world on one virtual clock. */

import { assign, setup } from 'xstate';
import type { Cluster } from '../../src/domain/cluster.ts';
import type { NodePoolRollInput, SurgeSetting } from '../../src/domain/node-pool-roll.ts';
import { createEngine } from '../../src/engine/engine.ts';
import type { Committed, Engine } from '../../src/engine/engine-options.ts';
import type { MachineModule } from '../../src/machines/events.ts';
import { nodePoolRollModule } from '../../src/machines/node-pool-roll/versions.ts';
import type { RollPolicy } from '../../src/planning/roll/policy.ts';
import { defaultRollPolicy } from '../../src/planning/roll/policy.ts';
import { noOverrides, type RollOverrides } from '../../src/planning/roll/roll-plan.ts';
import type { CloudProvider } from '../../src/ports/cloud-provider.ts';
import type { ClusterSessions } from '../../src/ports/cluster-session.ts';
import type { KubeCluster } from '../../src/ports/kube-cluster.ts';
import type { Step } from '../../src/ports/step.ts';
import type { Json, Lease, Store } from '../../src/ports/store.ts';
import {
  type ClusterSessionsOptions,
  createClusterSessions,
} from '../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../src/providers/simulated/simulated-world.ts';
import { InvariantWatch } from '../../src/simulator/invariants/checker.ts';
import { takeBaselines } from '../../src/simulator/invariants/limits.ts';
import { nodeInvariants } from '../../src/simulator/invariants/node-invariants.ts';
import { truthOf } from '../../src/simulator/invariants/world-truth.ts';
import type { AwsReply, AwsService } from '../../src/simulator/model/aws/aws-request.ts';
import type { ImageBehaviour, KubeOptions } from '../../src/simulator/model/kube/options.ts';
import type { WorldEvent } from '../../src/simulator/model/seams.ts';
import { World } from '../../src/simulator/model/world.ts';
import { bootsKind, readBootRecords } from '../../src/steps/roll/boot-records.ts';
import { bootSlot } from '../../src/steps/roll/boot-slots.ts';
import { createRollSteps } from '../../src/steps/roll/create-roll-steps.ts';
import { historyKey, historyKind, readHistory, readStops, stopsKind } from '../../src/steps/roll/measurements.ts';
import { openSqliteStore } from '../../src/store/sqlite/open.ts';
import type { Clock } from '../../src/support/clock.ts';
import { type Logger, silentLogger } from '../../src/support/logger.ts';
import { seededRandom } from '../../src/support/random.ts';
import { sampleCluster } from './sample-cluster.ts';

export const account = '123456789012';
export const region = 'eu-central-1';
export const clusterId = sampleCluster.id;
const startMs = Date.UTC(2026, 10, 21, 8);
export const rollParent = 'update:dev:c1:cluster:1';

export interface PoolSpec {
  name: string;
  nodes: number;
  controlPlane?: boolean;
  max?: number;
  /** A worker pool behind a load balancer; control planes always are behind two. */
  balancer?: 'classic' | 'target-group';
  /** m5.large unless given. */
  instanceType?: string;
  /** Its groups, where it has not just one of its own name in all zones. Each has a launch template of its own unless it shares one. */
  groups?: GroupSpec[];
  /** Instances of several types and markets. */
  mixed?: MixedSpec;
}

export interface GroupSpec {
  name: string;
  nodes: number;
  zones?: string[];
  instanceType?: string;
  mixed?: MixedSpec;
  /** A group named before it, whose launch template it has too. */
  templateOf?: string;
}

export interface MixedSpec {
  types: string[];
  /** Nodes that are always on demand, and the share of those above that is. */
  onDemand: { base: number; percent: number };
}

export interface RollWorldOptions {
  seed?: string;
  pools: PoolSpec[];
  policy?: Partial<RollPolicy>;
  /** What operators allow or forbid, as of now. */
  overrides?: () => Partial<RollOverrides>;
  /** Nodes of the fleet that may boot at once. */
  bootLimit?: number;
  blockLimitMs?: number;
  bootTimeoutMs?: number;
  surge?: SurgeSetting;
  behaviours?: ImageBehaviour[];
  kube?: Partial<KubeOptions>;
  /** Wraps what a daemon sees of the world, e.g. with crash points. */
  wrapCloud?: (cloud: CloudProvider) => CloudProvider;
  wrapKube?: (kube: KubeCluster) => KubeCluster;
  log?: Logger;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read by their SDK field names
type Answer = any;

export class RollWorld {
  readonly world: World;
  readonly options: RollWorldOptions;
  readonly events: WorldEvent[] = [];
  readonly invariants: { watch?: InvariantWatch } = {};
  readonly cluster: Cluster;

  constructor(options: RollWorldOptions) {
    this.options = options;
    this.world = new World({
      seed: options.seed ?? 'roll',
      startMs,
      options: { kube: { behaviours: options.behaviours ?? [], ...options.kube } },
    });
    this.cluster = {
      ...sampleCluster,
      nodePools: options.pools.map((pool) => ({
        name: pool.name,
        profile: pool.controlPlane === true ? 'master-default' : 'worker-default',
        instanceTypes: ['m5.large'],
        discountStrategy: 'none' as const,
        minSize: pool.nodes,
        maxSize: pool.max ?? pool.nodes + 2,
        configItems: {},
      })),
    };
    this.world.addCluster({ id: clusterId, account, region });
    this.world.subscribe((event) => this.events.push(event));
    for (const pool of options.pools) this.#createPool(pool);
    this.world.kube(clusterId).seed([daemonSet('kube-proxy')], 'setup');
    this.pass(600);
  }

  get kube() {
    return this.world.kube(clusterId);
  }

  reply(service: AwsService, action: string, params: Record<string, unknown>): AwsReply {
    return this.world.aws.handle({ account, region, service, action, params, userAgent: 'scenario' });
  }

  call(service: AwsService, action: string, params: Record<string, unknown>): Answer {
    let reply = this.reply(service, action, params);
    // People and scripts try again; what goes wrong is meant for others.
    for (
      let i = 0;
      i < 100 && !reply.ok && (reply.status === 0 || reply.status >= 500 || /Throttl/.test(reply.code));
      i += 1
    )
      reply = this.reply(service, action, params);
    if (!reply.ok) throw new Error(`${action}: ${reply.code}: ${reply.message}`);
    return reply.result;
  }

  pass(seconds: number): void {
    this.world.advanceTo(this.world.clock.now() + seconds * 1000);
  }

  #createPool(pool: PoolSpec): void {
    for (const group of groupsOf(pool)) this.#createGroup(pool, group);
  }

  #createGroup(pool: PoolSpec, group: GroupSpec): void {
    const { name } = group;
    const template =
      group.templateOf === undefined
        ? this.call('ec2', 'CreateLaunchTemplate', {
            LaunchTemplateName: name,
            LaunchTemplateData: this.#templateData(pool, group, 'ami-00000000000000001'),
          }).LaunchTemplate
        : templateIn(this.group(group.templateOf));
    const extra: Record<string, string[]> = {};
    if (pool.controlPlane === true || pool.balancer === 'classic') {
      extra['LoadBalancerNames'] = [this.#classicBalancer(pool)];
    }
    if (pool.controlPlane === true || pool.balancer === 'target-group') {
      extra['TargetGroupARNs'] = [this.#targetGroup(pool)];
    }
    this.call('autoscaling', 'CreateAutoScalingGroup', {
      AutoScalingGroupName: name,
      // Room below: a baseline that is lost in a crash would otherwise be hidden by the minimum.
      MinSize: 0,
      MaxSize: pool.max ?? group.nodes + 2,
      DesiredCapacity: group.nodes,
      AvailabilityZones: group.zones ?? zones(),
      ...launchedFrom({ LaunchTemplateId: template.LaunchTemplateId, Version: '1' }, group.mixed),
      Tags: [
        { Key: `kubernetes.io/cluster/${clusterId}`, Value: 'owned', PropagateAtLaunch: true },
        { Key: 'NodePool', Value: pool.name, PropagateAtLaunch: true },
      ],
      ...extra,
    });
  }

  #classicBalancer(pool: PoolSpec): string {
    const { name } = pool;
    this.call('elasticloadbalancing', 'CreateLoadBalancer', {
      LoadBalancerName: `${name}-api`,
      AvailabilityZones: zones(),
      Listeners: [{ Protocol: 'TCP', LoadBalancerPort: 443, InstancePort: portOf(pool) }],
    });
    return `${name}-api`;
  }

  #targetGroup(pool: PoolSpec): string {
    const { name } = pool;
    const targets = this.call('elasticloadbalancingv2', 'CreateTargetGroup', {
      Name: `${name}-api`,
      Protocol: 'TCP',
      Port: portOf(pool),
      VpcId: this.vpc(),
      HealthCheckIntervalSeconds: 10,
      HealthyThresholdCount: 2,
    }).TargetGroups[0].TargetGroupArn as string;
    const balancer = this.call('elasticloadbalancingv2', 'CreateLoadBalancer', {
      Name: `${name}-nlb`,
      Type: 'network',
      Subnets: this.call('ec2', 'DescribeSubnets', {}).Subnets.map((one: Answer) => one.SubnetId),
    }).LoadBalancers[0].LoadBalancerArn as string;
    this.call('elasticloadbalancingv2', 'CreateListener', {
      LoadBalancerArn: balancer,
      Protocol: 'TCP',
      Port: 443,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: targets }],
    });
    return targets;
  }

  vpc(): string {
    return this.call('ec2', 'DescribeSubnets', {}).Subnets[0].VpcId as string;
  }

  #templateData(pool: PoolSpec, group: GroupSpec, image: string): Record<string, unknown> {
    const role = pool.controlPlane === true ? 'master' : 'worker';
    const taints = pool.controlPlane === true ? '--register-with-taints=node.kubernetes.io/role=master:NoSchedule' : '';
    const flags = `--node-labels=node.kubernetes.io/node-pool=${pool.name},node.kubernetes.io/role=${role},lifecycle-status=ready ${taints}`;
    return {
      ImageId: image,
      InstanceType: group.instanceType ?? 'm5.large',
      UserData: Buffer.from(`#cloud-config\nkubelet ${flags}\n`).toString('base64'),
    };
  }

  /** What a stack update does to a pool: a new version of each launch template, and its groups on it. */
  outdate(name: string, image = 'ami-00000000000000002'): void {
    for (const group of groupsOf(this.#pool(name))) this.outdateGroup(name, group, image);
  }

  #pool(name: string): PoolSpec {
    const pool = this.options.pools.find((one) => one.name === name);
    if (!pool) throw new Error(`no pool ${name}`);
    return pool;
  }

  outdateGroup(poolName: string, group: GroupSpec, image: string): void {
    const pool = this.#pool(poolName);
    if (group.templateOf === undefined) {
      this.call('ec2', 'CreateLaunchTemplateVersion', {
        LaunchTemplateName: group.name,
        LaunchTemplateData: this.#templateData(pool, group, image),
      });
    }
    const { LaunchTemplateId } = templateIn(this.group(group.name));
    const versions = this.call('ec2', 'DescribeLaunchTemplateVersions', { LaunchTemplateId, Versions: ['$Latest'] });
    const Version = String(versions.LaunchTemplateVersions[0].VersionNumber);
    this.call('autoscaling', 'UpdateAutoScalingGroup', {
      AutoScalingGroupName: group.name,
      ...launchedFrom({ LaunchTemplateId, Version }, group.mixed),
    });
  }

  group(name: string): Answer {
    return this.call('autoscaling', 'DescribeAutoScalingGroups', { AutoScalingGroupNames: [name] })
      .AutoScalingGroups[0];
  }

  /** Objects applied by a team; answers once its pods are ready. */
  apply(...objects: object[]): void {
    this.kube.seed(objects, 'team');
    this.pass(120);
  }

  /** From here on every event is judged. */
  watchInvariants(): void {
    const truth = truthOf(this.world);
    const { surge } = this.options;
    const watch = new InvariantWatch(
      nodeInvariants(
        takeBaselines(truth),
        {
          surgeOf: (baseline) => (typeof surge === 'number' ? surge : Math.max(1, Math.ceil(baseline / 10))) + 1,
          bootCap: 10,
          maxUnavailable: 0,
          evictionRetryMs: 5_000,
          // people
          others: new Set(['kubectl']),
        },
        truth,
      ),
      truth,
    );
    this.invariants.watch = watch;
    this.world.subscribe((event) => watch.onEvent(event));
  }

  /** Judged now and for what is left behind. */
  violations(): string[] {
    const { watch } = this.invariants;
    if (!watch) throw new Error('nothing was judged');
    watch.atEnd(this.world.clock.now());
    return watch.violations.map((one) => `${one.invariant}: ${one.message}`);
  }

  /** Instances of a group that count, as the world knows them. */
  members(group: string) {
    const found = this.world.aws
      .truth()
      .groups(clusterId)
      .find((one) => one.name === group);
    return (found?.members ?? []).filter((one) => !/^(Terminat|Detach)/.test(one.state));
  }

  /** Counts of nodes by launch template version and state that a finished roll leaves. */
  endState(): unknown {
    const all = this.world.aws.truth().groups(clusterId);
    const isIn = (node: Answer, members: { instanceId: string }[]): boolean =>
      members.some((one) => String(node.spec.providerID).endsWith(one.instanceId));
    const nodes = [...this.kube.truth().nodes.values()];
    const members = all.flatMap((group) => group.members);
    const groups = all.map((group) => ({
      name: group.name,
      min: group.min,
      max: group.max,
      desired: group.desired,
      suspended: group.suspended,
      protect: group.newInstancesProtected,
      tags: Object.keys(group.tags).sort(),
      live: group.members.filter((one) => one.state === 'InService').length,
      outdated: group.members.filter((one) => one.outdated && one.state === 'InService').length,
      nodes: nodes
        .filter((node) => isIn(node, group.members))
        .map((node: Answer) => ({
          unschedulable: node.spec.unschedulable === true,
          taints: (node.spec.taints ?? []).map((taint: Answer) => taint.key).sort(),
          annotations: Object.keys(node.metadata.annotations ?? {}).filter(
            (key) => key.startsWith('clm/') || key.includes('scale-down'),
          ),
          status: node.metadata.labels?.['lifecycle-status'],
        }))
        .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    }));
    const strays = nodes.filter((node) => !isIn(node, members)).length;
    return strays === 0 ? groups : [...groups, { strays }];
  }

  nodes(pool: string): Answer[] {
    return [...this.kube.truth().nodes.values()].filter(
      (node: Answer) => node.metadata.labels?.['node.kubernetes.io/node-pool'] === pool,
    );
  }
}

/** A pool's groups as they are created. */
const groupsOf = (pool: PoolSpec): GroupSpec[] => pool.groups ?? [pool];

const launchedFrom = (template: object, mixed: MixedSpec | undefined): object =>
  mixed === undefined
    ? { LaunchTemplate: template }
    : {
        MixedInstancesPolicy: {
          LaunchTemplate: {
            LaunchTemplateSpecification: template,
            Overrides: mixed.types.map((InstanceType) => ({ InstanceType })),
          },
          InstancesDistribution: {
            OnDemandBaseCapacity: mixed.onDemand.base,
            OnDemandPercentageAboveBaseCapacity: mixed.onDemand.percent,
          },
        },
      };

const templateIn = (group: Answer): { LaunchTemplateId: string; Version: string } =>
  group.LaunchTemplate ?? group.MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification;

/** API servers answer on 443, workers on a port of their ingress. */
const portOf = (pool: PoolSpec): number => (pool.controlPlane === true ? 443 : 8080);

export function zones(): string[] {
  return ['a', 'b', 'c'].map((letter) => `${region}${letter}`);
}

/** A daemon's life on the world: engine, sessions and steps. */
export interface RollDaemon {
  engine: Engine;
  store: Store;
  sessions: ClusterSessions;
  /** Lets time pass until `until` holds. Fails after `limitSeconds` of simulated time. */
  run(until: () => boolean | Promise<boolean>, limitSeconds?: number): Promise<void>;
  stop(): Promise<void>;
  /** Ends it without waiting for what it is in the middle of; its watches are cut. */
  kill(): void;
  calls: { aws: number; kube: number; describes: number };
}

export interface DaemonParts {
  store?: Store;
  lease?: Lease;
  wrapCloud?: (cloud: CloudProvider) => CloudProvider;
  wrapKube?: (kube: KubeCluster) => KubeCluster;
  /** The simulated world without delays or losses unless given. */
  connections?: Pick<ClusterSessionsOptions, 'connectKube' | 'connectCloud'>;
  onCommitted?: (commit: Committed) => void;
  /** What the daemon takes for the time; the world's unless given. */
  clock?: Clock;
  /** Of everything that the daemon draws; always the same unless given. */
  seed?: string;
  /** The cluster of the world alone unless given. */
  clusterOf?: (id: string) => Cluster | undefined;
  /** What else it does. */
  more?: (parts: { sessions: ClusterSessions; store: Store; wake: (id: string) => void }) => {
    machines: MachineModule[];
    steps: Record<string, Step>;
  };
}

export async function startDaemon(roll: RollWorld, parts: DaemonParts = {}): Promise<RollDaemon> {
  const { world, options } = roll;
  const store = parts.store ?? (await openSqliteStore({ path: ':memory:' }));
  const log = options.log ?? silentLogger();
  const connections = parts.connections ?? createSimulatedConnections({ world, userAgent: 'clm/test' });
  const seed = parts.seed ?? '';
  const clock = parts.clock ?? world.clock;
  const calls = { aws: 0, kube: 0, describes: 0 };
  const sessions = createClusterSessions({
    connectKube: async (cluster) =>
      counted((parts.wrapKube ?? same)(await connections.connectKube(cluster)), () => (calls.kube += 1)),
    connectCloud: async (cluster) =>
      counted((parts.wrapCloud ?? same)(await connections.connectCloud(cluster)), (name) => {
        calls.aws += 1;
        if (name.startsWith('describe')) calls.describes += 1;
      }),
    clusterOf: parts.clusterOf ?? (() => roll.cluster),
    clock,
    wall: world.clock,
    random: seededRandom(`sessions${seed}`),
    log,
    idleReleaseMs: 3_600_000,
  });
  const running: { engine?: Engine } = {};
  const steps = createRollSteps({
    sessions,
    clock,
    random: seededRandom(`steps${seed}`),
    wake: (id) => running.engine?.wake(id),
    log,
    clusterOf: parts.clusterOf ?? ((id) => (id === clusterId ? roll.cluster : undefined)),
    policyOf: () => ({ ...defaultRollPolicy, ...options.policy }),
    fleet: {
      bootLimit: options.bootLimit ?? 100,
      booting: () => store.slotHolders(bootSlot),
      historyOf: async (cluster, pool) =>
        readHistory((await store.fact(historyKind, historyKey(cluster, pool)))?.value),
      bootRecords: async (prefix) => readBootRecords(await store.facts(bootsKind, prefix)),
      stopsOf: async (cluster) => readStops((await store.fact(stopsKind, cluster))?.value),
    },
    overridesOf: async () => ({ ...noOverrides, ...options.overrides?.() }),
  });
  const more = parts.more?.({ sessions, store, wake: (id) => running.engine?.wake(id) });
  const engine = createEngine({
    store,
    lease: parts.lease ?? { held: () => true, release: async () => {} },
    clock,
    random: seededRandom(`engine${seed}`),
    machines: [nodePoolRollModule, listenerModule, ...(more?.machines ?? [])],
    steps: { ...more?.steps, ...steps },
    log,
    ...(parts.onCommitted === undefined ? {} : { onCommitted: parts.onCommitted }),
  });
  running.engine = engine;
  await engine.start();
  return {
    engine,
    store,
    sessions,
    calls,
    async run(until, limitSeconds = 4 * 3600) {
      const limit = world.clock.now() + limitSeconds * 1000;
      for (;;) {
        await quiet(engine);
        if (await until()) return;
        const next = world.clock.nextAt();
        if (next === undefined || next > limit) throw new Error(await stuck(store, limitSeconds));
        world.clock.advanceTo(next);
      }
    },
    async stop() {
      await engine.stop();
      await sessions.close();
    },
    kill() {
      void sessions.close();
      void engine.stop().catch(() => {});
    },
  };
}

/** Steps settle, watch events are delivered, and what they wake settles too. */
async function quiet(engine: Engine): Promise<void> {
  for (let i = 0; i < 6; i++) {
    await engine.settled();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function stuck(store: Store, seconds: number): Promise<string> {
  const rows = await store.rows({});
  const journal = await store.journal({ limit: 30, newestFirst: true });
  return [
    `not there after ${seconds} s of simulated time`,
    ...rows.map((row) => JSON.stringify({ id: row.id, value: row.value, context: row.context }, null, 1)),
    ...journal.map((entry) => `${new Date(entry.at).toISOString()} ${entry.kind} ${entry.message}`),
  ].join('\n');
}

function same<T>(value: T): T {
  return value;
}

function counted<T extends object>(target: T, count: (name: string) => void): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        count(String(name));
        return Reflect.apply(value as (...all: unknown[]) => unknown, object, args);
      };
    },
  });
}

/** Stands in for the cluster update: keeps what it is told. */
export const listenerModule: MachineModule = {
  name: 'listener',
  version: 1,
  machine: setup({
    types: { context: {} as { heard: Answer[] }, events: {} as Answer },
    actions: { hear: assign(({ context, event }) => ({ heard: [...context.heard, event] })) },
  }).createMachine({
    id: 'listener',
    context: { heard: [] },
    initial: 'listening',
    states: {
      listening: { meta: { waitsFor: ['*'] }, on: { '*': { actions: 'hear' } } },
    },
  }),
  parseContext: (context) => ({ ok: true, context }),
  migrations: {},
};

/** Messages that rolls sent to their cluster update, oldest first. */
export async function heard(daemon: RollDaemon): Promise<Answer[]> {
  return ((await daemon.store.load(rollParent))?.context as { heard: Answer[] } | undefined)?.heard ?? [];
}

export const rollId = (pool: string, round = 1): string =>
  `roll:${rollParent}:${pool}${round === 1 ? '' : `:${round}`}`;

/** Answers the process's id; a pool that is rolled again takes the next round. */
export async function startRoll(
  daemon: RollDaemon,
  roll: RollWorld,
  pool: string,
  round = 1,
  more: Partial<NodePoolRollInput> = {},
): Promise<string> {
  const spec = roll.options.pools.find((one) => one.name === pool);
  await daemon.engine.post({
    to: rollParent,
    event: { type: 'START', input: {} },
    start: { machine: 'listener', parent: null, channel: 'dev', cluster: clusterId, commit: 'c1' },
    key: 'start listener',
  });
  const input: NodePoolRollInput = {
    clusterId,
    updateId: rollParent,
    rolloutId: 'rollout:dev:c1',
    pool,
    controlPlane: spec?.controlPlane === true,
    commit: 'c1',
    blockLimitMs: roll.options.blockLimitMs ?? 1_800_000,
    bootTimeoutMs: roll.options.bootTimeoutMs ?? 900_000,
    ...(roll.options.surge === undefined ? {} : { surge: roll.options.surge }),
    ...more,
  };
  await daemon.engine.post({
    to: rollId(pool, round),
    event: { type: 'START', input: input as unknown as Json },
    start: { machine: 'nodePoolRoll', parent: rollParent, channel: 'dev', cluster: clusterId, commit: 'c1' },
    key: `start ${pool} ${round}`,
  });
  return rollId(pool, round);
}

export async function stateOf(daemon: RollDaemon, pool: string): Promise<string> {
  const row = await daemon.store.load(rollId(pool));
  return typeof row?.value === 'string' ? row.value : 'none';
}

export async function contextOf(daemon: RollDaemon, pool: string): Promise<Answer> {
  return (await daemon.store.load(rollId(pool)))?.context;
}

export async function journalOf(daemon: RollDaemon): Promise<string[]> {
  const entries = await daemon.store.journal({ limit: 5_000 });
  return entries.map((entry) => `${entry.kind}: ${entry.message}`);
}

export async function finished(daemon: RollDaemon, ...pools: string[]): Promise<boolean> {
  for (const pool of pools) if ((await daemon.store.load(rollId(pool)))?.status !== 'final') return false;
  return true;
}

export function daemonSet(name: string): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name: 'main', image: `${name}:1`, resources: { requests: { cpu: '50m', memory: '64Mi' } } }],
        },
      },
    },
  };
}

export function deployment(
  name: string,
  replicas: number,
  more: {
    namespace?: string;
    grace?: number;
    image?: string;
    nodeSelector?: Record<string, string>;
    podLabels?: Record<string, string>;
  } = {},
): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: more.namespace ?? 'shop' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name, ...more.podLabels } },
        spec: {
          terminationGracePeriodSeconds: more.grace ?? 20,
          ...(more.nodeSelector ? { nodeSelector: more.nodeSelector } : {}),
          containers: [
            {
              name: 'main',
              image: more.image ?? `${name}:1`,
              readinessProbe: { httpGet: { path: '/', port: 80 } },
              resources: { requests: { cpu: '100m', memory: '128Mi' } },
            },
          ],
        },
      },
    },
  };
}

export function budget(name: string, spec: object, namespace = 'shop'): object {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, namespace },
    spec: { selector: { matchLabels: { app: name } }, ...spec },
  };
}
