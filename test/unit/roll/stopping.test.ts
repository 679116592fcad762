import { describe, expect, it } from 'vitest';
import { oldNodes, plan, words } from '../../support/roll-builders.ts';

const stopping = { mode: 'stopping' as const };
const pods = (count: number, node: string) =>
  Array.from({ length: count }, (_, i) => ({ name: `p-${i}`, app: `p-${i}`, node }));

describe('a roll that is being stopped', () => {
  it('starts nothing new', () => {
    const found = plan({ pools: [{ ...stopping, nodes: oldNodes(3), baseline: 3 }] });
    expect(found.actions).toEqual([]);
    expect(found.verdict.kind).toBe('complete');
  });

  it('gives back a node of which little has moved', () => {
    const nodes = [{ name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 }, ...oldNodes(3).slice(1)];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3 }], pods: pods(3, 'old-1') });
    expect(words(found.actions)).toEqual(['give-back old-1']);
  });

  it('finishes a node of which half has moved', () => {
    const nodes = [
      { name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 },
      ...oldNodes(3).slice(1),
      { name: 'new-1' },
    ];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3 }], pods: pods(2, 'old-1') });
    expect(words(found.actions)).toEqual(['evict p-0', 'evict p-1']);
  });

  it('gives it back all the same when a budget has parked it', () => {
    const nodes = [
      { name: 'old-1', old: true, drainingFor: 9_000, drainPods: 4 },
      ...oldNodes(3).slice(1),
      { name: 'new-1' },
    ];
    const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'blocked' as const, since: 0 }];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3, previous }], pods: pods(1, 'old-1') });
    expect(words(found.actions)).toContain('give-back old-1');
  });

  it('finishes a control-plane node that its load balancers have let go: they would not take it back', () => {
    const nodes = [
      { name: 'm-1', old: true, drainingFor: 9_000, health: 'absent' as const },
      { name: 'm-2', old: true },
      { name: 'm-new' },
    ];
    const found = plan({
      pools: [{ ...stopping, nodes, baseline: 2, controlPlane: true, balanced: true }],
      pods: pods(4, 'm-1'),
    });
    expect(words(found.actions)).toContain('evict p-0');
  });

  it('ends a surplus instance that is no node yet, and drains one that is', () => {
    const previous = [{ name: 'i-new-1', instanceId: 'i-new-1', phase: 'booting' as const, since: 1e13 }];
    const booting = plan({
      pools: [
        {
          ...stopping,
          nodes: [...oldNodes(3), { name: 'new-1', noNode: true, state: 'Pending' }],
          baseline: 3,
          previous,
        },
      ],
    });
    expect(words(booting.actions)).toEqual(['terminate i-new-1 -1']);
    const serving = plan({ pools: [{ ...stopping, nodes: [...oldNodes(3), { name: 'new-1' }], baseline: 3 }] });
    expect(words(serving.actions)).toEqual(['cordon new-1']);
  });

  it('terminates the surplus node once it is empty and gives up its place', () => {
    const previous = [{ name: 'new-1', instanceId: 'i-new-1', phase: 'drained' as const, since: 0 }];
    const nodes = [...oldNodes(3), { name: 'new-1', drainingFor: 60_000, leaving: 'surplus' as const }];
    const found = plan({ pools: [{ ...stopping, nodes, baseline: 3, previous }] });
    expect(words(found.actions)).toEqual(['terminate new-1 -1']);
  });

  it('never cordons a surplus node that the baseline needs', () => {
    const nodes = [...oldNodes(2), { name: 'old-3', old: true, ready: false, readyFor: 60_000 }, { name: 'new-1' }];
    expect(words(plan({ pools: [{ ...stopping, nodes, baseline: 3 }] }).actions)).not.toContain('cordon new-1');
  });
});

describe('a roll whose template was changed back', () => {
  it('gives a node back that is current again', () => {
    const nodes = [{ name: 'a', drainingFor: 9_000, leaving: 'outdated' as const }, { name: 'b' }];
    expect(words(plan({ pools: [{ nodes, baseline: 2 }], pods: pods(1, 'a') }).actions)).toEqual(['give-back a']);
  });
});
