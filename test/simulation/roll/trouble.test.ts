import { describe, expect, it } from 'vitest';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { KubeObject } from '../../../src/domain/kube-object.ts';
import type { KubeCluster, KubeList, ListOptions, Resource } from '../../../src/ports/kube-cluster.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { cordon } from '../../support/roll-sim/people.ts';
import {
  budget,
  contextOf,
  deployment,
  finished,
  heard,
  journalOf,
  type RollDaemon,
  RollWorld,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

const minute = 60_000;

async function tell(daemon: RollDaemon, event: { type: string; [key: string]: string }): Promise<void> {
  await daemon.engine.post({ to: rollId('workers'), event });
}

const has = async (daemon: RollDaemon, kind: string): Promise<boolean> =>
  (await journalOf(daemon)).some((line) => line.startsWith(`${kind}:`));

/** A workload that no budget lets go, on a pool of three; the rest moves freely. */
function stuckWorld(): RollWorld {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }], blockLimitMs: 10 * minute });
  roll.apply(deployment('web', 6), budget('web', { minAvailable: 4 }));
  roll.apply(deployment('ledger', 1), budget('ledger', { maxUnavailable: 0 }));
  roll.outdate('workers');
  roll.watchInvariants();
  return roll;
}

describe('a budget that never allows', () => {
  it('is reported with budget, pod, owner and node, while the rest of the pool is replaced and nothing is cordoned in vain', async () => {
    const roll = stuckWorld();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await heard(daemon)).length > 0);
    const [message] = await heard(daemon);
    expect(message).toMatchObject({
      type: 'ROLL_BLOCKED',
      pool: 'workers',
      code: 'budget-never-allows',
      data: { namespace: 'shop', budget: 'ledger', owner: expect.stringMatching(/^ReplicaSet\/ledger/) },
    });
    expect(message.data.pod).toMatch(/^ledger-/);
    expect(message.data.node).toMatch(/^ip-/);
    expect((await contextOf(daemon, 'workers')).progress).toMatchObject({ total: 3, updated: 2 });
    expect(roll.nodes('workers').filter((node) => node.spec.unschedulable)).toEqual([]);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(roll.events.some((event) => event.kind === 'eviction-accepted' && event.pod.startsWith('ledger'))).toBe(
      false,
    );
    await daemon.stop();
  });

  it('is taken back when the budget is loosened, and the roll comes to its end', async () => {
    const roll = stuckWorld();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await heard(daemon)).length > 0);
    roll.kube.seed([budget('ledger', { maxUnavailable: 1 })], 'team');
    await daemon.run(() => finished(daemon, 'workers'));
    expect((await heard(daemon)).map((message) => message.type)).toEqual([
      'ROLL_BLOCKED',
      'ROLL_UNBLOCKED',
      'CHILD_FINISHED',
    ]);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

describe('a roll that is superseded or aborted', () => {
  it.each([
    ['SUPERSEDE', { type: 'SUPERSEDE', by: 'c2' }],
    ['ABORT', { type: 'ABORT', by: 'operator', reason: 'enough' }],
  ])('mid-drain by %s leaves no cordon, taint, tag or surplus node behind', async (_name, event) => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    // Nothing of it becomes ready a second time within the test: the drain stands still after its first pod.
    roll.apply(deployment('web', 9, { grace: 120 }), budget('web', { minAvailable: 8 }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-cordoned'));
    await daemon.run(async () => roll.events.some((one) => one.kind === 'eviction-accepted'));
    await tell(daemon, event);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('aborted');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect((await heard(daemon)).at(-1)).toMatchObject({
      type: 'CHILD_FINISHED',
      output: { result: 'aborted', pool: 'workers' },
    });
    await daemon.stop();
  });

  it('finishes the node whose pods have mostly moved', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 2 }] });
    roll.apply(deployment('web', 8, { grace: 60 }), budget('web', { minAvailable: 7 }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    const evicted = () => roll.events.filter((one) => one.kind === 'eviction-accepted').length;
    await daemon.run(async () => evicted() >= 3);
    await tell(daemon, { type: 'SUPERSEDE', by: 'c2' });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('aborted');
    expect((await contextOf(daemon, 'workers')).nodesReplaced).toBe(1);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('before anything was prepared ends at once', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 2 }] });
    roll.outdate('workers');
    roll.watchInvariants();
    const fault = roll.world.faults.add({ kind: 'server-error', action: 'DescribeAutoScalingGroups' });
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.failures > 0);
    roll.world.faults.remove(fault);
    await tell(daemon, { type: 'SUPERSEDE', by: 'c2' });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('aborted');
    roll.pass(60);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

