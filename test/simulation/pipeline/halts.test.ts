import { describe, expect, it } from 'vitest';
import { adoptedWorld, minute } from '../../support/pipeline/pipeline-world.ts';

const by = { by: 'jo', reason: 'looked into it' };

describe('a cluster that fails', () => {
  it('halts the channel with the check that failed and why, and no later branch moves', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 } });
    world.failingChecks.set(world.clusterOf('dev-1').id, { message: '/readyz answered 500' });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const { halt } = await daemon.context<{ halt: { code: string; message: string } }>(rollout);
    expect(halt.code).toBe('failure-budget-spent');
    expect(halt.message).toContain('check api.health fail: /readyz answered 500');
    await daemon.pass(60 * minute);
    expect(world.source.moves).toEqual([]);
    const id = world.clusterOf('dev-1').id;
    expect((await world.store.fact('evidence', `${id}/${commit}/1`))?.value).toMatchObject({
      result: 'failed',
      failed: 1,
    });
  });

  it('is tried anew by RETRY, with a new attempt and its own evidence', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 } });
    const id = world.clusterOf('dev-1').id;
    world.failingChecks.set(id, { message: 'broken' });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    world.failingChecks.clear();
    await daemon.engine.post({ to: rollout, event: { type: 'RETRY', ...by } });
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    expect(await daemon.stateOf(`update:dev:${commit}:${id}:2`)).toBe('updated');
    expect((await world.store.fact('evidence', `${id}/${commit}/2`))?.value).toMatchObject({ result: 'passed' });
    expect((await world.store.fact('evidence', `${id}/${commit}/1`))?.value).toMatchObject({ result: 'failed' });
  });

  it('within the budget is tolerated, one more starts nothing new (P4)', async () => {
    const policy = { maxFailures: 1, maxParallel: 1 };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 5 }, policy });
    for (const alias of ['dev-1', 'dev-3']) world.failingChecks.set(world.clusterOf(alias).id, { message: 'broken' });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    await daemon.pass(60 * minute);
    const states = await Promise.all(
      ['dev-1', 'dev-2', 'dev-3', 'dev-4', 'dev-5'].map((alias) =>
        daemon.stateOf(`update:dev:${commit}:${world.clusterOf(alias).id}:1`),
      ),
    );
    expect(states).toEqual(['failed', 'updated', 'failed', 'none', 'none']);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('within the budget halts when it is the only one: nothing is left that could prove the version', async () => {
    const policy = { maxFailures: 1, newCommits: 'queue' as const };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy });
    world.failingChecks.set(world.clusterOf('dev-1').id, { message: 'broken' });
    const rollout = `rollout:dev:${world.source.merge('dev', 'b1', { manifest: 'm2' })}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const { halt } = await daemon.context<{ halt: { code: string; message: string } }>(rollout);
    expect(halt.code).toBe('nothing-passed');
    expect(halt.message).toContain('not one cluster passed');
    expect(halt.message).toContain('broken');
    world.failingChecks.clear();
    // a queue waits for what may still be proven, not for this
    const fix = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('fix proven', async () => (await daemon.stateOf(`rollout:alpha:${fix}`)) === 'proven');
    expect((await world.judge()).violations).toEqual([]);
  });

  it('within the budget and alone goes on by itself when it was only away', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy: { maxFailures: 1 } });
    const live = world.clusterOf('dev-1');
    live.unreachable = true;
    const rollout = `rollout:dev:${world.source.merge('dev', 'b1', { manifest: 'm2' })}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    live.unreachable = false;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
  });

  it('because its stack rolls back says which resource refused', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    world.clusterOf('dev-1').rollsBack.add('dev-1');
    const commit = world.source.merge('dev', 'b1', { stack: 's2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const row = await daemon.row(`update:dev:${commit}:${world.clusterOf('dev-1').id}:1`);
    expect(row?.context).toMatchObject({
      failure: {
        code: 'stack-failed',
        message: 'stack dev-1 is UPDATE_ROLLBACK_COMPLETE: Role UPDATE_FAILED (name is taken)',
      },
    });
  });

  it('because another cluster answers under its name is never touched (B1)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const live = world.clusterOf('dev-1');
    live.kubeSystemUid = 'somebody-else';
    const commit = world.source.merge('dev', 'b1', { stack: 's2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    expect(live.mutations).toEqual([]);
    const row = await daemon.row(`update:dev:${commit}:${live.id}:1`);
    expect(row?.context).toMatchObject({ failure: { kind: 'terminal', code: 'wrong-cluster' } });
  });

  it('because its roll fails says why', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    world.rolls.set(world.clusterOf('dev-1').id, { durationMs: minute, fails: 'no node of the new template boots' });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    const halt = (await daemon.context<{ halt: { message: string } }>(rollout)).halt;
    expect(halt.message).toContain('the roll of pool master failed: no node of the new template boots');
  });
});

