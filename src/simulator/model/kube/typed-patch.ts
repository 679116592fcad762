/** What server-side apply says of an object whose fields do not fit the schema of its kind. */
import { ApiError } from './api-error.ts';
import { keyValue, listRule } from './list-keys.ts';
import { type Fields, fieldsOf, isFields, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { ShapeProblems } from './shapes.ts';

/**
 * The refusal, or undefined when everything fits. A real server says it with an error of no kind, for which it has no status but 500. It
 * stops at the first field of an object that it does not know, and goes on elsewhere.
 */
export function misfitOf(
  place: { definition: ResourceDefinition; namespace: string | undefined; name: string | undefined },
  object: Fields,
  problems: ShapeProblems,
): ApiError | undefined {
  const { definition, namespace = '', name = '' } = place;
  const { misfit, unknown } = problems;
  const holders = new Set<string>();
  const said: string[] = [];
  for (const path of unknown) {
    const holder = path.slice(0, Math.max(0, path.lastIndexOf('.')));
    if (holders.has(holder)) continue;
    holders.add(holder);
    said.push(`${shownPath(definition, object, path).shown}: field not declared in schema`);
  }
  if (misfit !== undefined) {
    const { shown, value } = shownPath(definition, object, misfit.path);
    said.push(`${shown}: expected ${misfit.expected}, got ${goValue(misfit.expected, value)}`);
  }
  if (said.length === 0) return undefined;
  const version = definition.group === '' ? `/${definition.version}` : definition.apiVersion;
  const what = `${namespace}/${name}; ${version}, Kind=${definition.kind}`;
  const text = said.length === 1 ? said[0] : `errors:\n${said.map((each) => `  ${each}`).join('\n')}`;
  return new ApiError(500, undefined, `failed to create typed patch object (${what}): ${text}`);
}

/** A path with the items of keyed lists by their keys (`.spec.containers[name="main"].image`), and what is there. */
function shownPath(definition: ResourceDefinition, object: Fields, path: string): { shown: string; value: unknown } {
  let value: unknown = object;
  let shown = '';
  const names: string[] = [];
  for (const [, name, index, key] of path.matchAll(/([^.[\]{}]+)|\[(\d+)\]|\{([^}]*)\}/g)) {
    if (index !== undefined) {
      value = (value as unknown[])[Number(index)];
      const rule = listRule(definition.kind, names, definition.custom !== undefined);
      shown += rule === 'atomic' || rule === 'set' || !isFields(value) ? `[${index}]` : `[${keysOf(rule.keys, value)}]`;
    } else {
      const field = name ?? key ?? '';
      if (name !== undefined) names.push(name);
      value = fieldsOf(value)[field];
      shown += `.${field}`;
    }
  }
  return { shown, value };
}

function keysOf(keys: readonly string[], item: Fields): string {
  return [...keys]
    .sort()
    .map((key) => `${key}=${JSON.stringify(keyValue(item, key))}`)
    .join(',');
}

/** As Go prints the value, which is different for each expectation. */
function goValue(expected: string, value: unknown): string {
  const plain = Array.isArray(value) ? `[${value.map(shownText).join(' ')}]` : shownText(value);
  if (expected === 'string') return `&value.valueUnstructured{Value:${plain}}`;
  return expected.startsWith('numeric') ? '*value.valueUnstructured' : `&{${plain}}`;
}
