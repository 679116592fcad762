/** What a seed acts on: the world, the daemon of the moment, and a calendar of what people and nature do to them. */
import type { Random } from '../../../src/support/random.ts';
import type { PipelineDaemon, PipelineWorld } from '../pipeline/pipeline-world.ts';
import type { PipelineScenario } from './scenario.ts';

/** What the events of a seed may touch. */
export interface Stage {
  readonly scenario: PipelineScenario;
  readonly world: PipelineWorld;
  readonly random: Random;
  /** True time of the beginning, and of the end of all trouble. */
  readonly from: number;
  readonly until: number;
  /** Branches that somebody forced and that were never put back as they were. */
  readonly rewritten: Set<string>;
  /** The daemon that runs now; undefined while it is down. */
  daemon(): PipelineDaemon | undefined;
  /** Does something at a moment of true time, between two turns of the daemon. */
  at(ms: number, act: () => void | Promise<void>): void;
  /** What has to be put right when the trouble ends. */
  undo(act: () => void): void;
  note(text: string): void;
  crash(): void;
  jump(byMs: number): void;
  /** The commit's manifest fails its checks on this share of the clusters that it reaches. */
  badManifest(name: string, share: number): void;
}

/** Calls `act` at moments drawn from an exponential law with this mean, until the trouble ends. */
export function recurring(stage: Stage, random: Random, meanMs: number, act: () => void | Promise<void>): void {
  const next = stage.world.clock.now() - Math.log(1 - random.next()) * meanMs;
  if (next >= stage.until) return;
  stage.at(next, async () => {
    await act();
    recurring(stage, random, meanMs, act);
  });
}

export const pickOne = <T>(random: Random, list: readonly T[]): T | undefined => list[random.int(list.length)];
