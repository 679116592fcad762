import { describe, expect, it } from 'vitest';
import type { RollPolicy } from '../../../src/planning/roll/policy.ts';
import type { RollPlanInput } from '../../../src/planning/roll/roll-plan.ts';
import { type BudgetSpec, buildInput, now, type PodSpec, plan, words } from '../../support/roll-builders.ts';

const draining = [{ name: 'old-1', old: true, drainingFor: 60_000 }, { name: 'new-1' }];

function drain(
  pods: PodSpec[],
  budgets: BudgetSpec[] = [],
  more: { input?: Partial<RollPlanInput>; policy?: Partial<RollPolicy>; ready?: boolean } = {},
) {
  const nodes =
    more.ready === undefined
      ? draining
      : [{ ...draining[0], name: 'old-1', ready: more.ready, readyFor: 600_000 }, { name: 'new-1' }];
  return plan({
    pools: [{ nodes, baseline: 1 }],
    pods: pods.map((pod) => ({ node: 'old-1', ...pod })),
    budgets,
    daemons: ['proxy'],
    ...(more.input ? { input: more.input } : {}),
    ...(more.policy ? { policy: more.policy } : {}),
  });
}
const evictions = (found: ReturnType<typeof drain>): string[] =>
  words(found.actions).filter((one) => one.startsWith('evict'));
const phase = (found: ReturnType<typeof drain>): string | undefined =>
  found.nodes.find((node) => node.name === 'old-1')?.phase;
const block = (found: ReturnType<typeof drain>) => found.nodes.find((node) => node.name === 'old-1')?.blockedBy;

describe('a drain leaves alone, and does not wait for', () => {
  it.each([
    ['the pod of a DaemonSet', { name: 'proxy-1', daemon: 'proxy' }],
    ['a mirror pod', { name: 'static', mirror: true }],
    ['a pod that succeeded', { name: 'job', phase: 'Succeeded' }],
    ['a pod that failed', { name: 'job', phase: 'Failed' }],
    ['a pod labelled to be skipped', { name: 'agent', labels: { 'cluster.x-k8s.io/drain': 'skip' } }],
  ] as const)('%s', (_name, pod) => {
    const found = drain([pod]);
    expect(evictions(found)).toEqual([]);
    expect(phase(found)).toBe('drained');
  });
});

