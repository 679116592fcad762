/**
 * Rendering one commit for a whole fleet: the first time, and after a change of one manifest. One core. On a machine that others use, too,
 * the CPU figures are those to compare.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createRender } from '../../src/daemon/render.ts';
import type { BenchRow } from './bench-row.ts';
import { benchFleet, benchTree, withOneChange } from './render-repository.ts';

const clusters = 200;

interface RenderFigures {
  clusters: number;
  coldSeconds: number;
  warmSeconds: number;
  /** User and system time of this process. */
  coldCpuSeconds: number;
  warmCpuSeconds: number;
  /** How late the event loop was: what a daemon's sockets and timers would have waited. */
  lagP99Ms: number;
  lagMaxMs: number;
  peakRssMiB: number;
}

export async function measure(): Promise<RenderFigures> {
  const first = benchTree();
  const trees: Record<string, ReadonlyMap<string, string>> = { first, second: withOneChange(first) };
  const fleet = benchFleet(clusters);
  const render = createRender({
    source: { readTree: (commit) => Promise.resolve(new Map(trees[commit])) },
    path: 'cluster',
    accounts: () => [],
  });
  const digests: Record<string, string>[] = [];
  const lag = monitorEventLoopDelay({ resolution: 5 });
  lag.enable();
  const renderAll = async (commit: string): Promise<{ wall: number; cpu: number }> => {
    const started = performance.now();
    const before = process.cpuUsage();
    const found: Record<string, string> = {};
    for (const cluster of fleet) {
      const result = await render(cluster, commit);
      if (!result.ok) throw new Error(`${cluster.id} does not render: ${JSON.stringify(result.problems[0])}`);
      found[cluster.id] = result.rendered.digest;
    }
    digests.push(found);
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - started) / 1000, cpu: (user + system) / 1e6 };
  };
  const cold = await renderAll('first');
  const warm = await renderAll('second');
  lag.disable();
  const [before = {}, after = {}] = digests;
  const changed = fleet.filter(({ id }) => before[id] !== after[id]).length;
  if (changed !== clusters)
    throw new Error(`${changed} of ${clusters} clusters changed, though the manifest is of all`);
  const round = (seconds: number): number => Math.round(seconds * 100) / 100;
  return {
    clusters,
    coldSeconds: round(cold.wall),
    warmSeconds: round(warm.wall),
    coldCpuSeconds: round(cold.cpu),
    warmCpuSeconds: round(warm.cpu),
    lagP99Ms: Math.round(lag.percentile(99) / 1e6),
    lagMaxMs: Math.round(lag.max / 1e6),
    peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

export async function run(): Promise<BenchRow[]> {
  const figures = await measure();
  const what = `${figures.clusters} clusters, 500 defaults, 12 pools, 250 manifest files`;
  return [
    { name: 'render cold', value: figures.coldSeconds, unit: 's', note: what },
    { name: 'render, one manifest changed', value: figures.warmSeconds, unit: 's', note: what },
    { name: 'render cold, CPU', value: figures.coldCpuSeconds, unit: 's', note: what },
    { name: 'render, one manifest changed, CPU', value: figures.warmCpuSeconds, unit: 's', note: what },
    { name: 'event loop late, p99', value: figures.lagP99Ms, unit: 'ms', note: 'while rendering' },
    { name: 'event loop late, worst', value: figures.lagMaxMs, unit: 'ms', note: 'while rendering' },
    { name: 'peak memory', value: figures.peakRssMiB, unit: 'MiB', note: 'resident, of the whole process' },
  ];
}
