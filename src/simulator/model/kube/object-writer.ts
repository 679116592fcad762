import type { ClusterCore } from './cluster-core.ts';
import { type ObjectMeta, type SimObject, sameJson, stamp, without } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** The last step of every write, of clients and controllers alike: stores, and removes what is finished. */
export class ObjectWriter {
  readonly #core: ClusterCore;

  constructor(core: ClusterCore) {
    this.#core = core;
  }

  /** Stores a complete new object. The caller has given it name, uid and creationTimestamp. */
  create<T extends SimObject>(definition: ResourceDefinition, object: T): T {
    return this.#core.store.put(definition, object) as T;
  }

  /** Fresh metadata for an object that a controller makes. */
  newMetadata(name: string, namespace: string | undefined, more: Partial<ObjectMeta> = {}): ObjectMeta {
    return {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid: this.#core.newUid(),
      resourceVersion: '',
      creationTimestamp: stamp(this.#core.clock.now()),
      ...more,
    };
  }

  /**
   * Replaces `old` by `next`, whose metadata must be a new object. Raises the generation when the desired state changed; an
   * object that was waiting for its finalizers and has none left is removed.
   */
  update<T extends SimObject>(definition: ResourceDefinition, old: T, next: T): T {
    if (definition.hasGeneration && desiredStateChanged(definition, old, next)) {
      next.metadata.generation = (old.metadata.generation ?? 1) + 1;
    }
    if (next.metadata.finalizers?.length === 0) delete next.metadata.finalizers;
    if (isFinished(definition, next)) {
      this.#core.store.remove(definition, { ...next });
      return next;
    }
    return this.#core.store.put(definition, next) as T;
  }

  /** Writes a new status, unless it says what is already there. Returns the stored object. */
  setStatus<T extends SimObject>(definition: ResourceDefinition, old: T, status: T['status']): T {
    if (sameJson(old['status'], status)) return old;
    return this.#core.store.put(definition, { ...old, metadata: { ...old.metadata }, status }) as T;
  }

  remove(definition: ResourceDefinition, object: SimObject): void {
    this.#core.store.remove(definition, object);
  }
}

function isFinished(definition: ResourceDefinition, object: SimObject): boolean {
  const { deletionTimestamp, finalizers, deletionGracePeriodSeconds } = object.metadata;
  if (deletionTimestamp === undefined || finalizers !== undefined) return false;
  if (definition.key === 'namespaces') {
    return ((object['spec'] as { finalizers?: string[] } | undefined)?.finalizers ?? []).length === 0;
  }
  return (deletionGracePeriodSeconds ?? 0) === 0;
}

function desiredStateChanged(definition: ResourceDefinition, old: SimObject, next: SimObject): boolean {
  if (definition.kind === 'Deployment' && !sameJson(old.metadata.annotations, next.metadata.annotations)) {
    // The revision annotation is written with the status and does not count.
    const counting = (object: SimObject): object =>
      without(object.metadata.annotations ?? {}, ['deployment.kubernetes.io/revision']);
    if (!sameJson(counting(old), counting(next))) return true;
  }
  for (const field of new Set([...Object.keys(old), ...Object.keys(next)])) {
    if (field === 'metadata' || field === 'status' || field === 'apiVersion' || field === 'kind') continue;
    if (!sameJson(old[field], next[field])) return true;
  }
  return false;
}
