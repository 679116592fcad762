/** Whether the engine's loop moves: judged from its own figures each time somebody looks. */
import type { EngineStats } from '../engine/engine-options.ts';
import type { Clock } from '../support/clock.ts';
import { wallMs } from '../support/deadline.ts';

/** A timer may fire this late, in wall time as far as the clock runs with it, before it counts as due and not served. */
const graceMs = 5_000;

export class EngineProgress {
  readonly #clock: Clock;
  #seen = '';
  #movedAt = wallMs();
  #storeFailures = 0;
  #storeFailedAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Wall ms for which work was due and nothing happened. */
  silentMs(stats: EngineStats): number {
    const figures = [stats.commits, stats.wakeMoves, stats.stepRuns, stats.stepFailures, stats.stepsUnderWay].join();
    const due = stats.stepsQueued > 0 || (stats.nextWakeAt !== null && stats.nextWakeAt < this.#clock.now() - graceMs);
    if (figures !== this.#seen || !due) this.#movedAt = wallMs();
    this.#seen = figures;
    return wallMs() - this.#movedAt;
  }

  /** Trouble of the store within the last minute. */
  storeTrouble(stats: EngineStats): { storeFailing?: string } {
    if (stats.storeFailures > this.#storeFailures) this.#storeFailedAt = wallMs();
    this.#storeFailures = stats.storeFailures;
    if (this.#storeFailedAt === undefined || wallMs() - this.#storeFailedAt > 60_000) return {};
    return {
      storeFailing: `${stats.storeFailures} calls have failed since the start, the newest within the last minute`,
    };
  }
}
