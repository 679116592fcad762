import { beforeEach, describe, expect, it } from 'vitest';
import { smokeCases } from './cases/smoke-cases.ts';
import { describeChecks } from './check-cases.ts';
import { CheckWorld, systemDeployment } from './check-world.ts';

describeChecks(smokeCases);

const smoke = [
  'api.health',
  'dns.cluster',
  'namespace.lifecycle',
  'network.http',
  'network.service-endpoints',
  'system.workloads-ready',
  'workload.deployment-create',
];

describe('the smoke checks', () => {
  let world: CheckWorld;

  beforeEach(async () => {
    world = await CheckWorld.create();
  });

  it('pass together on a healthy cluster and leave nothing behind', async () => {
    const results = await world.run();
    expect(Object.keys(results).sort()).toEqual(smoke);
    for (const result of Object.values(results)) expect(result).toMatchObject({ outcome: 'pass', leaked: [] });
    expect(world.sandboxes()).toEqual([]);
  });

  it('find a service that does not follow its pods, and what that breaks', async () => {
    world.kube.faults.endpointSlices = 'broken';
    const results = await world.run();
    const failed = Object.values(results).filter((result) => result.outcome !== 'pass');
    expect(failed.map((result) => result.check).sort()).toEqual([
      'dns.cluster',
      'network.http',
      'network.service-endpoints',
    ]);
    const endpoints = results['network.service-endpoints'];
    expect(endpoints).toMatchObject({ outcome: 'timedout', leaked: [] });
    expect(endpoints?.message).toContain('its EndpointSlices list 0 ready endpoints, wanted 2');
    expect(world.sandboxes()).toEqual([]);
  });

  it('say which image cannot be pulled when it is the probe, and what to do', async () => {
    world.cluster.configItems['e2e_probe_image'] = 'nowhere.example.org/clm-probe:1';
    world.kube.faults.imagePull = 'broken';
    const results = await world.run({ only: ['network.http', 'dns.cluster', 'namespace.lifecycle'] });
    expect(results['namespace.lifecycle']).toMatchObject({ outcome: 'pass' });
    for (const check of ['network.http', 'dns.cluster']) {
      expect(results[check], check).toMatchObject({ outcome: 'timedout', leaked: [] });
      expect(results[check]?.message, check).toContain('the image nowhere.example.org/clm-probe:1 cannot be pulled');
      expect(results[check]?.message, check).toMatch(
        /docker build -t REGISTRY\/clm-probe:1 deploy\/probe, push it, .* e2e_probe_image$/,
      );
    }
  });

  it('wait for a system workload that becomes ready late', async () => {
    world.kube.faults.scheduler = 'broken';
    world.kube.seed([systemDeployment('late', 'late:1')]);
    const { clock } = world.world;
    clock.at(clock.now() + 5 * 60_000, () => {
      world.kube.faults.scheduler = 'ok';
    });
    const results = await world.run();
    expect(results['system.workloads-ready']).toMatchObject({ outcome: 'pass' });
    expect(results['system.workloads-ready']?.durationMs).toBeGreaterThan(5 * 60_000);
  });

  it('find an API server that answers with errors', async () => {
    world.kube.faults.apiDown = 'error';
    const results = await world.run();
    expect(results['api.health']).toMatchObject({ outcome: 'fail' });
    expect(results['api.health']?.message).toMatch(/\/livez answers 5\d\d/);
    for (const check of smoke) expect(results[check]?.outcome, check).not.toBe('pass');
  });

  it('have no verdict on a cluster that cannot be reached', async () => {
    world.kube.faults.apiDown = 'refused';
    const results = await world.run();
    for (const check of smoke) {
      expect(results[check], check).toMatchObject({ outcome: 'error' });
      expect(results[check]?.message, check).toContain('kube-unreachable');
    }
  });

  it('find a namespace that something keeps from going, name it, and count it as left behind', async () => {
    const name = () => world.sandboxes().find((sandbox) => sandbox.endsWith('namespace-lifecycle'));
    const { runner, kill } = world.runner();
    const state = runner.ensure(world.request(), () => {});
    await world.until('the namespace is there', () => name() !== undefined);
    world.kube.seed([stuck(name() as string, ['example.org/never'])]);
    await world.until('the run is over', () => state.done);
    await kill();
    const result = state.results.find((one) => one.check === 'namespace.lifecycle');
    // The second try had a namespace of its own and passed; what the first one left is a verdict of its own.
    expect(result).toMatchObject({ outcome: 'flaky', attempts: 2 });
    expect(result?.message).toMatch(/gone: not within 90 s; it is Terminating/);
    expect(result?.leaked).toEqual([
      `namespace/${name() ?? ''}`,
      `namespace/${name() ?? ''} ← serviceaccount/stuck (finalizers example.org/never)`,
    ]);
  });

  it('are not run on too few nodes, which is no pass', async () => {
    const small = await CheckWorld.create(2);
    const results = await small.run();
    expect(results['workload.deployment-create']).toMatchObject({ outcome: 'skipped', skipCode: 'NOT_ENOUGH_NODES' });
    expect(results['workload.deployment-create']?.message).toBe('3 schedulable nodes are needed, there are 2');
  });
});

function stuck(namespace: string, finalizers: string[]): object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'stuck', namespace, finalizers } };
}
