/** Pools and stacks that a cluster's configuration has no more: their nodes are drained one by one, then their stacks deleted (B10). */
import { FailureError, terminal } from '../../domain/failure.ts';
import type { NodePoolRollInput } from '../../domain/node-pool-roll.ts';
import type { RenderedCluster } from '../../domain/rendered.ts';
import {
  keptFor,
  type Orphan,
  orphansKind,
  orphansOf,
  orphansWrite,
  parseOrphans,
  type RemovalRefusal,
  refusedRemoval,
  removalCoolOffMs,
} from '../../planning/lifecycle/removal-plan.ts';
import { groupsOfPool } from '../../planning/pipeline/pool-currency.ts';
import { allowanceItem, allowancesOf } from '../../planning/pipeline/stack-guard.ts';
import { describeStackFailure, firstFailure } from '../../planning/pipeline/stack-state.ts';
import type { ClusterSession } from '../../ports/cluster-session.ts';
import type { JournalNote, StepOutcome } from '../../ports/step.ts';
import type { FactWrite, Json } from '../../ports/store.ts';
import { clusterOf, type PipelineDependencies } from '../pipeline-dependencies.ts';
import { bootTimeoutMs, newRoll } from './roll-pools.ts';
import {
  assertLease,
  done,
  failed,
  passed,
  renderedAsPlanned,
  type UpdateInput,
  type UpdateStep,
  waiting,
} from './update-step.ts';

const stackPollMs = 15_000;
const rollBackstopMs = 5 * 60_000;
const eventsRead = 100;

/** What nothing renders any more, and since when that is known. */
async function orphansNow(
  deps: PipelineDependencies,
  session: ClusterSession,
  input: UpdateInput,
  rendered: RenderedCluster,
) {
  const { clusterId } = input.context;
  const cluster = clusterOf(deps, clusterId);
  if (cluster === undefined) return undefined;
  const stacks = await session.cloud.listStacks({ key: `kubernetes.io/cluster/${clusterId}`, value: 'owned' });
  const orphans = orphansOf(stacks, rendered, cluster);
  const known = await deps.store.fact(orphansKind, clusterId);
  const before = parseOrphans(known?.value);
  const facts: FactWrite[] =
    known === undefined && orphans.length === 0 ? [] : [orphansWrite(clusterId, orphans, before, input.now)];
  return { cluster, orphans, before, facts };
}

/**
 * Told before anything is touched: a configuration that loses too much is refused, and the cool-off begins, so that most of it passes
 * while the rest of the update is done.
 */
export async function noteOrphans(
  deps: PipelineDependencies,
  session: ClusterSession,
  input: UpdateInput,
  rendered: RenderedCluster,
): Promise<{ facts: FactWrite[]; journal: JournalNote[] }> {
  const found = await orphansNow(deps, session, input, rendered);
  if (found === undefined) return { facts: [], journal: [] };
  const { cluster, orphans, before, facts } = found;
  const refusal = refusedRemoval(orphans, rendered, cluster);
  const journal = orphans
    .filter(({ stack }) => before[stack] === undefined)
    .map(({ pool, stack }) => ({
      kind: 'orphan-found',
      message:
        pool === undefined
          ? `stack ${stack} of ${cluster.id} is no longer in its configuration`
          : `pool ${pool} of ${cluster.id} is no longer in its configuration: its nodes are drained, then its stack is deleted`,
    }));
  if (refusal !== undefined) throw refusalOf(refusal);
  return { facts, journal };
}

/** Literals, so that every code is found where it is raised. */
function refusalOf({ code, message }: RemovalRefusal): FailureError {
  return new FailureError(
    code === 'no-workers-left' ? terminal('no-workers-left', message) : terminal('too-many-removals', message),
  );
}

interface Work {
  deps: PipelineDependencies;
  session: ClusterSession;
  input: UpdateInput;
  facts: FactWrite[];
}

/** `remove-orphans`: one after the other, pools first. */
export function removeOrphans(deps: PipelineDependencies): UpdateStep {
  return async (input) => {
    const { context } = input;
    const running = Object.entries(context.rolls).find(([, roll]) => roll.state === 'running');
    if (running !== undefined) return draining(input, running[0]);
    const rendered = await renderedAsPlanned(deps, input);
    if (rendered === undefined) return done({ kind: 'replan' });
    const session = await deps.sessions.sessionFor(context.clusterId);
    const found = await orphansNow(deps, session, input, rendered);
    if (found === undefined || found.orphans.length === 0) return { ...passed(), facts: found?.facts ?? [] };
    const { cluster, orphans, before, facts } = found;
    const refusal = refusedRemoval(orphans, rendered, cluster);
    if (refusal !== undefined) throw refusalOf(refusal);
    const work: Work = { deps, session, input, facts };
    const journal: JournalNote[] = [];
    for (const orphan of orphans) {
      if (orphan.status === 'DELETE_FAILED') return deletionFailed(work, orphan);
      if (orphan.status.endsWith('_IN_PROGRESS')) return stackWait(work, orphan);
      const kept = await reasonToKeep(work, orphan, cluster.configItems[allowanceItem]);
      if (kept !== undefined) {
        journal.push({ kind: 'orphan-kept', message: `stack ${orphan.stack} of ${cluster.id} stays: ${kept}` });
        continue;
      }
      const until = Math.min(before[orphan.stack] ?? input.now, input.now) + removalCoolOffMs(cluster);
      if (until > input.now) return coolingOff(work, orphan, until);
      return remove(work, orphan);
    }
    return done({ kind: 'next' }, { facts, journal });
  };
}

