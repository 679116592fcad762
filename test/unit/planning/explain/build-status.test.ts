import { describe, expect, it } from 'vitest';
import type { ChannelContext } from '../../../../src/machines/channel/context.ts';
import type { ClusterUpdateContext } from '../../../../src/machines/cluster-update/context.ts';
import type { E2eRunContext } from '../../../../src/machines/e2e-run/context.ts';
import type { NodePoolRollContext } from '../../../../src/machines/node-pool-roll/context.ts';
import type { PromotionContext } from '../../../../src/machines/promotion/context.ts';
import type { RolloutContext } from '../../../../src/machines/rollout/context.ts';
import { buildStatus, type StatusInput } from '../../../../src/planning/explain/build-status.ts';
import type {
  ChannelView,
  ClusterUpdateView,
  E2eRunView,
  NodePoolRollView,
  PromotionView,
  RolloutView,
} from '../../../../src/planning/explain/process-views.ts';
import { statusSchema } from '../../../../src/planning/explain/status-document.ts';
import {
  channelRow,
  clusterEntry,
  clusterFact,
  memberOf,
  newCommit,
  oldCommit,
  pipelineOf,
  poolRoll,
  promotionRow,
  rolloutRow,
  rollRow,
  rowOf,
  rowsNow,
  updateId,
  updateRow,
} from '../../../support/explain-rows.ts';

const a = clusterEntry('kube-a', 'dev');
const b = clusterEntry('kube-b', 'dev');

function input(change: Partial<StatusInput> = {}): StatusInput {
  return {
    now: rowsNow,
    asOfSeq: 17,
    daemon: { running: true },
    rows: [],
    clusterFacts: [],
    overrideFacts: [],
    adopted: true,
    pipeline: pipelineOf('dev', 'alpha'),
    registry: { clusters: [a, b], problems: [] },
    problems: [],
    ...change,
  };
}

function clusterOf(document: ReturnType<typeof buildStatus>, alias: string) {
  const cluster = document.clusters.find((one) => one.alias === alias);
  if (cluster === undefined) throw new Error(`no cluster ${alias}`);
  return cluster;
}

/** Fails to compile when a machine's context no longer offers what its view reads. */
export const viewsMatchContexts: [
  (context: ChannelContext) => ChannelView,
  (context: RolloutContext) => RolloutView,
  (context: ClusterUpdateContext) => ClusterUpdateView,
  (context: NodePoolRollContext) => NodePoolRollView,
  (context: E2eRunContext) => E2eRunView,
  (context: PromotionContext) => PromotionView,
] = [(c) => c, (c) => c, (c) => c, (c) => c, (c) => c, (c) => c];

