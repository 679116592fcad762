/**
 * What was read before and has not been written since: steps ask for the same facts and rows again and again, many times for each write.
 * Nothing is guessed: whatever a write may have changed is forgotten, and read anew. Writes of other connections are the store's to notice.
 */
import type { Commit, Fact, FactWrite, ProcessRow } from '../../ports/store.ts';
import { frozen } from '../../support/frozen.ts';

/** Entries of each sort that are kept; above it everything of the sort is forgotten. */
const kept = 20_000;
const listsKept = 2_000;

export interface RowsFilter {
  machine?: string;
  status?: ProcessRow['status'];
  channel?: string;
  cluster?: string;
  parent?: string;
}

/** A list of facts as it was read; `stale` = keys in it that were written since. */
interface FactList {
  facts: Map<string, Fact>;
  stale: Set<string>;
}

interface RowList {
  rows: readonly ProcessRow[];
  /** How often was written to its scope when it was read. */
  writes: number;
}

/** What never changes of a row. */
type Place = Pick<ProcessRow, 'machine' | 'channel' | 'cluster' | 'parent'>;

/** Everything that is handed out is frozen, all the way down. */
export class ReadCache {
  readonly #facts = new Map<string, Fact | undefined>();
  /** By kind, then by prefix. */
  readonly #factLists = new Map<string, Map<string, FactList>>();
  readonly #rows = new Map<string, ProcessRow | undefined>();
  readonly #rowLists = new Map<string, RowList>();
  readonly #places = new Map<string, Place>();
  /** How often rows were written, by every scope that they belong to. */
  readonly #writes = new Map<string, number>();

  fact(kind: string, key: string, read: () => Fact | undefined): Fact | undefined {
    const id = `${kind}\n${key}`;
    const known = this.#facts.get(id);
    if (known !== undefined || this.#facts.has(id)) return known;
    const found = frozen(read());
    if (this.#facts.size >= kept) this.#facts.clear();
    this.#facts.set(id, found);
    return found;
  }

  /** Facts in the order in which they were read; of those written since, only they are read again. */
  facts(kind: string, prefix: string, read: () => Fact[], readOne: (key: string) => Fact | undefined): Fact[] {
    const lists = this.#factLists.get(kind) ?? new Map<string, FactList>();
    this.#factLists.set(kind, lists);
    const known = lists.get(prefix);
    if (known !== undefined) {
      for (const key of known.stale) {
        const fact = readOne(key);
        if (fact === undefined) known.facts.delete(key);
        else known.facts.set(key, fact);
      }
      known.stale.clear();
      return [...known.facts.values()];
    }
    // one object for one fact: what was parsed of it once is known by it
    const found = read().map((fact) => this.fact(kind, fact.key, () => fact) ?? frozen(fact));
    if (lists.size >= listsKept) lists.clear();
    lists.set(prefix, { facts: new Map(found.map((fact) => [fact.key, fact])), stale: new Set() });
    return found;
  }

  row(id: string, read: () => ProcessRow | undefined): ProcessRow | undefined {
    const known = this.#rows.get(id);
    if (known !== undefined || this.#rows.has(id)) return known;
    const found = frozen(read());
    if (this.#rows.size >= listsKept) this.#rows.clear();
    this.#rows.set(id, found);
    return found;
  }

  rows(filter: RowsFilter, read: () => ProcessRow[]): ProcessRow[] {
    const { machine = '', status = '', channel = '', cluster = '', parent = '' } = filter;
    const id = [machine, status, channel, cluster, parent].join('\n');
    const scope = scopeOf(filter);
    const writes = this.#writes.get(scope) ?? 0;
    const known = this.#rowLists.get(id);
    if (known !== undefined && known.writes === writes) return [...known.rows];
    const rows = frozen(read());
    if (this.#rowLists.size >= listsKept) this.#rowLists.clear();
    this.#rowLists.set(id, { rows, writes });
    for (const row of rows) this.#remember(row);
    return [...rows];
  }

  committed({ row, facts = [] }: Commit): void {
    this.#remember(row);
    this.#rowWritten(row.id, row);
    this.factsWritten(facts);
  }

  /** Only its wake-up. */
  wakeMoved(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined) this.clear();
    else this.#rowWritten(id, place);
  }

  factsWritten(writes: readonly FactWrite[]): void {
    for (const { kind, key } of writes) {
      this.#facts.delete(`${kind}\n${key}`);
      const lists = this.#factLists.get(kind);
      for (const [prefix, list] of lists ?? []) {
        if (!key.startsWith(prefix)) continue;
        // a new one has its place in the order, which only the database knows
        if (list.facts.has(key)) list.stale.add(key);
        else lists?.delete(prefix);
      }
    }
  }

  clear(): void {
    for (const map of [this.#facts, this.#factLists, this.#rows, this.#rowLists, this.#places, this.#writes])
      map.clear();
  }

  #remember({ id, machine, channel, cluster, parent }: ProcessRow): void {
    if (this.#places.has(id)) return;
    if (this.#places.size >= kept) this.clear();
    this.#places.set(id, { machine, channel, cluster, parent });
  }

  #rowWritten(id: string, { machine, channel, cluster, parent }: Place): void {
    this.#rows.delete(id);
    for (const ofMachine of [machine, '']) {
      for (const where of ['', `channel ${channel}`, `cluster ${cluster}`, `parent ${parent}`]) {
        const scope = `${ofMachine}\n${where}`;
        this.#writes.set(scope, (this.#writes.get(scope) ?? 0) + 1);
      }
    }
    // lists of clusters and parents that are gone would be counted for ever
    if (this.#writes.size >= kept) this.clear();
  }
}

/** The narrowest part of all rows in which those of the filter are: of its machine, and of one of its cluster, parent or channel. */
function scopeOf({ machine = '', channel, cluster, parent }: RowsFilter): string {
  const where =
    cluster !== undefined
      ? `cluster ${cluster}`
      : parent !== undefined
        ? `parent ${parent}`
        : channel !== undefined
          ? `channel ${channel}`
          : '';
  return `${machine}\n${where}`;
}
