import { mutated, validated } from './admission-webhooks.ts';
import {
  type ApiError,
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  modifiedMeanwhile,
  notFound,
} from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { checkCustomObject, pruneCustomObject } from './custom-resource.ts';
import { applyDefaults, labelJobTemplate, qosOf } from './defaults.ts';
import { type Namespace, notReadyTaint } from './kinds.ts';
import { checkLimits, withLimitDefaults } from './limit-range.ts';
import {
  type Fields,
  fieldsOf,
  isFields,
  listOf,
  type ObjectMeta,
  type SimObject,
  sameJson,
  shownText,
  stamp,
} from './object.ts';
import { accountRefusal, completePodSpec, refusePrivileged } from './pod-admission.ts';
import { podSecurityRefusal } from './pod-security.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { quotaRefusal } from './resource-quota.ts';
import { allocateAddresses } from './service-addresses.ts';
import { checkShape } from './shapes.ts';
import { misfitOf } from './typed-patch.ts';
import { validate } from './validation.ts';
import { admitStorage } from './volume-admission.ts';

export interface DecodedObject {
  object: SimObject;
  warnings: string[];
}

/** What the path says that the object must be. */
export interface Place {
  definition: ResourceDefinition;
  namespace: string | undefined;
  /** Undefined for a create. */
  name: string | undefined;
  /** For a patched object: the patch, as errors show it. */
  patch?: string;
  /** It is a configuration for server-side apply, which takes nothing that the schema does not know, whatever validation is asked for. */
  applied?: true;
}

/**
 * A client's object, checked against its kind: 400 for another kind, another namespace, or fields of wrong types. The object
 * passed in is taken over.
 */
