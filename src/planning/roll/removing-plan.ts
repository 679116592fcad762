/** Decisions of a pool that is to be no more: its nodes are drained one by one, and nothing is launched into their places. */
import { orderCandidates } from './candidate-order.ts';
import { isControlPlaneNode } from './cluster-index.ts';
import { markNodes } from './marking-plan.ts';
import type { Member } from './members.ts';
import {
  allMembers,
  cordon,
  endNode,
  intentFor,
  isOpenAgain,
  isReadyToEnd,
  leaseGate,
  look,
  type PoolContext,
  planDrains,
  reportLater,
  sortOutdated,
  wait,
} from './pool-context.ts';
import { cordonGate, giveBack, isHeld, isSkipped, isWithoutNode } from './rolling-plan.ts';

/** `holdsCapacity`: somebody else's change is being watched, and capacity stays as it is meanwhile. */
export function planRemoving(context: PoolContext, holdsCapacity: boolean): void {
  const members = allMembers(context);
  const sorted = sortOutdated(context);
  for (const { member, block } of sorted.blocked) {
    context.shown.set(member.instance.id, { phase: 'blocked', blockedBy: block });
    reportLater(context, block);
  }
  if (!holdsCapacity) endEmpty(context, members);
  const leaving = members.filter((member) => member.live && member.cordonedByUs && !member.ambiguous);
  const staying = new Set(leaving.filter((member) => isOpenAgain(member) || isSkipped(context, member)));
  for (const member of staying) giveBack(context, member);
  const draining = leaving.filter(
    (member) => !staying.has(member) && intentFor(context.memory, member.instance.id) === undefined,
  );
  planDrains(context, draining);
  markNodes(context, members);
  if (!holdsCapacity) cordonNext(context, sorted.free, draining);
  const [first] = sorted.blocked;
  if (first !== undefined && sorted.free.length === 0) {
    wait(context, 'blocked', `${first.member.name} cannot be drained: ${first.block.message}`);
  }
}

/** Each place is given up with its node: the group never launches into it. */
function endEmpty(context: PoolContext, members: Member[]): void {
  for (const member of members) {
    if (!member.live || intentFor(context.memory, member.instance.id)) continue;
    const removed = `the pool ${context.pool.pool} is removed`;
    if (member.cordonedByUs) {
      if (isSkipped(context, member) || !isReadyToEnd(context, member)) continue;
      endNode(context, member, 'outdated', true, `${member.name} is empty; ${removed}`);
    } else if (isWithoutNode(context, member) && !isHeld(context, member)) {
      endNode(context, member, 'outdated', true, `${member.name} is no node of the cluster; ${removed}`);
    }
  }
}

/**
 * The next node, once the one before is gone: no new node takes its pods, so each drain shows first whether the rest of the cluster
 * has room. Those that budgets hold up for long are parked, as in a roll.
 */
function cordonNext(context: PoolContext, free: Member[], draining: Member[]): void {
  if (free.length === 0) return;
  const moving = draining.find((member) => !context.parked.has(member.instance.id));
  if (moving !== undefined) return;
  if (draining.length > context.input.policy.maxBlocked) {
    wait(context, 'blocked', `${draining.length} nodes of ${context.pool.pool} are held up, as many as may be`);
    return;
  }
  const ending = context.memory.intents.some((intent) => intent.kind === 'terminate');
  if (ending || context.actions.some((action) => action.kind === 'capacity')) return;
  const gate = cordonGate(context) ?? leaseGate(context);
  if (gate !== undefined) {
    wait(context, gate.code, gate.message);
    if (gate.at !== undefined) look(context, gate.at);
    return;
  }
  for (const candidate of orderCandidates(free, context.index, context.input)) {
    const { member } = candidate;
    if (member.node === undefined) continue;
    const critical = context.cluster.criticalInFlight;
    if (candidate.critical && critical !== undefined) {
      wait(
        context,
        'critical-one-at-a-time',
        `${critical} carries pods the cluster lives by; ${member.name} waits for it`,
      );
      continue;
    }
    const reason = lacksPlace(context, candidate);
    if (reason !== undefined) {
      wait(context, reason.code, reason.message);
      continue;
    }
    cordon(context, member, 'outdated', `the pool ${context.pool.pool} is removed; ${candidate.reason}`);
    if (candidate.critical) context.cluster.criticalInFlight = member.name;
    if (context.pool.controlPlane) context.cluster.controlPlaneInFlight = member.name;
    else context.cluster.workerInFlight = member.name;
    return;
  }
}

/** No other node could take what runs there: other pools have to, in the zones of its volumes. */
function lacksPlace(
  context: PoolContext,
  { member, pods, boundTo }: { member: Member; pods: number; boundTo: string[][] },
): { code: string; message: string } | undefined {
  const own = new Set(allMembers(context).map((one) => one.instance.id));
  const others = context.input.view.nodes.filter(
    (node) => node.ready && !node.unschedulable && node.instanceId !== undefined && !own.has(node.instanceId),
  );
  if (context.pool.controlPlane) {
    if (others.some(isControlPlaneNode)) return undefined;
    const message = `no control-plane node of another pool serves, so ${member.name} stays`;
    return { code: 'last-control-plane-node', message };
  }
  if (pods === 0) return undefined;
  const workers = others.filter((node) => !isControlPlaneNode(node));
  if (workers.length === 0) {
    const message = `no node of another pool could take the ${pods} pods of ${member.name}`;
    return { code: 'no-other-node', message };
  }
  const missing = boundTo.find(
    (zones) => !workers.some((node) => node.zone !== undefined && zones.includes(node.zone)),
  );
  if (missing === undefined) return undefined;
  const message = `${member.name} has volumes in ${missing.join(', ')}, where no node of another pool serves`;
  return { code: 'zone-capacity', message };
}
