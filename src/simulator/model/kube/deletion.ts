import { badRequest, conflict, deletedStatus } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { isPodFinished, mirrorAnnotation, type Pod } from './kinds.ts';
import { controllerOf, type Fields, isFields, type ObjectMeta, type SimObject, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { badOptions, notSupported } from './request-options.ts';
import type { ResourceDefinition } from './resource-definition.ts';

const propagations = ['Foreground', 'Background', 'Orphan', 'nil'];

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export interface DeletionOptions {
  gracePeriodSeconds?: number | undefined;
  propagation?: Propagation | undefined;
  uid?: string | undefined;
  resourceVersion?: string | undefined;
  dryRun?: boolean;
}

/** DeleteOptions from a body and the query; throws 400 when they are none. */
export function deletionOptions(body: unknown, query: URLSearchParams): DeletionOptions {
  const options: DeletionOptions = {};
  const fields: Fields = isFields(body) ? body : {};
  if (body !== undefined && !isFields(body)) throw badRequest('the request body is no DeleteOptions');
  const grace = fields['gracePeriodSeconds'] ?? numberIn(query.get('gracePeriodSeconds'));
  if (grace !== undefined && grace !== null) {
    if (typeof grace !== 'number' || !Number.isSafeInteger(grace))
      throw badRequest('gracePeriodSeconds must be a whole number');
    options.gracePeriodSeconds = grace < 0 ? 1 : grace;
  }
  const policy = fields['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined;
  if (policy !== undefined) {
    if (policy !== 'Background' && policy !== 'Foreground' && policy !== 'Orphan') {
      const shown = JSON.stringify(policy);
      throw badOptions('DeleteOptions', [notSupported('propagationPolicy', shown, propagations)]);
    }
    if (fields['orphanDependents'] !== undefined && fields['orphanDependents'] !== null) {
      const message = `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`;
      throw badOptions('DeleteOptions', [{ field: 'propagationPolicy', reason: 'FieldValueInvalid', message }]);
    }
    options.propagation = policy;
  } else if (fields['orphanDependents'] === true) options.propagation = 'Orphan';
  const preconditions = fields['preconditions'];
  if (isFields(preconditions)) {
    if (typeof preconditions['uid'] === 'string') options.uid = preconditions['uid'];
    if (typeof preconditions['resourceVersion'] === 'string')
      options.resourceVersion = preconditions['resourceVersion'];
  }
  const dry = fields['dryRun'];
  options.dryRun = query.get('dryRun') === 'All' || (Array.isArray(dry) && dry.includes('All'));
  return options;
}

function numberIn(text: string | null): number | undefined {
  return text === null || text === '' ? undefined : Number(text);
}

/** 409 when the object is not the one that the client means. */
export function checkPreconditions(definition: ResourceDefinition, object: SimObject, options: DeletionOptions): void {
  const { name, uid, resourceVersion } = object.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      definition,
      name,
      `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      definition,
      name,
      `Precondition failed: ResourceVersion in precondition: ${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    );
  }
}

/** Grace that a pod's deletion gets. */
function graceOf(pod: Pod, asked: number | undefined): number {
  if (pod.spec.nodeName === undefined || isPodFinished(pod)) return 0;
  return asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
}

/** Kinds whose dependents stay by default when they are deleted over the API. */
const orphaning = new Set(['Job', 'ReplicationController']);

/**
 * Deletes, or begins to: an object with finalizers or grace stays until they are done. Preconditions are checked here. Returns
 * what the API answers: the object when it still is there (or is a pod), else a Status.
 */
export function requestDeletion(
  core: ClusterCore,
  writer: ObjectWriter,
  definition: ResourceDefinition,
  object: SimObject,
  options: DeletionOptions,
): Fields | SimObject {
  checkPreconditions(definition, object, options);
  const isPod = definition.key === 'pods';
  const grace = isPod ? graceOf(object as Pod, options.gracePeriodSeconds) : 0;
  if (isPod && !options.dryRun) announce(core, object as Pod, grace, options);
  const finalizers = new Set(object.metadata.finalizers ?? []);
  const first = object.metadata.deletionTimestamp === undefined;
  if (first || options.propagation !== undefined) {
    const propagation =
      options.propagation ?? (orphaning.has(definition.kind) && core.actor.kind === 'client' ? 'Orphan' : 'Background');
    if (propagation === 'Foreground') finalizers.add('foregroundDeletion').delete('orphan');
    else if (propagation === 'Orphan') finalizers.add('orphan').delete('foregroundDeletion');
  }
  const terminatingNamespace = definition.key === 'namespaces';
  const stays = finalizers.size > 0 || grace > 0 || terminatingNamespace;
  if (!stays) {
    if (!options.dryRun) writer.remove(definition, object);
    return isPod ? object : deletedStatus(definition, object);
  }
  const metadata: ObjectMeta = { ...object.metadata };
  if (finalizers.size > 0) metadata.finalizers = [...finalizers];
  if (first || (isPod && grace < (metadata.deletionGracePeriodSeconds ?? 0))) {
    metadata.deletionTimestamp = stamp(core.clock.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (metadata.generation !== undefined && first) metadata.generation += 1;
  }
  const next: SimObject = { ...object, metadata };
  if (terminatingNamespace) {
    next['status'] = { ...(isFields(object['status']) ? object['status'] : {}), phase: 'Terminating' };
    // The API marks a namespace as terminating at once but gives its contents no grace of its own.
    delete metadata.deletionGracePeriodSeconds;
  }
  const changed =
    !first &&
    metadata.deletionTimestamp === object.metadata.deletionTimestamp &&
    finalizers.size === (object.metadata.finalizers?.length ?? 0);
  if (options.dryRun || changed) return changed ? object : next;
  return core.store.put(definition, next);
}

function announce(core: ClusterCore, pod: Pod, grace: number, options: DeletionOptions): void {
  const mirror = pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
  core.emit({
    kind: 'pod-delete-requested',
    namespace: pod.metadata.namespace ?? '',
    pod: pod.metadata.name,
    uid: pod.metadata.uid,
    node: pod.spec.nodeName ?? '',
    gracePeriodSeconds: grace,
    uidPrecondition: options.uid !== undefined,
    podKind: mirror
      ? 'mirror'
      : controllerOf(pod)?.kind === 'DaemonSet'
        ? 'daemon'
        : isPodFinished(pod)
          ? 'finished'
          : 'workload',
  });
}
