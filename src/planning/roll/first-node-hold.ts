/** A roll that is checked begins with one new node: no old one goes until the checks have passed on it. */
import type { CapacitySums } from './capacity-sums.ts';
import { allMembers, type PoolContext } from './pool-context.ts';

/** Says why nothing further goes, if so, and remembers the node that is to be checked. */
export function holdForChecks(context: PoolContext, sums: CapacitySums): void {
  const before = context.memory.firstNode;
  const old = context.groups.some((state) => state.outdated > 0);
  if (context.pool.awaitsChecks !== true || !old) {
    if (before !== undefined) context.memory = { ...context.memory, firstNode: undefined };
    return;
  }
  const fresh = allMembers(context).filter((member) => member.live && !member.outdated && member.usability.usable);
  const first = fresh.find((member) => member.name === before?.node) ?? fresh[0];
  if (first === undefined) {
    context.memory = { ...context.memory, firstNode: undefined };
    context.hold = comesFirst(context, sums);
    return;
  }
  const since = first.name === before?.node ? before.since : context.input.now;
  context.memory = { ...context.memory, firstNode: { node: first.name, since } };
  context.hold = {
    code: 'first-node-checks',
    message: `waiting for checks on the first new node, ${first.name}: old nodes go once they have passed`,
  };
}

/** Where nodes may be missing, old ones could go before there is a new one; where none is to be had, they have to. */
function comesFirst({ groups, input, memory }: PoolContext, sums: CapacitySums): PoolContext['hold'] {
  const comes = memory.intents.some((intent) => intent.kind === 'launch') || groups.some((state) => state.owed > 0);
  const boots = groups.some((state) => state.members.some((member) => member.live && !member.outdated));
  const without = memory.zonesWithout.some((one) => one.until > input.now);
  const wanted = !without && sums.freeSurge > 0 && groups.some((state) => sums.needed(state) > 0);
  if (!comes && !boots && !wanted) return undefined;
  return { code: 'first-node-boots', message: 'the first new node is checked before old ones go; it is on its way' };
}
