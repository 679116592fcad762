import { describe, expect, it } from 'vitest';
import type { RollOverrides } from '../../../src/planning/roll/roll-plan.ts';
import { now, type PodSpec, plan, words } from '../../support/roll-builders.ts';

const hour = 3_600_000;
const allowed: RollOverrides = {
  force: { actor: 'ada', reason: 'ticket 12', expiresAt: now + hour },
  skips: new Map(),
};

interface Case {
  drainingFor?: number;
  overrides?: RollOverrides;
  pod?: Partial<PodSpec>;
  sibling?: Partial<PodSpec>;
  annotation?: number;
}

/** A node whose one pod is held by a budget that never allows, everything about it old enough unless the case says otherwise. */
function forced(given: Case = {}): string[] {
  const found = plan({
    pools: [{ nodes: [{ name: 'old-1', old: true, drainingFor: given.drainingFor ?? 7 * hour }, { name: 'new-1' }] }],
    pods: [
      { name: 'web-1', app: 'web', node: 'old-1', age: 73 * hour, ...given.pod },
      { name: 'web-2', app: 'web', node: 'new-1', age: 2 * hour, ...given.sibling },
    ],
    budgets: [{ name: 'web', allowed: 0, expected: 2, desired: 2 }],
    input: { overrides: given.overrides ?? allowed },
  });
  return words(found.actions).filter((one) => /^(force|evict)/.test(one));
}

describe('a pod is deleted in spite of its budget', () => {
  it('when an operator allows it and drain, pod and the pods beside it are old enough', () => {
    expect(forced()).toEqual(['force web-1']);
  });

  it.each([
    ['no operator has allowed it', { overrides: { force: undefined, skips: new Map() } }],
    [
      'the permission has ended',
      { overrides: { force: { actor: 'ada', reason: 'x', expiresAt: now }, skips: new Map() } },
    ],
    ['the drain has not lasted its grace period', { drainingFor: 5 * hour }],
    ['the pod is young', { pod: { age: 71 * hour } }],
    ['a ready pod beside it is young', { sibling: { age: hour / 2 } }],
    ['an unready pod beside it is not quite as old as it has to be', { sibling: { age: 5 * hour, ready: false } }],
  ] satisfies [string, Case][])('never while %s', (_why, given) => {
    expect(forced(given)).toEqual([]);
  });

  it('whatever the age of finished pods and of Jobs beside it', () => {
    expect(forced({ sibling: { age: 0, phase: 'Succeeded' } })).toEqual(['force web-1']);
  });

  it('one a node in each interval, and never a second one in the same look', () => {
    const pods = ['a', 'b'].map((name) => ({ name, app: 'web', node: 'old-1', age: 73 * hour }));
    const nodes = [{ name: 'old-1', old: true, drainingFor: 7 * hour }, { name: 'new-1' }];
    const budgets = [{ name: 'web', allowed: 0, expected: 2, desired: 2 }];
    const first = plan({ pools: [{ nodes }], pods, budgets, input: { overrides: allowed } });
    expect(words(first.actions).filter((one) => one.startsWith('force'))).toEqual(['force a']);
    const again = (ago: number) =>
      words(
        plan({
          pools: [{ nodes: nodes.map((node) => ({ ...node, forcedAgo: ago })) }],
          pods,
          budgets,
          input: { overrides: allowed },
        }).actions,
      ).filter((one) => one.startsWith('force'));
    expect(again(299_000)).toEqual([]);
    expect(again(300_000)).toEqual(['force a']);
  });

  it('also when two budgets select it, which the server refuses always', () => {
    const found = plan({
      pools: [{ nodes: [{ name: 'old-1', old: true, drainingFor: 7 * hour }, { name: 'new-1' }] }],
      pods: [{ name: 'web', node: 'old-1', age: 73 * hour }],
      budgets: [
        { name: 'one', app: 'web', allowed: 1 },
        { name: 'two', app: 'web', allowed: 1 },
      ],
      input: { overrides: allowed },
    });
    expect(words(found.actions)).toContain('force web');
  });

  it('never when it is not the budget that holds it', () => {
    const held: PodSpec = { name: 'web', node: 'old-1', age: 73 * hour };
    for (const pod of [
      { ...held, annotations: { 'karpenter.sh/do-not-disrupt': 'true' } },
      { ...held, bare: true },
      { ...held, deletingIn: 5_000 },
    ]) {
      const found = plan({
        pools: [{ nodes: [{ name: 'old-1', old: true, drainingFor: 7 * hour }, { name: 'new-1' }] }],
        pods: [pod],
        budgets: [{ name: 'web', allowed: 0, expected: 1, desired: 1 }],
        policy: { barePods: 'block' },
        input: { overrides: allowed },
      });
      expect(words(found.actions).filter((one) => /^(force|evict)/.test(one))).toEqual([]);
    }
  });

  it('after its node was cordoned, which the permission makes worth while', () => {
    const spec = {
      pools: [{ nodes: [{ name: 'old-1', old: true }, { name: 'new-1' }], baseline: 1 }],
      pods: [{ name: 'web', node: 'old-1' }],
      budgets: [{ name: 'web', allowed: 0, expected: 1, desired: 1 }],
    };
    expect(words(plan(spec).actions)).toEqual([]);
    expect(words(plan({ ...spec, input: { overrides: allowed } }).actions)).toEqual(['cordon old-1']);
  });
});

