/** Rendering one commit for a whole fleet: the first time, and after a change of one manifest. One core, no worker threads. */
import { createRender } from '../../src/daemon/render.ts';
import type { BenchRow } from './bench-row.ts';
import { benchFleet, benchTree, withOneChange } from './render-repository.ts';

const clusters = 200;

interface RenderFigures {
  clusters: number;
  coldSeconds: number;
  warmSeconds: number;
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
  const renderAll = async (commit: string): Promise<number> => {
    const started = performance.now();
    const found: Record<string, string> = {};
    for (const cluster of fleet) {
      const result = await render(cluster, commit);
      if (!result.ok) throw new Error(`${cluster.id} does not render: ${JSON.stringify(result.problems[0])}`);
      found[cluster.id] = result.rendered.digest;
    }
    digests.push(found);
    return (performance.now() - started) / 1000;
  };
  const coldSeconds = await renderAll('first');
  const warmSeconds = await renderAll('second');
  const [before = {}, after = {}] = digests;
  const changed = fleet.filter(({ id }) => before[id] !== after[id]).length;
  if (changed !== clusters)
    throw new Error(`${changed} of ${clusters} clusters changed, though the manifest is of all`);
  const round = (seconds: number): number => Math.round(seconds * 100) / 100;
  return {
    clusters,
    coldSeconds: round(coldSeconds),
    warmSeconds: round(warmSeconds),
    peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
  };
}

export async function run(): Promise<BenchRow[]> {
  const figures = await measure();
  const what = `${figures.clusters} clusters, 500 defaults, 12 pools, 250 manifest files`;
  return [
    { name: 'render cold', value: figures.coldSeconds, unit: 's', note: what },
    { name: 'render, one manifest changed', value: figures.warmSeconds, unit: 's', note: what },
    { name: 'peak memory', value: figures.peakRssMiB, unit: 'MiB', note: 'resident, of the whole process' },
  ];
}
