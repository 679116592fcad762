/** One timer for all rows: a heap of wake-ups, and the clock set to the earliest. */
import type { Clock, Timer } from '../support/clock.ts';

interface Wake {
  id: string;
  at: number;
  order: number;
}

export class WakeQueue {
  readonly #clock: Clock;
  readonly #due: (id: string) => void;
  readonly #heap: Wake[] = [];
  /** The valid wake of each id; entries of the heap that are not here are stale. */
  readonly #current = new Map<string, Wake>();
  #order = 0;
  #armed: { at: number; from: number; timer: Timer } | undefined;

  /** `due` is called once for each id whose time has come, in order of time, then of setting; for all when time has gone back. */
  constructor(clock: Clock, due: (id: string) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Replaces the wake-up of this id. */
  set(id: string, at: number): void {
    const known = this.#current.get(id);
    if (known?.at === at) return;
    const wake = { id, at, order: this.#order++ };
    this.#current.set(id, wake);
    this.#push(wake);
    this.#arm();
  }

  clear(id: string): void {
    this.#current.delete(id);
    if (this.#current.size === 0) this.stop();
  }

  at(id: string): number | undefined {
    return this.#current.get(id)?.at;
  }

  /** Time of the earliest wake-up, or null. */
  next(): number | null {
    this.#dropStale();
    return this.#heap[0]?.at ?? null;
  }

  stop(): void {
    this.#armed?.timer.cancel();
    this.#armed = undefined;
    this.#current.clear();
    this.#heap.length = 0;
  }

  #arm(): void {
    const at = this.next();
    if (at === null || (this.#armed && this.#armed.at <= at)) return;
    this.#armed?.timer.cancel();
    this.#armed = { at, from: this.#clock.now(), timer: this.#clock.at(at, () => this.#fire()) };
  }

  #fire(): void {
    const from = this.#armed?.from ?? 0;
    this.#armed = undefined;
    // Times set by a clock that has been set back since would come too late by as much: all have come.
    const now = this.#clock.now() < from ? Number.POSITIVE_INFINITY : this.#clock.now();
    for (;;) {
      this.#dropStale();
      const top = this.#heap[0];
      if (!top || top.at > now) break;
      this.#pop();
      this.#current.delete(top.id);
      this.#due(top.id);
    }
    this.#arm();
  }

  #dropStale(): void {
    for (;;) {
      const top = this.#heap[0];
      if (!top || this.#current.get(top.id) === top) return;
      this.#pop();
    }
  }

  #push(wake: Wake): void {
    const heap = this.#heap;
    let i = heap.push(wake) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(wake, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = wake;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Wake, b: Wake): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
