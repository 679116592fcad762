/** A life of a runner that ends before or after any change of the cluster, or any line of the ledger. */
import type { CheckLedger } from '../../../src/ports/check-runner.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { CrashPoint } from '../../support/crashing-store.ts';
import type { CheckWorld } from './check-world.ts';

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
export async function liveUntil(world: CheckWorld, killAt: number, only: string[]): Promise<boolean> {
  const point = new CrashPoint(killAt);
  const { runner, kill } = world.runner({}, mortal(point, world.ledger));
  const state = runner.ensure(world.request({ profile: 'full', only }), () => {});
  await world.until('dead or done', () => point.dead || state.done);
  await kill();
  return point.dead;
}
