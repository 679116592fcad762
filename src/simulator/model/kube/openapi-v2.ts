import type { KubeAnswer, KubeRequest } from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, isFields, listOf } from './object.ts';
import { SchemaSet } from './openapi-schemas.ts';
import { builtinResources } from './resource-definition.ts';

const protobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

let definitions: Fields | undefined;
let encodedDefinitions: Buffer | undefined;

/**
 * OpenAPI v2, by which kubectl checks files of kind List: the definitions of the built-in kinds, and no paths. As JSON, or as the
 * protobuf that kubectl insists on.
 */
export function openApiV2Answer(core: ClusterCore, request: KubeRequest): KubeAnswer {
  const version = core.options.kubernetesVersion;
  if (!definitions) {
    const schemas = new SchemaSet('v2');
    for (const definition of builtinResources) schemas.add(definition);
    definitions = schemas.all;
  }
  if (!(request.accept ?? '').includes('proto-openapi')) {
    return { status: 200, body: { swagger: '2.0', info: { title: 'Kubernetes', version }, paths: {}, definitions } };
  }
  encodedDefinitions ??= namedSchemas(definitions);
  const info = Buffer.concat([text(1, 'Kubernetes'), text(2, version)]);
  const body = Buffer.concat([text(1, '2.0'), message(2, info), message(9, encodedDefinitions)]);
  return { status: 200, headers: { 'content-type': protobufType }, body };
}

// The numbers below are those of the fields of `openapi.v2.Document` and of the messages in it.

function namedSchemas(schemas: Fields): Buffer {
  const entries = Object.entries(schemas).map(([name, schema]) =>
    message(1, Buffer.concat([text(1, name), message(2, encodedSchema(fieldsOf(schema)))])),
  );
  return Buffer.concat(entries);
}

function encodedSchema(schema: Fields): Buffer {
  const parts: Buffer[] = [];
  for (const [field, value] of Object.entries(schema)) {
    if (field === '$ref') parts.push(text(1, String(value)));
    else if (field === 'format') parts.push(text(2, String(value)));
    else if (field === 'required') for (const each of listOf(value)) parts.push(text(19, String(each)));
    else if (field === 'additionalProperties') parts.push(message(21, message(1, encodedSchema(fieldsOf(value)))));
    else if (field === 'type') parts.push(message(22, text(1, String(value))));
    else if (field === 'items') parts.push(message(23, message(1, encodedSchema(fieldsOf(value)))));
    else if (field === 'properties' && isFields(value)) parts.push(message(25, namedSchemas(value)));
    // An extension's value is YAML; JSON is that too.
    else parts.push(message(31, Buffer.concat([text(1, field), message(2, text(2, JSON.stringify(value)))])));
  }
  return Buffer.concat(parts);
}

/** A length-delimited field of a protobuf message. */
function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
}

function text(field: number, value: string): Buffer {
  return message(field, Buffer.from(value, 'utf8'));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
