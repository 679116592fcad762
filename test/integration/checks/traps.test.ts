/** What has fooled other runners of checks. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type CheckDefinition, CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { nodes } from '../../../src/checks/resources.ts';
import { runKey } from '../../../src/checks/sandbox.ts';
import type { Quarantine } from '../../../src/ports/check-runner.ts';
import { apiServiceOf } from './addons.ts';
import { CheckWorld, runId, systemDeployment } from './check-world.ts';

const check = (id: string, parts: Partial<Parameters<typeof defineCheck>[0]> = {}): CheckDefinition =>
  defineCheck({ id, title: id, area: 'api', withinMs: 60_000, run: async () => `${id} is well`, ...parts });

describe('a cluster whose API goes away in the middle of a run', () => {
  let world: CheckWorld;

  beforeEach(async () => {
    world = await CheckWorld.create();
  });

  const away = (forMs: number, how: 'refused' | 'error'): void => {
    world.when('clm-e2e', 'namespaces', 4, () => {
      world.kube.faults.apiDown = how;
      world.kube.closeWatches();
      if (forMs > 0) {
        const { clock } = world.world;
        clock.at(clock.now() + forMs, () => {
          world.kube.faults.apiDown = 'no';
        });
      }
    });
  };

  it('and comes back within a minute loses no verdict: what was interrupted is run again', async () => {
    away(60_000, 'refused');
    const results = Object.values(await world.run());
    expect(results.filter((one) => one.outcome !== 'pass')).toEqual([]);
    expect(world.leftBehind()).toEqual([]);
  });

  it('leads to an error that is run again once the API answers, also where a check does not wait', async () => {
    const asking = check('test.asking', {
      withinMs: 10 * 60_000,
      async run(context) {
        await context.sandbox();
        for (let second = 0; second < 120; second++) {
          await context.kube.list(nodes);
          await context.pause(1_000);
        }
        return 'asked for two minutes';
      },
    });
    const { clock } = world.world;
    clock.at(clock.now() + 60_000, () => {
      world.kube.faults.apiDown = 'refused';
    });
    clock.at(clock.now() + 100_000, () => {
      world.kube.faults.apiDown = 'no';
    });
    const result = (await world.run({ profile: 'own' }, { own: [asking] }))['test.asking'];
    expect(result).toMatchObject({ outcome: 'pass', attempts: 2, leaked: [] });
    expect(world.leftBehind()).toEqual([]);
  });

  it('and stays away is no failure of the cluster: error, never fail', async () => {
    away(0, 'refused');
    const results = Object.values(await world.run());
    expect(results.every((one) => one.outcome === 'pass' || one.outcome === 'error')).toBe(true);
    expect(results.filter((one) => one.outcome === 'error').length).toBeGreaterThan(2);
    // Nothing can be cleaned up there: the ledger keeps what is left for the next run.
    expect(world.ledger.entries.length).toBeGreaterThan(0);
    world.kube.faults.apiDown = 'no';
    await world.run();
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
  });

  it('and forgets its history (410 Gone) makes no difference', async () => {
    world.when('clm-e2e', 'pods', 2, () => {
      world.kube.compact();
      world.kube.closeWatches();
    });
    const results = Object.values(await world.run());
    expect(results.filter((one) => one.outcome !== 'pass')).toEqual([]);
  });
});

describe('a probe whose pod is taken away', () => {
  it('has no verdict, and is run again', async () => {
    const world = await CheckWorld.create();
    world.when('-network-http/http-', 'pods', 1, () => {
      const [key] = [...world.kube.truth().pods.keys()].filter((one) => one.includes('-network-http/http-'));
      const [namespace, name] = (key as string).split('/');
      world.kube.handle({
        method: 'DELETE',
        path: `/api/v1/namespaces/${namespace ?? ''}/pods/${name ?? ''}`,
        query: new URLSearchParams({ gracePeriodSeconds: '0' }),
        headers: {},
      } as never);
    });
    const result = (await world.run({ only: ['network.http'] }))['network.http'];
    expect(result).toMatchObject({ outcome: 'pass', attempts: 2, leaked: [] });
  });
});

describe('two runs on one cluster', () => {
  it('clean up what is theirs alone', async () => {
    const world = await CheckWorld.create();
    const one = world.runner();
    const two = world.runner();
    const first = one.runner.ensure(world.request(), () => {});
    const second = two.runner.ensure(world.request({ runId: 'other/0' }), () => {});
    await world.until('both have namespaces', () =>
      [runId, 'other/0'].every((id) => world.sandboxes().some((name) => name.includes(runKey(id)))),
    );
    let over = false;
    void one.runner.cancel(runId).then(() => {
      over = true;
    });
    await world.until('the first is cancelled', () => over);
    expect(first.results.every((result) => ['pass', 'cancelled'].includes(result.outcome))).toBe(true);
    await world.until('the second is done', () => second.done);
    expect(second.results.filter((result) => result.outcome !== 'pass')).toEqual([]);
    await one.kill();
    await two.kill();
    expect(world.sandboxes()).toEqual([]);
  });
});

describe('the verdict', () => {
  let world: CheckWorld;

  beforeEach(async () => {
    world = await CheckWorld.create();
  });

  it('is flaky, never silently pass, when a failure passes on its second try', async () => {
    let tries = 0;
    const own = check('test.moody', {
      run: async () => {
        tries += 1;
        if (tries === 1) throw new CheckFailed('not today');
        return 'well';
      },
    });
    expect((await world.run({ profile: 'own' }, { own: [own] }))['test.moody']).toMatchObject({
      outcome: 'flaky',
      attempts: 2,
      message: 'passed when run again; before: not today',
    });
  });

  it('stays fail when it fails again, and only failures are run again', async () => {
    let good = 0;
    const own = [
      check('test.bad', {
        run: async () => {
          throw new CheckFailed('never');
        },
      }),
      check('test.good', { run: async () => `ran ${++good}` }),
    ];
    const results = await world.run({ profile: 'own' }, { own });
    expect(results['test.bad']).toMatchObject({ outcome: 'fail', attempts: 2 });
    expect(results['test.good']).toMatchObject({ outcome: 'pass', message: 'ran 1' });
  });

  it('skips what is in quarantine, with who and why, until it has expired', async () => {
    const own = [check('test.held')];
    const hold = (until: number): Quarantine => ({ check: 'test.held', until, reason: 'known defect', actor: 'ann' });
    const { clock } = world.world;
    const held = await world.run({ profile: 'own', quarantine: [hold(clock.now() + 60_000)] }, { own });
    expect(held['test.held']).toMatchObject({ outcome: 'skipped', skipCode: 'QUARANTINED' });
    expect(held['test.held']?.message).toMatch(/until 2026-\S+ by ann: known defect/);
    const free = await world.run({ profile: 'own', quarantine: [hold(clock.now() - 1)] }, { own });
    expect(free['test.held']).toMatchObject({ outcome: 'pass' });
  });

  it('never runs a disruptive check where the registry has not opted in', async () => {
    let ran = 0;
    const own = [check('test.harsh', { disruptive: true, run: async () => `ran ${++ran}` })];
    const refused = await world.run({ profile: 'own' }, { own });
    expect(refused['test.harsh']).toMatchObject({ outcome: 'skipped', skipCode: 'DISRUPTIVE_NOT_ALLOWED' });
    expect(ran).toBe(0);
    world.cluster.configItems['e2e_allow_disruptive'] = 'true';
    expect((await world.run({ profile: 'own' }, { own }))['test.harsh']).toMatchObject({ outcome: 'pass' });
  });
});

describe('what a check has borrowed', () => {
  const cordoning = check('test.cordon', {
    withinMs: 30 * 60_000,
    async run(context) {
      const [node] = await context.facts.schedulableNodes();
      await context.borrow({
        resource: nodes,
        name: node?.metadata.name ?? '',
        patch: { type: 'merge', body: { spec: { unschedulable: true } } },
        undo: { type: 'merge', body: { spec: { unschedulable: null } } },
        note: 'cordoned for a test',
      });
      await context.pause(20 * 60_000);
      return 'well';
    },
  });

  const cordoned = (world: CheckWorld): number =>
    [...world.kube.truth().nodes.values()].filter((node) => node.spec.unschedulable === true).length;

  it('is given back when it is killed and repeated, or cancelled', async () => {
    const world = await CheckWorld.create();
    const first = world.runner({ own: [cordoning] });
    first.runner.ensure(world.request({ profile: 'own' }), () => {});
    await world.until('a node is cordoned', () => cordoned(world) === 1);
    await first.kill();
    const second = world.runner({ own: [cordoning] });
    let over = false;
    void second.runner.cancel(runId, world.cluster.id).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await second.kill();
    expect(cordoned(world)).toBe(0);
  });
});

describe('a run', () => {
  it('says which checks were left out, what is running, and when it is going to end', async () => {
    const world = await CheckWorld.create();
    const { runner, kill } = world.runner();
    const state = runner.ensure(
      world.request({ skip: ['network.*'], expectedMs: { 'system.workloads-ready': 60_000 } }),
      () => {},
    );
    await world.until('something runs', () => state.running.length > 0);
    expect(state.notSelected.sort()).toEqual(['network.http', 'network.service-endpoints']);
    expect(state.endsAt - world.world.clock.now()).toBeGreaterThan(30_000);
    await world.until('it is over', () => state.done);
    await kill();
    expect(state.endsAt).toBeLessThanOrEqual(world.world.clock.now());
  });
});

describe('an APIService whose server is gone', () => {
  it('keeps every namespace, which is named with the reason, and the next run takes it away', async () => {
    const world = await CheckWorld.create(2);
    const ghost = 'v1beta1.ghost.example.org';
    world.kube.seed([apiServiceOf('ghost', 'ghost.example.org', 'v1beta1')]);
    const own = check('test.sandboxed', {
      async run(context) {
        await context.sandbox();
        return 'well';
      },
    });
    const result = (await world.run({ profile: 'own' }, { own: [own] }))['test.sandboxed'];
    // The thing under test is well: what stays is a verdict of its own.
    expect(result?.outcome).toBe('pass');
    expect(result?.leaked.join('\n')).toMatch(
      /^namespace\/clm-e2e-\S+\n.* ← Discovery failed for some groups, 1 failing: .*ghost\.example\.org\/v1beta1/,
    );
    expect(world.ledger.entries.length).toBeGreaterThan(0);
    world.kube.handle({
      method: 'DELETE',
      path: `/apis/apiregistration.k8s.io/v1/apiservices/${ghost}`,
      query: new URLSearchParams(),
      headers: {},
    } as never);
    expect((await world.run({ profile: 'own' }, { own: [own] }))['test.sandboxed']).toMatchObject({ leaked: [] });
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
  });
});

describe('a load balancer that takes seven minutes to go', () => {
  it('is waited for: nothing is left behind, and nothing is called a leak', async () => {
    const world = await CheckWorld.create(4);
    world.kube.seed([systemDeployment('balancers', 'aws-load-balancer-controller:2')]);
    await world.pass(2 * 60_000);
    const { clock } = world.world;
    let heldFor = 0;
    const hold = (): void => {
      const going = [...world.kube.truth().objects('services').values()].some(
        (service) => service.metadata.deletionTimestamp !== undefined,
      );
      if (!going) {
        clock.at(clock.now() + 250, hold);
        return;
      }
      const since = clock.now();
      world.kube.runtimeFaults.set({ addons: { 'load-balancer': 'off' } });
      clock.at(since + 7 * 60_000, () => {
        heldFor = clock.now() - since;
        world.kube.runtimeFaults.set({ addons: {} });
      });
    };
    hold();
    const result = (await world.run({ profile: 'full', only: ['lb.service'] }))['lb.service'];
    expect(heldFor).toBe(7 * 60_000);
    expect(result).toMatchObject({ outcome: 'pass', leaked: [] });
    expect(world.leftBehind()).toEqual([]);
  });
});
