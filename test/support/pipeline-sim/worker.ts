/** A process that runs seeds for its parent: one message a seed in, one result out. */
import { runPipelineSeed } from './run-pipeline-seed.ts';

process.on('message', (seed: string) => {
  void runPipelineSeed(seed).then((result) => process.send?.(result));
});
