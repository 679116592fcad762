import { describe, expect, it } from 'vitest';
import { type ClusterSpec, now, plan, words } from '../../support/roll-builders.ts';

const kept = { name: 'kept', nodes: [{ name: 'k-1', zone: 'eu-1b' }] };
const node = (name: string, more: object = {}) => ({ name, old: true, zone: 'eu-1a', ...more });
const removed = (nodes: object[], more: object = {}) => ({
  name: 'leaving',
  mode: 'removing' as const,
  nodes: nodes as ClusterSpec['pools'][number]['nodes'],
  ...more,
});
const planned = (spec: Partial<ClusterSpec> & { nodes: object[]; pool?: object; others?: ClusterSpec['pools'] }) => {
  const { nodes, pool = {}, others = [kept], ...rest } = spec;
  return plan({ pools: [removed(nodes, pool), ...others], ...rest }, 'leaving');
};
/** On the current template, marked to leave. */
const current = (name: string, more: object = {}) => node(name, { old: false, marked: true, exempt: false, ...more });

describe('a pool that is to be no more', () => {
  it('has all its nodes marked first, those on the current template too', () => {
    const { actions } = planned({ nodes: [current('a', { marked: false }), node('b', { marked: false })] });
    expect(words(actions)).toEqual(['mark a', 'mark b']);
  });

  it('gives one node at a time to be drained, and launches none', () => {
    const { actions, wait } = planned({ nodes: [current('a'), current('b'), current('c')] });
    expect(words(actions).filter((word) => /^(cordon|launch)/.test(word))).toEqual(['cordon a']);
    expect(actions.find((action) => action.kind === 'cordon')?.reason).toMatch(/^the pool leaving is removed; /);
    expect(wait.code).toBe('rolling');
    const second = planned({
      nodes: [current('a', { drainingFor: 10_000 }), current('b')],
      pods: [{ name: 'web', node: 'a' }],
    });
    expect(words(second.actions)).toEqual(['evict web']);
  });

  it('gives up the place of a node that is empty, in a group at any size', () => {
    const previous = [{ name: 'a', instanceId: 'i-a', phase: 'drained' as const, since: now - 60_000 }];
    const { actions } = planned({ nodes: [current('a', { drainingFor: 90_000 }), current('b')], pool: { previous } });
    expect(words(actions)).toContain('terminate a -1');
    expect(words(actions)).not.toContain('cordon b');
  });

  it('goes on beside a node that a budget holds up, and not beside more than may be parked', () => {
    const stuck = (name: string) => ({ drainingFor: 3_600_000, name });
    const held = ['a', 'b', 'c'].map((name) => ({ name: `db-${name}`, app: 'db', node: name }));
    const budgets = [{ name: 'db', allowed: 0, expected: 3, desired: 2, healthy: 2 }];
    const blockedBy = { code: 'x', message: '', namespace: '', budget: '', pod: '', owner: '', node: '' };
    const previous = ['a', 'b'].map((name) => ({
      name,
      instanceId: `i-${name}`,
      phase: 'blocked' as const,
      since: now - 3_600_000,
      blockedBy: { ...blockedBy, since: now - 3_600_000 },
    }));
    const input = { evictNotBefore: new Map(held.map(({ name }) => [`pod-${name}`, now + 60_000])) };
    const one = planned({
      nodes: [current('a', stuck('a')), current('d')],
      pods: held.slice(0, 1),
      budgets,
      input,
      pool: { previous: previous.slice(0, 1) },
    });
    expect(words(one.actions)).toContain('cordon d');
    const two = planned({
      nodes: [current('a', stuck('a')), current('b', stuck('b')), current('d')],
      pods: held.slice(0, 2),
      budgets,
      input,
      pool: { previous },
      policy: { maxBlocked: 1 },
    });
    expect(words(two.actions)).not.toContain('cordon d');
    expect(two.overLimit.map((each) => each.name)).toEqual(['a', 'b']);
  });

  it('keeps a node that cannot be drained, and says why', () => {
    const pods = [{ name: 'batch', node: 'a', bare: true }];
    const { actions, wait, verdict } = planned({ nodes: [current('a')], pods, policy: { barePods: 'block' } });
    expect(words(actions)).toEqual([]);
    expect(wait).toMatchObject({ code: 'blocked', message: expect.stringContaining('a cannot be drained') as string });
    expect(verdict.kind).toBe('going-on');
  });

  it.each<[string, ClusterSpec['pools'], NonNullable<ClusterSpec['volumes']>, string]>([
    ['no node of another pool', [], [], 'no-other-node'],
    [
      'no node of another pool in the zone of its volumes',
      [kept],
      [{ name: 'pv-1', claim: 'shop/data', zones: ['eu-1a'] }],
      'zone-capacity',
    ],
  ])('waits while its pods would have %s', (_, others, volumes, code) => {
    const { actions, wait } = planned({
      nodes: [current('a')],
      pods: [{ name: 'db', node: 'a', claims: ['data'] }],
      others,
      volumes,
    });
    expect(words(actions)).toEqual([]);
    expect(wait.code).toBe(code);
  });

  it('waits while more pods find no node than before', () => {
    const waiting = Array.from({ length: 9 }, (_, index) => ({ name: `p-${index}`, phase: 'Pending', ready: false }));
    const { actions, wait } = planned({ nodes: [current('a')], pods: waiting });
    expect(words(actions).filter((word) => word.startsWith('cordon'))).toEqual([]);
    expect(wait.code).toBe('pods-without-node');
  });

  it('of the control plane goes only beside another one that serves', () => {
    const pool = { controlPlane: true };
    const alone = planned({ nodes: [current('a'), current('b')], pool });
    expect(words(alone.actions)).toEqual([]);
    expect(alone.wait.code).toBe('last-control-plane-node');
    const others = [{ name: 'new-masters', controlPlane: true, nodes: [{ name: 'm-1' }] }];
    expect(words(planned({ nodes: [current('a'), current('b')], pool, others }).actions)).toEqual(['cordon a']);
  });

  it('is complete when no instance is left and none will come, and not before', () => {
    const verdictOf = (nodes: object[], pool: object = {}) => planned({ nodes, pool }).verdict.kind;
    expect(verdictOf([])).toBe('complete');
    expect(verdictOf([], { desired: 1, baseline: 1 })).toBe('going-on');
    expect(verdictOf([current('a', { state: 'Terminating:Wait' })])).toBe('complete');
    expect(verdictOf([current('a', { state: 'Standby' })])).toBe('going-on');
    expect(planned({ nodes: [current('a', { state: 'Standby' })] }).wait.code).toBe('instance-unclear');
  });

  it('is paused when somebody else changes its group', () => {
    const memory = { drift: { what: 'leaving suspended Terminate', since: now - 600_000 } };
    const pool = { memory, group: { suspendedProcesses: ['AZRebalance', 'Terminate'] } };
    expect(planned({ nodes: [current('a')], pool }).verdict.kind).toBe('foreign-change');
  });
});
