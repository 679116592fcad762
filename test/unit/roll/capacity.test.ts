import { describe, expect, it } from 'vitest';
import { planRoll } from '../../../src/planning/roll/plan-roll.ts';
import { surgeOf } from '../../../src/planning/roll/policy.ts';
import { buildInput, type ClusterSpec, oldNodes, plan, words } from '../../support/roll-builders.ts';

describe('surge', () => {
  it.each([
    [1, undefined, false, 1],
    [10, undefined, false, 1],
    [11, undefined, false, 2],
    [100, undefined, false, 10],
    [500, undefined, false, 10],
    [500, 25, false, 25],
    [30, '20%', false, 6],
    [3, '1%', false, 1],
    [9, 5, true, 1],
  ] as const)('of %i nodes with setting %s (control plane: %s) is %i', (nodes, own, controlPlane, surge) => {
    expect(surgeOf(nodes, { surge: 'adaptive', bootCap: 10 }, own, controlPlane)).toBe(surge);
  });
});

describe('launching', () => {
  it('starts with one node however large the surge, because the new template has to prove that it boots', () => {
    const found = plan({ pools: [{ nodes: oldNodes(30), surge: 5 }] });
    expect(words(found.actions)).toEqual(['launch eu-1a']);
  });

  it('waits for the one node to become usable before it launches more', () => {
    const nodes = [...oldNodes(30), { name: 'new-1', ready: false, age: 30_000 }];
    expect(words(plan({ pools: [{ nodes, baseline: 30, surge: 5 }] }).actions)).toEqual([]);
  });

  it('launches more as soon as it is Ready, while it proves that it stays so', () => {
    const nodes = [...oldNodes(30), { name: 'new-1', zone: 'eu-1a', readyFor: 1_000 }];
    expect(words(plan({ pools: [{ nodes, baseline: 30, surge: 3 }] }).actions)).toEqual(
      expect.arrayContaining(['launch eu-1b', 'launch eu-1c']),
    );
    const unwell = [
      ...oldNodes(30),
      { name: 'new-1', zone: 'eu-1a', taints: [{ key: 'node.cilium.io/agent-not-ready', effect: 'NoSchedule' }] },
    ];
    expect(words(plan({ pools: [{ nodes: unwell, baseline: 30, surge: 3 }] }).actions)).not.toContain('launch eu-1b');
  });

  it('fills the surge at once where no canary is asked for', () => {
    const found = plan({ pools: [{ nodes: oldNodes(30), baseline: 30, surge: 3 }], policy: { canary: false } });
    expect(words(found.actions).filter((one) => one.startsWith('launch'))).toHaveLength(3);
  });

  it('fills the surge at once where the content is proven, unless the cluster wants a canary always', () => {
    const canary = { needed: false, reason: 'nodes elsewhere run it' };
    const pools = [{ nodes: oldNodes(30), baseline: 30, surge: 3, canary }];
    const launches = (policy = {}): number =>
      words(plan({ pools, policy }).actions).filter((one) => one.startsWith('launch')).length;
    expect(launches()).toBe(3);
    expect(launches({ canary: true })).toBe(1);
  });

  it('goes back to one node at a time once a node did not come up, whatever was proven elsewhere', () => {
    const canary = { needed: false, reason: 'nodes elsewhere run it' };
    const pool = { nodes: oldNodes(30), baseline: 30, surge: 3, canary, memory: { bootFailures: 1 } };
    const launches = (pools: ClusterSpec['pools'], policy = {}): number =>
      words(plan({ pools, policy }).actions).filter((one) => one.startsWith('launch')).length;
    expect(launches([pool])).toBe(1);
    expect(launches([pool], { canary: false })).toBe(1);
    expect(launches([{ ...pool, nodes: [...oldNodes(30), { name: 'new-1' }] }])).toBe(2);
    const booting = { name: 'new-1', ready: false, age: 30_000 };
    expect(launches([{ ...pool, nodes: [...oldNodes(30), booting] }])).toBe(0);
  });

  it('says why one node comes first', () => {
    const canary = { needed: true, reason: 'ami-1 is new' };
    const found = plan({ pools: [{ nodes: oldNodes(30), baseline: 30, surge: 3, canary }] });
    expect(found.wait).toEqual({
      code: 'canary',
      message: 'one new node first, the others once it is usable: ami-1 is new',
    });
  });

  it('fills the surge once a new node is usable, in the zones where old nodes have no new one beside them', () => {
    const nodes = [...oldNodes(30), { name: 'new-1', zone: 'eu-1a' }];
    const launches = words(plan({ pools: [{ nodes, baseline: 30, surge: 4 }] }).actions).filter((one) =>
      one.startsWith('launch'),
    );
    expect(launches).toEqual(['launch eu-1b', 'launch eu-1c', 'launch eu-1a']);
  });

  it('counts an instance that the group still owes as surge', () => {
    const found = plan({ pools: [{ nodes: oldNodes(3), desired: 4, baseline: 3 }] });
    expect(words(found.actions)).toEqual([]);
  });

  it('never has more nodes booting than the cluster allows, over all its pools', () => {
    const booting = ['a', 'b', 'c'].map((name) => ({ name, ready: false, age: 10_000 }));
    const nodes = [...oldNodes(20), { name: 'new-1' }, ...booting];
    const other = {
      name: 'other',
      nodes: [{ name: 'other-new' }, ...oldNodes(9).map((one) => ({ ...one, name: `other-${one.name}` }))],
      baseline: 9,
      surge: 3,
    };
    const found = plan({ pools: [{ nodes, baseline: 20, surge: 4 }, other], policy: { bootCap: 4 } }, 'other');
    expect(words(found.actions).filter((one) => one.startsWith('launch'))).toEqual(['launch eu-1b']);
  });

  it('asks another zone while one has no capacity, and none while none has', () => {
    const zonesWithout = [{ group: 'workers', zone: 'eu-1a', until: 1e15 }];
    expect(words(plan({ pools: [{ nodes: oldNodes(3), memory: { zonesWithout } }] }).actions)).toEqual([
      'launch eu-1b',
    ]);
    const all = ['eu-1a', 'eu-1b', 'eu-1c'].map((zone) => ({ group: 'workers', zone, until: 1e15 }));
    const found = plan({ pools: [{ nodes: oldNodes(3), memory: { zonesWithout: all } }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.wait.code).toBe('no-capacity');
  });

  it('launches nothing for nodes that nothing would move from', () => {
    const found = plan({
      pools: [{ nodes: oldNodes(1) }],
      pods: [{ name: 'db', node: 'old-1' }],
      budgets: [{ name: 'db', allowed: 0, expected: 1, desired: 1 }],
    });
    expect(words(found.actions)).toEqual([]);
    expect(found.wait.code).toBe('blocked');
  });

  it('gives the same launch the same token and another launch another one', () => {
    const token = (launches: number) => {
      const [action] = plan({ pools: [{ nodes: oldNodes(3), memory: { launches } }] }).actions;
      return action?.kind === 'capacity' && action.intent.kind === 'launch' ? action.intent.token : '';
    };
    expect(token(7)).toMatch(/^[0-9a-f]{64}$/);
    expect(token(7)).toBe(token(7));
    expect(token(7)).not.toBe(token(8));
  });
});

describe('ending a drained node', () => {
  const drained = { drainingFor: 60_000 };
  const empty = (name: string) => ({ name, instanceId: `i-${name}`, phase: 'drained' as const, since: 0 });

  it('gives up its place and launches the next new node into the zone that lacks one', () => {
    const nodes = [{ name: 'old-1', old: true, ...drained }, ...oldNodes(3).slice(1), { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 3, previous: [empty('old-1')] }] });
    expect(words(found.actions)).toEqual(['terminate old-1 -1', 'launch eu-1b']);
  });

  it('gives up the place of the last one', () => {
    const nodes = [{ name: 'old-1', old: true, ...drained }, { name: 'new-1' }, { name: 'new-2' }, { name: 'new-3' }];
    const found = plan({ pools: [{ nodes, baseline: 3, previous: [empty('old-1')] }] });
    expect(words(found.actions)).toEqual(['terminate old-1 -1']);
  });

  it('never takes the group below its baseline', () => {
    const nodes = [{ name: 'old-1', old: true, ...drained }, { name: 'old-2', old: true }, { name: 'new-1' }];
    const found = plan({
      pools: [{ nodes, baseline: 3, previous: [empty('old-1')] }],
      pods: [{ name: 'db', node: 'old-2' }],
      budgets: [{ name: 'db', allowed: 0, expected: 1, desired: 1 }],
    });
    expect(words(found.actions)).toContain('terminate old-1 replaced');
  });

  it('waits until it has been empty for the quiet time', () => {
    const nodes = [{ name: 'old-1', old: true, ...drained }, { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 1, previous: [] }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.nodes).toMatchObject([{ name: 'old-1', phase: 'drained' }]);
    expect(found.nextLookAt).toBeLessThanOrEqual(Date.UTC(2026, 10, 21, 8) + 5_000);
  });

  it('counts the quiet time from the last pod that came, not from the last one that left', () => {
    const nodes = [{ name: 'old-1', old: true, ...drained }, { name: 'new-1' }];
    const now = Date.UTC(2026, 10, 21, 8);
    const at = (ago: number): string[] => {
      const lastArrivals = new Map([['old-1', now - ago]]);
      return words(plan({ pools: [{ nodes, baseline: 1, previous: [] }], input: { lastArrivals } }).actions);
    };
    expect(at(5_000)).toEqual(['terminate old-1 -1']);
    expect(at(4_000)).toEqual([]);
  });

  it('does not ask twice when the describe is older than the accepted termination', () => {
    const now = Date.UTC(2026, 10, 21, 8);
    const previous = [{ ...empty('old-1'), phase: 'terminating' as const, since: now - 5_000 }];
    const nodes = [{ name: 'old-1', old: true, ...drained }, { name: 'new-1' }];
    const found = plan({ pools: [{ nodes, baseline: 1, previous }] });
    expect(words(found.actions)).toEqual([]);
    expect(found.nodes).toMatchObject([{ name: 'old-1', phase: 'terminating' }]);
  });

  it('does not ask twice on a describe of that moment that is looked at again once its node object has gone', () => {
    const acceptedAt = Date.UTC(2026, 10, 21, 8) - 100_000;
    const previous = [{ ...empty('old-1'), phase: 'terminating' as const, since: acceptedAt }];
    const gone = { name: 'old-1', old: true, noNode: true };
    const terminations = (nodes: object[], at: number): string[] => {
      const input = buildInput({ pools: [{ nodes: [gone, ...nodes] as never[], baseline: nodes.length, previous }] });
      const { pools } = planRoll({ ...input, cloud: { ...input.cloud, at } });
      return pools.flatMap((one) => words(one.actions)).filter((word) => word.startsWith('terminate'));
    };
    const begun = [{ name: 'old-2', old: true }, { name: 'new-1' }];
    expect(terminations(begun, acceptedAt + 5_000)).toEqual([]);
    expect(terminations(begun, acceptedAt + 60_000)).toEqual(['terminate i-old-1 -1']);
    // Nor as one too many at the end.
    expect(terminations([{ name: 'new-1' }], acceptedAt + 5_000)).toEqual([]);
  });
});

