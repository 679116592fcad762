/** Rows and facts as the engine stores them, typed by the machines' own contexts. */
import type { Cluster, NodePool } from '../../src/domain/cluster.ts';
import type { ChannelPolicy, Pipeline } from '../../src/domain/pipeline.ts';
import type { ChannelContext } from '../../src/machines/channel/context.ts';
import type { ClusterUpdateContext, PoolRoll } from '../../src/machines/cluster-update/context.ts';
import type { NodePoolRollContext } from '../../src/machines/node-pool-roll/context.ts';
import type { PromotionContext } from '../../src/machines/promotion/context.ts';
import type { RolloutContext, RolloutMember } from '../../src/machines/rollout/context.ts';
import type { Json, ProcessRow } from '../../src/ports/store.ts';

export const rowsNow = Date.parse('2026-11-21T08:30:00.000Z');
export const newCommit = '3f2a1bc0d4e5f60718293a4b5c6d7e8f90a1b2c3';
export const oldCommit = '11aa22bb33cc44dd55ee66ff77889900aabbccdd';

export function clusterEntry(alias: string, channel: string, change: Partial<Cluster> = {}): Cluster {
  const pool = (name: string, profile: string): NodePool => ({
    name,
    profile,
    instanceTypes: ['m5.large'],
    discountStrategy: 'none',
    minSize: 3,
    maxSize: 9,
    configItems: {},
  });
  return {
    id: `aws:123456789012:eu-central-1:${alias}`,
    alias,
    localId: alias,
    infrastructureAccount: 'aws:123456789012',
    region: 'eu-central-1',
    provider: 'aws',
    apiServerUrl: 'https://example',
    channel,
    environment: 'production',
    criticalityLevel: 2,
    lifecycleStatus: 'ready',
    configItems: {},
    nodePools: [pool('masters', 'master-default'), pool('workers', 'worker-default')],
    ...change,
  };
}

function policyOf(name: string, promotesTo: string[] = []): ChannelPolicy {
  return {
    name,
    branch: name,
    promotesTo,
    waves: [{ name: 'all', size: '100%' }],
    maxParallel: 5,
    maxFailures: 0,
    soakMs: 600_000,
    e2eProfile: 'smoke',
    blockLimitMs: 600_000,
    progressDeadlineMs: 3_600_000,
  };
}

export function pipelineOf(...names: string[]): Pipeline {
  return {
    channels: names.map((name, index) =>
      policyOf(name, names[index + 1] === undefined ? [] : [names[index + 1] as string]),
    ),
    maxParallel: 40,
    evidenceMaxAgeMs: 86_400_000,
  };
}

export function rowOf(
  machine: string,
  id: string,
  value: Json,
  context: unknown,
  change: Partial<ProcessRow> = {},
): ProcessRow {
  return {
    id,
    machine,
    version: 1,
    seq: 3,
    value,
    context: context as Json,
    status: 'active',
    wakeAt: rowsNow + 30_000,
    parent: null,
    channel: '',
    cluster: '',
    commit: '',
    createdAt: rowsNow - 600_000,
    updatedAt: rowsNow - 5_000,
    ...change,
  };
}

export function channelRow(name: string, change: Partial<ChannelContext> = {}): ProcessRow {
  const context: ChannelContext = {
    channel: name,
    head: newCommit,
    subject: 'Roll out new node images',
    lastGood: newCommit,
    proven: oldCommit,
    handled: newCommit,
    standIn: null,
    frozen: false,
    problem: null,
    move: null,
    moved: [],
    catchUps: {},
    paused: null,
    wait: null,
    failure: null,
    ...change,
  };
  return rowOf('channel', `channel:${name}`, context.paused === null ? 'watching' : 'paused', context, {
    channel: name,
  });
}

export function memberOf(change: Partial<RolloutMember> = {}): RolloutMember {
  return {
    state: 'pending',
    attempt: 1,
    wave: 0,
    version: null,
    inherited: false,
    blocked: null,
    stalled: null,
    failure: null,
    nodesReplaced: 0,
    checks: { passed: 0, failed: 0 },
    ...change,
  };
}

