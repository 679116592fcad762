import { ApiError } from './api-error.ts';
import { managersOf } from './controller-fields.ts';
import {
  applyMerge,
  changedFields,
  disagreement,
  type FieldContext,
  isEmpty,
  removeFields,
  subtract,
  treeOf,
  union,
} from './field-set.ts';
import {
  type Fields,
  type FieldTree,
  fieldsOf,
  type ManagedFieldsEntry,
  type SimObject,
  sameJson,
  without,
} from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const unownedMetadata = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generateName',
  'managedFields',
  'selfLink',
];

/** The part of an object that managers can own. */
function ownable(object: Fields, withStatus: boolean): Fields {
  const { metadata, status } = object;
  const meta = without(fieldsOf(metadata), unownedMetadata);
  const result = without(object, ['apiVersion', 'kind', 'metadata', 'status']);
  if (Object.keys(meta).length > 0) result['metadata'] = meta;
  if (withStatus && status !== undefined) result['status'] = status;
  return result;
}

function contextOf(definition: ResourceDefinition): FieldContext {
  return { kind: definition.kind, custom: definition.custom !== undefined };
}

export interface Writer {
  manager: string;
  now: string;
  subresource: string | undefined;
}

function sameEntry(entry: ManagedFieldsEntry, operation: string, apiVersion: string, by: Writer): boolean {
  return (
    entry.manager === by.manager &&
    entry.operation === operation &&
    entry.apiVersion === apiVersion &&
    entry.subresource === by.subresource
  );
}

function entryOf(
  operation: 'Apply' | 'Update',
  apiVersion: string,
  by: Writer,
  fieldsV1: FieldTree,
): ManagedFieldsEntry {
  const entry: ManagedFieldsEntry = {
    manager: by.manager,
    operation,
    apiVersion,
    time: by.now,
    fieldsType: 'FieldsV1',
    fieldsV1,
  };
  return by.subresource === undefined ? entry : { ...entry, subresource: by.subresource };
}

/** managedFields after a create, update or patch that is no server-side apply. */
export function afterUpdate(
  definition: ResourceDefinition,
  old: SimObject | undefined,
  next: SimObject,
  by: Writer,
): ManagedFieldsEntry[] | undefined {
  const context = contextOf(definition);
  const withStatus = by.subresource === 'status' || !definition.subresources.includes('status');
  const before = old ? ownable(old, withStatus) : {};
  const after = ownable(next, withStatus);
  const changed = changedFields(context, before, after);
  const touched = union(changed, subtract(treeOf(context, before), treeOf(context, after)));
  const entries = old ? managersOf(definition, old) : [];
  if (isEmpty(touched)) return entries.length === 0 ? undefined : entries;
  const result: ManagedFieldsEntry[] = [];
  let mine: ManagedFieldsEntry | undefined;
  for (const entry of entries) {
    if (sameEntry(entry, 'Update', definition.apiVersion, by)) mine = entry;
    const rest = subtract(entry.fieldsV1, touched);
    if (mine === entry) continue;
    if (!isEmpty(rest)) result.push({ ...entry, fieldsV1: rest });
  }
  const own = union(mine ? subtract(mine.fieldsV1, touched) : {}, changed);
  if (!isEmpty(own)) result.push(entryOf('Update', definition.apiVersion, by, own));
  return result.length === 0 ? undefined : result;
}

export interface Applied {
  object: SimObject;
  managedFields: ManagedFieldsEntry[];
}

/**
 * Server-side apply: `configuration` merged into `live` (undefined: it becomes a new object) by one manager. Throws 409 with
 * every conflict unless `force`.
 */
