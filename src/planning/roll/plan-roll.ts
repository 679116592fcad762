/** One plan for all pools of a cluster: pure, total, and every decision says why. */
import type { RollNode } from '../../domain/node-pool-roll.ts';
import { bootFailuresMessage } from './boot-failures.ts';
import { type ClusterIndex, indexCluster, isControlPlaneNode } from './cluster-index.ts';
import {
  type ClusterState,
  controlPlaneInFlight,
  countNotReady,
  countPullFailures,
  countUnschedulable,
  trackSettling,
} from './control-plane-gate.ts';
import { type DriftVerdict, judgeDrift } from './drift.ts';
import { EvictionLanes, isCritical } from './eviction-lanes.ts';
import { type GroupState, groupStates, type Member } from './members.ts';
import { allMembers, cloudPause, look, type PoolContext, wait, wantCloud } from './pool-context.ts';
import { planRemoving } from './removing-plan.ts';
import type { PoolPlan, PoolVerdict, RollPlan, RollPlanInput } from './roll-plan.ts';
import { planRolling } from './rolling-plan.ts';
import { planStopping, planSurplus } from './stopping-plan.ts';

/** Looked at this often although nothing is expected to change. */
const idleLookMs = 300_000;
/** While the cloud is expected to change. */
export const cloudLookMs = 20_000;
/** Problems clear without an event of their own. */
const troubleLookMs = 30_000;

export function planRoll(input: RollPlanInput): RollPlan {
  const index = indexCluster(input.view, input.cloud);
  const states = new Map(input.pools.map((pool) => [pool.pool, groupStates(pool, input, index)]));
  const cluster = clusterState(input, index, states);
  const lanes = new EvictionLanes(index, input);
  const ordered = [...input.pools].sort(
    (a, b) => Number(b.controlPlane) - Number(a.controlPlane) || (a.pool < b.pool ? -1 : 1),
  );
  const pools = ordered.map((pool) =>
    planPool({ pool, input, index, cluster, lanes, groups: states.get(pool.pool) ?? [] }),
  );
  return { pools };
}

function clusterState(input: RollPlanInput, index: ClusterIndex, states: Map<string, GroupState[]>): ClusterState {
  const all = [...states.values()].flat();
  const bootMs = Math.max(0, ...input.pools.map((pool) => pool.bootTimeoutMs));
  const notReady = countNotReady(input, bootMs);
  const planes = input.pools.filter((pool) => pool.controlPlane).flatMap((pool) => states.get(pool.pool) ?? []);
  const draining = index.cordonedByUs;
  const worker = draining.find((node) => !isControlPlaneNode(node) && !isEnding(all, node.instanceId));
  const critical = draining.find((node) => index.podsOn(node.name).some((pod) => isCritical(pod, input)));
  const share = notReady / Math.max(1, input.view.nodes.length);
  const before = Math.max(0, ...input.pools.map((pool) => pool.memory.notReadyAtStart));
  const storm = notReady > 1 && notReady > before && share > input.policy.stormShare;
  return {
    frozen: frozenBy(input, storm ? notReady : 0),
    booting: bootingNow(input, all),
    controlPlaneInFlight: controlPlaneInFlight(input, index, planes),
    workerInFlight: worker?.name,
    criticalInFlight: critical?.name,
    notReady,
    unschedulable: countUnschedulable(input, input.policy.unschedulableAfterMs),
    pullFailures: countPullFailures(input),
    wantsApi: false,
    wantsLeases: false,
  };
}

function isEnding(states: GroupState[], instanceId: string | undefined): boolean {
  return states.some((state) => state.members.some((m) => m.instance.id === instanceId && m.phase === 'terminating'));
}

function frozenBy(input: RollPlanInput, storm: number): ClusterState['frozen'] {
  if (input.view.stale !== undefined) {
    return { code: 'view-stale', message: `the view of the cluster is not current: ${input.view.stale}` };
  }
  if (storm === 0) return undefined;
  const message = `${storm} of ${input.view.nodes.length} nodes are not Ready: nothing is moved until they are`;
  return { code: 'not-ready-storm', message };
}

