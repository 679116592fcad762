import { describe, expect, it } from 'vitest';
import { drawRoll } from '../../../src/planning/roll/forecast.ts';
import { seededRandom } from '../../../src/support/random.ts';

const boot = 100;
const drain = 10;
const end = 10_000;

/** A roll in which every boot takes as long as every other, and every node has a slot of its own; in ms without the end of a node. */
function takes(contents: [key: string, proven: boolean][], more: { checksMs?: number; surge?: number } = {}): number {
  const input = {
    drains: contents.map(() => drain),
    contents: contents.map(([key, proven]) => ({ key, proven })),
    surge: contents.length,
    history: { boots: [boot], drains: [] },
    canary: true,
    pauseMs: 0,
    ...more,
  };
  return drawRoll(input, seededRandom('any')) - end;
}

describe('the forecast of a pool of several contents', () => {
  it.each<[string, [string, boolean][], number]>([
    [
      'waits for nothing where all are proven',
      [
        ['a', true],
        ['a', true],
        ['b', true],
      ],
      boot,
    ],
    [
      'has one node of one content alone first',
      [
        ['a', false],
        ['a', false],
      ],
      2 * boot,
    ],
    [
      'then one of each other content, side by side, and the rest of those',
      [
        ['a', false],
        ['b', false],
        ['b', false],
        ['c', false],
        ['c', false],
      ],
      3 * boot,
    ],
    [
      'has none alone where one content is proven',
      [
        ['a', true],
        ['b', false],
        ['c', false],
      ],
      boot,
    ],
    [
      'has the rest of an unproven content wait, whatever else is proven',
      [
        ['a', true],
        ['b', false],
        ['b', false],
      ],
      2 * boot,
    ],
  ])('%s', (_name, contents, expected) => {
    expect(takes(contents)).toBe(expected + drain);
  });

  it('has a node of each content checked before an old one goes, and those that there was no room for when they come', () => {
    const checks = 1_000;
    const two: [string, boolean][] = [
      ['a', true],
      ['a', true],
      ['b', true],
    ];
    expect(takes(two, { checksMs: checks })).toBe(boot + checks + boot + drain);
    const unproven = two.map(([key]): [string, boolean] => [key, false]);
    expect(takes(unproven, { checksMs: checks })).toBe(2 * boot + checks + boot + drain);
    // one after the other: a is checked, then b, and the second a needs no checks
    expect(takes(unproven, { checksMs: checks, surge: 1 })).toBe(3 * (boot + drain) + 2 * checks + 2 * end);
  });
});
