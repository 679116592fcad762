import { createHash, hash } from 'node:crypto';

/** sha256 of a text, in hex. */
export function digestText(text: string): string {
  return hash('sha256', text, 'hex');
}

/** sha256 over several texts, each delimited by its length, so that no two lists share a digest by concatenation. */
export function digestParts(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest('hex');
}

/**
 * JSON with sorted keys: the canonical text that digests of parsed documents are taken over. Comments, order of keys and
 * style of a YAML document therefore do not change its digest; order of lists and every value do.
 */
export function canonicalJson(value: unknown): string {
  if (value === undefined) return 'null';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  // plain loops: this runs over everything that renders for every cluster
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? canonicalJson(item) : `,${canonicalJson(item)}`;
    return `[${text}]`;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record).sort())
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(record[key])}`;
  return `{${text}}`;
}

/** sha256 of a JSON value: equal content, equal digest. */
export function digestOf(value: unknown): string {
  return digestText(canonicalJson(value));
}
