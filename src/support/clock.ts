/** Time as an argument. Nothing outside support/ calls Date.now or sets a timer. */

/** A pending timer; `cancel` after it fired is a no-op. */
export interface Timer {
  cancel(): void;
}

/** Decision time in epoch milliseconds. Network timeouts use wall time instead (support/deadline.ts). */
export interface Clock {
  now(): number;
  /** Calls `fire` once when `now()` has reached `atMs`; immediately (next turn) when it already has. */
  at(atMs: number, fire: () => void): Timer;
  /** Why the time is not certain now, so that nothing that hangs on a limit should be decided; absent where it always is. */
  doubt?(): string | undefined;
  /** How often it was set since it was made: moments that were noted before are of another time. Absent where it never is. */
  readonly timesSet?: number;
  /** A server said that it is `serverMs` (epoch) now; absent where nobody else knows better. */
  heard?(server: string, serverMs: number): void;
}

const longestTimeoutMs = 2 ** 31 - 1;

/**
 * Real time, optionally scaled: `now = epoch + (wall - epoch) * rate`. Anchored to a wall-clock epoch so that several
 * processes, and one process over restarts, share the same time line.
 */
export class ScaledClock implements Clock {
  readonly epochMs: number;
  readonly rate: number;

  constructor(epochMs: number, rate: number) {
    if (!(rate > 0) || !Number.isFinite(rate)) throw new RangeError(`clock rate must be positive, got ${rate}`);
    this.epochMs = epochMs;
    this.rate = rate;
  }

  now(): number {
    return this.epochMs + (Date.now() - this.epochMs) * this.rate;
  }

  at(atMs: number, fire: () => void): Timer {
    let handle: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const waitMs = (atMs - this.now()) / this.rate;
      if (waitMs <= longestTimeoutMs) {
        handle = setTimeout(fire, Math.max(0, Math.ceil(waitMs)));
      } else {
        handle = setTimeout(arm, longestTimeoutMs);
      }
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  }
}

/** The clock that `CLM_CLOCK=<epoch ms>@<rate>` describes; real time when it is unset (support/steady-clock.ts for a daemon). */
export function clockFromEnvironment(value: string | undefined): Clock {
  if (value === undefined || value === '') return new ScaledClock(0, 1);
  const match = /^(\d+)@(\d+(?:\.\d+)?)$/.exec(value);
  if (!match) throw new RangeError(`CLM_CLOCK must look like 1700000000000@60 (epoch in ms @ rate), got '${value}'`);
  return new ScaledClock(Number(match[1]), Number(match[2]));
}

interface Pending {
  atMs: number;
  order: number;
  fire: () => void;
  cancelled: boolean;
}

/** Deterministic time: moves only when told; timers fire in (time, order of creation). */
export class VirtualClock implements Clock {
  #nowMs: number;
  #order = 0;
  #heap: Pending[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  at(atMs: number, fire: () => void): Timer {
    const pending: Pending = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fire, cancelled: false };
    this.#push(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
      },
    };
  }

  /** When the next timer is due, or undefined when none is pending. */
  nextAt(): number | undefined {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0]?.atMs;
  }

  /** Fires every timer due up to `toMs`, each at its own time, and ends with `now() === toMs`. Returns how many fired. */
  advanceTo(toMs: number): number {
    let fired = 0;
    for (;;) {
      const next = this.nextAt();
      if (next === undefined || next > toMs) break;
      const pending = this.#pop();
      this.#nowMs = Math.max(this.#nowMs, pending.atMs);
      pending.fire();
      fired += 1;
    }
    this.#nowMs = Math.max(this.#nowMs, toMs);
    return fired;
  }

  #before(a: Pending, b: Pending): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  #push(item: Pending): void {
    const heap = this.#heap;
    let i = heap.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#before(item, heap[parent] as Pending)) break;
      heap[i] = heap[parent] as Pending;
      i = parent;
    }
    heap[i] = item;
  }

  #pop(): Pending {
    const heap = this.#heap;
    const top = heap[0] as Pending;
    const last = heap.pop() as Pending;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && this.#before(heap[child + 1] as Pending, heap[child] as Pending)) child += 1;
        if (!this.#before(heap[child] as Pending, last)) break;
        heap[i] = heap[child] as Pending;
        i = child;
      }
      heap[i] = last;
    }
    return top;
  }
}

/**
 * A limit of `ms` decision time for something that also takes network calls: never less than `leastWallMs` of wall time, however
 * fast the clock runs.
 */
export function patientLimit(clock: Clock, ms: number, leastWallMs: number): number {
  return clock instanceof ScaledClock ? Math.max(ms, leastWallMs * clock.rate) : ms;
}

/** A clock at `rate` that starts now: simulated and wall time agree at this moment. */
export function scaledClockFromNow(rate: number): ScaledClock {
  return new ScaledClock(Date.now(), rate);
}

/** The value of `CLM_CLOCK` by which another process shares this clock's time line. */
export function environmentOfClock(clock: ScaledClock): string {
  return `${clock.epochMs}@${clock.rate}`;
}
