/** Which pools roll, how many nodes, why, and how long it will take: from what was observed and measured, without asking anybody. */
import { z } from 'zod';
import type { Cluster } from '../../domain/cluster.ts';
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { RenderedPool } from '../../domain/rendered.ts';
import type { FactWrite } from '../../ports/store.ts';
import { parseSurge, policyOfCluster, surgeItem } from '../roll/cluster-policy.ts';
import { forecastRoll } from '../roll/forecast.ts';
import { surgeOf } from '../roll/policy.ts';
import type { PoolRollForecast } from './plan-document.ts';
import { rollCauses } from './roll-causes.ts';
import { appliedNames, beforeOf, type ComparisonInput } from './unit-changes.ts';

/** Drain of a node of which nothing was measured: most pods end within their 30 s. */
export const guessedDrainMs = 60_000;
/** Checks that compare a new node with old ones: two probes side by side. */
export const guessedFirstChecksMs = 60_000;

/** Nodes of each pool when somebody last looked. */
export type PoolSizes = Readonly<Record<string, number>>;

const sizesSchema = z.record(z.string(), z.number().int().min(0));
export const poolSizesKind = 'pool-sizes';

export function parsePoolSizes(value: unknown): PoolSizes {
  const parsed = sizesSchema.safeParse(value);
  return parsed.success ? parsed.data : {};
}

export function poolSizesWrite(clusterId: string, sizes: PoolSizes): FactWrite {
  return { kind: poolSizesKind, key: clusterId, value: sizes };
}

export interface PoolForecastInput extends ComparisonInput {
  cluster: Cluster;
  sizes: PoolSizes;
  histories: ReadonlyMap<string, RollHistory>;
  /** Profile of checks that look at the first new node of each worker pool before old ones go. */
  midRoll?: string | undefined;
}

export function poolForecasts(input: PoolForecastInput): PoolRollForecast[] {
  // nodes of a cluster that is not there yet are launched, not rolled
  if (input.fresh || input.fact === undefined) return [];
  const { rendered } = input.after;
  if (!input.after.sealed && input.fact.digest === rendered.digest) return [];
  const rolled = rendered.pools.flatMap((pool) => {
    const why = causes(input, pool);
    return why === undefined ? [] : [forecast(input, pool, why)];
  });
  return [...rolled, ...removedPools(input)];
}

const goneWhy = 'no longer in the configuration: drained, then its stack is deleted';

/** Drained one by one, and none is launched. */
function removedPools(input: PoolForecastInput): PoolRollForecast[] {
  const stays = new Set(input.after.rendered.pools.map((pool) => pool.name));
  const own = new Set(input.recorded?.rendered.pools.map((pool) => pool.name));
  const known = [input.after, ...(input.recorded === undefined ? [] : [input.recorded]), ...input.begun];
  // these have no stack: Karpenter takes their nodes away when their objects go
  const karpenter = new Set(known.flatMap(({ rendered }) => rendered.karpenterPools.map((pool) => pool.name)));
  return appliedNames(input, 'pools', (of) => of.pools)
    .filter((name) => !stays.has(name) && (own.has(name) || !karpenter.has(name)))
    .map((name) => {
      const controlPlane = input.recorded?.rendered.pools.find((pool) => pool.name === name)?.controlPlane ?? false;
      return { ...forecast(input, { name, controlPlane }, { why: [goneWhy], certain: true }, 1), surge: 0 };
    });
}

type Causes = Pick<PoolRollForecast, 'why' | 'certain'>;

function causes(input: ComparisonInput, pool: RenderedPool): Causes | undefined {
  const before = beforeOf(input, 'pools', (of) => of.pools, pool);
  if (before.kind === 'same' || before.kind === 'absent') return undefined;
  if (before.kind === 'unknown') return { why: [`maybe all of them: ${before.why}`], certain: false };
  const { rendered, redact } = input.after;
  const stack = rendered.stacks.find((one) => one.name === pool.stackName);
  if (stack === undefined) return undefined;
  if (before.interrupted) {
    // its stack may be applied already: what replaces nodes is the difference from the last whole version
    const last = input.recorded?.rendered.stacks.find((one) => one.name === stack.name);
    const found = last === undefined ? [] : rollCauses(last, stack, redact);
    return { why: [...found, 'a roll has begun and not ended'], certain: true };
  }
  const was = beforeOf(input, 'stacks', (of) => of.stacks, stack);
  const found = was.kind === 'known' ? rollCauses(was.unit, stack, redact) : [];
  return found.length === 0 ? undefined : { why: found, certain: true };
}

function forecast(
  input: PoolForecastInput,
  pool: Pick<RenderedPool, 'name' | 'controlPlane'>,
  why: Causes,
  /** Nodes at a time; what the pool says unless given. */
  atOnce?: number,
): PoolRollForecast {
  const { cluster, sizes, histories } = input;
  const own = cluster.nodePools.find((one) => one.name === pool.name);
  const observed = sizes[pool.name];
  const nodes = observed ?? own?.minSize ?? 0;
  const policy = policyOfCluster(cluster);
  const surge = atOnce ?? surgeOf(nodes, policy, parseSurge(own?.configItems[surgeItem] ?? ''), pool.controlPlane);
  const history = histories.get(pool.name) ?? { boots: [], drains: [] };
  const { p50Ms, p90Ms } = forecastRoll({
    drains: Array.from({ length: nodes }, () => guessedDrainMs),
    surge,
    history,
    pauseMs: pool.controlPlane ? policy.settleMs : 0,
    // What the fleet has shown by then is not known yet.
    canary: policy.canary !== false,
    checksMs: input.midRoll === undefined || pool.controlPlane || atOnce !== undefined ? 0 : guessedFirstChecksMs,
    seed: `${cluster.id}/${pool.name}`,
  });
  return {
    pool: pool.name,
    controlPlane: pool.controlPlane,
    nodes,
    nodesFrom: observed === undefined ? 'registry' : 'observed',
    surge,
    ...why,
    p50Seconds: Math.round(p50Ms / 1000),
    p90Seconds: Math.round(p90Ms / 1000),
    measured: { boots: history.boots.length, drains: history.drains.length },
  };
}

/** The control plane first, then all workers side by side. */
export function totalSeconds(rolls: readonly PoolRollForecast[], of: 'p50Seconds' | 'p90Seconds'): number {
  const planes = rolls.filter((roll) => roll.controlPlane);
  const workers = rolls.filter((roll) => !roll.controlPlane);
  return planes.reduce((sum, roll) => sum + roll[of], 0) + Math.max(0, ...workers.map((roll) => roll[of]));
}
