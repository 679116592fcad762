import { coreTypes } from './core-types.ts';
import { groupTypes } from './group-types.ts';

/** What a field holds: a plain value, a record type by name, or a list or map of such. */
export type FieldType =
  | { is: 'plain'; plain: PlainType }
  | { is: 'record'; name: string }
  | { is: 'list' | 'map'; of: FieldType };

export type PlainType = 's' | 'i' | 'l' | 'n' | 'b' | 't' | 'm' | 'q' | 'y' | 'ios' | 'o' | 'any';

export interface RecordField {
  type: FieldType;
  required: boolean;
}

/** A record type: its fields by name, in order. */
export type RecordType = ReadonlyMap<string, RecordField>;

const plainTypes: ReadonlySet<string> = new Set(['s', 'i', 'l', 'n', 'b', 't', 'm', 'q', 'y', 'ios', 'o', 'any']);

function parseType(text: string): FieldType {
  if (text.startsWith('[')) return { is: 'list', of: parseType(text.slice(1, -1)) };
  if (text.startsWith('{')) return { is: 'map', of: parseType(text.slice(1, -1)) };
  return plainTypes.has(text) ? { is: 'plain', plain: text as PlainType } : { is: 'record', name: text };
}

function parseTable(text: string): Map<string, RecordType> {
  const types = new Map<string, RecordType>();
  for (const line of text.split('\n')) {
    const [name, ...fields] = line.split(' ').filter((word) => word !== '');
    if (name === undefined) continue;
    const record = new Map<string, RecordField>();
    for (const word of fields) {
      const [label = '', type = 's'] = word.split(':');
      record.set(label.replace('!', ''), { type: parseType(type), required: label.endsWith('!') });
    }
    types.set(name, record);
  }
  return types;
}

/** Those of the core group, which other groups refer to. */
export const coreRecordTypes: ReadonlyMap<string, RecordType> = parseTable(coreTypes);

/** Every record type of the API, by name. Parsed once a process. */
export const recordTypes: ReadonlyMap<string, RecordType> = new Map([...coreRecordTypes, ...parseTable(groupTypes)]);

/** The record type of a built-in kind: its own name, but for the one name that two groups give to different things. */
export function recordNameOf(group: string, kind: string): string {
  return group === 'events.k8s.io' && kind === 'Event' ? 'EventsEvent' : kind;
}
