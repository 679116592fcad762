import type { z } from 'zod';
import { frozen } from '../../support/frozen.ts';

/**
 * Parses documents with a schema; undefined for one that does not fit. Facts are asked for again and again: what was parsed once is known
 * by the object, which the store never changes, and nobody may change the answer.
 */
export function parsedOnce<Parsed>(schema: z.ZodType<Parsed>): (value: unknown) => Parsed | undefined {
  const known = new WeakMap<object, Parsed>();
  return (value) => {
    const before = typeof value === 'object' && value !== null ? known.get(value) : undefined;
    if (before !== undefined) return before;
    const parsed = schema.safeParse(value);
    if (!parsed.success) return undefined;
    if (typeof value === 'object' && value !== null) known.set(value, frozen(parsed.data));
    return parsed.data;
  };
}
