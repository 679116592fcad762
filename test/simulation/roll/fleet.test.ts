import { describe, expect, it } from 'vitest';
import { FailureError, terminal } from '../../../src/domain/failure.ts';
import { bootsKind, readBootRecords } from '../../../src/steps/roll/boot-records.ts';
import { bootSlot } from '../../../src/steps/roll/boot-slots.ts';
import { historyKey, historyKind, readHistory, readStops, stopsKind } from '../../../src/steps/roll/measurements.ts';
import {
  budget,
  clusterId,
  contextOf,
  deployment,
  finished,
  journalOf,
  type RollDaemon,
  RollWorld,
  startDaemon,
  startRoll,
  stateOf,
} from '../../support/roll-world.ts';

const minute = 60_000;

const poolsOf = (nodes: number) => [
  { name: 'alpha', nodes },
  { name: 'beta', nodes },
];

async function mostBooting(daemon: RollDaemon, roll: RollWorld): Promise<number> {
  let most = 0;
  const joined = new Set<string>();
  const booting = new Set<string>();
  roll.world.subscribe((event) => {
    if (event.kind === 'instance-launched') booting.add(event.instanceId);
    for (const pool of roll.options.pools) {
      for (const node of roll.nodes(pool.name)) joined.add(String(node.spec.providerID).split('/').pop() as string);
    }
    for (const id of joined) booting.delete(id);
    most = Math.max(most, booting.size);
  });
  await startRoll(daemon, roll, 'alpha');
  await startRoll(daemon, roll, 'beta');
  await daemon.run(() => finished(daemon, 'alpha', 'beta'), 8 * 3600);
  return most;
}

describe("the fleet's ledger of booting nodes", () => {
  it('lets no more boot at once than it has slots for, and gives every slot back', async () => {
    const roll = new RollWorld({ pools: poolsOf(3), bootLimit: 1 });
    roll.outdate('alpha');
    roll.outdate('beta');
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    expect(await mostBooting(daemon, roll)).toBe(1);
    expect(await daemon.store.slotHolders(bootSlot)).toEqual([]);
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
    await daemon.stop();
  });

  it('lets pools boot side by side when there is room', async () => {
    const roll = new RollWorld({ pools: poolsOf(3) });
    roll.outdate('alpha');
    roll.outdate('beta');
    const daemon = await startDaemon(roll);
    expect(await mostBooting(daemon, roll)).toBeGreaterThan(1);
    await daemon.stop();
  });
});

describe('boots and drains', () => {
  it('are measured, and kept for the next roll', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    await daemon.run(() => finished(daemon, 'workers'));
    const fact = await daemon.store.fact(historyKind, historyKey(clusterId, 'workers'));
    const history = readHistory(fact?.value);
    expect(history?.boots).toHaveLength(3);
    expect(history?.drains).toHaveLength(3);
    // A node of the simulator boots in a minute or more; pods here have 20 s of grace.
    expect(Math.min(...(history?.boots ?? []))).toBeGreaterThan(20_000);
    expect(Math.min(...(history?.drains ?? []))).toBeGreaterThan(4_000);
    expect((await journalOf(daemon)).filter((line) => line.startsWith('node-usable'))).toHaveLength(3);
    // By workload, not by its version: the next roll meets other ReplicaSets.
    const stops = readStops((await daemon.store.fact(stopsKind, clusterId))?.value) ?? {};
    expect(Object.keys(stops)).toEqual(['shop/ReplicaSet/web']);
    expect(stops['shop/ReplicaSet/web']).toBeGreaterThan(1_000);
    await daemon.stop();
  });
});

