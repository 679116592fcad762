import protobuf from 'protobufjs';
import { coreMessages } from './core-messages.ts';
import { groupMessages } from './group-messages.ts';

/** One field of a message of the API. */
export interface MessageField {
  name: string;
  number: number;
  /** `s i l b n y`, or the full name of a message. */
  type: string;
  is: 'one' | 'list' | 'map';
  /** Zero is a value of its own, and not the same as absent. */
  pointer: boolean;
  /** A message whose fields stand beside the others in JSON. */
  inlined: boolean;
}

export interface MessageType {
  name: string;
  fields: readonly MessageField[];
  /** What reads its bytes. */
  codec: protobuf.Type;
}

const scalars: Record<string, string> = { s: 'string', i: 'int32', l: 'int64', b: 'bool', n: 'double', y: 'bytes' };

let types: ReadonlyMap<string, MessageType> | undefined;

/** Every message by its full name (`core.v1.Pod`). Built once a process, when the first client sends one. */
export function messageTypes(): ReadonlyMap<string, MessageType> {
  types ??= buildTypes();
  return types;
}

function buildTypes(): Map<string, MessageType> {
  const root = new protobuf.Root();
  const found = new Map<string, MessageType>();
  for (const line of `${coreMessages}${groupMessages}`.split('\n').filter((each) => each !== '')) {
    const [name = '', ...words] = line.split(' ');
    const dot = name.lastIndexOf('.');
    const fields = words.map((word) => parseField(word, name.slice(0, dot)));
    const codec = new protobuf.Type(name.slice(dot + 1));
    for (const field of fields) codec.add(codecField(field));
    root.define(name.slice(0, dot)).add(codec);
    found.set(name, { name, fields, codec });
  }
  root.resolveAll();
  return found;
}

function parseField(word: string, home: string): MessageField {
  const equals = word.indexOf('=');
  const [number = '', text = 's'] = word.slice(equals + 1).split(':');
  const bare = text.replaceAll(/[[\]{}?~]/g, '');
  const type = bare in scalars || bare.includes('.') ? bare : `${home}.${bare}`;
  return {
    name: word.slice(0, equals),
    number: Number(number),
    type,
    is: text.startsWith('[') ? 'list' : text.startsWith('{') ? 'map' : 'one',
    pointer: text.endsWith('?'),
    inlined: text.startsWith('~'),
  };
}

/** The name of a field in decoded messages: its own may be one that the library keeps for itself (`$schema`). */
export function codecName({ number }: { number: number }): string {
  return `f${number}`;
}

function codecField({ number, type, is }: MessageField): protobuf.ReflectionObject {
  const name = codecName({ number });
  const codecType = scalars[type] ?? `.${type}`;
  if (is === 'map') return new protobuf.MapField(name, number, 'string', codecType);
  // Of proto2, where lists of numbers are not packed.
  return new protobuf.Field(name, number, codecType, is === 'list' ? 'repeated' : 'optional');
}
