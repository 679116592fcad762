import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { healthHtml } from '../../../src/daemon/e2e-health-page.ts';
import { Collector } from '../../../src/daemon/notify/collector.ts';
import { notifiersOf } from '../../../src/daemon/notify/notifiers.ts';
import { Sink } from '../../../src/daemon/notify/sink.ts';
import { PeriodicChecks } from '../../../src/daemon/periodic-checks.ts';
import { openStatsd } from '../../../src/daemon/statsd.ts';
import type { CheckResult, CheckRunner } from '../../../src/ports/check-runner.ts';
import type { Store } from '../../../src/ports/store.ts';
import { openSqliteStore } from '../../../src/store/sqlite/open.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { outsideWorld, webhookSecret } from '../../support/outside-world.ts';
import { statusFixture } from '../../support/status-fixture.ts';
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

  it('take away what a failed check has kept once its time is over, over a restart of the daemon', async () => {
    world.cluster.configItems['e2e_keep_on_failure'] = '10m';
    world.cluster.configItems['e2e_periodic'] = 'own=4h';
    const before = world.runner({ own }, { ledger: store.e2e });
    health.ok = false;
    const state = before.runner.ensure(world.request({ profile: 'own' }), () => {});
    await world.until('it has failed', () => state.done);
    await before.kill();
    expect(state.results[0]?.kept?.namespace).toBe(world.sandboxes()[0]);
    health.ok = true;
    const { runner: next, kill } = runner();
    const checks = periodic(next);
    await passing(checks, 8 * minute);
    expect(world.sandboxes()).toContain(state.results[0]?.kept?.namespace);
    await passing(checks, 4 * minute);
    await kill();
    expect(world.sandboxes()).not.toContain(state.results[0]?.kept?.namespace);
    expect(await store.e2e.open(world.request().runId)).toEqual([]);
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

describe('an alert of scheduled checks', () => {
  it('is told to people once, over the network, and so is its end; every run is told to statsd', async () => {
    const world = await CheckWorld.create();
    const store = await openSqliteStore({ path: ':memory:' });
    const people = await outsideWorld();
    people.time.now = Date.now();
    const heard: string[] = [];
    const socket = createSocket('udp4').on('message', (text) => heard.push(...text.toString().split('\n')));
    const port = await new Promise<number>((resolve) =>
      socket.bind(0, '127.0.0.1', () => resolve(socket.address().port)),
    );
    const statsd = openStatsd({ host: '127.0.0.1', port }, () => {});
    let broken = true;
    const own = [
      defineCheck({
        ...{ id: 'test.own', title: 'It is well', area: 'api', withinMs: minute, retries: 0 },
        run: async () => {
          if (broken) throw new CheckFailed('it is broken');
          return 'well';
        },
      }),
    ];
    const { runner, kill } = world.runner({ own }, { ledger: store.e2e });
    const { clock } = world.world;
    const checks = new PeriodicChecks({
      ...{ runner, store, clock, clusters: () => [world.cluster], parallel: 3, version: '0', log: silentLogger() },
      scheduleOf: () => [{ profile: 'own', everyMs: 5 * minute }],
      ...{ adopted: async () => true, leaseHeld: () => true },
      about: async () => ({ request: {}, provider: 'aws', region: 'eu-central-1', environment: 'test' }),
      onResults: (run, results) => statsd.send(run.clusterId, results),
    });
    const common = { store, leaseHeld: () => true, log: silentLogger(), now: () => clock.now() };
    const audience = { tell: ['info', 'attention'] as const, channels: [], templates: {} };
    const config = {
      name: 'hook',
      kind: 'webhook',
      url: people.outside.at.receiver,
      secret: { env: 'HOOK' },
      audience,
      timeoutMs: 2_000,
    };
    const sinks = notifiersOf([config as never], undefined as never, { HOOK: webhookSecret }).map(
      (one) => new Sink({ ...one, ...common, attempts: 3, onAttempt: () => {} }),
    );
    const quiet = statusFixture({ clusters: [], channels: [] });
    const collector = new Collector({
      ...common,
      ...{ sinks, status: async () => quiet, pipeline: () => undefined, blockedForMs: 0, onNews: () => {} },
    });
    const passing = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 15_000) {
        await checks.look();
        await world.pass(15_000);
      }
      await collector.pass();
      for (const sink of sinks) await sink.pass();
    };
    try {
      await passing(6 * minute);
      expect(people.outside.receiver.received).toEqual([]);
      await passing(20 * minute);
      broken = false;
      await passing(11 * minute);
      const told = people.outside.receiver.received.map(
        (each) => each.body as { type: string; data: { message: string } },
      );
      expect(told.map((each) => each.data.message)).toEqual([
        `${world.cluster.alias}: check test.own failed 3 times in a row: it is broken`,
        `${world.cluster.alias}: check test.own passes again`,
      ]);
      expect(people.outside.receiver.refused).toEqual([]);
      // Datagrams may still be on their way.
      while (!heard.some((text) => /error.*failed:1\|c/.test(text)))
        await new Promise((resolve) => setImmediate(resolve));
      expect(heard.some((text) => /^e2etest\.action\.\S+test_own\.check\.run:\d+\|ms$/.test(text))).toBe(true);
      // Nobody looks any more: three intervals later the page says so.
      expect(healthHtml(checks.health())).not.toContain('class="banner"');
      await world.pass(40 * minute);
      expect(healthHtml(checks.health())).toMatch(/class="banner">No test data for \d+m/);
    } finally {
      await kill();
      statsd.close();
      socket.close();
      await store.close();
      await people.close();
    }
  });
});
