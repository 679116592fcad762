/**
 * What each machine is fed with to reach all its states: an input, and events whose outputs have the shape that its steps return.
 * scripts/golden.ts explores them breadth first.
 */
import type { MachineSample, SampleEvent } from '../../support/golden-rows.ts';

const now = 1_760_000_000_000;
const minute = 60_000;
const account = 'aws:123456789012:eu-central-1';
const clusterId = `${account}:kube-1`;
const commit = '3f2c1a9e5b7d4c60a8f1e2d3c4b5a69788796a5b';
const tree = 'b1946ac92492d2347c6235b4d2611184c1d2e3f4';
const rolloutId = `rollout:dev:${commit}`;
const updateId = `update:dev:${commit}:${clusterId}:0`;

const done = (output: unknown) => ({ type: 'STEP_DONE', output, now });
const waiting = (progress: unknown = null, code = 'children') => ({
  type: 'STEP_WAITING',
  reason: { code, message: `waits for ${code}`, data: { left: 1 } },
  progress,
  now: now + minute,
});
const failed = (kind: 'transient' | 'terminal') => ({
  type: 'STEP_FAILED',
  failure: {
    kind,
    code: kind === 'terminal' ? 'aws-wrong-account' : 'aws-throttled',
    message: `${clusterId}: refused`,
  },
  retryAt: now + minute,
  now,
});
const operator = ['PAUSE', 'RESUME', 'RETRY', 'ABORT'].map((type) => ({
  type,
  by: 'jo',
  reason: 'checking a graph',
  now,
}));
const common: SampleEvent[] = [
  ...operator,
  { type: 'SUPERSEDE', by: 'aa00bb11', now },
  failed('transient'),
  failed('terminal'),
  waiting(),
];

const channel: MachineSample = {
  inputs: [{ channel: 'dev' }],
  events: [
    ...common,
    done({ head: commit, subject: 'Replace node images', lastGood: commit, handled: commit }),
    { type: 'ROLLOUT_PROVEN', commit, now },
    { type: 'STAND_IN', commit: 'aa00bb11', head: commit, reason: 'it halted the channel', now },
    {
      type: 'MOVE',
      move: { kind: 'rollback', id: 'm1', commit, from: null, waived: ['soak'], by: 'jo', reason: 'errors' },
      now,
    },
    done({ kind: 'made', from: commit, to: 'aa00bb11' }),
    done({ kind: 'moveEnded' }),
  ],
};

const member = {
  state: 'pending',
  attempt: 0,
  wave: 0,
  version: null,
  inherited: false,
  blocked: null,
  stalled: null,
  failure: null,
  nodesReplaced: 0,
  checks: { passed: 0, failed: 0 },
};

const gate = {
  name: 'errors',
  state: 'inconclusive',
  reason: 'the query has no data',
  openedBy: 'the measurements',
  earliest: null,
  since: now,
  unansweredSince: null,
};

const rollout: MachineSample = {
  inputs: [{ channel: 'dev', commit, tree, subject: 'Replace node images', requestedAt: now }],
  events: [
    done({
      kind: 'planned',
      waves: [{ name: 'all', clusters: [clusterId] }],
      members: { [clusterId]: member },
      ineligible: { [`${account}:kube-9`]: 'lifecycle status is decommissioned' },
      maxFailures: 0,
      warnings: [],
    }),
    done({ kind: 'advanced', started: [clusterId], left: [], poked: [], resumed: false, maxFailures: 0 }),
    {
      type: 'CHILD_FINISHED',
      child: updateId,
      machine: 'clusterUpdate',
      cluster: clusterId,
      output: {
        result: 'updated',
        version: `${commit}#0123456789abcdef`,
        nodesReplaced: 3,
        checks: { passed: 5, failed: 0 },
        failure: null,
      },
      now,
    },
    done({ kind: 'verified' }),
    done({ kind: 'soaked', soak: { requiredMs: minute, observedMs: minute, clusterMs: minute, lastTickAt: now } }),
    done({ kind: 'proven', gates: [], owes: false }),
    done({ kind: 'proven', gates: [gate], owes: true }),
    done({ kind: 'inconclusive', gate: 'errors', message: 'no data', gates: [gate] }),
    done({ kind: 'repaid', soak: { requiredMs: minute, observedMs: minute, clusterMs: minute, lastTickAt: now } }),
    done({ kind: 'halt', code: 'failure-budget-spent', message: 'one cluster failed, none may' }),
    done({ kind: 'told', children: [updateId] }),
    done({ kind: 'stopped' }),
    { type: 'CLUSTER_STALLED', cluster: clusterId, code: 'aws-throttled', message: 'stalled', now },
    ...common,
  ],
};

