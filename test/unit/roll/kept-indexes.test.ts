import { describe, expect, it } from 'vitest';
import { planRoll } from '../../../src/planning/roll/plan-roll.ts';
import { indexPods } from '../../../src/planning/roll/pod-index.ts';
import type { RollPlanInput } from '../../../src/planning/roll/roll-plan.ts';
import { buildInput } from '../../support/roll-builders.ts';

const built = buildInput({
  pools: [
    {
      nodes: [
        { name: 'old-1', old: true, drainingFor: 60_000 },
        { name: 'old-2', old: true },
        { name: 'new-1', exempt: true },
      ],
    },
  ],
  pods: [
    { name: 'web-1', node: 'old-1', app: 'web' },
    { name: 'web-2', node: 'old-2', app: 'web' },
    { name: 'db-1', node: 'old-2', app: 'db' },
  ],
  budgets: [{ name: 'web', app: 'web', allowed: 1, healthy: 2, desired: 1 }],
});

const input: RollPlanInput = { ...built, policy: { ...built.policy, barePods: 'block' } };

/** The same with objects that no plan has ever seen. */
const unseen = (one: RollPlanInput): RollPlanInput => structuredClone(one);
const withView = (view: Partial<RollPlanInput['view']>): RollPlanInput => ({
  ...input,
  view: { ...input.view, ...view },
});
const [first] = input.view.pods;
const [budget] = input.view.budgets;
const node = input.view.nodes.at(-1);

describe('what plans keep with the arrays of a view', () => {
  it.each([
    ['a budget that allows nothing any more', withView({ budgets: [{ ...budget!, disruptionsAllowed: 0 }] })],
    [
      'a budget that never allows anything',
      withView({ budgets: [{ ...budget!, disruptionsAllowed: 0, desiredHealthy: 2, expectedPods: 2 }] }),
    ],
    ['no budgets', withView({ budgets: [] })],
    ['one pod fewer', withView({ pods: input.view.pods.slice(1) })],
    ['a pod that ends', withView({ pods: [{ ...first!, deletingAt: input.now }, ...input.view.pods.slice(1)] })],
    ['a bare pod', withView({ pods: [...input.view.pods.slice(0, -1), bare(input.view.pods.at(-1)!)] })],
    ['a node that is not ready', withView({ nodes: [...input.view.nodes.slice(0, -1), { ...node!, ready: false }] })],
    ['a node fewer', withView({ nodes: input.view.nodes.slice(1) })],
  ])('holds for no others: %s', (_, changed) => {
    const before = planRoll(input);
    const plan = planRoll(changed);
    expect(plan).toEqual(planRoll(unseen(changed)));
    expect(plan).not.toEqual(before);
    expect(planRoll(input)).toEqual(before);
  });

  it('goes on for nodes whose pods are the same as before', () => {
    const { pods } = unseen(input).view;
    const before = indexPods(pods);
    const after = indexPods(pods.slice(1));
    expect(after.byNode.get('old-2')).toBe(before.byNode.get('old-2'));
    expect(after.byNode.get('old-1')).toBeUndefined();
  });
});

function bare({ owner: _, ...pod }: RollPlanInput['view']['pods'][number]): RollPlanInput['view']['pods'][number] {
  return pod;
}
