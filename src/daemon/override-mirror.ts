/**
 * Keeps freezes, pins and other overrides in the configuration repository's notes, too, and takes them back from there when the
 * database is a new one or an old one (B11).
 */
import { FailureError, terminal } from '../domain/failure.ts';
import type { StatusProblem } from '../planning/explain/status-document.ts';
import {
  type KeptOverride,
  type NoteMark,
  overrideNoteText,
  overridesToTake,
  parseOverrideNote,
} from '../planning/pipeline/override-note.ts';
import { describeHold, readOverrides } from '../planning/pipeline/overrides.ts';
import type { ChannelSource } from '../ports/channel-source.ts';
import type { FactWrite, JournalEntry, Json, Store } from '../ports/store.ts';
import { digestOf } from '../support/digest.ts';
import type { Logger } from '../support/logger.ts';
import type { Random } from '../support/random.ts';

export interface OverrideMirrorOptions {
  store: Pick<Store, 'fact' | 'facts' | 'post'>;
  source: Pick<ChannelSource, 'readNote' | 'writeNote'>;
  /** Another daemon may act once this is false: nothing is written any more. */
  leaseHeld: () => boolean;
  /** Overrides were taken from the note. */
  onTaken: () => void;
  random: Random;
  log: Logger;
  now: () => number;
}

const note = 'overrides';
const overrideKind = 'override';
/** The last note that this database wrote, and the last one that it took overrides from. */
const markKind = 'mirror';
const seen = 'overrides-seen';

export class OverrideMirror {
  readonly #options: OverrideMirrorOptions;
  #taking: Promise<void> | undefined;
  #taken = 0;
  #failed: { code: string; message: string } | undefined;

  constructor(options: OverrideMirrorOptions) {
    this.#options = options;
  }

  /**
   * Takes what the note has and the database has not; once a life. Throws FailureError while the note cannot be read: whoever is about
   * to let the daemon act waits for this.
   */
  take(): Promise<void> {
    this.#taking ??= this.#take().catch((error: unknown) => {
      this.#taking = undefined;
      throw error;
    });
    return this.#taking;
  }

  /** Writes the note when the overrides differ from what it was last given; false when that has to be tried again. */
  async pass(): Promise<boolean> {
    try {
      await this.take();
      await this.#write();
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

  /** Overrides taken from the note in this life. */
  taken(): number {
    return this.#taken;
  }

  problems(): StatusProblem[] {
    if (this.#failed === undefined) return [];
    const { code, message } = this.#failed;
    return [
      {
        severity: 'warning',
        scope: 'daemon',
        subject: 'overrides',
        code,
        message: `Freezes, pins and other overrides are kept in the database only, not in git: ${message}`,
        remedy: `it is tried again; clm explain ${code}`,
      },
    ];
  }

  async #take(): Promise<void> {
    const { store, source, log, now } = this.#options;
    const text = await source.readNote(note);
    if (text === undefined) return;
    const written = await this.#mark(note);
    const parsed = parseOverrideNote(text);
    if ('unreadable' in parsed) {
      // a database that has written the note knows what is in it, and writes it anew
      if (written !== undefined) return;
      throw new FailureError(
        terminal(
          'override-note-unreadable',
          `the note with the overrides of an earlier database cannot be read: ${parsed.unreadable}`,
        ),
      );
    }
    const own = await this.#own();
    const known = [written, await this.#mark(seen)].filter((mark) => mark !== undefined);
    const taken = overridesToTake(parsed, { known, overrides: own, now: now() });
    if (taken.length === 0) return;
    const facts = taken.map(({ key, value }): FactWrite => ({ kind: overrideKind, key, value }));
    const { store: other, generation } = parsed;
    facts.push({ kind: markKind, key: seen, value: { store: other, generation } });
    await store.post({ facts, journal: taken.map((one) => takenEntry(one, now())), now: now() });
    log.warn({ overrides: taken.length }, 'overrides were taken from the notes of the configuration repository');
    this.#taken += taken.length;
    this.#options.onTaken();
  }

  async #write(): Promise<void> {
    const { store, source, leaseHeld, random, now } = this.#options;
    // A fleet that is only looked at has a repository that is only looked at, too.
    if ((await store.fact('adoption', 'fleet')) === undefined) return;
    const overrides = await this.#own();
    const mark = await this.#mark(note);
    const digest = digestOf(overrides);
    if (mark === undefined ? overrides.length === 0 : mark.digest === digest) return;
    if (!leaseHeld()) return;
    const next = { store: mark?.store ?? storeId(random), generation: (mark?.generation ?? 0) + 1 };
    // Before the write: should its answer be lost, the note is still known as one of this database.
    await store.post({ facts: [{ kind: markKind, key: note, value: { ...next, digest: '' } }], now: now() });
    await source.writeNote(note, overrideNoteText({ ...next, overrides }), now());
    await store.post({ facts: [{ kind: markKind, key: note, value: { ...next, digest } }], now: now() });
  }

  async #own(): Promise<KeptOverride[]> {
    const facts = await this.#options.store.facts(overrideKind);
    return facts.map(({ key, value }) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  async #mark(key: string): Promise<(NoteMark & { digest: string }) | undefined> {
    const value = (await this.#options.store.fact(markKind, key))?.value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const { store, generation, digest } = value;
    if (typeof store !== 'string' || typeof generation !== 'number') return undefined;
    return { store, generation, digest: typeof digest === 'string' ? digest : '' };
  }
}

/** Two databases of one repository must not share it; nothing else hangs on it. */
function storeId(random: Random): string {
  return Array.from({ length: 4 }, () => random.int(0x1_0000_0000).toString(16).padStart(8, '0')).join('');
}

function takenEntry({ key, value }: KeptOverride, at: number): JournalEntry {
  const [override] = readOverrides([{ key, value }]);
  const text = override === undefined ? key : describeHold(override);
  return {
    at,
    source: 'daemon',
    seq: 0,
    kind: 'override-restored',
    channel: '',
    cluster: '',
    commit: '',
    message: `restored from the notes of the configuration repository: ${text}`,
    data: { key, override: value satisfies Json },
  };
}
