import { canonicalJson } from '../../support/digest.ts';
import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { fromGoValue, GoMap, type GoValue, isTrue } from '../gotemplate/value.ts';
import { countOf, type FunctionTable, fixed, integerOf, keyed, listOf, mapOf, variadic } from './define-function.ts';

const maxRange = 100_000;

function dict(args: GoValue[]): GoValue {
  if (args.length % 2 !== 0) throw new TemplateFunctionError(`dict: invalid number of arguments: ${args.length}`);
  const entries = new Map<string, GoValue>();
  for (let i = 0; i < args.length; i += 2) {
    const key = args[i];
    if (typeof key !== 'string') throw new TemplateFunctionError(`dict: key argument ${i} must be string`);
    if (entries.has(key)) throw new TemplateFunctionError(`dict: duplicate key ${key}`);
    entries.set(key, args[i + 1] as GoValue);
  }
  return new GoMap(entries);
}

function same(a: GoValue, b: GoValue): boolean {
  return (
    a === b ||
    (typeof a === typeof b && typeof a === 'object' && canonicalJson(fromGoValue(a)) === canonicalJson(fromGoValue(b)))
  );
}

function merge(args: GoValue[]): GoValue {
  const entries = new Map<string, GoValue>();
  // the first map wins, as in sprig
  for (const map of args)
    for (const [key, value] of mapOf(map, 'merge').entries) if (!entries.has(key)) entries.set(key, value);
  return new GoMap(entries);
}

function range(from: bigint, to: bigint, step: bigint): GoValue[] {
  const items: GoValue[] = [];
  for (let i = from; step > 0n ? i < to : i > to; i += step) {
    if (items.length >= maxRange)
      throw new TemplateFunctionError(`a list of numbers may have at most ${maxRange} items`);
    items.push(i);
  }
  return items;
}

function arithmetic(change: (a: bigint, b: bigint) => bigint) {
  return variadic(['any', 'any'], ([first = null, ...rest]) => rest.map(integerOf).reduce(change, integerOf(first)));
}

function divisor(b: bigint): bigint {
  if (b === 0n) throw new TemplateFunctionError('division by zero');
  return b;
}

/** Math.max is not for bigint. */
function larger(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

function floatOf(value: GoValue | undefined): number {
  const number =
    typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : Number(integerOf(value));
  if (Number.isNaN(number)) throw new TemplateFunctionError(`${JSON.stringify(value)} is not a number`);
  return number;
}

/** Lists, maps and numbers. All give new values; none changes its arguments. */
export const collectionFunctions: FunctionTable = {
  list: variadic(['any'], (args) => args),
  dict: variadic(['any'], dict),
  append: fixed(['list', 'any'], ([list, item = null]) => [...listOf(list), item]),
  prepend: fixed(['list', 'any'], ([list, item = null]) => [item, ...listOf(list)]),
  concat: variadic(['list'], (args) => args.flatMap(listOf)),
  first: fixed(['list'], ([list]) => listOf(list)[0] ?? null),
  last: fixed(['list'], ([list]) => listOf(list).at(-1) ?? null),
  rest: fixed(['list'], ([list]) => listOf(list).slice(1)),
  initial: fixed(['list'], ([list]) => listOf(list).slice(0, -1)),
  reverse: fixed(['list'], ([list]) => [...listOf(list)].reverse()),
  compact: fixed(['list'], ([list]) => listOf(list).filter(isTrue)),
  uniq: fixed(['list'], ([list]) => {
    const seen = new Set<string>();
    return listOf(list).filter((item) => {
      const key = `${typeof item}:${canonicalJson(fromGoValue(item))}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }),
  has: fixed(['any', 'list'], ([item = null, list]) => listOf(list).some((other) => same(item, other))),
  without: variadic(['list', 'any'], ([list, ...items]) =>
    listOf(list).filter((other) => !items.some((item) => same(item, other))),
  ),
  until: fixed(['int'], ([to]) => range(0n, to as bigint, 1n)),
  untilStep: fixed(['int', 'int', 'int'], ([from, to, step]) =>
    step === 0n ? [] : range(from as bigint, to as bigint, step as bigint),
  ),
  keys: variadic(['map'], (args) => args.flatMap((map) => [...mapOf(map, 'keys').sortedKeys])),
  values: fixed(['map'], ([map]) => {
    const given = mapOf(map, 'values');
    return given.sortedKeys.map((key) => given.entries.get(key) as GoValue);
  }),
  hasKey: keyed(['map', 'string'], ([map, key]) => mapOf(map, 'hasKey').entries.has(key as string)),
  get: keyed(['map', 'string'], ([map, key]) => mapOf(map, 'get').entries.get(key as string) ?? ''),
  pick: variadic(
    ['map', 'string'],
    ([map, ...keys]) => new GoMap(new Map([...mapOf(map, 'pick').entries].filter(([key]) => keys.includes(key)))),
  ),
  omit: variadic(
    ['map', 'string'],
    ([map, ...keys]) => new GoMap(new Map([...mapOf(map, 'omit').entries].filter(([key]) => !keys.includes(key)))),
  ),
  merge: variadic(['map'], merge),
  add: arithmetic((a, b) => BigInt.asIntN(64, a + b)),
  sub: arithmetic((a, b) => BigInt.asIntN(64, a - b)),
  mul: arithmetic((a, b) => BigInt.asIntN(64, a * b)),
  div: arithmetic((a, b) => a / divisor(b)),
  mod: arithmetic((a, b) => a % divisor(b)),
  max: arithmetic(larger),
  min: arithmetic((a, b) => (larger(a, b) === a ? b : a)),
  add1: fixed(['any'], ([value]) => integerOf(value) + 1n),
  int: fixed(['any'], ([value]) => integerOf(value)),
  int64: fixed(['any'], ([value]) => integerOf(value)),
  float64: fixed(['any'], ([value]) => floatOf(value)),
  ceil: fixed(['any'], ([value]) => Math.ceil(floatOf(value))),
  floor: fixed(['any'], ([value]) => Math.floor(floatOf(value))),
  parseInt64: fixed(['string'], ([text]) => {
    if (!/^[+-]?\d+$/.test(text as string) || BigInt(text as string) !== BigInt.asIntN(64, BigInt(text as string))) {
      throw new TemplateFunctionError(`parsing ${JSON.stringify(text)}: invalid syntax or out of range`);
    }
    return BigInt(text as string);
  }),
  indexedList: fixed(['string', 'int'], ([item, length]) =>
    Array.from({ length: countOf(length, 'the length', maxRange) }, (_, i) =>
      (item as string).replaceAll('$', String(i)),
    ).join(','),
  ),
  kindOf: fixed(['any'], ([value = null]) => (value === null ? 'invalid' : formatKind(value))),
};

function formatKind(value: GoValue): string {
  if (value instanceof GoMap) return 'map';
  if (Array.isArray(value)) return 'slice';
  return { string: 'string', bigint: 'int', number: 'float64', boolean: 'bool' }[typeof value as string] ?? 'struct';
}
