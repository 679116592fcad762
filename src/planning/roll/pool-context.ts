/** What planning one pool works with, and the small decisions that rolling and stopping share. */
import type { CapacityIntent, RollBlock, RollMemory, RollNode } from '../../domain/node-pool-roll.ts';
import { memoised } from '../../support/memoise.ts';
import { lastingBlock } from './candidate-order.ts';
import type { ClusterIndex } from './cluster-index.ts';
import type { ClusterState } from './control-plane-gate.ts';
import { movablePods } from './drain-state.ts';
import type { EvictionLanes } from './eviction-lanes.ts';
import type { GroupState, Member } from './members.ts';
import { surgeOf } from './policy.ts';
import type { PoolRollState, RollAction, RollPlanInput } from './roll-plan.ts';
import { balancersOf } from './usability.ts';

export interface PoolContext {
  pool: PoolRollState;
  input: RollPlanInput;
  index: ClusterIndex;
  cluster: ClusterState;
  lanes: EvictionLanes;
  groups: GroupState[];
  memory: RollMemory;
  actions: RollAction[];
  /** Times at which something changes without an event. */
  looks: number[];
  /** In order of importance, the first is shown. */
  waits: { code: string; message: string }[];
  /** Display phases that differ from the member's own, by instance id. */
  shown: Map<string, Partial<Pick<RollNode, 'phase' | 'blockedBy' | 'detail'>>>;
  /** Draining members that nothing moves on, long enough to give their slot away. */
  parked: Set<string>;
  /** Why no further old node goes before first new ones were checked. */
  hold?: { code: string; message: string } | undefined;
  /** Groups whose first new node is still to be checked, and cannot come yet. */
  unchecked?: ReadonlySet<string> | undefined;
  /** The plan rests on a describe that should not be older than this. */
  cloudNotBefore: number;
}

/** Conditions lag behind a dead kubelet by most of a minute; its Lease does not. */
export function leaseGate({ cluster, input }: PoolContext): { code: string; message: string; at?: number } | undefined {
  if (input.leases) return undefined;
  cluster.wantsLeases = true;
  return { code: 'leases-unread', message: 'the Leases of the kubelets have not been read', at: input.now + 5_000 };
}

export function allMembers(context: PoolContext): Member[] {
  return membersOf(context.groups);
}

const membersOf = memoised((groups: GroupState[]): Member[] => groups.flatMap((state) => state.members));

export function look(context: PoolContext, at: number): void {
  context.looks.push(at);
}

/**
 * Asks for a describe of the cloud made after that time: one that is exactly as old as allowed is looked at anew, since a look planned
 * for this very moment is otherwise neither taken nor planned again.
 */
export function wantCloud(context: PoolContext, after: number): void {
  context.cloudNotBefore = Math.max(context.cloudNotBefore, after + 1);
}

/** A cordon rests on a describe that is no older. */
const cordonDescribeMs = 30_000;

/** A load balancer that cannot even be asked holds a node up this many times as long. */
export const unaskedFactor = 5;

/** A load balancer that still shows an instance as registered is told again after this long. */
const deregisterAgainMs = 30_000;

/** Describes cost: the longer something has lasted, the longer it will, and the rarer it is asked about. */
export function cloudPause(lastedMs: number): number {
  return Math.max(15_000, Math.min(60_000, lastedMs / 4));
}

export function wait(context: PoolContext, code: string, message: string): void {
  context.waits.push({ code, message });
}

export function intentFor(memory: RollMemory, instanceId: string): CapacityIntent | undefined {
  return memory.intents.find((intent) => intent.kind === 'terminate' && intent.instanceId === instanceId);
}

export function baselineOf(context: PoolContext): number {
  return context.groups.reduce((total, state) => total + state.baseline, 0);
}

/** Surge nodes allowed, without those that parked nodes are worth. */
export function plainSurge(context: PoolContext): number {
  const { pool, input } = context;
  return surgeOf(baselineOf(context), input.policy, pool.surge, pool.controlPlane);
}

/** Live or owed above the baseline, launches that are decided included. */
export function surgeInUse(context: PoolContext): number {
  const launches = context.memory.intents.filter((intent) => intent.kind === 'launch').length;
  return context.groups.reduce((total, state) => total + Math.max(0, state.surge), 0) + launches;
}

