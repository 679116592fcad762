/** Edge cases that one look at a cluster decides: hand-built views, and what the planner makes of them. */
import { describe, expect, it } from 'vitest';
import type { NodeView } from '../../../../src/domain/cluster-view.ts';
import { judgeDrift } from '../../../../src/planning/roll/drift.ts';
import { isOutdated } from '../../../../src/planning/roll/members.ts';
import type { NodeGroup } from '../../../../src/ports/cloud-provider.ts';
import {
  buildInput,
  groupOf,
  type NodeSpec,
  now,
  oldNodes,
  type PodSpec,
  plan,
  words,
} from '../../../support/roll-builders.ts';

const minute = 60_000;
const draining = { name: 'old-1', old: true, drainingFor: minute };
const fresh = { name: 'new-1' };
const evictions = (found: ReturnType<typeof plan>): string[] =>
  words(found.actions).filter((one) => one.startsWith('evict'));

describe('eviction and budgets', () => {
  it('edge case 26: a budget that demands more pods than there are is said to block before any cordon', () => {
    const found = plan({
      pools: [{ nodes: [{ name: 'old-1', old: true }, fresh], baseline: 1 }],
      pods: [{ name: 'web', app: 'web', node: 'old-1' }],
      budgets: [{ name: 'web', allowed: 0, expected: 2, desired: 5, healthy: 2 }],
    });
    expect(words(found.actions)).toEqual([]);
    expect(found.nodes[0]?.blockedBy).toMatchObject({ code: 'budget-never-allows', budget: 'web' });
  });

  it('edge case 30: an application whose pods all crash parks its node, and is not evicted', () => {
    const previous = [
      {
        name: 'old-1',
        instanceId: 'i-old-1',
        phase: 'draining' as const,
        since: now - 5 * minute,
        blockedBy: {
          ...{ code: 'budget-refuses', message: '', namespace: 'shop', budget: 'web', pod: 'web', owner: '' },
          ...{ node: 'old-1', since: now - 5 * minute },
        },
      },
    ];
    const found = plan({
      pools: [{ nodes: [draining, fresh], baseline: 1, previous }],
      pods: [{ name: 'web', app: 'web', node: 'old-1', ready: false }],
      budgets: [{ name: 'web', allowed: 0, expected: 3, desired: 2, healthy: 0 }],
    });
    expect(evictions(found)).toEqual([]);
    expect(found.nodes.find((one) => one.name === 'old-1')).toMatchObject({ phase: 'blocked' });
  });
});

describe('nodes and the cluster', () => {
  it('edge case 41: an old node that is not Ready goes before those that are', () => {
    const [first, second, third] = oldNodes(3);
    const nodes = [first, second, { ...third, ready: false, readyFor: 10 * minute }, fresh, { name: 'new-2' }];
    const found = plan({ pools: [{ nodes: nodes as never, baseline: 3 }] });
    expect(words(found.actions)[0]).toBe('cordon old-3');
  });

  it('edge case 49: the node that runs this program goes last', () => {
    const nodes = [...oldNodes(2), fresh];
    const self = { name: 'clm-0', labels: { 'app.kubernetes.io/name': 'clm' } };
    const cordons = (node: string) =>
      words(plan({ pools: [{ nodes, baseline: 2 }], pods: [{ ...self, node }] }).actions).filter((one) =>
        one.startsWith('cordon'),
      );
    expect(cordons('old-1')).toEqual(['cordon old-2']);
    expect(cordons('old-2')).toEqual(['cordon old-1']);
  });
});

