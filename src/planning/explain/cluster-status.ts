/** One cluster of the status document. */
import type { Cluster } from '../../domain/cluster.ts';
import { isControlPlane } from '../../domain/cluster.ts';
import type { RollNode, RollNodePhase } from '../../domain/node-pool-roll.ts';
import { isBeingCreated } from '../lifecycle/cluster-lifecycle.ts';
import type { DriftFact } from '../pipeline/cluster-drift.ts';
import {
  type CatchUpView,
  type ClusterFactView,
  type ClusterUpdateView,
  type DecommissionView,
  type E2eRunView,
  type FailureView,
  isoTime,
  type MemberView,
  type NodePoolRollView,
  outerState,
  type PoolRollView,
  type ProcessView,
  type RolloutView,
  viewOf,
  type WaitView,
} from './process-views.ts';
import type { ClusterState } from './states.ts';
import type {
  BlockerStatus,
  ChecksStatus,
  ClusterStatus,
  NodeStatus,
  PoolStatus,
  WaitStatus,
} from './status-document.ts';

export interface ClusterInput {
  cluster: Cluster;
  fact: ClusterFactView | undefined;
  /** Newest update that is not final. */
  update: ProcessView | undefined;
  /** Newest finished one, when it failed. */
  failedUpdate: ProcessView | undefined;
  quarantined: boolean;
  rollout: { row: ProcessView; view: RolloutView } | undefined;
  /** Its update apart from rollouts, as the channel keeps it. */
  catchUp?: CatchUpView | undefined;
  /** The process that takes it away. */
  decommission?: ProcessView | undefined;
  /** What was seen when it was last looked at whether it is as it was recorded. */
  drift?: DriftFact | undefined;
  /** Commit that the channel wants on it. */
  target: string | undefined;
  /** Rolls and e2e runs, by id. */
  child(id: string): ProcessView | undefined;
}

export function clusterStatus(input: ClusterInput): ClusterStatus {
  const { cluster, fact, update, target } = input;
  const view = update === undefined ? undefined : viewOf<ClusterUpdateView>(update);
  const member = input.rollout?.view.members[cluster.id];
  const state = clusterState(input, view, member);
  const base = {
    id: cluster.id,
    alias: cluster.alias,
    channel: cluster.channel,
    environment: cluster.environment,
    region: cluster.region,
    account: cluster.infrastructureAccount,
    lifecycle: cluster.lifecycleStatus,
    state,
    ...(typeof fact?.currentVersion === 'string' ? { version: fact.currentVersion } : {}),
    ...(fact?.updatedAt === undefined ? {} : { updatedAt: isoTime(fact.updatedAt) }),
    ...(input.drift === undefined ? {} : { drift: driftPart(input.drift, fact) }),
  };
  if (update !== undefined && view !== undefined) return { ...base, ...flightPart(input, update, view) };
  const going = input.decommission;
  if (going !== undefined) return { ...base, ...leavingPart(going, viewOf<DecommissionView>(going)) };
  const aim = fact?.commit === target ? undefined : target;
  const failure = state === 'failed' ? (member?.failure ?? creationFailure(input)) : undefined;
  const ended = input.failedUpdate === undefined ? undefined : viewOf<ClusterUpdateView>(input.failedUpdate);
  return {
    ...base,
    ...(aim === undefined ? {} : { target: aim }),
    waits: idleWaits(input, state, member),
    ...(member === undefined ? {} : { attempt: member.attempt }),
    ...(failure === undefined ? {} : { failure: plainFailure(failure) }),
    ...(state === 'failed' && ended?.e2e ? { checks: checksOf(ended, undefined) } : {}),
    ...(state === 'failed' && stoppedByNewNodes(failure) ? newNodesOf(ended) : {}),
    ...(input.failedUpdate !== undefined && state === 'failed' ? { since: isoTime(input.failedUpdate.updatedAt) } : {}),
    pools: [],
  };
}

/** What was found before the last update is not there any more, or will be found again. */
function driftPart({ at, next, found }: DriftFact, fact: ClusterFactView | undefined): ClusterStatus['drift'] {
  const since = fact?.updatedAt ?? 0;
  return {
    ...(at === 0 ? {} : { lookedAt: isoTime(at) }),
    nextLookAt: isoTime(next),
    found: since > at ? [] : found,
  };
}

function creationFailure({ catchUp }: ClusterInput): FailureView | undefined {
  if (catchUp?.state !== 'failed') return undefined;
  return { kind: 'transient', code: 'creation-failed', message: catchUp.message };
}

