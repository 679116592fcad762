import { describe, expect, it } from 'vitest';
import { planMarkdown } from '../../../../src/cli/view/plan-markdown.ts';
import { renderPlan } from '../../../../src/cli/view/plan-view.ts';
import { palette } from '../../../../src/cli/view/terminal.ts';
import type { Cluster } from '../../../../src/domain/cluster.ts';
import { fleetPlan } from '../../../../src/planning/change/fleet-plan.ts';
import type {
  ClusterChange,
  PlanDocument,
  PoolRollForecast,
  UnitChange,
} from '../../../../src/planning/change/plan-document.ts';
import { renderedCluster } from '../../../support/render-input.ts';

const cluster = (number: number): Cluster => ({
  ...renderedCluster,
  id: `aws:123456789012:eu-central-1:kube-${number}`,
  alias: `shop-${number}`,
  localId: `kube-${number}`,
});
const changed = (diff: string[], more: Partial<UnitChange> = {}): UnitChange => ({
  unit: 'object',
  name: 'DaemonSet kube-system/proxy',
  of: 'proxy',
  change: 'update',
  diff,
  added: 1,
  removed: 1,
  hiddenOnly: false,
  ...more,
});
const roll: PoolRollForecast = {
  pool: 'workers',
  controlPlane: false,
  nodes: 206,
  nodesFrom: 'observed',
  surge: 3,
  why: ['ImageId a → b'],
  certain: true,
  p50Seconds: 60,
  p90Seconds: 120,
  measured: { boots: 4, drains: 4 },
};

function planOf(clusters: [number, Partial<ClusterChange>][]): PlanDocument {
  const plan = fleetPlan();
  for (const [number, change] of clusters) {
    const { alias, id, channel } = cluster(number);
    const base = { cluster: alias, id, channel, commit: 'c0ffee0', version: 'v', currentVersion: null, class: 'no-op' };
    plan.add({ ...base, changes: [], rolls: [], refusals: [], notes: [], ...change }, cluster(number));
  }
  return plan.document({ ref: 'dev', commits: [{ commit: 'c0ffee0', subject: 'A *change*', channels: ['dev'] }] });
}
const text = (plan: PlanDocument, full = false): string =>
  renderPlan(plan, { columns: undefined, wide: false, colors: palette(false), full }).join('\n');

describe('a plan of many clusters', () => {
  it('sums up in classes, no-op first and rolls last', () => {
    const plan = planOf([
      [1, { class: 'roll', rolls: [roll] }],
      [2, { class: 'daemonset-only', changes: [changed(['-a', '+b'])] }],
      [3, {}],
      [4, { class: 'roll', rolls: [roll] }],
      [5, {}],
    ]);
    expect(plan.summary).toBe('2 no-op, 1 daemonset-only, 2 roll 412 nodes');
    expect(plan).toMatchObject({ nodes: 412, noop: false });
    expect(text(plan)).toContain(
      'dev at c0ffee0 "A *change*", 5 clusters: 2 no-op, 1 daemonset-only, 2 roll 412 nodes',
    );
  });

  it('tells a change once, although names of clusters differ in it, and another one apart', () => {
    const line = (number: number): string => `+  name: kube-${number} of 123456789012`;
    const plan = planOf([
      [1, { changes: [changed(['@@ -1 +1 @@', line(1)])] }],
      [2, { changes: [changed(['@@ -9 +9 @@', line(2)])] }],
      [3, { changes: [changed(['@@ -1 +1 @@', '+  name: other'])] }],
    ]);
    expect(plan.changes.map((change) => change.clusters)).toEqual([['shop-1', 'shop-2'], ['shop-3']]);
    expect(plan.clusters.map((one) => one.changes)).toEqual([[0], [0], [1]]);
  });

  it('tells a change of several pools once', () => {
    const pool = (name: string): UnitChange =>
      changed(['+x'], { unit: 'user-data', name: `user data of ${name}`, of: name });
    const plan = planOf([[1, { changes: [pool('a'), pool('b')] }]]);
    expect(plan.changes).toMatchObject([{ pools: ['a', 'b'], clusters: ['shop-1'] }]);
    expect(text(plan)).toContain('~ user data of node pools a, b (+1 -1), 1 cluster: shop-1');
  });

  it('shows refusals with what to do, and every line when asked', () => {
    const long = Array.from({ length: 60 }, (_, i) => `+line ${i}`);
    const refusal = { code: 'kubernetes-downgrade', message: 'shop-1 runs 1.34', remedy: 'write v1.34' };
    const plan = planOf([[1, { changes: [changed(long)], refusals: [refusal] }]]);
    expect(text(plan)).toContain('Refused (kubernetes-downgrade): shop-1 runs 1.34');
    expect(text(plan)).toContain('→ write v1.34');
    expect(text(plan)).toContain('… 36 more lines: --full');
    expect(text(plan, true)).toContain('+line 59');
  });
});

describe('a plan in Markdown', () => {
  it('keeps what is inside from becoming markup', () => {
    const plan = planOf([
      [1, { class: 'x|y', changes: [changed(['+```', '+<b>'], { name: 'ConfigMap a/<script>' })] }],
    ]);
    const markdown = planMarkdown(plan);
    expect(markdown).toContain('<summary>~ ConfigMap a/&lt;script&gt;');
    expect(markdown).toContain('````diff\n+```\n+<b>\n````');
    expect(markdown).toContain('A \\*change\\*');
    expect(markdown).toContain('| x\\|y |');
  });

  it('stays within what a comment may hold, and says what is missing', () => {
    const big = Array.from({ length: 500 }, (_, i) => `+a line of some length, number ${i}`);
    const changes = Array.from({ length: 10 }, (_, i) => changed(big, { name: `ConfigMap a/${i}` }));
    const markdown = planMarkdown(planOf([[1, { changes }]]));
    expect(markdown.length).toBeLessThan(65_536);
    expect(markdown).toContain('7 more changes do not fit here');
  });
});