describe('an image that does not boot', () => {
  it('costs one node at a time, stops the roll after three, and leaves the old nodes and limits as they were', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }], bootTimeoutMs: 5 * minute });
    roll.apply(deployment('web', 6), budget('web', { minAvailable: 4 }));
    const bad = 'ami-0000000000000bad1';
    roll.world.faults.badImages.add(bad);
    roll.outdate('workers', bad);
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('failed');
    const told = (await journalOf(daemon)).filter((line) => line.startsWith('boot-failed'));
    expect(told).toHaveLength(3);
    expect(told[0]).toContain(`of workers: ${bad}, template lt-`);
    expect((await heard(daemon)).at(-1).output).toMatchObject({
      result: 'failed',
      reason: expect.stringMatching(
        new RegExp(
          `^3 new nodes of workers did not become usable: 3 of workers \\(${bad}, .*; the old ones are intact$`,
        ),
      ),
    });
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(roll.nodes('workers')).toHaveLength(3);
    await daemon.stop();
  });
});

describe('somebody else', () => {
  it('changing the limits mid-roll pauses the pool, and a resume takes the change over', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-launched'));
    roll.call('autoscaling', 'UpdateAutoScalingGroup', { AutoScalingGroupName: 'workers', MaxSize: 20 });
    await daemon.run(async () => (await stateOf(daemon, 'workers')) === 'paused');
    expect((await heard(daemon)).at(-1)).toMatchObject({ type: 'ROLL_BLOCKED', code: 'foreign-change' });
    await tell(daemon, { type: 'RESUME', by: 'operator', reason: 'was me' });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    expect(roll.group('workers').MaxSize).toBe(20);
    await daemon.stop();
  });

  it('growing the group is followed: the roll ends with the size that the autoscaler wants', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3, max: 10 }] });
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-cordoned'));
    const before = Number(roll.group('workers').DesiredCapacity);
    roll.call('autoscaling', 'SetDesiredCapacity', {
      AutoScalingGroupName: 'workers',
      DesiredCapacity: before + 1,
    });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    expect(roll.group('workers').DesiredCapacity).toBe(4);
    await daemon.stop();
  });

  it('having cordoned an old node keeps it first in line to be drained, and a cordon on a new one is never removed', async () => {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes: 2 },
        { name: 'other', nodes: 1 },
      ],
    });
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-terminated'));
    const fresh = roll.nodes('workers').find((node) => !node.spec.taints?.length && !node.spec.unschedulable);
    roll.kube.seed(
      [{ apiVersion: 'v1', kind: 'Node', metadata: { name: fresh.metadata.name }, spec: { unschedulable: true } }],
      'human',
    );
    await daemon.run(async () => (await contextOf(daemon, 'workers')).progress.updated >= 1, 1800);
    roll.pass(1200);
    expect(roll.nodes('workers').find((node) => node.metadata.name === fresh.metadata.name)?.spec.unschedulable).toBe(
      true,
    );
    await daemon.stop();
  });

  it('pausing stops everything, and resuming goes on from there', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.apply(deployment('web', 6), budget('web', { minAvailable: 4 }));
    roll.outdate('workers');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-cordoned'));
    await tell(daemon, { type: 'PAUSE', by: 'operator', reason: 'look at this' });
    await daemon.run(async () => (await stateOf(daemon, 'workers')) === 'paused');
    roll.events.length = 0;
    roll.pass(3600);
    expect(roll.events.filter((event) => event.actor.kind === 'client')).toEqual([]);
    await tell(daemon, { type: 'RESUME', by: 'operator', reason: 'go on' });
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });
});