function clusterState(
  input: ClusterInput,
  view: ClusterUpdateView | undefined,
  member: MemberView | undefined,
): ClusterState {
  const { cluster, fact, update, target } = input;
  if (input.quarantined) return 'quarantined';
  if (update !== undefined && view !== undefined) return flightState(update, view);
  if (input.decommission !== undefined) return 'decommissioning';
  if (isBeingCreated(cluster)) return input.catchUp?.state === 'failed' ? 'failed' : 'queued';
  if (cluster.lifecycleStatus !== 'ready') return 'ineligible';
  if (member?.state === 'failed') return 'failed';
  if (fact?.commit === undefined || fact.commit === null) return target === undefined ? 'unknown' : 'queued';
  return target === undefined || fact.commit === target ? 'up-to-date' : 'queued';
}

function flightState(update: ProcessView, view: ClusterUpdateView): ClusterState {
  const state = outerState(update.value);
  if (state === 'paused') return 'paused';
  if (Object.values(view.rolls).some((roll) => roll.state === 'running' && roll.blocked !== null)) return 'blocked';
  if (view.stall !== null) return 'stalled';
  if (state === 'queued' || view.admittedAt === 0) return 'queued';
  return state === 'e2e' ? 'verifying' : 'updating';
}

function flightPart(
  input: ClusterInput,
  update: ProcessView,
  view: ClusterUpdateView,
): Pick<ClusterStatus, 'waits' | 'pools'> & Partial<ClusterStatus> {
  const pools = poolsOf(input, view);
  const run = view.e2e === null ? undefined : input.child(view.e2e.child);
  const blocker = pools.find((pool) => pool.blocker !== undefined)?.blocker;
  return {
    target: view.commit,
    phase: phaseWords(outerState(update.value)),
    since: isoTime(view.admittedAt === 0 ? update.createdAt : view.admittedAt),
    attempt: view.attempt,
    waits: flightWaits(input, update, view),
    ...(blocker === undefined ? {} : { blocker }),
    ...(view.failure === null ? {} : { failure: plainFailure(view.failure) }),
    ...(view.e2e === null ? {} : { checks: checksOf(view, run) }),
    ...(Object.values(view.rolls).some((roll) => roll.state === 'running') ? newNodesOf(view) : {}),
    pools,
  };
}

function leavingPart(
  row: ProcessView,
  view: DecommissionView | undefined,
): Pick<ClusterStatus, 'waits' | 'pools'> & Partial<ClusterStatus> {
  const { wait, failure } = view ?? { wait: null, failure: null };
  const stuck = wait?.code === 'stack-delete-failed' ? { kind: 'transient' as const, ...wait } : failure;
  return {
    phase: phaseWords(outerState(row.value)),
    since: isoTime(row.createdAt),
    waits: wait === null ? [] : [waitStatus(wait, row.wakeAt)],
    ...(stuck === null ? {} : { failure: plainFailure(stuck) }),
    pools: [],
  };
}

/** `controlPlaneRoll` → `control plane roll` */
function phaseWords(state: string): string {
  return state.replace(/([A-Z])/g, ' $1').toLowerCase();
}

/** A roll that somebody paused holds up its cluster, whatever the update says that it waits for. */
function pausedRolls(input: ClusterInput, view: ClusterUpdateView): WaitStatus[] {
  return Object.values(view.rolls).flatMap((roll) => {
    const row = roll.state === 'running' && roll.child !== null ? input.child(roll.child) : undefined;
    const child = row === undefined ? undefined : viewOf<NodePoolRollView>(row);
    if (row === undefined || !child?.paused || outerState(row.value) !== 'paused') return [];
    const { by, reason, expiresAt } = child.paused;
    const until = expiresAt === null ? '' : ` until ${isoTime(expiresAt)}`;
    const action = `clm roll resume ${input.cluster.alias} --reason …`;
    return [
      {
        code: 'paused',
        message: `The roll of pool ${child.pool} is paused by ${by}${until}: ${reason}. To go on: ${action}`,
      },
    ];
  });
}

