/** The tag that says how large a group is on account of its roll: what is above it is somebody else's, whatever else was lost. */
import { type Failure, FailureError } from '../../domain/failure.ts';
import type { CapacityIntent, RollGroupMemory, RollMemory } from '../../domain/node-pool-roll.ts';
import { expectedTag, readOriginals } from '../../planning/roll/group-tags.ts';
import { assertLease, type RollVisit } from './roll-context.ts';

/** Tags are the roll's own: any describe of late shows them. */
const tagsAgeMs = 300_000;
/** What no group is expected to have. */
const unknown = -1;

/** desired at its highest while the open changes are made in their order; undefined while none would raise it. */
export function peakOf(group: RollGroupMemory, intents: CapacityIntent[]): number | undefined {
  let [now, peak] = [group.expected, group.expected];
  for (const intent of intents) {
    if (intent.kind === 'launch') now += 1;
    else if (intent.decrement) now -= 1;
    peak = Math.max(peak, now);
  }
  return peak > group.expected ? peak : undefined;
}

/** What the tag may be lowered to once nothing is open any more. */
export const lowestOf = (group: RollGroupMemory, intents: CapacityIntent[]): number | undefined =>
  intents.length === 0 ? group.expected : undefined;

/**
 * Keeps the tag at or above the truth: raised before launches, lowered after terminations, so that a loss of the database can only hide
 * growth by others, never invent it. Answers why it could not be written: then nothing is sent.
 */
export async function tagExpected(
  visit: RollVisit,
  memory: RollMemory,
  wantedOf: (group: RollGroupMemory, intents: CapacityIntent[]) => number | undefined,
): Promise<Failure | undefined> {
  const { session, ledger } = visit;
  try {
    for (const group of memory.groups) {
      const intents = memory.intents.filter((one) => one.group === group.name);
      const wanted = wantedOf(group, intents);
      if (wanted === undefined) continue;
      // Nothing to write: no describe for it either, just before a launch.
      if (intents.length > 0 && (ledger.expectedTags.get(group.name) ?? -1) >= wanted) continue;
      const found = (await session.groups(tagsAgeMs)).find((one) => one.name === group.name);
      const originals = found && readOriginals(found);
      const tagged = ledger.expectedTags.get(group.name) ?? originals?.expected;
      // Without its tags a group is put back already; a tag that allows more needs no write before a launch.
      if (!originals || (intents.length > 0 ? (tagged ?? -1) >= wanted : tagged === wanted)) continue;
      assertLease(visit);
      await writeExpected(visit, group.name, wanted);
    }
    return undefined;
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}

/** A write whose answer is lost leaves open what the tag says: it is written again before anything rests on it. */
export async function writeExpected(
  { ledger, session }: RollVisit,
  group: string,
  expected: number,
  more: Record<string, string> = {},
): Promise<void> {
  ledger.expectedTags.set(group, unknown);
  await session.cloud.tagGroup(group, { ...more, [expectedTag]: String(expected) });
  ledger.expectedTags.set(group, expected);
  session.cloudChanged();
}
