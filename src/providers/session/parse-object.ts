/** What all parsers share: careful reading of JSON from a server. */
import type { KubeObject } from '../../domain/kube-object.ts';

export type Fields = Record<string, unknown>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Epoch ms of an RFC 3339 time; undefined when there is none. */
export function timeOf(value: unknown): number | undefined {
  if (typeof value !== 'string' || value === '') return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at;
}

export function stringsOf(value: unknown): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, item] of Object.entries(fieldsOf(value))) if (typeof item === 'string') result[key] = item;
  return result;
}

/** Longer annotations hold whole documents (applied manifests, caches of controllers): no decision reads them. */
const longestAnnotation = 2_048;

export function annotationsOf(object: KubeObject): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(fieldsOf(object.metadata.annotations))) {
    if (typeof value === 'string' && value.length <= longestAnnotation) result[key] = value;
  }
  return result;
}

/** The condition of that type in `status.conditions`. */
export function conditionOf(object: KubeObject, type: string): Fields | undefined {
  return listOf(fieldsOf(object['status'])['conditions']).find((condition) => condition['type'] === type);
}

export function sameStrings(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
