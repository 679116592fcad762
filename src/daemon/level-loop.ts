/**
 * A loop that brings something outside to what the store says. Level-triggered: a pass looks at the whole, so that a lost notice, a
 * restart or a failed write changes nothing in the end. It sleeps until something was committed or a failed pass is to be repeated.
 */
import { backoffMs } from '../support/backoff.ts';
import { sleep } from '../support/deadline.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';

export interface LevelLoopOptions {
  /** Does what is to be done now; false when some of it has to be tried again. */
  pass: () => Promise<boolean>;
  /** For the log, when a pass ends in a bug: 'the status for the registry cannot be made'. */
  broken: string;
  random: Random;
  log: Logger;
  /** Wall ms between two passes, however much is committed. */
  shortestPassMs?: number;
}

export interface LevelLoop {
  /** Something was committed. */
  notify: () => void;
  close: () => Promise<void>;
}

const retry = { baseMs: 2_000, maxMs: 120_000 };

export function startLevelLoop(options: LevelLoopOptions): LevelLoop {
  const stopping = new AbortController();
  let dirty = true;
  let wake: (() => void) | undefined;
  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      wake = () => {
        wake = undefined;
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    let failures = 0;
    for (;;) {
      if (!dirty && failures === 0) await woken();
      if (stopping.signal.aborted) return;
      dirty = false;
      failures = (await once(options)) ? 0 : failures + 1;
      const shortest = options.shortestPassMs ?? 1_000;
      const pause = failures === 0 ? shortest : Math.max(shortest, backoffMs(retry, failures, options.random));
      if (!(await sleep(pause, stopping.signal))) return;
    }
  };
  const running = run();
  return {
    notify: () => {
      dirty = true;
      wake?.();
    },
    close: async () => {
      stopping.abort();
      wake?.();
      await running;
    },
  };
}

async function once({ pass, log, broken }: LevelLoopOptions): Promise<boolean> {
  try {
    return await pass();
  } catch (error) {
    log.error({ err: error }, broken);
    return false;
  }
}
