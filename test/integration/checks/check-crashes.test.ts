/** A run that is killed anywhere leaves nothing behind once it has been repeated, or cancelled. */
import { describe, expect, it } from 'vitest';
import { allCases } from './cases/all-cases.ts';
import { CheckWorld } from './check-world.ts';
import { liveUntil, sweepAfter } from './crash-world.ts';

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
      if ((await liveUntil(world, killAt, { only })).diedAt === undefined) break;
      const results = await world.run({ profile: 'full', only });
      const outcomes = Object.values(results).map((result) => [result.check, result.outcome, result.leaked]);
      expect(outcomes.sort(), `killed at ${killAt}`).toEqual(only.map((check) => [check, 'pass', []]).sort());
      expect(world.leftBehind(), `killed at ${killAt}`).toEqual([]);
      expect(world.ledger.entries, `killed at ${killAt}`).toEqual([]);
    }
    expect(killAt).toBeGreaterThan(25);
  }, 120_000);

  it('leaves nothing behind when it is cancelled instead', async () => {
    for (let killAt = 0; ; killAt += 7) {
      const world = await freshWorld();
      if ((await liveUntil(world, killAt, { only })).diedAt === undefined) break;
      await sweepAfter(world, world.request().runId);
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

/** They only look. */
const makeNothing = new Set([
  'api.health',
  'api.controlplane-pods',
  'certs.expiry',
  'cleanup.leaks',
  'obs.metrics-api',
  'system.daemonset-current',
  'system.workloads-ready',
]);

describe('a single check that is killed', () => {
  it.each(allCases)(
    '$check leaves nothing behind, at whatever step it dies',
    async ({ check, profile, given, request, usesUp }) => {
      const furnished = async (): Promise<CheckWorld> => {
        const world = await CheckWorld.create();
        await given?.(world);
        return world;
      };
      let world = await furnished();
      let killAt = 0;
      for (; ; killAt++) {
        const run = { runId: `crash/${killAt}`, profile: profile ?? 'full', only: [check], ...request?.(world) };
        const { diedAt, results } = await liveUntil(world, killAt, run);
        if (diedAt === undefined) {
          expect(results).toMatchObject([{ outcome: 'pass', leaked: [] }]);
          break;
        }
        await sweepAfter(world, run.runId);
        expect(world.leftBehind(), `${killAt}: ${diedAt}`).toEqual([]);
        expect(world.ledger.entries, `${killAt}: ${diedAt}`).toEqual([]);
        if (usesUp) world = await furnished();
      }
      expect(killAt > 3).toBe(!makeNothing.has(check));
    },
    120_000,
  );
});
