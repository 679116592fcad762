import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../../', import.meta.url);

/** The rules that bound what one mistake can do, each with the tests that would fail without it: file below test/, and the test's name. */
const rules: Record<string, [rule: string, ...tests: [file: string, name: string][]]> = {
  B1: [
    'right target',
    ['unit/cluster-update/steps.test.ts', "'refuses %s (B1)'"],
    ['unit/cluster-update/steps.test.ts', 'refuses a cluster that is not the one it pinned'],
    ['simulation/pipeline/halts.test.ts', 'because another cluster answers under its name is never touched (B1)'],
  ],
  B2: [
    'absence never deletes',
    ['unit/daemon/registry-change.test.ts', 'is held back when it loses more than a tenth, and names them (B2)'],
    ['unit/daemon/registry-change.test.ts', 'is held back when it loses a single production cluster (B2)'],
    ['unit/daemon/registry-change.test.ts', 'is held back when a production cluster loses a pool'],
  ],
  B3: [
    'registry edits, drift and look-ups go through windows and budgets',
    ['simulation/pipeline/drift.test.ts', 'waits for the window of its channel like a commit (B3)'],
    ['simulation/pipeline/drift.test.ts', 'is carried out soon, through the same limits as a commit (B3)'],
  ],
  B4: [
    'a version renders for every cluster first',
    ['simulation/pipeline/guards.test.ts', 'it has to render for every cluster of its channel (B4)'],
  ],
  B5: [
    'an empty gate is closed',
    ['unit/pipeline/decisions.test.ts', 'is closed when nobody is there, or everybody left (B5)'],
    ['simulation/pipeline/guards.test.ts', 'proves nothing, and waits for one (B5)'],
  ],
  B6: [
    'pruning has limits',
    ['unit/cluster-update/applying.test.ts', 'never takes a %s (B6)'],
    [
      'unit/cluster-update/applying.test.ts',
      'refuses a component of which nothing is left, before anything is touched (B6)',
    ],
    ['unit/cluster-update/applying.test.ts', 'refuses more deletions than a change would mean (B6)'],
    ['unit/cluster-update/removals.test.ts', 'stays while it holds what cannot be made again'],
  ],
  B7: [
    'a forced or vanished branch freezes its channel',
    [
      'simulation/pipeline/guards.test.ts',
      'freezes its channel when it was forced, and goes on when it is put back (B7)',
    ],
  ],
  B8: [
    'unknown is not empty',
    ['simulation/roll/trouble.test.ts', 'finds a pod that the watch has not shown, and withdraws (B8)'],
    ['simulation/roll/trouble.test.ts', 'that gets no answer is no empty node'],
    ['simulation/pipeline/drift.test.ts', 'that cannot be seen has not drifted (B8)'],
    ['unit/cluster-update/removals.test.ts', 'stays when nobody can read what is in it'],
  ],
  B9: [
    'credentials outlive what is begun',
    ['unit/cluster-update/steps.test.ts', 'begins nothing with credentials that end soon (B9)'],
  ],
  B10: [
    'what leaves is asked for, cooled off, drained, and only ours',
    ['simulation/lifecycle/decommission.test.ts', 'stays when it is a production cluster and nobody typed its id'],
    ['simulation/lifecycle/decommission.test.ts', 'cools off, is emptied, and its stacks go in order'],
    [
      'simulation/lifecycle/decommission.test.ts',
      'stays while workloads, volumes or pods are there that clm has not put there',
    ],
    ['simulation/lifecycle/decommission.test.ts', 'goes after the other one: one at a time'],
    ['simulation/lifecycle/decommission.test.ts', 'keeps its stacks until its workers are drained'],
    [
      'unit/cluster-update/removals.test.ts',
      'cools off, is drained by a roll that removes, and its stack goes when no node is left',
    ],
    ['unit/cluster-update/removals.test.ts', 'is refused, before anything is touched, with too many others'],
    ['unit/cluster-update/removals.test.ts', 'counts only with the tags that clm gives'],
    ['unit/roll/removing.test.ts', 'keeps a node that cannot be drained, and says why'],
  ],
  B11: [
    'a first start observes; freezes outlive the database',
    ['simulation/pipeline/promotion.test.ts', 'starts nothing before the fleet is adopted, and says so (B11)'],
    ['system/daemon-life.test.ts', 'finds the freeze in git, and starts nothing after it is adopted anew (B11)'],
  ],
  B12: [
    'changes by others pause the pool',
    ['simulation/roll/trouble.test.ts', 'changing the limits mid-roll pauses the pool'],
    ['simulation/roll/trouble.test.ts', 'and a cordon on a new one is never removed'],
    ['unit/roll/foreign-changes.test.ts', 'is also another roll that has written itself into the tags'],
    ['unit/roll/removing.test.ts', 'is paused when somebody else changes its group'],
  ],
  B13: [
    'disruptive checks never run where nobody opted in',
    ['integration/checks/traps.test.ts', 'never runs a disruptive check where the registry has not opted in'],
  ],
  B14: [
    'minors of Kubernetes, one at a time',
    [
      'unit/planning/kubernetes/judge-upgrade.test.ts',
      'goes on with an upgrade that a restart interrupted, and neither back nor past it',
    ],
    [
      'unit/planning/kubernetes/judge-upgrade.test.ts',
      'keeps kubelets within three minors below the API servers, and never above',
    ],
    ['unit/cluster-update/check-kubernetes.test.ts', 'refuses removed APIs that are in use'],
  ],
};

describe('the rules that bound what one mistake can do', () => {
  it('are fourteen, each with a test', () => {
    expect(Object.keys(rules)).toEqual(Array.from({ length: 14 }, (_, index) => `B${index + 1}`));
    expect(Object.entries(rules).filter(([, [, ...tests]]) => tests.length === 0)).toEqual([]);
  });

  it('name tests that exist', () => {
    const missing = Object.entries(rules).flatMap(([rule, [, ...tests]]) =>
      tests.flatMap(([file, name]) => {
        const path = new URL(`test/${file}`, root);
        return existsSync(path) && readFileSync(path, 'utf8').includes(name) ? [] : [`${rule}: ${file}: ${name}`];
      }),
    );
    expect(missing).toEqual([]);
  });
});
