import { TemplateFunctionError } from './template-error.ts';

/**
 * Values of the template language. Integers are bigint and floats are number, as the language keeps them apart; nil is null.
 * Lists and maps are never changed in place: they are shared between renderings.
 */
export type GoValue =
  | null
  | boolean
  | string
  | bigint
  | number
  | GoComplex
  | readonly GoValue[]
  | GoMap
  | GoStruct
  | GoFunction;

/** What a constant such as `1+2i` is. */
export class GoComplex {
  readonly real: number;
  readonly imaginary: number;

  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

/** A map with string keys; iterates in key order, as text/template does. */
export class GoMap {
  readonly entries: ReadonlyMap<string, GoValue>;
  /** What `index` gives for a key that is not there: '' for a map of strings, nil else. */
  readonly zero: GoValue;
  #sorted: string[] | undefined;

  constructor(entries: ReadonlyMap<string, GoValue>, zero: GoValue = null) {
    this.entries = entries;
    this.zero = zero;
  }

  static ofStrings(record: Readonly<Record<string, string>>): GoMap {
    return new GoMap(new Map(Object.entries(record)), '');
  }

  get sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.entries.keys()].sort(compareText);
    return this.#sorted;
  }
}

/** A value with fixed fields; a field that it does not have is an error of the template, not a missing key. */
export class GoStruct {
  readonly typeName: string;
  readonly fields: ReadonlyMap<string, GoValue>;
  /** Why fields that the type has cannot be told here; a template that reads one fails with it. */
  readonly unknown: ReadonlyMap<string, string>;

  constructor(
    typeName: string,
    fields: Readonly<Record<string, GoValue>>,
    unknown: Readonly<Record<string, string>> = {},
  ) {
    this.typeName = typeName;
    this.fields = new Map(Object.entries(fields));
    this.unknown = new Map(Object.entries(unknown));
  }
}

export type ParameterType = 'any' | 'string' | 'int' | 'float' | 'bool' | 'list' | 'map';

/** A function that templates may call. Arguments are checked against `parameters` before `call`. */
export class GoFunction {
  readonly parameters: readonly ParameterType[];
  /** The last parameter may be given any number of times, none included. */
  readonly variadic: boolean;
  /** The first argument is a map of which it takes only the entries that the others name. */
  readonly keyed: boolean;
  /** Throws TemplateFunctionError for arguments it cannot work with. */
  readonly call: (args: GoValue[]) => GoValue;

  constructor(
    parameters: readonly ParameterType[],
    call: (args: GoValue[]) => GoValue,
    options: { variadic?: boolean; keyed?: boolean } = {},
  ) {
    this.parameters = parameters;
    this.variadic = options.variadic ?? false;
    this.keyed = options.keyed ?? false;
    this.call = call;
  }
}

export function isList(value: GoValue): value is readonly GoValue[] {
  return Array.isArray(value);
}

/** What `if` and `with` ask: false, 0, "", nil and empty lists and maps are not true. */
export function isTrue(value: GoValue): boolean {
  if (value === null) return false;
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      return value !== '';
    case 'bigint':
      return value !== 0n;
    case 'number':
      return value !== 0;
    default:
      if (isList(value)) return value.length > 0;
      if (value instanceof GoComplex) return value.real !== 0 || value.imaginary !== 0;
      if (value instanceof GoMap) return value.entries.size > 0;
      return true;
  }
}

/** The type as error messages name it. */
export function typeName(value: GoValue): string {
  if (value === null) return '<nil>';
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'string':
      return 'string';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float64';
    default:
      if (isList(value)) return '[]interface {}';
      if (value instanceof GoComplex) return 'complex128';
      if (value instanceof GoMap) return value.zero === '' ? 'map[string]string' : 'map[string]interface {}';
      return value instanceof GoStruct ? value.typeName : 'func';
  }
}

/** A text's code points: what the language counts as characters. */
export function charactersOf(text: string): string[] {
  return Array.from(text);
}

const surrogate = /[\ud800-\udfff]/;

/** Order of the UTF-8 bytes, which is what Go compares; differs from UTF-16 order only beyond the basic plane. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : 1;
}

/** JSON-like data as template values. Whole numbers become integers when `integers` is set, floats else. */
export function toGoValue(data: unknown, options: { integers: boolean } = { integers: true }): GoValue {
  if (data === null || data === undefined) return null;
  if (typeof data === 'string' || typeof data === 'boolean' || typeof data === 'bigint') return data;
  if (typeof data === 'number') return options.integers && Number.isSafeInteger(data) ? BigInt(data) : data;
  if (Array.isArray(data)) return data.map((item) => toGoValue(item, options));
  if (data instanceof GoMap || data instanceof GoStruct || data instanceof GoFunction) return data;
  if (typeof data === 'object') {
    return new GoMap(new Map(Object.entries(data).map(([key, value]) => [key, toGoValue(value, options)])));
  }
  throw new TypeError(`a ${typeof data} is no template value`);
}

/** What one value may have of parts when it leaves the language: shared parts can make a small value huge. */
const maxParts = 200_000;

/**
 * Template values as JSON-like data; integers beyond 2^53 become strings of digits, functions null.
 * Throws TemplateFunctionError when the value has too many parts.
 */
export function fromGoValue(value: GoValue, budget: { parts: number } = { parts: maxParts }): unknown {
  budget.parts -= 1;
  if (budget.parts < 0) throw new TemplateFunctionError(`the value has more than ${maxParts} parts`);
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  }
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) return value.map((item) => fromGoValue(item, budget));
  if (value instanceof GoFunction) return null;
  if (value instanceof GoComplex) throw new TemplateFunctionError('a complex number has no form in JSON or YAML');
  const entries =
    value instanceof GoMap
      ? value.sortedKeys.map((key): [string, GoValue] => [key, value.entries.get(key) as GoValue])
      : [...value.fields].filter(([, item]) => !(item instanceof GoFunction));
  return Object.fromEntries(entries.map(([key, item]) => [key, fromGoValue(item, budget)]));
}
