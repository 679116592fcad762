import { isDeepStrictEqual } from 'node:util';
import type { PoolRoll, UpdateOutput } from '../../domain/cluster-update.ts';
import type { NodePoolRollInput, SurgeSetting } from '../../domain/node-pool-roll.ts';
import type { RenderedPool } from '../../domain/rendered.ts';
import { type PoolSizes, poolSizesKind, poolSizesWrite } from '../../planning/change/pool-forecast.ts';
import { groupsOfPool, isComparable, outdatedInstances } from '../../planning/pipeline/pool-currency.ts';
import { withApplied } from '../../planning/pipeline/update-plan.ts';
import { parseSurge, surgeItem } from '../../planning/roll/cluster-policy.ts';
import { removingTag, revertedTag } from '../../planning/roll/group-tags.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json, OutboxMessage } from '../../ports/store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { firstNodeWait, midRoll, nextMidRollAt } from './mid-roll.ts';
import {
  clusterFactWrite,
  done,
  failed,
  readClusterFact,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

const backstopMs = 5 * 60_000;
/** A new node that is not usable by then counts as a failed boot. */
export const bootTimeoutMs = 20 * 60_000;

/** Has the pools rolled that have outdated nodes: the control plane pool by pool, workers all at once. */
export function rollPools(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const controlPlane = input.state === 'controlPlaneRoll';
    const own = Object.entries(context.rolls).filter(([, roll]) => roll.controlPlane === controlPlane);
    const bad = own.find(([, roll]) => roll.state === 'failed' || roll.state === 'aborted');
    if (bad !== undefined) {
      const [pool, roll] = bad;
      return failed(
        `roll-${roll.state}`,
        `the roll of pool ${pool} ${roll.state}: ${roll.reason ?? 'no reason given'}`,
      );
    }
    const running = own.filter(([, roll]) => roll.state === 'running').map(([pool]) => pool);
    const looked = controlPlane ? undefined : midRoll(input, rollsOf(input, running));
    if (looked !== undefined) return looked;
    if (running.length > 0 && controlPlane) return rolling(input, running);
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return running.length > 0 ? rolling(input, running) : done({ kind: 'replan' });
    const pools = rendered.pools.filter((pool) => pool.controlPlane === controlPlane);
    const open = pools.filter((pool) => context.rolls[pool.name] === undefined);
    if (open.length > 0) return startRolls(deps, input, open, { controlPlane, pools, running });
    if (running.length > 0) return rolling(input, running);
    if (context.midRoll?.child != null) {
      return waiting({ code: 'checks', message: 'checks of new nodes come to their end' }, input.now + backstopMs);
    }
    return finished(deps, input, pools);
  };
}

async function startRolls(
  deps: PipelineDependencies,
  input: UpdateInput,
  open: RenderedPool[],
  { controlPlane, pools, running }: { controlPlane: boolean; pools: RenderedPool[]; running: string[] },
): Promise<StepOutcome> {
  const session = await deps.sessions.sessionFor(input.context.clusterId);
  // stacks have just changed: what was described before says nothing
  session.cloudChanged();
  const groups = await session.groups(0);
  const rolls: Record<string, PoolRoll> = {};
  const messages: OutboxMessage[] = [];
  for (const pool of open) {
    if (isCurrent(groupsOfPool(groups, pool.name))) {
      rolls[pool.name] = newRoll(controlPlane, null, input.now);
      continue;
    }
    const start = startRoll(input, pool, surgeOfPool(deps, input.context.clusterId, pool.name));
    rolls[pool.name] = newRoll(controlPlane, start.to, input.now);
    messages.push(start);
    if (controlPlane) break;
  }
  const names = messages.length === 0 ? [] : Object.keys(rolls).filter((name) => rolls[name]?.child !== null);
  const journal =
    names.length === 0
      ? []
      : [
          {
            kind: 'rolls-started',
            message: `${input.context.clusterId}: nodes of ${names.join(', ')} are replaced`,
            data: { pools: names },
          },
        ];
  const sizes = Object.fromEntries(
    groups
      .flatMap((group) => (group.tags['NodePool'] === undefined ? [] : [group.tags['NodePool']]))
      .map((pool) => [pool, groupsOfPool(groups, pool).reduce((sum, group) => sum + group.instances.length, 0)]),
  );
  const facts = await sizesWrites(deps, input, sizes);
  if (messages.length === 0 && running.length === 0 && input.context.midRoll?.child == null)
    return through({ kind: 'next', rolls }, [...facts, ...(await appliedPools(deps, input, pools))]);
  return done({ kind: 'again', rolls }, { messages, journal, facts });
}