function bootingNow(input: RollPlanInput, states: GroupState[]): number {
  const known = new Set(states.map((state) => state.group.name));
  let booting = 0;
  for (const state of states) {
    booting += state.owed;
    booting += state.members.filter((m) => m.live && !m.outdated && m.phase === 'booting').length;
  }
  for (const pool of input.pools) booting += pool.memory.intents.filter((intent) => intent.kind === 'launch').length;
  for (const group of input.cloud.groups) {
    if (known.has(group.name)) continue;
    booting += group.instances.filter((instance) => instance.lifecycleState.startsWith('Pending')).length;
  }
  return booting;
}

type PoolParts = Pick<PoolContext, 'pool' | 'input' | 'index' | 'cluster' | 'lanes' | 'groups'>;

function planPool(parts: PoolParts): PoolPlan {
  const { pool, input, cluster } = parts;
  const memory = pool.controlPlane ? trackSettling(pool.memory, cluster.controlPlaneInFlight, input.now) : pool.memory;
  const context: PoolContext = {
    ...parts,
    memory,
    actions: [],
    looks: [input.now + idleLookMs],
    waits: [],
    shown: new Map(),
    parked: new Set(),
    cloudNotBefore: input.now - idleLookMs,
  };
  strangers(context);
  const gone = goneGroup(context);
  if (gone) return finish(context, { kind: 'failed', code: 'group-gone', message: gone });
  if (cluster.frozen) {
    wait(context, cluster.frozen.code, cluster.frozen.message);
    look(context, input.now + troubleLookMs);
    return finish(context, { kind: 'going-on' });
  }
  if (pool.mode === 'stopping') return stop(context);
  return pool.mode === 'removing' ? remove(context) : roll(context);
}

function remove(context: PoolContext): PoolPlan {
  const drift = driftOf(context, false);
  if (drift.kind === 'foreign') return finish(context, { kind: 'foreign-change', message: drift.message });
  watchDrift(context, drift);
  if (drift.kind === 'desired') return followSize(context, drift);
  planRemoving(context, drift.kind === 'watched');
  return finish(context, removingVerdict(context, drift.kind === 'none'));
}

function stop(context: PoolContext): PoolPlan {
  const drift = driftOf(context, true);
  if (drift.kind === 'desired') return followSize(context, drift);
  watchDrift(context, drift);
  planStopping(context, drift.kind === 'watched');
  const left = allMembers(context).some((member) => member.live && member.cordonedByUs);
  const surplus = context.groups.some((state) => state.surge > 0);
  const flying = context.pool.controlPlane && context.cluster.controlPlaneInFlight !== undefined;
  const busy = left || surplus || flying || drift.kind !== 'none';
  const complete = !busy && context.memory.intents.length === 0 && context.actions.length === 0;
  if (!complete && context.waits.length === 0) wait(context, 'stopping', 'the roll is being stopped');
  return finish(context, complete ? { kind: 'complete' } : { kind: 'going-on' });
}

function roll(context: PoolContext): PoolPlan {
  const { input, pool } = context;
  const drift = driftOf(context, false);
  if (drift.kind === 'foreign') return finish(context, { kind: 'foreign-change', message: drift.message });
  if (context.memory.bootFailures >= input.policy.maxBootFailures) {
    const message = bootFailuresMessage(pool.pool, context.memory, context.groups);
    return finish(context, { kind: 'failed', code: 'boot-failures', message });
  }
  watchDrift(context, drift);
  if (drift.kind === 'desired') return followSize(context, drift);
  planRolling(context, drift.kind === 'watched');
  const outdated = context.groups.reduce((total, state) => total + state.outdated, 0);
  if (outdated === 0 && drift.kind === 'none') planSurplus(context);
  return finish(context, rollingVerdict(context, outdated, drift.kind === 'none'));
}

function driftOf({ memory, input }: PoolContext, sizeOnly: boolean): DriftVerdict {
  const { cloud, policy } = input;
  return judgeDrift({ memory, groups: cloud.groups, cloudAt: cloud.at, confirmMs: policy.confirmMs, sizeOnly });
}

function watchDrift(context: PoolContext, drift: DriftVerdict): void {
  const { input } = context;
  const watched = drift.kind === 'watched' ? drift.drift : null;
  // The same memory is the same object: nobody has to compare it or check it again.
  if (watched !== context.memory.drift) context.memory = { ...context.memory, drift: watched };
  if (drift.kind !== 'watched') return;
  wait(context, 'foreign-change-watched', drift.message);
  const confirmedAt = drift.drift.since + input.policy.confirmMs;
  look(context, confirmedAt);
  if (input.now >= confirmedAt) wantCloud(context, confirmedAt);
}

