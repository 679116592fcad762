/** Measures how long pods take to end after an accepted eviction, by owner: the best forecast for the next pod of that owner. */

/** Weight of the newest measurement. */
const weight = 0.3;
const mostPending = 2_000;
const mostOwners = 5_000;

export class TerminationTimes {
  /** Smoothed, in ms, by owner uid. */
  readonly byOwner = new Map<string, number>();
  readonly #pending = new Map<string, { owner: string; at: number }>();

  begin(podUid: string, owner: string, now: number): void {
    if (this.#pending.size >= mostPending) this.#pending.clear();
    this.#pending.set(podUid, { owner, at: now });
  }

  /** Pods that are not there any more have ended. */
  observe(pods: readonly { uid: string }[], now: number): void {
    if (this.#pending.size === 0) return;
    const there = new Set(pods.map((pod) => pod.uid));
    for (const [uid, { owner, at }] of this.#pending) {
      if (there.has(uid)) continue;
      this.#pending.delete(uid);
      const before = this.byOwner.get(owner);
      const took = Math.max(0, now - at);
      if (this.byOwner.size >= mostOwners) this.byOwner.clear();
      this.byOwner.set(owner, before === undefined ? took : before + (took - before) * weight);
    }
  }
}
