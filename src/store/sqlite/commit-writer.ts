/** The statements of a commit, prepared once: this is the path that every transition takes. */
import type Database from 'better-sqlite3';
import type {
  Admission,
  Commit,
  CommitResult,
  FactWrite,
  JournalEntry,
  OutboxMessage,
  ProcessRow,
} from '../../ports/store.ts';
import { chainHash, chainStart } from '../journal-chain.ts';
import { wholeMs } from './rows.ts';

/** Thrown inside a transaction to roll it back with an answer that is not an error. */
class Refused extends Error {
  readonly result: CommitResult;

  constructor(result: CommitResult) {
    super(result);
    this.result = result;
  }
}

function prepareStatements(database: Database.Database) {
  return {
    insertProcess: database.prepare(
      `INSERT INTO processes (id, machine, version, seq, value, context, status, wake_at, parent, channel, cluster, commit_id,
         created_at, updated_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    ),
    updateProcess: database.prepare(
      // machine, parent, channel, cluster and commit of a process never change: their indexes are left alone
      `UPDATE processes SET version = ?, seq = ?, value = ?, context = ?, status = ?, wake_at = ?, updated_at = ?
       WHERE id = ? AND seq = ?`,
    ),
    moveWake: database.prepare('UPDATE processes SET wake_at = ? WHERE id = ? AND seq = ?'),
    lastHash: database.prepare('SELECT hash FROM journal ORDER BY id DESC LIMIT 1').pluck(),
    insertJournal: database.prepare(
      `INSERT INTO journal (at, source, seq, kind, channel, cluster, commit_id, message, data, hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertMessage: database.prepare(
      `INSERT INTO messages (sender, receiver, message, dedup_key, created_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (dedup_key) DO NOTHING`,
    ),
    markDelivered: database.prepare('UPDATE messages SET delivered_at = ? WHERE id = ? AND delivered_at IS NULL'),
    putFact: database.prepare(
      `INSERT INTO facts (kind, key, value, updated_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
    ),
    deleteFact: database.prepare('DELETE FROM facts WHERE kind = ? AND key = ?'),
    freeSlots: database.prepare('DELETE FROM slots WHERE holder = ?'),
    freeAllSlots: database.prepare("DELETE FROM slots WHERE holder = ? OR substr(holder, 1, length(?) + 1) = ? || '#'"),
    holdsSlot: database.prepare('SELECT 1 FROM slots WHERE name = ? AND holder = ?').pluck(),
    countSlots: database.prepare('SELECT count(*) FROM slots WHERE name = ?').pluck(),
    takeSlot: database.prepare('INSERT INTO slots (name, holder) VALUES (?, ?)'),
    insertTrace: database.prepare(
      'INSERT INTO trace (process, seq, at, event, from_state, to_state) VALUES (?, ?, ?, ?, ?, ?)',
    ),
  };
}

export class CommitWriter {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #transaction: Database.Transaction<(work: () => void) => void>;

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
    this.#transaction = database.transaction((work: () => void) => work());
  }

  /** One transaction: all of it, or nothing with the reason. */
  commit(commit: Commit): CommitResult {
    assertSequence(commit);
    try {
      this.#transaction.immediate(() => this.#write(commit));
      return 'committed';
    } catch (error) {
      if (error instanceof Refused) return error.result;
      throw error;
    }
  }

  moveWake(id: string, expectedSeq: number, wakeAt: number | null): boolean {
    const at = wakeAt === null ? null : wholeMs(wakeAt);
    return this.#statements.moveWake.run(at, id, expectedSeq).changes === 1;
  }

  post(input: { messages?: OutboxMessage[]; facts?: FactWrite[]; journal?: JournalEntry[]; now: number }): void {
    this.#transaction.immediate(() => {
      this.#journal(input.journal ?? []);
      this.#messages('', input.messages ?? [], input.now);
      this.#facts(input.facts ?? [], input.now);
    });
  }

  discard(messageId: number, entry: JournalEntry | undefined, now: number): void {
    this.#transaction.immediate(() => {
      const { changes } = this.#statements.markDelivered.run(wholeMs(now), messageId);
      // A repeat is a no-op: the entry was written the first time.
      if (changes === 1 && entry) this.#journal([entry]);
    });
  }

  #write(commit: Commit): void {
    const { row, expectedSeq } = commit;
    const statements = this.#statements;
    const now = wholeMs(commit.now);
    if (this.#process(row, expectedSeq) !== 1) throw new Refused('conflict');
    for (const message of commit.delivered ?? [])
      if (statements.markDelivered.run(now, message).changes !== 1) throw new Refused('conflict');
    for (const holder of commit.release ?? []) statements.freeSlots.run(holder);
    if (row.status === 'final') statements.freeAllSlots.run(row.id, row.id, row.id);
    for (const admission of commit.admit ?? []) this.#admit(admission);
    this.#journal(commit.journal ?? []);
    this.#messages(row.id, commit.outbox ?? [], now);
    this.#facts(commit.facts ?? [], now);
    if (commit.trace) {
      const { event, from, to } = commit.trace;
      statements.insertTrace.run(row.id, row.seq, now, event, from, to);
    }
  }

  /** Answers how many rows it wrote. */
  #process(row: ProcessRow, expectedSeq: number | null): number {
    const { insertProcess, updateProcess } = this.#statements;
    const { id, machine, version, seq, status, parent, channel, cluster, commit } = row;
    const value = JSON.stringify(row.value);
    const context = JSON.stringify(row.context);
    const wakeAt = row.wakeAt === null ? null : wholeMs(row.wakeAt);
    const [created, updated] = [wholeMs(row.createdAt), wholeMs(row.updatedAt)];
    // by position, which takes half as long as by name
    const { changes } =
      expectedSeq === null
        ? insertProcess.run(
            ...[id, machine, version, seq, value, context, status, wakeAt],
            ...[parent, channel, cluster, commit, created, updated],
          )
        : updateProcess.run(version, seq, value, context, status, wakeAt, updated, id, expectedSeq);
    return changes;
  }

  #admit(admission: Admission): void {
    for (const slot of admission.slots) {
      if (this.#statements.holdsSlot.get(slot.name, admission.holder) !== undefined) continue;
      if (Number(this.#statements.countSlots.get(slot.name)) >= slot.limit) throw new Refused('not-admitted');
      this.#statements.takeSlot.run(slot.name, admission.holder);
    }
  }

  #journal(entries: JournalEntry[]): void {
    if (entries.length === 0) return;
    let hash = (this.#statements.lastHash.get() as string | undefined) ?? chainStart;
    for (const given of entries) {
      const entry = { ...given, at: wholeMs(given.at) };
      hash = chainHash(hash, entry);
      const { at, source, seq, kind, channel, cluster, commit, message, data } = entry;
      const text = JSON.stringify(data);
      this.#statements.insertJournal.run(at, source, seq, kind, channel, cluster, commit, message, text, hash);
    }
  }

  #messages(sender: string, messages: OutboxMessage[], now: number): void {
    for (const message of messages) {
      this.#statements.insertMessage.run(
        sender,
        message.to,
        JSON.stringify(message),
        message.key ?? null,
        wholeMs(now),
      );
    }
  }

  #facts(facts: FactWrite[], now: number): void {
    for (const fact of facts) {
      if (fact.value === null) this.#statements.deleteFact.run(fact.kind, fact.key);
      else this.#statements.putFact.run(fact.kind, fact.key, JSON.stringify(fact.value), wholeMs(now));
    }
  }
}

function assertSequence(commit: Commit): void {
  const expected = commit.expectedSeq === null ? 0 : commit.expectedSeq + 1;
  if (commit.row.seq !== expected) {
    throw new Error(
      `commit of ${commit.row.id}: seq ${commit.row.seq} does not follow ${commit.expectedSeq ?? 'nothing'}`,
    );
  }
}
