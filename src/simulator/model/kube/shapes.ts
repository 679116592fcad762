import { isFields } from './object.ts';
import { parseQuantity } from './quantity.ts';
import { type FieldType, type PlainType, type RecordType, recordNameOf, recordTypes } from './schemas/type-table.ts';

export interface ShapeProblems {
  /** The first field of a wrong type, in the decoder's words. */
  wrong: string | undefined;
  /** The same as the check of an applied object says it; undefined for a text that its type does not take, which that check lets pass. */
  misfit: { path: string; expected: string } | undefined;
  /** Paths of fields that no such object has. */
  unknown: string[];
}

const objectMeta: FieldType = { is: 'record', name: 'ObjectMeta' };
const text: FieldType = { is: 'plain', plain: 's' };
const head: ReadonlyMap<string, FieldType> = new Map<string, FieldType>([
  ['apiVersion', text],
  ['kind', text],
  ['metadata', objectMeta],
]);

/**
 * Checks a client's object against the types of its kind. Unknown fields are removed from it, as the API server drops them. A custom
 * resource has its schema for everything but the metadata.
 */
export function checkShape(
  definition: { group: string; kind: string },
  object: Record<string, unknown>,
  custom: boolean,
): ShapeProblems {
  const check = new ShapeCheck(definition.kind);
  const record = custom ? undefined : recordTypes.get(recordNameOf(definition.group, definition.kind));
  for (const field of Object.keys(object)) {
    const type = head.get(field) ?? record?.get(field)?.type;
    if (type !== undefined) check.field(object, field, type, field);
    else if (!custom) check.unknownField(object, field, field);
  }
  return check.problems;
}

class ShapeCheck {
  readonly problems: ShapeProblems = { wrong: undefined, misfit: undefined, unknown: [] };
  readonly #kind: string;

  constructor(kind: string) {
    this.#kind = kind;
  }

  field(holder: Record<string, unknown>, field: string, type: FieldType, path: string): void {
    const value = holder[field];
    if (value === null) delete holder[field];
    else if (value !== undefined) this.#value(type, value, path);
  }

  unknownField(holder: Record<string, unknown>, field: string, path: string): void {
    this.problems.unknown.push(path);
    delete holder[field];
  }

  #value(type: FieldType, value: unknown, path: string): void {
    switch (type.is) {
      case 'plain': {
        const wrong = plainProblem(type.plain, value);
        if (wrong !== undefined) this.#wrong(value, path, wrong);
        return;
      }
      case 'record':
        if (isFields(value)) this.#record(recordTypes.get(type.name) as RecordType, value, path);
        else this.#wrong(value, path, `v1.${type.name}`);
        return;
      case 'list':
        if (!Array.isArray(value)) this.#wrong(value, path, `[]${goType(type.of)}`);
        else for (const [index, item] of value.entries()) this.#value(type.of, item, `${path}[${index}]`);
        return;
      case 'map':
        if (!isFields(value)) this.#wrong(value, path, `map[string]${goType(type.of)}`);
        else for (const key of Object.keys(value)) this.#value(type.of, value[key], `${path}{${key}}`);
    }
  }

  #record(record: RecordType, value: Record<string, unknown>, path: string): void {
    for (const field of Object.keys(value)) {
      const at = `${path}.${field}`;
      const known = record.get(field);
      if (known) this.field(value, field, known.type, at);
      else this.unknownField(value, field, at);
    }
  }

  #wrong(value: unknown, path: string, type: string): void {
    if (typeof value === 'string' && problemOfText[type]) {
      this.problems.wrong ??= problemOfText[type](value);
      return;
    }
    const expected = expectedOf(type);
    if (expected !== undefined && !(expected.startsWith('numeric') && typeof value === 'number'))
      this.problems.misfit ??= { path, expected };
    // The decoder names the field without the places in lists and maps on its way.
    const at = path.replaceAll(/\[\d+\]|\{[^}]*\}/g, '');
    this.problems.wrong ??= `json: cannot unmarshal ${jsonWord(value)} into Go struct field ${this.#kind}.${at} of type ${type}`;
  }
}

/** Texts that are texts and yet no value of their type have messages of their own. */
const problemOfText: Record<string, (value: string) => string> = {
  Time: (value) => {
    const quoted = JSON.stringify(value);
    return `parsing time ${quoted} as "2006-01-02T15:04:05Z07:00": cannot parse ${quoted} as "2006"`;
  },
  Quantity: () => "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  '[]uint8': () => 'illegal base64 data at input byte 0',
};

/** What the schema says in the place of a Go type; undefined where it takes any plain value. */
function expectedOf(type: string): string | undefined {
  if (type.startsWith('[]') && type !== '[]uint8') return 'list';
  if (type.startsWith('v1.') || type.startsWith('map[')) return 'map';
  return misfitWords[type];
}
const misfitWords: Readonly<Record<string, string>> = {
  string: 'string',
  int32: 'numeric (int or float)',
  int64: 'numeric (int or float)',
  float64: 'numeric (int or float)',
  bool: 'boolean',
  Time: 'string',
  '[]uint8': 'string',
};

function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return `number ${value}`;
  return typeof value;
}

function goType(type: FieldType): string {
  if (type.is === 'record') return `v1.${type.name}`;
  if (type.is === 'plain') return type.plain === 's' ? 'string' : type.plain === 'q' ? 'resource.Quantity' : 'object';
  return type.is === 'list' ? `[]${goType(type.of)}` : `map[string]${goType(type.of)}`;
}

const longestMoment = 40;

/** The name of the type that a plain value is none of; undefined for a good one. */
function plainProblem(plain: PlainType, value: unknown): string | undefined {
  switch (plain) {
    case 'any':
      return undefined;
    case 's':
      return typeof value === 'string' ? undefined : 'string';
    case 'i':
      return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31 ? undefined : 'int32';
    case 'l':
      return Number.isSafeInteger(value) ? undefined : 'int64';
    case 'n':
      return typeof value === 'number' ? undefined : 'float64';
    case 'b':
      return typeof value === 'boolean' ? undefined : 'bool';
    case 't':
    case 'm': {
      const good =
        typeof value === 'string' &&
        value.length < longestMoment &&
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
        !Number.isNaN(Date.parse(value));
      return good ? undefined : 'Time';
    }
    case 'q':
      return (typeof value === 'string' || typeof value === 'number') && parseQuantity(value) !== undefined
        ? undefined
        : 'Quantity';
    case 'y':
      return typeof value === 'string' && /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value) ? undefined : '[]uint8';
    case 'ios':
      return typeof value === 'string' || (Number.isInteger(value) && Math.abs(value as number) < 2 ** 31)
        ? undefined
        : 'intstr.IntOrString';
    case 'o':
      return isFields(value) ? undefined : 'map[string]interface {}';
  }
}
