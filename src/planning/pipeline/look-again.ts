/**
 * After how long (ms) something is looked at again that nobody may tell of: at first every `firstMs`, and the longer it has been as it is,
 * the less often, up to every `mostMs`. What ends after days is noticed within minutes, and is not looked at thousands of times before.
 */
export function lookAgainAfter(waitedMs: number, { firstMs, mostMs }: { firstMs: number; mostMs: number }): number {
  return Math.min(mostMs, Math.max(firstMs, waitedMs / 10));
}
