import { invalid, type Violation } from './api-error.ts';
import { type Fields, fieldsOf, isFields, listOf, type SimObject, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What a CustomResourceDefinition serves: one resource a served version, all on one table. */
export function definitionsOf(crd: SimObject): ResourceDefinition[] {
  const spec = fieldsOf(crd['spec']);
  const names = fieldsOf(spec['names']);
  const group = String(spec['group']);
  const plural = String(names['plural']);
  const kind = String(names['kind']);
  const texts = (value: unknown): string[] => listOf(value).map(String);
  return listOf(spec['versions'])
    .map(fieldsOf)
    .filter((version) => version['served'] === true)
    .map((version): ResourceDefinition => {
      const schema = fieldsOf(fieldsOf(version['schema'])['openAPIV3Schema']);
      return {
        key: `${plural}.${group}`,
        group,
        version: String(version['name']),
        apiVersion: `${group}/${String(version['name'])}`,
        plural,
        singular: shownText(names['singular'] ?? kind.toLowerCase()),
        kind,
        listKind: shownText(names['listKind'] ?? `${kind}List`),
        namespaced: spec['scope'] === 'Namespaced',
        shortNames: texts(names['shortNames']),
        categories: texts(names['categories']),
        verbs: allVerbs,
        subresources: Object.keys(fieldsOf(version['subresources'])).filter(
          (name) => name === 'status' || name === 'scale',
        ),
        hasGeneration: true,
        custom: {
          schema,
          printerColumns: listOf(version['additionalPrinterColumns']).map(fieldsOf),
          preserveUnknown:
            spec['preserveUnknownFields'] === true || schema['x-kubernetes-preserve-unknown-fields'] === true,
        },
      };
    });
}

/** Drops the fields that the schema does not know, and returns their paths. */
export function pruneCustomObject(definition: ResourceDefinition, object: Fields): string[] {
  const { custom } = definition;
  const dropped: string[] = [];
  if (custom?.schema && !custom.preserveUnknown) prune(custom.schema, object, '', dropped, 0);
  return dropped;
}

function prune(schema: Fields, value: unknown, path: string, dropped: string[], depth: number): void {
  if (depth > 64) return;
  if (Array.isArray(value)) {
    const items = schema['items'];
    if (!isFields(items)) return;
    for (const [index, item] of value.entries()) prune(items, item, `${path}[${index}]`, dropped, depth + 1);
    return;
  }
  if (!isFields(value)) return;
  const whole = depth === 0 || schema['x-kubernetes-embedded-resource'] === true;
  const properties = fieldsOf(schema['properties']);
  const others = schema['additionalProperties'];
  const keep = schema['x-kubernetes-preserve-unknown-fields'] === true || others === true;
  for (const field of Object.keys(value)) {
    if (whole && (field === 'apiVersion' || field === 'kind' || field === 'metadata')) continue;
    const at = path === '' ? field : `${path}.${field}`;
    const below = Object.hasOwn(properties, field) ? properties[field] : others;
    if (isFields(below)) prune(below, value[field], at, dropped, depth + 1);
    else if (!keep) {
      dropped.push(at);
      delete value[field];
    }
  }
}

/** Fills in the schema's defaults, and throws 422 for what it does not allow. */
export function checkCustomObject(definition: ResourceDefinition, object: SimObject): void {
  const custom = definition.custom;
  if (!custom?.schema) return;
  const properties = fieldsOf(custom.schema['properties']);
  const found: Violation[] = [];
  for (const field of Object.keys(object)) {
    if (field === 'apiVersion' || field === 'kind' || field === 'metadata') continue;
    const schema = properties[field];
    if (isFields(schema)) object[field] = conform(schema, object[field], field, found, 0);
  }
  for (const [field, schema] of Object.entries(properties)) {
    if (object[field] === undefined && isFields(schema) && schema['default'] !== undefined)
      object[field] = schema['default'];
  }
  for (const field of listOf(custom.schema['required'])) {
    if (object[shownText(field)] === undefined)
      found.push({ field: shownText(field), reason: 'FieldValueRequired', message: 'Required value' });
  }
  if (found.length > 0) throw invalid(definition, object.metadata.name, found);
}

const typeTests: Record<string, (value: unknown) => boolean> = {
  object: isFields,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  integer: (value) => Number.isSafeInteger(value),
  number: (value) => typeof value === 'number',
};

function conform(schema: Fields, value: unknown, path: string, found: Violation[], depth: number): unknown {
  if (depth > 64) return value;
  if (value === null && schema['nullable'] === true) return value;
  const either = schema['x-kubernetes-int-or-string'] === true;
  const type = typeof schema['type'] === 'string' ? schema['type'] : undefined;
  const test = type === undefined ? undefined : typeTests[type];
  if (either ? !(typeof value === 'string' || Number.isSafeInteger(value)) : test !== undefined && !test(value)) {
    const actual = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
    const message = `Invalid value: ${JSON.stringify(actual)}: ${path} in body must be of type ${type ?? 'integer,string'}: ${JSON.stringify(actual)}`;
    found.push({ field: path, reason: 'FieldValueInvalid', message });
    return value;
  }
  bounds(schema, value, path, found);
  if (Array.isArray(value)) {
    const items = schema['items'];
    return isFields(items)
      ? value.map((item, index) => conform(items, item, `${path}[${index}]`, found, depth + 1))
      : value;
  }
  return isFields(value) ? conformFields(schema, value, path, found, depth) : value;
}

function conformFields(schema: Fields, value: Fields, path: string, found: Violation[], depth: number): Fields {
  const properties = fieldsOf(schema['properties']);
  const others = schema['additionalProperties'];
  const result: Fields = {};
  for (const [field, item] of Object.entries(value)) {
    const below = Object.hasOwn(properties, field) ? properties[field] : others;
    result[field] = isFields(below) ? conform(below, item, `${path}.${field}`, found, depth + 1) : item;
  }
  for (const [field, below] of Object.entries(properties)) {
    if (result[field] === undefined && isFields(below) && below['default'] !== undefined)
      result[field] = below['default'];
  }
  for (const field of listOf(schema['required'])) {
    if (result[shownText(field)] === undefined) {
      found.push({ field: `${path}.${shownText(field)}`, reason: 'FieldValueRequired', message: 'Required value' });
    }
  }
  return result;
}

function bounds(schema: Fields, value: unknown, path: string, found: Violation[]): void {
  const bad = (rule: string): void => {
    found.push({
      field: path,
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(value)}: ${path} in body ${rule}`,
    });
  };
  const allowed = schema['enum'];
  if (Array.isArray(allowed) && !allowed.includes(value)) {
    const values = allowed.map((item) => JSON.stringify(item)).join(', ');
    found.push({
      field: path,
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`,
    });
  }
  if (typeof value === 'number') {
    if (typeof schema['minimum'] === 'number' && value < schema['minimum'])
      bad(`should be greater than or equal to ${schema['minimum']}`);
    if (typeof schema['maximum'] === 'number' && value > schema['maximum'])
      bad(`should be less than or equal to ${schema['maximum']}`);
  }
  if (typeof value === 'string') {
    if (typeof schema['minLength'] === 'number' && value.length < schema['minLength'])
      bad(`should be at least ${schema['minLength']} chars long`);
    if (typeof schema['maxLength'] === 'number' && value.length > schema['maxLength'])
      bad(`should be at most ${schema['maxLength']} chars long`);
  }
  if (Array.isArray(value)) {
    if (typeof schema['minItems'] === 'number' && value.length < schema['minItems'])
      bad(`should have at least ${schema['minItems']} items`);
    if (typeof schema['maxItems'] === 'number' && value.length > schema['maxItems'])
      bad(`should have at most ${schema['maxItems']} items`);
  }
}
