/** Decisions of a pool that is being rolled, in the order of their urgency (end, drain, cordon, launch, mark). */

import { orderCandidates, skippedBy, type UnderWay, zonesBound } from './candidate-order.ts';
import { CapacitySums } from './capacity-sums.ts';
import { controlPlaneGate, imagePullGate, workerGate } from './control-plane-gate.ts';
import { predictDrainMs } from './drain-forecast.ts';
import { movablePods } from './drain-state.ts';
import { checkedBefore, holdForChecks } from './first-node-hold.ts';
import { planLaunches } from './launch-plan.ts';
import { markNodes } from './marking-plan.ts';
import type { GroupState, Member } from './members.ts';
import { isCordonedByOthers, isMarked } from './node-marks.ts';
import {
  allMembers,
  cordon,
  deregistrationHolds,
  endNode,
  intentFor,
  isOpenAgain,
  isReadyToEnd,
  leaseGate,
  look,
  type PoolContext,
  plainSurge,
  planDrains,
  reportLater,
  sortOutdated,
  strayPodHolds,
  wait,
} from './pool-context.ts';
import { exchange, isSurgeSpent, nodeToExchange, servesInZones, zonesAwaited } from './zone-capacity.ts';

/** `holdsCapacity`: somebody else's change is being watched, and capacity stays as it is meanwhile. */
export function planRolling(context: PoolContext, holdsCapacity: boolean): void {
  const members = allMembers(context);
  const sorted = sortOutdated(context);
  for (const { member, block } of sorted.blocked) {
    context.shown.set(member.instance.id, { phase: 'blocked', blockedBy: block });
    reportLater(context, block);
  }
  const sums = new CapacitySums(context);
  holdForChecks(context, sums);
  if (!holdsCapacity) endNodes(context, members, sums);
  const leaving = members.filter((member) => member.live && member.cordonedByUs && !member.ambiguous);
  const staying = new Set(
    leaving.filter(
      (member) =>
        isOpenAgain(member) ||
        staysAfterAll(context, member) ||
        isSkipped(context, member) ||
        isStranded(context, member),
    ),
  );
  for (const member of staying) giveBack(context, member);
  planDrains(
    context,
    leaving.filter((member) => !staying.has(member) && !intentFor(context.memory, member.instance.id)),
  );
  markNodes(context, members);
  if (holdsCapacity) return;
  cordonNext(context, checkedBefore(context, sorted.free));
  const awaited = zonesAwaited(context, sorted.free);
  exchangeForZone(context, awaited);
  planLaunches(context, sums, awaited);
  if (sorted.blocked.length > 0 && sorted.free.length === 0) {
    const first = sorted.blocked[0];
    if (first) wait(context, 'blocked', `${first.member.name} cannot be drained: ${first.block.message}`);
  }
  if (context.waits.length === 0 && sorted.free.length > 0) waitForCapacity(context);
}

const placeSaid = {
  'given-up': 'the group gives up its place',
  'not-wanted': 'the group has more nodes than it wants',
  replaced: 'the group replaces it by itself',
} as const;

function endNodes(context: PoolContext, members: Member[], sums: CapacitySums): void {
  for (const member of members) {
    if (!member.live || intentFor(context.memory, member.instance.id)) continue;
    const state = context.groups.find((one) => one.group === member.group);
    if (!state) continue;
    if (member.phase === 'boot-failed' || (member.cordonedByUs && member.leaving === 'boot-failed')) {
      endFailedBoot(context, member, state, sums);
    } else if (member.cordonedByUs && !staysAfterAll(context, member) && isReadyToEnd(context, member)) {
      // Never below the baseline: a place is given up only where one is too many. The next replacement is then launched into the
      // zone that needs it. One that the group launched by itself would go to the emptiest zone of that moment; zones end up
      // uneven, and AZRebalance repairs that after the roll by ending nodes undrained.
      const place = sums.ended(state, member.outdated);
      const why = member.outdated ? 'outdated' : 'surplus';
      endNode(context, member, why, place === 'given-up', `${member.name} is empty; ${placeSaid[place]}`);
    } else if (isWithoutNode(context, member) && !isHeld(context, member)) {
      const place = sums.ended(state, true);
      endNode(
        context,
        member,
        'outdated',
        place === 'given-up',
        `${member.name} is no node of the cluster: nothing runs on it`,
      );
    }
  }
}

/**
 * An outdated instance in service whose node object somebody has deleted, or that never registered. A node that does not say which
 * instance it is could be this one: then nothing is concluded.
 */
export function isWithoutNode(context: PoolContext, member: Member): boolean {
  if (!member.outdated || member.node || member.ambiguous) return false;
  if (member.instance.lifecycleState !== 'InService') return false;
  return context.input.view.nodes.every((node) => node.instanceId !== undefined);
}

