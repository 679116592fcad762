/** Decides what of a run starts next. Pure: what is known of the checks goes in, one decision comes out. */

export interface Scheduled {
  id: string;
  serial: boolean;
  dependsOn: string[];
}

export interface ScheduleState {
  /** Not started yet, in the catalogue's order. */
  waiting: Scheduled[];
  /** Failed, to be run again alone. */
  again: Scheduled[];
  running: Scheduled[];
  /** Checks with a final result; true when it passed. One that was skipped is no pass. */
  settled: ReadonlyMap<string, boolean>;
  /** At most so many at once. */
  limit: number;
}

export type Decision =
  | { kind: 'start'; check: Scheduled }
  | { kind: 'rerun'; check: Scheduled }
  /** It cannot run any more: what it depends on did not pass. */
  | { kind: 'block'; check: Scheduled; on: string }
  | { kind: 'wait' }
  | { kind: 'finished' };

/** Parallel ones first, then serial ones alone, then failures once more, alone. */
export function nextDecision(state: ScheduleState): Decision {
  const { waiting, again, running, settled, limit } = state;
  const open = new Set([...waiting, ...again, ...running].map((check) => check.id));
  for (const check of waiting) {
    const failed = check.dependsOn.find((id) => settled.get(id) === false);
    if (failed !== undefined) return { kind: 'block', check, on: failed };
  }
  if (running.some((check) => check.serial)) return { kind: 'wait' };
  // A dependency that is no part of this run does not hold anything up.
  const ready = waiting.filter((check) => !check.dependsOn.some((id) => open.has(id)));
  const parallel = ready.find((check) => !check.serial);
  if (parallel && running.length < limit) return { kind: 'start', check: parallel };
  if (running.length > 0) return { kind: 'wait' };
  const serial = ready[0];
  if (serial) return { kind: 'start', check: serial };
  const retried = again[0];
  if (retried) return { kind: 'rerun', check: retried };
  const circular = waiting[0];
  if (circular) return { kind: 'block', check: circular, on: circular.dependsOn[0] ?? circular.id };
  return { kind: 'finished' };
}

/** Time that the rest takes, in ms: parallel ones fill the slots, serial ones and reruns follow one by one. */
export function timeLeft(
  checks: { serial: boolean; again: boolean; expectedMs: number; ranMs: number }[],
  limit: number,
): number {
  const left = (check: { expectedMs: number; ranMs: number }): number => Math.max(0, check.expectedMs - check.ranMs);
  const slots = new Array<number>(Math.max(1, limit)).fill(0);
  const parallel = checks.filter((check) => !check.serial && !check.again).map(left);
  for (const ms of parallel.sort((a, b) => b - a)) {
    slots.sort((a, b) => a - b);
    slots[0] = (slots[0] as number) + ms;
  }
  const alone = checks.filter((check) => check.serial || check.again).map(left);
  return Math.max(...slots) + alone.reduce((sum, ms) => sum + ms, 0);
}
