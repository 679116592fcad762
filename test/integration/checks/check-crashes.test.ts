/** A run that is killed anywhere leaves nothing behind once it has been repeated, or cancelled. */
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../../src/checks/profiles.ts';
import { addon, apiServiceOf } from './addons.ts';
import { CheckWorld } from './check-world.ts';
import { liveUntil } from './crash-world.ts';

const only = ['namespace.lifecycle', 'network.service-endpoints', 'storage.statefulset-multizone'];
const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

async function freshWorld(): Promise<CheckWorld> {
  const world = await CheckWorld.create();
  world.kube.seed([storageClass]);
  return world;
}

describe('a run of checks that is killed', () => {
  it('leaves nothing behind after its restart, wherever it was', async () => {
    let killAt = 0;
    for (; ; killAt++) {
      const world = await freshWorld();
      if (!(await liveUntil(world, killAt, only))) break;
      const results = await world.run({ profile: 'full', only });
      const outcomes = Object.values(results).map((result) => [result.check, result.outcome, result.leaked]);
      expect(outcomes.sort(), `killed at ${killAt}`).toEqual(only.map((check) => [check, 'pass', []]).sort());
      expect(world.leftBehind(), `killed at ${killAt}`).toEqual([]);
      expect(world.ledger.entries, `killed at ${killAt}`).toEqual([]);
    }
    expect(killAt).toBeGreaterThan(40);
  }, 120_000);

  it('leaves nothing behind when it is cancelled instead', async () => {
    for (let killAt = 0; ; killAt += 7) {
      const world = await freshWorld();
      if (!(await liveUntil(world, killAt, only))) break;
      const { runner, kill } = world.runner();
      let over = false;
      void runner.cancel(world.request().runId, world.cluster.id).then(() => {
        over = true;
      });
      await world.until('the cancellation is over', () => over);
      await kill();
      expect(world.leftBehind(), `killed at ${killAt}`).toEqual([]);
      expect(world.ledger.entries, `killed at ${killAt}`).toEqual([]);
    }
  }, 120_000);

  it('has written down everything before it made it', async () => {
    const world = await freshWorld();
    await world.run({ profile: 'full', only });
    const made = world.ledger.written.filter((entry) => entry.what.kind === 'object').map((entry) => entry.what.name);
    expect(made).toEqual(expect.arrayContaining(['safety', 'endpoints', 'zones']));
    expect(made.filter((name) => name.startsWith('clm-e2e-'))).toHaveLength(only.length);
  });
});

/** As much as checks can make use of, so that they make all that they ever make. */
async function furnishedWorld(): Promise<CheckWorld> {
  const world = await freshWorld();
  const { configItems } = world.cluster;
  configItems['e2e_allow_disruptive'] = 'true';
  configItems['e2e_audit_source'] = 'apiserver-logs';
  configItems['e2e_pull_images'] = 'registry.example.org/app:1';
  configItems['e2e_custom_image'] = 'clm-probe:1';
  configItems['e2e_custom_args'] = 'exit --code 0';
  configItems['e2e_load_rps'] = '5';
  configItems['e2e_load_for'] = '20s';
  world.label(world.nodeNames()[1] ?? '', { 'node.kubernetes.io/node-pool': 'node-tests' });
  world.kube.seed([
    addon('balancers', 'aws-load-balancer-controller:2'),
    addon('metrics-server', 'metrics-server/metrics-server:v0.7.2'),
    apiServiceOf('metrics-server', 'metrics.k8s.io', 'v1beta1'),
  ]);
  await world.pass(2 * 60_000);
  return world;
}

describe('a single check that is killed', () => {
  const making = catalogue.filter((check) => check.area !== 'conformance').map((check) => check.id);

  it.each(making)(
    '%s leaves nothing behind after its restart, early, in the middle and late',
    async (check) => {
      // Where it makes nothing there is nothing to leave: its first life comes to its end.
      for (const killAt of [1, 4, 7, 11, 16, 23]) {
        const world = await furnishedWorld();
        if (!(await liveUntil(world, killAt, [check]))) break;
        const result = (await world.run({ profile: 'full', only: [check] }))[check];
        expect(result?.leaked, `killed at ${killAt}`).toEqual([]);
        expect(world.leftBehind(), `killed at ${killAt}`).toEqual([]);
        expect(world.ledger.entries, `killed at ${killAt}`).toEqual([]);
      }
    },
    120_000,
  );
});
