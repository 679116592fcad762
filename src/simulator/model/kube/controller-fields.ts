import { type FieldContext, isEmpty, subtract, treeOf, union } from './field-set.ts';
import { type Fields, type FieldTree, fieldsOf, type ManagedFieldsEntry, type SimObject } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const computed = new WeakMap<SimObject, ManagedFieldsEntry[]>();
const kubelets = new Set(['Node', 'Lease']);
const kubeletStatus = new Set(['Node', 'Pod']);
const ownedMetadata = ['labels', 'annotations', 'finalizers', 'ownerReferences', 'generateName'];
const revision = 'deployment.kubernetes.io/revision';

/**
 * managedFields as a reader sees them: what clients wrote is stored; what controllers and kubelets wrote is worked out from the
 * object when somebody asks. A controller owns the whole of what it made, and the status of what it looks after.
 */
export function managersOf(definition: ResourceDefinition, object: SimObject): ManagedFieldsEntry[] {
  let entries = computed.get(object);
  if (!entries) {
    entries = [...(object.metadata.managedFields ?? [])];
    const hasStatus = definition.subresources.includes('status');
    const context: FieldContext = { kind: definition.kind, custom: definition.custom !== undefined };
    const own = ownTree(context, object, entries.length > 0, !hasStatus);
    const maker = kubelets.has(definition.kind) ? 'kubelet' : 'kube-controller-manager';
    add(entries, entry(definition, object, maker, own));
    if (hasStatus && object['status'] !== undefined) {
      const status = treeOf(context, { status: object['status'] });
      const keeper = kubeletStatus.has(definition.kind) ? 'kubelet' : 'kube-controller-manager';
      const inside = status['f:status'];
      if (inside && !isEmpty(inside))
        add(entries, { ...entry(definition, object, keeper, status), subresource: 'status' });
    }
    computed.set(object, entries);
  }
  return entries;
}

/** Everything, when no client had a hand in it; else the one field that a controller keeps in a client's object. */
function ownTree(context: FieldContext, object: SimObject, shared: boolean, withStatus: boolean): FieldTree {
  if (shared) {
    const value = object.metadata.annotations?.[revision];
    return value === undefined ? {} : treeOf(context, { metadata: { annotations: { [revision]: value } } });
  }
  const metadata: Fields = {};
  for (const field of ownedMetadata) {
    const value = fieldsOf(object.metadata)[field];
    if (value !== undefined) metadata[field] = value;
  }
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status, ...rest } = object;
  return treeOf(context, {
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...rest,
    ...(withStatus && status !== undefined ? { status } : {}),
  });
}

function entry(
  definition: ResourceDefinition,
  object: SimObject,
  manager: string,
  fieldsV1: FieldTree,
): ManagedFieldsEntry {
  const time = object.metadata.creationTimestamp;
  return { manager, operation: 'Update', apiVersion: definition.apiVersion, time, fieldsType: 'FieldsV1', fieldsV1 };
}

/** Gives the entry what nobody else has, together with what its manager has already. */
function add(entries: ManagedFieldsEntry[], made: ManagedFieldsEntry): void {
  let rest = made.fieldsV1;
  let mine = -1;
  entries.forEach((each, index) => {
    const same =
      each.manager === made.manager && each.operation === made.operation && each.subresource === made.subresource;
    if (same) mine = index;
    else rest = subtract(rest, each.fieldsV1);
  });
  const before = entries[mine];
  if (before) entries[mine] = { ...before, fieldsV1: union(before.fieldsV1, rest) };
  else if (!isEmpty(rest)) entries.push({ ...made, fieldsV1: rest });
}
