/**
 * The single-writer lease: an exclusive transaction on a side file. The operating system frees it when its holder dies, whatever
 * the clocks say. Nothing else may open the side file in this process: closing any descriptor of it would drop the lock.
 */
import { statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Lease } from '../../ports/store.ts';
import { sleep, wallMs } from '../../support/deadline.ts';
import { storeFailure } from './failures.ts';

const retryMs = 200;
/** How often `held` looks whether the side file is still the one that is locked. */
const inspectEveryMs = 250;

export interface LeaseOptions {
  signal: AbortSignal;
  /** Called once, when somebody else holds the lease. */
  onWait?: () => void;
}

/** Waits for the lease, or rejects with the signal's reason. */
export async function acquireSqliteLease(path: string, options: LeaseOptions): Promise<Lease> {
  let told = false;
  for (;;) {
    options.signal.throwIfAborted();
    const connection = tryLock(path);
    if (connection) return new SqliteLease(connection, path);
    if (!told) options.onWait?.();
    told = true;
    await sleep(retryMs, options.signal);
  }
}

function tryLock(path: string): Database.Database | undefined {
  let connection: Database.Database | undefined;
  try {
    connection = new Database(path, { timeout: 0 });
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (error) {
    connection?.close();
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && code.startsWith('SQLITE_BUSY')) return undefined;
    throw storeFailure(error, path);
  }
}

class SqliteLease implements Lease {
  readonly #connection: Database.Database;
  readonly #path: string;
  readonly #inode: string | undefined;
  #held = true;
  #inspectedAt = wallMs();

  constructor(connection: Database.Database, path: string) {
    this.#connection = connection;
    this.#path = path;
    this.#inode = inodeOf(path);
  }

  held(): boolean {
    if (!this.#held) return false;
    if (wallMs() - this.#inspectedAt >= inspectEveryMs) {
      this.#inspectedAt = wallMs();
      // A side file deleted or replaced under us can be locked by another daemon: ours is worth nothing then.
      if (inodeOf(this.#path) !== this.#inode || !this.#connection.inTransaction) this.#drop();
    }
    return this.#held;
  }

  async release(): Promise<void> {
    this.#drop();
  }

  #drop(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#connection.close();
  }
}

function inodeOf(path: string): string | undefined {
  if (path === ':memory:') return undefined;
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
}
