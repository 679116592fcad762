import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { nearMatches } from '../domain/near-matches.ts';
import type { Problem } from '../domain/problem.ts';

/** Problems of one file that are reported: enough to mend it, not enough to fill a screen. */
const maxProblemsPerFile = 25;

/** Where the values of a document stand in its file. */
export interface YamlPlaces {
  file: string;
  /** 1-based line of the value at a path (of its key in a mapping), or of the nearest thing around it that is there. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

export type ParsedYaml<T> =
  | { ok: true; value: T; places: YamlPlaces }
  | { ok: false; problems: Problem[]; places: YamlPlaces };

export interface YamlReading {
  /** Keys of mappings from names to texts: a number or boolean in one is the text that it is written as (`0644`, `1.0`). */
  texts?: readonly string[];
}

function readTexts(document: Document, keys: readonly string[]): void {
  visit(document, {
    Pair(_, { key, value }) {
      if (!isScalar(key) || !keys.includes(String(key.value)) || !isMap(value)) return;
      for (const { value: item } of value.items) {
        if (isScalar(item) && ['number', 'bigint', 'boolean'].includes(typeof item.value)) item.value = item.source;
      }
    },
  });
}

/** Reads YAML without a schema. Problems say where the text is not YAML. */
export function parseYaml(file: string, text: string, { texts = [] }: YamlReading = {}): ParsedYaml<unknown> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const places: YamlPlaces = {
    file,
    lineOf: (path) => {
      const offset = offsetOf(document.contents, path);
      return offset === undefined ? undefined : lines.linePos(offset).line;
    },
  };
  if (document.errors.length > 0) {
    const problems = document.errors.slice(0, maxProblemsPerFile).map((error) => ({
      file,
      line: lines.linePos(error.pos[0]).line,
      message: `not valid YAML: ${error.message}`,
      remedy:
        error.code === 'DUPLICATE_KEY'
          ? 'keep one of the two'
          : 'correct the YAML: check indentation, quotes and colons',
    }));
    return { ok: false, problems, places };
  }
  if (texts.length > 0) readTexts(document, texts);
  try {
    return { ok: true, value: document.toJS({ maxAliasCount: 100 }), places };
  } catch (error) {
    const message = `not valid YAML: ${(error as Error).message}`;
    return { ok: false, problems: [{ file, message, remedy: 'use fewer aliases' }], places };
  }
}

/**
 * Reads YAML into what a schema describes, with every problem at once: file, line, path, and what to write instead. Remedies
 * come from the schema: `.meta({ remedy })` on the innermost schema that has one, and from the issue else.
 */
export function parseYamlWithSchema<Schema extends z.ZodType>(
  file: string,
  text: string,
  schema: Schema,
  reading: YamlReading = {},
): ParsedYaml<z.output<Schema>> {
  const parsed = parseYaml(file, text, reading);
  if (!parsed.ok) return parsed;
  const { places } = parsed;
  if (parsed.value === null || parsed.value === undefined) {
    return {
      ok: false,
      problems: [{ file, message: 'the file is empty', remedy: 'write the document, or remove the file' }],
      places,
    };
  }
  return checkWithSchema(parsed.value, schema, places);
}

/** As parseYamlWithSchema, for a value that was changed after it was read: by overrides from the environment, say. */
export function checkWithSchema<Schema extends z.ZodType>(
  value: unknown,
  schema: Schema,
  places: YamlPlaces,
): ParsedYaml<z.output<Schema>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, value: result.data, places };
  const problems = result.error.issues
    .flatMap((issue) => issueProblems(issue, schema, places))
    .slice(0, maxProblemsPerFile);
  return { ok: false, problems, places };
}

/** A problem at a path of a document. */
export function problemAt(places: YamlPlaces, path: readonly PropertyKey[], message: string, remedy: string): Problem {
  const line = places.lineOf(path);
  return {
    file: places.file,
    ...(line === undefined ? {} : { line }),
    ...(path.length === 0 ? {} : { path: formatPath(path) }),
    message,
    remedy,
  };
}

