/** Figures that checks promise, in simulated time: smoke within three minutes, and a fleet at once. */
import { describe, expect, it } from 'vitest';
import { profiles } from '../../../src/checks/profiles.ts';
import { createCheckRunner } from '../../../src/checks/runner.ts';
import type { CheckRunState } from '../../../src/ports/check-runner.ts';
import { createClusterSessions } from '../../../src/providers/session/create-cluster-sessions.ts';
import { createSimulatedConnections } from '../../../src/providers/simulated/simulated-world.ts';
import { silentLogger } from '../../../src/support/logger.ts';
import { seededRandom } from '../../../src/support/random.ts';
import { memoryLedger } from '../../support/memory-ledger.ts';
import { CheckWorld } from './check-world.ts';

const minute = 60_000;

describe('the smoke profile', () => {
  it('takes less than three minutes of a cluster', async () => {
    const world = await CheckWorld.create();
    const from = world.world.clock.now();
    const results = Object.values(await world.run());
    expect(results.filter((one) => one.outcome !== 'pass')).toEqual([]);
    expect(world.world.clock.now() - from).toBeLessThan(3 * minute);
  });

  it('takes no longer where 84 runs are under way at once, and nobody who asks for one waits for it', async () => {
    const world = await CheckWorld.create(5);
    const connections = createSimulatedConnections({ world: world.world, userAgent: 'clm/checks' });
    // One simulated cluster stands for all: what is shared here is the runner, and the process that it lives in.
    const ids = Array.from({ length: 84 }, (_, index) => `fleet-${index}`);
    const sessions = createClusterSessions({
      ...connections,
      clusterOf: () => world.cluster,
      clock: world.world.clock,
      wall: world.world.clock,
      random: seededRandom(2),
      log: silentLogger(),
      idleReleaseMs: 3_600_000,
    });
    const runner = createCheckRunner({
      sessions: { sessionFor: () => sessions.sessionFor(world.cluster.id) },
      clusterOf: (id) => ({ ...world.cluster, id }),
      clock: world.world.clock,
      profiles,
      ledger: memoryLedger(),
      log: silentLogger(),
    });
    const from = world.world.clock.now();
    const states: CheckRunState[] = ids.map((clusterId) =>
      runner.ensure(
        {
          runId: `run/${clusterId}`,
          clusterId,
          profile: 'smoke',
          only: ['api.health', 'namespace.lifecycle'],
          finished: [],
        },
        () => {},
      ),
    );
    // A step that asks for checks comes back at once: a roll that shares its workers is not held up.
    expect(states.every((state) => !state.done)).toBe(true);
    await world.until('all of them are over', () => states.every((state) => state.done));
    await sessions.close();
    const bad = states.flatMap((state) => state.results).filter((one) => one.outcome !== 'pass');
    expect(bad).toEqual([]);
    expect(states.flatMap((state) => state.results)).toHaveLength(168);
    expect(world.world.clock.now() - from).toBeLessThan(3 * minute);
    expect(world.sandboxes()).toEqual([]);
  });
});
