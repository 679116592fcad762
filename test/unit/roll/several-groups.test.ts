import { describe, expect, it } from 'vitest';
import type { RollMemory } from '../../../src/domain/node-pool-roll.ts';
import { withBootFault } from '../../../src/planning/roll/boot-failures.ts';
import type { RollAction } from '../../../src/planning/roll/roll-plan.ts';
import { now, oldNodes, type PoolSpec, plan } from '../../support/roll-builders.ts';

const hour = 3_600_000;

/** A pool of three groups, each on a template of its own unless told otherwise. */
function pool(parts: Record<'a' | 'b' | 'c', Partial<PoolSpec>>, more: Partial<PoolSpec> = {}): PoolSpec {
  const group = (name: 'a' | 'b' | 'c'): PoolSpec => {
    const nodes = oldNodes(4).map((one) => ({ ...one, name: `${name}-${one.name}` }));
    const spec = { name, baseline: 4, surge: 6, template: `lt-${name}`, ...parts[name] };
    return { ...spec, nodes: [...nodes, ...(parts[name].nodes ?? [])] };
  };
  return { ...group('a'), name: 'a', also: [group('b'), group('c')], ...more };
}

/** `a eu-1b`: a launch of group a in that zone. */
const launches = (actions: RollAction[]): string[] =>
  actions.flatMap((action) =>
    action.kind === 'capacity' && action.intent.kind === 'launch'
      ? [`${action.intent.group} ${action.intent.zone}`]
      : [],
  );

const planned = (spec: PoolSpec, policy = {}) => plan({ pools: [spec], policy }, 'a');
const fresh = (name: string, more = {}) => ({ name, zone: 'eu-1a', ...more });
const booting = (name: string) => fresh(name, { ready: false, age: 30_000 });
const proven = { needed: false, reason: 'nodes elsewhere run it' };
const sameTemplate = { template: 'lt-a' };

describe('a canary of a pool of several groups', () => {
  it('is one node of the pool before anything has booted', () => {
    expect(launches(planned(pool({ a: {}, b: {}, c: {} })).actions)).toEqual(['a eu-1a']);
    const second = planned(pool({ a: { nodes: [booting('new')] }, b: {}, c: {} }));
    expect(launches(second.actions)).toEqual([]);
    expect(second.wait.code).toBe('canary');
  });

  it('is then one node of each other content, side by side, while the first goes on', () => {
    const found = planned(pool({ a: { nodes: [fresh('new')] }, b: {}, c: {} }));
    const by = (name: string): number => launches(found.actions).filter((one) => one.startsWith(name)).length;
    expect([by('b'), by('c')]).toEqual([1, 1]);
    expect(by('a')).toBeGreaterThan(1);
    const [first] = found.actions.filter((one) => one.kind === 'capacity');
    expect(first?.reason).toBe(
      'one new node of b first, whose content is not that of every group of the pool, to show that the new template boots: nothing is known of its content',
    );
  });

  it('is launched before further nodes of what has booted', () => {
    const found = planned(pool({ a: { nodes: [fresh('new')] }, b: {}, c: {} }, { surge: 3 }));
    expect(launches(found.actions).map((one) => one.slice(0, 1))).toEqual(['b', 'c']);
  });

  it('holds back the groups of its own content alone, and all of them where they share it', () => {
    const shared = pool({ a: { nodes: [fresh('new')] }, b: sameTemplate, c: { nodes: [booting('slow')] } });
    const of = (found: ReturnType<typeof planned>, name: string): number =>
      launches(found.actions).filter((one) => one.startsWith(name)).length;
    const found = planned({ ...shared, surge: 9 });
    expect(of(found, 'b')).toBeGreaterThan(1);
    expect(of(found, 'c')).toBe(0);
    // of the same template, and other types: another content
    const types = { ...sameTemplate, group: { instanceTypes: ['m5.large', 'c5.large'] } };
    expect(of(planned({ ...pool({ a: { nodes: [fresh('new')] }, b: types, c: {} }), surge: 9 }), 'b')).toBe(1);
  });

  it('is left out of groups whose content others have shown to boot, and comes back for all once a node was given up', () => {
    const some = pool({ a: { canary: proven }, b: {}, c: { canary: proven } }, { surge: 6 });
    const counts = (spec: PoolSpec): number[] =>
      ['a', 'b', 'c'].map((name) => launches(planned(spec).actions).filter((one) => one.startsWith(name)).length);
    expect(counts(some)).toEqual([4, 1, 1]);
    expect(counts({ ...some, memory: { bootFailures: 1 } })).toEqual([1, 0, 0]);
  });
});

describe('a pool whose one content never boots', () => {
  const fails = (count: number, group: string, problem: string) => (memory: RollMemory) =>
    Array.from({ length: count }).reduce<RollMemory>((so) => withBootFault(so, group, problem), memory);
  const memoryWith = (...parts: ((memory: RollMemory) => RollMemory)[]): RollMemory => {
    const start = plan({ pools: [pool({ a: {}, b: {}, c: {} })] }, 'a').memory;
    return parts.reduce((memory, part) => part(memory), { ...start, bootFailures: 0 });
  };

  it('says which group and content failed, and what of each group was replaced by then', () => {
    const { bootFailures, bootFaults } = memoryWith(fails(1, 'c', 'not Ready'), fails(2, 'b', 'never registered'));
    const replaced = ['1', '2', '3', '4'].map((name) => fresh(`new-${name}`));
    const going = { ...oldNodes(1)[0], name: 'c-going', old: true, drainingFor: 10_000 };
    const parts = { a: { nodes: replaced }, b: {}, c: { baseline: 5, nodes: [going] } };
    const spec = pool(parts, { memory: { bootFailures, bootFaults } });
    const found = planned({ ...spec, nodes: replaced });
    expect(found.verdict).toEqual({
      kind: 'failed',
      code: 'boot-failures',
      message:
        '3 new nodes of a did not become usable: 1 of c (template lt-c version 2), 2 of b (template lt-b version 2); of the last one: never registered; ' +
        'a: 4 replaced, 0 old ones intact; b: 0 replaced, 4 old ones intact; c: 0 replaced, 4 old ones intact, 1 being drained',
    });
  });

  it('counts anew where the count was set back, and keeps to one line a group', () => {
    const before = memoryWith(fails(3, 'b', 'old story'));
    const anew = withBootFault({ ...before, bootFailures: 0 }, 'c', undefined);
    expect(anew).toMatchObject({ bootFailures: 1, bootFaults: [{ group: 'c', nodes: 1 }] });
    expect(before.bootFaults).toEqual([{ group: 'b', nodes: 3, problem: 'old story' }]);
  });
});

describe('a group without capacity', () => {
  const none = (group: string) => ['eu-1a', 'eu-1b', 'eu-1c'].map((zone) => ({ group, zone, until: now + hour }));
  const shown = { canary: proven };

  it('does not hold up the others of its pool, which have it in the same zones', () => {
    const spec = pool({ a: shown, b: shown, c: shown }, { surge: 2, memory: { zonesWithout: none('a') } });
    const found = planned(spec);
    expect(launches(found.actions)).toEqual(['b eu-1a', 'b eu-1b']);
    expect(found.wait.message).toBe('no zone of a has instances to give: eu-1a, eu-1b, eu-1c');
  });

  it('leaves the first node to another group', () => {
    const spec = pool({ a: {}, b: {}, c: {} }, { memory: { zonesWithout: none('a') } });
    expect(launches(planned(spec).actions)).toEqual(['b eu-1a']);
  });
});
