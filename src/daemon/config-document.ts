/** A YAML file read so that every complaint can name its line: parsing, and the way back from a path to a place. */
import { isMap, isNode, isPair, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Problem } from '../domain/problem.ts';

export interface LocatedDocument {
  value: unknown;
  /** 1-based line of the innermost node on the path that exists. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/** Parses YAML; syntax errors come back as problems, never as an exception. */
export function parseLocatedYaml(file: string, text: string): { document: LocatedDocument; problems: Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.slice(0, 25).map((error): Problem => ({
    file,
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
    remedy: 'correct the YAML at this line (often indentation, a missing quote, or a key given twice)',
  }));
  const lineOf = (path: readonly PropertyKey[]): number | undefined => {
    let offset: number | undefined;
    let node: unknown = document.contents;
    for (const key of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isPair(item) && isNode(item.key) && String(item.key) === String(key));
        if (pair === undefined) break;
        if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
        node = pair.value;
      } else if (isSeq(node) && typeof key === 'number') {
        node = node.items[key];
        if (isNode(node) && node.range) offset = node.range[0];
      } else break;
    }
    if (offset === undefined && isNode(document.contents) && document.contents.range) {
      offset = document.contents.range[0];
    }
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  const value: unknown = problems.length > 0 ? undefined : document.toJS();
  return { document: { value, lineOf }, problems };
}

/** `clusters[3].node_pools[0].min_size` */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

/** One problem for each zod issue; an unknown key is one problem a key, with the nearest known one when there is one. */
export function zodProblems(file: string, error: z.ZodError, document?: LocatedDocument): Problem[] {
  const problems: Problem[] = [];
  for (const issue of error.issues) {
    const paths =
      issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    for (const path of paths) {
      const line = document?.lineOf(path);
      problems.push({
        file,
        ...(line === undefined ? {} : { line }),
        ...(path.length === 0 ? {} : { path: formatPath(path) }),
        message: issue.code === 'unrecognized_keys' ? `'${String(path.at(-1))}' is not a known setting` : issue.message,
        remedy: remedyOf(issue, path),
      });
    }
  }
  return problems;
}

function remedyOf(issue: z.core.$ZodIssue, path: readonly PropertyKey[]): string {
  const name = formatPath(path) || 'the document';
  switch (issue.code) {
    case 'unrecognized_keys':
      return `remove '${String(path.at(-1))}', or correct its spelling`;
    case 'invalid_type':
      return `write ${name} as ${article(issue.expected)}`;
    case 'invalid_value':
      return `write one of: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `write a value of at least ${String(issue.minimum)}`;
    case 'too_big':
      return `write a value of at most ${String(issue.maximum)}`;
    default: {
      const remedy = (issue as { params?: { remedy?: unknown } }).params?.remedy;
      return typeof remedy === 'string' ? remedy : `correct ${name}`;
    }
  }
}

function article(expected: string): string {
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}
