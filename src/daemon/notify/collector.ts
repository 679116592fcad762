/**
 * Puts news into the store's outbox: what the journal says since the last look, and what has begun or ended to last. The outbox, the place
 * in the journal and the conditions that were told are written in one transaction, so that a kill loses nothing and tells nothing twice.
 */

import type { Pipeline } from '../../domain/pipeline.ts';
import type { StatusDocument } from '../../planning/explain/status-document.ts';
import { isTold, textFor } from '../../planning/notify/audience.ts';
import { type Collected, collectNews } from '../../planning/notify/collect.ts';
import { conditionsNow } from '../../planning/notify/conditions.ts';
import type { FactWrite, Json, Store } from '../../ports/store.ts';
import { digestOf } from '../../support/digest.ts';
import { numbered, outboxKinds, parseCursor, parseToldCondition } from './outbox-facts.ts';
import type { Sink } from './sink.ts';

export interface CollectorInput {
  store: Pick<Store, 'fact' | 'facts' | 'journal' | 'post'>;
  sinks: readonly Sink[];
  status: () => Promise<StatusDocument>;
  pipeline: () => Pipeline | undefined;
  blockedForMs: number;
  leaseHeld: () => boolean;
  now: () => number;
  /** There is something to deliver. */
  onNews: () => void;
}

const entriesAtOnce = 500;
const cursorKey = 'journal';
const forgetThreadsMs = 60 * 86_400_000;
/** News that wait for one place at most; the oldest of them are older than anybody wants to read. */
const mostPending = 1_000;

export class Collector {
  readonly #input: CollectorInput;
  #tidied = false;

  constructor(input: CollectorInput) {
    this.#input = input;
  }

  /** One look; true always: what could not be read is a bug, or comes with the next look. */
  async pass(): Promise<boolean> {
    const { store, leaseHeld } = this.#input;
    if (!leaseHeld()) return true;
    if (!this.#tidied) await this.#tidy();
    const known = parseCursor((await store.fact(outboxKinds.cursor, cursorKey))?.value);
    if (known === undefined) {
      await this.#begin();
      return true;
    }
    let cursor = known;
    for (;;) {
      const entries = await store.journal({ afterId: cursor.journal, limit: entriesAtOnce });
      const told = (await store.facts(outboxKinds.told)).flatMap((fact) => parseToldCondition(fact.value) ?? []);
      const conditions = await this.#conditions();
      const collected = collectNews({ entries, conditions, told, digest: shortDigest, now: this.#input.now() });
      cursor = await this.#write(collected, { journal: entries.at(-1)?.id ?? cursor.journal, next: cursor.next });
      if (entries.length < entriesAtOnce) return true;
    }
  }

  /** What happened before anybody was to be told is no news. */
  async #begin(): Promise<void> {
    const { store, now } = this.#input;
    const newest = (await store.journal({ limit: 1, newestFirst: true })).at(0)?.id ?? 0;
    await store.post({
      facts: [{ kind: outboxKinds.cursor, key: cursorKey, value: { journal: newest, next: 1 } }],
      now: now(),
    });
  }

  async #conditions() {
    const { store, status, pipeline, blockedForMs, now } = this.#input;
    return conditionsNow({
      status: await status(),
      pipeline: pipeline(),
      overrideFacts: await store.facts('override'),
      debtFacts: await store.facts('debt'),
      blockedForMs,
      now: now(),
    });
  }

  async #write(
    { news, begun, over }: Collected,
    cursor: { journal: number; next: number },
  ): Promise<{ journal: number; next: number }> {
    const { store, sinks, now, onNews } = this.#input;
    const facts: FactWrite[] = [];
    let { next } = cursor;
    for (const sink of sinks) {
      const wanted = news.filter((one) => isTold(sink.audience, one));
      if (wanted.length === 0) continue;
      const waiting = (await store.facts(outboxKinds.pending, `${sink.name}/`)).length;
      const room = Math.max(0, mostPending - waiting);
      const kept = wanted.slice(Math.max(0, wanted.length - room));
      for (const one of kept) {
        const value = { news: one, text: textFor(sink.audience, one), attempts: 0, since: now() };
        facts.push({ kind: outboxKinds.pending, key: numbered(sink.name, next), value: value as unknown as Json });
        next += 1;
      }
      if (kept.length < wanted.length) sink.lost(wanted.length - kept.length);
    }
    const moved = { journal: cursor.journal, next };
    for (const one of begun) facts.push({ kind: outboxKinds.told, key: one.key, value: one });
    for (const key of over) facts.push({ kind: outboxKinds.told, key, value: null });
    const before = parseCursor((await store.fact(outboxKinds.cursor, cursorKey))?.value);
    if (facts.length === 0 && before?.journal === moved.journal) return moved;
    facts.push({ kind: outboxKinds.cursor, key: cursorKey, value: moved }, ...(await this.#oldThreads()));
    await store.post({ facts, now: now() });
    if (news.length > 0) onNews();
    return moved;
  }

  /** Places that settings do not name any more are told nothing. */
  async #tidy(): Promise<void> {
    const { store, sinks, now } = this.#input;
    const names = new Set(sinks.map((sink) => sink.name));
    const facts: FactWrite[] = [];
    for (const kind of [outboxKinds.pending, outboxKinds.dead, outboxKinds.thread]) {
      for (const { key } of await store.facts(kind))
        if (!names.has(key.slice(0, key.indexOf('/')))) facts.push({ kind, key, value: null });
    }
    if (facts.length > 0) await store.post({ facts, now: now() });
    this.#tidied = true;
  }

  async #oldThreads(): Promise<FactWrite[]> {
    const { store, now } = this.#input;
    const threads = await store.facts(outboxKinds.thread);
    const old = threads.filter((fact) => now() - fact.updatedAt > forgetThreadsMs);
    return old.map(({ key }) => ({ kind: outboxKinds.thread, key, value: null }));
  }
}

function shortDigest(value: unknown): string {
  return digestOf(value).slice(0, 32);
}
