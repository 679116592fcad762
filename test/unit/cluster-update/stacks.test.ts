import { describe, expect, it } from 'vitest';
import type { StackProgress } from '../../../src/domain/cluster-update.ts';
import type { GroupSizes, RenderedStack } from '../../../src/domain/rendered.ts';
import { applyItemProblems } from '../../../src/planning/pipeline/apply-policy.ts';
import {
  allowancesOf,
  parseAllowances,
  policyWith,
  refusedChanges,
  samePolicy,
  summariseChanges,
} from '../../../src/planning/pipeline/stack-guard.ts';
import { describeForeignWork, describeStackFailure, nextForStack } from '../../../src/planning/pipeline/stack-state.ts';
import type { StackChange, StackView } from '../../../src/ports/cloud-provider.ts';
import type { StepOutcome } from '../../../src/ports/step.ts';
import { parseStackTemplate } from '../../../src/rendering/stack-template.ts';
import type { ScriptedCluster } from '../../support/pipeline/scripted-cluster.ts';
import { bench, failureOf, id, output } from '../../support/pipeline/update-bench.ts';
import { sampleCluster } from '../../support/sample-cluster.ts';

const own = sampleCluster.localId;
const ownTag = { [`kubernetes.io/cluster/${id}`]: 'owned' };

function rendered(name: string, kind: RenderedStack['kind'], more: Partial<RenderedStack> = {}): RenderedStack {
  return { name, kind, template: 'new', parameters: {}, tags: ownTag, digest: name, ...more };
}

const group: StackChange = {
  action: 'Modify',
  logicalId: 'Group',
  type: 'AWS::AutoScaling::AutoScalingGroup',
  replacement: 'False',
  properties: [{ property: 'LaunchTemplate', recreation: 'Never', dynamic: true }],
};
const replaced: StackChange = {
  ...group,
  replacement: 'True',
  properties: [
    { property: 'AutoScalingGroupName', recreation: 'Always', dynamic: false },
    { property: 'MaxSize', recreation: 'Never', dynamic: false },
  ],
};

/** Runs the step until it is done or `passes` are over, keeping what a process would keep. */
async function through(
  { run, plan }: Pick<ReturnType<typeof bench>, 'run' | 'plan'>,
  stacks: RenderedStack[],
  { state = 'clusterStack', passes = 12, before = {} } = {},
): Promise<{ outcomes: StepOutcome[]; kept: Record<string, StackProgress> }> {
  const outcomes: StepOutcome[] = [];
  let kept = before;
  for (let pass = 0; pass < passes; pass += 1) {
    const change = { plan: { ...plan, stacks: stacks.map((stack) => stack.name) }, stacks: kept };
    const outcome = await run('apply-stacks', state, change);
    outcomes.push(outcome);
    const progress = (outcome.kind === 'waiting' ? outcome.progress : output(outcome)) as { stacks?: typeof kept };
    kept = { ...kept, ...progress.stacks };
    if (outcome.kind === 'done') break;
  }
  return { outcomes, kept };
}

const journalOf = (outcomes: StepOutcome[]): string[] =>
  outcomes.flatMap((outcome) => (outcome.journal ?? []).map((note) => `${note.kind}: ${note.message}`));
const settle = (live: ScriptedCluster, name: string, template = 'old') =>
  live.settle({ name, template, parameters: {}, tags: ownTag });
const status = (live: ScriptedCluster, name: string, to: string) => {
  const stack = live.stacks.get(name);
  if (stack) stack.settlesAs = stack.view.status = to;
};

