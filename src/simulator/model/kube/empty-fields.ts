import { isFields } from './object.ts';
import { type FieldType, type RecordType, recordNameOf, recordTypes } from './schemas/type-table.ts';

/** An empty list of managedFields takes all managers away; roles show that they have no rules. */
const kept: ReadonlySet<string> = new Set(['managedFields', 'rules']);

/**
 * The object without empty lists and maps in fields that may be left out: the server's own types do not tell the two apart, so what
 * is stored has none. The object itself when there is nothing to drop.
 */
export function withoutEmptyFields<T extends object>(definition: { group: string; kind: string }, object: T): T {
  const record = recordTypes.get(recordNameOf(definition.group, definition.kind));
  return record ? (cleanRecord(record, object as Record<string, unknown>) as T) : object;
}

function cleanRecord(record: RecordType, value: Record<string, unknown>): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined;
  for (const [field, each] of Object.entries(value)) {
    const known = record.get(field);
    if (!known || each === null || typeof each !== 'object') continue;
    if (!known.required && isEmpty(known.type, each) && !kept.has(field)) {
      copy ??= { ...value };
      delete copy[field];
      continue;
    }
    const clean = cleanValue(known.type, each);
    if (clean === each) continue;
    copy ??= { ...value };
    copy[field] = clean;
  }
  return copy ?? value;
}

function cleanValue(type: FieldType, value: unknown): unknown {
  switch (type.is) {
    case 'plain':
      return value;
    case 'record': {
      const record = recordTypes.get(type.name);
      return record && isFields(value) ? cleanRecord(record, value) : value;
    }
    case 'list': {
      if (!Array.isArray(value) || type.of.is !== 'record') return value;
      const clean = value.map((each: unknown) => cleanValue(type.of, each));
      return clean.some((each, index) => each !== value[index]) ? clean : value;
    }
    case 'map':
      // No map of the API holds records.
      return value;
  }
}

function isEmpty(type: FieldType, value: object): boolean {
  if (type.is === 'list') return Array.isArray(value) && value.length === 0;
  return type.is === 'map' && Object.keys(value).length === 0;
}
