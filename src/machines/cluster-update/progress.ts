/** How reports change a cluster update's context: small pure functions, used by the reducer alone. */
import {
  type ClusterUpdateState,
  type E2eFailure,
  type E2eProgress,
  nodeRolls,
  type PoolRoll,
  type UpdateProgress,
} from '../../domain/cluster-update.ts';
import type { FirstNode } from '../../domain/node-pool-roll.ts';
import { keepFailure, type StoredFailure } from '../stored-shapes.ts';

/** Longest stretch that one observation stands for: downtime and clock jumps count no more than this. */
export const longestTickMs = 10 * 60_000;
/** Transient failures in a row before the cluster counts as stalled; with the engine's backoff about half an hour. */
export const stallAfter = 10;
const shortestStallMs = 15 * 60_000;
const longestStallMs = 60 * 60_000;
const keptFailures = 20;

type Change = Partial<ClusterUpdateState>;

function anyBlocked(context: Pick<ClusterUpdateState, 'rolls'>): boolean {
  return Object.values(context.rolls).some((roll) => roll.blocked !== null);
}

/** Observed time goes to `blockedMs` while a budget blocks, to `activeMs` otherwise, and nowhere while paused or queued. */
export function observedTime(context: ClusterUpdateState, now: number): Change {
  if (context.admittedAt === 0) return {};
  const elapsed = Math.min(Math.max(now - context.lastSeenAt, 0), longestTickMs);
  if (context.paused !== null) return { lastSeenAt: now };
  return anyBlocked(context)
    ? { lastSeenAt: now, blockedMs: context.blockedMs + elapsed }
    : { lastSeenAt: now, activeMs: context.activeMs + elapsed };
}

export function merged(context: ClusterUpdateState, progress: UpdateProgress | null): Change {
  if (progress === null) return {};
  const change: Change = {};
  if (progress.asked !== undefined) change.asked = progress.asked;
  if (progress.plan !== undefined) change.plan = progress.plan;
  if (progress.stacks !== undefined) change.stacks = { ...context.stacks, ...progress.stacks };
  if (progress.components !== undefined) change.components = progress.components;
  if (progress.rolls !== undefined) change.rolls = { ...context.rolls, ...progress.rolls };
  if (progress.e2e !== undefined) change.e2e = progress.e2e;
  if (progress.baseline !== undefined) change.baseline = progress.baseline;
  if (progress.midRoll !== undefined) change.midRoll = progress.midRoll;
  if (progress.reported !== undefined) change.reported = progress.reported;
  if (progress.told !== undefined) change.told = progress.told;
  if (progress.poked === true) change.poke = false;
  return change;
}

/** A new plan starts from nothing applied: what was done before shows as unchanged digests. */
export function afresh(): Change {
  return { stacks: {}, components: [], rolls: {}, e2e: null, midRoll: undefined };
}

interface RollOutput {
  result: 'rolled' | 'aborted' | 'failed';
  pool: string;
  nodesReplaced: number;
  evictions: number;
  reason?: string;
}

interface E2eOutput {
  result: 'passed' | 'failed' | 'error';
  passed: number;
  failed: number;
  skipped: number;
  failures: E2eFailure[];
  flaky?: string[];
  said?: E2eFailure[];
}

export function withChildFinished(
  context: ClusterUpdateState,
  event: { child: string; machine: string; output: unknown },
): Change {
  const told = context.told.filter((child) => child !== event.child);
  if (event.machine === 'e2eRun' && context.e2e?.child === event.child) {
    return { told, e2e: finishedE2e(context.e2e, event.output as E2eOutput) };
  }
  if (event.machine === 'e2eRun' && context.baseline?.child === event.child) {
    return { told, baseline: finishedBaseline(context.baseline.round, event.output as E2eOutput) };
  }
  if (event.machine === 'e2eRun' && context.midRoll?.child === event.child) {
    const { result, failures, said = [] } = event.output as E2eOutput;
    const found = { result, failures: failures.slice(0, keptFailures), said: said.slice(0, keptFailures) };
    return { told, midRoll: { ...context.midRoll, child: null, ...found } };
  }
  const found = Object.entries(context.rolls).find(([, roll]) => roll.child === event.child);
  if (event.machine !== 'nodePoolRoll' || found === undefined) return {};
  const [pool, roll] = found;
  const output = event.output as RollOutput;
  const finished: PoolRoll = {
    ...roll,
    state: output.result,
    nodesReplaced: output.nodesReplaced,
    evictions: output.evictions,
    reason: output.reason ?? null,
    blocked: null,
  };
  return { told, rolls: { ...context.rolls, [pool]: finished } };
}

function finishedE2e(e2e: E2eProgress, output: E2eOutput): E2eProgress {
  return {
    ...e2e,
    state: 'finished',
    result: output.result,
    passed: output.passed,
    failed: output.failed,
    skipped: output.skipped,
    failures: output.failures.slice(0, keptFailures),
    flaky: (output.flaky ?? []).slice(0, keptFailures),
  };
}

/** A run without a verdict says nothing of the cluster: nothing is excused by it. */
function finishedBaseline(round: number, output: E2eOutput): ClusterUpdateState['baseline'] {
  const kept = output.failures.slice(0, keptFailures);
  return output.result === 'error' ? { round, child: null } : { round, child: null, failures: kept };
}

export function withRollBlocked(context: ClusterUpdateState, pool: string, blocked: PoolRoll['blocked']): Change {
  const roll = context.rolls[pool];
  if (roll === undefined || roll.state !== 'running') return {};
  return { rolls: { ...context.rolls, [pool]: { ...roll, blocked } } };
}

/** `nodes`: all that the pool waits for checks on now. */
export function withFirstNodes(context: ClusterUpdateState, pool: string, nodes: readonly FirstNode[]): Change {
  const roll = context.rolls[pool];
  if (roll === undefined || roll.state !== 'running') return {};
  const { firstNodes: _before, ...rest } = roll;
  const firstNodes = nodes.map(({ node, since }) => ({ node, since }));
  return { rolls: { ...context.rolls, [pool]: { ...rest, ...(firstNodes.length === 0 ? {} : { firstNodes }) } } };
}

export function withFailure(
  context: ClusterUpdateState,
  event: { failure: StoredFailure; retryAt: number; now: number },
): Change {
  const failures = context.failures + 1;
  const stalls = event.failure.kind === 'transient' && failures >= stallAfter;
  const rounds = context.stall?.rounds ?? 0;
  const pauseMs = Math.min(shortestStallMs * 2 ** Math.min(rounds, 8), longestStallMs);
  return {
    failures,
    failure: keepFailure(event.failure),
    stall: stalls
      ? {
          since: context.stall?.since ?? event.now,
          retryAt: Math.max(event.retryAt, event.now + pauseMs),
          rounds: rounds + 1,
        }
      : context.stall,
  };
}

export function nodesReplaced(context: Pick<ClusterUpdateState, 'rolls'>): number {
  return nodeRolls(context).reduce((sum, roll) => sum + roll.nodesReplaced, 0);
}