/** `clusters[3].node_pools[0].min_size` */
function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += text === '' ? String(key) : `.${String(key)}`;
  }
  return text;
}

function offsetOf(contents: unknown, path: readonly PropertyKey[]): number | undefined {
  let node: unknown = contents;
  let offset = isNode(node) ? node.range?.[0] : undefined;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}

type Issue = z.core.$ZodIssue;

function issueProblems(issue: Issue, schema: z.ZodType, places: YamlPlaces): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, issue.path));
    return issue.keys.map((key) => {
      const near = nearMatches(key, known)[0];
      const remedy =
        near === undefined ? `remove ${key}; known are: ${known.join(', ')}` : `write ${near} instead, or remove it`;
      return problemAt(places, [...issue.path, key], `${key} is not a known field`, remedy);
    });
  }
  const meant = issue.code === 'invalid_union' ? meantOption(issue) : undefined;
  if (meant !== undefined) return meant.flatMap((inner) => issueProblems(inner, schema, places));
  const target = schemaAt(schema, issue.path);
  const missing = issue.code === 'invalid_type' && issue.input === undefined;
  const name = String(issue.path.at(-1) ?? 'the document');
  const message = missing ? `${name} is missing` : issue.message;
  return [problemAt(places, issue.path, message, remedyOf(issue, target))];
}

/** What is wrong with the option of a union that the value was meant to be: the one of its own type. */
function meantOption(issue: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const meant = issue.errors.filter(
    (option) =>
      !option.some((inner) => inner.path.length === 0 && ['invalid_type', 'invalid_value'].includes(inner.code)),
  );
  const [only] = meant;
  if (only === undefined || meant.length > 1) return undefined;
  return only.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function remedyOf(issue: Issue, target: z.ZodType | undefined): string {
  const own = remedyOfSchema(target);
  if (own !== undefined) return own;
  switch (issue.code) {
    case 'invalid_type':
      return `write a ${issue.expected === 'record' ? 'mapping' : issue.expected}`;
    case 'invalid_value':
      return `write one of: ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `write ${sizeWords(issue.origin)} of at least ${issue.minimum}`;
    case 'too_big':
      return `write ${sizeWords(issue.origin)} of at most ${issue.maximum}`;
    default:
      return 'correct the value';
  }
}

function sizeWords(origin: string): string {
  if (origin === 'string') return 'a text with a length';
  return origin === 'array' || origin === 'set' ? 'a list with a length' : 'a number';
}

/** Wrappers are looked through: a remedy may stand inside an optional or a pipe. */
function remedyOfSchema(schema: z.ZodType | undefined): string | undefined {
  for (let current = schema, i = 0; current !== undefined && i < 8; i += 1) {
    const remedy = (current.meta() as { remedy?: unknown } | undefined)?.remedy;
    if (typeof remedy === 'string') return remedy;
    current = unwrap(current);
  }
  return undefined;
}

interface Definition {
  type: string;
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
  innerType?: z.ZodType;
  in?: z.ZodType;
  options?: z.ZodType[];
}

function definition(schema: z.ZodType): Definition {
  return schema.def;
}

function unwrap(schema: z.ZodType): z.ZodType | undefined {
  const { innerType, in: input } = definition(schema);
  return innerType ?? input;
}

function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  for (const key of path) {
    while (current !== undefined && unwrap(current) !== undefined) current = unwrap(current);
    if (current === undefined) return undefined;
    const { shape, element, valueType, options }: Definition = definition(current);
    if (options !== undefined)
      current = options.map((option) => schemaAt(option, [key])).find((found) => found !== undefined);
    else current = shape?.[String(key)] ?? (typeof key === 'number' ? element : undefined) ?? valueType;
  }
  return current;
}

function keysOf(schema: z.ZodType | undefined): string[] {
  let current = schema;
  while (current !== undefined && unwrap(current) !== undefined) current = unwrap(current);
  if (current === undefined) return [];
  const { shape, options } = definition(current);
  if (options !== undefined) return [...new Set(options.flatMap(keysOf))];
  return Object.keys(shape ?? {});
}
