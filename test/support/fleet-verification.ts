/** Many simulated clusters that are verified at once, beside a roll, by one daemon: how long each takes in simulated time. */
import type { Cluster } from '../../src/domain/cluster.ts';
import { startUniformClusters, uniformClusters } from '../../src/simulator/scenarios/uniform-fleet.ts';
import { finished, type RollDaemon, RollWorld, startRoll } from './roll-world.ts';
import { dnsAddon, startUpdateDaemon } from './update-world.ts';

export interface FleetVerification {
  clusters: number;
  passed: number;
  /** Simulated seconds of the slowest and of the median run. */
  slowestSeconds: number;
  medianSeconds: number;
  /** Simulated seconds of the same roll, without and with all of that beside it. */
  rollAloneSeconds: number;
  rollBesideSeconds: number;
}

const runOf = (cluster: string): string => `e2e:${cluster}`;

export async function verifyFleetBesideARoll(count: number): Promise<FleetVerification> {
  const alone = await play(0);
  const beside = await play(count);
  const sorted = [...beside.seconds].sort((a, b) => a - b);
  return {
    clusters: count,
    passed: beside.passed,
    slowestSeconds: sorted.at(-1) ?? 0,
    medianSeconds: sorted[Math.floor(sorted.length / 2)] ?? 0,
    rollAloneSeconds: alone.rollSeconds,
    rollBesideSeconds: beside.rollSeconds,
  };
}

async function play(count: number): Promise<{ rollSeconds: number; seconds: number[]; passed: number }> {
  const roll = new RollWorld({ pools: [{ name: 'workers', nodes: 6 }] });
  const others = fleetOf(roll, count);
  roll.outdate('workers');
  const daemon = await startUpdateDaemon(roll, ['workers'], { others });
  const from = roll.world.clock.now();
  await startRoll(daemon, roll, 'workers');
  for (const { id } of others) await startChecks(daemon, id);
  let rolledAt: number | undefined;
  // asked after every event: only who is not through yet
  const pending = others.map(({ id }) => id);
  await daemon.run(async () => {
    if (rolledAt === undefined && (await finished(daemon, 'workers'))) rolledAt = roll.world.clock.now();
    if (rolledAt === undefined) return false;
    for (let id = pending.at(-1); id !== undefined; id = pending.at(-1)) {
      if ((await daemon.store.load(runOf(id)))?.status !== 'final') return false;
      pending.pop();
    }
    return true;
  });
  const runs = await daemon.store.e2e.runs({ limit: count + 10 });
  await daemon.stop();
  return {
    rollSeconds: ((rolledAt ?? from) - from) / 1000,
    seconds: runs.map((run) => (run.finishedAt - from) / 1000),
    passed: runs.filter((run) => run.verdict === 'pass').length,
  };
}

function fleetOf(roll: RollWorld, count: number): Cluster[] {
  const wanted = uniformClusters(0, count);
  for (const _line of startUniformClusters(roll.world, wanted));
  for (const { id } of wanted) roll.world.kube(id).seed(dnsAddon);
  roll.pass(600);
  return wanted.map(({ id, account, region }) => ({
    ...roll.cluster,
    id,
    alias: id,
    localId: id,
    infrastructureAccount: `aws:${account}`,
    region,
  }));
}

async function startChecks(daemon: RollDaemon, clusterId: string): Promise<void> {
  const about = { channel: 'dev', cluster: clusterId, commit: 'c1' };
  await daemon.engine.post({
    to: runOf(clusterId),
    event: {
      type: 'START',
      input: {
        clusterId,
        channel: 'dev',
        commit: 'c1',
        version: 'c1#new',
        updateId: 'update',
        attempt: 1,
        profile: 'smoke',
      },
    },
    start: { machine: 'e2eRun', parent: null, ...about },
    key: `start ${clusterId}`,
  });
}
