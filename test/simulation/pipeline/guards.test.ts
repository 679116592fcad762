import { describe, expect, it } from 'vitest';
import { adoptedWorld, minute, PipelineWorld, startChannel } from '../../support/pipeline/pipeline-world.ts';

const by = { by: 'jo', reason: 'looking at graphs' };

describe('before a version starts', () => {
  it('it has to render for every cluster of its channel (B4)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2', broken: ['dev-2'] });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const { halt } = await daemon.context<{ halt: { code: string; message: string } }>(rollout);
    expect(halt.code).toBe('render-failed');
    expect(halt.message).toContain('cluster.yaml:3: no such value');
    expect([...world.clusters.values()].flatMap((cluster) => cluster.mutations)).toEqual([]);
  });

  it('later channels that would not render are a warning only', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1, stable: 2 } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2', broken: ['stable-2'] });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    expect((await daemon.row(rollout))?.context).toMatchObject({ warnings: [expect.stringContaining('stable-2')] });
  });
});

describe('a rollout that was asked for a moment ago', () => {
  it('starts its updates itself, however late its own start is delivered: no cluster catches up beside it', async () => {
    const world = await PipelineWorld.create({ channels: { dev: 2 } });
    await world.settleClusters();
    await world.adopt();
    const { store } = world;
    let late = false;
    const slowMail = new Proxy(store, {
      get(target, name) {
        if (name === 'pending' && late) return async () => [];
        const found: unknown = Reflect.get(target, name, target);
        return typeof found === 'function' ? (found.bind(target) as unknown) : found;
      },
    });
    const first = await world.daemon({ store: slowMail });
    await first.start();
    await first.pass(2 * minute);
    late = true;
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await first.until(
      'requested',
      async () => (await store.journal({ kind: 'rollout-requested', limit: 9 })).length > 0,
    );
    await first.pass(10 * minute);
    await first.engine.stop();
    expect(await first.stateOf(`rollout:dev:${commit}`)).toBe('none');
    const daemon = await world.daemon();
    await daemon.start();
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    const updates = (await store.rows({ machine: 'clusterUpdate', channel: 'dev' })).filter(
      (row) => row.commit === commit,
    );
    expect(updates.map((row) => row.parent)).toEqual([`rollout:dev:${commit}`, `rollout:dev:${commit}`]);
    expect((await world.judge()).violations).toEqual([]);
    await daemon.engine.stop();
  });
});

describe('a channel without clusters', () => {
  it('proves nothing, and waits for one (B5)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 0, stable: 1 }, policy: { soakMs: 0 } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('updating', async () => (await daemon.stateOf(`rollout:alpha:${commit}`)) === 'updating');
    await daemon.pass(60 * minute);
    expect(await daemon.stateOf(`rollout:alpha:${commit}`)).toBe('updating');
    expect((await daemon.row(`rollout:alpha:${commit}`))?.context).toMatchObject({ wait: { code: 'channel-empty' } });
    expect(world.source.moves.map((move) => move.branch)).toEqual(['alpha']);
  });
});

describe('a branch that cannot be trusted', () => {
  it('freezes its channel when it was forced, and goes on when it is put back (B7)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { maxParallel: 1 } });
    const good = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${good}`)) === 'proven');
    const forced = world.source.add('f1', { manifest: 'evil' }, undefined);
    world.source.branches.set('dev', forced);
    await daemon.until('frozen', async () => {
      return (await daemon.context<{ frozen: boolean }>('channel:dev')).frozen;
    });
    await daemon.pass(60 * minute);
    expect((await daemon.row('channel:dev'))?.context).toMatchObject({
      problem: { code: 'branch-forced' },
      lastGood: good,
    });
    expect(await daemon.stateOf(`rollout:dev:${forced}`)).toBe('none');
    world.source.branches.set('dev', good);
    await daemon.pass(2 * minute);
    expect((await daemon.row('channel:dev'))?.context).toMatchObject({ problem: null, frozen: false });
    const next = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${next}`)) === 'proven');
  });

  it('starts no more clusters of a rollout that is under way when its branch vanishes', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy: { maxParallel: 1 } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 20 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const [one, two] = ['dev-1', 'dev-2'].map((alias) => world.clusterOf(alias).id);
    await daemon.until(
      'first one rolls',
      async () => (await daemon.stateOf(`update:dev:${commit}:${one}:1`)) === 'controlPlaneRoll',
    );
    world.source.branches.delete('dev');
    await daemon.until(
      'first one done',
      async () => (await daemon.stateOf(`update:dev:${commit}:${one}:1`)) === 'updated',
    );
    await daemon.pass(60 * minute);
    expect(await daemon.stateOf(`update:dev:${commit}:${two}:1`)).toBe('none');
    expect((await daemon.row(`rollout:dev:${commit}`))?.context).toMatchObject({ wait: { code: 'held' } });
    world.source.branches.set('dev', commit);
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
  });

  it('holds a head of a later channel that clm did not put there, unless its tree is proven upstream', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy: { soakMs: 0 } });
    const foreign = world.source.merge('alpha', 'x1', { manifest: 'hot' });
    await daemon.pass(30 * minute);
    expect(await daemon.stateOf(`rollout:alpha:${foreign}`)).toBe('none');
    expect((await daemon.row('channel:alpha'))?.context).toMatchObject({ problem: { code: 'head-unproven' } });
    // the same tree earns its evidence on dev
    const commit = world.source.merge('dev', 'b1', { manifest: 'hot' });
    await daemon.until('proven on dev', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    await daemon.until('proven on alpha', async () => (await daemon.stateOf(`rollout:alpha:${foreign}`)) === 'proven');
    expect((await daemon.row('channel:alpha'))?.context).toMatchObject({ problem: null, proven: foreign });
  });
});