/** Evictions of every node that is being drained, in the lanes of the cluster. */
export function planDrains(context: PoolContext, members: Member[]): void {
  for (const member of members) {
    const held = deregistrationHolds(context, member);
    if (held !== undefined) {
      context.shown.set(member.instance.id, { detail: 'deregistering' });
      wait(context, 'deregistering', held);
      continue;
    }
    if (member.phase === 'drained') continue;
    drainOne(context, member);
  }
}

function drainOne(context: PoolContext, member: Member): void {
  const { now, policy } = context.input;
  const plan = context.lanes.drain(member);
  context.actions.push(...plan.actions);
  if (plan.retryAt !== undefined) look(context, plan.retryAt);
  const blockedBy = plan.moving === 0 ? (plan.lasting ?? plan.passing) : undefined;
  if (!blockedBy) {
    wait(context, 'draining', `${member.name} is being drained`);
    return;
  }
  const forMs = now - blockedBy.since;
  const lasting = plan.lasting !== undefined;
  const parked = lasting || forMs >= policy.parkAfterMs;
  if (parked) context.parked.add(member.instance.id);
  else look(context, blockedBy.since + policy.parkAfterMs);
  context.shown.set(member.instance.id, { phase: parked ? 'blocked' : 'draining', blockedBy });
  reportLater(context, blockedBy);
  wait(context, lasting ? 'blocked' : 'budget-refuses', `${member.name}: ${blockedBy.message}`);
}

export function reportLater(context: PoolContext, blockedBy: RollBlock): void {
  const at = blockedBy.since + context.pool.blockLimitMs;
  if (at > context.input.now) look(context, at);
}

/**
 * Asks load balancers to let go of the node. A control plane's node is drained only after they have (unless it is the only one); a
 * worker's drain overlaps with it. Answers the reason while the drain has to wait.
 */
export function deregistrationHolds(context: PoolContext, member: Member): string | undefined {
  const left = balancersHolding(context, member);
  if (left.length === 0) return undefined;
  // The only one serves until nothing but its own end is left to do.
  const single = context.pool.controlPlane && baselineOf(context) <= 1;
  if (single && member.phase !== 'drained') return undefined;
  const { now } = context.input;
  for (const { balancer, health } of left) {
    // Asked once by each process, so that it is known since when.
    const asked = deregisteredAt(context, member, balancer);
    if (health === 'draining' && asked !== undefined) continue;
    const again = (asked ?? Number.NEGATIVE_INFINITY) + deregisterAgainMs;
    if (again > now) {
      // The describe that does not show it may be older.
      look(context, again);
      continue;
    }
    context.actions.push({
      kind: 'deregister',
      balancer,
      instanceId: member.instance.id,
      node: member.name,
      reason: `${member.name} is leaving`,
    });
  }
  const until = deregisteringUntil(context, member, member.drainStartedAt);
  if (until <= now) return undefined;
  const pause = cloudPause(now - member.drainStartedAt);
  look(context, Math.min(until, context.input.cloud.at + pause));
  wantCloud(context, now - pause);
  return context.pool.controlPlane ? `${member.name} is being taken out of its load balancers` : undefined;
}

function deregisteredAt(context: PoolContext, member: Member, balancer: { id: string }): number | undefined {
  return context.input.deregisteredAt.get(`${member.instance.id}/${balancer.id}`);
}

/** Load balancers get their time from when they were asked; where that does not succeed, a multiple of it since `from`. */
function deregisteringUntil(context: PoolContext, member: Member, from: number): number {
  const { deregisterTimeoutMs } = context.input.policy;
  const ends = balancersHolding(context, member).map(({ balancer }) => {
    const asked = deregisteredAt(context, member, balancer);
    return asked === undefined ? from + unaskedFactor * deregisterTimeoutMs : asked + deregisterTimeoutMs;
  });
  return Math.max(from, ...ends);
}

/** Load balancers that still know the instance. */
export function balancersHolding(
  context: PoolContext,
  member: Member,
): { balancer: { kind: 'classic' | 'target-group'; id: string }; health: string }[] {
  return balancersOf(member.group).flatMap((balancer) => {
    const health = context.index.balancer(balancer.kind, balancer.id)?.instances[member.instance.id] ?? 'absent';
    return health === 'absent' || health === 'unused' ? [] : [{ balancer, health }];
  });
}