/** Nothing is outdated. A pool that cannot be judged, or has no group, is left to the roll to look at: unknown is not current. */
function isCurrent(groups: NodeGroup[]): boolean {
  return (
    groups.length > 0 &&
    groups.every(
      (group) =>
        isComparable(group) &&
        outdatedInstances(group).length === 0 &&
        group.tags[revertedTag] === undefined &&
        // a removal that was given up has left its marks
        group.tags[removingTag] === undefined,
    )
  );
}

export function newRoll(controlPlane: boolean, child: string | null, now: number): PoolRoll {
  return {
    controlPlane,
    state: child === null ? 'current' : 'running',
    child,
    since: now,
    nodesReplaced: 0,
    evictions: 0,
    reason: null,
    blocked: null,
  };
}

/** The pool's own setting; the cluster's applies without one. */
function surgeOfPool(deps: PipelineDependencies, clusterId: string, pool: string): SurgeSetting | undefined {
  const items = clusterOf(deps, clusterId)?.nodePools.find((one) => one.name === pool)?.configItems;
  return parseSurge(items?.[surgeItem] ?? '');
}

function startRoll(input: UpdateInput, pool: RenderedPool, surge: SurgeSetting | undefined): OutboxMessage {
  const { context } = input;
  const round = context.plan?.round ?? 0;
  const start: NodePoolRollInput = {
    clusterId: context.clusterId,
    updateId: input.id,
    rolloutId: context.rolloutId,
    pool: pool.name,
    controlPlane: pool.controlPlane,
    commit: context.commit,
    blockLimitMs: context.policy.blockLimitMs,
    bootTimeoutMs,
    ...(surge === undefined ? {} : { surge }),
    ...(context.policy.e2eGate?.midRoll === undefined || pool.controlPlane ? {} : { checksFirst: true }),
  };
  return {
    // a plan made anew within the same update rolls again: what ended under the first plan must not answer for it
    to: `roll:${input.id}:${pool.name}${round === 0 ? '' : `:${round}`}`,
    event: { type: 'START', input: start as unknown as Json },
    start: {
      machine: 'nodePoolRoll',
      parent: input.id,
      channel: context.channel,
      cluster: context.clusterId,
      commit: context.commit,
    },
  };
}

function rolling(input: UpdateInput, pools: string[]): StepOutcome {
  const blocked = pools.map((pool) => input.context.rolls[pool]?.blocked).find((block) => block != null);
  const names = pools.join(', ');
  const held = firstNodeWait(rollsOf(input, pools));
  const reason =
    blocked == null
      ? (held ?? { code: 'rolling', message: `nodes of ${names} are being replaced` })
      : { code: 'roll-blocked', message: blocked.message, data: (blocked.data ?? null) as Json };
  return waiting(reason, Math.min(input.now + backstopMs, nextMidRollAt(input, rollsOf(input, pools))));
}

/** Of workers. */
function rollsOf({ context }: UpdateInput, pools: string[]): Record<string, PoolRoll> {
  return Object.fromEntries(
    Object.entries(context.rolls).filter(([pool, roll]) => pools.includes(pool) && !roll.controlPlane),
  );
}

async function finished(deps: PipelineDependencies, input: UpdateInput, pools: RenderedPool[]): Promise<StepOutcome> {
  return through({ kind: 'next' }, await appliedPools(deps, input, pools));
}

/** Where nothing is to be written, the phase has only looked. */
function through(output: UpdateOutput & { kind: 'next' }, facts: FactWrite[]): StepOutcome {
  return facts.length > 0 ? done(output, { facts }) : { ...done(output), quiet: true };
}

/** What is known already is not written again. */
async function appliedPools(
  deps: PipelineDependencies,
  input: UpdateInput,
  pools: RenderedPool[],
): Promise<FactWrite[]> {
  const { clusterId } = input.context;
  const fact = await readClusterFact(deps, clusterId);
  const news = pools.filter((pool) => fact.digests.pools[pool.name] !== pool.digest);
  if (news.length === 0) return [];
  const digests = Object.fromEntries(news.map((pool) => [pool.name, pool.digest]));
  return [clusterFactWrite(clusterId, withApplied(fact, { pools: digests }, input.now))];
}

async function sizesWrites(deps: PipelineDependencies, input: UpdateInput, sizes: PoolSizes): Promise<FactWrite[]> {
  const { clusterId } = input.context;
  const known = (await deps.store.fact(poolSizesKind, clusterId))?.value;
  return isDeepStrictEqual(known, sizes) ? [] : [poolSizesWrite(clusterId, sizes)];
}
