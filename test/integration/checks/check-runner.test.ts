import { beforeEach, describe, expect, it } from 'vitest';
import { type CheckDefinition, CheckFailed, defineCheck } from '../../../src/checks/contract.ts';
import { configMaps } from '../../../src/checks/resources.ts';
import { CheckWorld } from './check-world.ts';

const check = (id: string, parts: Partial<Parameters<typeof defineCheck>[0]> = {}): CheckDefinition =>
  defineCheck({ id, title: id, area: 'api', withinMs: 60_000, retries: 0, run: async () => `${id} is well`, ...parts });

/** Makes its namespace and never comes to an end by itself. */
const endless = (withinMs: number) =>
  check('test.endless', {
    withinMs,
    async run(context) {
      await context.sandbox();
      await context.pause(3_000_000);
      return 'slept well';
    },
  });

describe('the runner of checks', () => {
  let world: CheckWorld;

  beforeEach(async () => {
    world = await CheckWorld.create();
  });

  it('cleans up when the run is cancelled, and has no verdict then', async () => {
    const { runner, kill } = world.runner();
    const state = runner.ensure(world.request(), () => {});
    await world.until('namespaces are there', () => world.sandboxes().length >= 3);
    let over = false;
    void runner.cancel(world.request().runId).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await kill();
    expect(world.sandboxes()).toEqual([]);
    expect(state.results.some((result) => result.outcome === 'cancelled')).toBe(true);
    expect(state.results.every((result) => result.outcome === 'cancelled' || result.outcome === 'pass')).toBe(true);
  });

  it('leaves nothing of a killed run behind once the run has been repeated', async () => {
    const first = world.runner();
    first.runner.ensure(world.request(), () => {});
    await world.until('namespaces are there', () => world.sandboxes().length >= 3);
    await first.kill();
    const before = world.sandboxes();
    expect(before.length).toBeGreaterThanOrEqual(3);
    const results = await world.run();
    for (const result of Object.values(results)) expect(result).toMatchObject({ outcome: 'pass', leaked: [] });
    expect(world.sandboxes()).toEqual([]);
  });

  it('cleans up after a killed run that is cancelled instead of repeated', async () => {
    const first = world.runner();
    first.runner.ensure(world.request(), () => {});
    await world.until('namespaces are there', () => world.sandboxes().length >= 3);
    await first.kill();
    const second = world.runner();
    let over = false;
    void second.runner.cancel(world.request().runId, world.cluster.id).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await second.kill();
    expect(world.sandboxes()).toEqual([]);
  });

  it('does not run again what has finished, and keeps its result', async () => {
    const earlier = await world.run();
    const finished = [{ ...(earlier['api.health'] as (typeof earlier)[string]), message: 'from before' }];
    world.kube.faults.apiDown = 'refused';
    const results = await world.run({ finished });
    expect(results['api.health']).toMatchObject({ outcome: 'pass', message: 'from before' });
    expect(results['namespace.lifecycle']).toMatchObject({ outcome: 'error' });
  });

  it('tells whoever asked of every step, and starts a run once', async () => {
    const { runner, kill } = world.runner();
    let told = 0;
    const state = runner.ensure(world.request(), () => {
      told += 1;
    });
    expect(runner.ensure(world.request(), () => (told += 1))).toBe(state);
    await world.until('the run is over', () => state.done);
    await kill();
    expect(told).toBeGreaterThan(5);
    expect(state.results).toHaveLength(7);
  });

  it('ends a check that takes longer than it may, and cleans up after it', async () => {
    const results = await world.run({ profile: 'own' }, { own: [endless(60_000)] });
    expect(results['test.endless']).toMatchObject({
      outcome: 'timedout',
      message: 'running was not finished within 60 s',
      leaked: [],
    });
    expect(world.sandboxes()).toEqual([]);
  });

  it('blocks what depends on a check that did not pass, and runs what depends on one that did', async () => {
    const own = [
      check('test.bad', {
        run: async () => {
          throw new CheckFailed('it is broken');
        },
      }),
      check('test.good'),
      check('test.after-bad', { dependsOn: ['test.bad'] }),
      check('test.after-good', { dependsOn: ['test.good'] }),
    ];
    const results = await world.run({ profile: 'own' }, { own });
    expect(results['test.bad']).toMatchObject({ outcome: 'fail', message: 'it is broken' });
    expect(results['test.after-bad']).toMatchObject({ outcome: 'blocked', message: 'test.bad did not pass' });
    expect(results['test.after-good']).toMatchObject({ outcome: 'pass' });
  });

  it('runs a serial check alone', async () => {
    const running = new Set<string>();
    let beside = 0;
    const watching = (id: string, serial: boolean) =>
      check(id, {
        serial,
        async run(context) {
          running.add(id);
          await context.pause(1_000);
          if (serial) beside += running.size - 1;
          running.delete(id);
          return 'well';
        },
      });
    await world.run(
      { profile: 'own' },
      { own: [watching('test.a', false), watching('test.b', true), watching('test.c', false)] },
    );
    expect(beside).toBe(0);
  });

  it('calls a bug of its own an error, not a failure of the cluster', async () => {
    const broken = check('test.bug', {
      run: async () => {
        throw new TypeError('undefined is not a function');
      },
    });
    const results = await world.run({ profile: 'own' }, { own: [broken] });
    expect(results['test.bug']).toMatchObject({
      outcome: 'error',
      message: 'internal-error: undefined is not a function',
    });
  });

  it('calls a refusal of the cluster a failure of the cluster', async () => {
    const refused = check('test.refused', {
      async run(context) {
        await context.sandbox();
        const metadata = { name: 'Not A Name', namespace: context.namespace };
        await context.kube.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
        return 'it was taken';
      },
    });
    const results = await world.run({ profile: 'own' }, { own: [refused] });
    expect(results['test.refused']).toMatchObject({ outcome: 'fail' });
    expect(results['test.refused']?.message).toContain('kube-invalid');
  });

  it('decides by the flake history how often a failure is run again, and says why', async () => {
    const failing = (times: number) => {
      let run = 0;
      return check('test.shaky', {
        retries: 1,
        run: async () => {
          run += 1;
          if (run <= times) throw new CheckFailed('it shakes');
          return 'well';
        },
      });
    };
    const shaky = { history: { 'test.shaky': { runs: 100, flakes: 30 } } };
    const steady = { history: { 'test.shaky': { runs: 500, flakes: 0 } } };
    const run = async (times: number, request: object) =>
      (await world.run({ profile: 'own', ...request }, { own: [failing(times)] }))['test.shaky'];
    expect(await run(99, steady)).toMatchObject({ outcome: 'fail', attempts: 2 });
    expect(await run(99, shaky)).toMatchObject({ outcome: 'fail', attempts: 4 });
    const masked = await run(1, shaky);
    expect(masked).toMatchObject({ outcome: 'flaky', attempts: 4 });
    expect(masked?.message).toMatch(
      /^passed when run again; 1 of 4 attempts failed; its flake rate is 27\.7 % \(100 results\): its flakiness explains it; before: it shakes$/,
    );
    expect((await run(1, steady))?.attempts).toBeGreaterThan(4);
    // without history as before: once more
    expect(await run(1, {})).toMatchObject({ outcome: 'flaky', attempts: 2 });
  });

  it('knows nothing of a cluster that the registry does not know', async () => {
    const results = await world.run({ clusterId: 'aws:1:eu:gone' });
    for (const result of Object.values(results)) {
      expect(result).toMatchObject({ outcome: 'error', message: 'cluster aws:1:eu:gone is not in the registry' });
    }
  });
});