function flightWaits(input: ClusterInput, update: ProcessView, view: ClusterUpdateView): WaitStatus[] {
  const waits: WaitStatus[] = [];
  if (view.paused !== null) {
    waits.push({ code: 'paused', message: `Paused by ${view.paused.by}: ${view.paused.reason}` });
  }
  waits.push(...pausedRolls(input, view));
  if (view.wait !== null) waits.push(waitStatus(view.wait, update.wakeAt));
  for (const roll of Object.values(view.rolls)) {
    const row = roll.state === 'running' && roll.child !== null ? input.child(roll.child) : undefined;
    const wait = row === undefined ? undefined : viewOf<NodePoolRollView>(row)?.wait;
    if (row !== undefined && wait) waits.push(waitStatus(wait, row.wakeAt));
  }
  const run = view.e2e?.state === 'running' ? input.child(view.e2e.child) : undefined;
  const runView = run === undefined ? undefined : viewOf<E2eRunView>(run);
  if (run !== undefined && runView !== undefined && runView.running.length > 0) {
    const done = runView.results.length;
    waits.push({
      code: 'checks-running',
      message: `${done} of ${runView.total} checks are done; running: ${runView.running.slice(0, 3).join(', ')}`,
      since: isoTime(run.createdAt),
    });
  }
  return waits;
}

function idleWaits(input: ClusterInput, state: ClusterState, member: MemberView | undefined): WaitStatus[] {
  const rollout = input.rollout;
  if (isBeingCreated(input.cluster)) return [creationWait(input)];
  if (state === 'ineligible') {
    return [
      {
        code: 'lifecycle',
        message: rollout?.view.ineligible[input.cluster.id] ?? `Lifecycle status is ${input.cluster.lifecycleStatus}.`,
      },
    ];
  }
  if (state !== 'queued' || rollout === undefined) return [];
  if (rollout.view.halt !== null) {
    return [{ code: 'channel-halted', message: rollout.view.halt.message, since: isoTime(rollout.view.halt.since) }];
  }
  if (rollout.view.paused !== null) {
    return [
      { code: 'paused', message: `The channel is paused by ${rollout.view.paused.by}: ${rollout.view.paused.reason}` },
    ];
  }
  if (member === undefined)
    return [{ code: 'next-rollout', message: 'It joined after this rollout was planned; the next one takes it.' }];
  const wave = rollout.view.waves[member.wave];
  return wave === undefined ? [] : [{ code: 'wave', message: `Waits for wave ${member.wave + 1} (${wave.name}).` }];
}

function creationWait({ cluster, catchUp }: ClusterInput): WaitStatus {
  if (catchUp?.state === 'failed') {
    const message = `Its creation failed ${catchUp.failures === 1 ? 'once' : `${catchUp.failures} times`}, and is taken up again where it stands.`;
    return { code: 'creation-retry', message, nextLookAt: isoTime(catchUp.retryAt) };
  }
  const message = `It is created when channel ${cluster.channel} has a version that is in order, and room for one more.`;
  return { code: 'creation', message };
}

export function waitStatus(wait: WaitView, wakeAt: number | null): WaitStatus {
  return {
    code: wait.code,
    message: wait.message,
    since: isoTime(wait.since),
    ...(wakeAt === null ? {} : { nextLookAt: isoTime(wakeAt) }),
  };
}

function plainFailure(failure: FailureView): FailureView {
  return { kind: failure.kind, code: failure.code, message: failure.message };
}

const passing = new Set(['pass', 'flaky']);
const neutral = new Set(['pass', 'flaky', 'skipped']);

function checksOf(view: ClusterUpdateView, run: ProcessView | undefined): ChecksStatus {
  const live = view.e2e?.state === 'running' && run !== undefined ? viewOf<E2eRunView>(run) : undefined;
  if (live !== undefined) {
    const failures = live.results.filter((result) => !neutral.has(result.outcome));
    return {
      passed: live.results.filter((result) => passing.has(result.outcome)).length,
      failed: failures.length,
      failures: failures.slice(0, 20).map(({ check, outcome, message }) => ({ check, outcome, message })),
    };
  }
  const { passed = 0, failed = 0, failures = [], excused = [], flaky = [] } = view.e2e ?? {};
  return {
    passed,
    failed,
    failures: failures.map(({ check, outcome, message }) => ({ check, outcome, message })),
    ...(excused.length === 0 ? {} : { excused: [...excused] }),
    ...(flaky.length === 0 ? {} : { flaky: [...flaky] }),
  };
}

function stoppedByNewNodes(failure: FailureView | undefined): boolean {
  return ['new-nodes-fail', 'objective-missed', 'first-node-unchecked'].includes(failure?.code ?? '');
}

