import type { ClusterCore } from '../cluster-core.ts';
import { requestDeletion } from '../deletion.ts';
import { isTerminating } from '../kinds.ts';
import type { SimObject } from '../object.ts';
import type { Change } from '../object-store.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

/** Deletes what has lost its last owner, and finishes foreground and orphaning deletions. */
export class GarbageCollector {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  /** Uids of owners to look at, there or gone. */
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#queue = new WorkQueue(core, 'garbage-collector', seededLag(core, 'gc', [5, 60]), (uid) => this.#sync(uid));
    core.store.onAnyChange((change) => this.#changed(change));
  }

  #changed({ object, old, type }: Change): void {
    const owners = object.metadata.ownerReferences;
    if (type === 'DELETED') this.#queue.add(object.metadata.uid);
    else if (
      isTerminating(object) &&
      object.metadata.finalizers?.some((each) => each === 'foregroundDeletion' || each === 'orphan')
    ) {
      this.#queue.add(object.metadata.uid);
    }
    if (!owners) return;
    for (const owner of owners) {
      const above = this.#core.store.byUid(owner.uid);
      if (
        !above
          ? type === 'ADDED' || old?.metadata.ownerReferences !== owners
          : type === 'DELETED' && isTerminating(above)
      )
        this.#queue.add(owner.uid);
    }
  }

  #definition(object: SimObject): ResourceDefinition | undefined {
    return this.#core.resources.byKind(object.apiVersion, object.kind);
  }

  #sync(uid: string): void {
    const owner = this.#core.store.byUid(uid);
    if (!owner) {
      for (const dependent of this.#core.store.dependents(uid)) this.#ownerGone(dependent, uid);
      return;
    }
    if (!isTerminating(owner)) return;
    if (owner.metadata.finalizers?.includes('orphan')) this.#orphan(owner);
    else if (owner.metadata.finalizers?.includes('foregroundDeletion')) this.#foreground(owner);
  }

  #ownerGone(dependent: SimObject, uid: string): void {
    const definition = this.#definition(dependent);
    if (!definition) return;
    const others = (dependent.metadata.ownerReferences ?? []).filter(
      (each) => each.uid !== uid && this.#core.store.byUid(each.uid),
    );
    if (others.length > 0)
      this.#writer.update(definition, dependent, {
        ...dependent,
        metadata: { ...dependent.metadata, ownerReferences: others },
      });
    else if (!isTerminating(dependent))
      requestDeletion(this.#core, this.#writer, definition, dependent, { propagation: 'Background' });
  }

  #foreground(owner: SimObject): void {
    const { uid } = owner.metadata;
    for (const dependent of this.#core.store.dependents(uid)) {
      const definition = this.#definition(dependent);
      if (!definition || isTerminating(dependent)) continue;
      const propagation = this.#core.store.dependents(dependent.metadata.uid).length > 0 ? 'Foreground' : 'Background';
      requestDeletion(this.#core, this.#writer, definition, dependent, { propagation });
    }
    const blocking = this.#core.store
      .dependents(uid)
      .some((each) =>
        each.metadata.ownerReferences?.some(
          (reference) => reference.uid === uid && reference.blockOwnerDeletion === true,
        ),
      );
    if (!blocking) this.#dropFinalizer(uid, 'foregroundDeletion');
  }

  #orphan(owner: SimObject): void {
    const { uid } = owner.metadata;
    for (const dependent of this.#core.store.dependents(uid)) {
      const definition = this.#definition(dependent);
      if (!definition) continue;
      const metadata = { ...dependent.metadata };
      const others = (metadata.ownerReferences ?? []).filter((each) => each.uid !== uid);
      if (others.length > 0) metadata.ownerReferences = others;
      else delete metadata.ownerReferences;
      this.#writer.update(definition, dependent, { ...dependent, metadata });
    }
    this.#dropFinalizer(uid, 'orphan');
  }

  #dropFinalizer(uid: string, finalizer: string): void {
    const owner = this.#core.store.byUid(uid);
    const definition = owner && this.#definition(owner);
    if (!owner || !definition) return;
    const finalizers = (owner.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    this.#writer.update(definition, owner, { ...owner, metadata: { ...owner.metadata, finalizers } });
  }
}
