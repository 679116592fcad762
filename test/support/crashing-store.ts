/** A store (and a lease) that die at a chosen point: everything after it is as if the process were gone. */
import type { Lease, Store } from '../../src/ports/store.ts';

export class CrashError extends Error {}

/** Counts the points at which a process may be killed, and kills it at one of them. */
export class CrashPoint {
  #killAt: number;
  /** Every point passed, in order. */
  readonly places: string[] = [];
  dead = false;
  /** What the process was doing when it died. */
  diedAt = '';

  /** `killAt` counts from 0; Infinity never kills. */
  constructor(killAt: number) {
    this.#killAt = killAt;
  }

  /** Nothing kills it any more. */
  disarm(): void {
    this.#killAt = Number.POSITIVE_INFINITY;
  }

  /** Kills it at the `writes`-th point from here. */
  arm(writes: number): void {
    this.#killAt = this.places.length + writes;
  }

  passed(): number {
    return this.places.length;
  }

  /** Throws when the process dies here or is dead already. */
  pass(where: string): void {
    if (this.dead) throw new CrashError(`dead since ${this.diedAt}`);
    if (this.places.length === this.#killAt) {
      this.dead = true;
      this.diedAt = where;
      throw new CrashError(where);
    }
    this.places.push(where);
  }
}

/** The same store, with a crash point before and after every write. */
export function crashingStore(inner: Store, point: CrashPoint): Store {
  const around = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    point.pass(`before ${what}`);
    const result = await work();
    point.pass(`after ${what}`);
    return result;
  };
  const read = <T>(work: () => Promise<T>): Promise<T> =>
    point.dead ? Promise.reject(new CrashError('dead')) : work();
  const { e2e } = inner;
  return {
    e2e: {
      runs: (filter) => read(() => e2e.runs(filter)),
      run: (id) => read(() => e2e.run(id)),
      results: (filter) => read(() => e2e.results(filter)),
      tests: () => read(() => e2e.tests()),
      open: (run) => read(() => e2e.open(run)),
      openRuns: (cluster) => read(() => e2e.openRuns(cluster)),
      write: (entry) => around(`ledger of ${entry.run}`, () => e2e.write(entry)),
      close: (run, check) => around(`close ledger of ${run}`, () => e2e.close(run, check)),
      record: (run, tests, results) => around(`record ${run.id}`, () => e2e.record(run, tests, results)),
      pruneHistory: (before) => around('prune history', () => e2e.pruneHistory(before)),
    },
    load: (id) => read(() => inner.load(id)),
    rows: (filter) => read(() => inner.rows(filter)),
    fact: (kind, key) => read(() => inner.fact(kind, key)),
    facts: (kind, prefix) => read(() => inner.facts(kind, prefix)),
    journal: (query) => read(() => inner.journal(query)),
    slotHolders: (name) => read(() => inner.slotHolders(name)),
    isAwaited: (process) => read(() => inner.isAwaited(process)),
    trace: (process, limit) => read(() => inner.trace(process, limit)),
    pending: (limit, afterId) => read(() => inner.pending(limit, afterId)),
    commit: (commit) =>
      around(`commit ${commit.row.id} seq ${commit.row.seq} (${commit.trace?.event ?? ''})`, () =>
        inner.commit(commit),
      ),
    moveWake: (id, seq, at) => around(`move wake of ${id}`, () => inner.moveWake(id, seq, at)),
    discard: (id, entry) => around(`discard ${id}`, () => inner.discard(id, entry)),
    post: (input) => around('post', () => inner.post(input)),
    acquireLease: (options) => inner.acquireLease(options),
    backup: (path) => inner.backup(path),
    prune: (before) => inner.prune(before),
    close: () => inner.close(),
  };
}

/** Held until the process dies. */
export function crashingLease(point: CrashPoint): Lease {
  return { held: () => !point.dead, release: async () => {} };
}