/** It carries the roll's marks, and somebody has uncordoned it since: pods may come, and what was begun has to begin anew. */
export function isOpenAgain(member: Member): boolean {
  return member.cordonedByUs && member.node?.unschedulable === false;
}

/**
 * Where the node object of an instance was deleted, its pods stay in the API until they are collected, and their budgets count them as
 * healthy: an instance that may have them is not ended before, or its budgets would let more go than they may.
 */
export function strayPodHolds(context: PoolContext, member: Member): boolean {
  const stray = context.index.strayPod();
  if (stray === undefined) return false;
  const whose = `${stray.namespace}/${stray.name} still counts as running on ${stray.nodeName}`;
  wait(context, 'stray-pods', `${member.name} is no node of the cluster; ${whose}, which may be this one`);
  return true;
}

/** Ready to be terminated: empty for the quiet time, and no load balancer sends to it. */
export function isReadyToEnd(context: PoolContext, member: Member): boolean {
  const { now, policy } = context.input;
  if (member.phase !== 'drained' || member.ambiguous || isOpenAgain(member)) return false;
  // Counted from the last pod that came, not from the last one that left: leaving takes longer than that anyway.
  const arrivedAt = context.input.lastArrivals.get(member.name) ?? member.since;
  const quietAt = Math.min(member.since, arrivedAt) + policy.quietMs;
  if (quietAt > now) {
    look(context, quietAt);
    return false;
  }
  if (!isDetached(context, member)) return false;
  if (balancersHolding(context, member).length === 0) return true;
  const until = deregisteringUntil(context, member, member.since);
  if (until <= now) return true;
  const pause = cloudPause(now - member.since);
  look(context, Math.min(until, context.input.cloud.at + pause));
  wantCloud(context, now - pause);
  wait(context, 'deregistering', `${member.name} is empty and still registered with its load balancers`);
  return false;
}

/** No volume of a pod that has left is still attached: ending the instance would hold it up for minutes. */
function isDetached(context: PoolContext, member: Member): boolean {
  const { now, policy } = context.input;
  // On a dead node nobody detaches anything; the API server does so by itself once the node is gone.
  if (!member.node?.ready) return true;
  const staying = new Set(member.pods.flatMap((pod) => context.index.volumesOf(pod).map((volume) => volume.name)));
  const left = context.index.attachedTo(member.node.name).filter((name) => !staying.has(name));
  const until = member.since + policy.detachTimeoutMs;
  if (left.length === 0 || until <= now) return true;
  look(context, until);
  wait(context, 'volumes-detaching', `${member.name} is empty; ${left.length} volumes are being detached: ${left[0]}`);
  return false;
}

export function endNode(
  context: PoolContext,
  member: Member,
  why: 'outdated' | 'surplus' | 'boot-failed',
  decrement: boolean,
  reason: string,
  problem?: string,
): void {
  const { group } = member;
  context.actions.push({
    kind: 'capacity',
    reason,
    intent: {
      kind: 'terminate',
      id: `terminate-${member.instance.id}`,
      group: group.name,
      instanceId: member.instance.id,
      node: member.name,
      decrement,
      why,
      stillThereAt: null,
      ...(problem === undefined ? {} : { problem }),
    },
  });
}

export function cordon(
  context: PoolContext,
  member: Member,
  why: 'outdated' | 'surplus' | 'boot-failed',
  reason: string,
): void {
  if (!member.node) return;
  // After a pause of the view, what others made of the group meanwhile is not known yet.
  wantCloud(context, context.input.now - cordonDescribeMs);
  context.actions.push({
    kind: 'cordon',
    node: member.node.name,
    instanceId: member.instance.id,
    pods: movablePods(member.pods, context.index).length,
    why,
    reason,
  });
}

/** Outdated nodes that are not being drained: those that could be, and those that nothing would move from. */
export function sortOutdated(context: PoolContext): {
  free: Member[];
  blocked: { member: Member; block: RollBlock }[];
} {
  const blocked: { member: Member; block: RollBlock }[] = [];
  const free: Member[] = [];
  for (const member of allMembers(context)) {
    if (!member.live || !member.outdated || member.cordonedByUs || member.ambiguous) continue;
    const block = lastingBlock(member, context.index, context.input);
    if (block) blocked.push({ member, block });
    else free.push(member);
  }
  return { free, blocked };
}
