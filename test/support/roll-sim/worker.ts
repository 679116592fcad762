/** A process that runs seeds for its parent: one message a seed in, one result out. */
import { runSeed } from './run-seed.ts';

process.on('message', (seed: string) => {
  void runSeed(seed).then((result) => process.send?.(result));
});