describe('a stack', () => {
  const stack = rendered(own, 'cluster');

  it('is created with its protection and policy in place', async () => {
    const etcd = rendered('etcd', 'etcd', { updatePolicy: '{"Statement":[]}' });
    const world = bench({ stacks: [etcd] });
    const { outcomes } = await through(world, [etcd], { state: 'etcdStack' });
    expect(world.live.mutations).toEqual(['create stack etcd']);
    expect(world.live.stacks.get('etcd')).toMatchObject({
      policy: '{"Statement":[]}',
      view: { terminationProtection: true },
    });
    expect(output(outcomes.at(-1) as StepOutcome).kind).toBe('next');
  });

  it('is changed by a change set that was looked at first, and says what changes', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    world.live.changes.set(own, [group]);
    const { outcomes } = await through(world, [stack]);
    expect(world.live.mutations).toEqual([`update stack ${own}`]);
    expect(journalOf(outcomes)).toEqual([
      `stack-change: stack ${own}: 1 to modify (Group)`,
      `stack-applied: stack ${own} of ${id} is applied`,
    ]);
  });

  it('that is as rendered already gets a change set that is thrown away, and no change', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own, 'new');
    const { outcomes } = await through(world, [stack]);
    expect(world.live.mutations).toEqual([]);
    expect(world.live.stacks.get(own)?.changeSets.size).toBe(0);
    expect(journalOf(outcomes)).toEqual([`stack-applied: stack ${own} of ${id} is as rendered already`]);
  });

  it('is not changed when something precious would be replaced: who, what and the remedy are said', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    world.live.changes.set(own, [replaced]);
    await expect(through(world, [stack])).rejects.toMatchObject({
      failure: {
        kind: 'terminal',
        code: 'stack-change-refused',
        message: expect.stringMatching(
          new RegExp(
            `stack ${own}, resource Group .*property AutoScalingGroupName would replace it.*allow_stack_changes: '${own}/Group until`,
          ),
        ),
      },
    });
    expect(world.live.mutations).toEqual([]);
    expect(world.live.stacks.get(own)?.changeSets.size).toBe(0);
  });

  it('is changed all the same while the registry allows it, which the journal keeps', async () => {
    const allow = `${own}/Group until 2030-01-31 by ada: the name was wrong`;
    const world = bench({ stacks: [stack] }, { allow_stack_changes: allow });
    settle(world.live, own);
    world.live.changes.set(own, [replaced]);
    const { outcomes } = await through(world, [stack]);
    expect(world.live.mutations).toEqual([`update stack ${own}`]);
    expect(journalOf(outcomes)).toContain(
      `stack-change-allowed: ${own}/Group may be replaced or removed, as ada allows until 2030-01-31: the name was wrong`,
    );
  });

  it('gets its protection and its policy back where somebody took them', async () => {
    const guarded = { ...stack, updatePolicy: '{"Statement":[{"Effect":"Deny","Resource":["*"]}]}' };
    const world = bench({ stacks: [guarded] });
    settle(world.live, own, 'new');
    const live = world.live.stacks.get(own);
    if (live) live.view.terminationProtection = false;
    await through(world, [guarded]);
    expect(world.live.mutations).toEqual([`set policy of ${own}`, `protect stack ${own}`]);
    world.live.mutations.length = 0;
    await through(world, [guarded]);
    expect(world.live.mutations).toEqual([]);
  });

  it('whose creation failed is made anew once, and not a second time', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    status(world.live, own, 'ROLLBACK_COMPLETE');
    await through(world, [stack]);
    expect(world.live.mutations).toEqual([`unprotect stack ${own}`, `delete stack ${own}`, `create stack ${own}`]);
    status(world.live, own, 'ROLLBACK_COMPLETE');
    world.live.rollsBack.add(own);
    expect(await failureOf(through(world, [stack]).then(({ outcomes }) => outcomes.at(-1) as StepOutcome))).toBe(
      'stack-failed',
    );
  });

  it('that is hollow and not of this cluster is left alone', async () => {
    const world = bench({ stacks: [stack] });
    world.live.settle({ name: own, template: 'old', parameters: {}, tags: {} });
    status(world.live, own, 'ROLLBACK_COMPLETE');
    expect(await failureOf(world.run('apply-stacks', 'clusterStack', { plan: { ...world.plan, stacks: [own] } }))).toBe(
      'stack-not-ours',
    );
    expect(world.live.mutations).toEqual([]);
  });

  it('whose rollback failed is taken back first, and changed then', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    status(world.live, own, 'UPDATE_ROLLBACK_FAILED');
    await through(world, [stack]);
    expect(world.live.mutations).toEqual([`continue rollback ${own}`, `update stack ${own}`]);
  });

  it('that somebody else changes is waited for, and changed when it is at rest', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    const live = world.live.stacks.get(own);
    if (live) Object.assign(live, { busyFor: 2 }).view.status = 'UPDATE_IN_PROGRESS';
    const { outcomes } = await through(world, [stack]);
    expect(outcomes[0]).toMatchObject({ reason: { message: expect.stringContaining('somebody else works on it') } });
    expect(world.live.mutations).toEqual([`update stack ${own}`]);
  });

  it('that somebody else does not let go is given up, with who it is', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    status(world.live, own, 'UPDATE_IN_PROGRESS');
    const change = { plan: { ...world.plan, stacks: [own] }, activeMs: 3 * 3_600_000 };
    expect(await failureOf(world.run('apply-stacks', 'clusterStack', change))).toBe('stack-busy');
  });

  it('whose template is too long for a request goes through S3, and files of nodes before it', async () => {
    const upload = {
      bucket: 'b',
      key: 'k',
      encryptionKey: { alias: 'a' },
      files: [{ path: 'etc/x', data: '', permissions: 0o644, encrypted: false }],
    };
    const long = { ...stack, template: 'x'.repeat(51_201), uploads: [upload] };
    const world = bench({ stacks: [long] }, { files_bucket: 'our-files' });
    await through(world, [long]);
    expect(world.live.mutations).toEqual([
      'store b/k',
      expect.stringMatching(new RegExp(`^store our-files/${own}/templates/[0-9a-f]{64}\\.template$`)),
      `create stack ${own}`,
    ]);
  });

  it('killed after any call comes to the same end', async () => {
    const world = bench({ stacks: [stack] });
    settle(world.live, own);
    // every pass runs twice from the same state, as after a kill before its commit
    let kept: Record<string, StackProgress> = {};
    for (let pass = 0; pass < 10; pass += 1) {
      await through(world, [stack], { passes: 1, before: kept });
      const { outcomes, kept: next } = await through(world, [stack], { passes: 1, before: kept });
      kept = next;
      if (outcomes.at(-1)?.kind === 'done') break;
    }
    expect(kept[own]?.state).toBe('applied');
    expect(world.live.mutations).toEqual([`update stack ${own}`]);
    expect(world.live.stacks.get(own)?.template).toBe('new');
  });
});

