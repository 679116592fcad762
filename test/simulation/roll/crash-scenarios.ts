/** Rolls that the crash matrix kills: small worlds, each with one thing that the others have not. */
import type { CrashScenario } from '../../support/roll-crash-matrix.ts';
import {
  budget,
  contextOf,
  deployment,
  type RollDaemon,
  RollWorld,
  type RollWorldOptions,
  rollId,
  stateOf,
} from '../../support/roll-world.ts';
import { database, storageClass } from './database.ts';

const minute = 60_000;
const newImage = 'ami-00000000000000002';

const outdated = (roll: RollWorld, image = newImage): RollWorld => {
  roll.outdate('workers', image);
  roll.watchInvariants();
  return roll;
};

/** A pool of so many nodes, and a node of another one that pods can go to. */
const beside = (nodes: number, more: Partial<RollWorldOptions> = {}): RollWorld =>
  new RollWorld({
    pools: [
      { name: 'workers', nodes },
      { name: 'other', nodes: 1 },
    ],
    ...more,
  });

const workers = { 'node.kubernetes.io/node-pool': 'workers' };

export const plain: CrashScenario = {
  world() {
    const roll = beside(2);
    roll.apply(deployment('web', 4), budget('web', { minAvailable: 3 }));
    return outdated(roll);
  },
  kills: () => true,
  ends: 'rolled',
};

/** Launches by raising desired, and a load balancer that has to let go. */
export const byDesired: CrashScenario = {
  world() {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1, balancer: 'target-group' }] });
    const message = 'is not authorized to perform: autoscaling:LaunchInstances';
    roll.world.faults.add({ kind: 'refuse', action: 'LaunchInstances', code: 'AccessDenied', message, status: 403 });
    return outdated(roll);
  },
  ends: 'rolled',
};

/** A pod that its budget never lets go is told of, and deleted where an operator allows it. */
export const forced: CrashScenario = {
  world() {
    const force = {
      gracePeriodMs: minute,
      minPodLifetimeMs: 0,
      minHealthySiblingLifetimeMs: 0,
      minUnhealthySiblingLifetimeMs: 0,
      intervalMs: minute,
    };
    const roll: RollWorld = beside(1, {
      policy: { force },
      overrides: () => (begunAt + 10 * minute <= roll.world.clock.now() ? { force: allowed } : {}),
    });
    const begunAt = roll.world.clock.now();
    const allowed = { actor: 'ada', reason: 'they know', expiresAt: begunAt + 600 * minute };
    roll.apply(deployment('ledger', 1, { nodeSelector: workers }), budget('ledger', { maxUnavailable: 0 }));
    return outdated(roll);
  },
  kills: (where) => /create|delete/.test(where),
  ends: 'rolled',
  breaks: /^(I1|I5): deleting|^I5: .* was deleted, not evicted/,
};

/** Back to the template of the old nodes, once a new one is there. */
export const rolledBack: CrashScenario = {
  world: () => outdated(new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] })),
  async meanwhile(daemon) {
    const context = await contextOf(daemon, 'workers');
    const due = (await stateOf(daemon, 'workers')) === 'rolling' && context.revert === null;
    if (!due || context.memory?.groups[0]?.expected !== 2) return;
    await tell(daemon, { type: 'ROLLBACK', by: 'ada', reason: 'it panics' });
  },
  ends: 'aborted',
  breaks: /tags left: clm\/roll-reverted/,
};

const tell = (daemon: RollDaemon, event: { type: string; [key: string]: string }): Promise<void> =>
  daemon.engine.post({ to: rollId('workers'), event });

const launched = (roll: RollWorld) => roll.events.filter((event) => event.kind === 'instance-launched');

/** New nodes of which none was ready yet, at most, while no new one had ever been. */
function bootedUnproven(roll: RollWorld): number {
  const fresh = new Set<string>();
  for (const event of roll.events) {
    if (event.kind === 'instance-launched') fresh.add(event.instanceId);
    if (event.kind === 'node-ready' && fresh.has(event.instanceId)) break;
  }
  return fresh.size;
}

/** One new node first, whatever the surge, and then the others. */
export const canary: CrashScenario = {
  world() {
    const roll = beside(2, { surge: 2, policy: { canary: true } });
    roll.apply(deployment('web', 2), budget('web', { minAvailable: 1 }));
    roll.events.length = 0;
    return outdated(roll);
  },
  ends: 'rolled',
  also: (roll) => ({ launched: launched(roll).length, unproven: bootedUnproven(roll) }),
};

