import { describe, expect, it } from 'vitest';
import type { ClusterUpdateState, PoolRoll } from '../../../src/domain/cluster-update.ts';
import type { RenderedPool, RenderedStack } from '../../../src/domain/rendered.ts';
import { keptFor, orphansOf } from '../../../src/planning/lifecycle/removal-plan.ts';
import type { StackView } from '../../../src/ports/cloud-provider.ts';
import type { StepOutcome } from '../../../src/ports/step.ts';
import { bench, failureOf, id, output } from '../../support/pipeline/update-bench.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const minute = 60_000;
const own = { [`kubernetes.io/cluster/${id}`]: 'owned' };
const poolTags = (pool: string, profile = 'worker-default') => ({
  ...own,
  NodePool: pool,
  'kubernetes.io/role/node-pool': 'true',
  'kubernetes.io/node-pool/profile': profile,
});
const poolStack = (pool: string): string => `nodepool-${pool}-${id.replaceAll(':', '-')}`;
const groupOnly = 'Resources: {Group: {Type: "AWS::AutoScaling::AutoScalingGroup"}}';
const workers: RenderedPool = {
  name: 'workers',
  profile: 'worker-default',
  controlPlane: false,
  stackName: poolStack('workers'),
  digest: 'w',
};
const stack = (name: string, kind: RenderedStack['kind'], tags: Record<string, string>): RenderedStack => ({
  name,
  kind,
  tags,
  template: groupOnly,
  parameters: {},
  digest: name,
});

/** Renders a pool `workers`; `gone` are pools that are there and render no more, `extra` further stacks. */
function scene(gone: string[], extra: Record<string, string> = {}, items: Record<string, string> = {}) {
  const made = bench({ pools: [workers], stacks: [stack(workers.stackName, 'node-pool', poolTags('workers'))] }, items);
  const { live } = made;
  for (const pool of ['workers', ...gone]) {
    live.settle({ name: poolStack(pool), template: groupOnly, parameters: {}, tags: poolTags(pool) });
    live.pools.set(pool, { running: '1', wanted: '1', nodes: 2 });
  }
  for (const [name, template] of Object.entries(extra))
    live.settle({ name, template, parameters: {}, tags: { ...own, 'clm/stack': 'extra' } });
  const seenFor = (ms: number) => {
    const stacks = [...live.stacks.keys()].filter((name) => name !== workers.stackName);
    made.facts.set(`orphans/${id}`, { stacks: Object.fromEntries(stacks.map((name) => [name, 1_000_000 - ms])) });
  };
  const look = (rolls: Record<string, PoolRoll> = {}): Promise<StepOutcome> =>
    made.run('remove-orphans', 'removals', { rolls });
  return { ...made, seenFor, look };
}

const rollOf = (state: PoolRoll['state'], more: Partial<PoolRoll> = {}): PoolRoll => ({
  controlPlane: false,
  state,
  child: 'roll',
  since: 0,
  nodesReplaced: 0,
  evictions: 0,
  reason: null,
  blocked: null,
  ...more,
});
const waitOf = (outcome: StepOutcome): string => (outcome.kind === 'waiting' ? outcome.reason.code : outcome.kind);

