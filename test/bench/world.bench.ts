/** How long it takes to build the simulated world of the whole sample fleet. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderFleet, writeSelectedFleet } from '../../src/cli/demo/sample-fleet.ts';
import { buildFleetWorld } from '../../src/cli/demo/stage.ts';
import { wallMs } from '../../src/support/deadline.ts';
import { projectRoot } from '../../src/support/project.ts';
import type { BenchRow } from './bench-row.ts';

const clusters = 84;

export async function run(): Promise<BenchRow[]> {
  const directory = await mkdtemp(join(tmpdir(), 'clm-bench-'));
  try {
    const fleet = await writeSelectedFleet({ projectRoot, directory, clusters });
    const renderedAt = wallMs();
    const members = await renderFleet(join(projectRoot, 'channels', 'cluster'), fleet.clusters, 'a'.repeat(40));
    const builtAt = wallMs();
    const buildCpu = process.cpuUsage();
    const { meter, world } = await buildFleetWorld({ members, seed: 'bench', firstChannel: 'dev', say: () => {} });
    const wall = wallMs() - builtAt;
    const built = process.cpuUsage(buildCpu);
    const { nodes, pods } = meter.size();
    const memory = Math.round(process.memoryUsage().rss / 2 ** 20);
    const idleCpu = process.cpuUsage();
    const timers = world.advanceTo(world.clock.now() + 3_600_000);
    const idle = process.cpuUsage(idleCpu);
    const cpuMs = ({ user, system }: NodeJS.CpuUsage): number => Math.round((user + system) / 1000);
    return [
      {
        name: `render ${clusters} clusters, cold`,
        value: Math.round(builtAt - renderedAt),
        unit: 'ms',
        note: 'one thread',
      },
      {
        name: `build the simulated world of ${clusters} clusters`,
        value: Math.round(wall),
        unit: 'ms',
        note: `${cpuMs(built)} ms of CPU; ${nodes} nodes, ${pods} pods`,
      },
      { name: 'an idle hour of it, its first', value: cpuMs(idle), unit: 'ms CPU', note: `${timers} timers` },
      { name: 'memory of the process that holds it', value: memory, unit: 'MiB', note: 'resident' },
    ];
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
