import { isScalar, type LineCounter, type ParsedNode } from 'yaml';
import type { Problem } from '../domain/problem.ts';

/** A key that stands more than once in one mapping. Go's YAML readers take the last without a word, and so do we, with one. */
export interface RepeatedKey {
  key: string;
  /** Lines of the text, from 1: of the one that counts, and of the first. */
  line: number;
  firstLine: number;
}

/** Part of a result where something is to be said that is no fault. */
export interface Noted {
  warnings?: readonly Problem[];
}

/**
 * `uniqueKeys` is the option of the parser: it hears of every two keys that are compared, and lets them pass. `found` answers what was
 * repeated, in the order of the text, once the text has been parsed.
 */
export function repeatedKeys(lines: LineCounter): {
  uniqueKeys: (a: ParsedNode, b: ParsedNode) => boolean;
  found: () => RepeatedKey[];
} {
  /** By where the last one stands. */
  const places = new Map<number, { key: string; first: number }>();
  return {
    uniqueKeys(earlier, later) {
      if (!isScalar(earlier) || !isScalar(later) || earlier.value !== later.value || earlier.value === '<<')
        return false;
      const [first] = earlier.range;
      const [last] = later.range;
      // the first is compared before the second, and of three only the last counts
      places.delete(first);
      if (!places.has(last)) places.set(last, { key: String(later.value), first });
      return false;
    },
    found: () =>
      [...places].map(([last, { key, first }]) => ({
        key,
        line: lines.linePos(last).line,
        firstLine: lines.linePos(first).line,
      })),
  };
}