describe('a pool that left the configuration', () => {
  it('is told and timed before anything else of the update is done', async () => {
    const { run, plan, facts } = scene(['old']);
    const outcome = await run('plan-update', 'rendering', { plan });
    expect(outcome.journal?.map((one) => one.message)).toContainEqual(
      `pool old of ${id} is no longer in its configuration: its nodes are drained, then its stack is deleted`,
    );
    expect(facts.get(`orphans/${id}`)).toEqual({ stacks: { [poolStack('old')]: 1_000_000 } });
  });

  it('cools off, is drained by a roll that removes, and its stack goes when no node is left', async () => {
    const { live, look, seenFor } = scene(['old']);
    const cooling = await look();
    expect(cooling).toMatchObject({ kind: 'waiting', reason: { code: 'cool-off' }, wakeAt: 1_000_000 + 10 * minute });
    seenFor(9 * minute);
    expect(waitOf(await look())).toBe('cool-off');
    seenFor(10 * minute);
    const begun = await look();
    expect(begun.messages).toMatchObject([
      { event: { input: { pool: 'old', removes: true, controlPlane: false } }, start: { machine: 'nodePoolRoll' } },
    ]);
    const rolls = (output(begun) as Partial<ClusterUpdateState>).rolls ?? {};
    expect(rolls).toMatchObject({ old: { state: 'running' } });
    expect(waitOf(await look(rolls))).toBe('draining-pool');
    expect(live.mutations).toEqual([]);
    live.pools.set('old', { running: '1', wanted: '1', nodes: 0 });
    expect(waitOf(await look({ old: rollOf('rolled') }))).toBe('stack-deletion');
    expect(live.mutations).toEqual([`unprotect stack ${poolStack('old')}`, `delete stack ${poolStack('old')}`]);
    expect(waitOf(await look({ old: rollOf('rolled') }))).toBe('stack-deletion');
    const end = await look({ old: rollOf('rolled') });
    expect([output(end).kind, end.facts]).toEqual(['next', [{ kind: 'orphans', key: id, value: null }]]);
    expect(live.mutations).toHaveLength(2);
  });

  it('keeps its stack when nodes are in it after all, when its drain failed, and when nobody holds the lease', async () => {
    const { live, look, seenFor, state } = scene(['old']);
    seenFor(minute * 60);
    expect(await failureOf(look({ old: rollOf('rolled') }))).toBe('pool-not-empty');
    expect(await failureOf(look({ old: rollOf('aborted', { reason: 'by ada' }) }))).toBe('roll-aborted');
    live.pools.set('old', { running: '1', wanted: '1', nodes: 0 });
    state.leaseHeld = false;
    expect(await failureOf(look({ old: rollOf('rolled') }))).toBe('lease-lost');
    expect(live.mutations).toEqual([]);
  });

  it('goes one after the other', async () => {
    const { look, seenFor } = scene(['old', 'older']);
    seenFor(minute * 60);
    const first = await look();
    expect(first.messages).toHaveLength(1);
    expect(waitOf(await look({ old: rollOf('running') }))).toBe('draining-pool');
  });

  it('says what holds its nodes up', async () => {
    const { look } = scene(['old']);
    const blocked = { code: 'bare-pod', message: 'a node cannot be drained', since: 0 };
    const outcome = await look({ old: rollOf('running', { blocked }) });
    expect(outcome).toMatchObject({ reason: { code: 'roll-blocked', message: 'a node cannot be drained' } });
  });

  it('is refused, before anything is touched, with too many others or when no workers would be left', async () => {
    const many = scene(['a', 'b', 'c', 'd']);
    expect(await failureOf(many.run('plan-update', 'rendering'))).toBe('too-many-removals');
    expect(await failureOf(many.look())).toBe('too-many-removals');
    const allowed = scene(['a', 'b', 'c', 'd'], {}, { removal_limit: '4' });
    expect(await failureOf(allowed.run('plan-update', 'rendering'))).toBe('done');
    const last = scene(['old']);
    last.state.rendered = { ...last.state.rendered, pools: [] };
    expect(await failureOf(last.run('plan-update', 'rendering'))).toBe('no-workers-left');
    expect([...many.live.mutations, ...last.live.mutations]).toEqual([]);
  });
});

describe('a further stack that left the configuration', () => {
  const topic = 'Resources: {Topic: {Type: "AWS::SNS::Topic"}}';
  const table = 'Resources: {Orders: {Type: "AWS::DynamoDB::Table"}}';

  it('is deleted when it has cooled off', async () => {
    const { live, look, seenFor } = scene([], { news: topic });
    expect(waitOf(await look())).toBe('cool-off');
    seenFor(minute * 60);
    expect(waitOf(await look())).toBe('stack-deletion');
    expect(live.mutations).toEqual(['unprotect stack news', 'delete stack news']);
  });

  it('stays while it holds what cannot be made again, and goes when somebody has allowed it', async () => {
    const kept = scene([], { orders: table });
    kept.seenFor(minute * 60);
    const outcome = await kept.look();
    expect(output(outcome).kind).toBe('next');
    expect(outcome.journal?.[0]?.message).toMatch(/stack orders .* stays: Orders \(AWS::DynamoDB::Table\): its data/);
    expect(kept.live.mutations).toEqual([]);
    const allow_stack_changes = 'orders/Orders until 1971-01-01 by ada: moved';
    const allowed = scene([], { orders: table }, { allow_stack_changes });
    allowed.seenFor(minute * 60);
    expect(waitOf(await allowed.look())).toBe('stack-deletion');
  });

  it('stays when nobody can read what is in it', () => {
    expect(keptFor('{', { stack: 'odd' }, new Set())).toMatch(/cannot be read/);
  });
});

describe('what nothing renders', () => {
  it('counts only with the tags that clm gives: stacks of controllers and of other clusters are left alone', () => {
    const view = (name: string, tags: Record<string, string>): StackView => ({
      name,
      id: name,
      status: 'CREATE_COMPLETE',
      outputs: {},
      tags,
      parameters: {},
      terminationProtection: false,
    });
    const stacks = [
      view('ingress-alb', { ...own, 'kubernetes:application': 'ingress' }),
      view(sampleCluster.localId, own),
      view('listed', { ...own, 'clm/stack': 'extra' }),
      view('foreign', { 'kubernetes.io/cluster/other': 'owned', 'clm/stack': 'extra' }),
      view('mine', { ...own, 'clm/stack': 'extra' }),
      view('nodepool-m', poolTags('m', 'master-default')),
      { ...view('gone', { ...own, 'clm/stack': 'extra' }), status: 'DELETE_COMPLETE' },
    ];
    const deletions = { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: ['listed'] };
    expect(orphansOf(stacks, { stacks: [], deletions }, sampleCluster)).toMatchObject([
      { stack: 'nodepool-m', pool: 'm', controlPlane: true },
      { stack: 'mine' },
    ]);
  });
});
