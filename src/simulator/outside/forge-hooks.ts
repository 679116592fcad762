/** Deliveries of a simulated forge's webhooks: signed, in order, tried once as the real one does, and kept to be looked at. */
import { createHmac, randomUUID } from 'node:crypto';
import { startDeadline } from '../../support/deadline.ts';
import type { ForgeState } from './forge-state.ts';

export interface Delivery {
  id: string;
  event: string;
  url: string;
  /** 0 = it did not arrive. */
  status: number;
}

const timeoutMs = 10_000;
const deliveriesKept = 500;

export class ForgeHooks {
  readonly deliveries: Delivery[] = [];
  readonly #state: ForgeState;
  #last: Promise<void> = Promise.resolve();

  constructor(state: ForgeState) {
    this.#state = state;
  }

  /** Sends the event to every hook that wants it; resolves at once, the deliveries come one after the other. */
  emit(event: string, payload: Record<string, unknown>): void {
    for (const hook of this.#state.hooks) {
      if (!hook.active || !(hook.events.includes('*') || hook.events.includes(event) || event === 'ping')) continue;
      const { url, secret } = hook;
      this.#last = this.#last.then(() => this.#deliver(event, url, secret, JSON.stringify(payload)));
    }
  }

  /** Resolves when everything so far was delivered, or was not. */
  settled(): Promise<void> {
    return this.#last;
  }

  async #deliver(event: string, url: string, secret: string, body: string): Promise<void> {
    const id = randomUUID();
    const deadline = startDeadline(timeoutMs, 'a webhook');
    let status = 0;
    try {
      const signed =
        secret === ''
          ? {}
          : { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` };
      const headers = { 'content-type': 'application/json', 'user-agent': 'GitHub-Hookshot/simulated', ...signed };
      const own = { 'x-github-event': event, 'x-github-delivery': id };
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, ...own },
        body,
        signal: deadline.signal,
      });
      status = response.status;
      await response.arrayBuffer();
    } catch {
      status = 0;
    } finally {
      deadline.clear();
    }
    this.deliveries.push({ id, event, url, status });
    if (this.deliveries.length > deliveriesKept) this.deliveries.shift();
  }
}