describe('a failed boot', () => {
  const failed = { name: 'new-1', ready: false, age: 1_000_000 };

  it('is terminated after the boot time, and its place given up', () => {
    const nodes = [...oldNodes(3), { ...failed, noNode: true }];
    const previous = [{ name: 'i-new-1', instanceId: 'i-new-1', phase: 'booting' as const, since: 0 }];
    expect(words(plan({ pools: [{ nodes, baseline: 3, previous }] }).actions)).toEqual(['terminate i-new-1 -1']);
  });

  it('is cordoned first when it has registered', () => {
    expect(words(plan({ pools: [{ nodes: [...oldNodes(3), failed], baseline: 3 }] }).actions)).toContain(
      'cordon new-1',
    );
  });

  it('stops the roll after several, with the old nodes intact', () => {
    const found = plan({ pools: [{ nodes: oldNodes(3), memory: { bootFailures: 3 } }] });
    const message = '3 new nodes of workers did not become usable; the old ones are intact';
    expect(found.verdict).toEqual({ kind: 'failed', code: 'boot-failures', message });
    expect(found.actions).toEqual([]);
  });

  it('is not declared for a node that served and fell ill a moment ago', () => {
    const nodes = [...oldNodes(2), { name: 'new-1', ready: false, age: 7_200_000, readyFor: 60_000 }];
    const found = plan({ pools: [{ nodes, baseline: 3 }] });
    expect(found.nodes).toMatchObject([{ name: 'new-1', phase: 'booting' }]);
  });
});