const promotion: MachineSample = {
  inputs: [{ channel: 'dev', target: 'alpha', commit, tree, rolloutId }],
  events: [
    done({ kind: 'cleared', branch: 'alpha', from: 'aa00bb11' }),
    done({ kind: 'moved' }),
    done({ kind: 'review', branch: 'alpha', from: 'aa00bb11' }),
    done({ kind: 'proposed', id: '7', url: 'https://example.org/7' }),
    done({ kind: 'reviewed', by: ['ada'] }),
    done({ kind: 'merged' }),
    done({ kind: 'contained', in: 'cc22dd33' }),
    done({ kind: 'held', code: 'branch-moved', message: 'alpha was moved by somebody else' }),
    ...common,
  ],
};

const check = (outcome: string) => ({
  check: 'api.health',
  gate: 'blocking',
  outcome,
  message: 'answered',
  startedAt: now,
  durationMs: 12,
  attempts: 1,
  leaked: [],
});

const e2eRun: MachineSample = {
  inputs: [
    {
      clusterId,
      channel: 'dev',
      commit,
      version: `${commit}#0123456789abcdef`,
      updateId,
      attempt: 0,
      profile: 'smoke',
    },
  ],
  events: [
    waiting({ results: [], running: ['api.health'], total: 1, endsAt: now + minute }, 'checks'),
    ...['pass', 'fail', 'error'].map((outcome) =>
      done({ results: [check(outcome)], running: [], total: 1, endsAt: now }),
    ),
    ...common,
  ],
};

const poolRoll = {
  controlPlane: false,
  state: 'running',
  child: `roll:${updateId}:workers`,
  since: now,
  nodesReplaced: 0,
  evictions: 0,
  reason: null,
  blocked: null,
};

const clusterUpdate: MachineSample = {
  inputs: [
    {
      clusterId,
      channel: 'dev',
      commit,
      tree,
      rolloutId,
      attempt: 0,
      policy: {
        e2eProfile: 'smoke',
        blockLimitMs: 60 * minute,
        progressDeadlineMs: 360 * minute,
        channelMaxParallel: 1,
        fleetMaxParallel: 40,
      },
    },
  ],
  events: [
    done({
      kind: 'next',
      plan: {
        version: `${commit}#0123456789abcdef`,
        digest: '0123456789abcdef',
        noop: false,
        inheritedFrom: null,
        stacks: ['kube-1'],
        components: ['kube-proxy'],
        pools: ['workers'],
        deletions: false,
        round: 0,
      },
      stacks: { 'kube-1': { kind: 'cluster', state: 'applied', since: now } },
      components: ['kube-proxy'],
      rolls: { workers: poolRoll },
    }),
    done({ kind: 'stopped' }),
    done({ kind: 'told', told: [`roll:${updateId}:workers`] }),
    ...common,
  ],
};

const roll = { progress: { total: 3, updated: 1, nodes: [] }, memory: null, nodesReplaced: 1 };

const nodePoolRoll: MachineSample = {
  inputs: [
    {
      clusterId,
      updateId,
      rolloutId,
      pool: 'workers',
      controlPlane: false,
      commit,
      blockLimitMs: 60 * minute,
      bootTimeoutMs: 15 * minute,
      surge: '10%',
    },
  ],
  events: [
    ...['again', 'rolling', 'finalizing', 'finished', 'paused', 'failing'].map((next) =>
      done({ ...roll, next, reason: next === 'failing' ? 'nodes do not become ready' : null }),
    ),
    ...common.filter((event) => event.type !== 'STEP_WAITING'),
    waiting(roll, 'node-booting'),
    { type: 'ROLLBACK', by: 'anna', reason: 'new nodes panic' },
  ],
};

const decommission: MachineSample = {
  inputs: [{ clusterId, channel: 'dev' }],
  events: [
    waiting(null, 'cool-off'),
    done({ kind: 'next', removed: ['nodepool-workers'] }),
    done({ kind: 'again', asked: updateId }),
    done({ kind: 'cancelled' }),
    ...common,
  ],
};

const bisect: MachineSample = {
  inputs: [{ channel: 'dev', commit, tree, rolloutId }],
  events: [
    done({
      kind: 'planned',
      good: { commit: 'aa00bb11', tree: 'ee55ff66' },
      candidates: [{ commit, tree }],
      clusters: [{ id: clusterId, code: 'e2e-failed' }],
      limits: { clusters: 2, attempts: 20 },
    }),
    done({ kind: 'tried', trial: { commit, cluster: clusterId, attempt: 1001, result: 'inFlight' } }),
    done({
      kind: 'ended',
      verdict: {
        kind: 'culprit',
        message: 'it is this one',
        culprit: commit,
        revert: 'branch clm/promote/dev/aa00bb11',
      },
    }),
    ...common,
  ],
};

export const machineSamples: Record<string, MachineSample> = {
  bisect,
  decommission,
  channel,
  rollout,
  promotion,
  e2eRun,
  clusterUpdate,
  nodePoolRoll,
};
