import { describe, expect, it } from 'vitest';
import { nextMidRollAt } from '../../../src/steps/cluster-update/mid-roll.ts';

type Input = Parameters<typeof nextMidRollAt>[0];
type Rolls = Parameters<typeof nextMidRollAt>[1];

const began = 1_000;
const threeMinutes = 180_000;
const rolls = [{ since: began }] as unknown as Rolls;
const updateWith = (midRoll: object | undefined): Input =>
  ({ context: { policy: { e2eGate: { midRoll: 'mid-roll' } }, midRoll } }) as unknown as Input;

describe('the next run of checks while nodes are replaced', () => {
  it('comes three minutes after the last one began', () => {
    expect(nextMidRollAt(updateWith(undefined), rolls)).toBe(began + threeMinutes);
    expect(nextMidRollAt(updateWith({ child: null, at: 5_000, round: 1 }), rolls)).toBe(5_000 + threeMinutes);
  });

  it('is nothing to wake up for while one is under way, however long it takes, or after the last one', () => {
    expect(nextMidRollAt(updateWith({ child: 'e2e-mid-roll:u:1', at: 5_000, round: 1 }), rolls)).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(nextMidRollAt(updateWith({ child: null, at: 5_000, round: 100 }), rolls)).toBe(Number.POSITIVE_INFINITY);
  });
});
