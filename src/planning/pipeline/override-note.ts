/**
 * Overrides as the configuration repository keeps them (B11): a freeze or pin outlives the loss of the daemon's database. Pure: what a
 * note says, and what a database that finds one has to take from it.
 */
import { z } from 'zod';
import type { Json } from '../../ports/store.ts';

export interface KeptOverride {
  /** `freeze/fleet`, `pin/cluster:<id>` */
  key: string;
  value: Json;
}

/** Which database wrote a note, and its how manyeth write that was. */
export interface NoteMark {
  store: string;
  generation: number;
}

export interface OverrideNote extends NoteMark {
  overrides: KeptOverride[];
}

const about = 'Freezes, pins and other overrides, kept by the clm daemon for the day on which its database is lost.';

const noteShape = z.object({
  format: z.literal(1),
  store: z.string().min(1),
  generation: z.number().int().min(1),
  overrides: z.array(z.object({ key: z.string().min(1), value: z.json() })),
});

/** The same overrides give the same text, byte for byte. */
export function overrideNoteText(note: OverrideNote): string {
  const overrides = [...note.overrides].sort((a, b) => (a.key < b.key ? -1 : 1));
  return `${JSON.stringify({ about, format: 1, ...note, overrides }, undefined, 2)}\n`;
}

/** A note that cannot be read is a reason, in words. */
export function parseOverrideNote(text: string): OverrideNote | { unreadable: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { unreadable: 'it is no JSON' };
  }
  const parsed = noteShape.safeParse(json);
  if (parsed.success) {
    const { store, generation, overrides } = parsed.data;
    return { store, generation, overrides: overrides };
  }
  const issue = parsed.error.issues[0];
  return { unreadable: `${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'is wrong'}` };
}

/**
 * What a database takes from the note at its start. A note that it wrote or has taken already tells it nothing: it knows better. One of another
 * database, or of a later life of its own (it was restored from a backup), adds what is missing; of two that differ, the one that
 * holds longer stays, because an override too many is ended by a command, and one too few breaks something.
 */
export function overridesToTake(
  note: OverrideNote,
  own: { known: NoteMark[]; overrides: KeptOverride[]; now: number },
): KeptOverride[] {
  const { now } = own;
  if (own.known.some((mark) => mark.store === note.store && note.generation <= mark.generation)) return [];
  const known = new Map(own.overrides.map((one) => [one.key, one.value]));
  return note.overrides.filter(({ key, value }) => {
    const ends = endOf(value);
    if (ends <= now) return false;
    const there = known.get(key);
    return there === undefined || endOf(there) < ends;
  });
}

/** Epoch ms; one without a readable end never ends. */
function endOf(value: Json): number {
  const expiresAt = typeof value === 'object' && value !== null && !Array.isArray(value) ? value['expiresAt'] : null;
  const at = typeof expiresAt === 'string' ? Date.parse(expiresAt) : expiresAt;
  return typeof at === 'number' && Number.isFinite(at) ? at : Number.POSITIVE_INFINITY;
}
