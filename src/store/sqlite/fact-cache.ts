/** Facts that were read before, so that the same text is parsed once and gives the same object. */
import type { Selectable } from 'kysely';
import type { Fact } from '../../ports/store.ts';
import { frozen } from '../../support/frozen.ts';
import { factOf } from './rows.ts';
import type { Tables } from './schema.ts';

/** Facts kept; above it everything is forgotten and read anew. */
const kept = 20_000;

export class FactCache {
  readonly #known = new Map<string, { text: string; fact: Fact }>();

  /** The database is asked every time, whoever has written to it; only parsing is spared. The fact is frozen, all the way down. */
  of(row: Selectable<Tables['facts']>): Fact {
    const id = `${row.kind}\n${row.key}`;
    const known = this.#known.get(id);
    if (known !== undefined && known.text === row.value && known.fact.updatedAt === row.updated_at) return known.fact;
    if (this.#known.size >= kept) this.#known.clear();
    const fact = frozen(factOf(row));
    this.#known.set(id, { text: row.value, fact });
    return fact;
  }
}
