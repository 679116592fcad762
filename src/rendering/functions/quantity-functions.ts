import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { type FunctionTable, fixed, variadic } from './define-function.ts';

/** A Kubernetes quantity, exact to a thousand-millionth. */
interface Quantity {
  nano: bigint;
  format: 'decimal' | 'binary' | 'exponent';
}

const one = 1_000_000_000n;
const decimalSuffixes: [string, bigint][] = [
  ['E', one * 10n ** 18n],
  ['P', one * 10n ** 15n],
  ['T', one * 10n ** 12n],
  ['G', one * 10n ** 9n],
  ['M', one * 10n ** 6n],
  ['k', one * 10n ** 3n],
  ['', one],
  ['m', one / 1_000n],
  ['u', one / 1_000_000n],
  ['n', 1n],
];
const binarySuffixes: [string, bigint][] = [
  ['Ei', one << 60n],
  ['Pi', one << 50n],
  ['Ti', one << 40n],
  ['Gi', one << 30n],
  ['Mi', one << 20n],
  ['Ki', one << 10n],
];

function parseQuantity(text: string): Quantity {
  const match = /^([+-]?)(\d{1,30})?(?:\.(\d{0,30}))?([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?$/.exec(text);
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? [];
  if (!match || whole + fraction === '') throw new TemplateFunctionError(`${JSON.stringify(text)} is no quantity`);
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix);
  const unit = exponent ? undefined : [...decimalSuffixes, ...binarySuffixes].find(([name]) => name === suffix)?.[1];
  const power = exponent ? Number(exponent[1]) : 0;
  const digits = BigInt(whole + fraction);
  const scale = 10n ** BigInt(fraction.length);
  const factor = unit ?? (power >= 0 ? one * 10n ** BigInt(power) : one);
  const divisor = power < 0 ? scale * 10n ** BigInt(-power) : scale;
  // what does not fit a thousand-millionth is rounded up, away from zero
  const nano = (digits * factor + divisor - 1n) / divisor;
  const format = exponent ? 'exponent' : suffix.endsWith('i') ? 'binary' : 'decimal';
  return { nano: sign === '-' ? -nano : nano, format };
}

function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const size = nano < 0n ? -nano : nano;
  const sign = nano < 0n ? '-' : '';
  // below 1024 a binary quantity is written like a decimal one
  const suffixes =
    format === 'binary' && size >= one << 10n ? [...binarySuffixes, ['', one] as [string, bigint]] : decimalSuffixes;
  const rounded = format === 'binary' ? ((size + one - 1n) / one) * one : size;
  const [suffix, unit] = suffixes.find(([, value]) => rounded % value === 0n) ?? ['n', 1n];
  if (format !== 'exponent' || suffix === '') return `${sign}${rounded / unit}${suffix}`;
  const power = String(unit).length - String(one).length;
  return `${sign}${rounded / unit}e${power}`;
}

/** A number of bytes as Kubernetes writes it: `16Gi`. */
export function byteQuantity(bytes: number): string {
  return formatQuantity({ nano: BigInt(bytes) * one, format: 'binary' });
}

/** The whole value, rounded up. */
function wholeValue({ nano }: Quantity): bigint {
  return nano > 0n ? (nano + one - 1n) / one : nano / one;
}

function scale(text: string, factor: number): string {
  if (!(factor > 0)) throw new TemplateFunctionError('scaling factor must be greater than 0.0');
  const quantity = parseQuantity(text);
  const whole = wholeValue(quantity);
  // fractions of a CPU are scaled in thousandths, sizes in whole bytes; single precision, as in the original
  const single = Math.fround(factor);
  if (whole < 1024n && quantity.format === 'decimal') {
    const milli = (quantity.nano + 999_999n) / 1_000_000n;
    return formatQuantity({
      ...quantity,
      nano: BigInt(Math.trunc(Math.fround(Math.fround(Number(milli)) * single))) * 1_000_000n,
    });
  }
  return formatQuantity({
    ...quantity,
    nano: BigInt(Math.trunc(Math.fround(Math.fround(Number(whole)) * single))) * one,
  });
}

/** Functions on Kubernetes quantities. */
export const quantityFunctions: FunctionTable = {
  sumQuantities: variadic(['string'], (texts) => {
    const quantities = texts.map((text) => parseQuantity(text as string));
    const format = quantities.find((quantity) => quantity.nano !== 0n)?.format ?? 'decimal';
    return formatQuantity({ nano: quantities.reduce((sum, quantity) => sum + quantity.nano, 0n), format });
  }),
  scaleQuantity: fixed(['string', 'float'], ([text, factor]) => scale(text as string, factor as number)),
  kubernetesSizeToKiloBytes: fixed(['string', 'float'], ([text, factor]) => {
    const { nano } = parseQuantity(text as string);
    if (nano % one !== 0n) throw new TemplateFunctionError(`unexpected size for quantity: ${text as string}`);
    return `${Math.ceil((Number(nano / one) / 1024) * (factor as number))}KB`;
  }),
};
