import { describe, expect, it } from 'vitest';
import type { NodeView } from '../../../src/domain/cluster-view.ts';
import {
  clearPatch,
  cordonPatch,
  drainStartedAt,
  exemptPatch,
  markPatch,
  type NodePatch,
} from '../../../src/planning/roll/node-marks.ts';
import { buildInput, now } from '../../support/roll-builders.ts';

function node(more: Partial<NodeView> = {}): NodeView {
  const { view } = buildInput({ pools: [{ nodes: [{ name: 'a', exempt: false }] }] });
  return { ...(view.nodes[0] as NodeView), labels: { 'lifecycle-status': 'ready' }, ...more };
}

/** What the API server makes of a merge patch. */
function patched(before: NodeView, patch: NodePatch): NodeView {
  const merge = (old: Record<string, string>, change: Record<string, string | null> = {}): Record<string, string> =>
    Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== null)) as Record<
      string,
      string
    >;
  return {
    ...before,
    labels: merge(before.labels, patch.metadata.labels),
    annotations: merge(before.annotations, patch.metadata.annotations),
    taints: patch.spec?.taints ?? before.taints,
    unschedulable: patch.spec?.unschedulable ?? before.unschedulable,
  };
}

const drain = (before: NodeView): NodeView =>
  patched(
    patched(before, markPatch(before, 'r1', true, 'PreferNoSchedule')),
    cordonPatch(patched(before, markPatch(before, 'r1', true, 'PreferNoSchedule')), {
      rollId: 'r1',
      now,
      pods: 3,
      why: 'outdated',
    }),
  );

describe('marks on nodes', () => {
  it('are taken back without a trace', () => {
    const before = node({ taints: [{ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }] });
    const after = patched(drain(before), clearPatch(drain(before)));
    expect({ ...after, resourceVersion: before.resourceVersion }).toEqual(before);
  });

  it('leave a cordon that somebody else had set', () => {
    const before = node({ unschedulable: true });
    expect(patched(drain(before), clearPatch(drain(before))).unschedulable).toBe(true);
  });

  it('leave a label that keeps the node out of load balancers when somebody else had set it', () => {
    const labels = { 'lifecycle-status': 'ready', 'node.kubernetes.io/exclude-from-external-load-balancers': 'true' };
    const before = node({ labels });
    expect(patched(drain(before), clearPatch(drain(before))).labels).toEqual(labels);
  });

  it('leave an exemption from scale-down that somebody else had set', () => {
    const annotations = { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true' };
    const theirs = node({ annotations });
    expect(patched(theirs, clearPatch(theirs)).annotations).toEqual(annotations);
    const ours = patched(node(), exemptPatch('r1'));
    expect(patched(ours, clearPatch(ours)).annotations).toEqual({});
  });

  it('carry the resource version wherever a list is replaced, so that nobody else is overwritten', () => {
    const before = node();
    expect(markPatch(before, 'r1', false, 'PreferNoSchedule').metadata.resourceVersion).toBe('1');
    expect(cordonPatch(before, { rollId: 'r1', now, pods: 0, why: 'outdated' }).metadata.resourceVersion).toBe('1');
    expect(clearPatch(drain(before)).metadata.resourceVersion).toBe('1');
  });

  it('clamp a drain that began in the future, as after a jump of the clock', () => {
    const later = drain(node());
    expect(drainStartedAt(later, now - 3_600_000)).toBe(now - 3_600_000);
    expect(drainStartedAt(later, now + 5_000)).toBe(now);
  });
});
