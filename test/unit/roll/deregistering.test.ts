import { describe, expect, it } from 'vitest';
import { type NodeSpec, now, plan, words } from '../../support/roll-builders.ts';

const minute = 60_000;

/** A worker that has been empty for `emptyFor`, beside its replacement. */
function leaving(health: NodeSpec['health'], parts: { emptyFor: number; asked?: number }): string[] {
  const previous = [{ name: 'old-1', instanceId: 'i-old-1', phase: 'drained' as const, since: now - parts.emptyFor }];
  const nodes = [
    { name: 'old-1', old: true, drainingFor: 10 * minute, ...(health === undefined ? {} : { health }) },
    { name: 'new-1' },
  ];
  const deregisteredAt = new Map(parts.asked === undefined ? [] : [['i-old-1/workers-elb', now - parts.asked]]);
  return words(
    plan({ pools: [{ nodes, baseline: 1, balanced: true, previous }], input: { deregisteredAt } }).actions,
  ).filter((word) => !word.startsWith('exempt'));
}

describe('a node that leaves its load balancers', () => {
  it('is asked for once, though a describe still shows it as registered, and again when that lasts', () => {
    expect(leaving('healthy', { emptyFor: 6_000 })).toEqual(['deregister old-1']);
    expect(leaving('healthy', { emptyFor: 6_000, asked: 1_000 })).toEqual([]);
    expect(leaving('healthy', { emptyFor: 6_000, asked: 31_000 })).toEqual(['deregister old-1']);
  });

  it('gets its time from when they were asked, however long ago its drain began', () => {
    expect(leaving('draining', { emptyFor: 31 * minute, asked: 5 * minute })).toEqual([]);
    expect(leaving('draining', { emptyFor: 7 * minute, asked: 6 * minute })).toEqual(['terminate old-1 -1']);
  });

  it('has them asked where nobody knows when they were, as after a restart, and is ended at last where they cannot be', () => {
    expect(leaving('draining', { emptyFor: 7 * minute })).toEqual(['deregister old-1']);
    expect(leaving('healthy', { emptyFor: 29 * minute })).toEqual(['deregister old-1']);
    expect(leaving('healthy', { emptyFor: 30 * minute })).toContain('terminate old-1 -1');
    expect(leaving('absent', { emptyFor: 6_000 })).toEqual(['terminate old-1 -1']);
  });
});
