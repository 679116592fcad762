import { TemplateFunctionError } from './template-error.ts';
import { charactersOf, GoComplex, GoFunction, GoMap, GoStruct, type GoValue, isList, typeName } from './value.ts';

/** Lists and maps may share parts, so that a small value prints as a huge text: what one value may print. */
const maxItems = 200_000;

interface Budget {
  items: number;
}

/** A value as `%v` prints it. Throws TemplateFunctionError when it has too many parts to be printed. */
export function formatValue(value: GoValue): string {
  return formatWithin(value, { items: maxItems });
}

function formatWithin(value: GoValue, budget: Budget): string {
  if (value === null) return '<nil>';
  switch (typeof value) {
    case 'string':
      return value;
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'number':
      return formatFloat(value, 'g', undefined);
    default:
      if (value instanceof GoComplex) return formatComplex('v', value, noFlags);
      return formatComposite(value, budget, (item) => formatWithin(item, budget));
  }
}

function formatComposite(value: GoValue, budget: Budget, format: (item: GoValue) => string): string {
  budget.items -= isList(value) ? value.length + 1 : value instanceof GoMap ? value.entries.size + 1 : 1;
  if (budget.items < 0) throw new TemplateFunctionError(`the value has more than ${maxItems} parts`);
  if (isList(value)) return `[${value.map(format).join(' ')}]`;
  if (value instanceof GoMap) {
    return `map[${value.sortedKeys.map((key) => `${format(key)}:${format(value.entries.get(key) as GoValue)}`).join(' ')}]`;
  }
  if (value instanceof GoStruct) {
    const fields = [...value.fields.values()].filter((field) => !(field instanceof GoFunction));
    return `{${fields.map(format).join(' ')}}`;
  }
  return '0x0';
}

/** `print`: operands with a space between two neighbours neither of which is a string. */
export function sprint(values: readonly GoValue[]): string {
  let text = '';
  values.forEach((value, i) => {
    if (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string') text += ' ';
    text += formatValue(value);
  });
  return text;
}

interface Flags {
  minus: boolean;
  plus: boolean;
  sharp: boolean;
  space: boolean;
  zero: boolean;
  width?: number;
  precision?: number;
}

const noFlags: Flags = { minus: false, plus: false, sharp: false, space: false, zero: false };
const floatVerbs = 'veEfFgG';

/** Padding and precision beyond this are a bad format, not a way to fill memory. */
const maxWidth = 1_000_000;
const directive = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:\.(\[\d+\])?(\*|\d+)?)?(\[\d+\])?(\p{Any})?/gsu;