describe('what is done about a stack', () => {
  const view = (stackStatus: string, changeSetId?: string): StackView => ({
    name: 's',
    id: 's',
    status: stackStatus,
    outputs: {},
    tags: {},
    parameters: {},
    terminationProtection: false,
    ...(changeSetId === undefined ? {} : { changeSetId }),
  });
  const planned: StackProgress = { kind: 'cluster', state: 'planned', since: 1, changeSet: 'c' };
  const mine = 'arn:aws:cloudformation:r:1:changeSet/c/1';

  it.each([
    [
      'a change set that was carried out although the answer was lost',
      view('UPDATE_COMPLETE', mine),
      planned,
      'applied',
    ],
    ['one that is being carried out', view('UPDATE_IN_PROGRESS', mine), planned, 'wait'],
    ['one that came to nothing', view('UPDATE_ROLLBACK_COMPLETE', mine), planned, 'fail'],
    ['one whose rollback failed', view('UPDATE_ROLLBACK_FAILED', mine), planned, 'fail'],
    ['one that nobody carried out', view('UPDATE_COMPLETE', 'arn:…/another/1'), planned, 'judge'],
    ['an update that somebody else took back', view('UPDATE_ROLLBACK_COMPLETE', 'arn:…/another/1'), planned, 'judge'],
    ['a creation of ours that vanished', undefined, { ...planned, state: 'started', changeSet: undefined }, 'fail'],
    ['a stack that nobody made', undefined, undefined, 'create'],
    ['a status of tomorrow', view('NOVEL'), undefined, 'fail'],
  ] as [string, StackView | undefined, StackProgress | undefined, string][])('after %s', (_, live, before, action) => {
    expect(nextForStack(live, before).do).toBe(action);
  });

  it('names who works on it, as far as its events tell', () => {
    const begun = { at: 'T', logicalId: 's', status: 'UPDATE_IN_PROGRESS', reason: 'User Initiated' };
    expect(describeForeignWork('s', 'UPDATE_IN_PROGRESS', [begun])).toBe(
      'stack s is UPDATE_IN_PROGRESS since T: somebody else works on it, CloudTrail knows who',
    );
    expect(describeForeignWork('s', 'UPDATE_IN_PROGRESS', [{ ...begun, token: 'clm-dev-1' }])).toContain(
      'an earlier update of clm',
    );
    expect(describeForeignWork('s', 'UPDATE_IN_PROGRESS', [{ ...begun, token: 'x' }])).toContain('request token x');
  });

  it('says what a person does about one that is stuck', () => {
    expect(describeStackFailure('s', 'DELETE_FAILED', undefined)).toContain('finish the deletion');
    expect(describeStackFailure('s', 'UPDATE_ROLLBACK_FAILED', undefined)).toContain('ResourcesToSkip');
  });
});

