import { describe, expect, it } from 'vitest';
import { now, oldNodes, plan, words } from '../../support/roll-builders.ts';

describe('a roll that is checked on its first new node', () => {
  const first = { name: 'new-1', zone: 'eu-1a' };
  const usable = { nodes: [...oldNodes(6), first], baseline: 6, surge: 3, awaitsChecks: true };

  it('cordons nothing and launches nothing more while it waits, and says for which node', () => {
    const { actions, wait, memory } = plan({ pools: [usable] });
    expect(words(actions).filter((one) => /^(cordon|launch|evict|terminate)/.test(one))).toEqual([]);
    expect(memory.firstNode).toEqual({ node: 'new-1', since: now });
    expect(wait).toEqual({
      code: 'first-node-checks',
      message: 'waiting for checks on the first new node, new-1: old nodes go once they have passed',
    });
  });

  it('launches one node even where others have shown that the content boots, unless the cluster wants no canary at all', () => {
    const canary = { needed: false, reason: 'nodes elsewhere run it' };
    const pool = { nodes: oldNodes(6), baseline: 6, surge: 3, awaitsChecks: true, canary };
    const launches = (policy = {}): number =>
      words(plan({ pools: [pool], policy }).actions).filter((one) => one.startsWith('launch')).length;
    expect(launches()).toBe(1);
    expect(launches({ canary: false })).toBe(3);
  });

  it('goes on once they have passed, and when none are asked for', () => {
    for (const awaitsChecks of [false, undefined]) {
      const held = { memory: { firstNode: { node: 'new-1', since: 5 } } };
      const { actions, memory } = plan({ pools: [{ ...usable, ...held, awaitsChecks }] });
      expect(words(actions)).toEqual(expect.arrayContaining(['launch eu-1b', expect.stringMatching(/^cordon /)]));
      expect(memory.firstNode).toBeUndefined();
    }
  });

  it('waits for the same node since the same time, and for another one when it has gone', () => {
    const known = (node: string) => ({ ...usable, memory: { firstNode: { node, since: 5 } } });
    const two = { ...known('new-1'), nodes: [...usable.nodes, { name: 'new-0' }] };
    expect(plan({ pools: [two] }).memory.firstNode).toEqual({ node: 'new-1', since: 5 });
    expect(plan({ pools: [known('gone')] }).memory.firstNode).toEqual({ node: 'new-1', since: now });
  });

  it('goes on with what is being drained already', () => {
    const nodes = [...oldNodes(5), { name: 'leaving', old: true, drainingFor: 5_000 }, first];
    const pods = [{ name: 'web', node: 'leaving' }];
    const { actions } = plan({ pools: [{ ...usable, nodes }], pods });
    expect(words(actions)).toContain('evict web');
  });

  it('takes no old node first where nodes may be missing, unless there is no new one to be had', () => {
    const policy = { maxUnavailable: 2 };
    const pool = { nodes: oldNodes(6), baseline: 6, surge: 1, awaitsChecks: true };
    const before = plan({ pools: [pool], policy });
    expect(words(before.actions)).toEqual(['launch eu-1a']);
    expect(before.wait.code).toBe('first-node-boots');
    const zonesWithout = ['eu-1a', 'eu-1b', 'eu-1c'].map((zone) => ({ group: 'workers', zone, until: now + 60_000 }));
    const dry = plan({ pools: [{ ...pool, memory: { zonesWithout } }], policy });
    expect(words(dry.actions).filter((one) => one.startsWith('cordon'))).toHaveLength(2);
  });

  it('ends where nothing is outdated any more', () => {
    const { verdict, memory } = plan({ pools: [{ nodes: [first], baseline: 1, awaitsChecks: true }] });
    expect(verdict.kind).toBe('complete');
    expect(memory.firstNode).toBeUndefined();
  });
});
