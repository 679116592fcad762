import { describe, expect, it } from 'vitest';
import type { DaemonSetView } from '../../../src/domain/cluster-view.ts';
import { planRoll } from '../../../src/planning/roll/plan-roll.ts';
import { buildInput, type ClusterSpec, type NodeSpec, oldNodes, plan, words } from '../../support/roll-builders.ts';

/** What keeps the new node of a pool of one old node from counting; undefined when it counts. */
function keepsFromCounting(
  node: Partial<NodeSpec>,
  more: Partial<ClusterSpec> & { balanced?: boolean } = {},
): string | undefined {
  const { balanced, ...rest } = more;
  const found = plan({
    pools: [
      {
        nodes: [...oldNodes(1), { name: 'new-1', ...node }],
        baseline: 1,
        ...(balanced === undefined ? {} : { balanced }),
      },
    ],
    ...rest,
  });
  return found.nodes.find((one) => one.name.endsWith('new-1'))?.detail;
}

describe('a new node counts', () => {
  it('when it is Ready, in service and nothing else is asked', () => {
    expect(keepsFromCounting({})).toBeUndefined();
  });

  it.each([
    ['not before it has registered', { noNode: true }, 'not-registered'],
    ['not before it is Ready', { ready: false, readyFor: 60_000 }, 'not-ready'],
    ['not before it has been Ready for the minimum time', { readyFor: 1_000 }, 'min-ready'],
    [
      'not with a startup taint',
      { taints: [{ key: 'node.cilium.io/agent-not-ready', effect: 'NoSchedule' }] },
      'startup-taint',
    ],
    [
      'not with a taint that the autoscaler is told to ignore',
      { taints: [{ key: 'startup-taint.cluster-autoscaler.kubernetes.io/x', effect: 'NoSchedule' }] },
      'startup-taint',
    ],
    ['not while its launch hook runs', { state: 'Pending:Wait' }, 'not-in-service'],
    ['not while its group holds it to be unhealthy', { unhealthy: true }, 'not-in-service'],
  ] as const)('%s', (_name, node, detail) => {
    expect(keepsFromCounting(node as Partial<NodeSpec>)).toBe(detail);
  });

  it.each([
    ['absent', 'load-balancer'],
    ['initial', 'load-balancer'],
    ['unhealthy', 'load-balancer'],
    ['unknown', 'load-balancer'],
    ['draining', 'load-balancer'],
    ['unused', 'load-balancer-unused'],
  ] as const)('not while an attached load balancer says %s', (health, detail) => {
    expect(keepsFromCounting({ health }, { balanced: true })).toBe(detail);
  });

  it('not when a load balancer of the group did not answer at all', () => {
    const spec: ClusterSpec = { pools: [{ nodes: [...oldNodes(1), { name: 'new-1' }], baseline: 1, balanced: true }] };
    const { cloud } = buildInput(spec);
    const found = plan({ ...spec, input: { cloud: { ...cloud, loadBalancers: [] } } });
    expect(found.nodes).toMatchObject([{ name: 'new-1', detail: 'load-balancer' }]);
  });

  it('not while the pod of a DaemonSet on it is not ready', () => {
    const pods = [
      { name: 'cni-1', node: 'old-1', daemon: 'cni' },
      { name: 'cni-2', node: 'new-1', daemon: 'cni', ready: false },
    ];
    expect(keepsFromCounting({}, { daemons: ['cni'], pods })).toBe('daemon-pods');
  });

  it('not without the pod of a DaemonSet that every other node has', () => {
    expect(keepsFromCounting({}, { daemons: ['cni'], pods: [{ name: 'cni-1', node: 'old-1', daemon: 'cni' }] })).toBe(
      'daemon-pods',
    );
  });

  it('although a DaemonSet is broken everywhere: that says nothing about this node', () => {
    const pods = [
      { name: 'cni-1', node: 'old-1', daemon: 'cni', ready: false },
      { name: 'cni-2', node: 'new-1', daemon: 'cni', ready: false },
    ];
    expect(keepsFromCounting({}, { daemons: ['cni'], pods })).toBeUndefined();
  });

  it('although a DaemonSet runs on every other ready node that may not run on this one', () => {
    const spec: ClusterSpec = {
      pools: [
        { nodes: [...oldNodes(1), { name: 'new-1', taints: [{ key: 'role', effect: 'NoSchedule' }] }], baseline: 1 },
      ],
      daemons: ['cni'],
      pods: [{ name: 'cni-1', node: 'old-1', daemon: 'cni' }],
    };
    const input = buildInput(spec);
    const detail = (placement?: DaemonSetView['placement']): string | undefined => {
      const daemonSets = input.view.daemonSets.map((one) => ({ ...one, ...(placement ? { placement } : {}) }));
      const [found] = planRoll({ ...input, view: { ...input.view, daemonSets } }).pools;
      return found?.nodes.find((one) => one.name === 'new-1')?.detail;
    };
    expect(detail()).toBe('daemon-pods');
    expect(detail({ nodeSelector: {}, terms: [], tolerations: [{ operator: 'Exists' }] })).toBe('daemon-pods');
    expect(detail({ nodeSelector: {}, terms: [], tolerations: [] })).toBeUndefined();
  });
});

