import { GoMap, GoStruct, type GoValue, typeName } from './value.ts';

/** The field of a struct or the entry of a map; undefined when there is none. */
export function fieldOf(receiver: GoValue, name: string): GoValue | undefined {
  if (receiver instanceof GoMap) return receiver.entries.get(name);
  return receiver instanceof GoStruct ? receiver.fields.get(name) : undefined;
}

/** Why there is no such field: `missingkey=error` for maps, and an error of the template for anything else. */
export function missingField(receiver: GoValue, name: string): string {
  if (receiver instanceof GoMap) return `map has no entry for key ${JSON.stringify(name)}`;
  if (receiver === null) return `nil data; no entry for key ${JSON.stringify(name)}`;
  const reason = receiver instanceof GoStruct ? receiver.unknown.get(name) : undefined;
  return reason ?? `can't evaluate field ${name} in type ${typeName(receiver)}`;
}
