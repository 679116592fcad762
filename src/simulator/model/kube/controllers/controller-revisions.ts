import type { ClusterCore } from '../cluster-core.ts';
import type { PodTemplate } from '../kinds.ts';
import { controllerOf, type SimObject } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { ownerReference, type WorkloadPods } from './workload-pods.ts';

interface ControllerRevision extends SimObject {
  revision: number;
  data: { spec: { template: PodTemplate & { $patch: string } } };
}

/** On pods: the revision that they run. */
export const revisionLabel = 'controller-revision-hash';

interface Owner extends SimObject {
  spec: { template: PodTemplate; revisionHistoryLimit?: number };
}

/** The templates that a StatefulSet or DaemonSet had: what `kubectl rollout history` and `undo` read. */
export class ControllerRevisions {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #definition: ResourceDefinition;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#definition = core.resources.find('apps', 'v1', 'controllerrevisions') as ResourceDefinition;
  }

  /** Writes the template down under this hash, as the latest one; an earlier one that is back gets a new number. */
  keep(owner: Owner, hash: string): void {
    const known = this.#of(owner);
    const name = `${owner.metadata.name}-${hash}`;
    const latest = known.at(-1);
    if (latest?.metadata.name !== name) {
      const revision = (latest?.revision ?? 0) + 1;
      const back = known.find((each) => each.metadata.name === name);
      if (back) this.#writer.update(this.#definition, back, { ...back, metadata: { ...back.metadata }, revision });
      else this.#create(owner, name, hash, revision);
    }
    this.#trim(owner);
  }

  /** The template of a revision, by its name; undefined when it is not kept. */
  template(owner: Owner, name: string): PodTemplate | undefined {
    const found = this.#of(owner).find((each) => each.metadata.name === name)?.data.spec.template;
    if (!found) return undefined;
    const { $patch: _, ...template } = found;
    return template;
  }

  /** The oldest first. */
  #of(owner: SimObject): ControllerRevision[] {
    const table = this.#core.store.typed<ControllerRevision>(this.#definition.key);
    return [...table.inNamespace(owner.metadata.namespace ?? '').values()]
      .filter((each) => controllerOf(each)?.uid === owner.metadata.uid)
      .sort((a, b) => a.revision - b.revision);
  }

  #create(owner: Owner, name: string, hash: string, revision: number): void {
    const { namespace, annotations } = owner.metadata;
    // The name may be taken by a revision of an earlier set that still goes.
    if (this.#core.store.table(this.#definition.key).get(namespace, name)) return;
    const made: ControllerRevision = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: this.#writer.newMetadata(name, namespace, {
        labels: {
          ...owner.spec.template.metadata?.labels,
          [owner.kind === 'DaemonSet' ? revisionLabel : 'controller.kubernetes.io/hash']: hash,
        },
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [ownerReference(owner)],
      }),
      data: { spec: { template: { $patch: 'replace', ...owner.spec.template } } },
      revision,
    };
    this.#writer.create(this.#definition, made);
  }

  /** Of those that no pod runs the latest stay, as many as the limit says. */
  #trim(owner: Owner): void {
    const limit = owner.spec.revisionHistoryLimit ?? 10;
    const earlier = this.#of(owner).slice(0, -1);
    if (earlier.length <= limit) return;
    const used = new Set(this.#pods.ownedBy(owner).map((pod) => pod.metadata.labels?.[revisionLabel] ?? ''));
    const old = earlier.filter(
      ({ metadata }) => !used.has(metadata.name) && !used.has(metadata.labels?.[revisionLabel] ?? '-'),
    );
    const surplus = old.length - limit;
    for (const each of old.slice(0, Math.max(0, surplus))) this.#writer.remove(this.#definition, { ...each });
  }
}