/** One that is no node of the cluster any more may have pods that are not collected yet, or serve the API. */
export function isHeld(context: PoolContext, member: Member): boolean {
  return strayPodHolds(context, member) || controlPlaneHolds(context, member);
}

/** Whose node object is gone may serve the API all the same: it leaves like the others, one at a time, out of its load balancers first. */
function controlPlaneHolds(context: PoolContext, member: Member): boolean {
  const { cluster, input, pool } = context;
  if (!pool.controlPlane) return false;
  const gate = controlPlaneGate(pool, cluster, input);
  if (gate) {
    wait(context, gate.code, gate.message);
    if (gate.at !== undefined) look(context, gate.at);
    return true;
  }
  if (!othersServe(context, member)) {
    wait(context, 'last-control-plane-node', `no other control-plane node serves, so ${member.name} stays`);
    return true;
  }
  cluster.controlPlaneInFlight = member.name;
  const held = deregistrationHolds(context, member);
  if (held !== undefined) wait(context, 'deregistering', held);
  return held !== undefined;
}

function othersServe(context: PoolContext, member: Member): boolean {
  return allMembers(context).some((one) => one !== member && one.serves);
}

function endFailedBoot(context: PoolContext, member: Member, state: GroupState, sums: CapacitySums): void {
  const failed = `${member.name} was not usable within ${Math.round(context.pool.bootTimeoutMs / 1000)} s: ${describe(member)}`;
  if (member.node && !member.cordonedByUs) {
    const { cluster, pool } = context;
    if (cluster.controlPlaneInFlight !== undefined) {
      const message = `${cluster.controlPlaneInFlight} is on its way out; ${member.name} waits for it: ${failed}`;
      wait(context, 'control-plane-in-flight', message);
      return;
    }
    if (pool.controlPlane && !othersServe(context, member)) {
      wait(
        context,
        'last-control-plane-node',
        `no other control-plane node serves, so ${member.name} stays: ${failed}`,
      );
      return;
    }
    if (pool.controlPlane) cluster.controlPlaneInFlight = member.name;
    cordon(context, member, 'boot-failed', failed);
    return;
  }
  if (member.node && !isReadyToEnd(context, member)) return;
  const place = sums.ended(state, false);
  endNode(context, member, 'boot-failed', place === 'given-up', failed, describe(member));
}

function describe(member: Member): string {
  return member.usability.usable ? 'it is usable now' : member.usability.message;
}

/**
 * Current again (the template was changed back), or a leftover of an earlier stop; not one that is too many at the end, or whose place
 * is wanted in another zone.
 */
function staysAfterAll(context: PoolContext, member: Member): boolean {
  if (member.outdated || member.leaving === 'boot-failed') return false;
  if (member.leaving !== 'surplus') return true;
  if (context.groups.some((state) => state.outdated > 0) && !isSurgeSpent(context)) return true;
  return (context.groups.find((state) => state.group === member.group)?.surge ?? 0) <= 0;
}

/** An operator wants it left alone, and it still has pods to leave alone. */
export function isSkipped(context: PoolContext, member: Member): boolean {
  return member.outdated && member.phase !== 'drained' && skippedBy(member, context.input) !== undefined;
}

/**
 * The new node in the zone of its volumes, on which its cordon rested, has gone since: the pods that wait for one may come back, and the
 * node waits its turn until there is another. Only once nothing moves any more: a node that comes and goes turns no drain round.
 */
function isStranded(context: PoolContext, member: Member): boolean {
  if (!member.outdated || member.phase === 'drained' || member.previous?.phase !== 'blocked') return false;
  const comes = (zones: string[]): boolean =>
    allMembers(context).some((one) => one.live && !one.outdated && zones.includes(one.instance.zone));
  return zonesBound(member, context.index).some((zones) => !comes(zones));
}

export function giveBack(context: PoolContext, member: Member): void {
  const why = isOpenAgain(member)
    ? 'somebody has uncordoned it'
    : member.outdated
      ? `its volumes wait for a new node in their zone, and the one there was has gone`
      : `${member.name} is on the current template`;
  context.actions.push({
    kind: 'give-back',
    node: member.name,
    instanceId: member.instance.id,
    reason: skippedBy(member, context.input)?.message ?? why,
  });
}