describe('a channel whose clusters are gone', () => {
  it('waits for one that comes, says so, and proves the version on that one (B5)', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 } });
    world.registry = world.registry.filter((cluster) => cluster.alias !== 'dev-1');
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.pass(120 * minute);
    expect(await daemon.stateOf(rollout)).toBe('updating');
    const { wait } = await daemon.context<{ wait: { code: string; message: string } }>(rollout);
    expect(wait.code).toBe('channel-empty');
    expect(wait.message).toContain('no cluster takes part');
    expect(world.source.moves).toEqual([]);
    const id = world.addCluster('dev', 2).id;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    expect((await world.store.fact('evidence', `${id}/${commit}/1`))?.value).toMatchObject({ result: 'passed' });
    await daemon.until('promoted', () => world.source.branches.get('alpha') === commit);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('keeps no newer version in a queue behind the one that nothing can prove', async () => {
    const policy = { newCommits: 'queue' as const };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 }, policy });
    const cluster = world.registry.find(({ alias }) => alias === 'dev-1');
    world.registry = world.registry.filter((one) => one !== cluster);
    world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.pass(60 * minute);
    const next = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('started', async () => (await daemon.stateOf(`rollout:dev:${next}`)) === 'updating');
  });

  it('waits for a cluster that is skipped, and takes it when it is not any more', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const scope = { kind: 'cluster' as const, name: 'dev-1' };
    await daemon.control.override({ kind: 'skip', scope, reason: 'maintenance', forSeconds: 3_600 }, { name: 'jo' });
    const rollout = `rollout:dev:${world.source.merge('dev', 'b1', { manifest: 'm2' })}`;
    await daemon.pass(50 * minute);
    expect(await daemon.context(rollout)).toMatchObject({ wait: { code: 'channel-empty' } });
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
  });
});

