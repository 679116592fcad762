import { describe, expect, it } from 'vitest';
import { readStatus } from '../../../src/api/read-model.ts';
import { explainSubject } from '../../../src/planning/explain/explain-subject.ts';
import { adoptedWorld, minute } from '../../support/pipeline/pipeline-world.ts';

const hour = 60 * minute;

describe('the estimate in the status', () => {
  it('is made of what updates took, is absent before any was measured, and comes true', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1, stable: 6 },
      policy: { maxParallel: 2, soakMs: 30 * minute },
    });
    world.rollOf = () => ({ durationMs: 20 * minute });
    const status = async () =>
      readStatus(world.store, {
        pipeline: world.pipeline,
        registry: { clusters: world.registry, problems: [] },
        problems: [],
        daemonRunning: true,
        now: world.clock.now(),
      });
    const etaOf = async (name: string) => (await status()).channels.find((one) => one.name === name)?.eta;
    const first = world.source.merge('dev', 'b1', { pool: 'p2' });
    await daemon.pass(10 * minute);
    expect(await etaOf('dev')).toBeUndefined();
    const proven = (commit: string) => async () => (await daemon.stateOf(`rollout:stable:${commit}`)) === 'proven';
    await daemon.until('first proven', proven(first), 48 * hour);
    const second = world.source.merge('dev', 'b2', { pool: 'p3' });
    await daemon.pass(10 * minute);
    const eta = await etaOf('stable');
    expect(eta).toMatchObject({ commit: second, waitsFor: [] });
    const explained = explainSubject(await status(), 'stable', []);
    const link = explained.found ? explained.explanation.chain.find((one) => one.subject === 'expected') : undefined;
    expect(link?.message).toContain(`${second.slice(0, 7)} is proven on stable at 2023-`);
    await daemon.until('second proven', proven(second), 48 * hour);
    const off = world.clock.now() - Date.parse(eta?.p50 ?? '');
    expect(Math.abs(off)).toBeLessThan(30 * minute);
    expect(await etaOf('stable')).toBeUndefined();
  });
});
