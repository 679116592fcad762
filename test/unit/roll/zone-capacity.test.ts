import { describe, expect, it } from 'vitest';
import { now, plan, words } from '../../support/roll-builders.ts';

const bound = (node: string) => ({ name: `db-${node}`, node, claims: [`data-${node}`] });
const old = (name: string, zone: string) => ({ name, old: true, zone });
const current = (name: string, zone: string) => ({ name, zone });
const withoutA = { zonesWithout: [{ group: 'workers', zone: 'eu-1a', until: now + 60_000 }] };

describe('a roll whose last nodes wait for a zone', () => {
  it('launches there although as many new nodes as the baseline needs are elsewhere, and surge is left', () => {
    const nodes = [old('old-1', 'eu-1a'), current('new-1', 'eu-1b'), current('new-2', 'eu-1c')];
    const found = plan({ pools: [{ nodes, baseline: 2, surge: 3 }], pods: [bound('old-1')] });
    expect(words(found.actions)).toEqual(['launch eu-1a']);
  });

  it('spends no node on another zone while the one that is waited for has no capacity', () => {
    const nodes = [old('old-1', 'eu-1a'), current('new-1', 'eu-1b')];
    const spec = { pods: [bound('old-1')] };
    const found = plan({ pools: [{ nodes, baseline: 1, surge: 1, memory: withoutA }], ...spec });
    expect(words(found.actions)).toEqual([]);
    expect(found.nextLookAt).toBeLessThanOrEqual(now + 60_000);
    const later = { zonesWithout: [{ group: 'workers', zone: 'eu-1a', until: now }] };
    const over = plan({ pools: [{ nodes, baseline: 1, surge: 1, memory: later }], ...spec });
    expect(words(over.actions)).toEqual(['launch eu-1a']);
  });

  it('launches elsewhere as ever while another node can go', () => {
    const nodes = [old('old-1', 'eu-1a'), old('old-2', 'eu-1b'), current('new-1', 'eu-1c')];
    const found = plan({
      pools: [{ nodes, baseline: 2, surge: 2, memory: withoutA }],
      pods: [bound('old-1')],
    });
    expect(words(found.actions)).toEqual(['cordon old-2', 'launch eu-1b']);
  });

  it('launches one node for it, and no other before that one serves', () => {
    const nodes = [
      old('old-1', 'eu-1a'),
      current('new-1', 'eu-1b'),
      { ...current('new-2', 'eu-1a'), ready: false, age: 30_000 },
    ];
    const found = plan({ pools: [{ nodes, baseline: 1, surge: 4 }], pods: [bound('old-1')] });
    expect(words(found.actions)).toEqual([]);
  });
});

describe('a roll that may have no node more, and none of the new ones is in the zone that is waited for', () => {
  const nodes = [old('old-1', 'eu-1a'), current('new-1', 'eu-1b'), current('new-2', 'eu-1c')];
  const pods = [bound('old-1')];
  const pool = { nodes, baseline: 1, surge: 1 };

  it('gives one of them up, and keeps it in its drain', () => {
    expect(words(plan({ pools: [pool], pods }).actions)).toEqual(['cordon new-1']);
    const begun = nodes.map((node) =>
      node.name === 'new-1' ? { ...node, drainingFor: 10_000, leaving: 'surplus' as const } : node,
    );
    expect(words(plan({ pools: [{ ...pool, nodes: begun }], pods }).actions)).toEqual([]);
    const previous = [{ name: 'new-1', instanceId: 'i-new-1', phase: 'drained' as const, since: 0 }];
    const empty = plan({ pools: [{ ...pool, nodes: begun, previous }], pods });
    expect(words(empty.actions)).toEqual(['terminate new-1 -1']);
  });

  it('gives up none that the baseline needs', () => {
    const sick = nodes.map((node) => (node.name === 'old-1' ? { ...node, ready: false, readyFor: 60_000 } : node));
    const found = plan({ pools: [{ ...pool, nodes: sick, baseline: 2, desired: 4 }], pods });
    expect(words(found.actions).filter((one) => one.startsWith('cordon'))).toEqual([]);
  });

  it('gives up none that alone serves the volumes of its own pods', () => {
    const found = plan({ pools: [pool], pods: [...pods, bound('new-1')] });
    expect(words(found.actions)).toEqual(['cordon new-2']);
  });

  it('gives up none while the zone has no capacity, while the group chooses zones, or beside a control-plane node', () => {
    const actions = (memory: object) => words(plan({ pools: [{ ...pool, memory }], pods }).actions);
    expect(actions(withoutA)).toEqual([]);
    expect(actions({ launchByDesiredUntil: now + 1 })).toEqual([]);
    expect(actions({ launchByDesiredUntil: now })).toEqual(['cordon new-1']);
    const plane = {
      name: 'masters',
      controlPlane: true,
      nodes: [{ name: 'm-1', old: true, drainingFor: 1_000 }, { name: 'm-2', old: true }, { name: 'm-new' }],
      baseline: 2,
    };
    expect(words(plan({ pools: [pool, plane], pods }).actions)).toEqual([]);
  });
});

