import { existsSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { sql } from 'kysely';
import { FailureError, terminal } from '../../domain/failure.ts';
import type {
  Commit,
  CommitResult,
  Fact,
  FactWrite,
  JournalEntry,
  JournalQuery,
  Lease,
  OutboxMessage,
  PendingMessage,
  ProcessRow,
  Store,
  StoredJournalEntry,
  TraceEntry,
} from '../../ports/store.ts';
import { postedWithoutSecrets } from '../without-secrets.ts';
import { CommitWriter } from './commit-writer.ts';
import { SqliteE2eStore } from './e2e-store.ts';
import { storeFailure, unwritable } from './failures.ts';
import { acquireSqliteLease } from './lease.ts';
import { PreparedQueries } from './prepared-queries.ts';
import { ReadCache, type RowsFilter } from './read-cache.ts';
import { factOf, journalEntryOf, pendingOf, processOf, traceOf, wholeMs } from './rows.ts';

/** After every code point that a key may hold. */
const afterAllKeys = '\u{10FFFF}';

/**
 * The Store port on SQLite. The driver is synchronous: each method does its work in one go and never interleaves with another.
 */
export class SqliteStore implements Store {
  readonly e2e: SqliteE2eStore;
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #readonly: boolean;
  readonly #writer: CommitWriter | undefined;
  readonly #queries: PreparedQueries;
  readonly #cache = new ReadCache();
  /** Changes when another connection has written to the file. */
  readonly #dataVersion: Database.Statement;
  #cachedVersion: unknown;
  #lease: Lease | undefined;

  constructor(database: Database.Database, path: string, readonly: boolean) {
    this.#database = database;
    this.#path = path;
    this.#queries = new PreparedQueries(database, path);
    this.#readonly = readonly;
    this.#writer = readonly ? undefined : new CommitWriter(database);
    this.#dataVersion = database.prepare('PRAGMA data_version').pluck();
    this.e2e = new SqliteE2eStore({ database, path, readonly, leaseLost: () => this.#leaseLost() });
  }

  async load(id: string): Promise<ProcessRow | undefined> {
    return this.#fresh().row(
      id,
      () =>
        this.#queries
          .allShaped('load', [id], () => this.#queries.build.selectFrom('processes').selectAll().where('id', '=', id))
          .map(processOf)[0],
    );
  }

  async rows(filter: RowsFilter): Promise<ProcessRow[]> {
    return this.#fresh().rows(filter, () => this.#readRows(filter));
  }

  #readRows(filter: RowsFilter): ProcessRow[] {
    const asked = (['machine', 'status', 'channel', 'cluster', 'parent'] as const).flatMap((column) => {
      const wanted = filter[column];
      return wanted === undefined ? [] : [{ column, wanted }];
    });
    const open = filter.status !== undefined && filter.status !== 'final';
    const shape = `rows ${asked.map(({ column }) => column).join(' ')}${open ? ' open' : ''}`;
    const parameters = asked.map(({ wanted }) => wanted);
    const found = this.#queries.allShaped(shape, parameters, () => {
      let query = this.#queries.build.selectFrom('processes').selectAll().orderBy('created_at').orderBy('id');
      for (const { column, wanted } of asked) query = query.where(column, '=', wanted);
      // the partial index of open rows is used only when the query repeats its condition word for word: a parameter is none
      return open ? query.where('status', '<>', sql.lit('final')) : query;
    });
    return found.map(processOf);
  }

  async fact(kind: string, key: string): Promise<Fact | undefined> {
    return this.#factOf(kind, key);
  }

  #factOf(kind: string, key: string): Fact | undefined {
    return this.#fresh().fact(
      kind,
      key,
      () =>
        this.#queries
          .allShaped('fact', [kind, key], () =>
            this.#queries.build.selectFrom('facts').selectAll().where('kind', '=', kind).where('key', '=', key),
          )
          .map(factOf)[0],
    );
  }

  async facts(kind: string, keyPrefix = ''): Promise<Fact[]> {
    const read = (): Fact[] =>
      this.#queries
        .allShaped('facts', [kind, keyPrefix, keyPrefix + afterAllKeys], () =>
          this.#queries.build
            .selectFrom('facts')
            .selectAll()
            .where('kind', '=', kind)
            .where('key', '>=', keyPrefix)
            .where('key', '<', keyPrefix + afterAllKeys)
            .orderBy('key'),
        )
        .map(factOf);
    return this.#fresh().facts(kind, keyPrefix, read, (key) => this.#factOf(kind, key));
  }

  async journal(wanted: JournalQuery): Promise<StoredJournalEntry[]> {
    let query = this.#queries.build
      .selectFrom('journal')
      .selectAll()
      .orderBy('id', wanted.newestFirst ? 'desc' : 'asc')
      .limit(wanted.limit);
    if (wanted.afterId !== undefined) query = query.where('id', '>', wanted.afterId);
    if (wanted.beforeId !== undefined) query = query.where('id', '<', wanted.beforeId);
    if (wanted.channel !== undefined) query = query.where('channel', '=', wanted.channel);
    if (wanted.cluster !== undefined) query = query.where('cluster', '=', wanted.cluster);
    if (wanted.commit !== undefined) query = query.where('commit_id', '=', wanted.commit);
    if (wanted.kind !== undefined) query = query.where('kind', '=', wanted.kind);
    return this.#queries.all(query).map(journalEntryOf);
  }

  async slotHolders(name: string): Promise<string[]> {
    const build = () =>
      this.#queries.build.selectFrom('slots').select('holder').where('name', '=', name).orderBy('holder');
    return this.#queries.allShaped('slot holders', [name], build).map((row) => row.holder);
  }

  async isAwaited(process: string): Promise<boolean> {
    const build = () =>
      this.#queries.build
        .selectFrom('messages')
        .select('id')
        .where('delivered_at', 'is', null)
        .where('receiver', '=', process)
        .limit(1);
    return this.#queries.allShaped('is awaited', [process, 1], build).length > 0;
  }

  async trace(process: string, limit: number): Promise<TraceEntry[]> {
    const query = this.#queries.build
      .selectFrom('trace')
      .selectAll()
      .where('process', '=', process)
      .orderBy('seq', 'desc')
      .limit(limit);
    return this.#queries.all(query).map(traceOf).reverse();
  }

  async pending(limit: number, afterId = 0): Promise<PendingMessage[]> {
    return this.#queries
      .allShaped('pending', [afterId, limit], () =>
        this.#queries.build
          .selectFrom('messages')
          .select(['id', 'sender', 'message'])
          .where('delivered_at', 'is', null)
          .where('id', '>', afterId)
          .orderBy('id')
          .limit(limit),
      )
      .map(pendingOf);
  }

  async commit(commit: Commit): Promise<CommitResult> {
    if (this.#leaseLost()) return 'lease-lost';
    const result = this.#write((writer) => writer.commit(commit));
    if (result === 'committed') this.#cache.committed(commit);
    return result;
  }

  async moveWake(id: string, expectedSeq: number, wakeAt: number | null): Promise<boolean> {
    if (this.#leaseLost()) return false;
    this.#cache.wakeMoved(id);
    return this.#write((writer) => writer.moveWake(id, expectedSeq, wakeAt));
  }

  async discard(messageId: number, entry?: JournalEntry): Promise<void> {
    if (this.#leaseLost()) return;
    this.#write((writer) => writer.discard(messageId, entry, entry?.at ?? 0));
  }

  async post(input: {
    messages?: OutboxMessage[];
    facts?: FactWrite[];
    journal?: JournalEntry[];
    now: number;
  }): Promise<void> {
    // what steps say was redacted before
    const posted = postedWithoutSecrets(input);
    this.#write((writer) => writer.post(posted));
    this.#cache.factsWritten(input.facts ?? []);
  }

  async acquireLease(options: { holder: string; signal: AbortSignal; onWait?: () => void }): Promise<Lease> {
    if (this.#readonly) throw unwritable(this.#path, 'it was opened read-only');
    const sideFile = this.#path === ':memory:' ? ':memory:' : `${this.#path}.lease`;
    this.#lease = await acquireSqliteLease(sideFile, options);
    return this.#lease;
  }

  async backup(toPath: string): Promise<void> {
    if (existsSync(toPath)) {
      throw new FailureError(
        terminal('store-backup-exists', `${toPath} exists already; name a file that does not, nothing is overwritten`),
      );
    }
    try {
      await this.#database.backup(toPath);
    } catch (error) {
      throw error instanceof TypeError ? unwritable(toPath, error.message, error) : storeFailure(error, toPath);
    }
  }

  async prune(before: number): Promise<{ rows: number; messages: number }> {
    return this.#write(() => {
      const limit = wholeMs(before);
      const remove = this.#database.transaction(() => {
        // A final child stays while its parent is open: the parent's steps read it, and a repeated START must find it.
        const rows = this.#queries.run(
          this.#queries.build
            .deleteFrom('processes')
            .where('status', '=', 'final')
            .where('updated_at', '<', limit)
            .where((where) =>
              where.or([
                where('parent', 'is', null),
                where.not(
                  where.exists(
                    where
                      .selectFrom('processes as p')
                      .select('p.id')
                      .whereRef('p.id', '=', 'processes.parent')
                      .where('p.status', '<>', 'final'),
                  ),
                ),
              ]),
            ),
        );
        const messages = this.#queries.run(
          this.#queries.build
            .deleteFrom('messages')
            .where('delivered_at', 'is not', null)
            .where('created_at', '<', limit),
        );
        this.#queries.run(this.#queries.build.deleteFrom('trace').where('at', '<', limit));
        return { rows, messages };
      });
      this.#cache.clear();
      return remove.immediate();
    });
  }

  async close(): Promise<void> {
    await this.#lease?.release();
    this.#queries.clear();
    this.#database.close();
  }

  /** true when a lease was taken through this store and is gone. Without one (tools, tests) writes are allowed. */
  #leaseLost(): boolean {
    return this.#lease !== undefined && !this.#lease.held();
  }

  /** What was read before, as far as nobody else has written to the file since. What is in memory only nobody else can write to. */
  #fresh(): ReadCache {
    if (this.#path === ':memory:') return this.#cache;
    const version = this.#dataVersion.get();
    if (version !== this.#cachedVersion) this.#cache.clear();
    this.#cachedVersion = version;
    return this.#cache;
  }

  #write<T>(work: (writer: CommitWriter) => T): T {
    if (!this.#writer) throw unwritable(this.#path, 'it was opened read-only');
    try {
      return work(this.#writer);
    } catch (error) {
      this.#cache.clear();
      throw storeFailure(error, this.#path);
    }
  }
}