describe('a drain evicts', () => {
  it('pods without a budget side by side, up to a number a look', () => {
    const pods = Array.from({ length: 14 }, (_, i) => ({ name: `free-${i}`, app: `free-${i}` }));
    const found = drain(pods);
    expect(evictions(found)).toHaveLength(10);
    expect(found.nextLookAt).toBeLessThanOrEqual(now + 1_000);
  });

  it('the orphan of a DaemonSet that is no more', () => {
    expect(evictions(drain([{ name: 'lost', daemon: 'deleted' }]))).toEqual(['evict lost']);
  });

  it('a pending pod whatever its budget says', () => {
    expect(evictions(drain([{ name: 'web', phase: 'Pending', ready: false }], [{ name: 'web', allowed: 0 }]))).toEqual([
      'evict web',
    ]);
  });

  it('an unready pod of a budget that allows nothing, where its policy or enough healthy pods let it go', () => {
    const sick = [{ name: 'web', ready: false }];
    const budget = { name: 'web', allowed: 0, expected: 3, desired: 2 };
    expect(evictions(drain(sick, [{ ...budget, healthy: 2 }]))).toEqual(['evict web']);
    expect(evictions(drain(sick, [{ ...budget, healthy: 1, unhealthy: 'AlwaysAllow' }]))).toEqual(['evict web']);
    const stuck = drain(sick, [{ ...budget, healthy: 1 }]);
    expect(evictions(stuck)).toEqual([]);
    expect(block(stuck)).toMatchObject({ code: 'budget-refuses', budget: 'web' });
  });

  it('unready pods that take nothing from their budget side by side', () => {
    const sick = ['a', 'b'].map((name) => ({ name, app: 'web', ready: false }));
    const budget = { name: 'web', allowed: 0, expected: 4, desired: 2, healthy: 0 };
    expect(evictions(drain(sick, [{ ...budget, unhealthy: 'AlwaysAllow' }]))).toEqual(['evict a', 'evict b']);
  });

  it('one pod a budget, and pods of several budgets at once', () => {
    const pods = [
      { name: 'a-1', app: 'a' },
      { name: 'a-2', app: 'a' },
      { name: 'b-1', app: 'b' },
    ];
    const budgets = [
      { name: 'a', allowed: 2, desired: 0 },
      { name: 'b', allowed: 1, desired: 0 },
    ];
    expect(evictions(drain(pods, budgets))).toEqual(['evict a-1', 'evict b-1']);
  });

  it('nothing of a budget of which a pod anywhere in the cluster began to go a moment ago, and looks again in time', () => {
    const after = (ms: number) =>
      drain(
        [
          { name: 'a-1', app: 'a' },
          { name: 'a-2', app: 'a', node: 'elsewhere', grace: 30, deletingIn: 30_000 - ms },
        ],
        [{ name: 'a', allowed: 2, desired: 0 }],
      );
    expect(evictions(after(14_999))).toEqual([]);
    expect(block(after(14_999))).toBeUndefined();
    expect(after(5_000).nextLookAt).toBe(now + 10_000);
    expect(evictions(after(15_000))).toEqual(['evict a-1']);
  });

  it('the next pod of a budget that allows it, however long the last one takes to stop', () => {
    const pods = [
      { name: 'a-1', app: 'a' },
      { name: 'a-2', app: 'a', node: 'elsewhere', grace: 3_600, deletingIn: 3_000_000 },
    ];
    expect(evictions(drain(pods, [{ name: 'a', allowed: 1, desired: 0 }]))).toEqual(['evict a-1']);
    expect(evictions(drain(pods, [{ name: 'a', allowed: 0 }]))).toEqual([]);
  });

  it('pods that the cluster lives by last', () => {
    const pods = [{ name: 'dns', labels: { 'k8s-app': 'kube-dns' } }, { name: 'web' }];
    expect(evictions(drain(pods))).toEqual(['evict web']);
    expect(evictions(drain([{ name: 'dns', labels: { 'k8s-app': 'kube-dns' } }]))).toEqual(['evict dns']);
    const going = [
      { name: 'dns', priority: 'system-cluster-critical' },
      { name: 'web', deletingIn: 10_000 },
    ];
    expect(evictions(drain(going))).toEqual([]);
  });

  it('no pod again before its wait is over, and right after', () => {
    const wait = (ms: number) =>
      drain([{ name: 'a' }], [{ name: 'a', allowed: 1, desired: 0 }], {
        input: { evictNotBefore: new Map([['pod-a', now + ms]]) },
      });
    expect(evictions(wait(1_000))).toEqual([]);
    expect(wait(1_000).nextLookAt).toBe(now + 1_000);
    expect(evictions(wait(0))).toEqual(['evict a']);
    expect(block(wait(0))).toMatchObject({ code: 'budget-refuses', budget: 'a' });
  });

  it('no more ready pods of a budget than it can lose by the pods themselves, where its status counts some that are no more', () => {
    const of = (more: PodSpec[]) =>
      drain([{ name: 'a-1', app: 'a' }, ...more], [{ name: 'a', allowed: 2, desired: 2 }]);
    const others = ['a-2', 'a-3'].map((name) => ({ name, app: 'a', node: 'new-1' }));
    const [one, two] = others as [PodSpec, PodSpec];
    for (const gone of [[one], [one, { ...two, ready: false }], [one, { ...two, deletingIn: -60_000 }]]) {
      expect(evictions(of(gone))).toEqual([]);
      expect(block(of(gone))).toMatchObject({ code: 'budget-not-observed', budget: 'a' });
    }
    expect(evictions(of(others))).toEqual(['evict a-1']);
    const sick = [{ name: 'a-1', app: 'a', ready: false }, one];
    expect(evictions(drain(sick, [{ name: 'a', allowed: 1, desired: 2 }]))).toEqual(['evict a-1']);
    const allSick = drain(sick.slice(0, 1), [{ name: 'a', allowed: 1, desired: 0 }]);
    expect(evictions(allSick)).toEqual(['evict a-1']);
    const several = drain(
      [{ name: 'a-0', app: 'a' }, { name: 'a-1', app: 'a' }, ...others],
      [{ name: 'a', allowed: 3, desired: 3 }],
      { policy: { evictionsPerBudget: 3 } },
    );
    expect(evictions(several)).toEqual(['evict a-0']);
  });

  it('nothing in the first seconds after a start, when nobody knows what was asked for a moment ago', () => {
    expect(evictions(drain([{ name: 'a' }], [], { input: { evictionsHeldUntil: now + 2_000 } }))).toEqual([]);
  });

  it('a pod that terminates already not a second time', () => {
    const found = drain([{ name: 'a', deletingIn: 10_000 }]);
    expect(evictions(found)).toEqual([]);
    expect(phase(found)).toBe('draining');
  });
});