describe('whose node it is', () => {
  it('edge case 45: an instance is known by its id: not by the name of a node, and not at all while a node does not say whose it is', () => {
    const spec = { pools: [{ nodes: [{ name: 'old-1', old: true }, fresh], baseline: 1 }] };
    const seen = (change: (node: NodeView) => NodeView): string[] => {
      const { view } = buildInput(spec);
      return words(plan({ ...spec, input: { view: { ...view, nodes: view.nodes.map(change) } } }).actions);
    };
    expect(seen((node) => node)).toEqual(['cordon old-1']);
    // its name belongs to the node of another instance by now
    const reused = seen((node) => (node.name === 'old-1' ? { ...node, instanceId: 'i-of-others' } : node));
    expect(reused).toEqual(['terminate i-old-1 -1']);
    const silent = seen(
      ({ instanceId, ...node }) => (node.name === 'old-1' ? node : { ...node, instanceId }) as NodeView,
    );
    expect(silent).toEqual([]);
    const twice = seen((node) => ({ ...node, instanceId: 'i-old-1' }));
    expect(twice).toEqual([]);
  });

  it('edge case 46: a fresh Lease carries a node whose conditions are old, and no Lease one whose condition is not Ready', () => {
    const cordons = (node: Partial<NodeSpec>) =>
      words(plan({ pools: [{ nodes: [...oldNodes(1), { ...fresh, ...node }], baseline: 1 }] }).actions);
    const hours = 6 * 60 * minute;
    expect(cordons({ readyFor: hours, age: hours, leaseAge: 8_000 })).toEqual(['cordon old-1']);
    expect(cordons({ readyFor: hours, age: hours, leaseAge: 41_000 })).toEqual([]);
    expect(cordons({ ready: false, readyFor: minute, age: hours, leaseAge: 1_000 })).toEqual([]);
  });

  it('edge case 34: a pod labelled to be skipped is neither moved nor waited for, and neither are its volumes', () => {
    const skipped = { name: 'agent', node: 'old-1', claims: ['data'], labels: { 'cluster.x-k8s.io/drain': 'skip' } };
    const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'drained' as const, since: now - minute }];
    const found = (pod: PodSpec, nodes: NodeSpec[]) =>
      words(
        plan({
          pools: [{ nodes, baseline: 1, previous }],
          pods: [pod],
          volumes: [{ name: 'pv-1', claim: 'shop/data', zones: ['eu-1a'] }],
          attachments: [{ node: 'old-1', volume: 'pv-1' }],
        }).actions,
      );
    expect(found(skipped, [draining, fresh])).toEqual(['terminate old-1 -1']);
    // a node in the zone of the volume is not waited for either
    const elsewhere = [
      { name: 'old-1', old: true },
      { ...fresh, zone: 'eu-1b' },
    ];
    expect(found(skipped, elsewhere)).toContain('cordon old-1');
    expect(found({ ...skipped, labels: {} }, elsewhere)).not.toContain('cordon old-1');
  });
});

describe('groups and the cloud', () => {
  it('edge case 70: instances of a warm pool count for nothing and are not touched', () => {
    const warm = { name: 'warm-1', old: true, state: 'Warmed:Stopped', noNode: true };
    const found = plan({ pools: [{ nodes: [warm, fresh], baseline: 1, desired: 1 }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
  });

  it('edge case 72: an instance of a type that the group does not launch any more is outdated', () => {
    const group = groupOf({ nodes: [fresh] });
    const [instance] = group.instances;
    if (!instance) throw new Error('no instance');
    const types = (instanceTypes: string[]): boolean => isOutdated(instance, { ...group, instanceTypes });
    expect(types(['m5.large', 'm5a.large'])).toBe(false);
    expect(types(['m5a.large'])).toBe(true);
  });

  it('edge case 76: a scheduled action that sets the size to 0 is followed, and nothing is launched against it', () => {
    const { cloud, pools } = buildInput({ pools: [{ nodes: [fresh], baseline: 1 }] });
    const groups = [{ ...(cloud.groups[0] as NodeGroup), desired: 0 }];
    const { memory } = pools[0] as (typeof pools)[0];
    const first = judgeDrift({ memory, groups, cloudAt: now, confirmMs: 1 });
    if (first.kind !== 'watched') throw new Error('it is to be watched first');
    const drift = { ...first.drift, since: now - 1 };
    const verdict = judgeDrift({ memory: { ...memory, drift }, groups, cloudAt: now, confirmMs: 1 });
    expect(verdict).toMatchObject({ kind: 'desired', moves: [{ baseline: 0, expected: 0 }] });
    const after = { groups: [{ ...(memory.groups[0] as (typeof memory.groups)[0]), baseline: 0, expected: 0 }] };
    const found = plan({ pools: [{ nodes: [], baseline: 0, desired: 0, max: 3, memory: after }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
  });

  it('edge case 83: while no target is healthy no node counts, although the load balancer sends to all of them', () => {
    const nodes = [...oldNodes(1), fresh].map((one) => ({ ...one, health: 'unhealthy' as const }));
    const cordons = (unwell: typeof nodes) =>
      words(plan({ pools: [{ nodes: unwell, baseline: 1, balanced: true }] }).actions).filter((one) =>
        one.startsWith('cordon'),
      );
    expect(cordons(nodes)).toEqual([]);
    expect(cordons(nodes.map((one) => ({ ...one, health: 'healthy' as never })))).toEqual(['cordon old-1']);
  });
});
