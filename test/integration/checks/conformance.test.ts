/** A run of the upstream suite: how it goes on, ends, is killed and cancelled. */
import { beforeEach, describe, expect, it } from 'vitest';
import { catalogue, profiles } from '../../../src/checks/profiles.ts';
import { caseTests, resultRecords } from '../../../src/planning/e2e/run-record.ts';
import type { CheckResult } from '../../../src/ports/check-runner.ts';
import { conformanceCases } from './cases/conformance-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld } from './check-world.ts';

const suiteNamespaces = (world: CheckWorld): string[] =>
  [...world.kube.truth().objects('namespaces')]
    .filter(([, object]) => object.metadata.labels?.['e2e-run'] !== undefined)
    .map(([name]) => name);

describeChecks(conformanceCases);

describe('a run of the upstream suite', () => {
  let world: CheckWorld;
  const check = 'conformance.non-disruptive';

  beforeEach(async () => {
    world = await CheckWorld.create();
  });

  const run = async (): Promise<CheckResult> =>
    (await world.run({ profile: 'conformance' }))[check] as unknown as CheckResult;

  it('says how far it is, and when it is going to end', async () => {
    const { runner, kill } = world.runner();
    const state = runner.ensure(world.request({ profile: 'conformance' }), () => {});
    const seen: { completed: number; total: number }[] = [];
    await world.until('it is over', () => {
      const progress = state.progress[check];
      if (progress && progress.completed !== seen.at(-1)?.completed) seen.push({ ...progress });
      return state.done;
    });
    await kill();
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.every(({ completed, total }) => completed <= total || total === 0)).toBe(true);
    expect(seen.at(-1)?.total).toBe(13);
    expect(state.progress).toEqual({});
  });

  it('keeps log, report and archive of every pass, and every test for history', async () => {
    const { runner, kill } = world.runner();
    const state = runner.ensure(world.request({ profile: 'conformance' }), () => {});
    await world.until('it is over', () => state.done);
    await kill();
    expect([...world.artifacts.keys()].sort()).toEqual(
      ['parallel', 'serial'].flatMap((pass) =>
        ['e2e.log', 'e2e.tar.gz', 'junit_01.xml'].map((name) => `${check}/${pass}/${name}`),
      ),
    );
    expect(world.artifacts.get(`${check}/serial/e2e.log`)).toMatch(/Will run 2 of 15 specs[\s\S]*SUCCESS! -- 2 Passed/);
    const records = resultRecords('run', state.results);
    expect(records).toHaveLength(14);
    expect(records.filter((record) => record.outcome !== 'pass')).toEqual([]);
    const tests = caseTests(state.results, [{ key: check, title: '', area: 'conformance', gate: 'blocking' }]);
    expect(tests.map((test) => test.key)).toContain(`${check}/[sig-apps] Job should delete a job [Conformance]`);
    expect(new Set(tests.map((test) => test.area))).toEqual(new Set(['conformance']));
  });

  it('runs what failed once more, by name: flaky, never silently pass', async () => {
    world.kube.runtimeFaults.set({ images: { coredns: 'failing' } });
    world.when('/conformance-serial', 'jobs.batch', 1, () => world.kube.runtimeFaults.clear());
    const result = await run();
    expect(result).toMatchObject({ outcome: 'flaky', attempts: 1, leaked: [] });
    expect(result.message).toMatch(
      /^1 of 13 tests are flaky: \[sig-network\] DNS .*passed when run again; before: timed out/,
    );
    expect(result.cases?.filter((one) => one.outcome !== 'pass').map((one) => one.outcome)).toEqual(['flaky']);
    expect(world.artifacts.get(`${check}/again/e2e.log`)).toContain('Will run 1 of 15 specs');
  });

  const pods = (): string[] =>
    [...world.kube.truth().pods.keys()].filter((key) => key.includes('/conformance-parallel-'));

  it('that is killed by its memory has no verdict: its log says how far it was, and it is run again', async () => {
    let kills = 0;
    const kill = (): void => {
      const [namespace = '', name = ''] = (pods()[0] ?? '').split('/');
      if (!world.kube.killContainer(namespace, name, 'conformance'))
        world.world.clock.at(world.world.clock.now() + 5_000, kill);
      else if (++kills === 1) world.when('-r2/conformance-parallel-', 'pods', 1, later);
    };
    const later = (): void => {
      world.world.clock.at(world.world.clock.now() + 30_000, kill);
    };
    world.when('/conformance-parallel-', 'pods', 1, later);
    const result = await run();
    expect(kills).toBe(2);
    expect(result).toMatchObject({ outcome: 'error', attempts: 2, leaked: [] });
    expect(result.message).toMatch(
      /^pass parallel ended with code 137 before its results were written; its log counts \d+ of 11 tests, 0 failed/,
    );
    expect(suiteNamespaces(world)).toEqual([]);
    expect(world.leftBehind()).toEqual([]);
  });

  it('that is cancelled in the middle takes the namespaces of its tests with it, and no others', async () => {
    const { runner, kill } = world.runner();
    runner.ensure(world.request({ profile: 'conformance' }), () => {});
    await world.until('tests are under way', () => suiteNamespaces(world).length > 3);
    world.kube.seed([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'e2e-like', labels: { team: 'a' } } }]);
    let over = false;
    void runner.cancel(world.request().runId).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await kill();
    expect(suiteNamespaces(world)).toEqual([]);
    expect(world.leftBehind()).toEqual([]);
    expect(world.kube.truth().objects('namespaces').has('e2e-like')).toBe(true);
  });

  it('that is killed with its daemon is cleaned up by the next one', async () => {
    const first = world.runner();
    first.runner.ensure(world.request({ profile: 'conformance' }), () => {});
    await world.until('tests are under way', () => suiteNamespaces(world).length > 3);
    await first.kill();
    const second = world.runner();
    let over = false;
    void second.runner.cancel(world.request().runId, world.cluster.id).then(() => {
      over = true;
    });
    await world.until('the cancellation is over', () => over);
    await second.kill();
    expect(suiteNamespaces(world)).toEqual([]);
    expect(world.leftBehind()).toEqual([]);
    expect(world.ledger.entries).toEqual([]);
  });

  it('survives an API that is away for a minute', async () => {
    world.when('/conformance-parallel-', 'pods', 1, () => {
      const { clock } = world.world;
      clock.at(clock.now() + 15_000, () => {
        world.kube.faults.apiDown = 'refused';
        world.kube.closeWatches();
      });
      clock.at(clock.now() + 75_000, () => {
        world.kube.faults.apiDown = 'no';
      });
    });
    // Its own tests may well fail in that minute; they are run again, one by one.
    expect(await run()).toMatchObject({ outcome: 'flaky', attempts: 1, leaked: [] });
  });

  it('never empties nodes where the registry has not opted in', async () => {
    const results = await world.run({ profile: 'conformance-certified' });
    expect(results['conformance.certified']).toMatchObject({ outcome: 'skipped', skipCode: 'DISRUPTIVE_NOT_ALLOWED' });
  });

  it('needs two nodes that take pods', async () => {
    const small = await CheckWorld.create(1);
    expect((await small.run({ profile: 'conformance' }))[check]).toMatchObject({
      outcome: 'skipped',
      skipCode: 'NOT_ENOUGH_NODES',
    });
  });

  it('is asked for by name alone: the full profile does without it', () => {
    expect(profiles['full']?.some((one) => one.area === 'conformance')).toBe(false);
    const known = new Set(Object.values(profiles).flatMap((checks) => checks.map((one) => one.id)));
    expect(catalogue.filter((one) => !known.has(one.id))).toEqual([]);
  });
});