describe('a drain is blocked at once, by name', () => {
  it('by two budgets that select one pod', () => {
    const budgets = [
      { name: 'one', app: 'a', allowed: 1 },
      { name: 'two', app: 'a', allowed: 1 },
    ];
    const found = drain([{ name: 'a-1', app: 'a' }], budgets);
    expect(phase(found)).toBe('blocked');
    expect(block(found)).toMatchObject({
      code: 'multiple-budgets',
      budget: 'one, two',
      pod: 'a-1',
      owner: 'ReplicaSet/a-rs',
      node: 'old-1',
    });
  });

  it('by a budget that can never allow', () => {
    const found = drain([{ name: 'a' }], [{ name: 'a', allowed: 0, expected: 2, desired: 2 }]);
    expect(phase(found)).toBe('blocked');
    expect(block(found)).toMatchObject({ code: 'budget-never-allows', namespace: 'shop', budget: 'a' });
  });

  it('by a pod without a controller where the policy says so, and evicts it where it does not', () => {
    const bare = [{ name: 'a', bare: true }];
    expect(block(drain(bare, [], { policy: { barePods: 'block' } }))).toMatchObject({
      code: 'bare-pod',
      owner: 'no owner',
    });
    expect(evictions(drain(bare))).toEqual(['evict a']);
  });

  it('by a pod that asks not to be moved, where the policy respects it', () => {
    const pods = [{ name: 'a', annotations: { 'karpenter.sh/do-not-disrupt': 'true' } }];
    expect(block(drain(pods))).toMatchObject({ code: 'protected-pod' });
    expect(evictions(drain(pods, [], { policy: { protectedPods: 'evict' } }))).toEqual(['evict a']);
  });

  it('by pods that keep coming back to the cordoned node', () => {
    const returns = new Map([['old-1/rs-a', 2]]);
    expect(block(drain([{ name: 'a' }], [], { input: { returns } }))).toMatchObject({ code: 'pod-returns' });
  });

  it('by a lasting refusal of the server', () => {
    const refusedForGood = new Map([['pod-a', { code: 'admission-denied', message: 'webhook says no' }]]);
    expect(block(drain([{ name: 'a' }], [], { input: { refusedForGood } }))).toMatchObject({
      code: 'admission-denied',
      message: 'webhook says no',
    });
  });

  it('by a pod that is still terminating long after its grace, unless the node is dead', () => {
    const stuck = [{ name: 'a', deletingIn: -31_000 }];
    expect(block(drain(stuck))).toMatchObject({ code: 'pod-stuck-terminating' });
    expect(phase(drain(stuck, [], { ready: false }))).toBe('drained');
  });
});

describe('a drain waits', () => {
  it('for a budget that refuses just now, and parks the node after two minutes', () => {
    const pods = [{ name: 'a', node: 'old-1' }];
    const budgets = [{ name: 'a', allowed: 0 }];
    const found = drain(pods, budgets);
    expect(phase(found)).toBe('draining');
    expect(block(found)).toMatchObject({ code: 'budget-refuses', since: now });
    const blockedBy = {
      code: 'budget-refuses',
      message: '',
      namespace: 'shop',
      budget: 'a',
      pod: 'a',
      owner: '',
      node: 'old-1',
      since: now - 120_000,
    };
    const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'draining' as const, since: now, blockedBy }];
    const later = plan({ pools: [{ nodes: draining, baseline: 1, previous }], pods, budgets });
    expect(later.nodes[0]).toMatchObject({ phase: 'blocked', blockedBy: { since: now - 120_000 } });
  });

  it('for a budget whose change is not processed yet', () => {
    expect(block(drain([{ name: 'a' }], [{ name: 'a', allowed: 1, generationLag: 1 }]))).toMatchObject({
      code: 'budget-not-observed',
    });
  });

  it('for a pod labelled to be left to finish, up to a limit', () => {
    const pods = [{ name: 'job', labels: { 'cluster.x-k8s.io/drain': 'wait-completed' } }];
    expect(evictions(drain(pods))).toEqual([]);
    expect(evictions(drain(pods, [], { policy: { waitCompletedMs: 60_000 } }))).toEqual(['evict job']);
  });
});

