import { LineCounter, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../domain/kube-object.ts';
import { canonicalJson, digestText } from '../support/digest.ts';
import { fastDocuments } from './fast-yaml.ts';
import { type RepeatedKey, repeatedKeys } from './repeated-keys.ts';
import { kubernetesYaml } from './yaml-schema.ts';

/** What is wrong with a rendered text; the line is one of the rendered text. */
export interface TextProblem {
  line: number;
  path?: string;
  message: string;
  remedy: string;
}

export type ManifestText =
  | { ok: true; objects: readonly KubeObject[]; digest: string; repeated: readonly RepeatedKey[] }
  | { ok: false; problems: TextProblem[] };

/**
 * The objects of a rendered manifest file and their digest (of the parsed objects: comments and order of keys do not count).
 * Empty documents are left out and lists are unpacked. Objects are frozen: they are shared between clusters.
 */
export function parseManifests(text: string): ManifestText {
  const documents = fastDocuments(text, 'kubernetes');
  if (documents === undefined) return parseExactly(text);
  const problems: TextProblem[] = [];
  const objects: KubeObject[] = [];
  for (const document of documents) collect(document, 1, objects, problems);
  // the fast parser does not know where in the text the faulty object is
  return problems.length > 0 ? parseExactly(text) : finished(objects, []);
}

function finished(objects: KubeObject[], repeated: readonly RepeatedKey[]): ManifestText {
  for (const object of objects) freeze(object);
  return { ok: true, objects, digest: digestText(canonicalJson(objects)), repeated };
}

function parseExactly(text: string): ManifestText {
  const lines = new LineCounter();
  const problems: TextProblem[] = [];
  const objects: KubeObject[] = [];
  const { uniqueKeys, found } = repeatedKeys(lines);
  const options = { ...kubernetesYaml, lineCounter: lines, prettyErrors: false, uniqueKeys };
  for (const document of parseAllDocuments(text, options)) {
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
  return problems.length > 0 ? { ok: false, problems } : finished(objects, found());
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
