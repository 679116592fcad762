import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { elsewhere, listed } from './elsewhere.ts';

const here = new URL('./', import.meta.url);
const numbers = readdirSync(here)
  .filter((file) => file.endsWith('.test.ts') && file !== 'complete.test.ts')
  .flatMap((file) => [...readFileSync(new URL(file, here), 'utf8').matchAll(/edge case (\d+):/g)])
  .map(([, number]) => Number(number));

describe('the list of edge cases', () => {
  it('has each of the 111 once: tested here, tested elsewhere, or not yet with the reason', () => {
    expect(new Set(numbers).size).toBe(numbers.length);
    const others = elsewhere(new Set(numbers));
    expect(others.size + numbers.length).toBe(111);
    expect(listed().filter((number) => numbers.includes(number))).toEqual([]);
  });

  it('names tests that exist', () => {
    const missing: string[] = [];
    for (const [number, place] of elsewhere(new Set(numbers))) {
      if ('notYet' in place) continue;
      const file = new URL(`../../../../${place.file}`, here);
      if (!existsSync(file) || !readFileSync(file, 'utf8').includes(place.name))
        missing.push(`${number}: ${place.name}`);
    }
    expect(missing).toEqual([]);
  });
});
