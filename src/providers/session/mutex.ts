import { FailureError, transient } from '../../domain/failure.ts';

/** Runs one piece of work at a time, in the order of asking. */
export interface Mutex {
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** `mostWaiting` bounds the queue: beyond it `run` rejects with FailureError `session-busy` (transient). */
export function createMutex(name: string, mostWaiting: number): Mutex {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  return {
    async run(work) {
      if (waiting >= mostWaiting) {
        throw new FailureError(
          transient('session-busy', `${name}: ${waiting} pieces of work wait for their turn already`),
        );
      }
      waiting += 1;
      const before = last;
      let finished = (): void => {};
      last = new Promise<void>((resolve) => {
        finished = resolve;
      });
      await before;
      try {
        return await work();
      } finally {
        waiting -= 1;
        finished();
      }
    },
  };
}
