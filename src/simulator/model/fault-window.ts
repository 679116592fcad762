import type { Random } from '../../support/random.ts';

/** When a fault acts. Times are simulated epoch ms. */
export interface FaultWindow {
  /** Absent = from the start. */
  from?: number;
  /** Absent = for ever. */
  until?: number;
  /** With `forMs`: it acts for that long at the start of each period, counted from `from`. */
  everyMs?: number;
  forMs?: number;
  /** Calls that it would hit and lets through before it begins. */
  afterCalls?: number;
  /** How many calls it hits before it is spent; absent = no limit. */
  times?: number;
  /** Share of the calls that are hit, 1 by default. */
  probability?: number;
}

/** What a fault has met so far. */
export interface FaultCount {
  seen: number;
  hits: number;
}

export function isOpen(window: FaultWindow, at: number): boolean {
  if (at < (window.from ?? -Infinity) || at >= (window.until ?? Infinity)) return false;
  if (window.everyMs === undefined || window.forMs === undefined) return true;
  return (at - (window.from ?? 0)) % window.everyMs < window.forMs;
}

/** Whether this matching call is hit; counts it. Chance is drawn only for a fault that has a probability. */
export function strikes(window: FaultWindow, count: FaultCount, random: Random): boolean {
  if (window.times !== undefined && count.hits >= window.times) return false;
  count.seen += 1;
  if (count.seen <= (window.afterCalls ?? 0)) return false;
  if (window.probability !== undefined && random.next() >= window.probability) return false;
  count.hits += 1;
  return true;
}

/** `Describe*` = anything that begins so; without a star, the name itself. */
export function matchesName(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
