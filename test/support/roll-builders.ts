/** Hand-built views of a cluster for planner tests: everything has a sensible default, and says only what the test is about. */
import type { BudgetView, ClusterView, NodeView, PodView, VolumeView } from '../../src/domain/cluster-view.ts';
import type { CanaryDecision, RollMemory, RollNode } from '../../src/domain/node-pool-roll.ts';
import { planRoll } from '../../src/planning/roll/plan-roll.ts';
import { defaultRollPolicy, type RollPolicy } from '../../src/planning/roll/policy.ts';
import {
  noOverrides,
  type PoolPlan,
  type PoolRollState,
  type RollAction,
  type RollMode,
  type RollPlanInput,
} from '../../src/planning/roll/roll-plan.ts';
import type { GroupInstance, LoadBalancerHealth, NodeGroup, TargetHealth } from '../../src/ports/cloud-provider.ts';

export const now = Date.UTC(2026, 10, 21, 8);
const hour = 3_600_000;
export const zones = ['eu-1a', 'eu-1b', 'eu-1c'];
const current = { id: 'lt-1', version: '2' };
const outdated = { id: 'lt-1', version: '1' };

export interface NodeSpec {
  /** Beside those of the roll. */
  annotations?: Record<string, string>;
  name: string;
  /** On an earlier template version. */
  old?: boolean;
  zone?: string;
  ready?: boolean;
  /** ms before now. */
  readyFor?: number;
  age?: number;
  state?: string;
  unhealthy?: boolean;
  cordoned?: boolean;
  /** Cordoned by a roll, ms before now. */
  drainingFor?: number;
  leaving?: 'outdated' | 'surplus' | 'boot-failed';
  drainPods?: number;
  marked?: boolean;
  exempt?: boolean;
  protect?: boolean;
  taints?: { key: string; effect: string }[];
  labels?: Record<string, string>;
  /** An instance without a node object. */
  noNode?: boolean;
  health?: TargetHealth;
  /** ms since a pod on it was deleted in spite of its budget. */
  forcedAgo?: number;
  /** ms since its kubelet renewed its Lease; 5 s unless given. */
  leaseAge?: number;
}

export interface PodSpec {
  name: string;
  node?: string;
  app?: string;
  ready?: boolean;
  phase?: string;
  namespace?: string;
  /** deletionTimestamp, ms after (negative: before) now. */
  deletingIn?: number;
  daemon?: string;
  mirror?: boolean;
  bare?: boolean;
  claims?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  age?: number;
  grace?: number;
  priority?: string;
  owner?: string;
}

export interface BudgetSpec {
  name: string;
  app?: string;
  allowed: number;
  expected?: number;
  desired?: number;
  healthy?: number;
  generationLag?: number;
  unhealthy?: 'IfHealthyBudget' | 'AlwaysAllow';
}

export interface PoolSpec {
  name?: string;
  controlPlane?: boolean;
  nodes: NodeSpec[];
  desired?: number;
  baseline?: number;
  min?: number;
  max?: number;
  surge?: number;
  awaitsChecks?: boolean | undefined;
  /** Contents on whose first nodes checks have passed. */
  passed?: string[];
  mode?: RollMode;
  balanced?: boolean;
  memory?: Partial<RollMemory>;
  previous?: RollNode[];
  group?: Partial<NodeGroup>;
  /** Id of its launch template. */
  template?: string;
  /** Of this group's content. */
  canary?: CanaryDecision;
  /** Its other groups; of these `name` is the group's. */
  also?: PoolSpec[];
  blockLimitMs?: number;
}

export interface ClusterSpec {
  pools: PoolSpec[];
  pods?: PodSpec[];
  budgets?: BudgetSpec[];
  daemons?: string[];
  volumes?: Partial<VolumeView>[];
  /** Nodes whose controllers lead the cluster. */
  leaders?: string[];
  attachments?: { node: string; volume: string }[];
  policy?: Partial<RollPolicy>;
  input?: Partial<RollPlanInput>;
  stale?: string;
}

