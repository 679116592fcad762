import { describe, expect, it } from 'vitest';
import { adoptedWorld, minute } from '../../support/pipeline/pipeline-world.ts';

describe('a newer commit', () => {
  it('replaces queued clusters at once and stops those in flight between two nodes', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy: { maxParallel: 1 } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 60 * minute });
    const old = world.source.merge('dev', 'b1', { pool: 'p2' });
    const first = world.clusterOf('dev-1').id;
    await daemon.until(
      'rolling',
      async () => (await daemon.stateOf(`roll:update:dev:${old}:${first}:1:master`)) === 'rolling',
    );
    const next = world.source.merge('dev', 'b2', { pool: 'p3' });
    await daemon.until('old one superseded', async () => (await daemon.stateOf(`rollout:dev:${old}`)) === 'superseded');
    expect(await daemon.stateOf(`update:dev:${old}:${first}:1`)).toBe('superseded');
    expect(await daemon.stateOf(`roll:update:dev:${old}:${first}:1:master`)).toBe('finished');
    expect(await daemon.stateOf(`update:dev:${old}:${world.clusterOf('dev-2').id}:1`)).toBe('none');
    world.rolls.clear();
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${next}`)) === 'proven');
    for (const live of world.clusters.values()) expect(live.pools.get('worker')?.running).toBe('template worker p3');
    expect((await world.judge()).violations).toEqual([]);
  });

  it('undoes what the older one had applied, although its digests are those recorded before', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const live = world.clusterOf('dev-1');
    world.rolls.set(live.id, { durationMs: 60 * minute });
    const old = world.source.merge('dev', 'b1', { stack: 's2', pool: 'p2' });
    await daemon.until(
      'rolling',
      async () => (await daemon.stateOf(`roll:update:dev:${old}:${live.id}:1:master`)) === 'rolling',
    );
    expect(live.stacks.get('dev-1')?.template).toBe('template s2');
    // back to what was there before: the same digests as recorded, but not what is live
    const revert = world.source.merge('dev', 'b2', { stack: 's', pool: 'p' });
    world.rolls.clear();
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${revert}`)) === 'proven');
    expect(live.stacks.get('dev-1')?.template).toBe('template s');
    expect(live.pools.get('worker')?.wanted).toBe('template worker p');
  });

  it('goes back on a stack update that was under way when it came', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const live = world.clusterOf('dev-1');
    live.stackLooks = 20;
    const old = world.source.merge('dev', 'b1', { stack: 's2' });
    await daemon.until('stack update under way', async () => live.mutations.includes('update stack dev-1'));
    expect(await daemon.stateOf(`update:dev:${old}:${live.id}:1`)).toBe('clusterStack');
    const revert = world.source.merge('dev', 'b2', { stack: 's' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${revert}`)) === 'proven');
    expect(live.stacks.get('dev-1')?.template).toBe('template s');
    expect(live.mutations.filter((mutation) => mutation === 'update stack dev-1').length).toBe(2);
  });

  it('takes the place of one that had halted', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const id = world.clusterOf('dev-1').id;
    const old = world.source.merge('dev', 'b1', { manifest: 'bad' });
    world.failingChecks.set(id, { message: 'broken', commit: old });
    await daemon.until('halted', async () => (await daemon.stateOf(`rollout:dev:${old}`)) === 'halted');
    const next = world.source.merge('dev', 'b2', { manifest: 'good' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${next}`)) === 'proven');
    expect(await daemon.stateOf(`rollout:dev:${old}`)).toBe('superseded');
  });

  it('never waits for a roll that ended under the older one', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { maxParallel: 2 } });
    let commit = '';
    for (let number = 1; number <= 6; number += 1) {
      commit = world.source.merge('dev', `b${number}`, { pool: `p${number + 1}` });
      await daemon.pass((90 + 37 * number) * 1000);
    }
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    const active = await world.store.rows({ status: 'active' });
    expect(active.map((row) => row.id)).toEqual(['channel:dev']);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a promotion', () => {
  it('of an older version never goes behind a newer one', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy: { soakMs: 0 } });
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    // alpha is frozen while both are proven on dev
    await world.store.post({
      facts: [
        {
          kind: 'override',
          key: 'f1',
          value: { kind: 'freeze', scope: 'channel:alpha', actor: 'jo', reason: 'peak day', expiresAt: null },
        },
      ],
      now: world.clock.now(),
    });
    await daemon.until('b1 proven', async () => (await daemon.stateOf(`rollout:dev:${first}`)) === 'proven');
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('b2 proven', async () => (await daemon.stateOf(`rollout:dev:${second}`)) === 'proven');
    await daemon.pass(30 * minute);
    expect(world.source.moves).toEqual([]);
    expect((await daemon.row(`promotion:dev:alpha:${first}`))?.context).toMatchObject({ wait: { code: 'held' } });
    await world.store.post({ facts: [{ kind: 'override', key: 'f1', value: null }], now: world.clock.now() });
    await daemon.until('proven on alpha', async () => (await daemon.stateOf(`rollout:alpha:${second}`)) === 'proven');
    const path = world.source.moves.map((move) => move.to);
    expect(path.at(-1)).toBe(second);
    const states = await Promise.all([first, second].map((commit) => daemon.stateOf(`promotion:dev:alpha:${commit}`)));
    expect(states[1]).toBe('promoted');
    expect(['promoted', 'superseded']).toContain(states[0]);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('is held when the target has diverged, and says what to do', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy: { soakMs: 0 } });
    const foreign = world.source.merge('alpha', 'x1', { manifest: 'hot' });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven on dev', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    await daemon.until('held', async () => (await daemon.stateOf(`promotion:dev:alpha:${commit}`)) === 'held');
    expect((await daemon.row(`promotion:dev:alpha:${commit}`))?.context).toMatchObject({
      problem: { code: 'target-diverged' },
    });
    expect(world.source.branches.get('alpha')).toBe(foreign);
    await daemon.pass(3 * 60 * minute);
    const held = await world.store.journal({ limit: 100, kind: 'promotion-held' });
    expect(held.length).toBe(1);
  });
});
