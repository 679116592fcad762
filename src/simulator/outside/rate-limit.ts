/** GitHub's two limits: so many requests an hour for each caller, and a secondary one on bursts of writes. */

export interface RateState {
  limit: number;
  remaining: number;
  /** Epoch seconds at which the hour is over. */
  reset: number;
  used: number;
}

export type RateVerdict =
  | { kind: 'let-in'; state: RateState }
  | { kind: 'primary'; state: RateState }
  | { kind: 'secondary'; state: RateState; retryAfterSeconds: number };

const hourMs = 3_600_000;
const burstMs = 60_000;

export class RateLimits {
  readonly #now: () => number;
  readonly #windows = new Map<string, { startedAt: number; used: number; writes: number[] }>();
  limit = 5_000;
  /** Writes a minute that one caller may do. */
  writesAMinute = 80;

  constructor(now: () => number) {
    this.#now = now;
  }

  count(caller: string, method: string, free: boolean): RateVerdict {
    const now = this.#now();
    let window = this.#windows.get(caller);
    if (window === undefined || now - window.startedAt >= hourMs) {
      window = { startedAt: now, used: 0, writes: [] };
      this.#windows.set(caller, window);
    }
    window.writes = window.writes.filter((at) => now - at < burstMs);
    const state = (): RateState => ({
      limit: this.limit,
      used: Math.min(window.used, this.limit),
      remaining: Math.max(0, this.limit - window.used),
      reset: Math.ceil((window.startedAt + hourMs) / 1000),
    });
    if (free) return { kind: 'let-in', state: state() };
    if (window.used >= this.limit) return { kind: 'primary', state: state() };
    window.used += 1;
    if (method !== 'GET') {
      if (window.writes.length >= this.writesAMinute) {
        const oldest = window.writes[0] ?? now;
        return {
          kind: 'secondary',
          state: state(),
          retryAfterSeconds: Math.max(1, Math.ceil((oldest + burstMs - now) / 1000)),
        };
      }
      window.writes.push(now);
    }
    return { kind: 'let-in', state: state() };
  }

  /** A new hour for everybody. */
  refill(): void {
    this.#windows.clear();
  }
}
