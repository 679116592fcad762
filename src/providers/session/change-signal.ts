import type { Clock, Timer } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';

/** Wakes listeners after changes, at most once an interval however many there were. */
export interface ChangeSignal {
  listen(key: string, listener: () => void): void;
  unlisten(key: string): void;
  listeners(): number;
  raise(): void;
  stop(): void;
}

/** The first change after a quiet time wakes in the next turn; `wall` is wall time outside of simulation. */
export function createChangeSignal({
  wall,
  intervalMs,
  log,
}: {
  wall: Clock;
  intervalMs: number;
  log: Logger;
}): ChangeSignal {
  const listeners = new Map<string, () => void>();
  let timer: Timer | undefined;
  let lastWake = Number.NEGATIVE_INFINITY;

  function wake(): void {
    timer = undefined;
    lastWake = wall.now();
    for (const [key, listener] of [...listeners]) {
      try {
        listener();
      } catch (error) {
        // One listener's bug must not keep the others asleep.
        log.error({ listener: key, err: error }, 'a change listener threw');
      }
    }
  }

  return {
    listen: (key, listener) => {
      listeners.set(key, listener);
    },
    unlisten: (key) => {
      listeners.delete(key);
    },
    listeners: () => listeners.size,
    raise: () => {
      if (timer === undefined && listeners.size > 0) timer = wall.at(Math.max(wall.now(), lastWake + intervalMs), wake);
    },
    stop: () => {
      timer?.cancel();
      timer = undefined;
      listeners.clear();
    },
  };
}
