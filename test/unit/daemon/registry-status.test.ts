import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  capProblems,
  maxRegistryProblems,
  nextRegistryStatus,
  type RegistryStatus,
  sameRegistryStatus,
} from '../../../src/domain/registry-status.ts';

const problem = (title: string) => ({ type: 'urn:clm:problem:x', title });
const known: RegistryStatus = { currentVersion: 'a', lastVersion: '0', nextVersion: 'b', problems: [problem('old')] };

describe('what a registry is told', () => {
  it('makes the version before the last one when a new one is reached', () => {
    expect(nextRegistryStatus(known, { current: 'b', problems: [] })).toEqual({
      currentVersion: 'b',
      lastVersion: 'a',
      nextVersion: '',
      problems: [],
    });
  });

  it('keeps the version that the registry has while none is known', () => {
    expect(nextRegistryStatus(known, { next: 'c', problems: [] })).toMatchObject({
      currentVersion: 'a',
      lastVersion: '0',
      nextVersion: 'c',
    });
  });

  it('has no last version after the very first', () => {
    const empty = { currentVersion: '', lastVersion: '', nextVersion: '', problems: [] };
    expect(nextRegistryStatus(empty, { current: 'a', problems: [] })).toMatchObject({ lastVersion: '' });
  });

  it('is the same when it is told twice', () => {
    fc.assert(
      fc.property(fc.constantFrom('a', 'b', undefined), fc.array(fc.constantFrom('p', 'q', 'r')), (current, titles) => {
        const observed = { ...(current === undefined ? {} : { current }), problems: titles.map(problem) };
        const once = nextRegistryStatus(known, observed);
        expect(sameRegistryStatus(nextRegistryStatus(once, observed), once)).toBe(true);
      }),
    );
  });

  it('never has more problems than a registry keeps, and no repeats', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 200 }), (numbers) => {
        const capped = capProblems(numbers.map((n) => problem(String(n))));
        const distinct = new Set(numbers).size;
        expect(capped).toHaveLength(Math.min(distinct, maxRegistryProblems));
        expect(new Set(capped.map(({ title }) => title)).size).toBe(capped.length);
      }),
    );
  });
});
