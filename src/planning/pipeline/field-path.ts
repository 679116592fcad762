/** Paths of fields as an API server writes them in conflicts: `.spec.template.spec.containers[name="app"].image`. */

type Container = Record<string, unknown> | unknown[];

/** A copy of the object without the field; undefined when the object has no such field, or the path cannot be read. */
export function withoutField<T extends object>(object: T, path: string): T | undefined {
  const copy = structuredClone(object);
  return remove(copy as Record<string, unknown>, path) ? copy : undefined;
}

/** Without all of them, as far as it has them. */
export function withoutFields<T extends object>(object: T, paths: readonly string[]): T {
  return paths.reduce((rest, path) => withoutField(rest, path) ?? rest, object);
}

function remove(node: Container, path: string): boolean {
  const found = path.startsWith('[') ? itemAt(node, path) : fieldAt(node, path);
  if (found === undefined) return false;
  if (found.rest !== '') {
    return typeof found.value === 'object' && found.value !== null && remove(found.value as Container, found.rest);
  }
  if (Array.isArray(node)) node.splice(found.key as number, 1);
  else delete node[found.key as string];
  return true;
}

interface Found {
  key: string | number;
  value: unknown;
  rest: string;
}

/** Keys may have dots in them (`kubernetes.io/name`): the longest one that fits is meant. */
function fieldAt(node: Container, path: string): Found | undefined {
  if (Array.isArray(node) || !path.startsWith('.')) return undefined;
  const fits = Object.keys(node).filter(
    (key) => /^(\.|\[|$)/.test(path.slice(1 + key.length)) && path.startsWith(`.${key}`),
  );
  const [key] = fits.sort((a, b) => b.length - a.length);
  return key === undefined ? undefined : { key, value: node[key], rest: path.slice(1 + key.length) };
}

/** `[name="app"]`, `[containerPort=80,protocol="TCP"]`, `[="value"]`, `[3]` */
function itemAt(node: Container, path: string): Found | undefined {
  const end = path.indexOf(']');
  if (!Array.isArray(node) || end < 0) return undefined;
  const inside = path.slice(1, end);
  const index = /^\d+$/.test(inside) ? Number(inside) : node.findIndex((item) => matches(item, inside));
  return index < 0 || index >= node.length ? undefined : { key: index, value: node[index], rest: path.slice(end + 1) };
}

function matches(item: unknown, inside: string): boolean {
  if (inside.startsWith('=')) return JSON.stringify(item) === inside.slice(1);
  const keys = inside.match(/([A-Za-z]\w*)=("(?:[^"\\]|\\.)*"|[^,]+)/g) ?? [];
  return (
    keys.length > 0 &&
    keys.every((pair) => {
      const at = pair.indexOf('=');
      const value = (item as Record<string, unknown> | null)?.[pair.slice(0, at)];
      return JSON.stringify(value) === pair.slice(at + 1);
    })
  );
}
