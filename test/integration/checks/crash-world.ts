/** A life of a runner that ends at any change of the cluster, or any line of the ledger. */
import type { CheckDefinition } from '../../../src/checks/contract.ts';
import type { CheckLedger, CheckResult, CheckRunRequest } from '../../../src/ports/check-runner.ts';
import type { KubeCluster } from '../../../src/ports/kube-cluster.ts';
import { CrashPoint } from '../../support/crashing-store.ts';
import type { CheckWorld } from './check-world.ts';

/** Dies once a line of the ledger is written, or a change of the cluster is made: in between, nothing happens that a kill could part. */
function mortal(point: CrashPoint, ledger: CheckLedger): { ledger: CheckLedger; wrap(kube: KubeCluster): KubeCluster } {
  const dead = (): void => {
    if (point.dead) point.pass('');
  };
  const living = async <T>(work: () => Promise<T>): Promise<T> => {
    dead();
    return work();
  };
  const upTo = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const result = await living(work);
    point.pass(what);
    return result;
  };
  return {
    ledger: {
      write: (entry) => upTo(`written down: ${entry.what.name}`, () => ledger.write(entry)),
      close: (run, check) => upTo(`closed: ${check}`, () => ledger.close(run, check)),
      open: (run) => living(() => ledger.open(run)),
      openRuns: (cluster) => living(() => ledger.openRuns(cluster)),
    },
    wrap: (kube) => ({
      get: (...args) => living(() => kube.get(...args)),
      list: (...args) => living(() => kube.list(...args)),
      watch: (...args) => {
        dead();
        return kube.watch(...args);
      },
      raw: (...args) => living(() => kube.raw(...args)),
      create: (resource, object, options) =>
        upTo(`created: ${object.metadata.name}`, () => kube.create(resource, object, options)),
      update: (resource, object) => upTo(`replaced: ${object.metadata.name}`, () => kube.update(resource, object)),
      patch: (...args) => upTo(`changed: ${args[2]}`, () => kube.patch(...args)),
      apply: (...args) => upTo('applied', () => kube.apply(...args)),
      delete: (...args) => upTo(`deleted: ${args[2]}`, () => kube.delete(...args)),
      evict: (...args) => upTo('evicted', () => kube.evict(...args)),
      resourceOf: (...args) => kube.resourceOf(...args),
      close: () => kube.close(),
    }),
  };
}

/** One life that ends at its `killAt`-th crash point; where that was, or undefined when it came to its end before. */
export async function liveUntil(
  world: CheckWorld,
  killAt: number,
  request: Partial<CheckRunRequest>,
  extra: Record<string, CheckDefinition[]> = {},
): Promise<{ diedAt: string | undefined; results: CheckResult[] }> {
  const point = new CrashPoint(killAt);
  const { runner, kill } = world.runner(extra, mortal(point, world.ledger));
  const state = runner.ensure(world.request({ profile: 'full', ...request }), () => {});
  await world.until('dead or done', () => point.dead || state.done);
  await kill();
  return { diedAt: point.dead ? point.diedAt : undefined, results: state.results };
}

/** What the next daemon does with a run that nobody goes on with: it takes back what the ledger says. */
export async function sweepAfter(world: CheckWorld, run: string): Promise<void> {
  const { runner, kill } = world.runner();
  let over = false;
  void runner.cancel(run, world.cluster.id).then(() => {
    over = true;
  });
  await world.until('the cancellation is over', () => over);
  await kill();
}
