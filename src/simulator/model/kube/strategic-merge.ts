import { badRequest } from './api-error.ts';
import { listRule } from './list-keys.ts';
import { type Fields, isFields, listOf, sameJson } from './object.ts';

/**
 * A strategic merge patch: like a merge patch, but lists with a merge key merge item by item, and the directives `$patch`
 * (delete, replace), `$deleteFromPrimitiveList/…`, `$setElementOrder/…` and `$retainKeys` are obeyed.
 */
export function strategicMerge(kind: string, target: unknown, patch: unknown): unknown {
  return mergeFields(kind, target, patch, []);
}

function mergeFields(kind: string, target: unknown, patch: unknown, path: readonly string[]): unknown {
  if (!isFields(patch)) return patch;
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  const result: Fields = isFields(target) ? { ...target } : {};
  const retain = patch['$retainKeys'];
  if (Array.isArray(retain)) for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$deleteFromPrimitiveList/')) {
      const field = key.slice(key.indexOf('/') + 1);
      const kept = listOf(result[field]).filter((item) => !listOf(value).includes(item));
      if (kept.length > 0) result[field] = kept;
      else delete result[field];
    } else if (key.startsWith('$')) {
      // $setElementOrder only orders; $patch and $retainKeys were handled above.
    } else if (value === null) delete result[key];
    else if (Array.isArray(value)) result[key] = mergeList(kind, result[key], value, [...path, key]);
    else result[key] = mergeFields(kind, result[key], value, [...path, key]);
  }
  for (const key of Object.keys(patch)) {
    if (key.startsWith('$setElementOrder/')) orderList(kind, result, key, listOf(patch[key]), path);
  }
  return result;
}

function mergeList(kind: string, target: unknown, patch: readonly unknown[], path: readonly string[]): unknown[] {
  const rule = listRule(kind, path, false);
  const old = listOf(target);
  if (rule === 'set') return [...old, ...patch.filter((item) => !old.some((each) => sameJson(each, item)))];
  if (rule === 'atomic') return [...patch];
  const key = rule.keys[0] as string;
  const items = patch.filter(isFields);
  if (items.some((item) => item['$patch'] === 'replace')) return items.filter((item) => item['$patch'] !== 'replace');
  let result = [...old];
  for (const item of items) {
    const value = item[key];
    if (value === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const index = result.findIndex((each) => isFields(each) && each[key] === value);
    if (item['$patch'] === 'delete') result = result.filter((_, at) => at !== index);
    else if (index < 0) result.push(withoutDirectives(item));
    else result[index] = mergeFields(kind, result[index], item, path);
  }
  return result;
}

function orderList(kind: string, result: Fields, directive: string, order: unknown[], path: readonly string[]): void {
  const field = directive.slice(directive.indexOf('/') + 1);
  const list = listOf(result[field]);
  const rule = listRule(kind, [...path, field], false);
  if (list.length === 0 || rule === 'atomic') return;
  const key = rule === 'set' ? undefined : (rule.keys[0] as string);
  const rank = (item: unknown): number => {
    const at = order.findIndex((each) =>
      key === undefined ? each === item : isFields(each) && isFields(item) && each[key] === item[key],
    );
    return at < 0 ? order.length : at;
  };
  result[field] = list
    .map((item, index) => ({ item, index }))
    .sort((a, b) => rank(a.item) - rank(b.item) || a.index - b.index)
    .map(({ item }) => item);
}

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives);
  if (!isFields(value)) return value;
  const result: Fields = {};
  for (const [key, item] of Object.entries(value))
    if (!key.startsWith('$') && item !== null) result[key] = withoutDirectives(item);
  return result;
}
