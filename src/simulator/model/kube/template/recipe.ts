import { filled, type Identities, type Text } from './identities.ts';

/** What of a value differs from cluster to cluster: its changed fields. All the rest is shared by all of them. */
export interface Recipe {
  source: object;
  texts: readonly (readonly [string | number, Text])[];
  parts: readonly (readonly [string | number, Recipe])[];
  /** Set when the value stands in several places: one is made for all of them. */
  once: number | undefined;
}

/** Writes recipes. Equal parts of different objects become one. */
export class RecipeBook {
  readonly #identities: Identities;
  readonly #parts = new Map<string, Recipe>();
  #shared = 0;

  constructor(identities: Identities) {
    this.#identities = identities;
  }

  /** Undefined for a value that is the same in every cluster. Only values are looked at, never the names of fields. */
  of(source: object): Recipe | undefined {
    const texts: [string | number, Text][] = [];
    const parts: [string | number, Recipe][] = [];
    const look = (key: string | number, value: unknown): void => {
      if (typeof value === 'string') {
        const text = this.#identities.text(value);
        if (text !== undefined) texts.push([key, text]);
      } else if (typeof value === 'object' && value !== null) {
        const part = this.#part(value);
        if (part) parts.push([key, part]);
      }
    };
    const fields: Iterable<[string | number, unknown]> = Array.isArray(source)
      ? source.entries()
      : Object.entries(source);
    for (const [key, value] of fields) look(key, value);
    return texts.length + parts.length === 0 ? undefined : { source, texts, parts, once: undefined };
  }

  #part(source: object): Recipe | undefined {
    const recipe = this.of(source);
    if (!recipe) return undefined;
    const key = JSON.stringify(source);
    const same = this.#parts.get(key);
    if (same) {
      same.once ??= this.#shared++;
      return same;
    }
    this.#parts.set(key, recipe);
    return recipe;
  }
}

/** Makes the values of one cluster. */
export class Builder {
  readonly #slots: readonly string[];
  readonly #made: object[] = [];

  constructor(slots: readonly string[]) {
    this.#slots = slots;
  }

  text(text: Text): string {
    return filled(text, this.#slots);
  }

  /** The value for this cluster: new where it differs, the template's own parts where it does not. */
  build(recipe: Recipe): object {
    const { source, texts, parts, once } = recipe;
    const known = once === undefined ? undefined : this.#made[once];
    if (known) return known;
    const copy = (Array.isArray(source) ? source.slice() : { ...source }) as Record<string | number, unknown>;
    for (const [key, text] of texts) copy[key] = filled(text, this.#slots);
    for (const [key, part] of parts) copy[key] = this.build(part);
    if (once !== undefined) this.#made[once] = copy;
    return copy;
  }
}
