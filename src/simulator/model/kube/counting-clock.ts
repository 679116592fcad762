import type { Clock, Timer } from '../../../support/clock.ts';

/** A clock that knows how many of its timers are pending. */
export class CountingClock implements Clock {
  readonly #clock: Clock;
  #pending = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get pending(): number {
    return this.#pending;
  }

  now(): number {
    return this.#clock.now();
  }

  at(atMs: number, fire: () => void): Timer {
    let open = true;
    const end = (): void => {
      if (open) this.#pending -= 1;
      open = false;
    };
    this.#pending += 1;
    const timer = this.#clock.at(atMs, () => {
      end();
      fire();
    });
    return {
      cancel: () => {
        end();
        timer.cancel();
      },
    };
  }
}
