/** The simulations that `npm run sim` knows: how a seed of each is run, and what people are told of it. */
import { drawDeepScenario, runDeepSeed } from '../support/deep-sim/run-deep-seed.ts';
import { runPipelineSeed } from '../support/pipeline-sim/run-pipeline-seed.ts';
import { drawPipelineScenario, type PipelineScenario } from '../support/pipeline-sim/scenario.ts';
import { runSeed, type SeedResult } from '../support/roll-sim/run-seed.ts';
import type { SeedRunner } from '../support/roll-sim/run-seeds.ts';
import { drawScenario } from '../support/roll-sim/scenario.ts';

/** What every kind of seed says of itself. */
export interface CommonResult {
  seed: string;
  violations: string[];
  simulatedSeconds: number;
  history: string[];
}

export interface Kind {
  runner: SeedRunner<CommonResult>;
  /** What the seed stands for, for people. */
  describe(seed: string): string[];
  /** The seed with its history. */
  replay(seed: string): Promise<CommonResult>;
  /** Figures of one result, or of many. */
  figures(results: CommonResult[]): string;
}

function total<Result>(results: Result[], of: (result: Result) => number): number {
  return results.reduce((sum, one) => sum + of(one), 0);
}

const roll: Kind = {
  runner: { run: (seed) => runSeed(seed), worker: new URL('../support/roll-sim/worker.ts', import.meta.url) },
  replay: (seed) => runSeed(seed, { history: true }),
  describe: (seed) => {
    const { pools, rolled, surge, workloads, blockers, etcd, ...drawn } = drawScenario(seed);
    const faults = [...drawn.faults, ...(etcd?.faults ?? [])];
    const all = [...workloads, ...blockers].map((one) => `${one.kind} ${one.name} (${one.pods})`).join(', ');
    return [
      `seed ${seed}: ${pools.map((pool) => `${pool.name} (${pool.nodes} nodes${pool.balancer ? `, ${pool.balancer}` : ''})`).join(', ')}`,
      `  rolled: ${etcd ? `etcd (${etcd.members} members, data ${etcd.kind}), then ` : ''}${rolled.join(', ')}, surge ${surge}`,
      `  runs: ${all}${blockers.length > 0 ? '; the last never lets a pod go' : ''}`,
      `  goes wrong: ${faults.join(', ') || 'nothing'}`,
    ];
  },
  figures: (all) => {
    const results = all as SeedResult[];
    const judged = total(results, (one) => one.checked);
    const [replaced, kills] = [total(results, (one) => one.replaced), total(results, (one) => one.kills)];
    return `${judged} judgements, ${replaced} nodes ended, ${kills} kills`;
  },
};

function describePipeline({ seed, clusters, days, pipeline: file, troubles }: PipelineScenario): string[] {
  const channels = file.channels.map(({ name, promotesTo, maxParallel, waves }) => {
    const next = promotesTo.length === 0 ? '' : ` → ${promotesTo.join(', ')}`;
    return `${name}${next} (${clusters[name]} clusters, ${maxParallel} at once, ${Math.max(1, waves.length)} waves)`;
  });
  return [`seed ${seed}, ${days} days: ${channels.join('; ')}`, `  goes wrong: ${troubles.join(', ') || 'nothing'}`];
}

const pipeline: Kind = {
  runner: {
    run: (seed) => runPipelineSeed(seed),
    worker: new URL('../support/pipeline-sim/worker.ts', import.meta.url),
  },
  replay: (seed) => runPipelineSeed(seed, { history: true }),
  describe: (seed) => describePipeline(drawPipelineScenario(seed)),
  figures: (all) => {
    const results = all as Awaited<ReturnType<typeof runPipelineSeed>>[];
    const judged = total(results, (one) => total(Object.values(one.checked), (count) => count));
    const [updates, moves] = [total(results, (one) => one.updates), total(results, (one) => one.moves)];
    const [crashes, commands] = [total(results, (one) => one.crashes), total(results, (one) => one.commands)];
    return `${judged} judgements, ${updates} cluster updates, ${moves} promotions, ${commands} commands, ${crashes} crashes`;
  },
};

const deep: Kind = {
  runner: { run: (seed) => runDeepSeed(seed), worker: new URL('../support/deep-sim/worker.ts', import.meta.url) },
  replay: (seed) => runDeepSeed(seed, { history: true }),
  describe: (seed) => {
    const scenario = drawDeepScenario(seed);
    return [...describePipeline(scenario), `  with nodes and APIs: ${scenario.faults.join(', ') || 'nothing'}`];
  },
  figures: (all) => {
    const results = all as Awaited<ReturnType<typeof runDeepSeed>>[];
    const [replaced, evicted] = [total(results, (one) => one.replaced), total(results, (one) => one.evictions)];
    return `${pipeline.figures(all)}, ${replaced} nodes ended, ${evicted} evictions`;
  },
};

export const kinds: Record<string, Kind> = { roll, pipeline, deep };