describe('a draining node whose volumes lose the only new node of their zone', () => {
  const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'blocked' as const, since: now - 130_000 }];
  const draining = { ...old('old-1', 'eu-1a'), drainingFor: 300_000 };
  const spec = {
    pods: [{ ...bound('old-1'), app: 'db' }],
    budgets: [{ name: 'db', app: 'db', allowed: 0, expected: 3, desired: 2, healthy: 2 }],
  };

  it('takes its pods back once nothing moves any more', () => {
    const pool = { nodes: [draining, current('new-1', 'eu-1b')], baseline: 1, surge: 1 };
    expect(words(plan({ pools: [{ ...pool, previous }], ...spec }).actions)).toEqual(['give-back old-1']);
    expect(words(plan({ pools: [pool], ...spec }).actions)).not.toContain('give-back old-1');
  });

  it('goes on where another one boots there', () => {
    const booting = { ...current('new-1', 'eu-1a'), ready: false, age: 30_000 };
    const pool = { nodes: [draining, booting], baseline: 1, surge: 1, previous };
    expect(words(plan({ pools: [pool], ...spec }).actions)).toEqual([]);
  });
});

describe('a pod that runs nowhere, whose volume is in a zone that its new node has left', () => {
  const draining = { ...old('old-1', 'eu-1b'), drainingFor: 300_000 };
  const since = now - 130_000;
  const blockedBy = {
    code: 'budget-refuses',
    message: '',
    namespace: 'shop',
    budget: 'db',
    pod: 'db-1',
    owner: '',
    since,
  };
  const blocked = { name: 'old-1', instanceId: 'i-old-1', phase: 'blocked' as const, since };
  const previous = [{ ...blocked, blockedBy: { ...blockedBy, node: 'old-1' } }];
  const nodes = [draining, current('new-1', 'eu-1b'), current('new-2', 'eu-1c')];
  const pool = { nodes, baseline: 2, surge: 1, previous };
  const waiting = { name: 'db-0', app: 'db', claims: ['data-db-0'], phase: 'Pending', ready: false, age: 600_000 };
  const spec = {
    pods: [{ name: 'db-1', app: 'db', node: 'old-1' }, waiting],
    volumes: [{ claim: 'shop/data-db-0', zones: ['eu-1a'] }],
    budgets: [{ name: 'db', allowed: 0, expected: 3, desired: 2, healthy: 2 }],
  };

  it('gets a node there when its budget would hold up a drain for ever', () => {
    const found = plan({ pools: [pool], ...spec });
    expect(words(found.actions)).toEqual(['launch eu-1a']);
    expect(found.actions[0]?.reason).toBe('volumes wait for a new node in eu-1a');
  });

  it('gets a node there when its budget, which asks for all pods that are there, lets no drain begin', () => {
    const still = { ...pool, nodes: [old('old-1', 'eu-1b'), current('new-1', 'eu-1b')], previous: [] };
    const all = { name: 'db', allowed: 0, expected: 2, desired: 2, healthy: 1 };
    expect(words(plan({ pools: [still], ...spec, budgets: [all] }).actions)).toEqual(['launch eu-1a']);
    const elsewhere = [{ name: 'db-1', app: 'other', node: 'old-1' }, waiting];
    const others = [{ ...all, name: 'other' }];
    expect(words(plan({ pools: [still], ...spec, pods: elsewhere, budgets: others }).actions)).toEqual([]);
  });

  it('gets none while it may find one by itself, while a node boots or takes pods there, or when no drain waits for it', () => {
    const pods = (more: object) => [
      { name: 'db-1', app: 'db', node: 'old-1' },
      { ...waiting, ...more },
    ];
    const young = plan({ pools: [pool], ...spec, pods: pods({ age: 60_000 }) });
    expect(words(young.actions)).toEqual([]);
    expect(young.nextLookAt).toBeLessThanOrEqual(now + 60_000);
    const booting = { ...current('new-3', 'eu-1c'), ready: false, age: 30_000 };
    expect(words(plan({ pools: [{ ...pool, nodes: [...nodes, booting] }], ...spec }).actions)).toEqual([]);
    const open = current('new-3', 'eu-1a');
    expect(words(plan({ pools: [{ ...pool, nodes: [...nodes, open] }], ...spec }).actions)).toEqual([]);
    expect(words(plan({ pools: [pool], ...spec, pods: pods({ app: 'other' }) }).actions)).toEqual([]);
    const fresh = { ...pool, previous: [] };
    expect(words(plan({ pools: [fresh], ...spec }).actions)).toEqual([]);
  });

  it('gets a node there when so many like it run nowhere that no further node is cordoned', () => {
    const many = ['a', 'b', 'c', 'd'].map((name) => ({ ...waiting, name, claims: [`data-${name}`] }));
    const volumes = many.map(({ claims }) => ({ claim: `shop/${claims[0]}`, zones: ['eu-1a'] }));
    const still = { ...pool, nodes: [old('old-1', 'eu-1b'), ...nodes.slice(1)], previous: [] };
    expect(words(plan({ pools: [still], pods: many, volumes }).actions)).toEqual(['launch eu-1a']);
    expect(words(plan({ pools: [still], pods: many.slice(1), volumes }).actions)).toEqual(['cordon old-1']);
  });

  it('has the next new node in its zone, before one where old nodes wait', () => {
    const begun = {
      nodes: [old('old-1', 'eu-1b'), old('old-2', 'eu-1c'), current('new-1', 'eu-1c')],
      baseline: 3,
      surge: 1,
    };
    const pods = [bound('old-1'), waiting];
    expect(words(plan({ pools: [begun], ...spec, pods }).actions)).toEqual(['launch eu-1a']);
    expect(words(plan({ pools: [begun], ...spec, pods: [bound('old-1')] }).actions)).toEqual(['launch eu-1b']);
  });
});
