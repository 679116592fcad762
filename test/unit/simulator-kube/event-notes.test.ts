import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventNote, EventNotes } from '../../../src/simulator/model/kube/event-notes.ts';

function note(uid: string, message: string): EventNote {
  return {
    type: 'Normal',
    reason: 'Tested',
    message,
    component: 'test',
    host: undefined,
    about: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: uid, uid },
    name: `${uid}.${message}`,
    count: 1,
    firstMs: 0,
    lastMs: 0,
    dirty: true,
    stored: false,
  };
}

describe('The notes of Events', () => {
  it('are in the order in which they happened last, whatever is repeated and dropped', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ uid: fc.constantFrom('a', 'b', 'c'), message: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.constant('drop' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3_000, size: 'max' }), (steps) => {
        const notes = new EventNotes();
        let model: string[] = [];
        for (const each of steps) {
          if (each === 'drop') {
            notes.dropOldest();
            model = model.slice(1);
          } else {
            const made = note(each.uid, String(each.message));
            if (!notes.repeated(each.uid, 'test', made)) notes.add(made);
            model = [...model.filter((name) => name !== made.name), made.name];
          }
          if (notes.size !== model.length || notes.oldest()?.name !== model[0]) return false;
        }
        expect([...notes].map(({ name }) => name)).toEqual(model);
        return true;
      }),
      { numRuns: 30, seed: 7 },
    );
  });

  it('tells events apart by object, component, reason and message', () => {
    const notes = new EventNotes();
    notes.add(note('a', '1'));
    expect(notes.repeated('a', 'test', note('a', '1'))?.name).toBe('a.1');
    expect(notes.repeated('b', 'test', note('a', '1'))).toBeUndefined();
    expect(notes.repeated('a', 'other', note('a', '1'))).toBeUndefined();
    expect(notes.repeated('a', 'test', note('a', '2'))).toBeUndefined();
    expect(notes.repeated('a', 'test', { ...note('a', '1'), reason: 'Other' })).toBeUndefined();
  });
});
