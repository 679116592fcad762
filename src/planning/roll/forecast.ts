/** How long a roll will take: many runs of its schedule with measured or guessed boots and drains. */
import type { RollHistory } from '../../domain/node-pool-roll.ts';
import { type Random, seededRandom } from '../../support/random.ts';

/** Before anything was measured: boots of a few minutes, as most images take. */
const guessedBootsMs = [90_000, 120_000, 150_000, 180_000, 240_000];
/** From the last pod's end to the accepted termination. */
const endMs = 10_000;
const draws = 200;
/** A forecast this much longer than any measured drain is believed. */
const unlikeFactor = 3;

export interface ForecastInput {
  /** Forecast drain of each node, in ms. */
  drains: number[];
  surge: number;
  history: RollHistory;
  /** The others boot once the first one has: of all nodes, unless `contents` says what each is launched with. */
  canary: boolean;
  /** Of each node in `drains`: its content, and whether others have shown that it boots. */
  contents?: readonly { key: string; proven: boolean }[] | undefined;
  /** Checks of the first new node of each content, before the first old one goes; 0 unless configured. */
  checksMs?: number | undefined;
  /** After each replacement; control planes settle. */
  pauseMs: number;
  /** The same question gets the same answer. */
  seed: string;
}

/** Median and 90th percentile of the whole roll, in ms. */
export function forecastRoll(input: ForecastInput): { p50Ms: number; p90Ms: number } {
  const { drains } = input;
  if (drains.length === 0) return { p50Ms: 0, p90Ms: 0 };
  const random = seededRandom(input.seed);
  const runs = Array.from({ length: draws }, () => drawRoll(input, random)).sort((a, b) => a - b);
  const at = (share: number): number => runs[Math.min(runs.length - 1, Math.floor(share * runs.length))] ?? 0;
  return { p50Ms: at(0.5), p90Ms: at(0.9) };
}

/** One run of the schedule, in ms. */
export function drawRoll(
  { drains, surge, history, pauseMs, canary, contents, checksMs = 0 }: Omit<ForecastInput, 'seed'>,
  random: Random,
): number {
  const boots = history.boots.length > 0 ? history.boots : guessedBootsMs;
  const pick = (list: number[]): number => list[random.int(list.length)] ?? 0;
  // What drains here took says more than grace periods, which are the most that pods may take; but a node unlike any measured one
  // keeps its own forecast.
  const longest = Math.max(0, ...history.drains);
  const real = (forecast: number): number =>
    longest > 0 && forecast <= unlikeFactor * longest ? pick(history.drains) : forecast;
  const slots = Array.from({ length: Math.min(surge, drains.length) }, () => 0);
  const nodes = drains.map((drain, i) => ({ drain, ...(contents?.[i] ?? { key: '', proven: !canary }) }));
  const first = pick(boots);
  // Nothing boots beside the very first node where nothing is proven; then one of each other content comes, side by side, before the rest.
  const alone = nodes.every(({ proven }) => !proven);
  const { firsts, rest } = inTurn(nodes, checksMs > 0);
  const shownAt = new Map<string, number>();
  const leaves = (slot: number, from: number, drain: number): void => {
    slots[slot] = from + real(drain) + endMs + pauseMs;
  };
  // No old node goes, and no further new one comes, before checks have passed on those that there is room for.
  const together = checksMs > 0 ? firsts.splice(0, slots.length) : [];
  for (const [i, { key }] of together.entries()) shownAt.set(key, i === 0 ? first : (alone ? first : 0) + pick(boots));
  const checkedAt = together.length === 0 ? 0 : Math.max(...shownAt.values()) + checksMs;
  for (const [slot, { drain }] of together.entries()) leaves(slot, checkedAt, drain);
  for (const [i, { drain, key, proven }] of [...firsts, ...rest].entries()) {
    const slot = slots.indexOf(Math.min(...slots));
    const veryFirst = i === 0 && together.length === 0;
    const from = proven ? 0 : (shownAt.get(key) ?? (alone ? first : 0));
    const begin = veryFirst ? 0 : Math.max(slots[slot] ?? 0, from, checkedAt);
    const at = begin + (veryFirst ? first : pick(boots)) + (shownAt.has(key) ? 0 : checksMs);
    if (!shownAt.has(key)) shownAt.set(key, at);
    leaves(slot, at, drain);
  }
  return Math.max(...slots);
}

/** One of each content that is to be proven, or all that are to be checked, before the rest; and always the longest drain first. */
function inTurn<N extends { drain: number; key: string; proven: boolean }>(
  nodes: readonly N[],
  checked: boolean,
): { firsts: N[]; rest: N[] } {
  const longestFirst = [...nodes].sort((a, b) => b.drain - a.drain);
  const isFirst = (one: N): boolean =>
    (checked || !one.proven) && longestFirst.find(({ key }) => key === one.key) === one;
  return { firsts: longestFirst.filter(isFirst), rest: longestFirst.filter((one) => !isFirst(one)) };
}
