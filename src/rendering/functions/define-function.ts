import { TemplateFunctionError } from '../gotemplate/template-error.ts';
import { GoFunction, GoMap, type GoValue, isList, type ParameterType, typeName } from '../gotemplate/value.ts';

/** Functions of templates, by name. */
export type FunctionTable = Readonly<Record<string, GoFunction>>;

/** A function with a fixed number of arguments. */
export function fixed(parameters: ParameterType[], call: (args: GoValue[]) => GoValue): GoFunction {
  return new GoFunction(parameters, call);
}

/** A function on a map that takes only the entries that its other arguments name. */
export function keyed(parameters: ParameterType[], call: (args: GoValue[]) => GoValue): GoFunction {
  return new GoFunction(parameters, call, { keyed: true });
}

/** A function whose last parameter may be given any number of times. */
export function variadic(parameters: ParameterType[], call: (args: GoValue[]) => GoValue): GoFunction {
  return new GoFunction(parameters, call, { variadic: true });
}

/** A function from text to text. */
export function textFunction(change: (text: string) => string): GoFunction {
  return fixed(['string'], ([text]) => change(text as string));
}

/** A list argument; nil is the empty list. */
export function listOf(value: GoValue | undefined): readonly GoValue[] {
  return value !== undefined && isList(value) ? value : [];
}

/** A map argument; structs are no maps for these functions. */
export function mapOf(value: GoValue | undefined, name: string): GoMap {
  if (value instanceof GoMap) return value;
  if (value === null || value === undefined) return new GoMap(new Map());
  throw new TemplateFunctionError(`${name} needs a map, got ${typeName(value)}`);
}

/** An argument that stands for a number: an integer, a float or a text of digits. */
export function integerOf(value: GoValue | undefined): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return BigInt(Math.trunc(value));
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'string' && /^[+-]?\d{1,18}$/.test(value)) return BigInt(value);
  if (value === null || value === undefined) return 0n;
  const shown = typeof value === 'string' ? JSON.stringify(value) : `a value of type ${typeName(value)}`;
  throw new TemplateFunctionError(`${shown} is not an integer`);
}

/** An integer argument as a number, within limits. */
export function countOf(value: GoValue | undefined, name: string, max: number): number {
  const count = integerOf(value);
  if (count < 0n || count > BigInt(max))
    throw new TemplateFunctionError(`${name} is ${count}, must be from 0 to ${max}`);
  return Number(count);
}
