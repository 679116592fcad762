import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { PeriodicChecks } from '../../../src/daemon/periodic-checks.ts';
import type { CheckResult, CheckRunner } from '../../../src/ports/check-runner.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { CheckWorld } from './check-world.ts';

const minute = 60_000;

describe('checks on a schedule', () => {
  let world: CheckWorld;
  let store: Store;
  const health = { ok: true };
  const told: CheckResult[][] = [];
  const own = [
    defineCheck({
      id: 'test.own',
      title: 'It is well',
      area: 'api',
      withinMs: minute,
      retries: 0,
      async run(context) {
        await context.sandbox();
        await context.pause(20_000);
        if (!health.ok) throw new CheckFailed('it is broken');
        return 'well';
      },
    }),
  ];

  beforeEach(async () => {
    world = await CheckWorld.create();
    store = await openSqliteStore({ path: ':memory:' });
    health.ok = true;
    told.length = 0;
  });
  afterEach(() => store.close());

  const periodic = (runner: CheckRunner, parts: { adopted?: boolean } = {}): PeriodicChecks =>
    new PeriodicChecks({
      runner,
      store,
      clock: world.world.clock,
      clusters: () => [world.cluster],
      scheduleOf: () => [{ profile: 'own', everyMs: 5 * minute }],
      adopted: async () => parts.adopted ?? true,
      leaseHeld: () => true,
      about: async () => ({ request: {}, provider: 'aws', region: 'eu-central-1', environment: 'test' }),
      onResults: (_run, results) => told.push([...results]),
      parallel: 3,
      version: '0',
      log: silentLogger(),
    });
  const runner = () => world.runner({ own }, { ledger: store.e2e });
  /** Looks again and again, as the daemon does, for so long. */
  const passing = async (checks: PeriodicChecks, ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 15_000) {
      await checks.look();
      await world.pass(15_000);
    }
  };
  const kinds = async () =>
    (await store.journal({ limit: 100 })).map((entry) => entry.kind).filter((kind) => kind.startsWith('e2e-alert'));

  it('run once an interval, are kept as periodic runs, and leave nothing behind', async () => {
    const { runner: own, kill } = runner();
    const checks = periodic(own);
    await passing(checks, 21 * minute);
    await kill();
    const runs = await store.e2e.runs({ kind: 'periodic', limit: 100 });
    expect(runs.length).toBeGreaterThanOrEqual(4);
    expect(runs.length).toBeLessThanOrEqual(5);
    for (const run of runs) expect(run).toMatchObject({ verdict: 'pass', profile: 'own', trigger: 'schedule' });
    expect(told).toHaveLength(runs.length);
    expect(world.sandboxes()).toEqual([]);
    expect(await store.e2e.openRuns(world.cluster.id)).toEqual([]);
  });

  it('alert once after three failures in a row, and once when it is over', async () => {
    const { runner: own, kill } = runner();
    const checks = periodic(own);
    health.ok = false;
    await passing(checks, 6 * minute);
    expect(await kinds()).toEqual([]);
    await passing(checks, 15 * minute);
    expect(await kinds()).toEqual(['e2e-alert-opened']);
    expect(checks.health().rows[0]).toMatchObject({ outcome: 'fail' });
    health.ok = true;
    await passing(checks, 11 * minute);
    await kill();
    expect(await kinds()).toEqual(['e2e-alert-opened', 'e2e-alert-closed']);
    expect(await store.facts('e2e-alert')).toEqual([]);
  });

  it('yield to an update, and do not begin while it has the cluster in hand', async () => {
    const { runner: own, kill } = runner();
    const checks = periodic(own);
    await checks.look();
    await world.until('it runs', () => world.sandboxes().length === 1);
    expect(checks.yieldCluster(world.cluster.id)).toBe(false);
    await world.until('it has yielded', () => checks.yieldCluster(world.cluster.id));
    expect(world.sandboxes()).toEqual([]);
    expect(await store.e2e.runs({ limit: 10 })).toEqual([]);
    const rows = store.rows.bind(store);
    store.rows = async (filter) => (filter.machine === 'clusterUpdate' ? [{} as never] : rows(filter));
    await passing(checks, 11 * minute);
    await kill();
    expect(await store.e2e.runs({ limit: 10 })).toEqual([]);
  });

  it('of a killed daemon are cleaned up by the next one', async () => {
    const first = runner();
    await periodic(first.runner).look();
    await world.until('it runs', () => world.sandboxes().length === 1);
    await first.kill();
    expect(await store.e2e.openRuns(world.cluster.id)).toHaveLength(1);
    const second = runner();
    const checks = periodic(second.runner, { adopted: false });
    checks.start();
    let left = 1;
    await world.until('it is cleaned up', () => {
      void store.e2e.openRuns(world.cluster.id).then((runs) => {
        left = runs.length;
      });
      return left === 0 && world.sandboxes().length === 0;
    });
    await checks.close();
    await second.kill();
  });

  it('do not run on a fleet that is not adopted', async () => {
    const { runner: own, kill } = runner();
    const checks = periodic(own, { adopted: false });
    await passing(checks, 11 * minute);
    await kill();
    expect(await store.e2e.runs({ limit: 10 })).toEqual([]);
  });
});