describe('a canary', () => {
  const rollOf = () => new RollWorld({ pools: poolsOf(4), surge: 2 });
  const startOf = async (daemon: RollDaemon, pool: string): Promise<string> =>
    (await journalOf(daemon)).filter((line) => line.includes(`of ${pool} are outdated`)).at(-1) ?? '';

  /** The most nodes of the pool that were launched before one of them was Ready. */
  async function launchedBlind(daemon: RollDaemon, roll: RollWorld, pool: string, round = 1): Promise<number> {
    const launched = new Set<string>();
    let ready = false;
    // What was described in this very moment is not described again.
    roll.pass(30);
    const unsubscribe = roll.world.subscribe((event) => {
      if (event.kind === 'instance-launched' && !ready) launched.add(event.instanceId);
      if (event.kind === 'node-ready' && launched.has(event.instanceId)) ready = true;
    });
    const id = await startRoll(daemon, roll, pool, round);
    await daemon.run(async () => (await daemon.store.load(id))?.status === 'final');
    unsubscribe();
    return launched.size;
  }

  it('comes first for a new image, not for one that nodes of another pool have shown to boot, and again once one failed', async () => {
    const roll = rollOf();
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    roll.outdate('alpha');
    expect(await launchedBlind(daemon, roll, 'alpha')).toBe(1);
    expect(await startOf(daemon, 'alpha')).toMatch(/one node first: no node of ami-0+2 with this user data/);
    roll.outdate('beta');
    expect(await launchedBlind(daemon, roll, 'beta')).toBe(2);
    expect(await startOf(daemon, 'beta')).toMatch(
      /no canary: ami-0+2 with this user data became usable on 4 nodes in /,
    );
    roll.outdate('beta', 'ami-00000000000000003');
    expect(await launchedBlind(daemon, roll, 'beta', 2)).toBe(1);
    const [fact] = await daemon.store.facts(bootsKind, historyKey(clusterId, 'beta'));
    expect(readBootRecords(fact ? [fact] : []).map((one) => [one.image, one.nodes])).toEqual([
      ['ami-00000000000000003', 4],
      ['ami-00000000000000002', 4],
    ]);
    await daemon.stop();
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
  });

  it('comes first again after nodes of that content were given up, which leave the old ones as they were', async () => {
    const roll = rollOf();
    roll.options.bootTimeoutMs = 5 * minute;
    roll.watchInvariants();
    const daemon = await startDaemon(roll);
    const image = 'ami-00000000000000002';
    roll.outdate('alpha', image);
    await launchedBlind(daemon, roll, 'alpha');
    roll.world.faults.badImages.add(image);
    roll.outdate('beta', image);
    expect(await launchedBlind(daemon, roll, 'beta')).toBe(3);
    expect(await stateOf(daemon, 'beta')).toBe('failed');
    roll.pass(300);
    expect(roll.nodes('beta')).toHaveLength(4);
    roll.world.faults.badImages.delete(image);
    expect(await launchedBlind(daemon, roll, 'beta', 2)).toBe(1);
    expect(await startOf(daemon, 'beta')).toMatch(/one node first: a node of ami-0+2 .* was given up in /);
    await daemon.stop();
    roll.pass(300);
    expect(roll.violations()).toEqual([]);
  });

  it('comes first where the templates cannot be read', async () => {
    const roll = rollOf();
    const denied = terminal('aws-access-denied', 'not authorized to perform ec2:DescribeLaunchTemplateVersions');
    const daemon = await startDaemon(roll, {
      wrapCloud: (cloud) => ({ ...cloud, launchTemplate: () => Promise.reject(new FailureError(denied)) }),
    });
    for (const pool of ['alpha', 'beta']) {
      roll.outdate(pool);
      expect(await launchedBlind(daemon, roll, pool)).toBe(1);
      expect(await startOf(daemon, pool)).toContain('not authorized to perform ec2:DescribeLaunchTemplateVersions');
    }
    expect(await daemon.store.facts(bootsKind)).toEqual([]);
    await daemon.stop();
  });
});

describe('a budget that blocks', () => {
  it('gets an Event with the node, the pod and what to do, once in a quarter of an hour', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 2 }] });
    roll.apply(deployment('ledger', 1), budget('ledger', { maxUnavailable: 0 }));
    roll.outdate('workers');
    const daemon = await startDaemon(roll);
    await startRoll(daemon, roll, 'workers');
    const events = () =>
      [...roll.kube.truth().objects('events').values()].filter(
        (event) => (event as { reason?: string }).reason === 'NodeDrainBlocked',
      ) as unknown as { involvedObject: { kind: string; name: string }; message: string }[];
    const begun = roll.world.clock.now();
    await daemon.run(async () => roll.world.clock.now() >= begun + 40 * minute);
    expect(events().length).toBeGreaterThanOrEqual(2);
    expect(events().length).toBeLessThanOrEqual(4);
    expect(events()[0]).toMatchObject({ involvedObject: { kind: 'PodDisruptionBudget', name: 'ledger' } });
    expect(events()[0]?.message).toMatch(/ledger-.*Deployment|ledger-.*ReplicaSet/);
    expect(events()[0]?.message).toContain('let the budget allow at least one disruption');
    expect((await contextOf(daemon, 'workers')).progress.nodes[0].blockedBy.budget).toBe('ledger');
    await daemon.stop();
  });
});
