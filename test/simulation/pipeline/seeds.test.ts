import { describe, expect, it } from 'vitest';
import { runPipelineSeed } from '../../support/pipeline-sim/run-pipeline-seed.ts';
import { drawPipelineScenario, type PipelineScenario } from '../../support/pipeline-sim/scenario.ts';

/** The same seeds every time: `npm run sim -- pipeline` draws fresh ones. */
const first = Number(process.env['SEED'] ?? 3);
const seedsRun = 1;

/** A few days of a small fleet with the given trouble only. */
function short(seed: string, troubles: PipelineScenario['troubles']): PipelineScenario {
  return {
    ...drawPipelineScenario(seed),
    days: 3,
    clusters: { dev: 1, stable: 3 },
    troubles,
    pipeline: twoChannels(seed),
  };
}

function twoChannels(seed: string): PipelineScenario['pipeline'] {
  const drawn = drawPipelineScenario(seed).pipeline;
  const { windows: _, ...pipeline } = drawn;
  const channels = ['dev', 'stable'].map((name, index) => ({
    name,
    branch: name,
    promotesTo: index === 0 ? ['stable'] : [],
    waves: [],
    maxParallel: 2,
    maxFailures: 0,
    soakMs: 600_000,
    e2eProfile: 'smoke',
    blockLimitMs: 3_600_000,
    progressDeadlineMs: 6 * 3_600_000,
  }));
  return { ...pipeline, channels };
}

describe('pipelines of drawn fleets under drawn trouble', { timeout: 300_000 }, () => {
  it(`hold every invariant for 20 days and come to their end: ${seedsRun} seeds`, async () => {
    for (let seed = first; seed < first + seedsRun; seed += 1) {
      const { violations, troubles, checked } = await runPipelineSeed(String(seed));
      expect(violations, `npm run sim -- pipeline --seed ${seed} (${troubles.join(', ')})`).toEqual([]);
      for (const invariant of ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P10'])
        expect(checked[invariant], invariant).toBeGreaterThan(0);
    }
  });

  it('are the same twice for the same seed, and others for another', async () => {
    const run = (seed: string) =>
      runPipelineSeed(seed, { scenario: short(seed, ['crashes', 'operators', 'clock-jumps']) });
    const [once, again, other] = [await run('9'), await run('9'), await run('15')];
    expect(again.digest).toBe(once.digest);
    expect(other.digest).not.toBe(once.digest);
  });

  it('end as a run that nothing disturbs, and say so when they do not (P11)', async () => {
    for (const troubles of [[], ['crashes', 'lost-webhooks', 'unreachable-clusters']] as const) {
      expect((await runPipelineSeed('7', { scenario: short('7', [...troubles]) })).violations).toEqual([]);
    }
    const { violations } = await runPipelineSeed('7', {
      scenario: short('7', []),
      // somebody changes a stack behind everybody's back, in the last minute
      plant: (world, stage) =>
        stage.at(stage.until - 60_000, () => {
          const live = world.clusterOf('stable-2');
          live.rolled = () => undefined;
        }),
    });
    expect(violations.join('\n')).toMatch(/^L1: .*(worker|master) of aws:.*:stable-2 runs/);
  });
});
