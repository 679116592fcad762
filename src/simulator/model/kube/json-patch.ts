import { badRequest } from './api-error.ts';
import { cloneJson, type Fields, isFields, sameJson, shownText } from './object.ts';

/** A patch that does not apply: the server answers 422 with this message. */
export class PatchFailed extends Error {}

/** RFC 7386: null removes, objects merge, everything else replaces. Returns a new value; shares what it does not change. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const result: Fields = isFields(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

function pointer(path: unknown): string[] {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')))
    throw badRequest(`invalid JSON pointer ${JSON.stringify(path)}`);
  if (path === '') return [];
  return path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function indexOf(list: unknown[], step: string, path: string, forAdd: boolean): number {
  if (forAdd && step === '-') return list.length;
  const index = /^(0|[1-9]\d*)$/.test(step) ? Number(step) : Number.NaN;
  const most = forAdd ? list.length : list.length - 1;
  if (!(index <= most)) throw new PatchFailed(`Unable to access invalid index: ${step} in ${path}`);
  return index;
}

function lookup(document: unknown, steps: readonly string[], path: string): unknown {
  let value = document;
  for (const step of steps) {
    if (Array.isArray(value)) value = value[indexOf(value, step, path, false)];
    else if (isFields(value) && Object.hasOwn(value, step)) value = value[step];
    else throw new PatchFailed(`the path does not exist: ${path}`);
  }
  return value;
}

function change(
  document: unknown,
  steps: readonly string[],
  path: string,
  how: 'add' | 'replace' | 'remove',
  value?: unknown,
): unknown {
  const last = steps.at(-1);
  if (last === undefined) return how === 'remove' ? null : value;
  const parent = lookup(document, steps.slice(0, -1), path);
  if (Array.isArray(parent)) {
    const index = indexOf(parent, last, path, how === 'add');
    if (how === 'add') parent.splice(index, 0, value);
    else if (how === 'replace') parent[index] = value;
    else parent.splice(index, 1);
  } else if (isFields(parent)) {
    if (how !== 'add' && !Object.hasOwn(parent, last))
      throw new PatchFailed(`${how} operation does not apply: doc is missing key: ${path}: missing value`);
    if (how === 'remove') delete parent[last];
    else if (last === '__proto__') throw badRequest('invalid field name');
    else parent[last] = value;
  } else throw new PatchFailed(`${how} operation does not apply: doc is missing path: ${path}: missing value`);
  return document;
}

/** RFC 6902. Throws PatchFailed when an operation does not apply, 400 when the patch is none. */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  if (patch.length > 10_000) throw badRequest('The allowed maximum operations in a JSON patch is 10000');
  let document = cloneJson(target);
  for (const item of patch) {
    if (!isFields(item)) throw badRequest('a JSON patch operation must be an object');
    const path = shownText(item['path']);
    const steps = pointer(item['path']);
    switch (item['op']) {
      case 'add':
      case 'replace':
        document = change(document, steps, path, item['op'], cloneJson(item['value']));
        break;
      case 'remove':
        document = change(document, steps, path, 'remove');
        break;
      case 'test':
        if (!sameJson(steps.length === 0 ? document : find(document, steps, path), item['value'] ?? null)) {
          throw new PatchFailed(`testing value ${path} failed`);
        }
        break;
      case 'copy':
      case 'move': {
        const from = shownText(item['from']);
        const value = cloneJson(lookup(document, pointer(item['from']), from));
        if (item['op'] === 'move') document = change(document, pointer(item['from']), from, 'remove');
        document = change(document, steps, path, 'add', value);
        break;
      }
      default:
        throw badRequest(`Unexpected kind: ${shownText(item['op'])}`);
    }
  }
  return document;
}

/** A missing member tests as null. */
function find(document: unknown, steps: readonly string[], path: string): unknown {
  const parent = lookup(document, steps.slice(0, -1), path);
  const last = steps.at(-1) as string;
  if (Array.isArray(parent)) return parent[indexOf(parent, last, path, false)];
  return isFields(parent) && Object.hasOwn(parent, last) ? parent[last] : null;
}