export const instanceId = (name: string): string => `i-${name}`;

function nodeView(spec: NodeSpec, pool: PoolSpec): NodeView {
  const ready = spec.ready ?? true;
  const age = spec.age ?? (spec.old === true ? 24 * hour : hour);
  const ours = spec.drainingFor !== undefined;
  const marked = spec.marked ?? (spec.old === true || ours);
  const exempt = spec.exempt ?? spec.old !== true;
  return {
    name: spec.name,
    uid: `uid-${spec.name}`,
    resourceVersion: '1',
    instanceId: instanceId(spec.name),
    zone: spec.zone ?? 'eu-1a',
    labels: {
      'node.kubernetes.io/node-pool': pool.name ?? 'workers',
      'node.kubernetes.io/role': pool.controlPlane === true ? 'master' : 'worker',
      ...spec.labels,
    },
    annotations: {
      ...(marked ? { 'clm/roll': 'r1' } : {}),
      ...(exempt
        ? { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true', 'clm/scale-down-disabled-by': 'r1' }
        : {}),
      ...(ours
        ? {
            'clm/cordoned-by': 'r1',
            'clm/drain-started': String(now - (spec.drainingFor ?? 0)),
            'clm/drain-pods': String(spec.drainPods ?? 4),
            'clm/leaving': spec.leaving ?? 'outdated',
            ...(spec.forcedAgo === undefined ? {} : { 'clm/last-forced-drain': String(now - spec.forcedAgo) }),
          }
        : {}),
      ...spec.annotations,
    },
    taints: spec.taints ?? [],
    unschedulable: spec.cordoned ?? ours,
    ready,
    readySince: now - (spec.readyFor ?? age),
    kubeletVersion: 'v1.31.4',
    osImage: 'linux',
    createdAt: now - age,
    deleting: false,
    allocatable: { cpuMilli: 2000, memoryBytes: 8e9, pods: 110 },
  };
}

function podView(spec: PodSpec): PodView {
  const app = spec.app ?? spec.name;
  const owner =
    spec.daemon !== undefined ? { kind: 'DaemonSet', name: spec.daemon, uid: `ds-${spec.daemon}` } : undefined;
  return {
    namespace: spec.namespace ?? 'shop',
    name: spec.name,
    uid: `pod-${spec.name}`,
    ...(spec.node === undefined ? {} : { nodeName: spec.node }),
    labels: { app, ...spec.labels },
    annotations: spec.annotations ?? {},
    ...(spec.bare === true ? {} : { owner: owner ?? { kind: 'ReplicaSet', name: `${app}-rs`, uid: `rs-${app}` } }),
    phase: spec.phase ?? 'Running',
    ready: spec.ready ?? true,
    ...(spec.deletingIn === undefined ? {} : { deletingAt: now + spec.deletingIn }),
    gracePeriodSeconds: spec.grace ?? 30,
    mirror: spec.mirror ?? false,
    createdAt: now - (spec.age ?? 24 * hour),
    claims: spec.claims ?? [],
    ...(spec.priority === undefined ? {} : { priorityClassName: spec.priority }),
    tolerations: [],
    requests: { cpuMilli: 100, memoryBytes: 1e8 },
  };
}

function budgetView(spec: BudgetSpec): BudgetView {
  const expected = spec.expected ?? 3;
  return {
    namespace: 'shop',
    name: spec.name,
    uid: `budget-${spec.name}`,
    labels: {},
    generation: 1 + (spec.generationLag ?? 0),
    observedGeneration: 1,
    selector: { matchLabels: { app: spec.app ?? spec.name } },
    disruptionsAllowed: spec.allowed,
    currentHealthy: spec.healthy ?? expected,
    desiredHealthy: spec.desired ?? expected - 1,
    expectedPods: expected,
    unhealthyPodEvictionPolicy: spec.unhealthy ?? 'IfHealthyBudget',
  };
}

const specsOf = (pool: PoolSpec): PoolSpec[] => [pool, ...(pool.also ?? [])];

export function groupOf(pool: PoolSpec, poolName = pool.name ?? 'workers'): NodeGroup {
  const name = pool.name ?? 'workers';
  const instances = pool.nodes.map(
    (spec): GroupInstance => ({
      id: instanceId(spec.name),
      zone: spec.zone ?? 'eu-1a',
      instanceType: 'm5.large',
      lifecycleState: spec.state ?? 'InService',
      health: spec.unhealthy === true ? 'Unhealthy' : 'Healthy',
      protectedFromScaleIn: spec.protect ?? true,
      launchTemplate: { ...(spec.old === true ? outdated : current), id: pool.template ?? current.id },
    }),
  );
  const live = instances.filter((one) => !/^(Terminat|Detach)/.test(one.lifecycleState)).length;
  const baseline = pool.baseline ?? live;
  const desired = pool.desired ?? live;
  const max = pool.max ?? baseline + Math.max(2, (pool.surge ?? 0) + 1);
  return {
    name,
    desired,
    min: pool.min ?? 0,
    max,
    zones,
    subnets: [],
    launchTemplate: { ...current, id: pool.template ?? current.id, name: 'workers' },
    newInstancesProtected: true,
    suspendedProcesses: ['AZRebalance'],
    classicLoadBalancers: pool.balanced === true ? [`${name}-elb`] : [],
    targetGroups: [],
    tags: {
      NodePool: poolName,
      'clm/roll-id': 'r1',
      'clm/roll-baseline': String(baseline),
      'clm/roll-orig-min': String(pool.min ?? 0),
      'clm/roll-orig-max': String(max),
      'clm/roll-orig-suspended': '-',
      'clm/roll-orig-protect': 'false',
      'clm/roll-started': String(now - hour),
    },
    instances,
    ...pool.group,
  };
}

export function memoryOf(pool: PoolSpec, ...groups: NodeGroup[]): RollMemory {
  return {
    rollId: 'r1',
    groups: groups.map((group, i) => ({
      name: group.name,
      target: { ...current, id: specsOf(pool)[i]?.template ?? current.id },
      previous: outdated,
      baseline: Number(group.tags['clm/roll-baseline']),
      expected: group.desired,
      max: group.max,
      min: group.min,
      content: null,
      canary: specsOf(pool)[i]?.canary ?? { needed: true, reason: 'nothing is known of its content' },
    })),
    outdatedAtStart: 3,
    notReadyAtStart: 0,
    unschedulableAtStart: 0,
    launches: 7,
    bootFailures: 0,
    evictions: 0,
    intents: [],
    zonesWithout: [],
    launchByDesiredUntil: null,
    drift: null,
    inFlight: null,
    settledFrom: null,
    reported: false,
    pullFailuresAtStart: 0,
    boots: [],
    ...pool.memory,
  };
}

export function buildInput(spec: ClusterSpec): RollPlanInput {
  const groupsBy = spec.pools.map((pool) => specsOf(pool).map((one) => groupOf(one, pool.name ?? 'workers')));
  const groups = groupsBy.flat();
  const pools = spec.pools.map((pool, i): PoolRollState => {
    const name = pool.name ?? 'workers';
    return {
      processId: `roll:${name}`,
      pool: name,
      controlPlane: pool.controlPlane ?? false,
      mode: pool.mode ?? 'rolling',
      surge: pool.surge,
      checksFirst: pool.awaitsChecks === true ? { passed: pool.passed ?? [] } : undefined,
      bootTimeoutMs: 900_000,
      blockLimitMs: pool.blockLimitMs ?? 1_800_000,
      memory: memoryOf(pool, ...(groupsBy[i] ?? [])),
      nodes: pool.previous ?? [],
    };
  });
  const specs = spec.pools.flatMap((pool) => specsOf(pool).flatMap((one) => one.nodes.map((node) => ({ node, pool }))));
  const nodes = specs.filter(({ node }) => node.noNode !== true).map(({ node, pool }) => nodeView(node, pool));
  const staleLeases = new Map(
    specs.map(({ node }) => node).flatMap((node) => (node.leaseAge === undefined ? [] : [[node.name, node.leaseAge]])),
  );
  const loadBalancers = spec.pools.flatMap((pool): LoadBalancerHealth[] =>
    pool.balanced === true
      ? [
          {
            kind: 'classic',
            id: `${pool.name ?? 'workers'}-elb`,
            instances: Object.fromEntries(
              pool.nodes
                .filter((node) => node.health !== 'absent')
                .map((node) => [instanceId(node.name), node.health ?? 'healthy']),
            ),
          },
        ]
      : [],
  );
  const view: ClusterView = {
    at: now,
    ...(spec.stale === undefined ? {} : { stale: spec.stale }),
    nodes,
    pods: (spec.pods ?? []).map(podView),
    budgets: (spec.budgets ?? []).map(budgetView),
    daemonSets: (spec.daemons ?? []).map((name) => ({
      namespace: 'kube-system',
      name,
      uid: `ds-${name}`,
      desired: nodes.length,
      ready: nodes.length,
    })),
    volumes: (spec.volumes ?? []).map((one, i) => ({ name: `pv-${i + 1}`, uid: `pv-${i + 1}`, local: false, ...one })),
    attachments: (spec.attachments ?? []).map((one) => ({ name: `${one.node}-${one.volume}`, ...one })),
  };
  return {
    leases: {
      at: now,
      renewed: new Map(nodes.map((node) => [node.name, now - (staleLeases.get(node.name) ?? 5_000)])),
      leaders: new Set(spec.leaders ?? []),
    },
    overrides: noOverrides,
    terminationMs: new Map(),
    history: new Map(),
    lastArrivals: new Map(),
    view,
    cloud: { at: now, groups, loadBalancers },
    pools,
    now,
    policy: { ...defaultRollPolicy, ...spec.policy },
    apiReady: true,
    evictNotBefore: new Map(),
    throttledUntil: new Map(),
    evictionsHeldUntil: 0,
    returns: new Map(),
    refusedForGood: new Map(),
    deregisteredAt: new Map(),
    protectedAt: new Map(),
    ...spec.input,
  };
}

/** Plan of the named pool, `workers` unless given. */
export function plan(spec: ClusterSpec, pool = 'workers'): PoolPlan {
  const found = planRoll(buildInput(spec)).pools.find((one) => one.pool === pool);
  if (!found) throw new Error(`no plan for ${pool}`);
  return found;
}

/** Short words for actions, in the order of the plan: `cordon a`, `evict web-1`, `launch eu-1a`, `terminate a -1`. */
export function words(actions: RollAction[]): string[] {
  return actions.map((action) => {
    switch (action.kind) {
      case 'capacity':
        return action.intent.kind === 'launch'
          ? `launch ${action.intent.zone}`
          : `terminate ${action.intent.node} ${action.intent.decrement ? '-1' : 'replaced'}`;
      case 'evict':
        return `evict ${action.pod}`;
      case 'deregister':
        return `deregister ${action.node}`;
      case 'move-baseline':
        return `baseline ${action.baseline}`;
      case 'force':
        return `force ${action.pod}`;
      case 'protect':
        return `protect ${action.instanceIds.length}`;
      default:
        return `${action.kind} ${action.node}`;
    }
  });
}

export const oldNodes = (count: number, more: Partial<NodeSpec> = {}): NodeSpec[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `old-${i + 1}`,
    old: true,
    zone: zones[i % 3] as string,
    age: (48 - i) * hour,
    ...more,
  }));
