import { describe, expect, it } from 'vitest';
import type { DaemonSetView } from '../../../src/domain/cluster-view.ts';
import { mayRunOn } from '../../../src/planning/roll/daemon-placement.ts';

type Placement = NonNullable<DaemonSetView['placement']>;

const anywhere: Placement = { nodeSelector: {}, terms: [], tolerations: [] };
const master = {
  labels: { role: 'master', zone: 'a' },
  taints: [{ key: 'role', value: 'master', effect: 'NoSchedule' }],
};
const worker = { labels: { role: 'worker', zone: 'a' }, taints: [] };

describe('a pod of a DaemonSet may run on a node', () => {
  it.each<[string, boolean, Partial<Placement>, typeof worker | typeof master]>([
    ['whatever it is, when nothing is demanded', true, {}, worker],
    ['not with a taint that it does not tolerate', false, {}, master],
    ['with a taint that it tolerates by value', true, { tolerations: [{ key: 'role', value: 'master' }] }, master],
    ['not with one whose value is another', false, { tolerations: [{ key: 'role', value: 'gpu' }] }, master],
    ['with one that it tolerates by key', true, { tolerations: [{ key: 'role', operator: 'Exists' }] }, master],
    [
      'not with one that it tolerates for another effect',
      false,
      { tolerations: [{ key: 'role', operator: 'Exists', effect: 'NoExecute' }] },
      master,
    ],
    ['with any taint, when it tolerates all', true, { tolerations: [{ operator: 'Exists' }] }, master],
    ['not without the label that it selects', false, { nodeSelector: { role: 'worker' } }, master],
    ['with the label that it selects', true, { nodeSelector: { role: 'worker' } }, worker],
    [
      'when one of its terms holds',
      true,
      { terms: [[{ key: 'gpu', operator: 'Exists' }], [{ key: 'zone', operator: 'In', values: ['a'] }]] },
      worker,
    ],
    ['not when none does', false, { terms: [[{ key: 'gpu', operator: 'Exists' }]] }, worker],
  ])('%s', (_name, may, placement, node) => {
    expect(mayRunOn({ ...anywhere, ...placement }, node)).toBe(may);
  });

  it('with the taints that all of them tolerate, and with one that only advises', () => {
    const taints = [
      { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
      { key: 'decommission-pending', effect: 'PreferNoSchedule' },
    ];
    expect(mayRunOn(anywhere, { labels: {}, taints })).toBe(true);
  });

  it('when its template is not known', () => {
    expect(mayRunOn(undefined, master)).toBe(true);
  });
});
