import { GoMap, GoStruct, type GoValue, isList, type ParameterType } from './value.ts';

const names: Record<ParameterType, string> = {
  any: 'interface {}',
  string: 'string',
  int: 'int',
  float: 'float64',
  bool: 'bool',
  list: '[]interface {}',
  map: 'map[string]interface {}',
};

/** The type of a parameter as error messages name it. */
export function parameterTypeName(type: ParameterType): string {
  return names[type];
}

/** Whether a value may be given for a parameter; nil stands for an empty list or map, for nothing else. */
export function fitsParameter(value: GoValue, type: ParameterType): boolean {
  switch (type) {
    case 'any':
      return true;
    case 'string':
      return typeof value === 'string';
    case 'int':
      return typeof value === 'bigint';
    case 'float':
      return typeof value === 'number';
    case 'bool':
      return typeof value === 'boolean';
    case 'list':
      return value === null || isList(value);
    case 'map':
      return value === null || value instanceof GoMap || value instanceof GoStruct;
  }
}