function followSize(context: PoolContext, drift: Extract<DriftVerdict, { kind: 'desired' }>): PoolPlan {
  context.memory = { ...context.memory, drift: null };
  const tagged = context.pool.mode !== 'stopping';
  for (const move of drift.moves) {
    context.actions.push({ kind: 'move-baseline', ...move, tagged, reason: drift.message });
  }
  return finish(context, { kind: 'going-on' });
}

/** Complete when no instance is left and none will come: only then may the stack go that would end them undrained. */
function removingVerdict(context: PoolContext, settled: boolean): PoolVerdict {
  const left = allMembers(context).filter((member) => member.phase !== 'terminating');
  const busy = context.memory.intents.length > 0 || context.actions.length > 0 || !settled;
  if (left.length === 0 && !busy) {
    const owing = context.groups.find((state) => state.group.desired > 0);
    if (owing === undefined) return { kind: 'complete' };
    wait(context, 'capacity-settling', `${owing.group.name} still wants ${owing.group.desired} nodes`);
    wantCloud(context, context.input.now - cloudLookMs);
  }
  const unclear = left.find((member) => member.phase === 'foreign');
  if (unclear !== undefined) {
    const { lifecycleState } = unclear.instance;
    wait(context, 'instance-unclear', `${unclear.name} is in state ${lifecycleState}, so that it is not touched`);
  }
  return { kind: 'going-on' };
}

/** `settled`: every group shows the size that this roll expects of it; one that does not may be seen through an old describe. */
function rollingVerdict(context: PoolContext, outdated: number, settled: boolean): PoolVerdict {
  const { cluster, input, memory, pool } = context;
  if (outdated > 0 || memory.intents.length > 0 || context.actions.length > 0) return { kind: 'going-on' };
  // What was launched a moment ago and is not shown yet would be left behind as one node too many.
  if (!settled) return { kind: 'going-on' };
  const unclear = allMembers(context).find(
    (m) => m.phase === 'foreign' && !/^(EnteringStandby|Standby|Warmed)/.test(m.instance.lifecycleState),
  );
  if (unclear) {
    wait(
      context,
      'instance-unclear',
      `${unclear.name} is in state ${unclear.instance.lifecycleState}, which says too little to go on`,
    );
    return { kind: 'going-on' };
  }
  if (context.groups.some((state) => state.surge > 0 || state.owed > 0)) {
    wait(context, 'capacity-settling', 'the group comes back to its size');
    wantCloud(context, input.now - cloudLookMs);
    return { kind: 'going-on' };
  }
  const notServing = allMembers(context).find((member) => member.live && !member.outdated && !member.usability.usable);
  if (notServing) {
    wait(context, 'node-booting', notServing.usability.usable ? '' : notServing.usability.message);
    return { kind: 'going-on' };
  }
  if (!pool.controlPlane) return { kind: 'complete' };
  if (cluster.controlPlaneInFlight !== undefined) {
    wait(context, 'control-plane-in-flight', `${cluster.controlPlaneInFlight} is on its way out`);
    return { kind: 'going-on' };
  }
  const settledAt = (memory.settledFrom ?? Number.NEGATIVE_INFINITY) + input.policy.settleMs;
  if (settledAt <= input.now && input.apiReady === undefined) cluster.wantsApi = true;
  if (settledAt > input.now || input.apiReady !== true) {
    wait(context, 'control-plane-settling', 'the control plane settles after the last replacement');
    look(context, Math.max(settledAt, input.now + 5_000));
    return { kind: 'going-on' };
  }
  return { kind: 'complete' };
}

function goneGroup(context: PoolContext): string | undefined {
  for (const memory of context.memory.groups) {
    const group = context.input.cloud.groups.find((one) => one.name === memory.name);
    if (!group) return `group ${memory.name} is gone`;
    if (group.status !== undefined && /delete/i.test(group.status)) return `group ${memory.name} is being deleted`;
  }
  return undefined;
}

