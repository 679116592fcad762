/** Measures how long pods take to end after an accepted eviction, by workload: the best forecast for the next pod of that workload. */

/** Weight of the newest measurement. */
const weight = 0.3;
const mostPending = 2_000;
const mostWorkloads = 2_000;

export class TerminationTimes {
  /** Smoothed, in ms; the ones measured last come last. */
  readonly byWorkload = new Map<string, number>();
  readonly #pending = new Map<string, { workload: string; at: number }>();
  /** Something was measured that has not been stored. */
  changed = false;
  loaded = false;

  /** What earlier rolls have measured; what this process has measured itself is newer. */
  load(stored: Readonly<Record<string, number>>): void {
    this.loaded = true;
    const own = [...this.byWorkload];
    this.byWorkload.clear();
    for (const [workload, ms] of [...Object.entries(stored), ...own]) this.#keep(workload, ms);
  }

  begin(podUid: string, workload: string, now: number): void {
    if (this.#pending.size >= mostPending) this.#pending.clear();
    this.#pending.set(podUid, { workload, at: now });
  }

  /** Something is under way whose end is measured. */
  get awaited(): boolean {
    return this.#pending.size > 0;
  }

  /** Pods whose uid is not there any more have ended. */
  observe(there: ReadonlySet<string>, now: number): void {
    for (const [uid, { workload, at }] of this.#pending) {
      if (there.has(uid)) continue;
      this.#pending.delete(uid);
      const before = this.byWorkload.get(workload);
      const took = Math.max(0, now - at);
      this.#keep(workload, Math.round(before === undefined ? took : before + (took - before) * weight));
      this.changed = true;
    }
  }

  #keep(workload: string, ms: number): void {
    this.byWorkload.delete(workload);
    const [oldest] = this.byWorkload.keys();
    if (this.byWorkload.size >= mostWorkloads && oldest !== undefined) this.byWorkload.delete(oldest);
    this.byWorkload.set(workload, ms);
  }
}