describe('a parked node', () => {
  const blockedBy = {
    code: 'budget-refuses',
    message: '',
    namespace: 'shop',
    budget: 'a',
    pod: 'a',
    owner: '',
    node: 'old-1',
    since: now - 600_000,
  };
  const previous = [
    { name: 'old-1', instanceId: 'i-old-1', phase: 'blocked' as const, since: now - 480_000, blockedBy },
  ];
  const nodes = [
    { name: 'old-1', old: true, drainingFor: 600_000 },
    { name: 'old-2', old: true },
    { name: 'old-3', old: true },
    { name: 'new-1' },
  ];
  const spec = { pods: [{ name: 'a', node: 'old-1' }], budgets: [{ name: 'a', allowed: 0 }] };

  it('gives its slot to the next one', () => {
    const found = plan({ pools: [{ nodes, baseline: 3, previous }], ...spec });
    expect(words(found.actions).filter((one) => one.startsWith('launch'))).toHaveLength(1);
  });

  it('does not give more slots than the policy allows', () => {
    const found = plan({ pools: [{ nodes, baseline: 3, previous }], ...spec, policy: { maxBlocked: 0 } });
    expect(words(found.actions)).toEqual([]);
  });

  it('is reported once it has been blocked for the limit', () => {
    const found = plan({ pools: [{ nodes, baseline: 3, previous, blockLimitMs: 600_000 }], ...spec });
    expect(found.overLimit).toMatchObject([{ name: 'old-1', blockedBy: { budget: 'a' } }]);
    const earlier = plan({ pools: [{ nodes, baseline: 3, previous, blockLimitMs: 600_001 }], ...spec });
    expect(earlier.overLimit).toEqual([]);
    expect(earlier.nextLookAt).toBeLessThanOrEqual(now + 1);
  });
});

describe('a node that somebody uncordons while it leaves', () => {
  const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'drained' as const, since: 0 }];
  const open = { name: 'old-1', old: true, drainingFor: 60_000, cordoned: false };

  it.each([
    ['rolling', open],
    ['stopping', open],
    ['rolling', { ...open, old: false, leaving: 'boot-failed' as const }],
    ['stopping', { ...open, old: false, leaving: 'surplus' as const }],
  ] as const)('is not ended, and begins anew: its marks are taken back (%s, %j)', (mode, node) => {
    const nodes = [node, { name: 'old-2', old: true }, { name: 'new-1' }];
    const found = plan({ pools: [{ mode, nodes, baseline: 2, previous }] });
    const about = words(found.actions).filter((one) => one.includes('old-1'));
    expect(about).toEqual(['give-back old-1']);
    expect(found.actions[0]?.reason).toContain('uncordoned');
  });
});

describe('budget selectors', () => {
  it('match by labels and expressions, nothing when absent, everything when empty', () => {
    const spec = {
      pools: [{ nodes: draining, baseline: 1 }],
      pods: [{ name: 'a', node: 'old-1' }],
      budgets: [{ name: 'x', allowed: 0, expected: 1, desired: 1 }],
    };
    const blockedWith = (selector: unknown): boolean => {
      const { view } = buildInput(spec);
      const budgets = view.budgets.map((one) => ({ ...one, selector: selector as (typeof one)['selector'] }));
      return plan({ ...spec, input: { view: { ...view, budgets } } }).nodes[0]?.phase === 'blocked';
    };
    expect(blockedWith(undefined)).toBe(false);
    expect(blockedWith({})).toBe(true);
    expect(blockedWith({ matchLabels: { app: 'a' } })).toBe(true);
    expect(blockedWith({ matchLabels: { app: 'b' } })).toBe(false);
    expect(blockedWith({ matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] })).toBe(true);
    expect(blockedWith({ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] })).toBe(false);
    expect(blockedWith({ matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] })).toBe(true);
    expect(blockedWith({ matchExpressions: [{ key: 'tier', operator: 'Exists' }] })).toBe(false);
  });
});
