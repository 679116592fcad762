/** The checks of an update, run by a daemon: what happens to them when the cluster, or the daemon, goes away half-way. */
import { describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { clusterId, journalOf, type RollDaemon, RollWorld } from '../../support/roll-world.ts';
import { dnsAddon, startUpdate, startUpdateDaemon, updateId } from '../../support/update-world.ts';

const gate = { baseline: false, maxFlaky: 3 };

function settledWorld(): RollWorld {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 4, instanceType: 'm5.xlarge' }] });
  roll.apply(...dnsAddon);
  roll.pass(300);
  return roll;
}

const sandboxes = (roll: RollWorld): string[] =>
  [...roll.kube.truth().objects('namespaces').keys()].filter((name) => name.includes('clm-e2e-'));

async function ended(daemon: RollDaemon): Promise<boolean> {
  return (await daemon.store.load(updateId))?.status === 'final';
}

describe('an update whose cluster stops answering while it is checked', () => {
  it('has no verdict from that, checks again once it answers, and never calls it a failure', async () => {
    const roll = settledWorld();
    const daemon = await startUpdateDaemon(roll, ['workers']);
    await startUpdate(daemon, 'smoke', gate);
    await daemon.run(() => sandboxes(roll).length >= 3);
    roll.kube.faults.apiDown = 'refused';
    roll.kube.closeWatches();
    const { clock } = roll.world;
    clock.at(clock.now() + 20 * 60_000, () => {
      roll.kube.faults.apiDown = 'no';
    });
    await daemon.run(() => ended(daemon));
    expect((await daemon.store.load(updateId))?.value).toBe('updated');
    const runs = await daemon.store.e2e.runs({ clusterId, limit: 20 });
    expect(runs.filter((run) => run.verdict === 'fail')).toEqual([]);
    const results = (await daemon.store.e2e.run(runs[0]?.id ?? ''))?.results ?? [];
    expect(results.filter((one) => one.outcome !== 'pass' || one.leaked > 0)).toEqual([]);
    expect(results.some((one) => one.attempts > 1)).toBe(true);
    expect((await journalOf(daemon)).filter((line) => line.startsWith('cluster-failed'))).toEqual([]);
    expect(sandboxes(roll)).toEqual([]);
    await daemon.stop();
  });
});

describe('a daemon that is killed while it checks an update', () => {
  it('finishes the checks after its restart, and leaves nothing of either life behind', async () => {
    const roll = settledWorld();
    const store = await openSqliteStore({ path: ':memory:' });
    const first = await startUpdateDaemon(roll, ['workers'], { store });
    await startUpdate(first, 'smoke', gate);
    await first.run(() => sandboxes(roll).length >= 3);
    first.kill();
    expect(sandboxes(roll).length).toBeGreaterThan(0);
    const second = await startUpdateDaemon(roll, ['workers'], { store });
    await second.run(() => ended(second));
    expect((await store.load(updateId))?.value).toBe('updated');
    expect(sandboxes(roll)).toEqual([]);
    expect(await store.e2e.openRuns(clusterId)).toEqual([]);
    await second.stop();
  });
});