/** What the checks beside the roll came to, last. */
function newNodesOf(view: ClusterUpdateView | undefined): Pick<ClusterStatus, 'newNodes'> {
  const { midRoll } = view ?? {};
  if (midRoll === undefined) return {};
  const plain = ({ check, outcome, message }: CheckFailure): CheckFailure => ({ check, outcome, message });
  const known = midRoll.result === 'passed' || midRoll.result === 'failed' ? midRoll.result : 'error';
  return {
    newNodes: {
      state: midRoll.child === null ? known : 'checking',
      failures: midRoll.failures.map(plain),
      said: (midRoll.said ?? []).map(plain),
    },
  };
}

type CheckFailure = NonNullable<ClusterStatus['newNodes']>['said'][number];

function poolsOf(input: ClusterInput, view: ClusterUpdateView): PoolStatus[] {
  return Object.entries(view.rolls)
    .sort(([nameA, a], [nameB, b]) => Number(b.controlPlane) - Number(a.controlPlane) || nameA.localeCompare(nameB))
    .map(([name, roll]) => poolStatus(input, name, roll));
}

function poolStatus(input: ClusterInput, name: string, roll: PoolRollView): PoolStatus {
  const row = roll.child === null ? undefined : input.child(roll.child);
  const progress = row === undefined ? undefined : viewOf<NodePoolRollView>(row)?.progress;
  const declared = input.cluster.nodePools.find((pool) => pool.name === name);
  return {
    name,
    controlPlane: roll.controlPlane || (declared !== undefined && isControlPlane(declared)),
    state: roll.blocked !== null && roll.state === 'running' ? 'blocked' : roll.state,
    // a roll that has not looked at its pool yet knows no figures
    ...figures(roll, progress),
    nodes: progress ? progress.nodes.map(nodeStatus) : memberInFlight(roll),
    ...(roll.blocked === null || roll.state !== 'running' ? {} : { blocker: blockerStatus(roll.blocked) }),
  };
}

/** Those of clm's own roll, of Karpenter's, or of etcd's members. */
function figures(
  { karpenter, etcd }: PoolRollView,
  progress: { total: number; updated: number } | null | undefined,
): Pick<PoolStatus, 'total' | 'updated'> {
  if (karpenter !== undefined) return { total: karpenter.total, updated: karpenter.total - karpenter.outdated };
  if (etcd !== undefined) return { total: etcd.total, updated: etcd.total - etcd.outdated };
  return progress && progress.total > 0 ? { total: progress.total, updated: progress.updated } : {};
}

/** The member that goes, or whose successor is waited for; it has no node. */
function memberInFlight({ etcd, state }: PoolRollView): NodeStatus[] {
  const flying = state === 'running' ? etcd?.inFlight : undefined;
  if (flying == null) return [];
  return [{ name: flying.instanceId, phase: 'draining', detail: 'etcd-member', since: isoTime(flying.since) }];
}

function nodeStatus(node: RollNode): NodeStatus {
  const block = node.blockedBy;
  return {
    name: node.name === '' ? node.instanceId : node.name,
    phase: block === undefined ? nodePhases[node.phase] : 'blocked',
    detail: node.detail ?? node.phase,
    since: isoTime(node.since),
    ...(block === undefined
      ? {}
      : { blockedBy: block.budget === '' ? block.code : `${block.namespace}/${block.budget}` }),
  };
}

const nodePhases: Record<RollNodePhase, NodeStatus['phase']> = {
  booting: 'booting',
  'boot-failed': 'blocked',
  usable: 'updated',
  old: 'old',
  draining: 'draining',
  blocked: 'blocked',
  drained: 'draining',
  terminating: 'draining',
  foreign: 'old',
};

function blockerStatus(blocked: { code: string; message: string; data?: unknown; since?: number }): BlockerStatus {
  const data = (typeof blocked.data === 'object' && blocked.data !== null ? blocked.data : {}) as Record<
    string,
    unknown
  >;
  const named = Object.fromEntries(
    (['namespace', 'budget', 'pod', 'owner', 'node'] as const).flatMap((field) => {
      const text = fieldText(data[field]);
      return text === undefined ? [] : [[field, text]];
    }),
  );
  return {
    code: blocked.code,
    message: blocked.message,
    ...named,
    ...(blocked.since === undefined ? {} : { since: isoTime(blocked.since) }),
  };
}

/** A name, or an owner reference as `Kind/name`. */
function fieldText(value: unknown): string | undefined {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, name } = value as { kind?: unknown; name?: unknown };
  return typeof kind === 'string' && typeof name === 'string' ? `${kind}/${name}` : undefined;
}
