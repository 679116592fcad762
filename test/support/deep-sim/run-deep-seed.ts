/**
 * One deep seed: the same days of a pipeline as a seed of the pipeline, on clusters of the simulator's model. The rolls are real, and
 * what they do to nodes and pods is judged beside what the pipeline writes down.
 */
import { seededRandom } from '../../../src/support/random.ts';
import { PipelineWorld } from '../pipeline/pipeline-world.ts';
import {
  type PipelineSeedOptions,
  type PipelineSeedResult,
  runPipelineScenario,
  startsAt,
} from '../pipeline-sim/run-pipeline-seed.ts';
import { drawPipelineScenario, type PipelineScenario } from '../pipeline-sim/scenario.ts';
import { DeepGround } from './deep-ground.ts';
import { drawFaults, startRollTrouble } from './roll-trouble.ts';

export interface DeepScenario extends PipelineScenario {
  /** Classes of the roll simulation's faults. */
  faults: string[];
}

export interface DeepSeedResult extends PipelineSeedResult {
  /** Nodes that clm ended. */
  replaced: number;
  evictions: number;
}

export interface DeepSeedOptions extends Omit<PipelineSeedOptions, 'scenario'> {
  scenario?: DeepScenario;
  /** Called with the ground when it stands: tests plant what they want to be caught. */
  plantGround?: (ground: DeepGround) => void;
}

/** Four to eight clusters. None comes or leaves: that is what the many seeds are for. */
export function drawDeepScenario(seed: string): DeepScenario {
  const drawn = drawPipelineScenario(`deep/${seed}`, { fewest: 4, most: 8, growth: 1.5 });
  const troubles = drawn.troubles.filter((one) => one !== 'registry-changes');
  const faults = troubles.length === 0 ? [] : drawFaults(seededRandom(`deep/faults/${seed}`));
  return { ...drawn, seed, troubles, faults };
}

export async function runDeepSeed(seed: string, options: DeepSeedOptions = {}): Promise<DeepSeedResult> {
  const scenario = options.scenario ?? drawDeepScenario(seed);
  const { faults } = scenario;
  const ground = new DeepGround({ seed: scenario.seed, startsAt, faults });
  const world = await PipelineWorld.create({ channels: scenario.clusters, startsAt, ground });
  ground.contentOf = (commit) => world.source.contentOf(commit);
  ground.planted = (cluster, runId) => world.checksFail(cluster, runId);
  const result = await runPipelineScenario(scenario, world, (stage) => startRollTrouble(stage, ground, faults), {
    ...options,
    scenario,
    plant: (planted, stage) => {
      options.plant?.(planted, stage);
      options.plantGround?.(ground);
    },
  });
  return { ...result, replaced: ground.replaced, evictions: ground.evictions };
}
