/**
 * Delivers the news of one place from the store's outbox, in order. Each attempt is written down before it is made: after a kill, what may
 * have arrived is known as a repeat. What cannot be delivered is tried a bounded number of times, and then kept apart and shown.
 */
import { FailureError } from '../../domain/failure.ts';
import type { StatusProblem } from '../../planning/explain/status-document.ts';
import type { Audience } from '../../planning/notify/audience.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { FactWrite, Store } from '../../ports/store.ts';
import { wallMs } from '../../support/deadline.ts';
import type { Logger } from '../../support/logger.ts';
import { type DeadNews, outboxKinds, type PendingNews, parseDead, parsePending } from './outbox-facts.ts';

export interface SinkInput {
  name: string;
  audience: Audience;
  notifier: Notifier;
  store: Pick<Store, 'fact' | 'facts' | 'post'>;
  /** Attempts before it is given up. */
  attempts: number;
  leaseHeld: () => boolean;
  log: Logger;
  now: () => number;
  /** One attempt: `delivered`, `failed` or `dead`. */
  onAttempt: (sink: string, outcome: 'delivered' | 'failed' | 'dead') => void;
}

const deadKept = 100;
const deadShownMs = 7 * 86_400_000;
/** Nobody waits longer than this because a server asked to, wall time. */
const longestWaitMs = 15 * 60_000;

interface Failed {
  code: string;
  message: string;
}

export class Sink {
  readonly name: string;
  readonly audience: Audience;
  readonly #input: SinkInput;
  #notBefore = 0;
  #failed: Failed | undefined;
  #pending = 0;
  #dead: DeadNews[] = [];
  #lost = 0;

  constructor(input: SinkInput) {
    this.name = input.name;
    this.audience = input.audience;
    this.#input = input;
  }