async function reasonToKeep({ session, input }: Work, orphan: Orphan, items: string | undefined) {
  const allowed = new Set(allowancesOf(items, orphan.stack, input.now).keys());
  return keptFor(await session.cloud.stackTemplate(orphan.stack), orphan, allowed);
}

function coolingOff({ facts }: Work, { pool, stack }: Orphan, until: number): StepOutcome {
  const what = pool === undefined ? `stack ${stack}` : `pool ${pool}`;
  const message = `${what} is no longer in the configuration; it is removed from ${new Date(until).toISOString()} on, unless it comes back before`;
  return waiting({ code: 'cool-off', message }, until, {}, { facts });
}

function draining(input: UpdateInput, pool: string): StepOutcome {
  const blocked = input.context.rolls[pool]?.blocked;
  const reason =
    blocked == null
      ? { code: 'draining-pool', message: `nodes of ${pool}, which is removed, are drained one by one` }
      : { code: 'roll-blocked', message: blocked.message, data: (blocked.data ?? null) as Json };
  return waiting(reason, input.now + rollBackstopMs);
}

function stackWait({ input, facts }: Work, { stack }: Orphan): StepOutcome {
  const reason = { code: 'stack-deletion', message: `waits until ${stack} is deleted` };
  return waiting(reason, input.now + stackPollMs, {}, { facts });
}

async function deletionFailed({ session }: Work, { stack, status }: Orphan): Promise<StepOutcome> {
  const failure = firstFailure(await session.cloud.stackEvents(stack, eventsRead), 0);
  return failed('stack-delete-failed', describeStackFailure(stack, status, failure));
}

/** A pool is drained first, and its stack goes only when a fresh look shows no node of it. */
async function remove(work: Work, orphan: Orphan): Promise<StepOutcome> {
  const { input, session } = work;
  const { pool } = orphan;
  if (pool !== undefined) {
    session.cloudChanged();
    const groups = groupsOfPool(await session.groups(0), pool);
    const empty = groups.every(
      (group) => group.desired === 0 && group.instances.every((one) => one.lifecycleState.startsWith('Terminat')),
    );
    const roll = input.context.rolls[pool];
    if (roll === undefined && !empty) return startDrain(work, orphan, pool);
    if (roll !== undefined && roll.state !== 'rolled') {
      return failed(`roll-${roll.state}`, `pool ${pool} could not be drained: ${roll.reason ?? 'no reason given'}`);
    }
    if (!empty) return failed('pool-not-empty', `pool ${pool} has nodes again after it was drained: its stack stays`);
  }
  return deleteStack(work, orphan);
}

function startDrain({ input, facts }: Work, { controlPlane }: Orphan, pool: string): StepOutcome {
  const { context } = input;
  const start: NodePoolRollInput = {
    clusterId: context.clusterId,
    updateId: input.id,
    rolloutId: context.rolloutId,
    pool,
    controlPlane,
    commit: context.commit,
    blockLimitMs: context.policy.blockLimitMs,
    bootTimeoutMs,
    removes: true,
  };
  const to = `roll:${input.id}:${pool}:removal:${context.plan?.round ?? 0}`;
  const message = {
    to,
    event: { type: 'START', input: start as unknown as Json },
    start: {
      machine: 'nodePoolRoll',
      parent: input.id,
      channel: context.channel,
      cluster: context.clusterId,
      commit: context.commit,
    },
  };
  const note = `${context.clusterId}: nodes of ${pool}, which is removed, are drained one by one`;
  return done(
    { kind: 'again', rolls: { [pool]: newRoll(controlPlane, to, input.now) } },
    { messages: [message], facts, journal: [{ kind: 'removal-started', message: note, data: { pools: [pool] } }] },
  );
}

async function deleteStack(work: Work, orphan: Orphan): Promise<StepOutcome> {
  const { input, session, facts } = work;
  const { stack, terminationProtection } = orphan;
  assertLease(input);
  if (terminationProtection) await session.cloud.setTerminationProtection(stack, false);
  assertLease(input);
  await session.cloud.deleteStack(stack, `clm-remove-${input.context.commit.slice(0, 12)}-${stack}`.slice(0, 128));
  const message = `stack ${stack} of ${input.context.clusterId}, which is no longer in its configuration, is deleted`;
  const reason = { code: 'stack-deletion', message: `waits until ${stack} is deleted` };
  return waiting(reason, input.now + stackPollMs, {}, { facts, journal: [{ kind: 'stack-removed', message }] });
}
