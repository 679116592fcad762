import { isFields } from './object.ts';

import { metadataShape, objectShapes, type Shape, type ShapeFields } from './object-shapes.ts';

export interface ShapeProblems {
  /** The first field of a wrong type, in the decoder's words. */
  wrong: string | undefined;
  /** Paths of fields that no such object has. */
  unknown: string[];
}

/** Checks a client's object. Unknown fields are removed from it, as the API server drops them. */
export function checkShape(kind: string, object: Record<string, unknown>, custom: boolean): ShapeProblems {
  const problems: ShapeProblems = { wrong: undefined, unknown: [] };
  const top: ShapeFields = custom
    ? { '...': 'any' }
    : (objectShapes[kind] ?? { spec: { '...': 'any' }, status: { '...': 'any' } });
  checkFields({ apiVersion: 'string', kind: 'string', metadata: metadataShape, ...top }, object, '', kind, problems);
  return problems;
}

function checkFields(
  shape: ShapeFields,
  value: Record<string, unknown>,
  path: string,
  kind: string,
  problems: ShapeProblems,
): void {
  for (const field of Object.keys(value)) {
    const at = path === '' ? field : `${path}.${field}`;
    const known = Object.hasOwn(shape, field) ? shape[field] : undefined;
    if (known !== undefined) {
      if (value[field] === null) delete value[field];
      else check(known, value[field], at, kind, problems);
    } else if (shape['...'] === undefined) {
      problems.unknown.push(at);
      delete value[field];
    }
  }
}

function check(shape: Shape, value: unknown, path: string, kind: string, problems: ShapeProblems): void {
  const wrong = (type: string): void => {
    const actual = Array.isArray(value)
      ? 'array'
      : value === null
        ? 'null'
        : typeof value === 'boolean'
          ? 'bool'
          : typeof value;
    problems.wrong ??= `json: cannot unmarshal ${actual} into Go struct field ${kind}.${path} of type ${type}`;
  };
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) wrong('[]object');
    else for (const item of value) check(shape[0] as Shape, item, path, kind, problems);
    return;
  }
  if (typeof shape === 'object') {
    if (isFields(value)) checkFields(shape, value, path, kind, problems);
    else wrong('object');
    return;
  }
  const type = primitiveProblem(shape, value);
  if (type !== undefined) wrong(type);
}

function primitiveProblem(shape: Exclude<Shape, Shape[] | ShapeFields>, value: unknown): string | undefined {
  switch (shape) {
    case 'any':
      return undefined;
    case 'string':
      return typeof value === 'string' ? undefined : 'string';
    case 'int':
      return Number.isSafeInteger(value) ? undefined : 'int64';
    case 'bool':
      return typeof value === 'boolean' ? undefined : 'bool';
    case 'map':
      return isFields(value) ? undefined : 'object';
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string') ? undefined : '[]string';
    case 'text-map':
      return isFields(value) && Object.values(value).every((item) => typeof item === 'string')
        ? undefined
        : 'map[string]string';
    case 'quantity-map': {
      const good = (item: unknown): boolean => typeof item === 'string' || typeof item === 'number';
      return isFields(value) && Object.values(value).every(good) ? undefined : 'map[string]resource.Quantity';
    }
    case 'int-or-string':
      return typeof value === 'string' || Number.isSafeInteger(value) ? undefined : 'intstr.IntOrString';
  }
}
