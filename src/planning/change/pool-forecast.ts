/** Which pools roll, how many nodes, why, and how long it will take: from what was observed and measured, without asking anybody. */
import { z } from 'zod';
import type { Cluster } from '../../domain/cluster.ts';
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { RenderedPool } from '../../domain/rendered.ts';
import type { FactWrite } from '../../ports/store.ts';
import { forecastRoll } from '../roll/forecast.ts';
import type { BootEvidence } from './group-contents.ts';
import { type Launches, launchesOf } from './launches.ts';
import type { PoolContent, PoolRollForecast } from './plan-document.ts';
import { launchCauses } from './roll-causes.ts';
import { type RollShape, rollShape } from './roll-shape.ts';
import { appliedNames, beforeOf, type ComparisonInput } from './unit-changes.ts';

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
  /** What nodes of the fleet have shown to boot. */
  evidence: BootEvidence;
  /** Profile of checks that look at the first new node of each content of a worker pool before old ones go. */
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

type Causes = Pick<PoolRollForecast, 'why' | 'certain'> & {
  before?: Launches | undefined;
  after?: Launches | undefined;
};

function causes(input: ComparisonInput, pool: RenderedPool): Causes | undefined {
  const before = beforeOf(input, 'pools', (of) => of.pools, pool);
  if (before.kind === 'same' || before.kind === 'absent') return undefined;
  const { rendered, redact } = input.after;
  const stack = rendered.stacks.find((one) => one.name === pool.stackName);
  if (before.kind === 'unknown') {
    const why = [`maybe all of them: ${before.why}`];
    return { why, certain: false, after: stack && launchesOf(stack) };
  }
  if (stack === undefined) return undefined;
  const after = launchesOf(stack);
  if (before.interrupted) {
    // its stack may be applied already: what replaces nodes is the difference from the last whole version
    const last = input.recorded?.rendered.stacks.find((one) => one.name === stack.name);
    const was = last && launchesOf(last);
    const found = last === undefined ? [] : launchCauses(was, after, redact);
    return { why: [...found, 'a roll has begun and not ended'], certain: true, before: was, after };
  }
  const known = beforeOf(input, 'stacks', (of) => of.stacks, stack);
  if (known.kind !== 'known') return undefined;
  const was = launchesOf(known.unit);
  const found = launchCauses(was, after, redact);
  return found.length === 0 ? undefined : { why: found, certain: true, before: was, after };
}

function forecast(
  input: PoolForecastInput,
  pool: Pick<RenderedPool, 'name' | 'controlPlane'>,
  { why, certain, ...launches }: Causes,
  atOnce?: number,
): PoolRollForecast {
  const { cluster, evidence, sizes, histories } = input;
  const observed = sizes[pool.name];
  const nodes = observed ?? cluster.nodePools.find((one) => one.name === pool.name)?.minSize ?? 0;
  const { contents, forecast: shape } = rollShape({
    cluster,
    pool,
    nodes,
    history: histories.get(pool.name),
    before: launches.before,
    after: launches.after,
    kubernetesVersion: input.after.rendered.kubernetesVersion,
    evidence,
    checked: input.midRoll !== undefined,
    atOnce,
  });
  const { p50Ms, p90Ms } = forecastRoll({ ...shape, seed: `${cluster.id}/${pool.name}` });
  const { boots, drains } = shape.history;
  return {
    pool: pool.name,
    controlPlane: pool.controlPlane,
    nodes,
    nodesFrom: observed === undefined ? 'registry' : 'observed',
    surge: shape.surge,
    why,
    certain,
    p50Seconds: Math.round(p50Ms / 1000),
    p90Seconds: Math.round(p90Ms / 1000),
    measured: { boots: boots.length, drains: drains.length },
    ...(contents.length === 0 ? {} : { contents: toldContents(contents) }),
  };
}

/** Groups by what they launch. */
function toldContents(contents: RollShape['contents']): PoolContent[] {
  const told = new Map<string, PoolContent>();
  for (const { group, key, canary } of contents) {
    const known = told.get(key) ?? { groups: [], canary };
    told.set(key, { ...known, groups: [...known.groups, group] });
  }
  return [...told.values()];
}

/** The control plane first, then all workers side by side. */
export function totalSeconds(rolls: readonly PoolRollForecast[], of: 'p50Seconds' | 'p90Seconds'): number {
  const planes = rolls.filter((roll) => roll.controlPlane);
  const workers = rolls.filter((roll) => !roll.controlPlane);
  return planes.reduce((sum, roll) => sum + roll[of], 0) + Math.max(0, ...workers.map((roll) => roll[of]));
}
