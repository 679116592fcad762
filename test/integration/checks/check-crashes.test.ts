/** A run that is killed anywhere leaves nothing behind once it has been repeated, or cancelled. */
import { describe, expect, it } from 'vitest';
import type { CheckLedger } from '../../../src/ports/check-runner.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { CrashPoint } from '../../support/crashing-store.ts';
import { CheckWorld } from './check-world.ts';

const only = ['namespace.lifecycle', 'network.service-endpoints', 'storage.statefulset-multizone'];
const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'ebs.csi.aws.com',
  volumeBindingMode: 'WaitForFirstConsumer',
};

/** Dies before or after every change of the cluster and every line of the ledger. */
function mortal(point: CrashPoint, ledger: CheckLedger): { ledger: CheckLedger; wrap(kube: KubeCluster): KubeCluster } {
  const around = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    point.pass(`before ${what}`);
    const result = await work();
    point.pass(`after ${what}`);
    return result;
  };
  const dead = (): void => {
    if (point.dead) point.pass('');
  };
  return {
    ledger: {
      write: (entry) => around(`ledger ${entry.what.name}`, () => ledger.write(entry)),
      close: (run, check) => around(`close ${check}`, () => ledger.close(run, check)),
      open: async (run) => {
        dead();
        return ledger.open(run);
      },
    },
    wrap: (kube) => ({
      get: async (...args) => {
        dead();
        return kube.get(...args);
      },
      list: async (...args) => {
        dead();
        return kube.list(...args);
      },
      watch: (...args) => {
        dead();
        return kube.watch(...args);
      },
      raw: async (...args) => {
        dead();
        return kube.raw(...args);
      },
      create: (resource, object, options) =>
        around(`create ${object.metadata.name}`, () => kube.create(resource, object, options)),
      patch: (...args) => around(`patch ${args[2]}`, () => kube.patch(...args)),
      apply: (...args) => around('apply', () => kube.apply(...args)),
      delete: (...args) => around(`delete ${args[2]}`, () => kube.delete(...args)),
      evict: (...args) => around('evict', () => kube.evict(...args)),
      resourceOf: (...args) => kube.resourceOf(...args),
      close: () => kube.close(),
    }),
  };
}

/** One life that ends at its `killAt`-th crash point; false when it came to its end before that. */
async function liveUntil(world: CheckWorld, killAt: number): Promise<boolean> {
  const point = new CrashPoint(killAt);
  const { runner, kill } = world.runner({}, mortal(point, world.ledger));
  const state = runner.ensure(world.request({ profile: 'full', only }), () => {});
  await world.until('dead or done', () => point.dead || state.done);
  await kill();
  return point.dead;
}

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
      if (!(await liveUntil(world, killAt))) break;
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
      if (!(await liveUntil(world, killAt))) break;
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
