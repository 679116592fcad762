/** A roll that is checked begins with one new node of each content: no old one goes until the checks have passed on all that can be had. */
import type { CheckedNode } from '../../domain/node-pool-roll.ts';
import { digestText } from '../../support/digest.ts';
import type { CapacitySums } from './capacity-sums.ts';
import { contentKey } from './launch-plan.ts';
import type { GroupState, Member } from './members.ts';
import { allMembers, type PoolContext } from './pool-context.ts';

/** Says why nothing further goes, if so, and remembers the nodes that are to be checked. */
export function holdForChecks(context: PoolContext, sums: CapacitySums): void {
  const here: CheckedNode[] = [];
  const coming: string[] = [];
  const later: string[] = [];
  const unchecked = uncheckedContents(context);
  for (const [content, groups] of unchecked) {
    const names = groups.map(({ group }) => group.name);
    const first = firstOf(context, content, groups);
    if (first !== undefined) here.push(first);
    else if (comesFirst(context, groups, sums)) coming.push(...names);
    else if (!lacksCapacity(context, groups)) later.push(...names);
  }
  if (here.length > 0 || context.memory.firstNodes !== undefined)
    context.memory = { ...context.memory, firstNodes: here.length === 0 ? undefined : here };
  context.unchecked = new Set(later);
  const onItsWay =
    context.groups.length === 1 ? 'the first new node' : `the first new node of ${coming.slice(0, 5).join(', ')}`;
  if (here.length > 0) {
    const nodes = `the first new ${here.length === 1 ? 'node' : 'nodes'}, ${here.map(({ node }) => node).join(', ')}`;
    const more = coming.length === 0 ? '' : `; ${onItsWay} is on its way`;
    const message = `waiting for checks on ${nodes}: old nodes go once they have passed${more}`;
    context.hold = { code: 'first-node-checks', message };
  } else if (coming.length > 0) {
    const message = `${onItsWay} is checked before old ones go; it is on its way`;
    context.hold = { code: 'first-node-boots', message };
  }
}

/**
 * Old nodes whose successors have not been checked go last: those of other contents make room for the first of theirs. Only where no other is
 * left that moves, one of them goes before.
 */
export function checkedBefore(context: PoolContext, free: Member[]): Member[] {
  const isChecked = ({ group }: Member): boolean => context.unchecked?.has(group.name) !== true;
  const makesRoom = (one: Member): boolean =>
    one.live && one.outdated && one.cordonedByUs && isChecked(one) && !context.parked.has(one.instance.id);
  const passed = free.filter(isChecked);
  return passed.length > 0 || allMembers(context).some(makesRoom) ? passed : free;
}

/** Groups that have old nodes, by what their new ones are launched with; without those that checks have passed on. */
function uncheckedContents({ groups, pool }: PoolContext): Map<string, GroupState[]> {
  const contents = new Map<string, GroupState[]>();
  if (pool.checksFirst === undefined || !groups.some((state) => state.outdated > 0)) return contents;
  const passed = new Set(pool.checksFirst.passed);
  for (const state of groups) {
    const content = digestText(contentKey(state));
    if (!passed.has(content)) contents.set(content, [...(contents.get(content) ?? []), state]);
  }
  for (const [content, own] of contents) if (own.every((state) => state.outdated === 0)) contents.delete(content);
  return contents;
}

/** The same node as long as it is there, or else any that carries pods. */
function firstOf({ input, memory }: PoolContext, content: string, groups: GroupState[]): CheckedNode | undefined {
  const before = memory.firstNodes?.find((one) => one.content === content);
  const fresh = groups.flatMap(({ members }) =>
    members.filter((member) => member.live && !member.outdated && member.usability.usable),
  );
  const first = fresh.find((member) => member.name === before?.node) ?? fresh[0];
  if (first === undefined) return undefined;
  return { content, node: first.name, since: first.name === before?.node ? before.since : input.now };
}

/** Where nodes may be missing, old ones could go before there is a new one; where none is to be had, they have to. */
function comesFirst(context: PoolContext, groups: GroupState[], sums: CapacitySums): boolean {
  const names = new Set(groups.map(({ group }) => group.name));
  const comes = context.memory.intents.some((intent) => intent.kind === 'launch' && names.has(intent.group));
  const boots = groups.some(
    ({ members, owed }) => owed > 0 || members.some((member) => member.live && !member.outdated),
  );
  const wanted = sums.freeSurge > 0 && groups.some((state) => sums.needed(state) > 0);
  return comes || boots || (wanted && !lacksCapacity(context, groups));
}

function lacksCapacity({ input, memory }: PoolContext, groups: GroupState[]): boolean {
  return memory.zonesWithout.some(
    (one) => one.until > input.now && groups.some(({ group }) => group.name === one.group),
  );
}
