/** How long to wait before the next try: exponential, jittered so that many failing at once do not return at once, capped. */
import type { Random } from './random.ts';

export interface BackoffPolicy {
  /** Wait after the first failure, in ms. */
  baseMs: number;
  /** No wait is longer than this, in ms. */
  maxMs: number;
  /** Growth from one failure to the next; 2 unless given. */
  factor?: number;
}

/** Waits double up to here; beyond it the cap has long been reached, and powers stay finite. */
const maxExponent = 30;

/**
 * Wait in ms after `failures` consecutive failures (1 = the first). Half of it is fixed and half is chance, so it is never
 * near zero and never the same for all.
 */
export function backoffMs(policy: BackoffPolicy, failures: number, random: Random): number {
  if (!(failures >= 1)) throw new RangeError(`backoff counts from the first failure, got ${failures}`);
  const exponent = Math.min(failures - 1, maxExponent);
  const full = Math.min(policy.maxMs, policy.baseMs * (policy.factor ?? 2) ** exponent);
  return Math.round(full / 2 + (full / 2) * random.next());
}
