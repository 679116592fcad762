import type { Fields } from '../object.ts';
import { type FieldType, type RecordType, recordTypes } from '../schemas/type-table.ts';
import { codecName, type MessageField, type MessageType, messageTypes } from './message-types.ts';

/** A message that stands for no value: the text says why. */
export class UnreadableMessage extends Error {}

/** A decoded message as protobufjs gives it. Only fields that were sent are its own. */
type Message = Record<string, unknown>;

/**
 * A decoded message as the JSON that a client would have sent instead. Go sends every plain field, also those that are zero; in
 * JSON it leaves these out, unless the field must be there (`required` in the type table) or is a pointer.
 */
export function messageJson(type: MessageType, message: Message, record: RecordType | undefined): unknown {
  const single = singleValues[type.name];
  if (single) return single(byName(type, message));
  const json: Fields = {};
  for (const field of type.fields) {
    const name = codecName(field);
    if (!Object.hasOwn(message, name)) continue;
    const value = message[name];
    if (field.inlined) Object.assign(json, oneJson(field, value, record));
    else addField(json, field, value, record);
  }
  return json;
}

/** Only what was sent, by the fields' own names. */
function byName(type: MessageType, message: Message): Message {
  const sent = type.fields.filter((field) => Object.hasOwn(message, codecName(field)));
  return Object.fromEntries(sent.map((field) => [field.name, message[codecName(field)]]));
}

function addField(json: Fields, field: MessageField, value: unknown, record: RecordType | undefined): void {
  const known = record?.get(field.name);
  const inner = recordOf(field.name === 'metadata' && !known ? objectMeta : known?.type);
  if (field.is === 'list') {
    if ((value as unknown[]).length > 0)
      json[field.name] = (value as unknown[]).map((each) => oneJson(field, each, inner));
    return;
  }
  if (field.is === 'map') {
    if (Object.keys(value as Message).length > 0) json[field.name] = mapJson(field, value as Message, inner);
    return;
  }
  const one = oneJson(field, value, inner);
  if (one === undefined) return;
  const isZero = one === '' || one === 0 || one === false;
  if (!isZero || field.pointer || known?.required === true) json[field.name] = one;
}

const objectMeta: FieldType = { is: 'record', name: 'ObjectMeta' };

function recordOf(type: FieldType | undefined): RecordType | undefined {
  if (!type || type.is === 'plain') return undefined;
  return type.is === 'record' ? recordTypes.get(type.name) : recordOf(type.of);
}

function mapJson(field: MessageField, value: Message, record: RecordType | undefined): Fields {
  const json: Fields = {};
  for (const [key, each] of Object.entries(value)) {
    // A member of this name would not be a member: the JSON decoder drops it, too.
    if (key !== '__proto__') json[key] = oneJson(field, each, record);
  }
  return json;
}

function oneJson(field: MessageField, value: unknown, record: RecordType | undefined): unknown {
  switch (field.type) {
    case 's':
    case 'i':
    case 'b':
    case 'n':
      return value;
    case 'l':
      return Number(value);
    case 'y':
      return Buffer.from(value as Uint8Array).toString('base64');
    default: {
      const type = messageTypes().get(field.type) as MessageType;
      // The value of a map's entry that has none.
      return messageJson(type, (value ?? {}) as Message, record);
    }
  }
}

/** Messages that are one value in JSON. Undefined: none. */
const singleValues: Record<string, (message: Message) => unknown> = {
  'meta.v1.Time': (message) => moment(message, 'seconds'),
  'meta.v1.MicroTime': (message) => moment(message, 'micros'),
  'resource.Quantity': ({ string }) => (string === undefined || string === '' ? '0' : string),
  'intstr.IntOrString': ({ type, intVal, strVal }) => (Number(type ?? 0) === 0 ? (intVal ?? 0) : (strVal ?? '')),
  'meta.v1.FieldsV1': (message) => document(message['Raw']),
  'runtime.RawExtension': (message) => document(message['raw']),
  'apiextensions.v1.JSON': (message) => document(message['raw']),
  'authentication.v1.ExtraValue': ({ items }) => items ?? [],
  'authorization.v1.ExtraValue': ({ items }) => items ?? [],
  'apiextensions.v1.JSONSchemaPropsOrBool': ({ allows, schema }) => schemaJson(schema) ?? allows === true,
  'apiextensions.v1.JSONSchemaPropsOrArray': ({ schema, jSONSchemas }) =>
    schemaJson(schema) ?? ((jSONSchemas ?? []) as unknown[]).map(schemaJson),
  'apiextensions.v1.JSONSchemaPropsOrStringArray': ({ schema, property }) => schemaJson(schema) ?? property ?? [],
};

function schemaJson(schema: unknown): unknown {
  if (schema === undefined || schema === null) return undefined;
  return messageJson(
    messageTypes().get('apiextensions.v1.JSONSchemaProps') as MessageType,
    schema as Message,
    undefined,
  );
}

function moment({ seconds, nanos }: Message, precision: 'seconds' | 'micros'): string | undefined {
  if (seconds === undefined && nanos === undefined) return undefined;
  const at = new Date(Number(seconds ?? 0) * 1000);
  if (Number.isNaN(at.getTime())) throw new UnreadableMessage('Time: seconds out of range');
  const text = at.toISOString().slice(0, -5);
  if (precision === 'seconds') return `${text}Z`;
  const micros = Math.floor(Number(nanos ?? 0) / 1000);
  if (micros < 0 || micros > 999_999) throw new UnreadableMessage('MicroTime: nanos out of range');
  return `${text}.${String(micros).padStart(6, '0')}Z`;
}

function document(raw: unknown): unknown {
  const text = Buffer.from((raw ?? []) as Uint8Array).toString('utf8');
  if (text === '') return undefined;
  try {
    return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value)) as unknown;
  } catch (error) {
    throw new UnreadableMessage(error instanceof Error ? error.message : String(error));
  }
}
