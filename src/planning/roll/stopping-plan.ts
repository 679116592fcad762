/** A roll that is stopped between two nodes: what is nearly moved is finished, the rest is given back, surplus is removed. */
import { lastingBlock, zonesBound } from './candidate-order.ts';
import { controlPlaneGate, workerGate } from './control-plane-gate.ts';
import type { GroupState, Member } from './members.ts';
import { podsAtDrainStart } from './node-marks.ts';
import {
  allMembers,
  balancersHolding,
  cordon,
  deregistrationHolds,
  endNode,
  intentFor,
  isOpenAgain,
  isReadyToEnd,
  leaseGate,
  look,
  type PoolContext,
  planDrains,
  strayPodHolds,
  wait,
} from './pool-context.ts';
import { balancersOf } from './usability.ts';
import { planEvenness, unevenWithout, zoneCounts } from './zone-evenness.ts';

/** `holdsCapacity`: somebody else has changed the size, and nothing is ended until it is clear what to leave behind. */
export function planStopping(context: PoolContext, holdsCapacity: boolean): void {
  const finishing: Member[] = [];
  for (const member of allMembers(context)) {
    if (!member.live || !member.cordonedByUs || intentFor(context.memory, member.instance.id)) continue;
    if (isFinished(context, member)) finishing.push(member);
    else {
      context.actions.push({
        kind: 'give-back',
        node: member.name,
        instanceId: member.instance.id,
        reason: isOpenAgain(member)
          ? 'somebody has uncordoned it'
          : 'the roll is stopped, and most of its pods have not moved',
      });
    }
  }
  planDrains(context, finishing);
  if (holdsCapacity) return;
  for (const state of context.groups) endFinished(context, state, finishing);
  planSurplus(context);
}

/** Goes on to its end: given back it would have cost the moved pods for nothing, or cannot be given back. */
function isFinished(context: PoolContext, member: Member): boolean {
  if (isOpenAgain(member)) return false;
  if (!member.outdated && member.leaving !== 'outdated') return true;
  if (member.phase === 'drained') return member.outdated || member.leaving !== 'outdated';
  if (!member.outdated) return false;
  // A load balancer does not take an instance back by itself.
  const balancers = balancersOf(member.group).length;
  if (context.pool.controlPlane && balancersHolding(context, member).length < balancers) return true;
  if (member.previous?.phase === 'blocked') return false;
  if (member.leaving === 'surplus') return context.groups.some((one) => one.members.includes(member) && one.surge > 0);
  const before = member.node ? podsAtDrainStart(member.node) : 0;
  const left = member.drain?.remaining.filter((one) => one.class.kind !== 'terminating').length ?? 0;
  return before > 0 && (before - left) / before >= context.input.policy.finishDrainShare;
}

function endFinished(context: PoolContext, state: GroupState, finishing: Member[]): void {
  let { surge } = state;
  let { desired } = state.group;
  for (const member of finishing) {
    if (!state.members.includes(member) || !isReadyToEnd(context, member)) continue;
    // One that others have made smaller than its protected nodes are has more than it wants: its size stays.
    const decrement = surge > 0 && desired > state.baseline;
    const why = surge > 0 ? 'its replacement is there' : 'the group replaces it by itself';
    if (surge > 0) surge -= 1;
    if (decrement) desired -= 1;
    endNode(context, member, member.outdated ? 'outdated' : 'surplus', decrement, `${member.name} is empty; ${why}`);
  }
}

/** Takes out what a group has above its baseline: what is not usable yet, then the newest, and so that the zones stay even. */
export function planSurplus(context: PoolContext): void {
  for (const state of context.groups) {
    const leaving = state.members.filter((m) => m.live && (m.cordonedByUs || intentFor(context.memory, m.instance.id)));
    const surplus = state.surge - leaving.length - endingWithoutNode(context, state);
    if (state.surge > 0 && leaving.length > 0)
      wait(context, 'removing-surplus', `${state.group.name} gives up ${leaving.length} surplus nodes`);
    if (surplus > 0) removeSurplus(context, state, leaving, surplus);
  }
  planEvenness(context);
}

