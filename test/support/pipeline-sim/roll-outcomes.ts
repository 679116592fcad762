/**
 * How long rolls take and how they end, drawn from what the roll simulation's own rolls took: deciles of seconds for each node of
 * 135 rolls of its seeds (`roll-started` to `roll-restored`), the rolls that its faults disturbed among them.
 */
import type { Random } from '../../../src/support/random.ts';

const secondsANode = [8, 74, 83, 97, 119, 209, 290, 388, 512, 815, 2224];
/** Budgets that allow nothing until their owner acts. */
const blockedShare = 0.04;
const failedShare = 0.01;

export interface DrawnRoll {
  durationMs: number;
  /** Time for which a budget blocks it first. */
  blockedMs: number;
  fails: boolean;
}

export function drawRoll(random: Random, nodes: number): DrawnRoll {
  const at = random.next() * (secondsANode.length - 1);
  const [low, high] = [secondsANode[Math.floor(at)] ?? 0, secondsANode[Math.ceil(at)] ?? 0];
  const seconds = low + (high - low) * (at - Math.floor(at));
  const blocked = random.next() < blockedShare;
  return {
    durationMs: Math.round(seconds * nodes) * 1000,
    blockedMs: blocked ? Math.round(random.next() ** 2 * 10 * 3_600_000) : 0,
    fails: random.next() < failedShare,
  };
}
