/** SQLite's errors as Failures that name the file and say what to do. */
import { FailureError, terminal, transient } from '../../domain/failure.ts';

function sqliteCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_') ? error.code : undefined;
}

function startsWithAny(code: string, prefixes: string[]): boolean {
  return prefixes.some((prefix) => code.startsWith(prefix));
}

export function corrupt(path: string, detail: string, cause?: unknown): FailureError {
  return new FailureError(
    terminal(
      'store-corrupt',
      `the store ${path} cannot be read: ${detail}; put a backup in its place (clm backup makes them), or name another file`,
    ),
    cause,
  );
}

export function unwritable(path: string, detail: string, cause?: unknown): FailureError {
  return new FailureError(
    terminal(
      'store-unwritable',
      `the store ${path} cannot be written: ${detail}; check that its directory exists, belongs to this user and has space left`,
    ),
    cause,
  );
}

export function newer(path: string, found: number, known: number): FailureError {
  return new FailureError(
    terminal(
      'store-newer',
      `the store ${path} has schema ${found}, and this program knows only up to ${known}; run the newer clm that wrote it`,
    ),
  );
}

export function older(path: string, found: number, known: number): FailureError {
  return new FailureError(
    terminal(
      'store-older',
      `the store ${path} has schema ${found}, and this program reads schema ${known}; start this version's daemon once to upgrade it`,
    ),
  );
}

/** The FailureError for an error of SQLite; anything else comes back as it is, because it is a bug. */
export function storeFailure(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined || !(error instanceof Error)) return error;
  if (startsWithAny(code, ['SQLITE_BUSY', 'SQLITE_LOCKED'])) {
    return new FailureError(
      transient('store-busy', `the store ${path} is locked by another process (${error.message}); it is tried again`),
      error,
    );
  }
  if (startsWithAny(code, ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_FORMAT'])) {
    return corrupt(path, error.message, error);
  }
  if (startsWithAny(code, ['SQLITE_FULL', 'SQLITE_IOERR'])) {
    // The disk may get better (space freed, volume back), so the engine goes on trying.
    const failure = unwritable(path, error.message).failure;
    return new FailureError({ ...failure, kind: 'transient' }, error);
  }
  if (startsWithAny(code, ['SQLITE_READONLY', 'SQLITE_CANTOPEN', 'SQLITE_PERM', 'SQLITE_AUTH'])) {
    return unwritable(path, error.message, error);
  }
  return error;
}