function removeSurplus(context: PoolContext, state: GroupState, leaving: Member[], surplus: number): void {
  const gate = planeGate(context) ?? leaseGate(context);
  const reason = `${state.group.name} has ${state.surge} nodes more than its ${state.baseline}`;
  let { slack } = state;
  // Others of its kind have failed too often: it is not about to serve.
  const hopeless = context.memory.bootFailures >= context.input.policy.maxBootFailures;
  for (let left = surplus; left > 0; left--) {
    // Where some are missing already, one that is about to serve is not ended before it does.
    const spare = (one: Member): boolean =>
      one.serves ? slack >= 1 : slack >= 0 || hopeless || one.phase !== 'booting';
    const member = surplusOrder(context, state, leaving).find(spare) ?? nobodysNode(state, leaving);
    if (!member) break;
    const why = member.phase === 'boot-failed' ? 'boot-failed' : 'surplus';
    if (!member.node && !gate && servesUnseen(context, member)) break;
    if (!member.node && !(gate && context.pool.controlPlane)) {
      endNode(context, member, why, true, `${reason}, and ${member.name} is not a node yet`);
    } else if (gate) {
      wait(context, gate.code, gate.message);
      if (gate.at !== undefined) look(context, gate.at);
      break;
    } else {
      if (member.serves) slack -= 1;
      cordon(context, member, why, reason);
    }
    leaving.push(member);
    if (context.pool.controlPlane) return;
  }
  wait(context, 'removing-surplus', reason);
}

/** An old instance that is no node of the cluster runs nothing: it can go although its zone is left without one, where no other can. */
function nobodysNode({ members }: GroupState, leaving: readonly Member[]): Member | undefined {
  return members.find(
    (one) =>
      one.outdated &&
      !one.node &&
      !one.ambiguous &&
      one.instance.lifecycleState === 'InService' &&
      !leaving.includes(one),
  );
}

/** An instance whose node object somebody has deleted may serve the API all the same: out of its load balancers first. Its pods are counted yet. */
function servesUnseen(context: PoolContext, member: Member): boolean {
  if (member.outdated && strayPodHolds(context, member)) return true;
  const held = context.pool.controlPlane ? deregistrationHolds(context, member) : undefined;
  if (held !== undefined) wait(context, 'deregistering', held);
  return held !== undefined;
}

/** Control plane and workers never go together, whatever they go for. */
function planeGate(context: PoolContext): { code: string; message: string; at?: number } | undefined {
  const { cluster, input, pool } = context;
  return pool.controlPlane ? controlPlaneGate(pool, cluster, input) : workerGate(cluster);
}

function endingWithoutNode(context: PoolContext, state: GroupState): number {
  return context.actions.filter(
    (action) =>
      action.kind === 'capacity' &&
      action.intent.kind === 'terminate' &&
      action.intent.group === state.group.name &&
      action.intent.decrement &&
      !state.members.some(
        (m) => m.instance.id === (action.intent as { instanceId?: string }).instanceId && m.cordonedByUs,
      ),
  ).length;
}

/**
 * Those that may go now: of the zones that can spare one, and any that never became usable. Those that nothing would move from go last, and a node that alone serves the volumes of its
 * pods goes after those whose pods have another place to go.
 */
function surplusOrder(context: PoolContext, state: GroupState, leaving: readonly Member[]): Member[] {
  const rank = (member: Member): number =>
    member.phase === 'boot-failed' ? -1 : member.outdated ? 2 : member.usability.usable ? 1 : 0;
  const counts = zoneCounts(context, state, leaving);
  const uneven = (member: Member): number =>
    member.phase === 'boot-failed' ? 0 : unevenWithout(counts, member.instance.zone);
  const holds = new Set(state.members.filter((one) => one.serves && isOnlyPlace(context, one)));
  const stuck = (member: Member): number => (lastingBlock(member, context.index, context.input) ? 1 : 0);
  const age = (member: Member): number => member.node?.createdAt ?? Number.POSITIVE_INFINITY;
  const crowd = (member: Member): number => counts.get(member.instance.zone) ?? 0;
  const all = state.members.filter((member) => member.live && !member.ambiguous && !leaving.includes(member));
  const least = Math.min(...all.map((one) => unevenWithout(counts, one.instance.zone)));
  return all
    .filter((member) => uneven(member) <= least)
    .sort(
      (a, b) =>
        stuck(a) - stuck(b) ||
        rank(a) - rank(b) ||
        Number(holds.has(a)) - Number(holds.has(b)) ||
        crowd(b) - crowd(a) ||
        age(b) - age(a) ||
        (a.instance.id < b.instance.id ? -1 : 1),
    );
}

/** Its pods' volumes can be used in zones where no other node serves. */
function isOnlyPlace(context: PoolContext, member: Member): boolean {
  const others = allMembers(context).filter((one) => one !== member && one.serves);
  return zonesBound(member, context.index).some((zones) => !others.some((one) => zones.includes(one.instance.zone)));
}