describe('slots', () => {
  it('never let more clusters be in flight than the channel and the fleet allow (P3)', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 6, other: 6 },
      policy: { maxParallel: 3, promotesTo: [], soakMs: 0 },
      fleetMaxParallel: 4,
    });
    const peak = { channel: 0, fleet: 0 };
    const commits = ['dev', 'other'].map((branch) => world.source.merge(branch, `b-${branch}`, { pool: 'p2' }));
    await daemon.until('both proven', async () => {
      const fleet = await world.store.slotHolders('fleet');
      peak.fleet = Math.max(peak.fleet, fleet.length);
      for (const name of ['dev', 'other']) {
        peak.channel = Math.max(peak.channel, (await world.store.slotHolders(`channel:${name}`)).length);
      }
      const states = await Promise.all([
        daemon.stateOf(`rollout:dev:${commits[0]}`),
        daemon.stateOf(`rollout:other:${commits[1]}`),
      ]);
      return states.every((state) => state === 'proven');
    });
    expect(peak).toEqual({ channel: 3, fleet: 4 });
    expect(await world.store.slotHolders('fleet')).toEqual([]);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a pause', () => {
  it('keeps everything from starting and holds what is in flight, over a restart too', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { maxParallel: 1 } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 5 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const one = world.clusterOf('dev-1').id;
    const roll = `roll:update:dev:${commit}:${one}:1:master`;
    await daemon.until('rolling', async () => (await daemon.stateOf(roll)) === 'rolling');
    await daemon.engine.post({ to: `rollout:dev:${commit}`, event: { type: 'PAUSE', ...by } });
    await daemon.pass(10 * minute);
    expect(await daemon.stateOf(roll)).toBe('paused');
    expect(await daemon.stateOf(`update:dev:${commit}:${one}:1`)).toBe('paused');
    await daemon.engine.stop();
    const again = await world.daemon();
    await again.start();
    await again.pass(5 * 60 * minute);
    expect(await again.stateOf(`rollout:dev:${commit}`)).toBe('paused');
    expect(world.clusterOf('dev-1').pools.get('master')?.running).toBe('template master p');
    await again.engine.post({ to: `rollout:dev:${commit}`, event: { type: 'RESUME', ...by } });
    await again.until('proven', async () => (await again.stateOf(`rollout:dev:${commit}`)) === 'proven');
  });

  it('of one cluster in flight is not lifted when its channel resumes', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const { id } = world.clusterOf('dev-1');
    world.rolls.set(id, { durationMs: 5 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const update = `update:dev:${commit}:${id}:1`;
    await daemon.until('rolling', async () => (await daemon.stateOf(update)) === 'controlPlaneRoll');
    const value = { kind: 'pause', scope: `cluster:${id}`, actor: 'jo', reason: 'migration', expiresAt: null };
    await daemon.engine.post(
      { to: update, event: { type: 'PAUSE', ...by } },
      { facts: [{ kind: 'override', key: 'o', value }] },
    );
    await daemon.engine.post({ to: `rollout:dev:${commit}`, event: { type: 'PAUSE', ...by } });
    await daemon.pass(5 * minute);
    await daemon.engine.post({ to: `rollout:dev:${commit}`, event: { type: 'RESUME', ...by } });
    await daemon.pass(60 * minute);
    expect(await daemon.stateOf(update)).toBe('paused');
    await daemon.engine.post(
      { to: update, event: { type: 'RESUME', ...by } },
      { facts: [{ kind: 'override', key: 'o', value: null }] },
    );
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
  });

  it('ends by itself when it expires', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const expiresAt = world.clock.now() + 40 * minute;
    await daemon.engine.post({ to: 'channel:dev', event: { type: 'PAUSE', ...by, expiresAt } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.pass(30 * minute);
    expect(await daemon.stateOf(`rollout:dev:${commit}`)).toBe('none');
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    expect(await daemon.stateOf('channel:dev')).toBe('watching');
  });

  it('of one cluster keeps only that one from starting', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 } });
    const held = world.clusterOf('dev-2').id;
    const expiresAt = world.clock.now() + 3 * 60 * minute;
    const value = { kind: 'pause', scope: `cluster:${held}`, actor: 'jo', reason: 'migration', expiresAt };
    await world.store.post({ facts: [{ kind: 'override', key: 'o1', value }], now: world.clock.now() });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.pass(60 * minute);
    const states = await Promise.all(
      ['dev-1', 'dev-2', 'dev-3'].map((alias) => daemon.stateOf(`update:dev:${commit}:${world.clusterOf(alias).id}:1`)),
    );
    expect(states).toEqual(['updated', 'none', 'updated']);
    expect((await daemon.row(`rollout:dev:${commit}`))?.context).toMatchObject({ wait: { code: 'held' } });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
  });

  it('as a freeze of the fleet starts nothing new while work in flight finishes (P5)', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 3 },
      policy: { maxParallel: 1, finish: 'cluster' },
    });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 5 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const one = world.clusterOf('dev-1').id;
    await daemon.until(
      'rolling',
      async () => (await daemon.stateOf(`update:dev:${commit}:${one}:1`)) === 'controlPlaneRoll',
    );
    const value = { kind: 'freeze', scope: { kind: 'fleet' }, actor: 'jo', reason: 'peak day', expiresAt: null };
    await world.store.post({ facts: [{ kind: 'override', key: 'o1', value }], now: world.clock.now() });
    await daemon.pass(5 * 60 * minute);
    expect((await world.store.rows({ machine: 'clusterUpdate' })).map((row) => [row.cluster, row.value])).toEqual([
      [one, 'updated'],
    ]);
    await world.store.post({ facts: [{ kind: 'override', key: 'o1', value: null }], now: world.clock.now() });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
  });
});

