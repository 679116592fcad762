/** Is what we render already so in the cluster? Fields that we do not render belong to others. */

/** Path of the first difference, or undefined when `wanted` is contained in `live`. */
export function firstDifference(wanted: unknown, live: unknown, path = ''): string | undefined {
  if (wanted === null || wanted === undefined) return live === null || live === undefined ? undefined : path || '.';
  if (Array.isArray(wanted)) return differenceInList(wanted, live, path);
  if (typeof wanted === 'object') {
    if (typeof live !== 'object' || live === null || Array.isArray(live)) {
      // an empty object says nothing, and servers drop it
      return Object.keys(wanted).length === 0 && live === undefined ? undefined : path || '.';
    }
    for (const [key, value] of Object.entries(wanted)) {
      const found = firstDifference(
        value,
        (live as Record<string, unknown>)[key],
        path === '' ? key : `${path}.${key}`,
      );
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (wanted === live) return undefined;
  const [a, b] = [scalarText(wanted), scalarText(live)];
  if (a === undefined || b === undefined) return path || '.';
  const amount = quantity(a);
  return a === b || (amount !== undefined && amount === quantity(b)) ? undefined : path || '.';
}

/** `80` and `"80"` are the same port to whoever wrote them. */
function scalarText(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}

/** Lists of named things are compared by name, as server-side apply merges them; others place by place. */
function differenceInList(wanted: unknown[], live: unknown, path: string): string | undefined {
  if (!Array.isArray(live)) return wanted.length === 0 && live === undefined ? undefined : path || '.';
  const key = mergeKey(wanted);
  if (key === undefined) {
    if (wanted.length !== live.length) return path || '.';
    for (const [index, item] of wanted.entries()) {
      const found = firstDifference(item, live[index], `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const item of wanted as Record<string, unknown>[]) {
    const name = item[key];
    const match: unknown = live.find(
      (other: unknown) =>
        typeof other === 'object' && other !== null && (other as Record<string, unknown>)[key] === name,
    );
    if (match === undefined) return `${path}[${String(name)}]`;
    const found = firstDifference(item, match, `${path}[${String(name)}]`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function mergeKey(items: unknown[]): string | undefined {
  if (items.length === 0) return undefined;
  return ['name', 'containerPort', 'mountPath', 'topologyKey'].find((key) => {
    const values = items.map((item) =>
      typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined,
    );
    return values.every((value) => value !== undefined) && new Set(values).size === values.length;
  });
}

const suffixes: Record<string, number> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** `1000m` and `1`, `1Gi` and `1024Mi` are the same amount; servers rewrite one as the other. */
function quantity(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(value);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (suffixes[match[2] ?? ''] as number) * 1e6) / 1e6;
}

/** The rendered object without what a server never keeps as written. */
export function comparable(object: Record<string, unknown>): Record<string, unknown> {
  const { status: _, stringData, ...rest } = object;
  if (typeof stringData !== 'object' || stringData === null) return rest;
  const data: Record<string, unknown> = { ...((rest['data'] as Record<string, unknown> | undefined) ?? {}) };
  for (const [key, value] of Object.entries(stringData)) data[key] = Buffer.from(String(value)).toString('base64');
  return { ...rest, data };
}
