/**
 * A group whose zones differ by more than one node evens them out by itself as soon as AZRebalance is resumed, and ends nodes undrained
 * for it. So a roll does not leave it like that: one node more in the emptiest zone, then a drained one less in the fullest.
 */
import { imagePullGate } from './control-plane-gate.ts';
import { readOriginals, rebalanceProcess } from './group-tags.ts';
import { launchAction, raisesDesired, zonesWithout } from './launch-plan.ts';
import type { GroupState, Member } from './members.ts';
import { intentFor, type PoolContext, wait } from './pool-context.ts';

/** Differences up to this one are nothing to even out. */
const tolerated = 1;

/** Live nodes by zone that nothing is decided about yet; zones without any count 0. */
export function zoneCounts(context: PoolContext, state: GroupState, leaving: readonly Member[]): Map<string, number> {
  const counts = new Map(state.group.zones.map((zone) => [zone, 0]));
  for (const member of state.members) {
    if (!member.live || leaving.includes(member) || intentFor(context.memory, member.instance.id)) continue;
    const { zone } = member.instance;
    counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  return counts;
}

/** How far the zones would be apart, beyond what is tolerated, without one node of `zone`. */
export function unevenWithout(counts: ReadonlyMap<string, number>, zone: string): number {
  const after = [...counts].map(([name, count]) => (name === zone ? count - 1 : count));
  return Math.max(tolerated, Math.max(...after) - Math.min(...after));
}

/**
 * One node more where one is missing, on the template that the group itself would launch it from. Not while something else is under
 * way, and not again once a node has failed to boot.
 */
export function planEvenness(context: PoolContext): void {
  const { actions, cluster, input, memory } = context;
  if (memory.intents.length > 0 || memory.bootFailures > 0 || imagePullGate(memory, cluster, input.policy)) return;
  if (actions.some((action) => action.kind === 'capacity' || action.kind === 'cordon')) return;
  for (const state of context.groups) {
    const zone = emptyZone(context, state);
    if (zone === undefined || cluster.booting >= input.policy.bootCap) continue;
    const number = memory.launches + 1;
    const reason = `${state.group.name} has fewest nodes in ${zone}, and would end one elsewhere undrained to even that out`;
    wait(context, 'evening-zones', reason);
    actions.push(
      launchAction(memory, { number, group: state.group.name, zone, reason, raise: raisesDesired(memory, input.now) }),
    );
    return;
  }
}

/** AZRebalance is not one of the processes that were suspended before the roll. */
export function evensOutItself({ group }: GroupState): boolean {
  return readOriginals(group)?.suspended.includes(rebalanceProcess) === false;
}

function emptyZone(context: PoolContext, state: GroupState): string | undefined {
  const { group, members } = state;
  if (!evensOutItself(state) || state.surge !== 0 || state.owed > 0 || group.desired >= group.max) return undefined;
  if (members.some((m) => m.live && (m.cordonedByUs || m.phase === 'booting'))) return undefined;
  const counts = zoneCounts(context, state, []);
  const most = Math.max(...counts.values());
  const without = zonesWithout(context, group.name);
  const [emptiest] = [...counts]
    .filter(([zone, count]) => most - count > tolerated && !without.has(zone))
    .sort(([za, a], [zb, b]) => a - b || (za < zb ? -1 : 1));
  return emptiest?.[0];
}
