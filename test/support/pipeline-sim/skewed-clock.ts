import type { Clock, Timer, VirtualClock } from '../../../src/support/clock.ts';

/** A machine's clock that somebody sets: what is shown jumps, what was to come after so long still comes after so long. */
export class SkewedClock implements Clock {
  readonly #true: VirtualClock;
  #offsetMs = 0;

  constructor(truth: VirtualClock) {
    this.#true = truth;
  }

  now(): number {
    return this.#true.now() + this.#offsetMs;
  }

  at(atMs: number, fire: () => void): Timer {
    return this.#true.at(this.#true.now() + Math.max(0, atMs - this.now()), fire);
  }

  jump(byMs: number): void {
    this.#offsetMs += byMs;
  }
}
