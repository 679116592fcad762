import { describe, expect, it } from 'vitest';
import { adoptedWorld, minute } from '../../support/pipeline/pipeline-world.ts';

const policy = { e2eGate: { baseline: true, maxFlaky: 3 } };

describe('with a baseline', () => {
  it('a failure that was there before the change does not block it, and is said', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy });
    const { id } = world.clusterOf('dev-1');
    world.failingTests(id, ['dns.cluster']);
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    expect((await world.store.fact('evidence', `${id}/${commit}/1`))?.value).toMatchObject({
      result: 'passed',
      excused: ['dns.cluster'],
    });
    const said = await world.store.journal({ limit: 1_000 });
    const told = said.filter(
      (entry) => entry.cluster === id && ['e2e-acceptable', 'e2e-baseline'].includes(entry.kind),
    );
    expect(told.map((entry) => entry.message)).toEqual([
      `${id}: before the change check dns.cluster fail: broken; these do not block it`,
      `${id}: no check fails that passed before the change; failed before the change too: dns.cluster`,
    ]);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('a failure that the change made blocks', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy });
    const { id } = world.clusterOf('dev-1');
    world.failingTests(id, ['dns.cluster'], 'e2e:');
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const { halt } = await daemon.context<{ halt: { message: string } }>(rollout);
    expect(halt.message).toContain('check dns.cluster fail: broken, and it passed before the change');
    expect(world.source.moves).toEqual([]);
  });

  it('the failure of an unfinished change is no excuse for the next one', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy });
    const { id } = world.clusterOf('dev-1');
    world.failingTests(id, ['dns.cluster'], 'e2e:');
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('halted', async () => (await daemon.stateOf(`rollout:dev:${first}`)) === 'halted');
    // now it fails before the next change, too: the cluster was left by the first one
    world.failingTests(id, ['dns.cluster']);
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('halted again', async () => (await daemon.stateOf(`rollout:dev:${second}`)) === 'halted');
    expect(await world.store.fact('evidence', `${id}/${second}/1`)).toMatchObject({ value: { result: 'failed' } });
    expect(
      world.checkRuns.filter((run) => run.runId.startsWith('e2e-baseline:') && run.runId.includes(second)),
    ).toEqual([]);
  });
});

describe('while workers are replaced', () => {
  it('a failure of new nodes alone stops the roll, and nothing else starts', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 2 },
      policy: { maxParallel: 1, e2eGate: { baseline: false, maxFlaky: 3, midRoll: 'mid-roll' } },
    });
    const { id } = world.clusterOf('dev-1');
    world.rolls.set(`${id}/worker`, { durationMs: 60 * minute });
    world.failingTests(id, ['rollout.generations'], 'e2e-mid-roll:');
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const row = await daemon.row(`update:dev:${commit}:${id}:1`);
    expect(row?.context).toMatchObject({ failure: { code: 'new-nodes-fail' } });
    const { activeMs } = await daemon.context<{ activeMs: number }>(`update:dev:${commit}:${id}:1`);
    expect(activeMs).toBeLessThan(20 * minute);
    expect(await daemon.stateOf(`update:dev:${commit}:${world.clusterOf('dev-2').id}:1`)).toBe('none');
  });

  it('the roll goes on to its end when new nodes do well', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1 },
      policy: { e2eGate: { baseline: false, maxFlaky: 3, midRoll: 'mid-roll' } },
    });
    const { id } = world.clusterOf('dev-1');
    world.rolls.set(`${id}/worker`, { durationMs: 20 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    const during = world.checkRuns.filter((run) => run.runId.startsWith('e2e-mid-roll:'));
    expect(during.length).toBeGreaterThan(3);
    expect((await world.judge()).violations).toEqual([]);
  });
});
