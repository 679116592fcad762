import { describe, expect, it } from 'vitest';
import type { TimeWindow } from '../../../src/domain/time-window.ts';
import { adoptedWorld, minute, type PipelineDaemon } from '../../support/pipeline/pipeline-world.ts';

const hour = 60 * minute;
const ada = { name: 'ada' };

async function until(daemon: PipelineDaemon, id: string, state: string): Promise<void> {
  await daemon.until(`${id} is ${state}`, async () => (await daemon.stateOf(id)) === state, 5 * 24 * hour);
}

describe('a gate', () => {
  it('of approvals stays closed until its quorum; an approval does not outlive its version', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1, stable: 1 },
      policy: { soakMs: minute, gates: [{ kind: 'approval', name: 'release', quorum: 1, roles: ['sre'] }] },
    });
    world.pipeline = { ...world.pipeline, roles: { sre: ['ada'] } };
    const first = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await until(daemon, `rollout:dev:${first}`, 'gating');
    const approval = { verdict: 'approved' as const, channel: 'dev', reason: 'looked at it', forSeconds: 86_400 };
    await expect(daemon.control.approve({ ...approval, commit: first }, { name: 'mallory' })).rejects.toThrow(
      'sre (ada) may',
    );
    await daemon.control.approve({ ...approval, verdict: 'rejected', commit: first }, ada);
    const second = world.source.merge('dev', 'b2', { manifest: 'm3' });
    await until(daemon, `rollout:dev:${second}`, 'gating');
    await daemon.pass(2 * hour);
    expect(await daemon.stateOf(`rollout:dev:${second}`)).toBe('gating');
    const gates = await daemon.context<{ gates: { name: string; state: string; openedBy: string }[] }>(
      `rollout:dev:${second}`,
    );
    expect(gates.gates.find((gate) => gate.name === 'release')).toMatchObject({
      state: 'closed',
      openedBy: expect.stringContaining('clm approve'),
    });
    await daemon.control.approve({ ...approval, commit: second }, ada);
    await until(daemon, `rollout:dev:${second}`, 'proven');
    expect((await world.judge()).violations).toEqual([]);
  });

  it('of measurements pauses when they say nothing, and goes on when somebody has looked and they do', async () => {
    const { world, daemon } = await adoptedWorld({
      channels: { dev: 1 },
      policy: {
        soakMs: minute,
        gates: [
          {
            kind: 'prometheus',
            name: 'errors',
            url: 'http://p',
            query: 'errors',
            comparison: '<',
            value: 1,
            timeoutMs: 1,
            patienceMs: hour,
          },
        ],
      },
    });
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await until(daemon, `rollout:dev:${commit}`, 'paused');
    expect((await daemon.row(`rollout:dev:${commit}`))?.context).toMatchObject({ paused: { by: 'gate errors' } });
    await daemon.pass(5 * hour);
    world.measurements.set('errors', [0]);
    await daemon.pass(5 * hour);
    expect(await daemon.stateOf(`rollout:dev:${commit}`)).toBe('paused');
    await daemon.engine.post({
      to: `rollout:dev:${commit}`,
      event: { type: 'RESUME', by: 'ada', reason: 'it is back' },
    });
    await until(daemon, `rollout:dev:${commit}`, 'proven');
  });
});

describe('a window', () => {
  const from = (times: TimeWindow['times'], work: TimeWindow['work']): TimeWindow => ({
    effect: 'deny',
    label: 'night',
    zone: 'UTC',
    times,
    work,
  });

  it('that closes lets nodes in hand finish, starts nothing, and everything goes on when it opens', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 2 }, policy: { soakMs: minute, maxParallel: 1 } });
    for (const cluster of world.clusters.values()) world.rolls.set(cluster.id, { durationMs: 30 * minute });
    const commit = world.source.merge('dev', 'b1', { pool: 'p2' });
    const update = `update:dev:${commit}:${world.clusterOf('dev-1').id}:1`;
    await until(daemon, update, 'controlPlaneRoll');
    const now = world.clock.now();
    const local = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
    const closed = from({ kind: 'between', from: local(now), to: local(now + 6 * hour) }, ['updates']);
    world.pipeline = { ...world.pipeline, windows: [closed] };
    await daemon.pass(5 * hour);
    expect(await daemon.stateOf(update)).toBe('paused');
    expect(await daemon.stateOf(`update:dev:${commit}:${world.clusterOf('dev-2').id}:1`)).toBe('none');
    await until(daemon, `rollout:dev:${commit}`, 'proven');
    expect(world.clock.now()).toBeGreaterThan(now + 6 * hour);
    expect((await world.judge()).violations).toEqual([]);
  });

  it('keeps branches from moving, and nothing else, where it is for promotions alone', async () => {
    const { world, daemon } = await adoptedWorld({ channels: { dev: 1, stable: 1 }, policy: { soakMs: minute } });
    const now = world.clock.now();
    const local = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
    const closed = from({ kind: 'between', from: local(now), to: local(now + 6 * hour) }, ['promotions']);
    world.pipeline = { ...world.pipeline, windows: [closed] };
    const commit = world.source.merge('dev', 'b1', { manifest: 'm2' });
    await until(daemon, `rollout:dev:${commit}`, 'proven');
    expect(world.clock.now()).toBeLessThan(now + 6 * hour);
    await daemon.until('promoted', () => world.source.branches.get('stable') === commit);
    expect(world.clock.now()).toBeGreaterThan(now + 6 * hour - minute);
    expect((await world.judge()).violations).toEqual([]);
  });
});