/** `printf`: Go's verbs, flags, width, precision and argument indexes; mistakes are shown in the text as Go shows them. */
export function sprintf(format: string, args: readonly GoValue[]): string {
  let next = 0;
  const seen = { index: false };
  const takeIndex = (index: string | undefined): boolean => {
    if (index === undefined) return true;
    seen.index = true;
    next = Number(index.slice(1, -1)) - 1;
    return next >= 0 && next < args.length;
  };
  const takeNumber = (text: string | undefined): number | undefined => {
    if (text !== '*') return text === undefined ? undefined : Number(text);
    const value = args[next++];
    return typeof value === 'bigint' ? Number(value) : Number.NaN;
  };
  const text = format.replace(directive, (whole: string, flagText: string, ...rest: (string | undefined)[]) => {
    const [widthIndex, width, precisionIndex, precision, valueIndex, verb] = rest;
    const flags: Flags = {
      minus: flagText.includes('-'),
      plus: flagText.includes('+'),
      sharp: flagText.includes('#'),
      space: flagText.includes(' '),
      zero: flagText.includes('0'),
    };
    if (verb === undefined) return '%!(NOVERB)';
    // `%[1]d`: an index with no width behind it belongs to the value
    let goodIndex = takeIndex(widthIndex);
    const widthValue = takeNumber(width);
    goodIndex = takeIndex(precisionIndex) && goodIndex;
    const precisionValue = whole.includes('.') && verb !== '.' ? (takeNumber(precision) ?? 0) : undefined;
    goodIndex = takeIndex(valueIndex) && goodIndex;
    if (verb === '%') return '%';
    if (Number.isNaN(widthValue) || (widthValue ?? 0) > maxWidth) return '%!(BADWIDTH)';
    if (Number.isNaN(precisionValue) || (precisionValue ?? 0) > maxWidth) return '%!(BADPREC)';
    if (!goodIndex) return `%!${verb}(BADINDEX)`;
    if (next >= args.length) return `%!${verb}(MISSING)`;
    if (widthValue !== undefined) {
      flags.width = Math.abs(widthValue);
      if (widthValue < 0) flags.minus = true;
    }
    if (precisionValue !== undefined && precisionValue >= 0) flags.precision = precisionValue;
    return formatVerb(verb, args[next++] as GoValue, flags, { items: maxItems });
  });
  if (seen.index || next >= args.length) return text;
  const extra = args
    .slice(next)
    .map((value) => (value === null ? '<nil>' : `${typeName(value)}=${formatValue(value)}`));
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function formatVerb(verb: string, value: GoValue, flags: Flags, budget: Budget): string {
  if (verb === 'T') return pad(typeName(value), flags);
  if (verb === 'v' && flags.sharp) return pad(goSyntax(value, budget), flags);
  if (value === null) return verb === 'v' ? pad('<nil>', flags) : `%!${verb}(<nil>)`;
  if (typeof value === 'object' && (isList(value) || value instanceof GoMap || value instanceof GoStruct)) {
    if (verb === 'p') return `%!p(${typeName(value)}=${formatValue(value)})`;
    if (value instanceof GoStruct && flags.plus && verb === 'v') {
      const named = [...value.fields].filter(([, item]) => !(item instanceof GoFunction));
      budget.items -= named.length + 1;
      return `{${named.map(([name, item]) => `${name}:${formatVerb(verb, item, flags, budget)}`).join(' ')}}`;
    }
    return formatComposite(value, budget, (item) =>
      item === null && verb === 'v' ? '<nil>' : formatVerb(verb, item, flags, budget),
    );
  }
  const text = formatScalar(verb, value, flags);
  return text ?? `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

function formatScalar(verb: string, value: GoValue, flags: Flags): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return verb === 't' || verb === 'v' ? pad(String(value), flags) : undefined;
    case 'string':
      return formatText(verb, value, flags);
    case 'bigint':
      return formatInteger(verb, value, flags);
    case 'number': {
      if (!floatVerbs.includes(verb)) return undefined;
      const text = formatFloat(value, verb === 'v' ? 'g' : verb, flags.precision);
      return padNumber(text, flags);
    }
    default:
      return value instanceof GoComplex && floatVerbs.includes(verb) ? formatComplex(verb, value, flags) : undefined;
  }
}

/** Both parts as floats, each with the width that was asked for; the second always has its sign. */
function formatComplex(verb: string, value: GoComplex, flags: Flags): string {
  const part = (number: number, plus: boolean): string => {
    const text = formatFloat(number, verb === 'v' ? 'g' : verb, flags.precision);
    return padNumber(text, { ...flags, plus });
  };
  return `(${part(value.real, flags.plus)}${part(value.imaginary, true)}i)`;
}

function formatText(verb: string, value: string, flags: Flags): string | undefined {
  const text = flags.precision === undefined ? value : charactersOf(value).slice(0, flags.precision).join('');
  switch (verb) {
    case 's':
    case 'v':
      return pad(text, flags);
    case 'q':
      return pad(flags.sharp && !text.includes('`') ? `\`${text}\`` : quoteText(text), flags);
    case 'x':
    case 'X': {
      const hex = Buffer.from(text).toString('hex');
      const spaced = flags.space
        ? (hex.match(/../g) ?? []).map((byte) => (flags.sharp ? `0x${byte}` : byte)).join(' ')
        : hex;
      const prefixed = flags.sharp && !flags.space && hex !== '' ? `0x${spaced}` : spaced;
      return pad(verb === 'X' ? prefixed.toUpperCase() : prefixed, flags);
    }
    default:
      return undefined;
  }
}

const integerBases: Record<string, number> = { b: 2, o: 8, O: 8, d: 10, v: 10, x: 16, X: 16 };
const integerPrefixes: Record<string, string> = { b: '0b', o: '0', O: '0o', x: '0x', X: '0X' };