/** The first new nodes never come up: two are tried, one after the other, and the old ones stay. */
export const badCanary: CrashScenario = {
  world() {
    const roll = beside(2, { surge: 2, bootTimeoutMs: 3 * minute, policy: { maxBootFailures: 2 } });
    const bad = 'ami-0000000000000bad1';
    roll.world.faults.badImages.add(bad);
    roll.events.length = 0;
    return outdated(roll, bad);
  },
  ends: 'failed',
  also: (roll) => {
    const fresh = new Set(launched(roll).map((event) => event.instanceId));
    const touched = roll.events.filter((event) => event.kind === 'node-cordoned' && !fresh.has(event.instanceId));
    return { launched: fresh.size, touched: touched.length };
  },
};

/** Spot nodes: while the first old one is drained, it and the new one that it waited for are taken away. */
export const interrupted: CrashScenario = {
  world() {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes: 2, mixed: { types: ['m5.large', 'm5a.large'], onDemand: { base: 0, percent: 0 } } },
        { name: 'other', nodes: 1 },
      ],
      behaviours: [{ image: 'web', readyAfterMs: 2 * minute }],
    });
    roll.apply(deployment('web', 4, { nodeSelector: workers }), budget('web', { minAvailable: 3 }));
    roll.pass(2 * 60);
    roll.events.length = 0;
    roll.world.subscribe((event) => {
      const first = roll.events.filter((one) => one.kind === 'node-cordoned').length === 1;
      if (event.kind !== 'node-cordoned' || !first) return;
      const taken = roll.members('workers').filter((one) => !one.outdated || one.instanceId === event.instanceId);
      for (const { instanceId } of taken) roll.world.aws.interruptSpot({ instanceId });
    });
    return outdated(roll);
  },
  ends: 'rolled',
  also: (roll) => roll.events.filter((event) => event.kind === 'spot-notice' && event.notice === 'interruption').length,
};

/** Volumes keep their zones: the new nodes come where they are, and they are detached before an old one ends. */
export const volumes: CrashScenario = {
  world() {
    const roll = beside(2);
    roll.apply(storageClass, database(2, workers), budget('db', { maxUnavailable: 1 }));
    return outdated(roll);
  },
  ends: 'rolled',
  also: (roll) =>
    roll
      .members('workers')
      .map((one) => one.zone)
      .sort(),
};

/** API servers behind a classic load balancer and a target group leave both first, and one at a time. */
export const planes: CrashScenario = {
  world: () =>
    outdated(
      new RollWorld({
        pools: [
          { name: 'workers', nodes: 2, controlPlane: true },
          { name: 'other', nodes: 1 },
        ],
      }),
    ),
  ends: 'rolled',
};

/** An operator ends it while the first node is drained. */
export const aborted: CrashScenario = {
  world() {
    const roll = new RollWorld({
      pools: [
        { name: 'workers', nodes: 2, balancer: 'classic' },
        { name: 'other', nodes: 1 },
      ],
    });
    // hardly any of its pods has moved then: it is given back
    roll.apply(deployment('web', 12, { grace: 120 }), budget('web', { minAvailable: 11 }));
    roll.events.length = 0;
    return outdated(roll);
  },
  async meanwhile(daemon, roll) {
    if (!roll.events.some((event) => event.kind === 'eviction-accepted')) return;
    if ((await stateOf(daemon, 'workers')) === 'rolling')
      await tell(daemon, { type: 'ABORT', by: 'ada', reason: 'enough' });
  },
  ends: 'aborted',
};

/** Back to the old template once a first old node has gone for good. */
export const rolledBackLate: CrashScenario = {
  world() {
    const roll = beside(2);
    roll.events.length = 0;
    return outdated(roll);
  },
  async meanwhile(daemon, roll) {
    if (!roll.events.some((event) => event.kind === 'instance-terminate-requested')) return;
    if ((await stateOf(daemon, 'workers')) === 'rolling' && (await contextOf(daemon, 'workers')).revert === null)
      await tell(daemon, { type: 'ROLLBACK', by: 'ada', reason: 'it panics' });
  },
  ends: 'aborted',
  breaks: /tags left: clm\/roll-reverted/,
};
