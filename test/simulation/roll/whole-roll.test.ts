import { describe, expect, it } from 'vitest';
import {
  budget,
  contextOf,
  deployment,
  finished,
  journalOf,
  RollWorld,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

describe('a whole roll', () => {
  it.each([1, 3, 6])('replaces every node of a pool of %i and leaves everything as it was', async (nodes) => {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes },
        { name: 'other', nodes: 2 },
      ],
    });
    roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const lines = await journalOf(daemon);
    expect(lines.filter((line) => line.startsWith('node-terminated'))).toHaveLength(nodes);
    expect((await contextOf(daemon, 'workers')).nodesReplaced).toBe(nodes);
    await daemon.stop();
  });

  it('does nothing to a pool that is current', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    expect(roll.events.filter((event) => event.actor.kind === 'client')).toEqual([]);
    await daemon.stop();
  });

  it('asks load balancers only when nodes are judged: not to prepare a group, to write its tags, or to put it back', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1, balancer: 'target-group' }] });
    roll.outdate('workers');
    roll.watchInvariants();
    const asked = { groups: 0, balancers: 0 };
    const reached = new Map<string, typeof asked>();
    const daemon = await startDaemon(roll, {
      onCommitted: ({ to }) => reached.has(to) || reached.set(to, { ...asked }),
      wrapCloud: (cloud) => ({
        ...cloud,
        describeGroups: (tags) => {
          asked.groups += 1;
          return cloud.describeGroups(tags);
        },
        loadBalancerHealth: (classic, targetGroups) => {
          asked.balancers += 1;
          return cloud.loadBalancerHealth(classic, targetGroups);
        },
      }),
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(reached.get('rolling')).toEqual({ groups: 2, balancers: 0 });
    const [rolling, finalizing, rolled] = ['rolling', 'finalizing', 'rolled'].map((state) => reached.get(state));
    // what was ended is read with its tags, which are written after that
    expect(Number(finalizing?.groups) - Number(rolling?.groups)).toBeGreaterThan(Number(finalizing?.balancers));
    expect(Number(rolled?.groups)).toBeGreaterThan(Number(finalizing?.groups));
    expect(rolled?.balancers).toBe(finalizing?.balancers);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('moves pods of tight budgets one by one and never violates them', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 6 }] });
    roll.apply(
      deployment('tight', 6, { image: 'slow:1' }),
      budget('tight', { minAvailable: 5 }),
      deployment('single', 2),
      budget('single', { minAvailable: 1 }),
      deployment('free', 5),
    );
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('shares the lane of a budget between two pools, one pod in flight at a time', async () => {
    const roll = new RollWorld({
      pools: [
        { name: 'alpha', nodes: 3 },
        { name: 'beta', nodes: 3 },
      ],
    });
    roll.apply(deployment('web', 12), budget('web', { maxUnavailable: 3 }));
    roll.outdate('alpha');
    roll.outdate('beta');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'alpha');
    await startRoll(daemon, roll, 'beta');
    let mostTerminating = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'eviction-accepted') return;
      const pods = [...roll.kube.truth().pods.values()] as { metadata: { deletionTimestamp?: string; name: string } }[];
      const going = pods.filter(
        (pod) => pod.metadata.name !== event.pod && pod.metadata.deletionTimestamp !== undefined,
      );
      // The pod of this event is about to be the next.
      mostTerminating = Math.max(mostTerminating, going.length + 1);
    });
    await daemon.run(() => finished(daemon, 'alpha', 'beta'));
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(mostTerminating).toBe(1);
    expect(roll.events.some((event) => event.kind === 'eviction-refused')).toBe(false);
    await daemon.stop();
  });

  it('replaces a control plane of three one at a time, out of its load balancers first, and lets it settle', async () => {
    const roll = new RollWorld({
      pools: [
        { name: 'masters', nodes: 3, controlPlane: true },
        { name: 'workers', nodes: 2 },
      ],
    });
    roll.outdate('masters');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.events.length = 0;
    await startRoll(daemon, roll, 'masters');
    await daemon.run(() => finished(daemon, 'masters'));
    expect(await stateOf(daemon, 'masters')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    const order = roll.events
      .filter((event) => event.actor.kind === 'client')
      .filter((event) => ['node-cordoned', 'deregistered', 'instance-terminate-requested'].includes(event.kind));
    const kinds = order.map((event) => event.kind);
    expect(kinds).toEqual(
      [1, 2, 3].flatMap(() => ['node-cordoned', 'deregistered', 'deregistered', 'instance-terminate-requested']),
    );
    const ends = order.filter((event) => event.kind === 'instance-terminate-requested').map((event) => event.at);
    const cordons = order.filter((event) => event.kind === 'node-cordoned').map((event) => event.at);
    expect((cordons[1] ?? 0) - (ends[0] ?? 0)).toBeGreaterThanOrEqual(60_000);
    await daemon.stop();
  });
});