describe('asking the cloud', () => {
  const at = (spec: ClusterSpec): number => plan(spec).cloudNotBefore;

  it('is wanted once Kubernetes has done its part and only the cloud keeps a node from counting', () => {
    const input = buildInput({ pools: [] });
    const ready = { name: 'new-1', state: 'Pending', readyFor: 6_000, age: 60_000 };
    expect(at({ pools: [{ nodes: [...oldNodes(1), ready], baseline: 1 }] })).toBe(input.now - 1_000 + 1);
  });

  it('is wanted anew when the last describe is exactly as old as it may be, so that no look is lost', () => {
    const input = buildInput({ pools: [] });
    const ready = { name: 'new-1', state: 'Pending', readyFor: 40_000, age: 60_000 };
    const found = plan({ pools: [{ nodes: [...oldNodes(1), ready], baseline: 1 }] });
    // Either the describe at hand is too old, or a later look at it is planned.
    const lookPlanned = found.nextLookAt < input.now + 300_000;
    expect(found.cloudNotBefore > input.cloud.at || lookPlanned).toBe(true);
    expect(found.cloudNotBefore).toBe(input.now - 15_000 + 1);
  });

  it('is not wanted while a node boots, nor while pods move', () => {
    const input = buildInput({ pools: [] });
    const booting = { name: 'new-1', ready: false, age: 30_000 };
    expect(at({ pools: [{ nodes: [...oldNodes(1), booting], baseline: 1 }] })).toBe(input.now - 300_000);
    const draining = [{ name: 'old-1', old: true, drainingFor: 10_000 }, { name: 'new-1' }];
    expect(at({ pools: [{ nodes: draining, baseline: 1 }], pods: [{ name: 'web', node: 'old-1' }] })).toBe(
      input.now - 300_000,
    );
  });

  it('is wanted when a node has joined that no describe has shown', () => {
    const input = buildInput({ pools: [{ nodes: oldNodes(1) }] });
    const stranger = {
      ...(input.view.nodes[0] as (typeof input.view.nodes)[0]),
      name: 'x',
      instanceId: 'i-x',
      createdAt: input.now - 2_000,
    };
    const view = { ...input.view, nodes: [...input.view.nodes, stranger] };
    expect(at({ pools: [{ nodes: oldNodes(1) }], input: { view } })).toBe(input.now - 2_000 + 1);
  });
});

describe('nothing is decided', () => {
  it('on a view that is not current', () => {
    const found = plan({
      pools: [{ nodes: [...oldNodes(2), { name: 'new-1' }], baseline: 2 }],
      stale: 'pods: connection lost',
    });
    expect(found.actions).toEqual([]);
    expect(found.wait).toEqual({ code: 'view-stale', message: expect.stringContaining('connection lost') });
  });

  it('while a fifth of the nodes is not Ready', () => {
    const sick = oldNodes(3, { ready: false, readyFor: 60_000 }).map((node) => ({
      ...node,
      name: `sick-${node.name}`,
    }));
    const found = plan({ pools: [{ nodes: [...oldNodes(6), ...sick, { name: 'new-1' }], baseline: 9 }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.wait.code).toBe('not-ready-storm');
  });

  it('but not for nodes that have never been Ready: they failed to boot, and are ended as such', () => {
    const dead = ['new-2', 'new-3'].map((name) => ({ name, ready: false, readyFor: 2_000_000, age: 2_000_000 }));
    const found = plan({ pools: [{ nodes: [...oldNodes(5), { name: 'new-1' }, ...dead], baseline: 5, surge: 3 }] });
    expect(found.wait.code).not.toBe('not-ready-storm');
    expect(words(found.actions)).toEqual(expect.arrayContaining(['cordon new-2', 'cordon new-3']));
  });

  it('about an instance that two nodes claim, or whose state this program does not know', () => {
    const spec: ClusterSpec = { pools: [{ nodes: [...oldNodes(2), { name: 'new-1' }], baseline: 2 }] };
    const { view } = buildInput(spec);
    const twin = { ...(view.nodes[0] as (typeof view.nodes)[0]), name: 'twin' };
    const found = plan({ ...spec, input: { view: { ...view, nodes: [...view.nodes, twin] } } });
    expect(words(found.actions)).not.toContain('cordon old-1');
    expect(found.nodes).toMatchObject([{ instanceId: 'i-old-1', phase: 'foreign' }]);
    const odd = plan({
      pools: [{ nodes: [{ name: 'old-1', old: true, state: 'ReplacingRootVolume' }], baseline: 1, desired: 1 }],
    });
    expect(words(odd.actions)).not.toContain('terminate old-1 replaced');
    expect(odd.verdict.kind).toBe('going-on');
  });

  it('about instances in standby, which somebody has put there', () => {
    const nodes = [{ name: 'old-1', old: true, state: 'Standby' }, { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 1, desired: 1 }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
  });
});
