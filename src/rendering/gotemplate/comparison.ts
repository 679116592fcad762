import { TemplateFunctionError } from './template-error.ts';
import { compareText, GoComplex, GoFunction, GoMap, GoStruct, type GoValue, isList } from './value.ts';

type BasicKind = 'bool' | 'int' | 'float' | 'complex' | 'string';

function basicKind(value: GoValue): BasicKind | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float';
    case 'string':
      return 'string';
    default:
      return value instanceof GoComplex ? 'complex' : undefined;
  }
}

/** `eq`: basic values of one kind, and nil. Different kinds are an error of the template, not unequal. */
export function equalValues(a: GoValue, b: GoValue): boolean {
  if (a === null || b === null) return a === b;
  const [kindA, kindB] = [basicKind(a), basicKind(b)];
  if (kindA !== undefined && kindB !== undefined) {
    if (kindA !== kindB) throw new TemplateFunctionError('incompatible types for comparison');
    if (a instanceof GoComplex && b instanceof GoComplex) return a.real === b.real && a.imaginary === b.imaginary;
    return a === b;
  }
  for (const value of [a, b]) {
    if (isList(value) || value instanceof GoMap || value instanceof GoFunction) {
      throw new TemplateFunctionError('error comparing: lists, maps and functions cannot be compared');
    }
  }
  if (a instanceof GoStruct && b instanceof GoStruct) return a === b;
  throw new TemplateFunctionError('incompatible types for comparison');
}

/** `lt` and its relatives: numbers of one kind, and strings by their bytes. */
export function orderValues(a: GoValue, b: GoValue): { less: boolean; equal: boolean } {
  const [kindA, kindB] = [basicKind(a), basicKind(b)];
  if (kindA === undefined || kindB === undefined) throw new TemplateFunctionError('invalid type for comparison');
  if (kindA !== kindB) throw new TemplateFunctionError('incompatible types for comparison');
  if (kindA === 'bool' || kindA === 'complex') throw new TemplateFunctionError('invalid type for comparison');
  if (typeof a === 'string' && typeof b === 'string') {
    const order = compareText(a, b);
    return { less: order < 0, equal: order === 0 };
  }
  return { less: (a as bigint | number) < (b as bigint | number), equal: a === b };
}