function finish(context: PoolContext, verdict: PoolVerdict): PoolPlan {
  const { input, pool } = context;
  const members = allMembers(context);
  const nodes: RollNode[] = [];
  for (const member of members) {
    const shown = context.shown.get(member.instance.id);
    const phase = shown?.phase ?? member.phase;
    if ((phase === 'old' || phase === 'usable') && !shown?.blockedBy) continue;
    const detail =
      shown?.detail ?? (phase === 'booting' && !member.usability.usable ? member.usability.code : undefined);
    const since =
      member.previous?.phase === phase ? member.previous.since : phase === member.phase ? member.since : input.now;
    nodes.push({
      name: member.name,
      instanceId: member.instance.id,
      phase,
      since,
      ...(detail === undefined ? {} : { detail }),
      ...(shown?.blockedBy ? { blockedBy: shown.blockedBy } : {}),
    });
    boots(context, member);
  }
  const total = context.groups.reduce((sum, state) => sum + state.baseline, 0);
  const gone = total - members.filter((member) => member.phase !== 'terminating').length;
  const updated =
    pool.mode === 'removing'
      ? Math.max(0, gone)
      : members.filter((member) => member.live && !member.outdated && member.usability.usable).length;
  const outdatedLeft = context.groups.reduce((sum, state) => sum + state.outdated, 0);
  const overLimit = nodes.filter((node) => node.blockedBy && input.now - node.blockedBy.since >= pool.blockLimitMs);
  const first = context.waits[0] ?? {
    code: 'rolling',
    message: `${outdatedLeft} nodes of ${pool.pool} ${pool.mode === 'removing' ? 'are to go' : 'are outdated'}`,
  };
  return {
    pool: pool.pool,
    processId: pool.processId,
    verdict,
    actions: context.actions,
    wait: first,
    wantsApi: context.cluster.wantsApi,
    wantsLeases: context.cluster.wantsLeases,
    nextLookAt: Math.max(input.now, Math.min(...context.looks.filter((at) => at > input.now), input.now + idleLookMs)),
    booted: members.flatMap((member) => {
      const { previous } = member;
      if (previous?.phase !== 'booting' || member.phase !== 'usable') return [];
      return [{ name: member.name, group: member.group.name, ms: Math.max(0, input.now - previous.since) }];
    }),
    booting: bootingIn(context),
    nodes: nodes.slice(0, 200),
    progress: { total, updated: Math.min(total, updated) },
    memory: context.memory,
    cloudNotBefore: context.cloudNotBefore,
    outdatedLeft,
    overLimit,
  };
}

/** Nodes of the pool that boot because of the roll, or will once what is decided is done. */
function bootingIn(context: PoolContext): number {
  const { intents } = context.memory;
  const owed = context.groups.reduce((sum, state) => sum + state.owed, 0);
  const booting = allMembers(context).filter((m) => m.live && !m.outdated && m.phase === 'booting').length;
  const decided = intents.filter((one) => one.kind === 'launch' || !one.decrement).length;
  return owed + booting + decided;
}

/** When a booting node is looked at without an event: its minimum time, its time-out, or the cloud's answer. */
function boots(context: PoolContext, member: Member): void {
  if (member.phase !== 'booting') return;
  look(context, member.since + context.pool.bootTimeoutMs);
  const { usability } = member;
  if (usability.usable) return;
  if (usability.at !== undefined) look(context, usability.at);
  if (usability.asksLeases) context.cluster.wantsLeases = true;
  if (!usability.asksCloud) return;
  const { cloud, now } = context.input;
  const pause = cloudPause(now - readyAt(context, member));
  look(context, cloud.at + pause);
  wantCloud(context, Math.max(now - pause, readyAt(context, member)));
}

/** When Kubernetes' half of the conditions was met; from then on only the cloud keeps the node from counting. */
function readyAt(context: PoolContext, member: Member): number {
  return (member.node?.readySince ?? 0) + context.input.policy.minReadyMs;
}

/** A node that no describe has shown yet: the group launched it since. */
function strangers(context: PoolContext): void {
  const { view, now } = context.input;
  const { inCloud } = context.index;
  for (const node of view.nodes) {
    if (node.instanceId === undefined || inCloud.has(node.instanceId) || node.deleting) continue;
    wantCloud(context, Math.max(now - cloudLookMs, Math.min(now, node.createdAt)));
    if (now - node.createdAt < 120_000) look(context, now + cloudLookMs);
  }
}