describe('a cluster that leaves the registry while a rollout is on it', () => {
  it('in flight, has its update stopped, and counts neither as one in flight nor as a failure', async () => {
    const policy = { maxFailures: 0, maxParallel: 1 };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy });
    const gone = world.registry.find(({ alias }) => alias === 'dev-1')?.id ?? '';
    world.rolls.set(gone, { durationMs: 10 * 60 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const [rollout, update] = [`rollout:dev:${commit}`, `update:dev:${commit}:${gone}:1`];
    await daemon.until('rolls', async () => (await daemon.stateOf(update)) === 'controlPlaneRoll');
    world.registry = world.registry.filter(({ id }) => id !== gone);
    world.past.set(gone, { channel: 'dev', since: 0, until: world.clock.now() });
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    expect(await daemon.stateOf(update)).toBe('aborted');
    const { members } = await daemon.context<{ members: Record<string, { state: string }> }>(rollout);
    expect(Object.values(members).map((member) => member.state)).toEqual(['left', 'updated', 'updated']);
    expect(await world.store.slotHolders('fleet')).toEqual([]);
    expect(await daemon.story()).toContain('left dev or the registry while');
    expect((await world.judge()).violations).toEqual([]);
  });

  it('failed, does not count against the budget any more', async () => {
    const policy = { maxFailures: 1, maxParallel: 1 };
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy });
    const gone = world.registry.find(({ alias }) => alias === 'dev-1')?.id ?? '';
    for (const alias of ['dev-1', 'dev-2']) world.failingChecks.set(world.clusterOf(alias).id, { message: alias });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    await daemon.until('failed', async () => (await daemon.stateOf(`update:dev:${commit}:${gone}:1`)) === 'failed');
    world.registry = world.registry.filter(({ id }) => id !== gone);
    world.past.set(gone, { channel: 'dev', since: 0, until: world.clock.now() });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    const { members } = await daemon.context<{ members: Record<string, { state: string }> }>(rollout);
    expect(Object.values(members).map((member) => member.state)).toEqual(['left', 'failed', 'updated']);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a cluster that does not answer', () => {
  it('stalls, halts the channel over the budget, and both recover by themselves when it answers again', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, alpha: 1 } });
    const live = world.clusterOf('dev-1');
    live.unreachable = true;
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    expect(await daemon.stateOf(`update:dev:${commit}:${live.id}:1`)).toBe('stalled');
    live.unreachable = false;
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    const told = (await world.store.journal({ limit: 400 })).map(({ kind }) => kind);
    const story = ['cluster-stalled', 'rollout-halted', 'cluster-recovered', 'rollout-proven'];
    expect(told.filter((kind) => story.includes(kind))).toEqual(story);
    expect((await world.judge(['P4'])).violations).toEqual([]);
  });

  it('is tried at once when somebody says RETRY to the rollout', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 } });
    const live = world.clusterOf('dev-1');
    live.unreachable = true;
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    live.unreachable = false;
    const before = world.clock.now();
    await daemon.engine.post({ to: rollout, event: { type: 'RETRY', ...by } });
    await daemon.until(
      'updated',
      async () => (await daemon.stateOf(`update:dev:${commit}:${live.id}:1`)) === 'updated',
    );
    expect(world.clock.now() - before).toBeLessThan(minute);
  });

  it('does not hold up the others while the budget allows it', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 3 },
      policy: { maxFailures: 1, waves: [{ name: 'canary', size: 1 }] },
    });
    world.clusterOf('dev-1').unreachable = true;
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('proven', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    // the next version takes the cluster over from the update that still tries
    world.clusterOf('dev-1').unreachable = false;
    const next = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await daemon.until('b2 proven', async () => (await daemon.stateOf(`rollout:dev:${next}`)) === 'proven');
    expect(world.clusterOf('dev-1').objects.get('ConfigMap/kube-system/coredns')?.['data']).toEqual({ config: 'm3' });
    expect(await daemon.stateOf(`update:dev:${commit}:${world.clusterOf('dev-1').id}:1`)).toBe('superseded');
  });

  it('does not hold up the next version either, as long as it stays away', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3 }, policy: { maxFailures: 1 } });
    world.clusterOf('dev-1').unreachable = true;
    for (const [name, manifest] of [
      ['b1', 'm2'],
      ['b2', 'm3'],
    ] as const) {
      const commit = world.source.merge('dev', name, { manifest });
      await daemon.until(`${name} proven`, async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'proven');
    }
    expect(await world.store.slotHolders('fleet')).toHaveLength(1);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a budget that allows nothing', () => {
  it('is told to the rollout with its names, and is no failure', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 }, policy: { progressDeadlineMs: 60 * minute } });
    const id = world.clusterOf('dev-1').id;
    world.rolls.set(`${id}/worker`, { durationMs: minute, blocked: true });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const rollout = `rollout:dev:${commit}`;
    const member = async () =>
      (await daemon.context<{ members: Record<string, { blocked: unknown }> }>(rollout)).members[id];
    await daemon.until('blocked', async () => {
      const row = await daemon.row(rollout);
      return row !== undefined && (await member())?.blocked != null;
    });
    expect((await member())?.blocked).toMatchObject({
      code: 'budget-never-allows',
      data: { namespace: 'payments', budget: 'api' },
    });
    // far longer than the deadline: time that a budget blocks does not count
    await daemon.pass(10 * 60 * minute);
    expect(await daemon.stateOf(rollout)).toBe('updating');
    expect((await daemon.row(rollout))?.context).toMatchObject({ wait: { code: 'clusters-blocked' } });
    world.rolls.delete(`${id}/worker`);
    await daemon.until('proven', async () => (await daemon.stateOf(rollout)) === 'proven');
    expect((await member())?.blocked).toBeNull();
  });
});

describe('a cluster update without progress', () => {
  it('fails after its deadline', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1 }, policy: { progressDeadlineMs: 60 * minute } });
    world.rolls.set(world.clusterOf('dev-1').id, { durationMs: 100 * 60 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const rollout = `rollout:dev:${commit}`;
    const before = world.clock.now();
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    expect((await daemon.context<{ halt: { message: string } }>(rollout)).halt.message).toContain(
      'in flight, waits on budgets excluded',
    );
    expect(world.clock.now() - before).toBeGreaterThan(59 * minute);
    expect(world.clock.now() - before).toBeLessThan(80 * minute);
  });
});
