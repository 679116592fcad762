import { describe, expect, it } from 'vitest';
import { lookAgainAfter } from '../../../src/planning/pipeline/look-again.ts';

describe('looking again at what nobody may tell of', () => {
  it('happens often at first, more and more seldom, and never too seldom', () => {
    const at = (waitedMs: number): number => lookAgainAfter(waitedMs, { firstMs: 60_000, mostMs: 900_000 });
    expect([0, 600_000, 3_600_000, 86_400_000].map(at)).toEqual([60_000, 60_000, 360_000, 900_000]);
  });
});