describe('a primary of a database', () => {
  const primary = { name: 'db-0', node: 'old-1', labels: { 'spilo-role': 'master' } };
  const budgets = [{ name: 'db-0', allowed: 0, expected: 1, desired: 1 }];
  const drain = (drainingFor: number | undefined, pod: PodSpec = primary) =>
    plan({
      pools: [
        {
          nodes: [
            { name: 'old-1', old: true, ...(drainingFor === undefined ? {} : { drainingFor }) },
            { name: 'new-1' },
          ],
          baseline: 1,
        },
      ],
      pods: [pod],
      budgets,
    });

  it('does not keep its node from being cordoned: its operator acts on the label', () => {
    expect(words(drain(undefined).actions)).toEqual(['cordon old-1']);
  });

  it('is left to its operator for ten minutes, and then blocks like any other', () => {
    expect(drain(599_000).nodes).toMatchObject([{ blockedBy: { code: 'awaits-switchover' } }]);
    expect(drain(599_000).nextLookAt).toBe(now + 1_000);
    expect(drain(600_000).nodes).toMatchObject([{ blockedBy: { code: 'budget-never-allows' } }]);
  });

  it('is evicted as soon as it is no primary any more', () => {
    const replica = { ...primary, labels: { 'spilo-role': 'replica' }, app: 'other' };
    expect(words(drain(60_000, replica).actions)).toEqual(['evict db-0']);
  });
});

describe('volumes of an empty node', () => {
  const ends = (attachments: { node: string; volume: string }[], since: number, pods: PodSpec[] = []) =>
    words(
      plan({
        pools: [
          {
            nodes: [{ name: 'old-1', old: true, drainingFor: 600_000 }, { name: 'new-1' }],
            baseline: 1,
            previous: [{ name: 'old-1', instanceId: 'i-old-1', phase: 'drained', since: now - since }],
          },
        ],
        pods,
        daemons: ['agent'],
        volumes: [{ name: 'pv-1', claim: 'shop/agent' }],
        attachments,
      }).actions,
    );
  const attached = [{ node: 'old-1', volume: 'pv-1' }];

  it('are detached before it is terminated, or have had five minutes', () => {
    expect(ends(attached, 60_000)).toEqual([]);
    expect(ends([], 60_000)).toEqual(['terminate old-1 -1']);
    expect(ends([{ node: 'new-1', volume: 'pv-1' }], 60_000)).toEqual(['terminate old-1 -1']);
    expect(ends(attached, 300_000)).toEqual(['terminate old-1 -1']);
  });

  it('of pods that stay are not waited for', () => {
    expect(ends(attached, 60_000, [{ name: 'agent-1', node: 'old-1', daemon: 'agent', claims: ['agent'] }])).toEqual([
      'terminate old-1 -1',
    ]);
  });
});