export function serverSideApply(
  definition: ResourceDefinition,
  live: SimObject | undefined,
  configuration: SimObject,
  by: Writer,
  force: boolean,
): Applied {
  const context = contextOf(definition);
  const withStatus = by.subresource === 'status' || !definition.subresources.includes('status');
  const applied = ownable(configuration, withStatus);
  const tree = treeOf(context, applied);
  const entries = live ? managersOf(definition, live) : [];
  const mine = entries.find((entry) => sameEntry(entry, 'Apply', definition.apiVersion, by));
  const current = live ? ownable(live, true) : {};
  const others: ManagedFieldsEntry[] = [];
  const conflicts: { field: string; manager: string }[] = [];
  for (const entry of entries) {
    if (entry === mine) continue;
    const { fields, tree: taken } = disagreement(
      context,
      { tree, value: applied },
      { tree: entry.fieldsV1, value: current },
    );
    conflicts.push(
      ...fields.map((field) => ({
        field,
        manager: entry.manager + (entry.operation === 'Update' ? suffix(entry) : ''),
      })),
    );
    const rest = fields.length === 0 ? entry.fieldsV1 : subtract(entry.fieldsV1, taken);
    if (!isEmpty(rest)) others.push(fields.length === 0 ? entry : { ...entry, fieldsV1: rest });
  }
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);
  let merged = applyMerge(context, live ?? {}, {
    ...configuration,
    metadata: mergeableMetadata(configuration),
  }) as SimObject;
  if (mine) {
    let dropped = subtract(mine.fieldsV1, tree);
    for (const other of others) dropped = subtract(dropped, other.fieldsV1);
    if (!isEmpty(dropped)) {
      const kept = removeFields(context, ownable(merged, true), dropped) as Fields;
      const meta = { ...pickUnowned(merged.metadata as unknown as Fields), ...fieldsOf(kept['metadata']) };
      merged = { ...kept, apiVersion: merged.apiVersion, kind: merged.kind, metadata: meta } as unknown as SimObject;
    }
  }
  const unchanged = mine !== undefined && sameJson(mine.fieldsV1, tree);
  const own = unchanged ? mine : entryOf('Apply', definition.apiVersion, by, tree);
  const managedFields = isEmpty(tree)
    ? others
    : [
        ...others.filter((entry) => entry.operation === 'Apply'),
        own,
        ...others.filter((entry) => entry.operation === 'Update'),
      ];
  managedFields.sort((a, b) =>
    a.operation === b.operation
      ? a.manager < b.manager
        ? -1
        : a.manager > b.manager
          ? 1
          : 0
      : a.operation < b.operation
        ? -1
        : 1,
  );
  return { object: merged, managedFields };
}

function suffix(entry: ManagedFieldsEntry): string {
  const sub = entry.subresource === undefined ? '' : ` with subresource "${entry.subresource}"`;
  return `${sub} using ${entry.apiVersion}`;
}

function mergeableMetadata(configuration: SimObject): Fields {
  const metadata: Fields = { ...(configuration.metadata as unknown as Fields) };
  for (const field of ['managedFields', 'resourceVersion', 'generation', 'creationTimestamp', 'uid'])
    delete metadata[field];
  return metadata;
}

function pickUnowned(metadata: Fields): Fields {
  return Object.fromEntries(Object.entries(metadata).filter(([field]) => unownedMetadata.includes(field)));
}

function conflictError(conflicts: readonly { field: string; manager: string }[]): ApiError {
  const named = (manager: string): string => {
    const at = manager.search(/ (with subresource|using) /);
    return at < 0 ? `"${manager}"` : `"${manager.slice(0, at)}"${manager.slice(at)}`;
  };
  const groups = new Map<string, string[]>();
  for (const { manager, field } of conflicts) groups.set(manager, [...(groups.get(manager) ?? []), field]);
  const lines = [...groups].map(([manager, fields]) =>
    fields.length === 1
      ? `conflict with ${named(manager)}: ${fields[0]}`
      : `conflicts with ${named(manager)}:\n- ${fields.join('\n- ')}`,
  );
  const count = `${conflicts.length} conflict${conflicts.length === 1 ? '' : 's'}`;
  return new ApiError(409, 'Conflict', `Apply failed with ${count}: ${lines.join('\n')}`, {
    causes: conflicts.map(({ manager, field }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${named(manager)}`,
      field,
    })),
  });
}
