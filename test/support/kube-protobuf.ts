import {
  codecName,
  type MessageField,
  type MessageType,
  messageTypes,
} from '../../src/simulator/model/kube/protobuf/message-types.ts';

type Fields = Record<string, unknown>;

/** An object as a Go client sends it: `k8s\0`, the envelope, the message. Throws for kinds that have none. */
export function protobufBody(object: { apiVersion: string; kind: string }): Buffer {
  const { apiVersion, kind } = object;
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const name =
    kind === 'DeleteOptions' ? 'meta.v1.DeleteOptions' : `${group.split('.')[0] || 'core'}.${version}.${kind}`;
  const raw = encoded(typeOf(name), object);
  const envelope = { typeMeta: { apiVersion, kind }, raw: Buffer.from(raw).toString('base64') };
  return Buffer.concat([Buffer.from('k8s\0'), encoded(typeOf('runtime.Unknown'), envelope)]);
}

function typeOf(name: string): MessageType {
  const type = messageTypes().get(name);
  if (!type) throw new Error(`no message ${name}`);
  return type;
}

function encoded(type: MessageType, value: Fields): Uint8Array {
  return type.codec.encode(type.codec.create(messageOf(type, value) as Fields)).finish();
}

function messageOf(type: MessageType, value: unknown): unknown {
  const single = singleValues[type.name];
  const fields = single ? single(value) : (value as Fields);
  const message: Fields = {};
  for (const field of type.fields) {
    if (field.inlined) message[codecName(field)] = messageOf(typeOf(field.type), fields);
    else if (fields[field.name] !== undefined && fields[field.name] !== null)
      message[codecName(field)] = fieldOf(field, fields[field.name]);
  }
  return message;
}

function fieldOf(field: MessageField, value: unknown): unknown {
  const one = (each: unknown): unknown => {
    if (field.type === 'y') return Buffer.from(each as string, 'base64');
    return field.type.includes('.') ? messageOf(typeOf(field.type), each) : each;
  };
  if (field.is === 'list') return (value as unknown[]).map(one);
  if (field.is === 'map')
    return Object.fromEntries(Object.entries(value as Fields).map(([key, each]) => [key, one(each)]));
  return one(value);
}

const document = (value: unknown): Fields => ({ raw: Buffer.from(JSON.stringify(value)).toString('base64') });

const singleValues: Record<string, (value: unknown) => Fields> = {
  'meta.v1.Time': (value) => ({ seconds: Math.floor(Date.parse(value as string) / 1000), nanos: 0 }),
  'meta.v1.MicroTime': (value) => {
    const micros = /\.(\d{6})Z$/.exec(value as string)?.[1] ?? '0';
    return { seconds: Math.floor(Date.parse(value as string) / 1000), nanos: Number(micros) * 1000 };
  },
  'resource.Quantity': (value) => ({ string: String(value) }),
  'intstr.IntOrString': (value) =>
    typeof value === 'number' ? { type: 0, intVal: value } : { type: 1, strVal: value },
  'meta.v1.FieldsV1': (value) => ({ Raw: document(value)['raw'] }),
  'runtime.RawExtension': document,
  'apiextensions.v1.JSON': document,
  'authentication.v1.ExtraValue': (value) => ({ items: value }),
  'authorization.v1.ExtraValue': (value) => ({ items: value }),
  'apiextensions.v1.JSONSchemaPropsOrBool': (value) =>
    typeof value === 'boolean' ? { allows: value } : { allows: true, schema: value },
  'apiextensions.v1.JSONSchemaPropsOrArray': (value) =>
    Array.isArray(value) ? { jSONSchemas: value } : { schema: value },
  'apiextensions.v1.JSONSchemaPropsOrStringArray': (value) =>
    Array.isArray(value) ? { property: value } : { schema: value },
};
