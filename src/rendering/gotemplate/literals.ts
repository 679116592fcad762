import type { NumberNode } from './syntax-tree.ts';
import { GoComplex } from './value.ts';

const simpleEscapes: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
};

/**
 * The value of an interpreted string or character constant, quotes included. Escapes are those of Go; `\xNN` and octal escapes
 * are bytes, so that "\xc3\xa9" is é. Returns undefined when an escape is invalid.
 */
export function unquote(literal: string): string | undefined {
  const quote = literal[0];
  const body = literal.slice(1, -1);
  if (!body.includes('\\')) return body;
  const bytes: Buffer[] = [];
  const pattern = /\\(?:([abfnrtv\\"'])|x([\da-fA-F]{2})|([0-3][0-7]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8}))|([^\\]+)/gy;
  let end = 0;
  for (const match of body.matchAll(pattern)) {
    end = match.index + match[0].length;
    const [, simple, hex, octal, short, long, plain] = match;
    if (plain !== undefined) bytes.push(Buffer.from(plain));
    else if (hex !== undefined || octal !== undefined) {
      bytes.push(Buffer.from([hex === undefined ? Number.parseInt(octal as string, 8) : Number.parseInt(hex, 16)]));
    } else if (simple !== undefined) {
      if ((simple === '"' || simple === "'") && simple !== quote) return undefined;
      bytes.push(Buffer.from(simpleEscapes[simple] as string));
    } else {
      const code = Number.parseInt((short ?? long) as string, 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
      bytes.push(Buffer.from(String.fromCodePoint(code)));
    }
  }
  return end === body.length ? Buffer.concat(bytes).toString('utf8') : undefined;
}

const minInteger = -(2n ** 63n);
const maxInteger = 2n ** 63n - 1n;

/** An integer, float or complex constant; a string says why it is none. */
export function parseNumber(text: string): Pick<NumberNode, 'integer' | 'float' | 'ideal'> | string {
  if (!underscoresSeparateDigits(text)) return `bad number syntax: ${JSON.stringify(text)}`;
  const plain = text.replaceAll('_', '');
  if (plain.endsWith('i')) return parseComplex(plain) ?? `illegal number syntax: ${JSON.stringify(text)}`;
  const integer = parseInteger(plain);
  if (integer !== undefined) {
    if (integer < minInteger || integer > maxInteger) return `integer ${text} does not fit 64 bits`;
    return { integer, float: Number(integer), ideal: integer };
  }
  const float = parseFloatConstant(plain);
  if (float === undefined) return `illegal number syntax: ${JSON.stringify(text)}`;
  if (!Number.isFinite(float)) return `float ${text} is out of range`;
  // a float constant with an integral value may stand where an integer is asked for
  if (Number.isSafeInteger(float)) return { integer: BigInt(float), float, ideal: float };
  return { float, ideal: float };
}

/** `2i` or `1-2i`. Without an imaginary part it may stand where an integer or a float is asked for. */
function parseComplex(text: string): Pick<NumberNode, 'integer' | 'float' | 'ideal'> | undefined {
  const parts = complexParts(text.slice(0, -1));
  if (!parts?.every(Number.isFinite)) return undefined;
  const [real, imaginary] = parts;
  const ideal = new GoComplex(real, imaginary);
  if (imaginary !== 0) return { ideal };
  return Number.isSafeInteger(real) ? { integer: BigInt(real), float: real, ideal } : { float: real, ideal };
}

/** A sign may part the two, or belong to an exponent: where both sides are numbers, it parts them. */
function complexParts(text: string): [number, number] | undefined {
  for (const { index } of text.matchAll(/[+-]/g)) {
    const [real, imaginary] = [parseFloatConstant(text.slice(0, index)), parseFloatConstant(text.slice(index))];
    if (real !== undefined && imaginary !== undefined) return [real, imaginary];
  }
  const imaginary = parseFloatConstant(text);
  return imaginary === undefined ? undefined : [0, imaginary];
}

function parseInteger(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]+|0|[1-9]\d*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2] as string;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return match[1] === '-' ? -value : value;
}

function parseFloatConstant(text: string): number | undefined {
  const hex = /^([+-]?)0[xX]([\da-fA-F]*)(?:\.([\da-fA-F]*))?[pP]([+-]?\d+)$/.exec(text);
  if (hex) {
    const [, sign, whole = '', fraction = '', exponent = '0'] = hex;
    if (whole + fraction === '') return undefined;
    const mantissa = Number.parseInt(whole + fraction, 16);
    const value = mantissa * 2 ** (Number(exponent) - 4 * fraction.length);
    return sign === '-' ? -value : value;
  }
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function underscoresSeparateDigits(text: string): boolean {
  if (!text.includes('_')) return true;
  return (
    !/__|^[+-]?_|_$|_[.+-]|[.+-]_|_[pP]|[pP]_/.test(text) && (/^[+-]?0[xX]/.test(text) || !/_[eE]|[eE]_/.test(text))
  );
}
