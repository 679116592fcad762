/** How long a version has been seen to do well: a sum of observed, capped ticks, so that neither downtime nor clock jumps count. */

export interface Soak {
  requiredMs: number;
  observedMs: number;
  /** The same, summed over the clusters that were healthy. */
  clusterMs: number;
  lastTickAt: number;
}

const shortestTickMs = 1_000;
const longestTickMs = 5 * 60_000;
/** So many ticks make a soak. */
const ticksPerSoak = 20;
/** Of them, so many are told, so that progress shows. */
const shownPerSoak = 10;

/** Time between two looks, in ms. */
export function soakTickMs(requiredMs: number): number {
  return Math.min(Math.max(requiredMs / ticksPerSoak, shortestTickMs), longestTickMs);
}

/** The same while no more of the soak has passed than somebody who follows it wants to see. */
export function soakShown({ observedMs, requiredMs }: Soak): string {
  return String(Math.floor((observedMs * shownPerSoak) / Math.max(requiredMs, 1)));
}

export function startSoak(requiredMs: number, now: number): Soak {
  return { requiredMs, observedMs: 0, clusterMs: 0, lastTickAt: now };
}

/**
 * One look at `now`. A gap longer than two ticks was not observed and counts as two; a clock that went backwards, and a look that
 * found something wrong, count nothing.
 */
export function tickSoak(
  soak: Soak,
  look: { now: number; healthy: boolean; requiredMs: number; clusters?: number },
): Soak {
  const longest = 2 * soakTickMs(look.requiredMs);
  const elapsed = Math.min(Math.max(look.now - soak.lastTickAt, 0), longest);
  return {
    requiredMs: look.requiredMs,
    observedMs: Math.min(look.healthy ? soak.observedMs + elapsed : soak.observedMs, look.requiredMs),
    clusterMs: soak.clusterMs + (look.healthy ? elapsed * (look.clusters ?? 0) : 0),
    lastTickAt: look.now,
  };
}

export function isSoaked(soak: Soak): boolean {
  return soak.observedMs >= soak.requiredMs;
}
