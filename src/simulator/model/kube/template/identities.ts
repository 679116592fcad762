import type { ClusterCore } from '../cluster-core.ts';

/** A text with holes: literals, and numbers of slots that are filled anew for each cluster. */
export type Text = number | readonly (string | number)[];

/** How one slot is filled. */
type Rule =
  | { kind: 'uid' | 'event-uid' | 'machine-id' | 'container-id' | 'cluster' }
  | { kind: 'machine'; machine: number; part: 'node' | 'instance' | 'address' }
  | { kind: 'made'; from: Text; make: (value: string) => string };

/** Names that the API made up with the same base, in their order. */
interface NameGroup {
  base: string;
  slots: number[];
}

/** One node of a new cluster, in the order of the template's machines. */
export interface MachineIdentity {
  node: string;
  instance: string;
  address: string;
}

const suffix = /[bcdfghjklmnpqrstvwxz2456789]{5}$/;
/** Everything that may be an identity, the longest kinds first. */
const within =
  /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}|vol-[0-9a-f]+|ip-\d+-\d+-\d+-\d+\.[a-z0-9-]+\.compute\.internal|i-[0-9a-f]+|\d+\.\d+\.\d+\.\d+/g;
const words = /[A-Za-z0-9][-A-Za-z0-9.]*/g;

/** No identity is shorter. */
const shortest = 5;
const clusterSlot = 0;

/** What tells one cluster from another like it, wherever it stands in a text. */
export class Identities {
  readonly #rules: (Rule | undefined)[] = [];
  readonly #slots = new Map<string, number>();
  readonly #groups = new Map<string, { base: string; names: Map<string, number> }>();
  readonly #clusterId: string;
  /** Texts without any identity: the ones that come again and again. */
  readonly #plain = new Set<string>();

  constructor(clusterId: string) {
    this.#clusterId = clusterId;
    this.add(clusterId, { kind: 'cluster' });
  }

  /** Makes this value one that every cluster has its own of. */
  add(value: string, rule: Rule): void {
    if (this.#slots.has(value)) return;
    this.#slots.set(value, this.#rules.length);
    this.#rules.push(rule);
  }

  /** A name that ends in five letters which the API made up. The order of such names is kept. */
  addGeneratedName(scope: string, name: string): void {
    if (!suffix.test(name) || this.#slots.has(name)) return;
    const base = name.slice(0, -5);
    const key = `${scope}/${base}`;
    const group = this.#groups.get(key) ?? { base, names: new Map<string, number>() };
    this.#groups.set(key, group);
    group.names.set(name, this.#rules.length);
    this.#slots.set(name, this.#rules.length);
    this.#rules.push(undefined);
  }

  /** Undefined for a text that is the same in every cluster. */
  text(value: string): Text | undefined {
    const whole = this.#slots.get(value);
    if (whole !== undefined) return whole;
    if (value.length < shortest || this.#plain.has(value)) return undefined;
    const text = this.#within(value);
    if (text === undefined) this.#plain.add(value);
    return text;
  }

  #within(value: string): Text | undefined {
    const at = value.indexOf(this.#clusterId);
    if (at !== -1) {
      const rest = (part: string): readonly (string | number)[] => asParts(this.text(part) ?? [part]);
      const after = value.slice(at + this.#clusterId.length);
      return [...rest(value.slice(0, at)), clusterSlot, ...rest(after)];
    }
    return this.#parts(value, words, (word) => this.#word(word));
  }

  #word(word: string): Text | undefined {
    const known = this.#slots.get(word);
    if (known !== undefined) return known;
    // An Event's name is its object's, a dot and a number.
    const dot = word.lastIndexOf('.');
    const before = dot === -1 ? undefined : this.#slots.get(word.slice(0, dot));
    if (before !== undefined) return [before, word.slice(dot)];
    return this.#parts(word, within, (found) => this.#slots.get(found));
  }

  #parts(value: string, pattern: RegExp, find: (found: string) => Text | undefined): Text | undefined {
    const parts: (string | number)[] = [];
    let end = 0;
    for (const match of value.matchAll(pattern)) {
      const text = find(match[0]);
      if (text === undefined) continue;
      if (match.index > end) parts.push(value.slice(end, match.index));
      parts.push(...asParts(text));
      end = match.index + match[0].length;
    }
    if (parts.length === 0) return undefined;
    if (end < value.length) parts.push(value.slice(end));
    return parts.length === 1 ? (parts[0] as number) : parts;
  }

  /** The way to fill all slots; no more may be added afterwards. */
  filler(): SlotFiller {
    const groups = [...this.#groups.values()].map(({ base, names }) => ({
      base,
      slots: [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, slot]) => slot),
    }));
    return new SlotFiller(this.#rules, groups);
  }
}

function asParts(text: Text): readonly (string | number)[] {
  return typeof text === 'number' ? [text] : text;
}

/** Fills the slots of a template for one cluster, out of that cluster's own streams of chance. */
export class SlotFiller {
  readonly #rules: readonly (Rule | undefined)[];
  readonly #groups: readonly NameGroup[];

  constructor(rules: readonly (Rule | undefined)[], groups: readonly NameGroup[]) {
    this.#rules = rules;
    this.#groups = groups;
  }

  fill(core: ClusterCore, machines: readonly MachineIdentity[]): string[] {
    const slots = new Array<string>(this.#rules.length).fill('');
    this.#rules.forEach((rule, index) => {
      if (rule) slots[index] = value(rule, core, machines, slots);
    });
    for (const { base, slots: named } of this.#groups) {
      const suffixes = new Set<string>();
      while (suffixes.size < named.length) suffixes.add(core.nameSuffix());
      const sorted = [...suffixes].sort();
      named.forEach((slot, rank) => {
        slots[slot] = `${base}${sorted[rank]}`;
      });
    }
    return slots;
  }
}

function value(rule: Rule, core: ClusterCore, machines: readonly MachineIdentity[], slots: readonly string[]): string {
  switch (rule.kind) {
    case 'uid':
      return core.newUid();
    case 'event-uid':
      return core.newEventUid();
    case 'machine-id':
      return core.newUid().replaceAll('-', '');
    case 'container-id':
      return core.newUid().replaceAll('-', '').repeat(2);
    case 'cluster':
      return core.clusterId;
    case 'machine':
      return machines[rule.machine]?.[rule.part] ?? '';
    case 'made':
      return rule.make(filled(rule.from, slots));
  }
}

/** The text with its slots filled. */
export function filled(text: Text, slots: readonly string[]): string {
  if (typeof text === 'number') return slots[text] as string;
  let whole = '';
  for (const part of text) whole += typeof part === 'number' ? (slots[part] as string) : part;
  return whole;
}
