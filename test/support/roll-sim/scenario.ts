/** What one seed stands for: pools, what runs on them, and what goes wrong. Plain data, so that a history can print it. */
import { type Random, seededRandom } from '../../../src/support/random.ts';
import { budget, type PoolSpec } from '../roll-world.ts';
import { drawEtcd, type EtcdScenario } from './etcd-faults.ts';
import { type FaultName, faultClasses } from './fault-classes.ts';
import { drawWorkloads, type Workload } from './workloads.ts';

export interface Scenario {
  seed: string;
  pools: PoolSpec[];
  /** Names of the pools whose template changes. */
  rolled: string[];
  /** A pool that is to be no more: drained, and its group deleted in the end. */
  removed?: string;
  /** An etcd on instances of its own, whose members are replaced before any pool is rolled. */
  etcd?: EtcdScenario;
  surge: number | `${number}%` | 'adaptive';
  maxUnavailable: number;
  workloads: Workload[];
  /** Workloads whose budget never lets a pod go, until their owner changes it. */
  blockers: Workload[];
  faults: FaultName[];
  /** Simulated ms during which faults strike. */
  safetyMs: number;
}

const pick = <T>(random: Random, list: readonly T[]): T => list[random.int(list.length)] as T;

/** The same seed draws the same scenario, whatever machine draws it. */
export function drawScenario(seed: string): Scenario {
  const random = seededRandom(`scenario/${seed}`);
  const pools = drawPools(random.fork('pools'));
  const nodes = pools.filter((pool) => pool.controlPlane !== true).reduce((sum, pool) => sum + pool.nodes, 0);
  const rolled = pools.filter((_pool, index) => index === 0 || random.next() < 0.4).map((pool) => pool.name);
  const drawn = drawWorkloads(random.fork('workloads'), { nodes, pools: pools.map((pool) => pool.name) });
  const quiet = random.next() < 0.1;
  const faults = quiet ? [] : faultClasses.filter((one) => random.next() < one.share).map((one) => one.name);
  const removed = drawRemoved(seed, pools);
  const etcd = drawEtcd(seed);
  return {
    seed,
    pools: removed === undefined ? pools : [...pools, removed],
    rolled,
    ...(removed === undefined ? {} : { removed: removed.name }),
    ...(etcd === undefined ? {} : { etcd }),
    surge: pick(random, ['adaptive', 'adaptive', 1, 1, 2, 3, '25%', '50%'] as const),
    maxUnavailable: 0,
    workloads: drawn.workloads,
    blockers: drawn.blockers,
    faults,
    safetyMs: (5 + random.int(36)) * 60_000 + (etcd?.extraMs ?? 0),
  };
}

/**
 * One in five has a pool of workers more, which leaves: beside enough others for what runs on it, in every zone. Drawn apart, so that all
 * the rest of a seed stays what it was.
 */
function drawRemoved(seed: string, pools: readonly PoolSpec[]): PoolSpec | undefined {
  const random = seededRandom(`removed/${seed}`);
  const workers = pools.find((pool) => pool.name === 'workers');
  if (random.next() >= 0.2 || workers === undefined || workers.nodes < 3) return undefined;
  const balancer = random.next() < 0.3 ? { balancer: pick(random, ['classic', 'target-group'] as const) } : {};
  return { name: 'leaving', nodes: 1 + random.int(3), ...balancer };
}

/** 3 to 12 nodes. */
function drawPools(random: Random): PoolSpec[] {
  const balancer = (): { balancer?: 'classic' | 'target-group' } => {
    const drawn = random.next();
    return drawn < 0.15 ? { balancer: 'classic' } : drawn < 0.3 ? { balancer: 'target-group' } : {};
  };
  const pools: PoolSpec[] = [{ name: 'workers', nodes: random.next() < 0.12 ? 1 : 2 + random.int(6), ...balancer() }];
  const first = pools[0] as PoolSpec;
  if (random.next() < 0.25) pools.push({ name: 'masters', nodes: random.next() < 0.3 ? 1 : 3, controlPlane: true });
  if (random.next() < 0.5 || first.nodes < 3) pools.push({ name: 'other', nodes: 1 + random.int(2), ...balancer() });
  for (const pool of pools) {
    // As many as there are, room above, or a ceiling that the roll has to lift.
    if (random.next() < 0.4) pool.max = pool.nodes + random.int(6);
  }
  return pools;
}

/** Budgets of the blockers as their owners loosen them in the end. */
export function loosened(scenario: Scenario): object[] {
  return scenario.blockers.map(({ name }) => budget(name, { maxUnavailable: 1 }));
}
