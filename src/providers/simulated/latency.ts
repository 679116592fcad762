import type { Clock } from '../../support/clock.ts';
import type { Random } from '../../support/random.ts';

/** The way between a client and a server, in one direction. */
export interface Latency {
  pass(): Promise<void>;
}

/** The next turn: calls take no time, but never answer before the caller has gone on. */
export const noLatency: Latency = { pass: () => Promise.resolve() };

/** A time between `leastMs` and `mostMs` of the world's clock, decided by chance. */
export function randomLatency(options: { clock: Clock; random: Random; leastMs: number; mostMs: number }): Latency {
  const { clock, random, leastMs, mostMs } = options;
  return {
    pass: () =>
      new Promise((resolve) => {
        clock.at(clock.now() + leastMs + random.next() * (mostMs - leastMs), resolve);
      }),
  };
}