describe('a cloud in trouble', () => {
  it.each(['lost-after', 'lost-before', 'server-error', 'throttle'] as const)(
    'that answers every third call with %s neither replaces a node twice nor leaves anything behind',
    async (kind) => {
      const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
      roll.apply(deployment('web', 6), budget('web', { minAvailable: 4 }));
      roll.outdate('workers');
      roll.watchInvariants();
      roll.world.faults.add({ kind, service: 'autoscaling', probability: 0.33 });
      roll.events.length = 0;
      const daemon = await startDaemon(roll);
      await startRoll(daemon, roll, 'workers');
      await daemon.run(() => finished(daemon, 'workers'), 24 * 3600);
      expect(await stateOf(daemon, 'workers')).toBe('rolled');
      roll.pass(300);
      expect(roll.violations()).toEqual([]);
      const launched = roll.events.filter((event) => event.kind === 'instance-launched').length;
      expect(launched).toBe(3);
      await daemon.stop();
    },
  );

  it('whose describes are up to 30 s old leads to no second termination and no second launch', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.outdate('workers');
    roll.watchInvariants();
    roll.world.faults.add({ kind: 'stale', action: 'DescribeAutoScalingGroups', staleMs: 30_000, probability: 0.5 });
    roll.events.length = 0;
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'), 24 * 3600);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    expect(roll.events.filter((event) => event.kind === 'instance-launched')).toHaveLength(3);
    expect(roll.events.filter((event) => event.kind === 'instance-terminate-requested')).toHaveLength(3);
    await daemon.stop();
  });

  it('without capacity in one zone launches in another, and without any waits', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 2 }] });
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    const faults = ['a', 'b', 'c'].map((letter) => roll.world.faults.addCapacity({ zone: `eu-central-1${letter}` }));
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.wait?.code === 'no-capacity');
    roll.world.faults.remove(faults[2] as string);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    await daemon.stop();
  });
});

describe('a lost database', () => {
  it('mid-roll is no loss: the tags of the group say what it was like before', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.apply(deployment('web', 6), budget('web', { minAvailable: 4 }));
    roll.outdate('workers');
    roll.watchInvariants();
    const first = await startDaemon(roll);
    await startRoll(first, roll, 'workers');
    await first.run(() => has(first, 'node-cordoned'));
    await first.stop();
    const second = await startDaemon(roll);
    await startRoll(second, roll, 'workers');
    await second.run(() => finished(second, 'workers'));
    expect(await stateOf(second, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await second.stop();
  });
});

describe('the last look before a termination', () => {
  /** The first answers to "which pods are on this node" are as the test says. */
  function firstLists(roll: RollWorld, answer: (list: KubeList) => KubeList, times: number) {
    let left = times;
    return startDaemon(roll, {
      wrapKube: (kube) =>
        new Proxy(kube, {
          get(object, name) {
            if (name !== 'list') return Reflect.get(object, name) as unknown;
            return async (resource: Resource, options?: ListOptions) => {
              const list = await object.list(resource, options);
              if (options?.fieldSelector?.startsWith('spec.nodeName=') !== true || left <= 0) return list;
              left -= 1;
              return answer(list);
            };
          },
        }),
    });
  }

  it('finds a pod that the watch has not shown, and withdraws (B8)', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    roll.outdate('workers');
    roll.watchInvariants();
    const late = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', namespace: 'shop' },
      status: { phase: 'Running' },
    };
    const daemon = await firstLists(roll, (list) => ({ ...list, items: [...list.items, late] }), 2);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    const lines = await journalOf(daemon);
    expect(lines.filter((line) => line.startsWith('termination-withdrawn'))).toHaveLength(2);
    expect(lines.find((line) => line.startsWith('termination-withdrawn'))).toContain('shop/late');
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('finds that a node was registered with a load balancer since the describe of the plan, and has it let go first', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1, balancer: 'classic' }] });
    roll.outdate('workers');
    roll.watchInvariants();
    const [old] = roll.group('workers').Instances as { InstanceId: string }[];
    const tellBalancer = (action: string): void => {
      const Instances = [{ InstanceId: old?.InstanceId }];
      roll.call('elasticloadbalancing', action, { LoadBalancerName: 'workers-api', Instances });
    };
    tellBalancer('DeregisterInstancesFromLoadBalancer');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'node-cordoned'));
    tellBalancer('RegisterInstancesWithLoadBalancer');
    await daemon.run(() => finished(daemon, 'workers'));
    const lines = await journalOf(daemon);
    const told = lines.filter((line) => /^(termination-withdrawn|node-deregistered|node-terminated):/.test(line));
    expect(told).toEqual([
      expect.stringContaining('it is registered with workers-api, which was not asked to let go of it'),
      expect.stringMatching(/^node-deregistered:/),
      expect.stringMatching(/^node-terminated:/),
    ]);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('finds that a node was uncordoned while the cloud was asked', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    roll.outdate('workers');
    roll.watchInvariants();
    let opened = false;
    const daemon = await startDaemon(roll, {
      wrapCloud: (cloud) => ({
        ...cloud,
        async describeGroups(tags) {
          const groups = await cloud.describeGroups(tags);
          const node = roll.nodes('workers').find((one) => one.spec.unschedulable === true)?.metadata.name;
          if (node === undefined || opened) return groups;
          opened = true;
          cordon(roll, node, false);
          // until the watch has brought it
          for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
          return groups;
        },
      }),
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    const withdrawn = (await journalOf(daemon)).filter((line) => line.startsWith('termination-withdrawn'));
    expect(withdrawn).toEqual([expect.stringContaining('somebody has uncordoned it')]);
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    roll.pass(300);
    // that somebody did it is the case
    expect(roll.violations().filter((one) => !one.includes('is uncordoned by kubectl'))).toEqual([]);
    await daemon.stop();
  });

  it('withdraws less and less often what the plan and the last look disagree about', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    roll.outdate('workers');
    const late = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', namespace: 'shop' },
      status: { phase: 'Running' },
    };
    const daemon = await firstLists(roll, (list) => ({ ...list, items: [...list.items, late] }), 1_000);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => has(daemon, 'termination-withdrawn'));
    const until = roll.world.clock.now() + 15 * minute;
    await daemon.run(() => roll.world.clock.now() >= until);
    const times = (await journalOf(daemon)).filter((line) => line.startsWith('termination-withdrawn')).length;
    expect(times).toBeGreaterThan(4);
    expect(times).toBeLessThan(10);
    await daemon.stop();
  });

  it('that gets no answer is no empty node: nothing is terminated until there is one (B8)', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    roll.outdate('workers');
    const daemon = await firstLists(
      roll,
      () => {
        throw new FailureError(transient('kube-timeout', 'no answer'));
      },
      3,
    );
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.failures >= 2);
    expect(roll.events.some((event) => event.kind === 'instance-terminate-requested')).toBe(false);
    await daemon.run(() => finished(daemon, 'workers'));
    expect(await stateOf(daemon, 'workers')).toBe('rolled');
    await daemon.stop();
  });
});

