import type { VirtualClock } from '../../../src/support/clock.ts';

/** Lets every promise that can go on without time passing go on. */
export async function settlePromises(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

/** `until` for a world under a virtual clock: goes from timer to timer, at most `limitMs` of simulated time. */
export function untilOnVirtualClock(clock: VirtualClock, limitMs = 3_600_000) {
  return async (what: string, condition: () => Promise<boolean> | boolean): Promise<void> => {
    const endsAt = clock.now() + limitMs;
    for (;;) {
      await settlePromises();
      if (await condition()) return;
      await settlePromises();
      const next = clock.nextAt();
      if (next === undefined || next > endsAt)
        throw new Error(`within ${limitMs} ms of simulated time it never came true: ${what}`);
      clock.advanceTo(next);
    }
  };
}