export function rolloutRow(
  channel: string,
  state: string,
  members: Record<string, RolloutMember>,
  change: Partial<RolloutContext> = {},
  row: Partial<ProcessRow> = {},
): ProcessRow {
  const context: RolloutContext = {
    channel,
    commit: newCommit,
    tree: 't'.repeat(40),
    subject: 'Roll out new node images',
    requestedAt: rowsNow - 600_000,
    lane: 'normal',
    waived: [],
    firstAttempt: 1,
    waveSoak: null,
    gates: [],
    resting: [],
    waves: [{ name: 'all', clusters: Object.keys(members) }],
    members,
    ineligible: {},
    maxFailures: 0,
    warnings: [],
    soak: null,
    resumeTo: 'updating',
    paused: null,
    told: [],
    poke: [],
    halt: null,
    stop: null,
    wait: null,
    failure: null,
    ...change,
  };
  const commit = context.commit;
  return rowOf('rollout', `rollout:${channel}:${commit}`, state, context, { channel, commit, ...row });
}

export function poolRoll(change: Partial<PoolRoll> = {}): PoolRoll {
  return {
    controlPlane: false,
    state: 'running',
    child: null,
    since: rowsNow - 120_000,
    nodesReplaced: 0,
    evictions: 0,
    reason: null,
    blocked: null,
    ...change,
  };
}

export function updateRow(
  cluster: Cluster,
  state: string,
  change: Partial<ClusterUpdateContext> = {},
  row: Partial<ProcessRow> = {},
): ProcessRow {
  const context: ClusterUpdateContext = {
    clusterId: cluster.id,
    channel: cluster.channel,
    commit: newCommit,
    tree: 't'.repeat(40),
    rolloutId: `rollout:${cluster.channel}:${newCommit}`,
    attempt: 1,
    policy: {
      e2eProfile: 'smoke',
      blockLimitMs: 600_000,
      progressDeadlineMs: 3_600_000,
      channelMaxParallel: 5,
      fleetMaxParallel: 40,
    },
    admittedAt: rowsNow - 300_000,
    activeMs: 0,
    asked: null,
    blockedMs: 0,
    lastSeenAt: rowsNow,
    phaseActiveMs: 0,
    poke: false,
    plan: null,
    stacks: {},
    components: [],
    rolls: {},
    e2e: null,
    resumeTo: 'queued',
    paused: null,
    told: [],
    failures: 0,
    failure: null,
    stall: null,
    reported: { blocked: false, stalled: false },
    stop: null,
    wait: null,
    ...change,
  };
  return rowOf('clusterUpdate', updateId(cluster, context.attempt), state, context, {
    channel: cluster.channel,
    cluster: cluster.id,
    commit: context.commit,
    parent: context.rolloutId,
    ...row,
  });
}

export function updateId(cluster: Cluster, attempt = 1): string {
  return `update:${cluster.channel}:${newCommit}:${cluster.id}:${attempt}`;
}

export function rollRow(cluster: Cluster, pool: string, change: Partial<NodePoolRollContext> = {}): ProcessRow {
  const context: NodePoolRollContext = {
    clusterId: cluster.id,
    updateId: updateId(cluster),
    rolloutId: `rollout:${cluster.channel}:${newCommit}`,
    pool,
    controlPlane: false,
    commit: newCommit,
    blockLimitMs: 600_000,
    bootTimeoutMs: 600_000,
    progress: { total: 3, updated: 1, nodes: [] },
    memory: null,
    wait: null,
    paused: null,
    revert: null,
    failures: 0,
    failure: null,
    nodesReplaced: 0,
    reason: null,
    result: null,
    ...change,
  };
  return rowOf('nodePoolRoll', `roll:${updateId(cluster)}:${pool}`, 'rolling', context, {
    cluster: cluster.id,
    parent: updateId(cluster),
  });
}

export function promotionRow(
  channel: string,
  target: string,
  state: string,
  change: Partial<PromotionContext> = {},
): ProcessRow {
  const context: PromotionContext = {
    channel,
    target,
    commit: newCommit,
    tree: 't'.repeat(40),
    rolloutId: `rollout:${channel}:${newCommit}`,
    branch: target,
    from: oldCommit,
    paused: null,
    problem: null,
    containedIn: null,
    review: null,
    wait: null,
    failure: null,
    ...change,
  };
  return rowOf('promotion', `promotion:${channel}:${target}:${newCommit}`, state, context, {
    channel,
    commit: newCommit,
  });
}

export function clusterFact(cluster: Cluster, commit: string) {
  return {
    key: cluster.id,
    value: { currentVersion: `${commit}#0123456789abcdef`, commit, updatedAt: rowsNow - 60_000 },
    updatedAt: rowsNow - 60_000,
  };
}
