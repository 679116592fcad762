import { admitChange, admitNew, decodeObject } from './admission.ts';
import { ApiError, badRequest, forbidden, invalid, notFound } from './api-error.ts';
import {
  type KubeAnswer,
  type KubeRequest,
  readBody,
  type Target,
  unsupportedMediaType,
  withWarnings,
} from './api-request.ts';
import type { ClusterCore } from './cluster-core.ts';
import { managersOf } from './controller-fields.ts';
import { deletionOptions, requestDeletion } from './deletion.ts';
import { withoutEmptyFields } from './empty-fields.ts';
import { eventAs, storedEvent } from './event-versions.ts';
import { jsonPatch, mergePatch, PatchFailed } from './json-patch.ts';
import { afterUpdate, serverSideApply, type Writer } from './managed-fields.ts';
import {
  cloneJson,
  type Fields,
  fieldsOf,
  isFields,
  type ManagedFieldsEntry,
  type SimObject,
  sameJson,
  shownText,
  stamp,
  without,
} from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { strategicMerge } from './strategic-merge.ts';

const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

const immortalNamespaces: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** What a PUT makes when it is not there. */
const createdByPut: ReadonlySet<string> = new Set(['leases.coordination.k8s.io']);

/** Create, update, patch, apply and delete. */
export class WriteHandlers {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
  }

  create(target: Target): KubeAnswer {
    const { definition, request } = target;
    const body = readBody(request, definition);
    const place = { definition, namespace: target.namespace, name: undefined };
    const { object, warnings } = decodeObject(body, place, request.query.get('fieldValidation'));
    const admitted = this.#admitNew(definition, storedForm(definition, object), this.#by(target, undefined), undefined);
    if (!isDryRun(request.query)) this.#writer.create(definition, admitted);
    return withWarnings({ status: 201, body: shown(definition, admitted) }, warnings);
  }

  update(target: Target, subresource: string | undefined): KubeAnswer {
    const { definition, namespace, name, request } = target;
    const { object, warnings } = decodeObject(
      readBody(request, definition),
      target,
      request.query.get('fieldValidation'),
    );
    const old = this.#core.store.table(definition.key).get(namespace, name as string);
    if (!old && subresource === undefined && createdByPut.has(definition.key)) {
      const admitted = this.#admitNew(
        definition,
        storedForm(definition, object),
        this.#by(target, undefined),
        undefined,
      );
      if (!isDryRun(request.query)) this.#writer.create(definition, admitted);
      return withWarnings({ status: 201, body: shown(definition, admitted) }, warnings);
    }
    if (!old) throw notFound(definition, name as string);
    return withWarnings(this.#change(target, old, storedForm(definition, object), subresource), warnings);
  }

  patch(target: Target, subresource: string | undefined): KubeAnswer {
    const { definition, namespace, name, request } = target;
    const type = (request.contentType ?? '').split(';')[0]?.trim() ?? '';
    const allowed = Object.values(patchTypes).filter((each) => each !== patchTypes.strategic || !definition.custom);
    if (!allowed.includes(type)) throw unsupportedMediaType(allowed);
    const body = readBody(request, definition);
    if (type === patchTypes.apply) return this.#apply(target, body, subresource);
    const old = this.#existing(definition, namespace, name as string);
    const patched = patchedObject(definition, shown(definition, old), type, body);
    const place = {
      definition,
      namespace,
      name,
      patch: type === patchTypes.strategic ? goText(body) : shownText(patched),
    };
    const { object, warnings } = decodeObject(patched, place, request.query.get('fieldValidation'));
    if (
      fieldsOf(body)['metadata'] === undefined ||
      fieldsOf(fieldsOf(body)['metadata'])['resourceVersion'] === undefined
    ) {
      // A patch without a version applies to whatever is there.
      object.metadata = { ...object.metadata, resourceVersion: old.metadata.resourceVersion };
    }
    return withWarnings(this.#change(target, old, storedForm(definition, object), subresource), warnings);
  }

  delete(target: Target): KubeAnswer {
    const { definition, namespace, name, request } = target;
    const options = deletionOptions(readBody(request, { kind: 'DeleteOptions' }), request.query);
    const object = this.#existing(definition, namespace, name as string);
    if (definition.key === 'namespaces' && immortalNamespaces.has(object.metadata.name))
      throw forbidden(definition, object.metadata.name, 'this namespace may not be deleted');
    return { status: 200, body: requestDeletion(this.#core, this.#writer, definition, object, options) };
  }

  deleteCollection(target: Target): KubeAnswer {
    const { definition, namespace, request } = target;
    const labels = parseLabelSelector(request.query.get('labelSelector') ?? '');
    const fields = parseFieldSelector(definition.plural, request.query.get('fieldSelector') ?? '');
    const options = deletionOptions(readBody(request, { kind: 'DeleteOptions' }), request.query);
    const items = this.#core.store
      .table(definition.key)
      .sorted(namespace)
      .filter((object) => labels(object.metadata.labels) && fields.matches(object));
    for (const object of items) requestDeletion(this.#core, this.#writer, definition, object, options);
    const metadata = { resourceVersion: String(this.#core.store.revision) };
    return { status: 200, body: { kind: definition.listKind, apiVersion: definition.apiVersion, metadata, items } };
  }

  /** Server-side apply from inside the simulator, by a named manager. Returns the stored object. */
  applyAs(definition: ResourceDefinition, object: SimObject, manager: string): SimObject {
    const { namespace, name } = object.metadata;
    const by: Writer = { manager, now: stamp(this.#core.clock.now()), subresource: undefined };
    const place = { definition, namespace, name };
    return this.#applied(place, cloneJson(object), by, {
      force: true,
      dryRun: false,
      fieldValidation: null,
      subresource: undefined,
    }).object;
  }

  #existing(definition: ResourceDefinition, namespace: string | undefined, name: string): SimObject {
    const object = this.#core.store.table(definition.key).get(namespace, name);
    if (!object) throw notFound(definition, name);
    return object;
  }

  #by(target: Target, subresource: string | undefined): Writer {
    return writerOf(this.#core, target.request, subresource);
  }

  #admitNew(
    definition: ResourceDefinition,
    object: SimObject,
    by: Writer,
    managed: ManagedFieldsEntry[] | undefined,
  ): SimObject {
    const admitted = admitNew(this.#core, definition, object);
    const managedFields = managed ?? afterUpdate(definition, undefined, admitted, by);
    if (managedFields) admitted.metadata.managedFields = managedFields;
    else delete admitted.metadata.managedFields;
    return admitted;
  }

  #change(target: Target, old: SimObject, next: SimObject, subresource: string | undefined): KubeAnswer {
    const { definition } = target;
    const reset = Array.isArray(next.metadata.managedFields) && next.metadata.managedFields.length === 0;
    const admitted = admitChange(this.#core, definition, old, next, subresource);
    if (admitted === old) return { status: 200, body: shown(definition, old) };
    const managedFields = reset ? undefined : afterUpdate(definition, old, admitted, this.#by(target, subresource));
    if (managedFields) admitted.metadata.managedFields = managedFields;
    else delete admitted.metadata.managedFields;
    if (isDryRun(target.request.query)) return { status: 200, body: shown(definition, admitted) };
    const stored =
      subresource === 'status'
        ? this.#core.store.put(definition, admitted)
        : this.#writer.update(definition, old, admitted);
    return { status: 200, body: shown(definition, stored) };
  }

  #apply(target: Target, body: unknown, subresource: string | undefined): KubeAnswer {
    const { definition, request } = target;
    const { query } = request;
    if (!query.get('fieldManager')) {
      const message = 'Required value: is required for apply patch';
      throw invalid({ kind: 'PatchOptions', group: 'meta.k8s.io' }, '', [
        { field: 'fieldManager', reason: 'FieldValueRequired', message },
      ]);
    }
    if (!isFields(body)) throw badRequest('error decoding YAML: the configuration is no object');
    if (body['apiVersion'] === undefined || body['kind'] === undefined) {
      throw badRequest("Object 'Kind' is missing in the applied configuration");
    }
    const place = { definition, namespace: target.namespace, name: target.name };
    const { created, object, warnings } = this.#applied(place, body, this.#by(target, subresource), {
      force: query.get('force') === 'true',
      dryRun: isDryRun(query),
      fieldValidation: query.get('fieldValidation'),
      subresource,
    });
    return withWarnings({ status: created ? 201 : 200, body: shown(definition, object) }, warnings);
  }

  #applied(
    place: { definition: ResourceDefinition; namespace: string | undefined; name: string | undefined },
    body: unknown,
    by: Writer,
    options: { force: boolean; dryRun: boolean; fieldValidation: string | null; subresource: string | undefined },
  ): { created: boolean; object: SimObject; warnings: string[] } {
    const { definition, namespace, name } = place;
    const { object: configuration, warnings } = decodeObject(
      body,
      { ...place, applied: true },
      options.fieldValidation,
    );
    if (configuration.metadata.managedFields?.length) throw badRequest('metadata.managedFields must be nil');
    const old = this.#core.store.table(definition.key).get(namespace, name as string);
    if (!old && options.subresource !== undefined) throw notFound(definition, name as string);
    if (old && configuration.metadata.uid && configuration.metadata.uid !== old.metadata.uid) {
      const message = `Operation cannot be fulfilled on ${definition.plural} "${name}": uid mismatch: the provided object specified uid ${configuration.metadata.uid}, and no existing object was found`;
      throw new ApiError(409, 'Conflict', message);
    }
    const live = old && shown(definition, old);
    const result = serverSideApply(definition, live, configuration, by, options.force);
    if (!old) {
      const made = storedForm(definition, result.object);
      const admitted = this.#admitNew(definition, made, by, result.managedFields);
      if (!options.dryRun) this.#writer.create(definition, admitted);
      return { created: true, object: admitted, warnings };
    }
    const given = configuration.metadata.resourceVersion;
    const next = {
      ...storedForm(definition, result.object),
      metadata: { ...result.object.metadata, resourceVersion: given || old.metadata.resourceVersion },
    };
    const admitted = admitChange(this.#core, definition, old, next, options.subresource);
    const sameManagers = sameJson(withoutTimes(result.managedFields), withoutTimes(managersOf(definition, old)));
    if (admitted === old && sameManagers) return { created: false, object: old, warnings };
    const changed = admitted === old ? { ...old, metadata: { ...old.metadata } } : admitted;
    changed.metadata.managedFields = result.managedFields;
    if (options.dryRun) return { created: false, object: changed, warnings };
    return { created: false, object: this.#writer.update(definition, old, changed), warnings };
  }
}

/** A value as Go prints it: `map[spec:map[replicas:2]]`. */
function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (value === null) return '<nil>';
  if (!isFields(value)) return shownText(value);
  const keys = Object.keys(value).sort();
  return `map[${keys.map((key) => `${key}:${goText(value[key])}`).join(' ')}]`;
}

function withoutTimes(entries: readonly ManagedFieldsEntry[]): Fields[] {
  return entries.map((entry) => without(entry, ['time']));
}

/** As it is kept: events have one form, whichever group they are written through; nothing is empty that may be absent. */
function storedForm(definition: ResourceDefinition, object: SimObject): SimObject {
  const full = definition.custom ? object : withoutEmptyFields(definition, object);
  return definition.key === 'events' ? storedEvent(definition.group, full) : full;
}

function shown(definition: ResourceDefinition, object: SimObject): SimObject {
  if (definition.key === 'events') return eventAs(definition.group, object);
  return object.apiVersion === definition.apiVersion ? object : { ...object, apiVersion: definition.apiVersion };
}

/** Who writes, for managedFields. */
export function writerOf(core: ClusterCore, request: KubeRequest, subresource: string | undefined): Writer {
  const named = request.query.get('fieldManager');
  const manager = named || (request.userAgent ?? '').split('/')[0] || 'unknown';
  return { manager, now: stamp(core.clock.now()), subresource };
}

/** `dryRun=All`; any other value was refused before. */
export function isDryRun(query: URLSearchParams): boolean {
  return query.get('dryRun') === 'All';
}

function patchedObject(definition: ResourceDefinition, old: SimObject, type: string, body: unknown): unknown {
  try {
    let patched: unknown;
    if (type === patchTypes.json) patched = jsonPatch(old, body);
    else if (!isFields(body))
      throw badRequest('json: cannot unmarshal array into Go value of type map[string]interface {}');
    else patched = type === patchTypes.merge ? mergePatch(old, body) : strategicMerge(definition.kind, old, body);
    if (!isFields(patched) || !isFields(patched['metadata'])) throw badRequest('the patched object has no metadata');
    // Decoding changes what it decodes, and a patch shares what it leaves alone with the stored object.
    const copy: Fields = { ...patched, metadata: { ...fieldsOf(patched['metadata']) } };
    for (const field of ['spec', 'data', 'status'])
      if (copy[field] !== old[field]) copy[field] = cloneJson(copy[field]);
    return copy;
  } catch (error) {
    if (!(error instanceof PatchFailed)) throw error;
    const { name } = old.metadata;
    throw new ApiError(
      422,
      'Invalid',
      `the server rejected our request due to an error in our request: ${error.message}`,
      { name, kind: definition.plural },
    );
  }
}
