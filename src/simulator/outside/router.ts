/** Routes of a simulated service: method, path with `:names`, and `*` for the rest of a path. */

export interface Route<Context, Answer> {
  method: string;
  pattern: RegExp;
  names: string[];
  handle: (context: Context, parameters: Record<string, string>) => Answer;
}

export function route<Context, Answer>(
  method: string,
  path: string,
  handle: Route<Context, Answer>['handle'],
): Route<Context, Answer> {
  const names: string[] = [];
  const source = path.replaceAll(/:([a-z]+)|\*/gi, (whole, name: string | undefined) => {
    names.push(name ?? 'rest');
    return whole === '*' ? '(.+)' : '([^/]+)';
  });
  return { method, pattern: new RegExp(`^${source}$`), names, handle };
}

export type Found<Context, Answer> =
  | { kind: 'found'; route: Route<Context, Answer>; parameters: Record<string, string> }
  | { kind: 'no-method' }
  | { kind: 'no-path' };

export function findRoute<Context, Answer>(
  routes: readonly Route<Context, Answer>[],
  method: string,
  path: string,
): Found<Context, Answer> {
  let known = false;
  for (const one of routes) {
    const match = one.pattern.exec(path);
    if (match === null) continue;
    known = true;
    if (one.method !== method) continue;
    const values = match.slice(1).map(decoded);
    return {
      kind: 'found',
      route: one,
      parameters: Object.fromEntries(one.names.map((name, i) => [name, values[i] ?? ''])),
    };
  }
  return { kind: known ? 'no-method' : 'no-path' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
