/** Publishes the record of each branch move as a note on the commit that the branch moved to, signed when there is a key. */

import { FailureError } from '../domain/failure.ts';
import type { PublishedMove } from '../domain/move-record.ts';
import type { StatusProblem } from '../planning/explain/status-document.ts';
import {
  noteWith,
  parseMoveNote,
  parseMoveRecord,
  recordDigest,
  statementText,
} from '../planning/pipeline/move-record.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { Signer } from '../ports/signer.ts';
import type { Json, Store, StoredJournalEntry } from '../ports/store.ts';
import { digestText } from '../support/digest.ts';
import type { Logger } from '../support/logger.ts';

export interface MoveNotesOptions {
  store: Pick<Store, 'fact' | 'facts' | 'journal' | 'post'>;
  source: Pick<ChannelSource, 'readNote' | 'writeNote'>;
  /** undefined = records are published unsigned. */
  signer: Signer | undefined;
  /** Another daemon may act once this is false: nothing is written any more. */
  leaseHeld: () => boolean;
  log: Logger;
  now: () => number;
}

/** Kinds of journal entries that tell of a move. */
export const moveKinds = ['branch-moved', 'promotion-merged', 'branch-overridden'] as const;
const recordKind = 'move-record';
const markKind = 'mirror';
const markKey = 'moves-published';
const page = 50;

/** How far the journal has been published, and the digest of each branch's newest statement. */
interface Mark {
  upTo: number;
  heads: Record<string, string>;
}

export class MoveNotes {
  readonly #options: MoveNotesOptions;
  #failed: { code: string; message: string } | undefined;
  #waiting = 0;

  constructor(options: MoveNotesOptions) {
    this.#options = options;
  }

  /** Publishes what the journal has and the notes have not, in the journal's order; false when that has to be tried again. */
  async pass(): Promise<boolean> {
    try {
      let mark = await this.#mark();
      for (;;) {
        const entries = await this.#unpublished(mark.upTo);
        this.#waiting = entries.length;
        if (entries.length === 0) break;
        for (const entry of entries) {
          if (!this.#options.leaseHeld()) return true;
          mark = await this.#publish(entry, mark);
        }
      }
      this.#failed = undefined;
      return true;
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      const { code, message } = error.failure;
      if (this.#failed?.code !== code) this.#options.log.warn({ code }, message);
      this.#failed = { code, message };
      return false;
    }
  }

  problems(): StatusProblem[] {
    if (this.#failed === undefined) return [];
    const { code, message } = this.#failed;
    const what =
      this.#waiting === 1 ? 'The record of a branch move is' : `Records of ${this.#waiting} branch moves are`;
    return [
      {
        severity: 'warning',
        scope: 'daemon',
        subject: 'evidence',
        code,
        message: `${what} in the database only, not in git: ${message}`,
        remedy: `it is tried again; clm explain ${code}`,
      },
    ];
  }

  /** Oldest first. Where one kind has more than a page, the other waits, so that the order holds. */
  async #unpublished(afterId: number): Promise<StoredJournalEntry[]> {
    // looked at after every commit: the journal is long, and the records that wait are few
    if ((await this.#options.store.facts(recordKind)).length === 0) return [];
    const lists = await Promise.all(
      moveKinds.map((kind) => this.#options.store.journal({ kind, afterId, limit: page })),
    );
    const known = Math.min(
      ...lists.map((list) => (list.length < page ? Number.POSITIVE_INFINITY : (list.at(-1)?.id ?? 0))),
    );
    return lists
      .flat()
      .filter((entry) => entry.id <= known)
      .sort((a, b) => a.id - b.id);
  }

  async #publish(entry: StoredJournalEntry, mark: Mark): Promise<Mark> {
    const { store, source, signer, log, now } = this.#options;
    const { target, to, record: digest } = (entry.data ?? {}) as Partial<Record<string, string>>;
    const key = `${target ?? ''}/${to ?? ''}`;
    const record = parseMoveRecord((await store.fact(recordKind, key))?.value);
    if (record === undefined || recordDigest(record) !== digest) {
      // of before records were kept; or it moved there twice, and the later entry has the record
      if (digest !== undefined) log.error({ entry: entry.id, key }, 'a branch move has no record to publish');
      return this.#marked({ ...mark, upTo: entry.id }, []);
    }
    const note = await source.readNote(record.to);
    const there = parseMoveNote(note ?? '').lines.find(
      ({ move }) => move.record.branch === record.branch && recordDigest(move.record) === digest,
    );
    let text = there?.text;
    if (text === undefined) {
      const previous = mark.heads[record.branch] ?? (await this.#noted(record.from, record.branch));
      const move: PublishedMove = { record, previous, journal: { id: entry.id, hash: entry.hash } };
      text = statementText(move);
      const signature = signer === undefined ? null : await signer.sign(text);
      await source.writeNote(record.to, noteWith(note, { move, signature }), now());
    }
    const heads = { ...mark.heads, [record.branch]: digestText(text) };
    return this.#marked({ upTo: entry.id, heads }, [key]);
  }

  /** What an earlier database published for the branch where it was: the chain goes on from there. */
  async #noted(commit: string, branch: string): Promise<string | null> {
    const { lines } = parseMoveNote((await this.#options.source.readNote(commit)) ?? '');
    const line = lines.findLast(({ move }) => move.record.branch === branch);
    return line === undefined ? null : digestText(line.text);
  }

  /** The notes have it: the store needs it no more. */
  async #marked(mark: Mark, published: string[]): Promise<Mark> {
    const { store, now } = this.#options;
    await store.post({
      facts: [
        { kind: markKind, key: markKey, value: mark as unknown as Json },
        ...published.map((key) => ({ kind: recordKind, key, value: null })),
      ],
      now: now(),
    });
    return mark;
  }

  async #mark(): Promise<Mark> {
    const value = (await this.#options.store.fact(markKind, markKey))?.value;
    const { upTo, heads } = (value ?? {}) as unknown as Partial<Mark>;
    return { upTo: upTo ?? 0, heads: heads ?? {} };
  }
}
