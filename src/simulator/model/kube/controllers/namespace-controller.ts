import type { ClusterCore } from '../cluster-core.ts';
import { requestDeletion } from '../deletion.ts';
import { isTerminating, type Namespace } from '../kinds.ts';
import { deletionConditions } from '../namespace-conditions.ts';
import { type SimObject, sameJson, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

/** Until a namespace is looked at again whose content could not be told for certain. */
const againAfterMs = 15_000;

/** Gives namespaces what each has, and empties those that go. */
export class NamespaceController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('', 'v1', 'namespaces') as ResourceDefinition;
    const lag = seededLag(core, 'namespace', core.options.lagMs.controllers);
    this.#queue = new WorkQueue(core, 'namespace-controller', lag, (name) => this.#sync(name));
    core.store.onAnyChange((change) => {
      const { object, type } = change;
      if (change.resourceKey === 'namespaces') {
        if (type !== 'DELETED') this.#queue.add(object.metadata.name);
        return;
      }
      if (type !== 'DELETED' || object.metadata.namespace === undefined) return;
      const home = core.store.table('namespaces').get(undefined, object.metadata.namespace);
      const furnishing = change.resourceKey === 'serviceaccounts' || change.resourceKey === 'configmaps';
      if (home && (isTerminating(home) || furnishing)) this.#queue.add(object.metadata.namespace);
    });
  }

  #sync(name: string): void {
    const namespace = this.#core.store.typed<Namespace>('namespaces').get(undefined, name);
    if (!namespace) return;
    if (isTerminating(namespace)) this.#empty(namespace);
    else this.#furnish(name);
  }

  #furnish(namespace: string): void {
    const create = (group: string, plural: string, name: string, rest: Record<string, unknown>): void => {
      const definition = this.#core.resources.find(group, 'v1', plural) as ResourceDefinition;
      if (this.#core.store.table(definition.key).get(namespace, name)) return;
      const metadata = this.#writer.newMetadata(name, namespace);
      this.#writer.create(definition, { apiVersion: 'v1', kind: definition.kind, metadata, ...rest });
    };
    create('', 'serviceaccounts', 'default', {});
    create('', 'configmaps', 'kube-root-ca.crt', {
      data: { 'ca.crt': `simulated certificate authority of ${this.#core.clusterId}\n` },
    });
  }

  #sayWhatRemains(name: string, left: Parameters<typeof deletionConditions>[1], unavailable: string[]): void {
    const namespace = this.#core.store.typed<Namespace>('namespaces').get(undefined, name);
    if (!namespace) return;
    const conditions = deletionConditions(
      namespace.status.conditions,
      left,
      unavailable,
      stamp(this.#core.clock.now()),
    );
    if (sameJson(conditions, namespace.status.conditions)) return;
    this.#writer.setStatus(this.#definition, namespace, { ...namespace.status, conditions });
  }

  #empty(namespace: Namespace): void {
    const { name } = namespace.metadata;
    const left: { definition: ResourceDefinition; object: SimObject }[] = [];
    const seen = new Set<string>();
    for (const definition of this.#core.resources.all()) {
      if (!definition.namespaced || seen.has(definition.key)) continue;
      seen.add(definition.key);
      for (const object of this.#core.store.table(definition.key).inNamespace(name).values())
        left.push({ definition, object });
    }
    for (const { definition, object } of left) {
      if (!isTerminating(object))
        requestDeletion(this.#core, this.#writer, definition, object, { propagation: 'Background' });
    }
    const remaining = left.flatMap(({ definition, object: { metadata } }) => {
      const object = this.#core.store.table(definition.key).get(name, metadata.name);
      return object ? [{ plural: definition.plural, group: definition.group, object }] : [];
    });
    // Whether APIs that cannot be asked have something in it, nobody knows: it stays.
    const unavailable = this.#core.aggregated?.unavailable() ?? [];
    if (unavailable.length > 0) this.#queue.addAt(name, this.#core.clock.now() + againAfterMs);
    if (remaining.length > 0 || unavailable.length > 0) {
      this.#sayWhatRemains(name, remaining, unavailable);
      return;
    }
    const now = this.#core.store.typed<Namespace>('namespaces').get(undefined, name);
    if (!now || (now.spec.finalizers ?? []).length === 0) return;
    const finalizers = (now.spec.finalizers ?? []).filter((each) => each !== 'kubernetes');
    this.#writer.update(this.#definition, now, {
      ...now,
      metadata: { ...now.metadata },
      spec: { ...now.spec, finalizers },
    });
  }
}
