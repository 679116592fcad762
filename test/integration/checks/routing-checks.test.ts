/** Gateways, RouteGroups and network load balancers; and when a share of answers is no chance any more. */
import { describe, expect, it } from 'vitest';
import { unlikely } from '../../../src/checks/route-traffic.ts';
import { routingCases } from './cases/routing-cases.ts';
import { describeChecks } from './check-cases.ts';

describeChecks(routingCases);

describe('a share of answers', () => {
  it('is judged by chance: what happens once in a thousand times is no chance', () => {
    expect(unlikely(140, 200, 0.7)).toBeUndefined();
    expect(unlikely(121, 200, 0.7)).toBeUndefined();
    expect(unlikely(160, 200, 0.7)).toBeUndefined();
    expect(unlikely(100, 200, 0.7)).toBe('100 of 200 answers, and 70 % are wanted (chi-square 38.1)');
    expect(unlikely(170, 200, 0.7)).toMatch(/chi-square 21\.4/);
  });

  it('of none or all is exact', () => {
    expect(unlikely(0, 200, 0)).toBeUndefined();
    expect(unlikely(1, 200, 0)).toBe('1 of 200 answers, and 0 % are wanted');
    expect(unlikely(200, 200, 1)).toBeUndefined();
    expect(unlikely(199, 200, 1)).toBe('199 of 200 answers, and 100 % are wanted');
  });
});
