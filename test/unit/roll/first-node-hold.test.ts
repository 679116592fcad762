import { describe, expect, it } from 'vitest';
import { now, oldNodes, type PoolSpec, plan, words } from '../../support/roll-builders.ts';

describe('a roll that is checked on its first new node', () => {
  const first = { name: 'new-1', zone: 'eu-1a' };
  const usable = { nodes: [...oldNodes(6), first], baseline: 6, surge: 3, awaitsChecks: true };

  const content = plan({ pools: [usable] }).memory.firstNodes?.[0]?.content ?? 'none';

  it('cordons nothing and launches nothing more while it waits, and says for which node', () => {
    const { actions, wait, memory } = plan({ pools: [usable] });
    expect(words(actions).filter((one) => /^(cordon|launch|evict|terminate)/.test(one))).toEqual([]);
    expect(memory.firstNodes).toEqual([{ content, node: 'new-1', since: now }]);
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
    for (const so of [{ awaitsChecks: false }, { passed: [content] }]) {
      const held = { memory: { firstNodes: [{ content, node: 'new-1', since: 5 }] } };
      const { actions, memory } = plan({ pools: [{ ...usable, ...held, ...so }] });
      expect(words(actions)).toEqual(expect.arrayContaining(['launch eu-1b', expect.stringMatching(/^cordon /)]));
      expect(memory.firstNodes).toBeUndefined();
    }
    // what nodes are launched with has changed since
    expect(plan({ pools: [{ ...usable, passed: ['other'] }] }).wait.code).toBe('first-node-checks');
  });

  it('waits for the same node since the same time, and for another one when it has gone', () => {
    const known = (node: string) => ({ ...usable, memory: { firstNodes: [{ content, node, since: 5 }] } });
    const two = { ...known('new-1'), nodes: [...usable.nodes, { name: 'new-0' }] };
    expect(plan({ pools: [two] }).memory.firstNodes).toMatchObject([{ node: 'new-1', since: 5 }]);
    expect(plan({ pools: [known('gone')] }).memory.firstNodes).toMatchObject([{ node: 'new-1', since: now }]);
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
    expect(memory.firstNodes).toBeUndefined();
  });
});

describe('a roll of several contents that is checked', () => {
  const fresh = (name: string, more = {}) => ({ name, zone: 'eu-1a', ...more });
  const booting = { ready: false, age: 30_000 };
  const slow = fresh('slow', booting);

  /** Groups a and b on templates of their own, c on that of a. */
  function pool(news: Partial<Record<'a' | 'b' | 'c', PoolSpec['nodes']>>, more: Partial<PoolSpec> = {}): PoolSpec {
    const group = (name: 'a' | 'b' | 'c', template: string): PoolSpec => {
      const nodes = oldNodes(3).map((one) => ({ ...one, name: `${name}-${one.name}` }));
      return { name, baseline: 3, surge: 4, awaitsChecks: true, template, nodes: [...nodes, ...(news[name] ?? [])] };
    };
    return { ...group('a', 'lt-a'), also: [group('b', 'lt-b'), group('c', 'lt-a')], ...more };
  }
  const planned = (spec: PoolSpec, policy = {}) => plan({ pools: [spec], policy }, 'a');
  const done = (found: ReturnType<typeof planned>, what: string): string[] =>
    found.actions.flatMap((action) => {
      if (action.kind === 'capacity') return what === action.intent.kind ? [action.intent.group] : [];
      return action.kind === 'cordon' && what === 'cordon' ? [action.node.slice(0, 1)] : [];
    });
  const both = pool({ a: [fresh('new-a')], b: [fresh('new-b')] });
  const contents = (planned(both).memory.firstNodes ?? []).map((one) => one.content);

  it('has one of each content checked: the first comes alone, the others side by side once it is there', () => {
    expect(done(planned(pool({})), 'launch')).toEqual(['a']);
    const first = planned(pool({ a: [fresh('new-a')] }));
    expect([done(first, 'launch'), done(first, 'cordon')]).toEqual([['b'], []]);
    expect(first.memory.firstNodes).toMatchObject([{ node: 'new-a', since: now }]);
    expect(first.wait.message).toBe(
      'waiting for checks on the first new node, new-a: old nodes go once they have passed; the first new node of b is on its way',
    );
    const second = planned(both);
    expect([done(second, 'launch'), done(second, 'cordon')]).toEqual([[], []]);
    expect(second.memory.firstNodes?.map(({ node }) => node)).toEqual(['new-a', 'new-b']);
    expect(second.wait.message).toBe(
      'waiting for checks on the first new nodes, new-a, new-b: old nodes go once they have passed',
    );
    expect(new Set(contents).size).toBe(2);
  });

  it('goes on when checks have passed on all of them, and no sooner', () => {
    const [a = '', b = ''] = contents;
    const one = planned({ ...both, passed: [a] });
    expect(one.memory.firstNodes).toMatchObject([{ content: b, node: 'new-b' }]);
    expect([done(one, 'launch'), done(one, 'cordon')]).toEqual([[], []]);
    const boots = planned({ ...pool({ a: [fresh('new-a')], b: [slow] }), passed: [a] });
    expect([boots.wait.code, done(boots, 'cordon')]).toEqual(['first-node-boots', []]);
    const all = planned({ ...both, passed: contents });
    expect(all.memory.firstNodes).toBeUndefined();
    expect(new Set(done(all, 'cordon'))).toEqual(new Set(['a', 'b']));
    expect(done(all, 'launch').length).toBeGreaterThan(0);
  });

  it('asks for none of a content that has no old nodes left', () => {
    const current = pool({ a: [fresh('new-a')] });
    const also = current.also?.map((one) => (one.name === 'b' ? { ...one, nodes: [fresh('new-b')] } : one));
    const found = planned({ ...current, also, passed: contents.slice(0, 1) } as PoolSpec);
    expect(found.memory.firstNodes).toBeUndefined();
    expect(done(found, 'cordon').length).toBeGreaterThan(0);
  });

  it('lets checked contents make room where the surge has none for the others, which go last', () => {
    const [a = ''] = contents;
    const narrow = pool({ a: [fresh('new-a')] }, { surge: 1, passed: [a] });
    // old nodes of b might be missing as well, but what comes for them has not been checked
    const found = planned(narrow, { maxUnavailable: 1 });
    expect(found.memory.firstNodes).toBeUndefined();
    expect(new Set(done(found, 'cordon'))).toEqual(new Set(['a', 'c']));
    // a has been replaced but for one, which makes room while it is drained; then for all, and nothing else could
    const left = (more: NonNullable<PoolSpec['nodes']>): string[] => {
      const nodes = [...['1', '2', '3'].map((name) => fresh(`new-${name}`)), ...more];
      return done(
        planned({ ...narrow, nodes, also: narrow.also?.slice(0, 1) } as PoolSpec, { maxUnavailable: 1 }),
        'cordon',
      );
    };
    expect(left([{ name: 'a-old', old: true, drainingFor: 5_000 }])).toEqual([]);
    expect(left([fresh('new-4')])).toEqual(['b']);
  });
});
