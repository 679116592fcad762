import { describe, expect, it } from 'vitest';
import { previewRoll } from '../../../src/daemon/roll-preview.ts';
import { budget, deployment, finished, RollWorld, startDaemon, startRoll } from '../../support/roll-world.ts';

describe('a preview of a roll', () => {
  it('finds the budget that blocks by dry runs, changes nothing, and forecasts better once something was measured', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 3 }] });
    roll.apply(deployment('web', 6), budget('web', { maxUnavailable: '34%' }));
    roll.apply(deployment('ledger', 1), budget('ledger', { maxUnavailable: 0 }));
    const daemon = await startDaemon(roll);
    const preview = () =>
      previewRoll(
        {
          store: daemon.store,
          sessions: daemon.sessions,
          clusters: () => [roll.cluster],
          now: () => roll.world.clock.now(),
        },
        roll.cluster.alias,
        new AbortController().signal,
      );
    roll.events.length = 0;
    const before = await preview();
    expect(roll.events.filter((event) => event.actor.kind === 'client')).toEqual([]);
    expect(before.asked).toBe(2);
    expect(before.blocks).toMatchObject([{ code: 'budget-never-allows', budget: 'ledger', lasts: 'lasting' }]);
    expect(before.pools).toMatchObject([{ pool: 'workers', nodes: 3, outdated: 0, measured: { boots: 0 } }]);
    expect(before.total.p50Seconds).toBeGreaterThan(120);
    roll.kube.seed([budget('ledger', { maxUnavailable: 1 })], 'team');
    roll.outdate('workers');
    roll.pass(30);
    await startRoll(daemon, roll, 'workers');
    const begun = roll.world.clock.now();
    await daemon.run(() => finished(daemon, 'workers'));
    const took = (roll.world.clock.now() - begun) / 1000;
    const after = await preview();
    expect(after.blocks).toEqual([]);
    expect(after.pools[0]?.measured).toEqual({ boots: 3, drains: 3 });
    // Of the same size as what it took; a small pool takes less, as the forecast overlaps no drain with a boot.
    expect(after.total.p90Seconds).toBeGreaterThan(took * 0.5);
    expect(after.total.p50Seconds).toBeLessThan(took * 2.5);
    await daemon.stop();
  });

  it('names clusters that look like an unknown one', async () => {
    const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 1 }] });
    const daemon = await startDaemon(roll);
    const parts = { store: daemon.store, sessions: daemon.sessions, clusters: () => [roll.cluster], now: () => 0 };
    await expect(previewRoll(parts, `${roll.cluster.alias}x`, new AbortController().signal)).rejects.toMatchObject({
      status: 404,
      body: { error: { near: expect.arrayContaining([roll.cluster.alias]) as string[] } },
    });
    await daemon.stop();
  });
});
