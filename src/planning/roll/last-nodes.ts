/**
 * Which of the last nodes is drained next. Longest first is right while many are left; at the end it matters which places have a boot
 * and a drain more before them than others, and by how much boots differ. So what is left is run through with each node that could be
 * next, with boots as measured, and the one with which it ends soonest goes.
 */

export interface LastNodes {
  /** Forecast drains of the nodes that are left, ms, in the order in which they would go otherwise. */
  drains: readonly number[];
  /** Positions in `drains` of those that could be next. */
  open: readonly number[];
  /** What is left of drains under way, ms. */
  draining: readonly number[];
  /** For how long new nodes have been booting, ms. */
  booting: readonly number[];
  /** New nodes that could take over now. */
  ready: number;
  /** Measured boots, ms. */
  boots: readonly number[];
}

/** With fewer boots measured, nobody knows by how much they differ. */
const enoughBoots = 5;
/** Runs of what is left, the same for each node that could be next. */
const runs = 16;
/** Of a boot that takes longer than any before it. */
const overdueMs = 10_000;
/** The fractional parts of its multiples are spread evenly, so that each run meets short and long boots alike. */
const golden = (Math.sqrt(5) - 1) / 2;

/** Position in `drains` of the node to go next; undefined where nothing tells. Of equals the first. */
export function soonestEnd(last: LastNodes): number | undefined {
  if (last.boots.length < enoughBoots || last.ready < 1) return undefined;
  const boots = [...last.boots].sort((a, b) => a - b);
  let best: { at: number; totalMs: number } | undefined;
  for (const at of last.open) {
    let totalMs = 0;
    for (let run = 0; run < runs; run += 1) totalMs += endOf(last, at, boots, (run + 0.5) / runs);
    if (best === undefined || totalMs < best.totalMs - 1) best = { at, totalMs };
  }
  return best?.at;
}

/** When the last drain ends if the node at `first` goes now, and the others in their order, each as a new node comes up. */
function endOf(last: LastNodes, first: number, boots: readonly number[], start: number): number {
  let share = start;
  const bootMs = (age: number): number => {
    share = (share + golden) % 1;
    return restOf(boots, age, share);
  };
  const drains = last.drains.filter((_, at) => at !== first);
  const freed = [...last.draining, last.drains[first] ?? 0];
  const up = [...Array.from({ length: last.ready - 1 }, () => 0), ...last.booting.map(bootMs)];
  let [launches, endMs] = [Math.max(0, drains.length - up.length), Math.max(...freed)];
  for (const drainMs of drains) {
    while (launches > 0 && freed.length > 0 && (up.length === 0 || Math.min(...freed) <= Math.min(...up))) {
      launches -= 1;
      up.push(takeLeast(freed) + bootMs(0));
    }
    if (up.length === 0) break;
    const drainedMs = takeLeast(up) + drainMs;
    freed.push(drainedMs);
    endMs = Math.max(endMs, drainedMs);
  }
  return endMs;
}

/** Of the boots that have taken longer than this one so far, the one at `share` of them; without it what has passed. */
function restOf(boots: readonly number[], age: number, share: number): number {
  const from = age <= 0 ? 0 : boots.findIndex((ms) => ms > age);
  if (from < 0) return overdueMs;
  return (boots[from + Math.floor(share * (boots.length - from))] ?? age + overdueMs) - age;
}

function takeLeast(times: number[]): number {
  const at = times.indexOf(Math.min(...times));
  return times.splice(at, 1)[0] ?? 0;
}
