/** Reads undelivered messages from the store and hands them out in order, a bounded number at a time. */
import type { PendingMessage, Store } from '../ports/store.ts';

/** Pages kept in memory at most; the rest waits in the store. */
const maxPages = 4;

export class Mailroom {
  readonly #store: Store;
  readonly #pageSize: number;
  readonly #route: (message: PendingMessage) => void;
  /** Ids grow in commit order, so everything up to here has been handed out. */
  #cursor = 0;
  #waiting = 0;
  #more = false;
  #pulling: Promise<void> | undefined;
  #again = false;

  constructor(store: Store, pageSize: number, route: (message: PendingMessage) => void) {
    this.#store = store;
    this.#pageSize = pageSize;
    this.#route = route;
  }

  /** Messages handed out and not yet settled. */
  waiting(): number {
    return this.#waiting;
  }

  /** Looks for new messages; calls during a look lead to one more. */
  pull(): Promise<void> {
    if (this.#pulling) {
      this.#again = true;
      return this.#pulling;
    }
    this.#pulling = this.#pullPages().finally(() => {
      this.#pulling = undefined;
      // a call that came between the last look and this line must not be lost
      return this.#again ? this.pull() : undefined;
    });
    return this.#pulling;
  }

  /** A message was applied, discarded or given up. Returns true when a page that did not fit should be read now. */
  settled(count = 1): boolean {
    this.#waiting -= count;
    return this.#more && this.#waiting < this.#pageSize;
  }

  /** Messages for one receiver that have been handed out and are still undelivered in the store. */
  async undelivered(receiver: string): Promise<PendingMessage[]> {
    const found: PendingMessage[] = [];
    let after = 0;
    for (;;) {
      const page = await this.#store.pending(this.#pageSize, after);
      for (const message of page) {
        if (message.id > this.#cursor) return found;
        if (message.message.to === receiver) found.push(message);
      }
      const last = page.at(-1);
      if (!last || page.length < this.#pageSize) return found;
      after = last.id;
    }
  }

  /** Puts back the count after a receiver's messages were read again. */
  recount(before: number, after: number): void {
    this.#waiting += after - before;
  }

  async #pullPages(): Promise<void> {
    do {
      this.#again = false;
      const full = this.#waiting > this.#pageSize * (maxPages - 1);
      this.#more = full;
      if (full) return;
      const page = await this.#store.pending(this.#pageSize, this.#cursor);
      for (const message of page) {
        this.#cursor = message.id;
        this.#waiting += 1;
        this.#route(message);
      }
      if (page.length === this.#pageSize) this.#again = true;
    } while (this.#again);
  }
}
