/** What went wrong in other systems, each once: a gate on evidence of another version, and rollouts that wait for ever. */
import { describe, expect, it } from 'vitest';
import { adoptedWorld, minute, type PipelineDaemon } from '../../support/pipeline/pipeline-world.ts';

const hour = 60 * minute;
const day = 24 * hour;
const jo = { name: 'jo' };
const reason = 'looked at it';

const proven = (daemon: PipelineDaemon, channel: string, commit: string) =>
  daemon.until(
    `${commit.slice(0, 2)} proven on ${channel}`,
    async () => (await daemon.stateOf(`rollout:${channel}:${commit}`)) === 'proven',
    3 * day,
  );

describe('evidence of an older version', () => {
  it('opens no gate for a newer one: what passed before fails now, and the next channel stays', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2, stable: 1 }, policy: { soakMs: 30 * minute } });
    const green = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('soaking', async () => (await daemon.stateOf(`rollout:dev:${green}`)) === 'soaking');
    const red = world.source.merge('dev', 'b2', { manifest: 'm3' });
    world.failingChecks.set(world.clusterOf('dev-2').id, { message: 'no dns', commit: red });
    await daemon.pass(5 * hour);
    expect(await daemon.stateOf(`rollout:dev:${red}`)).toBe('halted');
    expect(world.source.moves).toEqual([]);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('lends it no soak: the clock begins anew with the version', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: hour } });
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('soaking', async () => (await daemon.stateOf(`rollout:dev:${first}`)) === 'soaking');
    await daemon.pass(50 * minute);
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    const mergedAt = world.clock.now();
    await daemon.until('stable moves', () => world.source.branches.get('stable') === second, day);
    expect(world.clock.now() - mergedAt).toBeGreaterThanOrEqual(hour);
    expect(world.source.moves.map((move) => move.to)).toEqual([second]);
  });

  it('does not verify a version whose checks are run again and fail: a retry takes its evidence back', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: 2 * hour } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    const rollout = `rollout:dev:${commit}`;
    world.failingChecks.set(world.clusterOf('dev-1').id, { message: 'no dns' });
    await daemon.until('halted', async () => (await daemon.stateOf(rollout)) === 'halted');
    await daemon.operations.retry({ scope: { kind: 'channel', name: 'dev' }, reason }, jo);
    await daemon.pass(3 * hour);
    expect(await daemon.stateOf(rollout)).toBe('halted');
    expect(world.source.moves).toEqual([]);
  });
});

describe('an approval', () => {
  it('does not outlive its version', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: minute } });
    for (const policy of world.pipeline.channels.slice(0, 1))
      policy.gates = [{ kind: 'approval', name: 'release', quorum: 1, roles: [] }];
    const waits = (commit: string) =>
      daemon.until('gating', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'gating', day);
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await waits(first);
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    const approve = {
      verdict: 'approved' as const,
      channel: 'dev',
      commit: first,
      gate: 'release',
      reason,
      forSeconds: 86_400,
    };
    await daemon.control.approve(approve, jo);
    await waits(second);
    await daemon.pass(3 * hour);
    expect(await daemon.stateOf(`rollout:dev:${second}`)).toBe('gating');
    expect(world.source.branches.get('stable')).not.toBe(second);
    await daemon.control.approve({ ...approve, commit: second }, jo);
    await proven(daemon, 'stable', second);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('a timer that is lost', () => {
  it('delays a soak and never hangs it: the daemon was away when it ended, and nobody tells it', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: hour } });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await daemon.until('soaking', async () => (await daemon.stateOf(`rollout:dev:${commit}`)) === 'soaking');
    await daemon.engine.stop();
    world.clock.advanceTo(world.clock.now() + 5 * hour);
    const next = await world.daemon({ seed: 2 });
    await next.engine.start();
    expect(await next.stateOf(`rollout:dev:${commit}`)).toBe('soaking');
    await proven(next, 'stable', commit);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('one sick cluster', () => {
  it('that does not answer holds nobody up within the budget, and is not counted as well', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 4, stable: 1 },
      policy: { soakMs: minute, maxFailures: 1, maxParallel: 1, progressDeadlineMs: 2 * hour },
    });
    const sick = world.clusterOf('dev-1');
    sick.unreachable = true;
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'stable', commit);
    const [entry] = await world.store.journal({ limit: 1, kind: 'rollout-proven', commit });
    expect(entry?.data).toMatchObject({ notGreen: [sick.id] });
    expect((await world.judge()).violations).toEqual([]);
  });

  it('that is pinned or skipped is not waited for', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 3, stable: 1 }, policy: { soakMs: minute } });
    for (const [kind, name] of [
      ['pin', 'dev-1'],
      ['skip', 'dev-2'],
    ] as const) {
      world.clusterOf(name).unreachable = true;
      await daemon.control.override({ kind, scope: { kind: 'cluster', name }, reason, forSeconds: 86_400 }, jo);
    }
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'stable', commit);
    expect((await world.judge()).violations).toEqual([]);
  });
});

describe('versions one after another', () => {
  it('do not overtake: what comes after a proven one and is not proven itself does not ride along', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: 10 * minute } });
    await daemon.control.override(
      { kind: 'freeze', scope: { kind: 'channel', name: 'stable' }, reason, forSeconds: 4 * 3600 },
      jo,
    );
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'dev', first);
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    world.failingChecks.set(world.clusterOf('dev-1').id, { message: 'no dns', commit: second });
    await daemon.until('halted', async () => (await daemon.stateOf(`rollout:dev:${second}`)) === 'halted');
    await proven(daemon, 'stable', first);
    await daemon.pass(5 * hour);
    expect(world.source.moves.map((move) => move.to)).toEqual([first]);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('that were rolled back do not come again by themselves', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: minute } });
    const good = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await proven(daemon, 'stable', good);
    const bad = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await proven(daemon, 'stable', bad);
    await daemon.control.rollback({ channel: 'stable', reason, vetoSeconds: 86_400 }, jo);
    await daemon.until('rolled back', () => world.source.branches.get('stable') !== bad);
    const back = world.source.branches.get('stable') as string;
    await proven(daemon, 'stable', back);
    await daemon.pass(5 * hour);
    expect(world.source.branches.get('stable')).toBe(back);
    expect((await world.judge()).violations).toEqual([]);
  });
});
