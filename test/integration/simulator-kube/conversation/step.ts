/**
 * One step of a conversation with an API server. What is expected comes from upstream's documentation or source, never from the
 * simulator. Paths and bodies may hold `{name}`: what an earlier step kept.
 */
export interface Step {
  id: string;
  /** Where upstream says so. */
  source: string;
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  /** Of a body; merge patch for a PATCH that does not say. */
  type?: string;
  accept?: string;
  /** HTTP status; 200, or 201 for a POST, when absent. */
  status?: number;
  /** What the answer holds: `{a: {b: 1}}` asks for these fields alone; a list must have that many items, a RegExp must match. */
  expect?: unknown;
  /** Parts of the answer that are compared, by path (`items.*.metadata.name`), each with `expect`'s rules. */
  at?: Readonly<Record<string, unknown>>;
  /** Asked again until it holds: controllers need time. */
  eventually?: boolean;
  /** Keeps a value of the answer under a name, by path. */
  keep?: Readonly<Record<string, string>>;
}

/** One area: its steps follow each other in one cluster of three nodes that any pod may use. */
export interface Area {
  name: string;
  steps: readonly Step[];
}

export const absent = Symbol('absent');

/** The values at a path; `*` is every item of a list. */
export function valuesAt(value: unknown, path: string): unknown {
  let here: unknown[] = [value];
  let many = false;
  for (const word of path.split('.')) {
    if (word === '*') {
      many = true;
      here = here.flatMap((each) => (Array.isArray(each) ? (each as unknown[]) : []));
    } else here = here.map((each) => (each as Record<string, unknown> | null | undefined)?.[word.replaceAll('~', '.')]);
  }
  return many ? here : here[0];
}

/** Why the value is not what was expected; undefined when it is. */
export function difference(actual: unknown, expected: unknown, path = 'answer'): string | undefined {
  if (expected === absent)
    return actual === undefined ? undefined : `${path} is ${JSON.stringify(actual)} and should not be there`;
  if (expected instanceof RegExp)
    return expected.test(typeof actual === 'string' ? actual : JSON.stringify(actual ?? null))
      ? undefined
      : `${path} is ${JSON.stringify(actual)} and does not match ${String(expected)}`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return `${path} is ${JSON.stringify(actual)} and should have ${expected.length} items`;
    return firstOf(expected.map((each: unknown, index) => difference(actual[index], each, `${path}[${index}]`)));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return `${path} is ${JSON.stringify(actual)}`;
    const fields = actual as Record<string, unknown>;
    return firstOf(
      Object.entries(expected).map(([field, each]) => difference(fields[field], each, `${path}.${field}`)),
    );
  }
  return actual === expected ? undefined : `${path} is ${JSON.stringify(actual)} and not ${JSON.stringify(expected)}`;
}

function firstOf(found: (string | undefined)[]): string | undefined {
  return found.find((each) => each !== undefined);
}
