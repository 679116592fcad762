import type { GoValue } from './gotemplate/value.ts';

type Items = Readonly<Record<string, string>>;

/** Config items of a pool over those of its cluster, without copying hundreds of them for each pool of each cluster. */
export class LayeredItems implements ReadonlyMap<string, GoValue> {
  readonly #layers: readonly Items[];
  #merged: Map<string, GoValue> | undefined;

  /** Earlier layers override later ones. */
  constructor(...layers: Items[]) {
    this.#layers = layers;
  }

  get(key: string): GoValue | undefined {
    for (const layer of this.#layers) if (Object.hasOwn(layer, key)) return layer[key];
    return undefined;
  }

  has(key: string): boolean {
    return this.#layers.some((layer) => Object.hasOwn(layer, key));
  }

  get size(): number {
    return this.#all.size;
  }

  keys(): MapIterator<string> {
    return this.#all.keys();
  }

  values(): MapIterator<GoValue> {
    return this.#all.values();
  }

  entries(): MapIterator<[string, GoValue]> {
    return this.#all.entries();
  }

  [Symbol.iterator](): MapIterator<[string, GoValue]> {
    return this.#all.entries();
  }

  forEach(callback: (value: GoValue, key: string, map: ReadonlyMap<string, GoValue>) => void): void {
    for (const [key, value] of this.#all) callback(value, key, this);
  }

  /** Only what goes through all of them needs them in one place. */
  get #all(): Map<string, GoValue> {
    this.#merged ??= new Map(this.#layers.toReversed().flatMap((layer) => Object.entries(layer)));
    return this.#merged;
  }
}
