import { describe, expect, it } from 'vitest';
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
