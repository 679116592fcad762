import { describe, expect, it } from 'vitest';
import { predictDrainMs } from '../../../src/planning/roll/drain-forecast.ts';
import { type LastNodes, soonestEnd } from '../../../src/planning/roll/last-nodes.ts';
import { buildInput, now } from '../../support/roll-builders.ts';

describe('the last nodes of a roll', () => {
  const seconds = (...values: number[]): number[] => values.map((one) => one * 1000);
  const best = (more: Partial<LastNodes> & { drains: number[] }): number | undefined => {
    const open = more.drains.map((_, at) => at);
    const at = soonestEnd({
      open,
      draining: [],
      booting: [],
      ready: 1,
      boots: seconds(90, 95, 100, 105, 110),
      ...more,
    });
    return at === undefined ? undefined : (more.drains[at] ?? 0) / 1000;
  };

  it('go longest first where every other place has its new node on the way', () => {
    expect(best({ drains: seconds(300, 100), booting: seconds(0) })).toBe(300);
  });

  it('free a place in time where one of them has no new node yet', () => {
    expect(best({ drains: seconds(240, 150, 60), booting: seconds(0) })).toBe(150);
    // A drain elsewhere frees one as soon.
    expect(best({ drains: seconds(240, 150), draining: seconds(20) })).toBe(240);
  });

  it('ask for what may go now alone, and for boots enough to know by how much they differ', () => {
    const drains = seconds(240, 150, 60);
    expect(best({ drains, booting: seconds(0), open: [0, 2] })).toBe(60);
    expect(best({ drains, booting: seconds(0), open: [] })).toBeUndefined();
    expect(best({ drains, booting: seconds(0), boots: seconds(90, 95, 100, 105) })).toBeUndefined();
    expect(best({ drains, booting: seconds(0), ready: 0 })).toBeUndefined();
  });

  it('are told apart although a boot takes longer than any before, nothing drains, or places stay empty', () => {
    expect(best({ drains: seconds(100, 20), booting: seconds(500) })).toBe(100);
    expect(best({ drains: seconds(100, 50, 20) })).toBeDefined();
    expect(best({ drains: seconds(100) })).toBe(100);
  });

  it('wait for pods that are told to go as long as such pods took before, at most until their grace is over', () => {
    const drainMs = (measured: number | undefined, askedAgo: number): number => {
      const pods = [{ name: 'web', node: 'old-1', grace: 900, deletingIn: (900 - askedAgo) * 1000 }];
      const nodes = [{ name: 'old-1', old: true }];
      const input = buildInput({ pools: [{ nodes, baseline: 1 }], pods });
      const terminationMs = new Map(measured === undefined ? [] : [['shop/ReplicaSet/web-rs', measured * 1000]]);
      const { view, policy } = input;
      const seen = view.pods.filter((pod) => pod.name === 'web');
      return (predictDrainMs(seen, { budgetsOf: () => [] }, { terminationMs, now, policy }) - policy.quietMs) / 1000;
    };
    expect(drainMs(undefined, 20)).toBe(880);
    expect(drainMs(60, 20)).toBe(40);
    expect(drainMs(60, 100)).toBe(0);
    expect(drainMs(2_000, 20)).toBe(880);
  });
});
