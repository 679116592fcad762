/** What is known of changes of capacity that are open: which were sent, and whose doing the end of an instance was. */
import { FailureError } from '../../domain/failure.ts';
import type { CapacityIntent, RollMemory } from '../../domain/node-pool-roll.ts';
import { readOriginals } from '../../planning/roll/group-tags.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { peakOf } from './expected-tag.ts';
import type { RollVisit } from './roll-context.ts';

type Terminate = Extract<CapacityIntent, { kind: 'terminate' }>;

/** Of this roll: ids of intents are unique within one. */
export function key(visit: RollVisit, intent: CapacityIntent): string {
  return `${visit.step.id} ${intent.id}`;
}

/** Launches of the group that an earlier attempt, or an earlier process, may have sent. */
export function maybeSent(visit: RollVisit, memory: RollMemory, group: string): number {
  return memory.intents.filter(
    (one) => one.kind === 'launch' && one.group === group && !visit.ledger.unsent.has(key(visit, one)),
  ).length;
}

/**
 * Whether a place was given up with an instance that is gone: by this intent, before a kill or a lost answer; not if somebody else ended
 * it and the group replaces it. Throws FailureError while the cloud does not answer.
 */
export async function wasOurs(
  visit: RollVisit,
  intent: Terminate,
  group: NodeGroup | undefined,
  memory: RollMemory,
): Promise<boolean> {
  if (visit.ledger.unsent.has(key(visit, intent))) return false;
  // Accepted, and the look that made it was not committed: somebody else's growth meanwhile would hide it in desired.
  if (visit.ledger.accepted.has(key(visit, intent))) return true;
  const known = memory.groups.find((one) => one.name === intent.group);
  if (group === undefined || known === undefined || group.desired < known.expected) return true;
  // Growth by others, or a launch into its place, may have raised desired again.
  const gaveUp = await gaveUpPlace(visit, intent);
  if (gaveUp !== undefined) return gaveUp;
  if (maybeSent(visit, memory, intent.group) === 0) return false;
  const intents = memory.intents.filter((one) => one.group === intent.group);
  const [tagged, peak] = [readOriginals(group)?.expected, peakOf(known, intents)];
  const noneSent = tagged !== undefined && peak !== undefined && tagged < peak;
  return !(noneSent && group.desired === known.expected);
}

/** As the group's own history says; undefined where it says nothing, or may not be read: then desired has to tell. */
async function gaveUpPlace(visit: RollVisit, intent: Terminate): Promise<boolean | undefined> {
  try {
    return (await visit.session.cloud.endOfInstance(intent.group, intent.instanceId))?.gaveUpPlace;
  } catch (error) {
    if (error instanceof FailureError && error.failure.kind === 'terminal') return undefined;
    throw error;
  }
}