export function decodeObject(body: unknown, place: Place, fieldValidation: string | null): DecodedObject {
  const { definition, namespace, name } = place;
  if (!isFields(body))
    throw badRequest(
      `json: cannot unmarshal ${Array.isArray(body) ? 'array' : typeof body} into Go value of type ${definition.kind}`,
    );
  body['apiVersion'] ??= definition.apiVersion;
  body['kind'] ??= definition.kind;
  const what = `${definition.kind} in version "${definition.version}" cannot be handled as a ${definition.kind}`;
  if (body['kind'] !== definition.kind) {
    throw badRequest(
      `${shownText(body['kind'])} in version "${definition.version}" cannot be handled as a ${definition.kind}: converting (${shownText(body['kind'])}) to (${definition.kind}): unknown conversion`,
    );
  }
  if (body['apiVersion'] !== definition.apiVersion) {
    throw badRequest(
      `the API version in the data (${shownText(body['apiVersion'])}) does not match the expected API version (${definition.apiVersion})`,
    );
  }
  if (body['metadata'] === undefined || body['metadata'] === null) body['metadata'] = {};
  const problems = checkShape(definition, body, definition.custom !== undefined);
  if (definition.custom) problems.unknown.push(...pruneCustomObject(definition, body));
  const misfit = place.applied ? misfitOf(place, body, problems) : undefined;
  if (misfit) throw misfit;
  if (problems.wrong !== undefined) throw undecodable(place, what, problems.wrong);
  const warnings: string[] = [];
  if (problems.unknown.length > 0) {
    const texts = problems.unknown.map((field) => `unknown field "${field}"`);
    if (fieldValidation === 'Strict') throw undecodable(place, what, `strict decoding error: ${texts.join(', ')}`);
    if (fieldValidation !== 'Ignore') warnings.push(...texts);
  }
  const object = body as unknown as SimObject;
  const meta = object.metadata as Partial<ObjectMeta>;
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'selfLink']) {
    if ((meta as Fields)[field] === null || field === 'selfLink') delete (meta as Fields)[field];
  }
  for (const field of ['labels', 'annotations'] as const)
    if (meta[field] && Object.keys(meta[field]).length === 0) delete meta[field];
  if (meta.finalizers?.length === 0) delete meta.finalizers;
  if (meta.ownerReferences?.length === 0) delete meta.ownerReferences;
  if (definition.namespaced) {
    if (meta.namespace !== undefined && meta.namespace !== '' && meta.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    if (namespace !== undefined) meta.namespace = namespace;
  } else delete meta.namespace;
  if (name !== undefined) {
    if (meta.name !== undefined && meta.name !== '' && meta.name !== name) {
      throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${name})`);
    }
    meta.name = name;
  }
  return { object, warnings };
}

/** An object that cannot be read is a bad request; a patch that makes one is invalid. */
function undecodable(place: Place, what: string, why: string): ApiError {
  if (place.patch === undefined) return badRequest(`${what}: ${why}`);
  const message = `Invalid value: ${JSON.stringify(place.patch)}: ${why}`;
  return invalid({ kind: '', group: '' }, '', [{ field: 'patch', reason: 'FieldValueInvalid', message }]);
}

/** Everything the server does to a new object before it is stored. `object` is taken over and changed. */
export function admitNew(core: ClusterCore, definition: ResourceDefinition, object: SimObject): SimObject {
  const meta = object.metadata;
  if (meta.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  nameIt(core, definition, meta);
  meta.uid = core.newUid();
  meta.creationTimestamp = stamp(core.clock.now());
  meta.resourceVersion = '';
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.generation;
  if (definition.hasGeneration) meta.generation = 1;
  if (definition.subresources.includes('status') && definition.kind !== 'Node') delete object['status'];
  requireNamespace(core, definition, meta);
  if (definition.namespaced && meta.namespace === undefined)
    throw badRequest('an empty namespace may not be set during creation');
  finishSpec(core, definition, object, undefined);
  const changed = mutated(core, { definition, object, old: undefined, operation: 'CREATE' });
  if (changed !== object) Object.assign(object, changed);
  validate(definition, object, undefined);
  refusePrivileged(core, definition, object);
  if (definition.kind === 'Job') labelJobTemplate(object);
  if (core.store.table(definition.key).get(meta.namespace, meta.name)) throw alreadyExists(definition, meta.name);
  if (definition.namespaced && !definition.custom) {
    checkLimits(core, definition, object);
    const refusal = quotaRefusal(core, definition, object);
    if (refusal) throw refusal;
  }
  const refused = definition.key === 'pods' ? podSecurityRefusal(core, definition, object) : undefined;
  if (refused) throw refused;
  validated(core, { definition, object, old: undefined, operation: 'CREATE' });
  if (definition.kind === 'Service') allocateAddresses(core, object, undefined);
  return object;
}

/**
 * Everything the server does to a changed object before it is stored. Returns `old` itself when nothing changes.
 * `subresource` 'status' takes the status alone from `next`, undefined everything but the status.
 */
export function admitChange(
  core: ClusterCore,
  definition: ResourceDefinition,
  old: SimObject,
  next: SimObject,
  subresource: string | undefined,
): SimObject {
  const before = old.metadata;
  const given = next.metadata;
  const name = before.name;
  if (given.uid && given.uid !== before.uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${given.uid}, UID in object meta: ${before.uid}`,
    );
  }
  if (given.resourceVersion && given.resourceVersion !== before.resourceVersion)
    throw conflict(definition, name, modifiedMeanwhile);
  if (subresource === 'status') {
    const result: SimObject = { ...old, metadata: { ...before } };
    if (next['status'] !== undefined) result['status'] = next['status'];
    return sameJson(old, result) ? old : result;
  }
  const added = (given.finalizers ?? []).filter((each) => !before.finalizers?.includes(each));
  if (before.deletionTimestamp !== undefined && added.length > 0) {
    const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((each) => JSON.stringify(each)).join(', ')}}`;
    throw invalid(definition, name, [{ field: 'metadata.finalizers', reason: 'FieldValueForbidden', message }]);
  }
  const metadata: ObjectMeta = { ...before };
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    const value = given[field];
    if (value === undefined || (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0))
      delete metadata[field];
    else Object.assign(metadata, { [field]: value });
  }
  const result: SimObject = { ...next, metadata };
  if (definition.subresources.includes('status')) {
    if (old['status'] === undefined) delete result['status'];
    else result['status'] = old['status'];
  }
  if (definition.kind === 'Namespace') {
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': name };
    result['spec'] = old['spec'];
  }
  finishSpec(core, definition, result, old);
  if (sameJson(old, result)) return old;
  validate(definition, result, old);
  validated(core, { definition, object: result, old, operation: 'UPDATE' });
  if (definition.kind === 'Service') allocateAddresses(core, result, old);
  return result;
}

function nameIt(core: ClusterCore, definition: ResourceDefinition, meta: ObjectMeta): void {
  if (meta.name || !meta.generateName) {
    meta.name ??= '';
    return;
  }
  const table = core.store.table(definition.key);
  for (let attempt = 0; attempt < 8; attempt++) {
    meta.name = `${meta.generateName.slice(0, 58)}${core.nameSuffix()}`;
    if (!table.get(meta.namespace, meta.name)) return;
  }
}

/** New content needs its namespace, and it must not be going away. @throws ApiError */
export function requireNamespace(
  core: ClusterCore,
  definition: ResourceDefinition,
  meta: Pick<ObjectMeta, 'name' | 'namespace'>,
): void {
  if (!definition.namespaced || meta.namespace === undefined) return;
  const namespaces = core.store.typed<Namespace>('namespaces');
  const namespace = namespaces.get(undefined, meta.namespace);
  if (!namespace) {
    const namespaceDefinition = core.resources.find('', 'v1', 'namespaces') as ResourceDefinition;
    throw notFound(namespaceDefinition, meta.namespace);
  }
  if (namespace.metadata.deletionTimestamp === undefined) return;
  const why = `unable to create new content in namespace ${meta.namespace} because it is being terminated`;
  const message = `namespace ${meta.namespace} is being terminated`;
  throw forbidden(definition, meta.name, why, [
    { reason: 'NamespaceTerminating', message, field: 'metadata.namespace' },
  ]);
}

function finishSpec(
  core: ClusterCore,
  definition: ResourceDefinition,
  object: SimObject,
  old: SimObject | undefined,
): void {
  if (definition.custom) {
    checkCustomObject(definition, object);
    return;
  }
  applyDefaults(definition, object);
  if (definition.kind === 'Pod' && !old) {
    const refusal = accountRefusal(core, definition, object);
    if (refusal) throw refusal;
    const limited = withLimitDefaults(core, object.metadata.namespace ?? '', fieldsOf(object['spec']));
    object['spec'] = completePodSpec(core, limited);
    if (isFields(object['status'])) object['status']['qosClass'] = qosOf(limited);
    const name = shownText(fieldsOf(object['spec'])['priorityClassName'] ?? '');
    // An unknown class left the priority unset.
    if (name !== '' && fieldsOf(object['spec'])['priority'] === undefined) {
      throw forbidden(definition, object.metadata.name, `no PriorityClass with name ${name} was found`);
    }
  }
  if (!old && (definition.kind === 'PersistentVolume' || definition.kind === 'PersistentVolumeClaim'))
    admitStorage(core, object);
  if (definition.kind === 'Node' && !old) taintNewNode(core, object);
  if (definition.kind === 'StatefulSet') {
    for (const item of listOf(fieldsOf(object['spec'])['volumeClaimTemplates'])) {
      if (isFields(item) && item['status'] === undefined)
        Object.assign(item, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', status: { phase: 'Pending' } });
    }
  }
}

/** A node takes no pods before its kubelet says that it is ready. */
function taintNewNode(core: ClusterCore, object: SimObject): void {
  const spec = fieldsOf(object['spec']);
  const taints = listOf(spec['taints']);
  if (taints.some((taint) => fieldsOf(taint)['key'] === notReadyTaint)) return;
  object['spec'] = {
    ...spec,
    taints: [...taints, { key: notReadyTaint, effect: 'NoSchedule', timeAdded: stamp(core.clock.now()) }],
  };
}
