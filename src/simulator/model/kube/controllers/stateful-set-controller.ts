import type { ClusterCore } from '../cluster-core.ts';
import {
  isPodFinished,
  isTerminating,
  type PersistentVolumeClaim,
  type Pod,
  type PodTemplate,
  type StatefulSet,
} from '../kinds.ts';
import { keyOf } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { admitStorage } from '../volume-admission.ts';
import type { WorkQueue } from '../work-queue.ts';
import { ControllerRevisions, revisionLabel } from './controller-revisions.ts';
import { templateHash, type WorkloadPods } from './workload-pods.ts';
import { workloadQueue } from './workload-queue.ts';

/** Pods with names that stay, one after the other, each with its own claims. */
export class StatefulSetController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #revisions: ControllerRevisions;
  readonly #definition: ResourceDefinition;
  readonly #claims: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#revisions = new ControllerRevisions(core, writer, pods);
    this.#definition = core.resources.find('apps', 'v1', 'statefulsets') as ResourceDefinition;
    this.#claims = core.resources.find('', 'v1', 'persistentvolumeclaims') as ResourceDefinition;
    this.#queue = workloadQueue<StatefulSet>(pods, this.#definition, (set) => this.#sync(set));
  }

  #sync(set: StatefulSet): void {
    const hash = templateHash(set.spec.template);
    const revision = `${set.metadata.name}-${hash}`;
    if (!isTerminating(set)) {
      this.#revisions.keep(set, hash);
      this.#manage(set, revision);
    }
    this.#updateStatus(set.metadata.uid, revision);
  }

  #byOrdinal(set: StatefulSet): Map<number, Pod> {
    const prefix = `${set.metadata.name}-`;
    const pods = new Map<number, Pod>();
    for (const pod of this.#pods.ownedBy(set)) {
      const ordinal = Number(pod.metadata.name.slice(prefix.length));
      if (Number.isSafeInteger(ordinal)) pods.set(ordinal, pod);
    }
    return pods;
  }

  #manage(set: StatefulSet, revision: string): void {
    const pods = this.#byOrdinal(set);
    const inOrder = set.spec.podManagementPolicy !== 'Parallel';
    const minReady = set.spec.minReadySeconds ?? 0;
    for (let ordinal = 0; ordinal < set.spec.replicas; ordinal++) {
      const pod = pods.get(ordinal);
      if (!pod) {
        this.#create(set, ordinal, revision);
        if (inOrder) return;
      } else if (isPodFinished(pod) && !isTerminating(pod)) {
        this.#pods.delete(pod);
        if (inOrder) return;
      } else if (inOrder && (isTerminating(pod) || !this.#pods.isAvailable(pod, minReady))) {
        this.#rollSick(set, pod, this.#versionOf(set, ordinal, revision)[0]);
        return;
      }
    }
    const surplus = [...pods.keys()].filter((ordinal) => ordinal >= set.spec.replicas).sort((a, b) => b - a);
    for (const ordinal of surplus) {
      const pod = pods.get(ordinal) as Pod;
      if (!isTerminating(pod)) this.#pods.delete(pod);
      if (inOrder) return;
    }
    this.#roll(set, pods, revision);
  }

  /** An old pod that cannot become ready must not hold up its own repair. */
  #rollSick(set: StatefulSet, pod: Pod, revision: string): void {
    const outdated = pod.metadata.labels?.[revisionLabel] !== revision && set.spec.updateStrategy.type !== 'OnDelete';
    const started = pod.status.phase === 'Running' || pod.status.phase === 'Pending';
    if (outdated && started && !isTerminating(pod)) this.#pods.delete(pod);
  }

  #roll(set: StatefulSet, pods: ReadonlyMap<number, Pod>, revision: string): void {
    if (set.spec.updateStrategy.type === 'OnDelete') return;
    const partition = set.spec.updateStrategy.rollingUpdate?.partition ?? 0;
    for (let ordinal = set.spec.replicas - 1; ordinal >= partition; ordinal--) {
      const pod = pods.get(ordinal);
      if (!pod || isTerminating(pod)) return;
      if (pod.metadata.labels?.[revisionLabel] !== revision) {
        this.#pods.delete(pod);
        return;
      }
      if (!this.#pods.isAvailable(pod, set.spec.minReadySeconds ?? 0)) return;
    }
  }

  #create(set: StatefulSet, ordinal: number, revision: string): void {
    const namespace = set.metadata.namespace as string;
    const name = `${set.metadata.name}-${ordinal}`;
    // The name may be taken by a pod of an earlier set that still goes.
    if (this.#core.store.pods.get(namespace, name)) return;
    const [run, template] = this.#versionOf(set, ordinal, revision);
    const claims = set.spec.volumeClaimTemplates ?? [];
    for (const claim of claims) this.#createClaim(set, claim, name);
    const own = template.spec.volumes ?? [];
    const volumes = [
      ...claims.map((claim) => ({
        name: claim.metadata.name,
        persistentVolumeClaim: { claimName: `${claim.metadata.name}-${name}` },
      })),
      ...own.filter((volume) => !claims.some((claim) => claim.metadata.name === volume.name)),
    ];
    this.#pods.create({
      name,
      generateName: `${set.metadata.name}-`,
      owner: set,
      template,
      labels: {
        [revisionLabel]: run,
        'statefulset.kubernetes.io/pod-name': name,
        'apps.kubernetes.io/pod-index': String(ordinal),
      },
      spec: {
        hostname: name,
        ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
        ...(volumes.length > 0 ? { volumes } : {}),
      },
    });
  }

  /** Below the partition a pod comes back with the template that it had. */
  #versionOf(set: StatefulSet, ordinal: number, revision: string): [string, PodTemplate] {
    const { currentRevision } = set.status ?? {};
    const rolling = set.spec.updateStrategy.rollingUpdate?.partition ?? 0;
    if (currentRevision === undefined || currentRevision === revision || ordinal >= rolling)
      return [revision, set.spec.template];
    const kept = this.#revisions.template(set, currentRevision);
    return kept ? [currentRevision, kept] : [revision, set.spec.template];
  }

  #createClaim(
    set: StatefulSet,
    template: NonNullable<StatefulSet['spec']['volumeClaimTemplates']>[number],
    podName: string,
  ): void {
    const name = `${template.metadata.name}-${podName}`;
    const namespace = set.metadata.namespace;
    if (this.#core.store.table(this.#claims.key).get(namespace, name)) return;
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: this.#writer.newMetadata(name, namespace, {
        labels: { ...set.spec.selector.matchLabels, ...template.metadata.labels },
      }),
      spec: { volumeMode: 'Filesystem', ...template.spec },
      status: { phase: 'Pending' },
    };
    admitStorage(this.#core, claim);
    this.#writer.create(this.#claims, claim);
  }

  #updateStatus(uid: string, revision: string): void {
    const set = this.#core.store.byUid(uid) as StatefulSet | undefined;
    if (!set) return;
    const minReady = set.spec.minReadySeconds ?? 0;
    const pods = [...this.#byOrdinal(set).values()];
    const running = pods.filter((pod) => !isTerminating(pod));
    const updated = running.filter((pod) => pod.metadata.labels?.[revisionLabel] === revision).length;
    const ready = running.filter((pod) => this.#pods.isAvailable(pod, 0));
    let available = 0;
    for (const pod of ready) {
      if (this.#pods.isAvailable(pod, minReady)) available += 1;
      else this.#queue.addAt(keyOf(set), (this.#pods.availableAt(pod, minReady) ?? 0) + 1);
    }
    const complete =
      updated === set.spec.replicas && pods.length === set.spec.replicas && ready.length === set.spec.replicas;
    const currentRevision =
      complete || set.status.currentRevision === undefined ? revision : set.status.currentRevision;
    const current = running.filter((pod) => pod.metadata.labels?.[revisionLabel] === currentRevision).length;
    this.#writer.setStatus(this.#definition, set, {
      observedGeneration: set.metadata.generation ?? 1,
      replicas: pods.length,
      availableReplicas: available,
      ...(ready.length > 0 ? { readyReplicas: ready.length } : {}),
      ...(current > 0 ? { currentReplicas: current } : {}),
      ...(updated > 0 ? { updatedReplicas: updated } : {}),
      currentRevision,
      updateRevision: revision,
      collisionCount: 0,
    });
  }
}