function cordonNext(context: PoolContext, free: Member[]): void {
  // Ordering looks at every pod: only when one of them could go.
  if (!free.some((member) => slackFor(context, member) >= (member.serves ? 1 : 0))) return;
  const { cluster } = context;
  const gate = cordonGate(context) ?? leaseGate(context);
  if (gate) {
    wait(context, gate.code, gate.message);
    if (gate.at !== undefined) look(context, gate.at);
    return;
  }
  const slack = new Map(context.groups.map((state) => [state.group.name, state.slack]));
  let cordoned = 0;
  const limit = context.pool.controlPlane ? 1 : Number.POSITIVE_INFINITY;
  const surge = plainSurge(context);
  for (const candidate of orderCandidates(free, context.index, context.input, surge, underWay(context, surge))) {
    if (cordoned >= limit) break;
    const { member } = candidate;
    const name = member.group.name;
    const left = slack.get(name) ?? 0;
    // A node that serves nobody costs nothing.
    if (left < (member.serves ? 1 : 0)) continue;
    if (candidate.critical && cluster.criticalInFlight !== undefined) {
      wait(
        context,
        'critical-one-at-a-time',
        `${cluster.criticalInFlight} carries pods the cluster lives by; ${member.name} waits for it`,
      );
      continue;
    }
    const missing = candidate.boundTo.find((zones) => !servesInZones(context, zones));
    if (missing) {
      const message = `${member.name} has volumes in ${missing.join(', ')}, where no new node serves yet`;
      wait(context, 'zone-capacity', message);
      continue;
    }
    if (!member.node) continue;
    const foreign = isCordonedByOthers(member.node) ? '; somebody else had cordoned it' : '';
    cordon(context, member, 'outdated', `${candidate.reason}${foreign}`);
    if (member.serves) slack.set(name, left - 1);
    if (candidate.critical) cluster.criticalInFlight = member.name;
    if (context.pool.controlPlane) cluster.controlPlaneInFlight = member.name;
    else cluster.workerInFlight = member.name;
    cordoned += 1;
  }
}

/**
 * Drains and boots of the pool as of now; nodes that were decided about a moment ago begin to boot now. Undefined in the first round: where
 * few places get a second node, how long their boots take decides more than the order, and longest first came out better.
 */
function underWay(context: PoolContext, surge: number): UnderWay | undefined {
  const { groups, index, input, memory, pool } = context;
  const live = allMembers(context).filter((member) => member.live);
  const launches = memory.intents.filter((one) => one.kind === 'launch').length;
  const coming = groups.reduce((sum, state) => sum + state.owed, launches);
  const fresh = live.filter((member) => !member.outdated);
  if (fresh.length + coming <= surge) return undefined;
  const booting = fresh.filter((member) => member.phase === 'booting');
  return {
    draining: live
      .filter((member) => member.outdated && member.cordonedByUs)
      .map((member) => predictDrainMs(movablePods(member.pods, index), index, input)),
    booting: [...booting.map(({ since }) => input.now - since), ...Array.from({ length: coming }, () => 0)],
    ready: groups.reduce((sum, state) => sum + Math.max(0, state.slack), 0),
    boots: input.history.get(pool.pool)?.boots ?? [],
    mayGo: (member) => slackFor(context, member) >= (member.serves ? 1 : 0),
  };
}

function slackFor(context: PoolContext, member: Member): number {
  return context.groups.find((state) => state.group === member.group)?.slack ?? 0;
}

export function cordonGate(context: PoolContext): { code: string; message: string; at?: number } | undefined {
  const { cluster, input, memory, pool } = context;
  if (context.hold !== undefined) return context.hold;
  const unmarked = allMembers(context).find((m) => m.live && m.outdated && m.node && !isMarked(m.node));
  if (unmarked) return { code: 'marking', message: 'outdated nodes are being marked, so that pods move once' };
  const extra = cluster.unschedulable - memory.unschedulableAtStart;
  if (extra > input.policy.unschedulablePods) {
    const message = `${cluster.unschedulable} pods find no node, ${memory.unschedulableAtStart} did when the roll began`;
    return { code: 'pods-without-node', message };
  }
  const pulls = imagePullGate(memory, cluster, input.policy);
  if (pulls) return pulls;
  if (pool.controlPlane) return controlPlaneGate(pool, cluster, input);
  return workerGate(cluster);
}

function exchangeForZone(context: PoolContext, awaited: Map<string, Set<string>>): void {
  const member = nodeToExchange(context, awaited);
  if (!member) return;
  const gate = cordonGate(context) ?? leaseGate(context);
  if (!gate) {
    exchange(context, member);
    return;
  }
  wait(context, gate.code, gate.message);
  if (gate.at !== undefined) look(context, gate.at);
}

function waitForCapacity(context: PoolContext): void {
  const booting = allMembers(context).find((member) => member.live && !member.outdated && !member.usability.usable);
  if (booting) wait(context, 'node-booting', describe(booting));
  else if (context.groups.some((state) => state.owed > 0))
    wait(context, 'node-booting', 'the group is launching a replacement');
  else wait(context, 'capacity', 'waits for a usable new node');
}
