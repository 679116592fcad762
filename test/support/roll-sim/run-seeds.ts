/** Many seeds on a few processes. */
import { type ChildProcess, fork } from 'node:child_process';
import { bundle } from '../bundle.ts';

/** A kind of simulation: how a seed is run in this process, and the module that runs seeds for its parent. */
export interface SeedRunner<Result> {
  run(seed: string): Promise<Result>;
  worker: URL;
}

/** Seeds after which a process is replaced: what it has compiled is kept long enough, what it has leaked not too long. */
const seedsAProcess = 500;
/** Most of what a seed makes is dropped at once: with room for it, little is copied. */
const youngMiB = 32;

/**
 * Runs every seed and hands over each result as it comes. With one worker, in this process. `stop` ends it early: what is under way
 * is finished.
 */
export async function runSeeds<Result>(
  runner: SeedRunner<Result>,
  seeds: readonly string[],
  workers: number,
  onResult: (result: Result) => void,
  stop: AbortSignal,
): Promise<void> {
  const left = [...seeds];
  if (workers <= 1) {
    for (const seed of left) {
      if (stop.aborted) return;
      onResult(await runner.run(seed));
    }
    return;
  }
  const { file, drop } = await bundle(runner.worker);
  try {
    await Promise.all(Array.from({ length: Math.min(workers, left.length) }, () => work(file, left, onResult, stop)));
  } finally {
    drop();
  }
}

async function work<Result>(
  file: string,
  left: string[],
  onResult: (result: Result) => void,
  stop: AbortSignal,
): Promise<void> {
  while (left.length > 0 && !stop.aborted) {
    const child = fork(file, { execArgv: [`--max-semi-space-size=${youngMiB}`] });
    try {
      for (let i = 0; i < seedsAProcess && !stop.aborted; i += 1) {
        const seed = left.shift();
        if (seed === undefined) break;
        onResult(await ask<Result>(child, seed));
      }
    } finally {
      child.kill();
    }
  }
}

function ask<Result>(child: ChildProcess, seed: string): Promise<Result> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`the process for seed ${seed} ended with ${code}`));
    child.once('exit', failed);
    child.once('message', (result) => {
      child.off('exit', failed);
      resolve(result as Result);
    });
    child.send(seed);
  });
}
