/**
 * What clm has applied to a cluster, as the cluster itself keeps it: a ConfigMap with one entry a component. It is written before
 * anything is applied (the union of what was and what will be) and after it (what is), so that a kill never loses an object.
 */
import { createHash } from 'node:crypto';
import { FailureError, terminal } from '../../domain/failure.ts';
import { identityOfObject, type KubeObject } from '../../domain/kube-object.ts';

export interface InventoryEntry {
  apiVersion: string;
  kind: string;
  /** Empty for what is in no namespace. */
  namespace: string;
  name: string;
  /** Of the object that was applied; empty until that is known to have happened. */
  uid: string;
  /** Digest of the fields that were applied, without their values; empty while an apply is under way. */
  fields: string;
  /** Fields that were left to other managers. */
  left: string[];
}

/** By component. */
export type Inventory = ReadonlyMap<string, readonly InventoryEntry[]>;

export const inventoryName = 'clm-inventory';
export const inventoryNamespace = 'kube-system';

type Identified = Pick<InventoryEntry, 'apiVersion' | 'kind' | 'name'> & { namespace?: string | undefined };

export function identityOf({ apiVersion, kind, namespace, name }: Identified): string {
  return identityOfObject({ apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } });
}

export function describeEntry({ kind, namespace, name }: Identified): string {
  return `${kind} ${namespace ? `${namespace}/` : ''}${name}`;
}

/**
 * Digest of which fields an object sets. Values are compared with the live object; this tells that a field is no longer set.
 * It says nothing about values, so that it may lie in a ConfigMap.
 */
export function fieldsDigest(object: KubeObject): string {
  return createHash('sha256').update(structureOf(object)).digest('hex').slice(0, 16);
}

function structureOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(structureOf).join()}]`;
  if (typeof value !== 'object' || value === null) return '_';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${structureOf(each)}`).join()}}`;
}

/** An inventory that cannot be read is not an empty one. Throws FailureError `inventory-unreadable`. */
export function parseInventory(map: KubeObject | undefined): Inventory {
  const data = (map?.['data'] ?? {}) as Record<string, string>;
  const inventory = new Map<string, InventoryEntry[]>();
  for (const [key, text] of Object.entries(data)) {
    const [component, entries] = parseComponent(key, text);
    inventory.set(component, entries);
  }
  return inventory;
}

function parseComponent(key: string, text: string): [string, InventoryEntry[]] {
  try {
    const { component, objects } = JSON.parse(text) as { component: unknown; objects: unknown[] };
    if (typeof component !== 'string') throw new Error('it names no component');
    return [component, objects.map(parseEntry)];
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    const message = `ConfigMap ${inventoryNamespace}/${inventoryName}, key ${key}: ${why}`;
    throw new FailureError(terminal('inventory-unreadable', message));
  }
}

function parseEntry(value: unknown): InventoryEntry {
  const [apiVersion, kind, namespace, name, uid, fields, ...left] = value as unknown[];
  const all = [apiVersion, kind, namespace, name, uid, fields, ...left];
  if (all.some((each) => typeof each !== 'string') || kind === '' || name === '') throw new Error('an entry is broken');
  const [a, b, c, d, e, f, ...g] = all as [string, string, string, string, string, string, ...string[]];
  return { apiVersion: a, kind: b, namespace: c, name: d, uid: e, fields: f, left: g };
}

/** Key of a component in the ConfigMap: its name, as far as keys may be like that. */
export function inventoryKey(component: string): string {
  if (/^[A-Za-z0-9._-]{1,253}$/.test(component)) return component;
  return `_${createHash('sha256').update(component).digest('hex').slice(0, 32)}`;
}

/** Text of a component in the ConfigMap, the same for the same entries in any order. */
export function inventoryText(component: string, entries: readonly InventoryEntry[]): string {
  const objects = [...entries]
    .sort((a, b) => (identityOf(a) < identityOf(b) ? -1 : 1))
    .map(({ apiVersion, kind, namespace, name, uid, fields, left }) => [
      apiVersion,
      kind,
      namespace,
      name,
      uid,
      fields,
      ...left,
    ]);
  return JSON.stringify({ component, objects });
}

/** Entries before a component is applied: what was there, and what will be; what changes its fields is marked as under way. */
export function claimed(before: readonly InventoryEntry[], objects: readonly KubeObject[]): InventoryEntry[] {
  const known = new Map(before.map((entry) => [identityOf(entry), entry]));
  for (const object of objects) {
    const identity = identityOfObject(object);
    const entry = known.get(identity);
    const fields = entry?.fields === fieldsDigest(object) ? entry.fields : '';
    const { apiVersion, kind, metadata } = object;
    const { name, namespace = '' } = metadata;
    known.set(identity, { apiVersion, kind, namespace, name, uid: entry?.uid ?? '', fields, left: entry?.left ?? [] });
  }
  return [...known.values()];
}

export interface AppliedObject {
  object: KubeObject;
  uid: string;
  left: string[];
}

/** Entries after it: what was applied is known by uid. */
export function recorded(before: readonly InventoryEntry[], applied: readonly AppliedObject[]): InventoryEntry[] {
  const known = new Map(before.map((entry) => [identityOf(entry), entry]));
  for (const { object, uid, left } of applied) {
    const { apiVersion, kind, metadata } = object;
    const { name, namespace = '' } = metadata;
    const fields = fieldsDigest(object);
    known.set(identityOfObject(object), { apiVersion, kind, namespace, name, uid, fields, left });
  }
  return [...known.values()];
}

/** What has to be written so that the ConfigMap says `next`: texts by key, null for keys to remove; empty for nothing. */
export function inventoryChanges(before: Inventory, next: Inventory): Record<string, string | null> {
  const changes: Record<string, string | null> = {};
  for (const [component, entries] of next) {
    const text = inventoryText(component, entries);
    const known = before.get(component);
    if (known === undefined || inventoryText(component, known) !== text) changes[inventoryKey(component)] = text;
  }
  for (const component of before.keys()) if (!next.has(component)) changes[inventoryKey(component)] = null;
  return changes;
}