describe('the guard of changes', () => {
  const judge = (change: Partial<StackChange>, selfRolling: Record<string, string> = {}) =>
    refusedChanges({
      ...{ stack: 's', changes: [{ ...group, ...change }], allowed: new Map(), selfRolling },
      ...{ sizes: {}, running: new Map() },
    });

  it.each([
    ['a replacement that is certain', { replacement: 'True' }, 1],
    ['a replacement that may come', { replacement: 'Conditional' }, 1],
    ['a removal', { action: 'Remove' }, 1],
    ['a change in place', {}, 0],
    ['an addition', { action: 'Add' }, 0],
    ['another type under the name', { replacement: 'True', properties: [] }, 1],
    ['a volume', { type: 'AWS::EC2::Volume', replacement: 'True' }, 1],
    ['a bucket', { type: 'AWS::S3::Bucket', action: 'Remove' }, 1],
    ['a key', { type: 'AWS::KMS::Key', action: 'Remove' }, 1],
    ['a load balancer', { type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', replacement: 'Conditional' }, 1],
    ['a launch template', { type: 'AWS::EC2::LaunchTemplate', replacement: 'True' }, 0],
    ['a role', { type: 'AWS::IAM::Role', action: 'Remove' }, 0],
  ] as [string, Partial<StackChange>, number][])('on %s', (_, change, refusals) => {
    expect(judge(change)).toHaveLength(refusals);
  });

  it('refuses a group that CloudFormation would roll by itself', () => {
    const selfRolling = { Group: 'AutoScalingRollingUpdate' };
    expect(judge({}, selfRolling)[0]?.message).toMatch(/past every PodDisruptionBudget; remove that UpdatePolicy/);
    const harmless = { properties: [{ property: 'MaxSize', recreation: 'Never' as const, dynamic: false }] };
    expect(judge(harmless, selfRolling)).toEqual([]);
  });

  const cut = (sizes: GroupSizes, nodes: number, property = 'LaunchTemplate', more: Partial<StackChange> = {}) =>
    refusedChanges({
      ...{ stack: 's', allowed: new Map(), selfRolling: {}, sizes: { Group: sizes } },
      changes: [
        { ...group, physicalId: 'g', properties: [{ property, recreation: 'Never', dynamic: false }], ...more },
      ],
      running: new Map([['g', nodes]]),
    }).map((each) => each.message);

  it('refuses a size below what runs: AWS would end the rest undrained', () => {
    expect(cut({ keeps: false, max: 8 }, 30)).toEqual([
      expect.stringMatching(
        /MaxSize of g to 8 while 30 nodes run, and 22 nodes would end without a drain; leave it at 30/,
      ),
    ]);
    expect(cut({ keeps: true, max: 8 }, 30, 'MaxSize')).toHaveLength(1);
    expect(cut({ keeps: false, max: 40, desired: 29 }, 30)[0]).toContain('DesiredCapacity of g to 29');
    expect(cut({ keeps: false, max: null }, 30, 'MaxSize')[0]).toContain('does not say in digits');
  });

  it('lets sizes pass that nothing runs above, or that stay as they are', () => {
    expect(cut({ keeps: true, max: 8 }, 30)).toEqual([]);
    expect(cut({ keeps: false, max: 30, desired: 30 }, 30, 'MaxSize')).toEqual([]);
    expect(cut({ keeps: false, max: 8 }, 0, 'MaxSize')).toEqual([]);
    expect(cut({ keeps: false, max: null }, 30)).toEqual([]);
    expect(cut({ keeps: false, max: 8 }, 30, 'MaxSize', { action: 'Add' })).toEqual([]);
  });

  it('reads sizes from the template', () => {
    const text = (group: string): string => `Resources: {Group: {Type: AWS::AutoScaling::AutoScalingGroup${group}}}`;
    const sizesOf = (said: string) => {
      const parsed = parseStackTemplate(text(said));
      return parsed.ok ? parsed.summary.groupSizes : parsed;
    };
    const policy = 'UpdatePolicy: {AutoScalingScheduledAction: {IgnoreUnmodifiedGroupSizeProperties: "true"}}';
    expect(sizesOf(', Properties: {MaxSize: "8", DesiredCapacity: !Ref Size}')).toEqual({
      Group: { keeps: false, max: 8, desired: null },
    });
    expect(sizesOf(`, ${policy}, Properties: {MaxSize: 8}`)).toEqual({ Group: { keeps: true, max: 8 } });
  });

  it('asks what runs before a group is changed, and leaves it alone where that is more', async () => {
    const pool = rendered('nodepool-w', 'node-pool', { pool: 'w', groupSizes: { Group: { keeps: false, max: 1 } } });
    const world = bench({ stacks: [pool] });
    settle(world.live, 'nodepool-w');
    world.live.pools.set('w', { running: '1', wanted: '1', nodes: 3 });
    const running = world.live.groups().find((one) => one.tags['NodePool'] === 'w');
    world.live.changes.set('nodepool-w', [{ ...group, physicalId: running?.name ?? '' }]);
    await expect(through(world, [pool], { state: 'workerStacks' })).rejects.toMatchObject({
      failure: { code: 'stack-change-refused', message: expect.stringContaining('would end without a drain') },
    });
    expect(world.live.mutations).toEqual([]);
  });

  it('reads allowances that have who, why and until when, and no others', () => {
    const text = '\n s/Group until 2027-01-31 by ada: moved\n s/Other\n s/X until soon by ada: y\n';
    const { allowed, problems } = parseAllowances(text);
    expect(allowed).toEqual([
      { stack: 's', logicalId: 'Group', until: Date.parse('2027-01-31T23:59:59.999Z'), actor: 'ada', reason: 'moved' },
    ]);
    expect(problems).toEqual(['s/Other', 's/X until soon by ada: y']);
    expect(
      applyItemProblems({ allow_stack_changes: text, files_bucket: 'NO', stack_termination_protection: 'on' }),
    ).toHaveLength(4);
    expect(allowancesOf(text, 's', Date.parse('2027-01-31T12:00:00Z')).size).toBe(1);
    expect(allowancesOf(text, 's', Date.parse('2027-02-01T00:00:00Z')).size).toBe(0);
    expect(allowancesOf(text, 'other', 0).size).toBe(0);
  });

  it('takes what is allowed out of the policy of the stack, and nothing else', () => {
    const policy = JSON.stringify({
      Statement: [
        { Effect: 'Allow', Action: ['Update:*'], Principal: '*', Resource: ['*'] },
        { Effect: 'Deny', Action: ['Update:Replace'], Principal: '*', Resource: ['*'] },
      ],
    });
    expect(policyWith(policy, [])).toBe(policy);
    expect(JSON.parse(policyWith(policy, ['Group']))).toMatchObject({
      Statement: [{ Resource: ['*'] }, { Effect: 'Deny', NotResource: ['LogicalResourceId/Group'] }],
    });
    expect(samePolicy('{"b":1,"a":[2]}', '{"a": [2], "b": 1}')).toBe(true);
    expect(samePolicy('{"a":[3]}', '{"a":[2]}')).toBe(false);
    expect(samePolicy('', '{}')).toBe(false);
  });

  it('sums up what changes', () => {
    expect(summariseChanges([group, replaced, { ...group, action: 'Remove', logicalId: 'Old' }])).toBe(
      '1 to modify (Group), 1 to replace (Group), 1 to remove (Old)',
    );
    expect(summariseChanges([])).toBe('only tags, outputs or metadata');
  });
});
