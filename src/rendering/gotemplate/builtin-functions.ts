import { equalValues, orderValues } from './comparison.ts';
import { formatValue, sprint, sprintf } from './format.ts';
import { TemplateFunctionError } from './template-error.ts';
import { GoFunction, GoMap, type GoValue, isList, isTrue, type ParameterType, typeName } from './value.ts';

function define(parameters: ParameterType[], call: (args: GoValue[]) => GoValue, variadic = false): GoFunction {
  return new GoFunction(parameters, call, { variadic });
}

function length(value: GoValue): bigint {
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (isList(value)) return BigInt(value.length);
  if (value instanceof GoMap) return BigInt(value.entries.size);
  if (value === null) throw new TemplateFunctionError('len of nil pointer');
  throw new TemplateFunctionError(`len of type ${typeName(value)}`);
}

function position(value: GoValue, size: number, inclusive: boolean): number {
  if (typeof value !== 'bigint') {
    throw new TemplateFunctionError(
      `cannot index slice/array with ${value === null ? 'nil' : `type ${typeName(value)}`}`,
    );
  }
  if (value < 0n || value > BigInt(inclusive ? size : size - 1))
    throw new TemplateFunctionError(`index out of range: ${value}`);
  return Number(value);
}

function indexOne(item: GoValue, index: GoValue): GoValue {
  if (item === null) throw new TemplateFunctionError('index of nil pointer');
  if (isList(item)) return item[position(index, item.length, false)] as GoValue;
  if (typeof item === 'string') {
    const bytes = Buffer.from(item);
    return BigInt(bytes[position(index, bytes.length, false)] as number);
  }
  if (item instanceof GoMap) {
    if (typeof index !== 'string') {
      throw new TemplateFunctionError(`value has type ${typeName(index)}; should be string`);
    }
    return item.entries.get(index) ?? item.zero;
  }
  throw new TemplateFunctionError(`can't index item of type ${typeName(item)}`);
}

function slice(args: GoValue[]): GoValue {
  const [item = null, ...bounds] = args;
  if (bounds.length > 3) throw new TemplateFunctionError(`too many slice indexes: ${bounds.length}`);
  const bytes = typeof item === 'string' ? Buffer.from(item) : undefined;
  if (bytes !== undefined && bounds.length === 3) throw new TemplateFunctionError('cannot 3-index slice a string');
  if (bytes === undefined && !isList(item)) {
    throw new TemplateFunctionError(
      item === null ? 'slice of untyped nil' : `can't slice item of type ${typeName(item)}`,
    );
  }
  const size = bytes?.length ?? (item as readonly GoValue[]).length;
  const [from = 0, to = size, max = size] = bounds.map((bound) => position(bound, size, true));
  if (from > to || to > max) throw new TemplateFunctionError(`invalid slice index: ${from} > ${to}`);
  return bytes === undefined ? (item as readonly GoValue[]).slice(from, to) : bytes.subarray(from, to).toString('utf8');
}

const htmlEscapes: Record<string, string> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\0': '\ufffd',
};

function escapeJavaScript(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  return text.replace(/[\\'"<>&=]|[\x00-\x1f]|[\u007f-\u00a0\u00ad\u2028\u2029\ufeff]/g, (character) => {
    if (character === '\\' || character === "'" || character === '"') return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  });
}

/** The text that an escaping function works on: one string as it is, anything else as `print` shows it. */
function textOf(args: GoValue[]): string {
  return args.length === 1 && typeof args[0] === 'string' ? args[0] : sprint(args);
}

function equalToAny(args: GoValue[]): boolean {
  const [first = null, ...others] = args;
  if (others.length === 0) throw new TemplateFunctionError('missing argument for comparison');
  return others.some((other) => equalValues(first, other));
}

/** Functions that the language itself has. `and` and `or` are evaluated by the evaluator, which stops at the deciding operand. */
export const builtinFunctions: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ['and', define(['any', 'any'], (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) ?? null, true)],
  ['or', define(['any', 'any'], (args) => args.find(isTrue) ?? args.at(-1) ?? null, true)],
  ['not', define(['any'], ([value = null]) => !isTrue(value))],
  ['len', define(['any'], ([value = null]) => length(value))],
  [
    'index',
    new GoFunction(['any', 'any'], ([item = null, ...indexes]) => indexes.reduce(indexOne, item), {
      variadic: true,
      keyed: true,
    }),
  ],
  ['slice', define(['any', 'any'], slice, true)],
  ['print', define(['any'], (args) => sprint(args), true)],
  ['println', define(['any'], (args) => `${args.map(formatValue).join(' ')}\n`, true)],
  ['printf', define(['string', 'any'], ([format, ...args]) => sprintf(format as string, args), true)],
  [
    'html',
    define(
      ['any'],
      (args) => textOf(args).replace(/["'&<>\0]/g, (character) => htmlEscapes[character] as string),
      true,
    ),
  ],
  ['js', define(['any'], (args) => escapeJavaScript(textOf(args)), true)],
  [
    'urlquery',
    define(
      ['any'],
      (args) =>
        encodeURIComponent(Buffer.from(textOf(args)).toString('utf8')).replace(/[!'()*]|%20/g, (character) =>
          character === '%20' ? '+' : `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
        ),
      true,
    ),
  ],
  ['call', define(['any', 'any'], callValue, true)],
  ['eq', define(['any', 'any'], (args) => equalToAny(args), true)],
  ['ne', define(['any', 'any'], ([a = null, b = null]) => !equalValues(a, b))],
  ['lt', define(['any', 'any'], ([a = null, b = null]) => orderValues(a, b).less)],
  [
    'le',
    define(['any', 'any'], ([a = null, b = null]) => {
      const o = orderValues(a, b);
      return o.less || o.equal;
    }),
  ],
  [
    'gt',
    define(['any', 'any'], ([a = null, b = null]) => {
      const o = orderValues(a, b);
      return !o.less && !o.equal;
    }),
  ],
  ['ge', define(['any', 'any'], ([a = null, b = null]) => !orderValues(a, b).less)],
]);

function callValue([target = null, ...args]: GoValue[]): GoValue {
  if (target === null) throw new TemplateFunctionError('call of nil');
  if (!(target instanceof GoFunction)) throw new TemplateFunctionError(`non-function of type ${typeName(target)}`);
  return target.call(args);
}