describe('the same event twice', () => {
  it('changes nothing (P10)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2, alpha: 1 }, policy: { soakMs: minute } });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const next = (): Promise<void> =>
      daemon.engine.post([
        startChannel('dev'),
        { to: 'channel:dev', event: { type: 'HEAD_MOVED', commit } },
        { to: `rollout:dev:${commit}`, event: { type: 'RESUME', ...by } },
        { to: `rollout:dev:${commit}`, event: { type: 'RETRY', ...by } },
        {
          to: `rollout:dev:${commit}`,
          event: { type: 'START', input: { channel: 'dev', commit, tree: 'x', subject: 'x', requestedAt: 0 } },
          start: { machine: 'rollout', parent: null, channel: 'dev', cluster: '', commit },
        },
      ]);
    await daemon.until('proven on alpha', async () => {
      if ((await daemon.stateOf(`rollout:alpha:${commit}`)) === 'proven') return true;
      if ((await daemon.stateOf(`rollout:dev:${commit}`)) !== 'none') await next();
      return false;
    });
    for (const live of world.clusters.values()) {
      expect(live.mutations.filter((mutation) => mutation === 'roll worker')).toEqual(['roll worker']);
    }
    expect(world.source.moves.length).toBe(1);
    const updates = await world.store.rows({ machine: 'clusterUpdate' });
    expect(updates.length).toBe(3);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('downtime', () => {
  it('does not count as soak', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 }, policy: { soakMs: 60 * minute } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('soaking', async () => (await daemon.stateOf(rollout)) === 'soaking');
    await daemon.engine.stop();
    world.clock.advanceTo(world.clock.now() + 5 * 60 * minute);
    const again = await world.daemon();
    await again.start();
    const back = world.clock.now();
    await again.until('proven', async () => (await again.stateOf(rollout)) === 'proven');
    expect(world.clock.now() - back).toBeGreaterThan(50 * minute);
  });

  it('in which a cluster is not well does not count either', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 }, policy: { soakMs: 30 * minute } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('soaking', async () => (await daemon.stateOf(rollout)) === 'soaking');
    world.clusterOf('dev-1').ready = false;
    await daemon.pass(5 * 60 * minute);
    expect(await daemon.stateOf(rollout)).toBe('soaking');
    expect((await daemon.row(rollout))?.context).toMatchObject({ wait: { code: 'soak-unhealthy' } });
    world.clusterOf('dev-1').ready = true;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
  });
});
