import { describe, expect, it } from 'vitest';
import { FailureError, transient } from '../../../src/domain/failure.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { crashing, crashingKube } from '../../support/crashing-ports.ts';
import { CrashError, CrashPoint, crashingLease, crashingStore } from '../../support/crashing-store.ts';
import { lateWatches } from '../../support/roll-sim/edge-world.ts';
import { cloud } from '../../support/roll-sim/people.ts';
import {
  contextOf,
  finished,
  journalOf,
  type RollDaemon,
  RollWorld,
  type RollWorldOptions,
  rollId,
  startDaemon,
  startRoll,
  stateOf,
  zones,
} from '../../support/roll-world.ts';

/** Kills at the n-th passing of a named place. */
class CrashAt extends CrashPoint {
  #left: number;
  readonly #where: string;

  constructor(where: string, nth = 1) {
    super(Number.POSITIVE_INFINITY);
    this.#where = where;
    this.#left = nth;
  }

  override pass(where: string): void {
    if (!this.dead && where.startsWith(this.#where)) {
      this.#left -= 1;
      if (this.#left === 0) {
        this.dead = true;
        this.diedAt = where;
        throw new CrashError(where);
      }
    }
    super.pass(where);
  }
}

function world(nodes: number, more: Partial<RollWorldOptions> = {}): RollWorld {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes, max: nodes + 3 }], ...more });
  roll.outdate('workers');
  roll.watchInvariants();
  roll.events.length = 0;
  return roll;
}

/** A daemon that lives until it is killed at `point`. */
async function livesUntil(roll: RollWorld, store: Store, point: CrashPoint): Promise<void> {
  const daemon = await startDaemon(roll, {
    store: crashingStore(store, point),
    lease: crashingLease(point),
    wrapCloud: (one) => crashing(one, point),
    wrapKube: (one) => crashingKube(one, point),
  });
  await startRoll(daemon, roll, 'workers');
  await daemon.run(() => point.dead);
  await daemon.stop().catch(() => {});
}

async function comesToItsEnd(roll: RollWorld, daemon: RollDaemon, size: number): Promise<void> {
  await daemon.run(() => finished(daemon, 'workers'));
  expect(await stateOf(daemon, 'workers')).toBe('rolled');
  roll.pass(300);
  expect((await journalOf(daemon)).filter((line) => line.startsWith('baseline-moved'))).toEqual([]);
  expect(roll.group('workers').DesiredCapacity).toBe(size);
  await daemon.stop();
}

const launches = (roll: RollWorld): number => roll.events.filter((event) => event.kind === 'instance-launched').length;
const forbidLaunches = (roll: RollWorld): void => {
  roll.world.faults.add({
    kind: 'refuse',
    action: 'LaunchInstances',
    code: 'AccessDenied',
    message: 'is not authorized to perform: autoscaling:LaunchInstances',
    status: 403,
  });
};

describe('a launch', () => {
  it('whose answer was lost with the daemon is known to be its own, though asking again is not allowed any more', async () => {
    const roll = world(2);
    const store = await openSqliteStore({ path: ':memory:' });
    await livesUntil(roll, store, new CrashAt('after launchInstances'));
    expect(launches(roll)).toBe(1);
    forbidLaunches(roll);
    const daemon = await startDaemon(roll, { store });
    await comesToItsEnd(roll, daemon, 2);
    expect(launches(roll)).toBe(2);
    expect(roll.violations()).toEqual([]);
  });

  it('by raising desired is made for each of several decided at once', async () => {
    const roll = world(6, { surge: 3 });
    forbidLaunches(roll);
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.progress.updated >= 2);
    expect(Number(roll.group('workers').DesiredCapacity)).toBe(9);
    await comesToItsEnd(roll, daemon, 6);
    expect(launches(roll)).toBe(6);
  });

  it.each(['before', 'after'])(
    'by raising desired, killed %s the second of them, is neither lost nor made twice',
    async (side) => {
      const roll = world(6, { surge: 3 });
      forbidLaunches(roll);
      const store = await openSqliteStore({ path: ':memory:' });
      await livesUntil(roll, store, new CrashAt(`${side} raiseDesired`, 3));
      const daemon = await startDaemon(roll, { store });
      await comesToItsEnd(roll, daemon, 6);
      expect(launches(roll)).toBe(6);
    },
  );
});

