import type { ClusterCore } from '../cluster-core.ts';
import { definitionsOf } from '../custom-resource.ts';
import { requestDeletion } from '../deletion.ts';
import { isTerminating } from '../kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

const finalizer = 'customresourcecleanup.apiextensions.k8s.io';

/** Serves what CustomResourceDefinitions define, and cleans up after them. */
export class CrdController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find(
      'apiextensions.k8s.io',
      'v1',
      'customresourcedefinitions',
    ) as ResourceDefinition;
    const lag = seededLag(core, 'crd', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'crd-controller', lag, (name) => this.#sync(name));
    core.store.onChange(this.#definition.key, (change) => {
      if (change.type === 'DELETED') this.#forget(change.object);
      else this.#queue.add(change.object.metadata.name);
    });
    core.store.onAnyChange((change) => {
      if (change.type !== 'DELETED') return;
      const crd = core.store.table(this.#definition.key).get(undefined, change.resourceKey);
      if (crd && isTerminating(crd)) this.#queue.add(change.resourceKey);
    });
  }

  /** Serves every definition at once: for a cluster that is being set up. */
  establishAll(): void {
    for (const crd of [...this.#core.store.table(this.#definition.key).byKey.values()]) this.#sync(crd.metadata.name);
  }

  #sync(name: string): void {
    const crd = this.#core.store.table(this.#definition.key).get(undefined, name);
    if (!crd) return;
    if (isTerminating(crd)) this.#cleanUp(crd);
    else {
      this.#core.resources.setCustom(name, definitionsOf(crd));
      this.#establish(crd);
    }
  }

  #establish(crd: SimObject): void {
    const now = stamp(this.#core.clock.now());
    const spec = fieldsOf(crd['spec']);
    const old = listOf(fieldsOf(crd['status'])['conditions']).map(fieldsOf);
    const since = old[0]?.['lastTransitionTime'] ?? now;
    const condition = (type: string, reason: string, message: string): Fields => ({
      type,
      status: 'True',
      reason,
      message,
      lastTransitionTime: since,
    });
    const status = {
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      acceptedNames: spec['names'],
      storedVersions: listOf(spec['versions'])
        .map(fieldsOf)
        .filter((version) => version['storage'] === true)
        .map((version) => version['name']),
    };
    const next = this.#writer.setStatus(this.#definition, crd, status);
    if (next.metadata.finalizers?.includes(finalizer)) return;
    const finalizers = [...(next.metadata.finalizers ?? []), finalizer];
    this.#writer.update(this.#definition, next, { ...next, metadata: { ...next.metadata, finalizers } });
  }

  #cleanUp(crd: SimObject): void {
    const served = definitionsOf(crd)[0];
    const objects = served ? [...this.#core.store.table(served.key).byKey.values()] : [];
    for (const object of objects)
      if (served && !isTerminating(object)) requestDeletion(this.#core, this.#writer, served, object, {});
    if (served && this.#core.store.table(served.key).byKey.size > 0) return;
    const now = this.#core.store.table(this.#definition.key).get(undefined, crd.metadata.name);
    if (!now) return;
    const finalizers = (now.metadata.finalizers ?? []).filter((each) => each !== finalizer);
    this.#writer.update(this.#definition, now, { ...now, metadata: { ...now.metadata, finalizers } });
  }

  #forget(crd: SimObject): void {
    this.#core.resources.removeCustom(crd.metadata.name);
    this.#core.watches.closeAll(crd.metadata.name);
    this.#core.store.dropTable(crd.metadata.name);
  }
}
