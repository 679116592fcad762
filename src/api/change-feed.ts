/** Tells streams that something was committed. It carries no data: who is woken reads what is true now. */
import { startDeadline } from '../support/deadline.ts';

export class ChangeFeed {
  #version = 0;
  #waiting = new Set<() => void>();

  /** Grows with every notification; a reader remembers the one that it has seen. */
  version(): number {
    return this.#version;
  }

  notify(): void {
    this.#version += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Resolves when the version is past `seen`, after `timeoutMs` of wall time, or when the signal aborts. */
  changedSince(seen: number, timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#version > seen || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const deadline = startDeadline(timeoutMs, 'waiting for a change', signal);
      const finish = (): void => {
        deadline.clear();
        deadline.signal.removeEventListener('abort', finish);
        this.#waiting.delete(finish);
        resolve();
      };
      deadline.signal.addEventListener('abort', finish, { once: true });
      this.#waiting.add(finish);
    });
  }
}
