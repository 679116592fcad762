/** Many seeds on a few processes. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runSeed, type SeedResult } from './run-seed.ts';

/** Seeds after which a process is replaced: what it has compiled is kept long enough, what it has leaked not too long. */
const seedsAProcess = 500;

/**
 * Runs every seed and hands over each result as it comes. With one worker, in this process. `stop` ends it early: what is under way
 * is finished.
 */
export async function runSeeds(
  seeds: readonly string[],
  workers: number,
  onResult: (result: SeedResult) => void,
  stop: AbortSignal,
): Promise<void> {
  const left = [...seeds];
  if (workers <= 1) {
    for (const seed of left) {
      if (stop.aborted) return;
      onResult(await runSeed(seed));
    }
    return;
  }
  await Promise.all(Array.from({ length: Math.min(workers, left.length) }, () => work(left, onResult, stop)));
}

async function work(left: string[], onResult: (result: SeedResult) => void, stop: AbortSignal): Promise<void> {
  while (left.length > 0 && !stop.aborted) {
    const child = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
    try {
      for (let i = 0; i < seedsAProcess && !stop.aborted; i += 1) {
        const seed = left.shift();
        if (seed === undefined) break;
        onResult(await ask(child, seed));
      }
    } finally {
      child.kill();
    }
  }
}

function ask(child: ChildProcess, seed: string): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    const failed = (code: number | null): void => reject(new Error(`the process for seed ${seed} ended with ${code}`));
    child.once('exit', failed);
    child.once('message', (result) => {
      child.off('exit', failed);
      resolve(result as SeedResult);
    });
    child.send(seed);
  });
}
