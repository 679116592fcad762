import { chmodSync, existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Store } from '../../ports/store.ts';
import { currentVersion, migrations } from '../migrations/migrations.ts';
import { corrupt, newer, older, storeFailure, unwritable } from './failures.ts';
import { SqliteStore } from './sqlite-store.ts';

/** Marks the file as ours: 'clm1' as a 32-bit number. */
const applicationId = 0x636c6d31;
const busyTimeoutMs = 5_000;

export interface SqliteStoreOptions {
  /** File; created when it does not exist. `:memory:` for tests. */
  path: string;
  /** For reads while no daemon runs: the file must exist, and every write throws `store-unwritable`. */
  readonly?: boolean;
}

/**
 * Opens the store, checks the file, and brings its schema up to date (one transaction a migration).
 * Throws FailureError: `store-corrupt`, `store-newer`, `store-older` (read-only), `store-unwritable`, `store-busy`.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const readonly = options.readonly ?? false;
  let database: Database.Database | undefined;
  try {
    if (readonly && !existsSync(options.path)) throw unwritable(options.path, 'there is no such file');
    const isNew = options.path !== ':memory:' && !existsSync(options.path);
    database = connect(options.path, readonly);
    if (isNew) chmodSync(options.path, 0o600);
    checkFile(database, options.path, readonly);
    if (!readonly) migrate(database);
    return new SqliteStore(database, options.path, readonly);
  } catch (error) {
    database?.close();
    throw storeFailure(error, options.path);
  }
}

function connect(path: string, readonly: boolean): Database.Database {
  try {
    return new Database(path, { readonly, fileMustExist: readonly, timeout: busyTimeoutMs });
  } catch (error) {
    // A missing directory is reported by the driver as a TypeError
    if (error instanceof TypeError) throw unwritable(path, error.message, error);
    throw error;
  }
}

function pragmaNumber(database: Database.Database, name: string): number {
  return Number(database.pragma(name, { simple: true }));
}

function checkFile(database: Database.Database, path: string, readonly: boolean): void {
  const found = pragmaNumber(database, 'user_version');
  const id = pragmaNumber(database, 'application_id');
  const tables = Number(database.prepare('SELECT count(*) FROM sqlite_master').pluck().get());
  if (id !== applicationId && (tables > 0 || found > 0 || id !== 0)) {
    throw corrupt(path, 'it is an SQLite database of another program');
  }
  if (found > currentVersion()) throw newer(path, found, currentVersion());
  if (readonly && found < currentVersion()) throw older(path, found, currentVersion());
  if (readonly) return;
  const check = String(database.pragma('quick_check(1)', { simple: true }));
  if (check !== 'ok') throw corrupt(path, check);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
}

function migrate(database: Database.Database): void {
  for (const migration of migrations) {
    database
      .transaction(() => {
        // Read again inside: another process may have migrated between our check and this lock
        if (pragmaNumber(database, 'user_version') >= migration.version) return;
        database.exec(migration.sqlite);
        database.pragma(`user_version = ${migration.version}`);
        database.pragma(`application_id = ${applicationId}`);
      })
      .immediate();
  }
}
