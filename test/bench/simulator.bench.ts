/** What a simulated fleet costs: memory and time to start, and an hour in which nothing happens. In a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BenchRow } from './bench-row.ts';

/** What a fleet of 1,000 may take. The large nursery spares V8 from copying what stays. */
const limits = ['--max-old-space-size=4096', '--max-semi-space-size=64', '--expose-gc'];

/** `CLM_BENCH_CLUSTERS` clusters (1,000 unless given) of 30 nodes and 300 pods, in a heap of 4 GiB. */
export async function run(): Promise<BenchRow[]> {
  const script = fileURLToPath(new URL('./simulator-fleet.ts', import.meta.url));
  const child = fork(script, [process.env['CLM_BENCH_CLUSTERS'] ?? '1000'], {
    execArgv: [...process.execArgv, ...limits],
  });
  let rows: BenchRow[] | undefined;
  child.on('message', (message) => {
    rows = message as BenchRow[];
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0 || !rows) throw new Error(`the fleet's process ended with ${code}: it may not fit in ${limits[0]}`);
  return rows;
}
