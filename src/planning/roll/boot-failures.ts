/** New nodes that did not become usable: counted a pool, and told by group, since each group may launch something else. */
import type { BootFault, RollGroupMemory, RollMemory } from '../../domain/node-pool-roll.ts';
import type { GroupState } from './members.ts';

/** One node more of a group that was given up, and why; counting begins anew where it was set back. */
export function withBootFault(memory: RollMemory, group: string, problem: string | undefined): RollMemory {
  const known = memory.bootFailures === 0 ? [] : (memory.bootFaults ?? []);
  const nodes = (known.find((one) => one.group === group)?.nodes ?? 0) + 1;
  const fault: BootFault = { group, nodes, ...(problem === undefined ? {} : { problem }) };
  // The last one comes last.
  const bootFaults = [...known.filter((one) => one.group !== group), fault];
  return { ...memory, bootFailures: memory.bootFailures + 1, bootFaults };
}

/** What a group launches, for people: the image where it is known, and the template. */
export function launchedBy({ content, target }: Pick<RollGroupMemory, 'content' | 'target'>): string {
  const template = `template ${target.id} version ${target.version}`;
  return content === null ? template : `${content.image}, ${template}`;
}

/** Why the roll goes no further: which group and content failed, what was replaced by then, and what was not. */
export function bootFailuresMessage(pool: string, memory: RollMemory, groups: readonly GroupState[]): string {
  const faults = memory.bootFaults ?? [];
  const last = faults.at(-1)?.problem;
  const of = faults.map(({ group, nodes }) => {
    const known = memory.groups.find((one) => one.name === group);
    return `${nodes} of ${group}${known === undefined ? '' : ` (${launchedBy(known)})`}`;
  });
  const which = of.length === 0 ? '' : `: ${of.join(', ')}`;
  const why = last === undefined ? '' : `; of the last one: ${last}`;
  return `${memory.bootFailures} new nodes of ${pool} did not become usable${which}${why}; ${standing(groups)}`;
}

function standing(groups: readonly GroupState[]): string {
  const all = groups.map((state) => {
    const live = state.members.filter((one) => one.live);
    const old = live.filter((one) => one.outdated);
    return {
      name: state.group.name,
      left: old.filter((one) => !one.cordonedByUs).length,
      draining: old.filter((one) => one.cordonedByUs).length,
      replaced: Math.max(0, state.baseline - old.length),
    };
  });
  if (all.every((one) => one.replaced + one.draining === 0)) return 'the old ones are intact';
  return all
    .map(({ name, left, draining, replaced }) => {
      const parts = [`${replaced} replaced`, `${left} old ${left === 1 ? 'one' : 'ones'} intact`];
      if (draining > 0) parts.push(`${draining} being drained`);
      return `${name}: ${parts.join(', ')}`;
    })
    .join('; ');
}