/** Budgets look to the daemon as if each had room for one. */
function withRosyBudgets(kube: KubeCluster): KubeCluster {
  const rosy = <T extends KubeObject>(object: T): T =>
    object.kind === 'PodDisruptionBudget'
      ? { ...object, status: { ...(object['status'] as object), disruptionsAllowed: 1 } }
      : object;
  return new Proxy(kube, {
    get(object, name) {
      if (name === 'list') {
        return async (...args: Parameters<KubeCluster['list']>) => {
          const list = await object.list(...args);
          return { ...list, items: list.items.map(rosy) };
        };
      }
      if (name === 'watch') {
        return (...[resource, options, handlers]: Parameters<KubeCluster['watch']>) =>
          object.watch(resource, options, {
            opened: () => handlers.opened?.(),
            event: (event) => handlers.event({ ...event, object: rosy(event.object) }),
            closed: (...args) => handlers.closed(...args),
          });
      }
      return Reflect.get(object, name) as unknown;
    },
  });
}

describe('a pod that the server refuses', () => {
  it('is asked about again after its wait only, also by a daemon that was started a moment ago', async () => {
    const roll = new RollWorld({
      pools: [{ name: 'workers', nodes: 2 }],
      behaviours: [{ image: 'broken', neverReady: true }],
    });
    // The watch shows a budget with room, and the server knows better.
    roll.apply(deployment('sick', 2, { image: 'broken:1' }), budget('sick', { minAvailable: 1 }));
    roll.outdate('workers');
    roll.watchInvariants();
    const refused = () => roll.events.filter((event) => event.kind === 'eviction-refused').length;
    const store = await openSqliteStore({ path: ':memory:' });
    // Killed with the refusal in hand, before anything of it is stored.
    const point = new CrashPoint(Number.POSITIVE_INFINITY);
    const first = await startDaemon(roll, {
      store: crashingStore(store, point),
      lease: crashingLease(point),
      wrapKube: (kube) =>
        new Proxy(withRosyBudgets(kube), {
          get(object, name) {
            if (name !== 'evict') return Reflect.get(object, name) as unknown;
            return async (...args: Parameters<typeof kube.evict>) => {
              const answer = await object.evict(...args);
              point.dead = answer.kind === 'refused-by-budget';
              return answer;
            };
          },
        }),
    });
    await startRoll(first, roll, 'workers');
    await first.run(async () => point.dead);
    await first.stop().catch(() => {});
    const second = await startDaemon(roll, { store, wrapKube: withRosyBudgets });
    const before = refused();
    await second.run(async () => refused() >= before + 4);
    expect(roll.invariants.watch?.violations.filter((one) => one.invariant === 'I13')).toEqual([]);
    await second.stop();
    await store.close();
  });
});
