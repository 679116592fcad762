import { createHash } from 'node:crypto';
import { parse, stringify } from 'yaml';
import { resealed } from '../../support/sealed.ts';
import { formatValue, quoteText } from '../gotemplate/format.ts';
import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { charactersOf, compareText, fromGoValue, type GoValue, isTrue, toGoValue } from '../gotemplate/value.ts';
import { kubernetesYaml } from '../yaml-schema.ts';
import { countOf, type FunctionTable, fixed, listOf, textFunction, variadic } from './define-function.ts';

const maxRepeat = 1_000_000;
const maxIndent = 1_000;

function indent(args: GoValue[]): string {
  const prefix = ' '.repeat(countOf(args[0], 'indent', maxIndent));
  return prefix + (args[1] as string).replaceAll('\n', `\n${prefix}`);
}

function decodeBase64(text: string): string {
  const sealed = resealed('base64Decode', text);
  if (sealed !== undefined) return sealed;
  if (!/^[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*$/.test(text) || text.replace(/[\r\n]/g, '').length % 4 !== 0) {
    throw new TemplateFunctionError('illegal base64 data');
  }
  return Buffer.from(text, 'base64').toString('utf8');
}

function digestWith(algorithm: string) {
  return textFunction((text) => createHash(algorithm).update(text).digest('hex'));
}

function parseYamlValue(text: string): GoValue {
  try {
    return toGoValue(parse(text, { ...kubernetesYaml, maxAliasCount: 100 }), { integers: false });
  } catch (error) {
    throw new TemplateFunctionError(`invalid YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}

function parseJsonValue(text: string): GoValue {
  try {
    return toGoValue(JSON.parse(text), { integers: false });
  } catch (error) {
    throw new TemplateFunctionError(`invalid JSON: ${(error as Error).message}`);
  }
}

/** Plain block YAML with sorted keys, without a trailing newline. */
function toYaml(value: GoValue): string {
  return stringify(fromGoValue(value), { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
}

function join([separator, value]: GoValue[]): string {
  const items =
    typeof value === 'object' && value !== null ? listOf(value) : value === null || value === undefined ? [] : [value];
  return items
    .filter((item) => item !== null)
    .map(formatValue)
    .join(separator as string);
}

function stripCharacters(text: string, set: string, where: 'both' | 'left' | 'right'): string {
  const characters = charactersOf(text);
  let [from, to] = [0, characters.length];
  if (where !== 'right') while (from < to && set.includes(characters[from] as string)) from += 1;
  if (where !== 'left') while (to > from && set.includes(characters[to - 1] as string)) to -= 1;
  return characters.slice(from, to).join('');
}

function substring([start, end, text]: GoValue[]): string {
  const characters = charactersOf(text as string);
  const from = Number(start);
  const to = Number(end);
  return characters.slice(Math.max(from, 0), to < 0 || to > characters.length ? characters.length : to).join('');
}

const trimmed = /^[\s\u0085]+|[\s\u0085]+$/g;

/** Text, encodings and digests. Where both the original and sprig have a name, the original's order of arguments holds. */
export const textFunctions: FunctionTable = {
  base64: textFunction((text) => Buffer.from(text).toString('base64')),
  b64enc: textFunction((text) => Buffer.from(text).toString('base64')),
  base64Decode: textFunction(decodeBase64),
  b64dec: textFunction(decodeBase64),
  sha256: digestWith('sha256'),
  sha256sum: digestWith('sha256'),
  sha1sum: digestWith('sha1'),
  // an empty text splits to nothing, not to one empty part
  split: fixed(['string', 'string'], ([text, separator]) =>
    text === '' ? [] : (text as string).split(separator as string),
  ),
  splitList: fixed(['string', 'string'], ([separator, text]) => (text as string).split(separator as string)),
  join: fixed(['string', 'any'], join),
  indent: fixed(['int', 'string'], indent),
  nindent: fixed(['int', 'string'], (args) => `\n${indent(args)}`),
  quote: variadic(['any'], (args) =>
    args
      .filter((arg) => arg !== null)
      .map((arg) => quoteText(formatValue(arg)))
      .join(' '),
  ),
  squote: variadic(['any'], (args) =>
    args
      .filter((arg) => arg !== null)
      .map((arg) => `'${formatValue(arg)}'`)
      .join(' '),
  ),
  trim: textFunction((text) => text.replace(trimmed, '')),
  trimAll: fixed(['string', 'string'], ([set, text]) => stripCharacters(text as string, set as string, 'both')),
  trimPrefix: fixed(['string', 'string'], ([prefix, text]) =>
    (text as string).startsWith(prefix as string)
      ? (text as string).slice((prefix as string).length)
      : (text as string),
  ),
  trimSuffix: fixed(['string', 'string'], ([suffix, text]) =>
    suffix !== '' && (text as string).endsWith(suffix as string)
      ? (text as string).slice(0, -(suffix as string).length)
      : (text as string),
  ),
  lower: textFunction((text) => text.toLowerCase()),
  upper: textFunction((text) => text.toUpperCase()),
  title: textFunction((text) =>
    text.replace(/(^|\s)(\p{L})/gu, (_, space: string, letter: string) => space + letter.toUpperCase()),
  ),
  replace: fixed(['string', 'string', 'string'], ([from, to, text]) =>
    (text as string).replaceAll(from as string, () => to as string),
  ),
  contains: fixed(['string', 'string'], ([part, text]) => (text as string).includes(part as string)),
  hasPrefix: fixed(['string', 'string'], ([prefix, text]) => (text as string).startsWith(prefix as string)),
  hasSuffix: fixed(['string', 'string'], ([suffix, text]) => (text as string).endsWith(suffix as string)),
  repeat: fixed(['int', 'string'], ([count, text]) => {
    const times = countOf(count, 'repeat', maxRepeat);
    if (times * (text as string).length > 4 * maxRepeat)
      throw new TemplateFunctionError('the repeated text is too long');
    return (text as string).repeat(times);
  }),
  substr: fixed(['int', 'int', 'string'], substring),
  trunc: fixed(['int', 'string'], ([count, text]) => {
    const length = Number(count);
    const characters = charactersOf(text as string);
    return (length < 0 ? characters.slice(length) : characters.slice(0, length)).join('');
  }),
  nospace: textFunction((text) => text.replace(/\s/g, '')),
  toString: fixed(['any'], ([value = null]) => (value === null ? '' : formatValue(value))),
  toYaml: fixed(['any'], ([value = null]) => toYaml(value)),
  fromYaml: fixed(['string'], ([text]) => parseYamlValue(text as string)),
  toJson: fixed(['any'], ([value = null]) => JSON.stringify(fromGoValue(value))),
  toPrettyJson: fixed(['any'], ([value = null]) => JSON.stringify(fromGoValue(value), null, 2)),
  fromJson: fixed(['string'], ([text]) => parseJsonValue(text as string)),
  sortAlpha: fixed(['list'], ([list]) => listOf(list).map(formatValue).sort(compareText)),
  default: variadic(['any', 'any'], ([fallback = null, value = null]) => (isTrue(value) ? value : fallback)),
  empty: fixed(['any'], ([value = null]) => !isTrue(value)),
  coalesce: variadic(['any'], (args) => args.find(isTrue) ?? null),
  ternary: fixed(['any', 'any', 'bool'], ([yes = null, no = null, choice]) => (choice === true ? yes : no)),
  required: fixed(['string', 'any'], ([message, value = null]) => {
    if (value === null || value === '') throw new TemplateFunctionError(message as string);
    return value;
  }),
  fail: fixed(['string'], ([message]) => {
    throw new TemplateFunctionError(message as string);
  }),
};
