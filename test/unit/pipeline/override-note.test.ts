import { describe, expect, it } from 'vitest';
import { overrideNoteText, overridesToTake, parseOverrideNote } from '../../../src/planning/pipeline/override-note.ts';

const now = Date.parse('2026-03-04T05:06:07Z');
const hour = 3_600_000;
const freeze = (expiresAt: number | string | null, scope = 'fleet') => ({
  key: `freeze/${scope}`,
  value: { kind: 'freeze', scope, actor: 'ana', reason: 'sale', expiresAt },
});
const keysTaken = (...input: Parameters<typeof overridesToTake>) => overridesToTake(...input).map((one) => one.key);

describe('the note that keeps overrides', () => {
  it('reads back as it was written, whatever the order it came in', () => {
    const [a, b] = [freeze(now, 'fleet'), freeze(null, 'channel:beta')];
    const text = overrideNoteText({ store: 's', generation: 3, overrides: [a, b] });
    expect(overrideNoteText({ store: 's', generation: 3, overrides: [b, a] })).toBe(text);
    expect(parseOverrideNote(text)).toEqual({ store: 's', generation: 3, overrides: [b, a] });
  });

  it('says where it cannot be read', () => {
    expect(parseOverrideNote('<<<<<<< ours')).toEqual({ unreadable: 'it is no JSON' });
    expect(parseOverrideNote('{"format":1,"store":"s","generation":0,"overrides":[]}')).toMatchObject({
      unreadable: expect.stringContaining('generation: ') as string,
    });
    expect(parseOverrideNote('[]')).toMatchObject({ unreadable: expect.stringContaining('the document: ') as string });
  });

  it('is taken whole by a new database, but for what has expired', () => {
    const overrides = [freeze(now + hour), freeze(now, 'channel:beta'), freeze(null, 'cluster:c')];
    const note = { store: 'old', generation: 1, overrides };
    expect(keysTaken(note, { known: [], overrides: [], now })).toEqual(['freeze/fleet', 'freeze/cluster:c']);
  });

  it('tells nothing to the database that wrote it, or that has taken it before', () => {
    const note = { store: 'own', generation: 4, overrides: [freeze(now + hour)] };
    const taken = (generation: number) =>
      overridesToTake(note, { known: [{ store: 'own', generation }], overrides: [], now }).length;
    expect(taken(4)).toBe(0);
    expect(taken(5)).toBe(0);
    // restored from a backup: the note is of a later life
    expect(taken(3)).toBe(1);
  });

  it('lengthens an override and never shortens one', () => {
    const longer = { store: 'other', generation: 1, overrides: [freeze(new Date(now + 2 * hour).toISOString())] };
    expect(keysTaken(longer, { known: [], overrides: [freeze(now + hour)], now })).toEqual(['freeze/fleet']);
    expect(keysTaken(longer, { known: [], overrides: [freeze(now + 3 * hour)], now })).toEqual([]);
    expect(keysTaken(longer, { known: [], overrides: [freeze(null)], now })).toEqual([]);
  });
});
