/** Volumes are bound to zones: what a roll does when all that is left, or a pod that runs nowhere, waits for a new node in one of them. */
import { lastingBlock, orderCandidates, zonesBound } from './candidate-order.ts';
import { raisesDesired, zonesWithout } from './launch-plan.ts';
import type { Member } from './members.ts';
import { allMembers, cordon, look, type PoolContext, plainSurge, surgeInUse } from './pool-context.ts';

/** A serving node on the current template is in one of the zones; `besides` is not counted. */
export function servesInZones(context: PoolContext, zones: string[], besides?: Member): boolean {
  return allMembers(context).some(
    (m) => m !== besides && m.serves && !m.outdated && !m.cordonedByUs && zones.includes(m.instance.zone),
  );
}

/**
 * Zones that all of the outdated nodes wait for, by the name of the group that has to launch there; empty while one of them could go,
 * or while something is under way that may change it. Before them, zones without a node whose volumes keep pods from running, where that
 * holds the roll up.
 */
export function zonesAwaited(context: PoolContext, free: Member[]): Map<string, Set<string>> {
  const awaited = new Map<string, Set<string>>();
  if (context.pool.controlPlane || context.memory.intents.some((intent) => intent.kind === 'launch')) return awaited;
  const members = allMembers(context);
  if (members.some((m) => m.live && !m.cordonedByUs && !m.outdated && !m.usability.usable)) return awaited;
  const stranded = zonesOfStrandedPods(context);
  for (const { group } of context.groups) {
    const reachable = group.zones.filter((zone) => stranded.has(zone));
    if (reachable.length > 0) awaited.set(group.name, new Set(reachable));
  }
  if (awaited.size > 0 || members.some((m) => m.live && m.cordonedByUs)) return awaited;
  for (const member of free) {
    const missing = zonesBound(member, context.index).filter((zones) => !servesInZones(context, zones));
    if (missing.length === 0) return new Map();
    const { name, zones: has } = member.group;
    const reachable = missing.flat().filter((zone) => has.includes(zone) || zone === member.instance.zone);
    if (reachable.length > 0) awaited.set(name, new Set([...(awaited.get(name) ?? []), ...reachable]));
  }
  return awaited;
}

/**
 * Zones that pods need which run nowhere, and where no node of the pool takes pods: the one that they were moved to has gone, and its
 * group has launched the next one elsewhere. Only where the roll waits for those pods: their budget allows nothing to a drain, or keeps one
 * from being begun (while a pod is missing it may ask for all that are there), or so many of them find no node that no further node is
 * cordoned.
 */
function zonesOfStrandedPods(context: PoolContext): Set<string> {
  const { cluster, index, input, memory, shown } = context;
  const zones = new Set<string>();
  const holdsCordons = cluster.unschedulable - memory.unschedulableAtStart > input.policy.unschedulablePods;
  const blocked = allMembers(context).filter((m) => shown.get(m.instance.id)?.phase === 'blocked');
  if (!holdsCordons && blocked.length === 0) return zones;
  const refusing = new Set(
    blocked
      .flatMap((m) => m.pods.flatMap((pod) => index.budgetsOf(pod)))
      .flatMap((budget) => (budget.disruptionsAllowed > 0 ? [] : [budget.uid])),
  );
  for (const pod of index.pods.unscheduled) {
    if (pod.claims.length === 0) continue;
    if (!holdsCordons && !index.budgetsOf(pod).some((budget) => refusing.has(budget.uid))) continue;
    const missing = index.volumesOf(pod).flatMap((volume) => volume.zones ?? []);
    if (missing.length === 0 || missing.some((zone) => takesPodsIn(context, zone))) continue;
    // One that has just been made gets a node by itself, if there is one.
    const due = pod.createdAt + input.policy.unschedulableAfterMs;
    if (due > input.now) look(context, due);
    else for (const zone of missing) zones.add(zone);
  }
  return zones;
}

function takesPodsIn(context: PoolContext, zone: string): boolean {
  return allMembers(context).some(
    (m) => m.live && m.instance.zone === zone && m.node?.ready === true && !m.node.unschedulable,
  );
}

/** As many nodes above the baseline as there may ever be. */
export function isSurgeSpent(context: PoolContext): boolean {
  if (context.pool.controlPlane) return false;
  return surgeInUse(context) >= plainSurge(context) + context.input.policy.maxBlocked;
}

/**
 * Every node that may be launched is there, and none is where the volumes are: one of the new ones goes again, so that its place can be
 * had in a zone that is waited for. Only one that the baseline does not need, and that no volume of its own holds.
 */
export function nodeToExchange(context: PoolContext, awaited: Map<string, Set<string>>): Member | undefined {
  const { cluster, index, input, memory } = context;
  // Where the group chooses the zone, the next node may be as wrong as this one.
  if (awaited.size === 0 || !isSurgeSpent(context)) return undefined;
  if (raisesDesired(memory, input.now)) {
    look(context, memory.launchByDesiredUntil ?? input.now);
    return undefined;
  }
  for (const state of context.groups) {
    const zones = awaited.get(state.group.name);
    const without = zonesWithout(context, state.group.name);
    if (!zones || [...zones].every((zone) => without.has(zone)) || state.surge <= 0 || state.slack < 1) continue;
    const spare = state.members.filter(
      (m) =>
        m.serves &&
        !m.outdated &&
        !m.ambiguous &&
        !zones.has(m.instance.zone) &&
        !zonesBound(m, index).some((bound) => !servesInZones(context, bound, m)) &&
        !lastingBlock(m, index, input),
    );
    const found = orderCandidates(spare, index, input).find(
      (one) => !one.critical || cluster.criticalInFlight === undefined,
    );
    if (found) return found.member;
  }
  return undefined;
}

export function exchange(context: PoolContext, member: Member): void {
  const { group, instance } = member;
  const reason = `volumes wait for a new node in another zone than ${instance.zone}, and ${group.name} may have no node more`;
  cordon(context, member, 'surplus', reason);
}
