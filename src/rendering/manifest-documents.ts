import { LineCounter, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../domain/kube-object.ts';
import { BoundedCache } from '../support/bounded-cache.ts';
import { canonicalJson, digestParts, digestText } from './digest.ts';
import { kubernetesYaml } from './yaml-schema.ts';

/** What is wrong with a rendered text; the line is one of the rendered text. */
export interface TextProblem {
  line: number;
  path?: string;
  message: string;
  remedy: string;
}

export type ManifestText =
  | { ok: true; objects: readonly KubeObject[]; digest: string }
  | { ok: false; problems: TextProblem[] };

/** One document of a file; lines of its problems count from its own first line. */
type DocumentText =
  | { ok: true; objects: readonly KubeObject[]; digest: string }
  | { ok: false; problems: readonly TextProblem[] };

/**
 * Documents whose parsed form is kept: parsing YAML costs a hundred times what rendering does. By document, not by file: in a
 * file that names its cluster somewhere, most documents are still those of every cluster.
 */
const documents = new BoundedCache<string, DocumentText>({ maxEntries: 60_000, maxWeight: 48 * 1024 * 1024 });

/** In front of a line that starts a document; `---` at a line's start is nothing else in YAML. */
const documentStart = /^(?=---(?:\s|$))/m;

/**
 * The objects of a rendered manifest file and their digest (of the parsed objects: comments and order of keys do not count).
 * Empty documents are left out and lists are unpacked. Objects are frozen: they are shared between clusters.
 */
export function parseManifests(text: string): ManifestText {
  const objects: KubeObject[] = [];
  const digests: string[] = [];
  const problems: TextProblem[] = [];
  let linesBefore = 0;
  // a directive (%YAML, %TAG) belongs to the document behind it: such a file stays whole
  for (const piece of text.startsWith('%') ? [text] : text.split(documentStart)) {
    const document = parseDocumentText(piece);
    if (!document.ok) {
      for (const problem of document.problems) problems.push({ ...problem, line: problem.line + linesBefore });
    } else if (document.objects.length > 0) {
      objects.push(...document.objects);
      digests.push(document.digest);
    }
    linesBefore += piece.split('\n').length - 1;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, objects, digest: digestParts(digests) };
}

function parseDocumentText(text: string): DocumentText {
  const known = documents.get(text);
  if (known !== undefined) return known;
  const result = parse(text);
  documents.set(text, result, text.length);
  return result;
}

function parse(text: string): DocumentText {
  const lines = new LineCounter();
  const problems: TextProblem[] = [];
  const objects: KubeObject[] = [];
  for (const document of parseAllDocuments(text, { ...kubernetesYaml, lineCounter: lines, prettyErrors: false })) {
    if (!('contents' in document)) continue;
    for (const error of document.errors) {
      problems.push({
        line: lines.linePos(error.pos[0]).line,
        message: error.message,
        remedy: 'correct the YAML (see the rendered text with clm render)',
      });
    }
    if (document.errors.length > 0) continue;
    const line = lines.linePos((document.contents ?? document).range[0]).line;
    try {
      collect(document.toJS({ maxAliasCount: 100 }), line, objects, problems);
    } catch (error) {
      problems.push({ line, message: (error as Error).message, remedy: 'use fewer YAML aliases' });
    }
  }
  if (problems.length > 0) return { ok: false, problems };
  for (const object of objects) freeze(object);
  return { ok: true, objects, digest: digestText(canonicalJson(objects)) };
}

function collect(value: unknown, line: number, objects: KubeObject[], problems: TextProblem[]): void {
  if (value === null || value === undefined) return;
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({
      line,
      message: 'a manifest must be a mapping',
      remedy: 'start the document with apiVersion and kind',
    });
    return;
  }
  const record = value as Record<string, unknown>;
  if (record['kind'] === 'List' && Array.isArray(record['items'])) {
    for (const item of record['items']) collect(item, line, objects, problems);
    return;
  }
  const metadata = record['metadata'] as Record<string, unknown> | null | undefined;
  const missing: string[] = [];
  if (typeof record['apiVersion'] !== 'string' || record['apiVersion'] === '') missing.push('apiVersion');
  if (typeof record['kind'] !== 'string' || record['kind'] === '') missing.push('kind');
  if (typeof metadata?.['name'] !== 'string' || metadata['name'] === '') missing.push('metadata.name');
  for (const path of missing) {
    problems.push({ line, path, message: `${path} is missing or is no text`, remedy: `give the object a ${path}` });
  }
  if (missing.length === 0) objects.push(record as unknown as KubeObject);
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const item of Object.values(value)) freeze(item);
}
