import { describe, expect, it } from 'vitest';
import { policyOfCluster } from '../../../src/planning/roll/cluster-policy.ts';
import type { RollOverrides } from '../../../src/planning/roll/roll-plan.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  journalOf,
  type RollDaemon,
  RollWorld,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

const minute = 60_000;
const hour = 60 * minute;

const tell = (daemon: RollDaemon, event: { type: string; [key: string]: string | number }): Promise<void> =>
  daemon.engine.post({ to: rollId('workers'), event });

const has = async (daemon: RollDaemon, kind: string): Promise<boolean> =>
  (await journalOf(daemon)).some((line) => line.startsWith(`${kind}:`));

async function begun(options: Partial<ConstructorParameters<typeof RollWorld>[0]> = {}): Promise<{
  roll: RollWorld;
  daemon: RollDaemon;
}> {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }], ...options });
  roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
  roll.outdate('workers');
  roll.watchInvariants();
  const daemon = await startDaemon(roll);
  await startRoll(daemon, roll, 'workers');
  return { roll, daemon };
}

describe('a pause of a roll', () => {
  it('ends by itself, and nothing moves before', async () => {
    const { roll, daemon } = await begun();
    await daemon.run(() => has(daemon, 'node-cordoned'));
    const until = roll.world.clock.now() + 2 * hour;
    await tell(daemon, { type: 'PAUSE', by: 'ada', reason: 'lunch', expiresAt: until });
    await daemon.run(async () => (await stateOf(daemon, 'workers')) === 'paused');
    const before = roll.events.filter((event) => event.actor.kind === 'client').length;
    await daemon.run(async () => roll.world.clock.now() >= until - 30 * minute);
    expect(roll.events.filter((event) => event.actor.kind === 'client')).toHaveLength(before);
    expect((await contextOf(daemon, 'workers')).wait).toMatchObject({
      code: 'paused',
      message: expect.stringMatching(/ada until .*lunch/) as string,
    });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

describe('an abort', () => {
  it.each(['classic', 'target-group'] as const)(
    'puts a node that had only begun to leave into its %s load balancer again, before its marks go',
    async (balancer) => {
      const { roll, daemon } = await begun({ pools: [{ name: 'workers', nodes: 3, balancer }] });
      // pod by pod: hardly any has moved
      roll.apply(deployment('web', 12), budget('web', { maxUnavailable: 1 }));
      await daemon.run(() => has(daemon, 'node-deregistered'));
      await tell(daemon, { type: 'ABORT', by: 'ada', reason: 'not today' });
      await daemon.run(() => finished(daemon, 'workers'));
      const told = (await journalOf(daemon)).filter((line) => /^node-(registered|given-back):/.test(line));
      expect(told).toEqual([expect.stringMatching(/^node-registered:/), expect.stringMatching(/^node-given-back:/)]);
      roll.pass(300);
      expect(roll.violations()).toEqual([]);
      await daemon.stop();
    },
  );
});

describe('a rollback', () => {
  it('gives the group its old template, replaces the new nodes and leaves everything else as it was', async () => {
    const { roll, daemon } = await begun();
    await daemon.run(() => has(daemon, 'node-terminated'));
    await tell(daemon, { type: 'ROLLBACK', by: 'ada', reason: 'kernel panics' });
    await daemon.run(() => finished(daemon, 'workers'));
    const context = await contextOf(daemon, 'workers');
    expect(context).toMatchObject({ result: 'aborted', reason: 'rolled back by ada: kernel panics' });
    roll.pass(300);
    const group = roll.group('workers');
    expect(group.LaunchTemplate.Version).toBe('1');
    expect(
      group.Instances.every((one: { LaunchTemplate: { Version: string } }) => one.LaunchTemplate.Version === '1'),
    ).toBe(true);
    expect(group.Tags.map((tag: { Key: string }) => tag.Key).filter((key: string) => key.startsWith('clm/'))).toEqual([
      'clm/roll-reverted',
    ]);
    expect(group).toMatchObject({ DesiredCapacity: 3, MaxSize: 5, SuspendedProcesses: [] });
    expect(roll.violations().filter((one) => !one.includes('tags left: clm/roll-reverted'))).toEqual([]);
    await daemon.stop();
  });

  it('is undone by the next roll, which goes forward again', async () => {
    const { roll, daemon } = await begun();
    await daemon.run(() => has(daemon, 'node-launched'));
    await tell(daemon, { type: 'ROLLBACK', by: 'ada', reason: 'kernel panics' });
    await daemon.run(() => finished(daemon, 'workers'));
    await daemon.stop();
    const again = await startDaemon(roll);
    await startRoll(again, roll, 'workers');
    await again.run(() => finished(again, 'workers'));
    expect(await stateOf(again, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const group = roll.group('workers');
    expect(group.LaunchTemplate.Version).toBe('2');
    expect(
      group.Instances.every((one: { LaunchTemplate: { Version: string } }) => one.LaunchTemplate.Version === '2'),
    ).toBe(true);
    expect(group.Tags.some((tag: { Key: string }) => tag.Key.startsWith('clm/'))).toBe(false);
    await again.stop();
  });
});

describe('a skipped node', () => {
  it('stays as it is while the others are replaced, and takes its turn when the skip ends', async () => {
    const skips = new Map<string, NonNullable<RollOverrides['force']>>();
    const { roll, daemon } = await begun({ overrides: () => ({ skips }) });
    const [node] = roll.nodes('workers');
    const name = node.metadata.name as string;
    const expiresAt = roll.world.clock.now() + 3 * hour;
    skips.set(name, { actor: 'ada', reason: 'core dump', expiresAt });
    await daemon.run(
      async () => (await journalOf(daemon)).filter((line) => line.startsWith('node-terminated')).length === 2,
    );
    await daemon.run(async () => roll.world.clock.now() >= expiresAt - 15 * minute);
    expect(roll.nodes('workers').some((one) => one.metadata.name === name && one.spec.unschedulable !== true)).toBe(
      true,
    );
    expect((await contextOf(daemon, 'workers')).progress.nodes).toMatchObject([
      { name, phase: 'blocked', blockedBy: { code: 'node-skipped' } },
    ]);
    await daemon.run(() => finished(daemon, 'workers'));
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(roll.nodes('workers').some((one) => one.metadata.name === name)).toBe(false);
    await daemon.stop();
  });
});

describe('a pod that its budget never lets go', () => {
  it('is deleted with its own grace once an operator allows it and all is old enough, and never before', async () => {
    const start = Date.UTC(2026, 10, 21, 8);
    const force: NonNullable<RollOverrides['force']> = {
      actor: 'ada',
      reason: 'ticket 88',
      expiresAt: start + 48 * hour,
    };
    const policy = policyOfCluster({
      environment: 'test',
      configItems: { drain_min_pod_lifetime: '4h', drain_grace_period: '2h' },
    });
    const allowed: { force?: typeof force } = {};
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }], policy, overrides: () => allowed });
    roll.apply(deployment('ledger', 1, { grace: 45 }), budget('ledger', { maxUnavailable: 0 }));
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    const deletions = () =>
      roll.events.filter((event) => event.kind === 'pod-delete-requested' && event.pod.startsWith('ledger'));
    const begun = roll.world.clock.now();
    await daemon.run(async () => roll.world.clock.now() >= begun + 12 * hour, 13 * 3600);
    expect(deletions()).toEqual([]);
    allowed.force = force;
    await daemon.run(() => finished(daemon, 'workers'), 24 * 3600);
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    const [deletion] = deletions();
    expect(deletion).toMatchObject({ gracePeriodSeconds: 45 });
    expect((deletion?.at ?? 0) - (begun + 12 * hour)).toBeGreaterThanOrEqual(2 * hour);
    const line = (await journalOf(daemon)).find((one) => one.startsWith('pod-forced'));
    expect(line).toMatch(/ledger.*in spite of ledger.*ada allows it until .*ticket 88/);
    await daemon.stop();
  });
});
