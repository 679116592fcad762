import { describe, expect, it } from 'vitest';
import { backoffMs } from '../../../src/support/backoff.ts';
import { seededRandom } from '../../../src/support/random.ts';

const policy = { baseMs: 1_000, maxMs: 60_000 };
const always = (value: number) => ({ ...seededRandom(1), next: () => value });

describe('backoff', () => {
  it('doubles with every failure until its cap', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((failures) => backoffMs(policy, failures, always(1)));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('leaves half of the wait to chance, so that many that fail together do not return together', () => {
    expect(backoffMs(policy, 3, always(0))).toBe(2_000);
    const random = seededRandom(7);
    const waits = Array.from({ length: 100 }, () => backoffMs(policy, 3, random));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(4_000);
    expect(new Set(waits).size).toBeGreaterThan(80);
  });

  it('grows by the factor that is asked for', () => {
    expect(backoffMs({ ...policy, factor: 3 }, 3, always(1))).toBe(9_000);
  });

  it('refuses to count from nothing', () => {
    expect(() => backoffMs(policy, 0, always(1))).toThrow(RangeError);
  });
});
