import { describe, expect, it } from 'vitest';
import { oldNodes, type PodSpec, plan, words } from '../../support/roll-builders.ts';

const current = (name: string, zone: string) => ({ name, old: false, zone, age: 3_600_000 });

describe('a node too many at the end of a roll', () => {
  it('that is being drained stays in its drain: cordoned and given back in turns it would never go', () => {
    const nodes = [
      current('a', 'eu-1a'),
      current('b', 'eu-1b'),
      { ...current('c', 'eu-1c'), drainingFor: 10_000, leaving: 'surplus' as const },
    ];
    const actions = words(plan({ pools: [{ nodes, baseline: 2 }] }).actions);
    expect(actions.filter((action) => action.startsWith('give-back'))).toEqual([]);
  });

  it('is given back when outdated nodes turned up meanwhile', () => {
    const nodes = [...oldNodes(2), { ...current('c', 'eu-1c'), drainingFor: 10_000, leaving: 'surplus' as const }];
    expect(words(plan({ pools: [{ nodes, baseline: 2 }] }).actions)).toContain('give-back c');
  });
});

describe('a node too many while one boots that alone can have the volumes of its pods', () => {
  const booting = { name: 'n', old: false, zone: 'eu-1c', ready: true, readyFor: 1_000, age: 60_000 };
  const serving = [current('a', 'eu-1a'), current('b', 'eu-1b')];
  const data = { name: 'db-0', node: 'n', claims: ['data-db-0'] };
  const cordoned = (nodes: object[], pods: PodSpec[]): string[] =>
    words(plan({ pools: [{ nodes: nodes as never[], baseline: 2 }], pods }).actions);

  it('is another, once that one serves', () => {
    expect(cordoned([...serving, booting], [])).toEqual(['cordon n']);
    expect(cordoned([...serving, booting], [data])).toEqual([]);
    expect(cordoned([...serving, { ...booting, readyFor: 3_600_000, age: 7_200_000 }], [data])).toEqual(['cordon a']);
  });

  it('is another although a budget lets nothing move from it for now', () => {
    const [nodes, pods] = [[...serving, { ...booting, readyFor: 3_600_000 }], [data]];
    const stuck = ['a', 'b'].map((node) => ({ name: `web-${node}`, node, app: 'web' }));
    const budgets = [{ name: 'web', allowed: 0, expected: 2, desired: 2, healthy: 2 }];
    const found = plan({ pools: [{ nodes, baseline: 2 }], pods: [...pods, ...stuck], budgets });
    expect(words(found.actions)[0]).toBe('cordon a');
  });

  it('is that one where every other holds volumes as well', () => {
    const others = ['a', 'b'].map((node) => ({ name: `db-${node}`, node, claims: [`data-${node}`] }));
    expect(cordoned([...serving, booting], [data, ...others])).toEqual(['cordon n']);
  });
});

describe('a roll that stops with a node too many', () => {
  const alone = { name: 'old-1', old: true, noNode: true, zone: 'eu-1c' };
  const serving = [current('a', 'eu-1a'), current('b', 'eu-1b'), { ...current('c', 'eu-1b'), old: true }];

  it('ends the one that serves nobody, although its zone is left without a node: no other can be spared', () => {
    const found = plan({ pools: [{ nodes: [...serving, alone], baseline: 3, mode: 'stopping' }] });
    expect(words(found.actions)).toContain('terminate i-old-1 -1');
  });

  it('takes one of the control plane out of its load balancers first', () => {
    const pool = { nodes: [...serving, alone], baseline: 3, mode: 'stopping' as const, controlPlane: true };
    const registered = plan({ pools: [{ ...pool, balanced: true }] });
    expect(words(registered.actions).filter((one) => one.startsWith('terminate'))).toEqual([]);
  });
});

describe('an outdated instance that is no node of the cluster', () => {
  it('is ended like an empty one', () => {
    const nodes = [{ ...(oldNodes(1)[0] as object), name: 'old-1', old: true, noNode: true }, current('a', 'eu-1a')];
    const actions = words(plan({ pools: [{ nodes, baseline: 1 }] }).actions);
    expect(actions.filter((action) => action.startsWith('terminate'))).toHaveLength(1);
  });

  it.each(['rolling', 'stopping', 'removing'] as const)(
    'stays while pods of a node that is no more still count, in a pool that is %s',
    (mode) => {
      const gone = { ...(oldNodes(1)[0] as object), name: 'old-1', old: true, noNode: true };
      const pool = { nodes: [gone, current('a', 'eu-1a')], baseline: 1, mode };
      const ends = (pods: PodSpec[]): string[] => {
        const { actions, wait } = plan({ pools: [pool], pods });
        const ended = words(actions).filter((action) => action.startsWith('terminate'));
        return ended.length > 0 ? ended : [wait.code];
      };
      const stray = { name: 'web-1', node: 'ip-10-0-0-9' };
      expect(ends([{ name: 'web-0', node: 'a' }])).toEqual([expect.stringMatching(/^terminate/)]);
      expect(ends([stray])).toEqual(['stray-pods']);
      expect(ends([{ ...stray, deletingIn: 30 }])).toEqual([expect.stringMatching(/^terminate/)]);
      expect(ends([{ ...stray, phase: 'Failed' }])).toEqual([expect.stringMatching(/^terminate/)]);
    },
  );
});
