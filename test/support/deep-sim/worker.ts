/** A process that runs seeds for its parent: one message a seed in, one result out. */
import { runDeepSeed } from './run-deep-seed.ts';

process.on('message', (seed: string) => {
  void runDeepSeed(seed).then((result) => process.send?.(result));
});