  /** Delivers what is there; false when some of it has to be tried again. */
  async pass(): Promise<boolean> {
    const { store, leaseHeld } = this.#input;
    await this.reread();
    for (;;) {
      const facts = await store.facts(outboxKinds.pending, `${this.name}/`);
      this.#pending = facts.length;
      const [first] = [...facts].sort((a, b) => (a.key < b.key ? -1 : 1));
      if (first === undefined) {
        this.#failed = undefined;
        return true;
      }
      if (!leaseHeld()) return true;
      if (wallMs() < this.#notBefore) return false;
      const pending = parsePending(first.value);
      if (pending === undefined) {
        await store.post({
          facts: [{ kind: outboxKinds.pending, key: first.key, value: null }],
          now: this.#input.now(),
        });
        continue;
      }
      if (!(await this.#deliver(first.key, pending))) return false;
    }
  }

  /** News that did not fit into the outbox. */
  lost(count: number): void {
    this.#lost += count;
  }

  counts(): { pending: number; dead: number } {
    return { pending: this.#pending, dead: this.#dead.length + this.#lost };
  }

  problems(): StatusProblem[] {
    const about = { severity: 'warning' as const, scope: 'daemon', subject: `notifications ${this.name}` };
    const found: StatusProblem[] = [];
    if (this.#failed !== undefined) {
      const { code, message } = this.#failed;
      const many = this.#pending === 1 ? '1 piece of news waits' : `${this.#pending} pieces of news wait`;
      found.push({
        ...about,
        code,
        message: `${many} to be told to ${this.name}: ${message}`,
        remedy: `it is tried again; clm explain ${code}`,
      });
    }
    const last = this.#dead.at(-1);
    const dead = this.#dead.length + this.#lost;
    if (dead > 0) {
      const why = last === undefined ? 'too many waited' : `last '${last.news.message.slice(0, 120)}' (${last.reason})`;
      const message = `${dead} ${dead === 1 ? 'piece of news was' : 'pieces of news were'} not told to ${this.name}: ${why}`;
      found.push({
        ...about,
        code: 'news-undelivered',
        message,
        remedy: `clm notifications lists them; once ${this.name} is corrected: clm notifications resend, or drop`,
      });
    }
    return found;
  }

  /** true when the next one may follow. */
  async #deliver(key: string, pending: PendingNews): Promise<boolean> {
    const { store, notifier, now, onAttempt } = this.#input;
    const attempt = { ...pending, attempts: pending.attempts + 1 };
    // before the attempt: should this daemon be killed in it, the next one knows that it may have arrived
    await store.post({ facts: [{ kind: outboxKinds.pending, key, value: attempt }], now: now() });
    const thread = await this.#thread(pending);
    try {
      const { news, text } = pending;
      const sent = await notifier.send({ news, text, thread, repeat: pending.attempts > 0 });
      const facts: FactWrite[] = [{ kind: outboxKinds.pending, key, value: null }];
      if (sent.id !== undefined && thread === undefined && news.thread !== '')
        facts.push({ kind: outboxKinds.thread, key: `${this.name}/${news.thread}`, value: { id: sent.id } });
      await store.post({ facts, now: now() });
      this.#failed = undefined;
      onAttempt(this.name, 'delivered');
      return true;
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      return this.#failedWith(error, key, attempt);
    }
  }

  async #thread({ news }: PendingNews): Promise<string | undefined> {
    if (news.thread === '') return undefined;
    const value = (await this.#input.store.fact(outboxKinds.thread, `${this.name}/${news.thread}`))?.value;
    const id = typeof value === 'object' && value !== null && !Array.isArray(value) ? value['id'] : undefined;
    return typeof id === 'string' ? id : undefined;
  }

  async #failedWith({ failure }: FailureError, key: string, attempt: PendingNews): Promise<boolean> {
    const { attempts, log, onAttempt } = this.#input;
    const { kind, code, message, retryAfterMs = 0 } = failure;
    if (kind === 'terminal' || attempt.attempts >= attempts) {
      await this.#giveUp(key, attempt, { code, message });
      onAttempt(this.name, 'dead');
      return true;
    }
    if (this.#failed?.code !== code) log.warn({ code, sink: this.name }, message);
    this.#failed = { code, message };
    this.#notBefore = wallMs() + Math.min(retryAfterMs, longestWaitMs);
    onAttempt(this.name, 'failed');
    return false;
  }

  async #giveUp(key: string, attempt: PendingNews, { code, message }: Failed): Promise<void> {
    const { store, now, log } = this.#input;
    const at = now();
    const value = { ...attempt, code, reason: message, deadAt: at };
    const { channel, cluster, commit, kind } = attempt.news;
    const said = `${this.name} was not told: ${attempt.news.message} (${message})`;
    const entry = { at, source: 'daemon', seq: 0, kind: 'news-undelivered', channel, cluster, commit, message: said };
    const old = this.#dead.length >= deadKept ? await this.#oldest() : [];
    await store.post({
      facts: [{ kind: outboxKinds.pending, key, value: null }, { kind: outboxKinds.dead, key, value: value }, ...old],
      journal: [{ ...entry, data: { sink: this.name, news: kind, code, attempts: attempt.attempts } }],
      now: at,
    });
    log.warn({ code, sink: this.name, attempts: attempt.attempts }, said);
    await this.reread();
  }

  async #oldest(): Promise<FactWrite[]> {
    const facts = await this.#input.store.facts(outboxKinds.dead, `${this.name}/`);
    const keys = facts.map((fact) => fact.key).sort();
    return keys.slice(0, keys.length - deadKept + 1).map((key) => ({ kind: outboxKinds.dead, key, value: null }));
  }

  /** What was given up, from the store. */
  async reread(): Promise<void> {
    const facts = await this.#input.store.facts(outboxKinds.dead, `${this.name}/`);
    const now = this.#input.now();
    const found = [...facts].sort((a, b) => (a.key < b.key ? -1 : 1)).flatMap((fact) => parseDead(fact.value) ?? []);
    this.#dead = found.filter((one) => now - one.deadAt < deadShownMs);
  }
}