/** Calls `act` when the `nth` termination is decided and not made yet. */
async function atTermination(nth: number, roll: RollWorld, act: (instanceId: string) => void): Promise<RollDaemon> {
  const seen = new Set<string>();
  return startDaemon(roll, {
    onCommitted: ({ row }) => {
      const context = row.context as { memory?: { intents: { kind: string; instanceId: string }[] } | null };
      const found = context.memory?.intents.find((one) => one.kind === 'terminate');
      if (!found || seen.has(found.instanceId)) return;
      seen.add(found.instanceId);
      if (seen.size === nth) act(found.instanceId);
    },
  });
}

describe('a termination that is decided', () => {
  it('gives no place up when somebody else was quicker, and nothing is launched into it', async () => {
    const roll = world(3, { surge: 1 });
    const daemon = await atTermination(1, roll, (instanceId) => {
      const asked = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: false };
      expect(cloud(roll, 'aws-cli/2', 'autoscaling', 'TerminateInstanceInAutoScalingGroup', asked)).toBe(true);
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect((await journalOf(daemon)).filter((line) => line.startsWith('node-gone'))).toHaveLength(1);
    const sizes = roll.events.flatMap((event) => (event.kind === 'group-changed' ? [event.after.desired] : []));
    expect(Math.max(...sizes)).toBe(4);
    await comesToItsEnd(roll, daemon, 3);
    expect(roll.violations()).toEqual([]);
  });

  it('is known to be its own though the look that made it came to nothing, and the autoscaler grew the group meanwhile', async () => {
    const roll = world(3, { surge: 1 });
    const daemon = await atTermination(3, roll, () => {
      const desired = Number(roll.group('workers').DesiredCapacity) + 1;
      const asked = { AutoScalingGroupName: 'workers', DesiredCapacity: desired };
      expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', asked)).toBe(true);
    });
    let ended = 0;
    roll.world.subscribe((event) => {
      if (event.kind !== 'instance-terminate-requested') return;
      ended += 1;
      if (ended !== 3) return;
      const id = roll.world.faults.add({ kind: 'server-error', action: 'DescribeAutoScalingGroups' });
      roll.world.clock.at(roll.world.clock.now() + 5_000, () => roll.world.faults.remove(id));
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    expect(ended).toBe(3);
    roll.pass(300);
    expect(roll.group('workers').DesiredCapacity).toBe(4);
    await daemon.stop();
  });

  it('is known to be its own though the daemon was killed with its answer, and the autoscaler grew the group meanwhile', async () => {
    const roll = world(3, { surge: 1 });
    const store = await openSqliteStore({ path: ':memory:' });
    await livesUntil(roll, store, new CrashAt('after terminateInstance', 3));
    const asked = { AutoScalingGroupName: 'workers', DesiredCapacity: 4 };
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', asked)).toBe(true);
    roll.pass(300);
    const daemon = await startDaemon(roll, { store });
    await daemon.run(() => finished(daemon, 'workers'));
    const journal = await journalOf(daemon);
    expect(journal.filter((line) => line.startsWith('node-gone'))).toEqual([]);
    expect(journal.filter((line) => line.startsWith('baseline-moved'))).toHaveLength(1);
    roll.pass(300);
    expect(roll.group('workers').DesiredCapacity).toBe(4);
    await daemon.stop();
  });
});

/** Kills before the first termination with which several launches are decided, more than places are given up. */
class BeforeTermination extends CrashPoint {
  decided: { kind: string; instanceId: string }[] = [];

  constructor() {
    super(Number.POSITIVE_INFINITY);
  }

  override pass(where: string): void {
    const ended = this.decided.filter((one) => one.kind === 'terminate').length;
    if (!this.dead && where === 'before terminateInstance' && this.decided.length > 2 * ended) {
      this.dead = true;
      this.diedAt = where;
      throw new CrashError(where);
    }
    super.pass(where);
  }
}

describe('a termination and launches that were decided by a daemon which was killed before the first call', () => {
  it('are not taken for made when somebody else has ended the instance meanwhile', async () => {
    const roll = world(6, { policy: { surge: 1 } });
    // Its cluster allows more just before the look that ends the first node: one place is given up, and more nodes are launched.
    roll.world.subscribe((event) => {
      if (event.kind !== 'node-cordoned') return;
      roll.world.clock.at(event.at + 4_900, () => {
        roll.options.policy = { surge: 2 };
      });
    });
    const store = await openSqliteStore({ path: ':memory:' });
    const point = new BeforeTermination();
    const daemon = await startDaemon(roll, {
      store: crashingStore(store, point),
      lease: crashingLease(point),
      wrapCloud: (one) => crashing(one, point),
      wrapKube: (one) => crashingKube(one, point),
      onCommitted: ({ row }) => {
        const context = row.context as { memory?: { intents: typeof point.decided } | null };
        point.decided = context.memory?.intents ?? [];
      },
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => point.dead || (await finished(daemon, 'workers')));
    await daemon.stop().catch(() => {});
    const instanceId = point.decided.find((one) => one.kind === 'terminate')?.instanceId;
    const asked = { InstanceId: instanceId, ShouldDecrementDesiredCapacity: false };
    expect(cloud(roll, 'aws-cli/2', 'autoscaling', 'TerminateInstanceInAutoScalingGroup', asked)).toBe(true);
    roll.pass(120);
    const again = await startDaemon(roll, { store });
    await again.run(() => finished(again, 'workers'));
    expect((await journalOf(again)).filter((line) => line.startsWith('node-gone'))).toHaveLength(1);
    await comesToItsEnd(roll, again, 6);
    expect(roll.violations()).toEqual([]);
  });
});

describe('a maximum that is put back', () => {
  it('is written once: an old describe does not make it undo what somebody has set since', async () => {
    const roll = world(3);
    roll.world.faults.add({ kind: 'stale', action: 'DescribeAutoScalingGroups', staleMs: 30_000 });
    const daemon = await startDaemon(roll);
    let edited = false;
    roll.world.subscribe((event) => {
      if (event.kind !== 'group-changed' || event.after.max !== 6 || event.before.max <= 6 || edited) return;
      edited = true;
      const asked = { AutoScalingGroupName: 'workers', MaxSize: 7 };
      roll.world.clock.at(event.at + 1_000, () =>
        cloud(roll, 'aws-cli/2', 'autoscaling', 'UpdateAutoScalingGroup', asked),
      );
    });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    roll.pass(300);
    expect(edited).toBe(true);
    expect(roll.group('workers').MaxSize).toBe(7);
    await daemon.stop();
  });
});

function tagOf(roll: RollWorld, key: string): string {
  const tags = roll.group('workers')['Tags'] as { Key: string; Value: string }[];
  return tags.find((tag) => tag.Key === key)?.Value ?? '';
}

describe('the tag that says how large a group is on account of its roll', () => {
  it('is written again before the next launch when the answer to a lower one was lost: without the database it would be too low', async () => {
    const roll = world(3, { surge: 1 });
    const { clock, faults } = roll.world;
    const lower: string[] = [];
    let lost: number | undefined;
    roll.world.subscribe((event) => {
      if (event.kind === 'instance-terminate-requested' && lost === undefined) {
        lost = 0;
        // No zone has a node to give for its place: the size is lower for a while.
        const ids = zones().map((zone) => faults.addCapacity({ zone }));
        const answers = faults.add({ kind: 'lost-after', action: 'CreateOrUpdateTags' });
        clock.at(event.at + 60_000, () => {
          lost = faults.list().find((one) => one.id === answers)?.hits;
          for (const id of [...ids, answers]) faults.remove(id);
        });
      }
      if (event.kind !== 'group-changed' || event.by !== 'LaunchInstances') return;
      const tagged = tagOf(roll, 'clm/roll-expected');
      if (Number(tagged) < event.after.desired) lower.push(`${tagged} of ${event.after.desired}`);
    });
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await comesToItsEnd(roll, daemon, 3);
    expect(lost).toBeGreaterThan(0);
    expect(lower).toEqual([]);
  });
});

describe('a roll that is aborted before it has read what an earlier one left', () => {
  it('takes the nodes too many out all the same: the tags say how many there were', async () => {
    const roll = world(3);
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.progress.updated >= 1);
    expect(Number(roll.group('workers').DesiredCapacity)).toBe(4);
    // Its database is lost with it.
    daemon.kill();
    const again = await startDaemon(roll);
    await startRoll(again, roll, 'workers');
    await again.engine.post({ to: rollId('workers'), event: { type: 'ABORT', by: 'ada', reason: 'not now' } });
    await again.run(() => finished(again, 'workers'));
    expect(await stateOf(again, 'workers')).toBe('aborted');
    roll.pass(300);
    expect(roll.group('workers').DesiredCapacity).toBe(3);
    expect(roll.violations()).toEqual([]);
    await again.stop();
  });
});

describe('an autoscaler that grows the group after the database of its roll was lost', () => {
  it.each([
    ['before the first launch', 'group-changed'],
    ['with a node of the surge in flight', 'node-cordoned'],
  ])('is followed, %s', async (_when, kind) => {
    const roll = world(3, { surge: 1 });
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => roll.events.some((event) => event.kind === kind));
    daemon.kill();
    const desired = Number(roll.group('workers').DesiredCapacity) + 1;
    const asked = { AutoScalingGroupName: 'workers', DesiredCapacity: desired };
    expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', asked)).toBe(true);
    roll.pass(120);
    const again = await startDaemon(roll);
    await startRoll(again, roll, 'workers');
    await again.run(() => finished(again, 'workers'));
    roll.pass(300);
    expect(roll.group('workers').DesiredCapacity).toBe(4);
    await again.stop();
  });
});

describe('an autoscaler that lets the group grow to its own maximum', () => {
  it('leaves the roll room for its surge, and gets the maximum back', async () => {
    const roll = world(3);
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(async () => (await contextOf(daemon, 'workers'))?.progress.updated >= 1);
    const wanted = Number(roll.group('workers').DesiredCapacity) + 3;
    const asked = { AutoScalingGroupName: 'workers', DesiredCapacity: wanted };
    expect(cloud(roll, 'cluster-autoscaler/1', 'autoscaling', 'SetDesiredCapacity', asked)).toBe(true);
    await daemon.run(() => finished(daemon, 'workers'));
    roll.pass(300);
    expect(roll.endState()).toMatchObject([
      { name: 'workers', max: 6, desired: 6, live: 6, outdated: 0, tags: ['NodePool', expect.anything()] },
    ]);
    await daemon.stop();
  });
});

describe('a termination that nobody could be told to make', () => {
  it('is not counted as given up when somebody else ends the instance meanwhile: its group replaces it', async () => {
    const roll = world(3);
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    const down = roll.world.faults.add({ kind: 'server-error', action: 'TerminateInstanceInAutoScalingGroup' });
    const due = async (): Promise<{ instanceId: string } | undefined> =>
      (await contextOf(daemon, 'workers'))?.memory?.intents.find((one: { kind: string }) => one.kind === 'terminate');
    await daemon.run(async () => (await due()) !== undefined);
    await daemon.run(() => roll.world.clock.now() % 60_000 === 0, 600).catch(() => {});
    const instanceId = (await due())?.instanceId;
    expect(instanceId).toBeDefined();
    cloud(roll, 'aws-cli/2', 'ec2', 'TerminateInstances', { InstanceIds: [instanceId] });
    roll.pass(120);
    roll.world.faults.remove(down);
    await comesToItsEnd(roll, daemon, 3);
  });
});

describe('a cordon whose answer is lost', () => {
  it('is read before the next plan, where watches do not show it yet: no other node is cordoned beside it', async () => {
    const roll = world(3, { surge: 1 });
    lateWatches(roll, 30_000);
    const cordons: string[] = [];
    const wrapKube = (kube: KubeCluster): KubeCluster =>
      new Proxy(kube, {
        get(object, name) {
          if (name !== 'patch') return Reflect.get(object, name) as unknown;
          return async (...asked: Parameters<KubeCluster['patch']>) => {
            const body = asked[3].body as { spec?: { unschedulable?: boolean } };
            if (body.spec?.unschedulable !== true) return object.patch(...asked);
            cordons.push(asked[2]);
            const patched = await object.patch(...asked);
            if (cordons.length > 1) return patched;
            throw new FailureError(transient('kube-unreachable', 'connection reset'));
          };
        },
      });
    const daemon = await startDaemon(roll, { wrapKube });
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => cordons.length > 1);
    // the second cordon is the next node's, when the first one has gone
    expect(cordons[1]).not.toBe(cordons[0]);
    await comesToItsEnd(roll, daemon, 3);
    expect(new Set(cordons).size).toBe(3);
    expect(cordons).toHaveLength(3);
    expect(roll.violations()).toEqual([]);
  });
});
