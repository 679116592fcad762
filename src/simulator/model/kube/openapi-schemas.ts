import { type ListRule, listRule } from './list-keys.ts';
import type { Fields } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { coreRecordTypes, type FieldType, type PlainType, recordNameOf, recordTypes } from './schemas/type-table.ts';

const metaTypes = new Set([
  'ObjectMeta',
  'OwnerReference',
  'ManagedFieldsEntry',
  'LabelSelector',
  'LabelSelectorRequirement',
  'Condition',
  'ListMeta',
  'DeleteOptions',
  'Preconditions',
]);

const plainSchemas: Record<PlainType, Fields> = {
  s: { type: 'string' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  n: { type: 'number', format: 'double' },
  b: { type: 'boolean' },
  t: { type: 'string', format: 'date-time' },
  m: { type: 'string', format: 'date-time' },
  y: { type: 'string', format: 'byte' },
  q: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  ios: { oneOf: [{ type: 'integer' }, { type: 'string' }], format: 'int-or-string' },
  o: { type: 'object' },
  any: {},
};
/** What version 2 has no words for. */
const plainSchemasV2: Partial<Record<PlainType, Fields>> = {
  q: { type: 'string' },
  ios: { type: 'string', format: 'int-or-string' },
};

/** The schemas of an OpenAPI document, and of all that they refer to, by name. */
export class SchemaSet {
  readonly all: Fields = {};
  readonly #version: 'v2' | 'v3';
  #prefix = '';

  constructor(version: 'v2' | 'v3') {
    this.#version = version;
  }

  /** Adds a kind and its list; returns the reference to the kind. */
  add(definition: ResourceDefinition): Fields {
    const { group, version, kind, listKind, custom } = definition;
    const reversed = group.split('.').reverse().join('.');
    this.#prefix = custom ? `${reversed}.${version}` : `io.k8s.api.${group.split('.')[0] || 'core'}.${version}`;
    const name = `${this.#prefix}.${kind}`;
    if (this.all[name] !== undefined) return this.#reference(name);
    const head = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: this.#record('ObjectMeta') };
    const body = custom
      ? { ...custom.schema, properties: { ...(custom.schema?.['properties'] as Fields | undefined), ...head } }
      : this.#recordSchema(recordNameOf(group, kind), head);
    this.all[name] = { ...body, 'x-kubernetes-group-version-kind': [{ group, version, kind }] };
    this.all[`${this.#prefix}.${listKind}`] = {
      type: 'object',
      required: ['items'],
      properties: {
        apiVersion: { type: 'string' },
        kind: { type: 'string' },
        metadata: this.#record('ListMeta'),
        items: { type: 'array', items: this.#reference(name) },
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: listKind }],
    };
    return this.#reference(name);
  }

  #reference(name: string): Fields {
    return { $ref: `#/${this.#version === 'v2' ? 'definitions' : 'components/schemas'}/${name}` };
  }

  #record(record: string): Fields {
    const home = metaTypes.has(record)
      ? 'io.k8s.apimachinery.pkg.apis.meta.v1'
      : coreRecordTypes.has(record)
        ? 'io.k8s.api.core.v1'
        : this.#prefix;
    const name = `${home}.${record}`;
    if (this.all[name] === undefined) {
      const schema: Fields = {};
      // Known before it is filled: types may hold themselves.
      this.all[name] = schema;
      Object.assign(schema, this.#recordSchema(record, {}));
    }
    return this.#reference(name);
  }

  #recordSchema(record: string, head: Fields): Fields {
    const properties: Fields = { ...head };
    const required: string[] = [];
    for (const [field, { type, required: needed }] of recordTypes.get(record) ?? []) {
      properties[field] = { ...this.#type(type), ...mergeMarks(record, field, type) };
      if (needed) required.push(field);
    }
    return { type: 'object', properties, ...(required.length > 0 ? { required } : {}) };
  }

  #type(type: FieldType): Fields {
    switch (type.is) {
      case 'plain':
        return (this.#version === 'v2' ? plainSchemasV2[type.plain] : undefined) ?? plainSchemas[type.plain];
      case 'record':
        return this.#version === 'v2' ? this.#record(type.name) : { allOf: [this.#record(type.name)], default: {} };
      case 'list':
        return { type: 'array', items: this.#type(type.of) };
      case 'map':
        return { type: 'object', additionalProperties: this.#type(type.of) };
    }
  }
}

/** How lists merge, in the words of the API's extensions. */
function mergeMarks(record: string, field: string, type: FieldType): Fields {
  if (type.is !== 'list') return {};
  const path = record.endsWith('Container') ? ['containers', field] : ['spec', field];
  const kind = record === 'ServiceSpec' ? 'Service' : record === 'NodeStatus' ? 'Node' : record;
  const rule: ListRule = listRule(kind, path, false);
  if (rule === 'atomic') return { 'x-kubernetes-list-type': 'atomic' };
  if (rule === 'set') return { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
  return {
    'x-kubernetes-list-map-keys': rule.keys,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-patch-merge-key': rule.keys[0],
    'x-kubernetes-patch-strategy': 'merge',
  };
}
