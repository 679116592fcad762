import { expect, it } from 'vitest';
import { verifyFleetBesideARoll } from '../../support/fleet-verification.ts';

/** A roll may be later than alone by less than the wait that its backstop allows. */
const mostDelaySeconds = 15;

it('clusters that are verified at once take under three minutes each, and hold up no roll beside them', async () => {
  const seen = await verifyFleetBesideARoll(4);
  expect(seen.passed).toBe(4);
  expect(seen.slowestSeconds).toBeLessThan(180);
  expect(seen.rollBesideSeconds - seen.rollAloneSeconds).toBeLessThan(mostDelaySeconds);
});