function formatInteger(verb: string, value: bigint, flags: Flags): string | undefined {
  if (verb === 'c' || verb === 'q' || verb === 'U') {
    const code = value < 0n || value > 0x10ffffn ? 0xfffd : Number(value);
    const character = String.fromCodePoint(code);
    if (verb === 'U') return pad(`U+${code.toString(16).toUpperCase().padStart(4, '0')}`, flags);
    return pad(
      verb === 'c'
        ? character
        : `'${character === "'" ? "\\'" : quoteText(character).slice(1, -1).replaceAll('\\"', '"')}'`,
      flags,
    );
  }
  const base = integerBases[verb];
  if (base === undefined) return undefined;
  let digits = (value < 0n ? -value : value).toString(base);
  if (verb === 'X') digits = digits.toUpperCase();
  if (flags.precision !== undefined) digits = digits.padStart(flags.precision, '0');
  const prefix = flags.sharp || verb === 'O' ? (integerPrefixes[verb] ?? '') : '';
  return padNumber(
    `${value < 0n ? '-' : ''}${prefix}${digits}`,
    flags.precision === undefined ? flags : { ...flags, zero: false },
  );
}

/** A float with Go's verbs. The shortest form (`g` without precision, also %v) has an exponent below 1e-4 and from 1e6 on. */
function formatFloat(value: number, verb: string, precision: number | undefined): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const lower = verb.toLowerCase();
  let text: string;
  if (lower === 'f') text = value.toFixed(Math.min(precision ?? 6, 100));
  else if (lower === 'e') text = goExponent(value.toExponential(Math.min(precision ?? 6, 100)));
  else text = formatGeneral(value, precision);
  if (Object.is(value, -0) && !text.startsWith('-')) text = `-${text}`;
  return verb === lower ? text : text.toUpperCase();
}

function formatGeneral(value: number, precision: number | undefined): string {
  const digits = precision === undefined ? undefined : Math.min(Math.max(precision, 1), 100);
  const scientific = value.toExponential(digits === undefined ? undefined : digits - 1);
  const [mantissa = '', exponentText = '0'] = scientific.split('e');
  const exponent = Number(exponentText);
  const short = digits === undefined ? mantissa : mantissa.replace(/\.?0+$/, '');
  if (value !== 0 && (exponent < -4 || exponent >= (digits ?? 6))) return goExponent(`${short}e${exponentText}`);
  const places = Math.max(0, short.replace(/^-?\d\.?/, '').length - exponent);
  return value.toFixed(Math.min(places, 100));
}

function goExponent(text: string): string {
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

function pad(text: string, flags: Flags): string {
  const missing = (flags.width ?? 0) - charactersOf(text).length;
  if (missing <= 0) return text;
  return flags.minus ? text + ' '.repeat(missing) : (flags.zero ? '0' : ' ').repeat(missing) + text;
}

function padNumber(text: string, flags: Flags): string {
  const negative = text.startsWith('-');
  const sign = negative ? '-' : flags.plus ? '+' : flags.space ? ' ' : '';
  const digits = text.replace(/^[+-]/, '');
  if (flags.zero && !flags.minus) return sign + digits.padStart((flags.width ?? 0) - sign.length, '0');
  return pad(sign + digits, { ...flags, zero: false });
}

const shortEscapes: Record<string, string> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** A string as a Go literal in double quotes. */
export function quoteText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is escaped
  const escaped = text.replace(/[\x00-\x1f\x7f\\"]|[\u0080-\u009f\u00ad\u2028\u2029\ufeff]/g, (character) => {
    const known = shortEscapes[character];
    if (known !== undefined) return known;
    const code = character.charCodeAt(0);
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

function goSyntax(value: GoValue, budget: Budget): string {
  if (typeof value === 'string') return quoteText(value);
  budget.items -= 1;
  if (budget.items < 0) throw new TemplateFunctionError(`the value has more than ${maxItems} parts`);
  if (isList(value)) return `${typeName(value)}{${value.map((item) => goSyntax(item, budget)).join(', ')}}`;
  if (value instanceof GoMap) {
    const entries = value.sortedKeys.map(
      (key) => `${quoteText(key)}:${goSyntax(value.entries.get(key) as GoValue, budget)}`,
    );
    return `${typeName(value)}{${entries.join(', ')}}`;
  }
  return formatValue(value);
}
