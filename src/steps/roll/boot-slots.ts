/** The fleet's ledger of booting nodes: one slot in the store for each, taken with the decision that boots it. */
import type { CapacityIntent, RollMemory } from '../../domain/node-pool-roll.ts';
import type { RollAction } from '../../planning/roll/roll-plan.ts';
import type { Admission } from '../../ports/store.ts';
import type { RollVisit } from './roll-context.ts';

export const bootSlot = 'fleet-boots';

type Decision = Extract<RollAction, { kind: 'capacity' }>;

/** A launch boots a node, and so does an end whose place the group fills by itself. */
const boots = (intent: CapacityIntent): boolean => intent.kind === 'launch' || !intent.decrement;

/** Those of the decisions that the fleet has room for, with the slots they take. The store counts again when they are committed. */
export async function withinFleet(
  visit: RollVisit,
  decisions: Decision[],
): Promise<{ taken: Decision[]; admit: Admission[]; held: number }> {
  const { bootLimit, booting } = visit.parts.fleet;
  if (!decisions.some((one) => boots(one.intent))) return { taken: decisions, admit: [], held: 0 };
  const holders = new Set(await booting());
  let free = bootLimit - holders.size;
  const taken: Decision[] = [];
  const admit: Admission[] = [];
  let held = 0;
  for (const decision of decisions) {
    const { intent } = decision;
    if (!boots(intent)) {
      taken.push(decision);
      continue;
    }
    const holder = `${visit.step.id}#${intent.id}`;
    if (!holders.has(holder)) {
      if (free <= 0) {
        held += 1;
        continue;
      }
      free -= 1;
    }
    taken.push(decision);
    admit.push({ holder, slots: [{ name: bootSlot, limit: bootLimit }] });
  }
  return { taken, admit, held };
}

/** Slots of nodes that have booted, or will not any more: the oldest first, so that only as many are held as boot. */
export function settleBoots(
  memory: RollMemory,
  booting: number,
  taken: Admission[],
): { memory: RollMemory; release: string[] } {
  const all = [...new Set([...memory.boots, ...taken.map((one) => one.holder)])];
  const surplus = Math.max(0, memory.boots.length - booting);
  const release = memory.boots.slice(0, surplus);
  const kept = all.filter((holder) => !release.includes(holder)).slice(-200);
  const same = kept.length === memory.boots.length && kept.every((holder, i) => holder === memory.boots[i]);
  return { memory: same ? memory : { ...memory, boots: kept }, release };
}
