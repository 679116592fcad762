/**
 * How long an update of a cluster takes in a simulated promotion: its stacks, the rolls of the pools that a commit outdates, its checks.
 * Rolls by measured boots and drains where there are some, and all of it stretched to what one of the cluster's earlier updates took, so
 * that the estimate of `clm status` and the simulation say the same of the same fleet.
 */
import type { Cluster } from '../../domain/cluster.ts';
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import type { GroupContent } from '../../planning/change/group-contents.ts';
import { type Launches, launchesOf } from '../../planning/change/launches.ts';
import { type PoolSizes, parsePoolSizes, poolSizesKind } from '../../planning/change/pool-forecast.ts';
import { launchCauses } from '../../planning/change/roll-causes.ts';
import { rollShape } from '../../planning/change/roll-shape.ts';
import type { FleetBootRecord } from '../../planning/roll/canary.ts';
import { drawRoll } from '../../planning/roll/forecast.ts';
import type { ReadStore } from '../../ports/store.ts';
import { bootsKind, readBootRecords } from '../../steps/roll/boot-records.ts';
import { historyKey, historyKind, readHistory } from '../../steps/roll/measurements.ts';
import type { Random } from '../../support/random.ts';
import { stackMs } from './settled-clusters.ts';

/** A run of checks of which nothing was measured. */
export const guessedChecksMs = 5 * 60_000;
/** Never less than this share of what the work itself suggests, however short earlier updates were. */
const leastShare = 0.2;

/** What a daemon has measured of the fleet; empty without one. */
export interface Measured {
  /** Whole updates in ms, by cluster. */
  updates: ReadonlyMap<string, readonly number[]>;
  sizes: ReadonlyMap<string, PoolSizes>;
  /** By `historyKey`. */
  histories: ReadonlyMap<string, RollHistory>;
  /** Of the whole fleet. */
  boots: readonly FleetBootRecord[];
}

export async function readMeasured(store: Pick<ReadStore, 'facts'> | undefined): Promise<Measured> {
  const facts = async (kind: string) => (await store?.facts(kind)) ?? [];
  const numbers = (value: unknown): number[] => {
    const { updates } = (value ?? {}) as { updates?: unknown };
    return Array.isArray(updates) ? updates.filter((one) => typeof one === 'number') : [];
  };
  return {
    updates: new Map(
      (await facts('duration')).flatMap(({ key, value }) => {
        const list = numbers(value);
        return list.length === 0 ? [] : [[key, list] as const];
      }),
    ),
    sizes: new Map((await facts(poolSizesKind)).map(({ key, value }) => [key, parsePoolSizes(value)])),
    histories: new Map(
      (await facts(historyKind)).flatMap(({ key, value }) => {
        const history = readHistory(value);
        return history === undefined ? [] : [[key, history] as const];
      }),
    ),
    boots: readBootRecords(await facts(bootsKind)),
  };
}

/** Nodes of a pool when somebody last looked, else its least size in the registry, at least one. */
export function nodesIn(measured: Measured, cluster: Cluster, pool: string): number {
  const known = measured.sizes.get(cluster.id)?.[pool];
  return Math.max(1, known ?? cluster.nodePools.find((one) => one.name === pool)?.minSize ?? 1);
}

export interface Work {
  /** Whole rolls in ms, by pool that the version outdates. */
  rolls: ReadonlyMap<string, number>;
  /** What has shown that it boots once the update is through. */
  boots: readonly Omit<FleetBootRecord, 'since' | 'lastAt'>[];
  checksMs: number;
}

export interface WorkInput {
  cluster: Cluster;
  before: RenderedCluster | undefined;
  after: RenderedCluster;
  /** Runs of checks that an update makes one after the other. */
  checkRuns: number;
  /** Rolls of workers wait for checks on their first new nodes. */
  midRoll: boolean;
  /** Clusters of the same channel, whose updates stand for those of one that has none. */
  alike: readonly string[];
  /** What updates before it have shown in this simulation, beside what is measured. */
  boots: readonly FleetBootRecord[];
  now: number;
}

/** Draws what one update takes. */
export function drawWork(measured: Measured, input: WorkInput, random: Random): Work {
  const { cluster, before, after, checkRuns, midRoll, now } = input;
  const rolls = new Map<string, number>();
  const boots: Work['boots'][number][] = [];
  const evidence = { records: [...measured.boots, ...input.boots], now };
  let planes = 0;
  let workers = 0;
  for (const pool of after.pools) {
    const launches = before === undefined ? undefined : outdates(before, after, pool.stackName);
    if (launches === undefined) continue;
    const nodes = nodesIn(measured, cluster, pool.name);
    const { forecast, contents } = rollShape({
      cluster,
      pool,
      nodes,
      history: measured.histories.get(historyKey(cluster.id, pool.name)),
      ...launches,
      kubernetesVersion: after.kubernetesVersion,
      evidence,
      checked: midRoll,
    });
    const ms = drawRoll(forecast, random);
    rolls.set(pool.name, ms);
    boots.push(...contents.flatMap((one) => bootOf(one, cluster.id, pool.name)));
    if (pool.controlPlane) planes += ms;
    else workers = Math.max(workers, ms);
  }
  const changed = after.stacks.filter(
    (stack) => before?.stacks.find((one) => one.name === stack.name)?.digest !== stack.digest,
  );
  const stacksMs = new Set(changed.map((stack) => stack.kind)).size * stackMs;
  const suggested = planes + workers + checkRuns * guessedChecksMs;
  const total = drawTotal(measured, input, random);
  const share = total === undefined ? 1 : Math.max(leastShare, (total - stacksMs) / suggested);
  return {
    rolls: new Map([...rolls].map(([pool, ms]) => [pool, ms * share])),
    boots,
    checksMs: guessedChecksMs * share,
  };
}

function drawTotal(measured: Measured, { cluster, alike }: WorkInput, random: Random): number | undefined {
  const channelWide = alike.flatMap((id) => measured.updates.get(id) ?? []);
  const samples =
    measured.updates.get(cluster.id) ?? (channelWide.length > 0 ? channelWide : [...measured.updates.values()].flat());
  return samples[random.int(Math.max(1, samples.length))];
}

function bootOf({ content }: GroupContent, clusterId: string, pool: string): Work['boots'] {
  return content === null ? [] : [{ ...content, clusterId, pool, nodes: 1, failedAt: null }];
}

/** What the nodes of a pool are launched from, before and after; undefined when its stack does not change that. */
function outdates(
  before: RenderedCluster,
  after: RenderedCluster,
  stackName: string,
): Record<'before' | 'after', Launches | undefined> | undefined {
  const was = before.stacks.find((one) => one.name === stackName);
  const will = after.stacks.find((one) => one.name === stackName);
  if (was === undefined || will === undefined || was.digest === will.digest) return undefined;
  const launches = { before: launchesOf(was), after: launchesOf(will) };
  return launchCauses(launches.before, launches.after, (text) => text).length > 0 ? launches : undefined;
}