describe('the status document', () => {
  it('fits its own schema in every situation that the other tests make', () => {
    const rows = [
      channelRow('dev'),
      rolloutRow('dev', 'updating', { [a.id]: memberOf({ state: 'inFlight' }), [b.id]: memberOf() }),
      updateRow(a, 'workerRolls', { rolls: { workers: poolRoll({ child: `roll:${updateId(a)}:workers` }) } }),
      rollRow(a, 'workers'),
      promotionRow('dev', 'alpha', 'checking'),
    ];
    const document = buildStatus(input({ rows, clusterFacts: [clusterFact(a, oldCommit)] }));
    expect(statusSchema.safeParse(document).error).toBeUndefined();
  });

  it('says "unknown" of a cluster that nothing is recorded of, never "up to date"', () => {
    const document = buildStatus(input({ rows: [channelRow('dev', { proven: null, handled: null })] }));
    expect(clusterOf(document, 'kube-a').state).toBe('unknown');
    expect(clusterOf(document, 'kube-a').version).toBeUndefined();
    expect(document.channels[0]?.counts).toMatchObject({ total: 2, updated: 0 });
  });

  it('counts the members of the rollout as they are: updated, in flight, queued, failed', () => {
    const c = clusterEntry('kube-c', 'dev');
    const d = clusterEntry('kube-d', 'dev');
    const members = {
      [a.id]: memberOf({ state: 'updated', checks: { passed: 5, failed: 0 } }),
      [b.id]: memberOf({ state: 'inFlight' }),
      [c.id]: memberOf({ state: 'pending' }),
      [d.id]: memberOf({ state: 'left' }),
    };
    const document = buildStatus(
      input({
        registry: { clusters: [a, b, c], problems: [] },
        rows: [channelRow('dev'), rolloutRow('dev', 'updating', members), updateRow(b, 'manifests')],
        clusterFacts: [clusterFact(a, newCommit), clusterFact(b, oldCommit), clusterFact(c, oldCommit)],
      }),
    );
    const dev = document.channels[0];
    expect(dev?.state).toBe('updating');
    expect(dev?.counts).toEqual({ total: 3, updated: 1, inFlight: 1, queued: 1, blocked: 0, stalled: 0, failed: 0 });
    expect(dev?.checks).toEqual({ passed: 5, failed: 0 });
    expect(clusterOf(document, 'kube-a').state).toBe('up-to-date');
    expect(clusterOf(document, 'kube-b')).toMatchObject({ state: 'updating', phase: 'manifests', target: newCommit });
    expect(clusterOf(document, 'kube-c')).toMatchObject({ state: 'queued', target: newCommit });
    expect(document.fleet.inFlight).toBe(1);
  });

  it('shows an update that waits for a slot as queued, not as in flight', () => {
    const members = { [a.id]: memberOf({ state: 'inFlight' }), [b.id]: memberOf({ state: 'inFlight' }) };
    const rows = [
      channelRow('dev'),
      rolloutRow('dev', 'updating', members),
      updateRow(a, 'queued', {
        admittedAt: 0,
        wait: { code: 'slot', message: 'waits for a place', since: rowsNow - 1000 },
      }),
      updateRow(b, 'preflight'),
    ];
    const document = buildStatus(input({ rows, clusterFacts: [clusterFact(a, oldCommit), clusterFact(b, oldCommit)] }));
    expect(clusterOf(document, 'kube-a').state).toBe('queued');
    expect(document.channels[0]?.counts).toMatchObject({ inFlight: 1, queued: 1 });
  });

  it('says of a cluster whose roll is paused who paused it, until when, and how it goes on', () => {
    const paused = { by: 'ada', reason: 'core dump', expiresAt: rowsNow + 60_000 };
    const update = updateRow(a, 'workerRolls', {
      rolls: { workers: poolRoll({ child: `roll:${updateId(a)}:workers` }) },
    });
    const statusOf = (value: string) =>
      clusterOf(
        buildStatus(
          input({
            rows: [
              channelRow('dev'),
              rolloutRow('dev', 'updating', { [a.id]: memberOf({ state: 'inFlight' }) }),
              update,
              { ...rollRow(a, 'workers', { paused }), value },
            ],
          }),
        ),
        'kube-a',
      );
    expect(statusOf('paused').waits[0]).toMatchObject({
      code: 'paused',
      message: expect.stringMatching(
        /^The roll of pool workers is paused by ada until .*: core dump\. To go on: clm roll resume/,
      ),
    });
    expect(statusOf('rolling').waits.filter((wait) => wait.code === 'paused')).toEqual([]);
  });

  it('names budget, pod, owner and node of what blocks, and calls the channel blocked only when nothing else moves', () => {
    const blocked = {
      code: 'budget-never-allows',
      message: 'Budget shop/cart never allows a disruption',
      data: {
        namespace: 'shop',
        budget: 'cart',
        pod: 'cart-0',
        owner: { kind: 'StatefulSet', name: 'cart' },
        node: 'ip-1',
      },
    };
    const roll = poolRoll({ child: `roll:${updateId(a)}:workers`, blocked: { ...blocked, since: rowsNow - 700_000 } });
    const rollout = (other: 'inFlight' | 'updated') =>
      rolloutRow('dev', 'updating', {
        [a.id]: memberOf({ state: 'inFlight', blocked }),
        [b.id]: memberOf({ state: other }),
      });
    const update = updateRow(a, 'workerRolls', { rolls: { workers: roll } });
    const still = buildStatus(
      input({
        rows: [channelRow('dev'), rollout('inFlight'), update, updateRow(b, 'manifests'), rollRow(a, 'workers')],
      }),
    );
    expect(still.channels[0]?.state).toBe('updating');
    const document = buildStatus(
      input({ rows: [channelRow('dev'), rollout('updated'), update, rollRow(a, 'workers')] }),
    );
    expect(document.channels[0]).toMatchObject({
      state: 'blocked',
      reason: 'kube-a: Budget shop/cart never allows a disruption',
    });
    const cluster = clusterOf(document, 'kube-a');
    expect(cluster.state).toBe('blocked');
    expect(cluster.blocker).toMatchObject({
      namespace: 'shop',
      budget: 'cart',
      pod: 'cart-0',
      owner: 'StatefulSet/cart',
      node: 'ip-1',
    });
    expect(document.problems[0]).toMatchObject({ severity: 'error', subject: 'kube-a', code: 'budget-never-allows' });
  });

  it('shows the nodes in hand of a roll', () => {
    const block = {
      code: 'budget-refuses',
      message: 'm',
      namespace: 'shop',
      budget: 'cart',
      pod: 'cart-0',
      owner: 'Deployment/cart',
      node: 'ip-1',
      since: rowsNow,
    };
    const rows = [
      channelRow('dev'),
      rolloutRow('dev', 'updating', { [a.id]: memberOf({ state: 'inFlight' }) }),
      updateRow(a, 'workerRolls', { rolls: { workers: poolRoll({ child: `roll:${updateId(a)}:workers` }) } }),
      rollRow(a, 'workers', {
        progress: {
          total: 3,
          updated: 1,
          nodes: [
            { name: '', instanceId: 'i-1', phase: 'booting', since: rowsNow - 40_000 },
            { name: 'ip-1', instanceId: 'i-2', phase: 'draining', since: rowsNow - 20_000, blockedBy: block },
            { name: 'ip-2', instanceId: 'i-3', phase: 'terminating', since: rowsNow },
          ],
        },
      }),
    ];
    const pool = clusterOf(buildStatus(input({ rows })), 'kube-a').pools[0];
    expect(pool).toMatchObject({ name: 'workers', total: 3, updated: 1 });
    expect(pool?.nodes.map((node) => [node.name, node.phase, node.blockedBy])).toEqual([
      ['i-1', 'booting', undefined],
      ['ip-1', 'blocked', 'shop/cart'],
      ['ip-2', 'draining', undefined],
    ]);
  });

  it('shows no figures of a pool before its roll has counted them', () => {
    const rows = [
      channelRow('dev'),
      rolloutRow('dev', 'updating', { [a.id]: memberOf({ state: 'inFlight' }) }),
      updateRow(a, 'workerRolls', { rolls: { workers: poolRoll({ child: `roll:${updateId(a)}:workers` }) } }),
      rollRow(a, 'workers', { progress: { total: 0, updated: 0, nodes: [] } }),
    ];
    const pool = clusterOf(buildStatus(input({ rows })), 'kube-a').pools[0];
    expect(pool).toMatchObject({ name: 'workers', nodes: [] });
    expect(pool).not.toHaveProperty('total');
    expect(pool).not.toHaveProperty('updated');
  });

  it('tells of a halt: the channel, its reason, the failed cluster and its failed checks', () => {
    const failure = {
      kind: 'terminal' as const,
      code: 'e2e-failed',
      message: '1 of 5 checks failed: network.service-endpoints',
    };
    const failures = [
      { check: 'network.service-endpoints', outcome: 'fail', message: 'no ready endpoint after 120 s' },
    ];
    const e2e = {
      round: 1,
      child: 'e2e:x:1',
      state: 'finished' as const,
      result: 'failed' as const,
      passed: 4,
      failed: 1,
      skipped: 0,
      failures,
    };
    const rows = [
      channelRow('dev'),
      rolloutRow(
        'dev',
        'halted',
        { [a.id]: memberOf({ state: 'failed', failure, checks: { passed: 4, failed: 1 } }), [b.id]: memberOf() },
        { halt: { code: 'failure-budget-spent', message: '1 failed, 0 allowed: kube-a', since: rowsNow - 1000 } },
      ),
      updateRow(a, 'failed', { e2e, failure }, { status: 'final', wakeAt: null }),
    ];
    const document = buildStatus(input({ rows, clusterFacts: [clusterFact(a, oldCommit), clusterFact(b, oldCommit)] }));
    expect(document.channels[0]).toMatchObject({
      state: 'halted',
      reason: '1 failed, 0 allowed: kube-a',
      checks: { passed: 4, failed: 1 },
    });
    expect(clusterOf(document, 'kube-a')).toMatchObject({
      state: 'failed',
      failure,
      checks: { passed: 4, failed: 1, failures },
    });
    expect(clusterOf(document, 'kube-b').waits[0]).toMatchObject({ code: 'channel-halted' });
    expect(document.problems.map((problem) => problem.code)).toEqual(['failure-budget-spent', 'e2e-failed']);
  });

  it('shows what checks beside a roll have found, while it rolls and once they have stopped it', () => {
    const said = {
      check: 'rollout.generations',
      outcome: 'pass',
      message: 'old nodes fail too, so it is not the new ones',
    };
    const bad = { check: 'rollout.generations', outcome: 'fail', message: 'only new nodes fail', signature: 's' };
    const midRoll = { round: 2, child: null, at: 5, result: 'passed' as const, failures: [], said: [said] };
    const roll = {
      controlPlane: false,
      state: 'running' as const,
      child: null,
      since: 1,
      nodesReplaced: 0,
      evictions: 0,
    };
    const rolls = { workers: { ...roll, reason: null, blocked: null } };
    const going = [
      channelRow('dev'),
      rolloutRow('dev', 'updating', { [a.id]: memberOf() }),
      updateRow(a, 'workerRolls', { rolls, midRoll }),
    ];
    const status = (rows: ReturnType<typeof updateRow>[]) => clusterOf(buildStatus(input({ rows })), 'kube-a');
    expect(status(going).newNodes).toEqual({ state: 'passed', failures: [], said: [said] });

    const stop = (code: string) => {
      const failure = { kind: 'terminal' as const, code, message: 'the roll was stopped half-way' };
      const members = { [a.id]: memberOf({ state: 'failed', failure }) };
      const ended = { rolls, failure, midRoll: { ...midRoll, result: 'failed' as const, failures: [bad], said: [] } };
      const halt = { code: 'failure-budget-spent', message: '1 failed', since: rowsNow - 1000 };
      const update = updateRow(a, 'failed', ended, { status: 'final', wakeAt: null });
      return status([channelRow('dev'), rolloutRow('dev', 'halted', members, { halt }), update]).newNodes;
    };
    const { signature: _signature, ...shown } = bad;
    expect(stop('new-nodes-fail')).toEqual({ state: 'failed', failures: [shown], said: [] });
    // what came later has its own say
    expect(stop('e2e-failed')).toBeUndefined();
  });

  it('shows observed soak, not elapsed time', () => {
    const soak = { requiredMs: 600_000, observedMs: 185_000, clusterMs: 0, lastTickAt: rowsNow };
    const rows = [
      channelRow('dev'),
      rolloutRow('dev', 'soaking', { [a.id]: memberOf({ state: 'updated' }) }, { soak }),
    ];
    expect(buildStatus(input({ rows })).channels[0]).toMatchObject({
      state: 'soaking',
      soak: { observedSeconds: 185, requiredSeconds: 600 },
    });
  });

  it('shows a frozen channel as held, with what was seen of the branch', () => {
    const problem = { code: 'branch-forced', message: 'dev was force-pushed', since: rowsNow - 5000 };
    const document = buildStatus(input({ rows: [channelRow('dev', { frozen: true, problem })] }));
    expect(document.channels[0]).toMatchObject({ state: 'held', reason: 'dev was force-pushed' });
    expect(document.problems[0]).toMatchObject({ subject: 'dev', code: 'branch-forced' });
  });

  it('shows a held promotion although its rollout is over', () => {
    const rows = [
      channelRow('dev', { proven: newCommit }),
      rolloutRow('dev', 'proven', { [a.id]: memberOf({ state: 'updated' }) }, {}, { status: 'final', wakeAt: null }),
      promotionRow('dev', 'alpha', 'held', {
        problem: { code: 'not-fast-forward', message: 'alpha has commits of its own', since: rowsNow },
      }),
    ];
    const document = buildStatus(input({ rows }));
    expect(document.channels[0]?.promotions).toMatchObject([
      { to: 'alpha', commit: newCommit, state: 'held', wait: { code: 'not-fast-forward' } },
    ]);
    expect(document.channels[0]?.reason).toContain('alpha has commits of its own');
    expect(document.problems[0]).toMatchObject({ code: 'not-fast-forward' });
  });

  it('shows each promotion that waits for a review with its own request', () => {
    const wait = (number: number) => ({ code: 'review-pending', message: `request ${number} waits`, since: rowsNow });
    const review = (number: number) => ({ id: `${number}`, url: `https://forge/pull/${number}`, approvedBy: null });
    const rows = [
      channelRow('dev', { proven: newCommit }),
      promotionRow('dev', 'alpha', 'reviewing', { review: review(1), wait: wait(1) }),
      promotionRow('dev', 'canary', 'reviewing', { review: review(2), wait: wait(2) }),
    ];
    const { channels } = buildStatus(input({ rows }));
    expect(channels[0]?.promotions).toMatchObject([
      { to: 'alpha', state: 'reviewing', review: 'https://forge/pull/1', wait: { message: 'request 1 waits' } },
      { to: 'canary', state: 'reviewing', review: 'https://forge/pull/2', wait: { message: 'request 2 waits' } },
    ]);
  });

  it('shows the update that acts when a newer one waits behind it', () => {
    const newer = updateRow(a, 'queued', { admittedAt: 0 }, { id: 'update:dev:x:kube-a:1', createdAt: rowsNow });
    const rows = [channelRow('dev'), newer, updateRow(a, 'stopping')];
    expect(clusterOf(buildStatus(input({ rows })), 'kube-a').phase).toBe('stopping');
  });

  it('shows quarantined rows, and clusters of a channel that is not in the pipeline', () => {
    const lost = clusterEntry('kube-lost', 'gamma');
    const rows = [channelRow('dev'), updateRow(a, 'manifests', {}, { status: 'quarantined' })];
    const document = buildStatus(input({ rows, registry: { clusters: [a, lost], problems: [] } }));
    expect(clusterOf(document, 'kube-a').state).toBe('quarantined');
    expect(document.problems.map((problem) => problem.code).sort()).toEqual([
      'channel-unknown',
      'snapshot-quarantined',
    ]);
  });

  it('shows a row that it cannot read as a problem instead of guessing', () => {
    const rows = [
      channelRow('dev'),
      rowOf('rollout', 'rollout:dev:x', 'updating', { commit: 'x' }, { channel: 'dev' }),
    ];
    const document = buildStatus(input({ rows }));
    expect(document.channels[0]?.rollout).toBeUndefined();
    expect(document.problems).toEqual([
      expect.objectContaining({ code: 'row-not-understood', subject: 'rollout:dev:x' }),
    ]);
  });

  it('tells what differed when a cluster was last looked at, until it is updated', () => {
    const drift = {
      at: rowsNow - 60_000,
      next: rowsNow + 3_600_000,
      registry: 'r',
      found: ['stack x has another tag'],
    };
    const looked = (updatedAt: number) => {
      const fact = clusterFact(a, newCommit);
      const value = { ...(fact.value as object), updatedAt };
      return buildStatus(
        input({
          clusterFacts: [{ ...fact, value }],
          driftFacts: [
            { key: a.id, value: drift, updatedAt: rowsNow },
            { key: b.id, value: { ...drift, at: 0, found: [] }, updatedAt: rowsNow },
          ],
        }),
      );
    };
    const document = looked(rowsNow - 120_000);
    expect(statusSchema.safeParse(document).success).toBe(true);
    expect(clusterOf(document, 'kube-a').drift).toEqual({
      lookedAt: '2026-11-21T08:29:00.000Z',
      nextLookAt: '2026-11-21T09:30:00.000Z',
      found: ['stack x has another tag'],
    });
    expect(clusterOf(document, 'kube-b').drift).toEqual({ nextLookAt: '2026-11-21T09:30:00.000Z', found: [] });
    const problem = document.problems.find((one) => one.code === 'cluster-drifted');
    expect(problem).toMatchObject({ severity: 'warning', subject: 'kube-a' });
    expect(problem?.message).toContain('stack x has another tag');
    const updated = looked(rowsNow);
    expect(clusterOf(updated, 'kube-a').drift?.found).toEqual([]);
    expect(updated.problems).toEqual([]);
  });

  it('lists overrides that have not expired', () => {
    const fact = (key: string, expiresAt: number) => ({
      key,
      value: { kind: 'pause', scope: 'channel:dev', actor: 'kim', reason: 'incident', expiresAt },
      updatedAt: rowsNow,
    });
    const document = buildStatus(input({ overrideFacts: [fact('1', rowsNow + 1000), fact('2', rowsNow - 1000)] }));
    expect(document.overrides.map((override) => override.id)).toEqual(['1']);
  });

  it('keeps at most a hundred problems and counts the rest', () => {
    const problems = Array.from({ length: 130 }, (_, index) => ({
      file: `clusters/${index}.yaml`,
      line: 3,
      message: 'wrong',
      remedy: 'right',
    }));
    const document = buildStatus(input({ registry: { clusters: [a], problems } }));
    expect(document.problems).toHaveLength(100);
    expect(document.problemsOmitted).toBe(30);
  });

  it('says nothing of channels while no pipeline was ever read', () => {
    const document = buildStatus(input({ pipeline: undefined, rows: [channelRow('dev')] }));
    expect(document.channels).toEqual([]);
    expect(document.fleet.maxParallel).toBe(0);
  });
});
