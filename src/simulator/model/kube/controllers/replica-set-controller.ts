import type { ClusterCore } from '../cluster-core.ts';
import {
  type Condition,
  conditionOf,
  isPodReady,
  isTerminating,
  type Pod,
  type ReplicaSet,
  withCondition,
} from '../kinds.ts';
import { controllerOf, keyOf, stamp } from '../object.ts';
import type { Change } from '../object-store.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { selectorMatcher, workloadSelector } from '../selectors.ts';
import type { WorkQueue } from '../work-queue.ts';
import { byDispensability, isActive, ownerReference, type WorkloadPods } from './workload-pods.ts';
import { workloadQueue } from './workload-queue.ts';

const mostAtOnce = 500;

/** Keeps as many pods as each ReplicaSet, or each ReplicationController, asks for. */
export class ReplicaSetController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods, definition: ResourceDefinition) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#definition = definition;
    const adopt = (change: Change): void => this.#adopt(change.object as ReplicaSet);
    this.#queue = workloadQueue<ReplicaSet>(pods, definition, (set) => this.#sync(set), adopt);
  }

  /** Pods that an earlier owner left behind; looked for when the set appears. */
  #adopt(set: ReplicaSet): void {
    const namespace = set.metadata.namespace ?? '';
    if (set.metadata.ownerReferences !== undefined) return;
    const matches = selectorMatcher(workloadSelector(set));
    const orphans = [...this.#core.store.pods.inNamespace(namespace).values()].filter(
      (pod) => controllerOf(pod) === undefined && isActive(pod) && matches(pod.metadata.labels),
    );
    if (orphans.length === 0) return;
    this.#core.clock.at(this.#core.clock.now() + 5, () => {
      for (const orphan of orphans) {
        const pod = this.#core.store.pods.get(namespace, orphan.metadata.name);
        const owner = this.#core.store.byUid(set.metadata.uid);
        if (!pod || !owner || controllerOf(pod)) continue;
        this.#writer.update(this.#pods.definition, pod, {
          ...pod,
          metadata: { ...pod.metadata, ownerReferences: [ownerReference(owner)] },
        });
      }
    });
  }

  #sync(set: ReplicaSet): void {
    const active = this.#pods.ownedBy(set).filter(isActive);
    const { revision } = this.#core.store;
    if (!isTerminating(set)) this.#manage(set, active);
    const same = revision === this.#core.store.revision;
    this.#updateStatus(set, same ? active : this.#pods.ownedBy(set).filter(isActive));
  }

  #manage(set: ReplicaSet, active: readonly Pod[]): void {
    const missing = set.spec.replicas - active.length;
    if (missing > 0) {
      const namespace = set.metadata.namespace as string;
      const generateName = `${set.metadata.name}-`;
      for (let i = 0; i < Math.min(missing, mostAtOnce); i++) {
        const name = this.#pods.freshName(namespace, generateName);
        if (!this.#pods.create({ name, generateName, owner: set, template: set.spec.template })) break;
      }
    } else if (missing < 0) {
      const perNode = new Map<string, number>();
      for (const pod of active) perNode.set(pod.spec.nodeName ?? '', (perNode.get(pod.spec.nodeName ?? '') ?? 0) + 1);
      const ranked = byDispensability(active, (node) => perNode.get(node) ?? 0);
      for (const pod of ranked.slice(0, Math.min(-missing, mostAtOnce))) this.#pods.delete(pod);
    }
  }

  #updateStatus(before: ReplicaSet, active: readonly Pod[]): void {
    const set = this.#core.store.byUid(before.metadata.uid) as ReplicaSet | undefined;
    if (!set) return;
    const minReady = set.spec.minReadySeconds ?? 0;
    let ready = 0;
    let available = 0;
    for (const pod of active) {
      if (!isPodReady(pod)) continue;
      ready += 1;
      if (this.#pods.isAvailable(pod, minReady)) available += 1;
      else this.#queue.addAt(keyOf(set), (this.#pods.availableAt(pod, minReady) ?? 0) + 1);
    }
    const refusal = active.length < set.spec.replicas ? this.#pods.refusalOf(set) : undefined;
    const failure = refusal === undefined ? undefined : failed(set, refusal, stamp(this.#core.clock.now()));
    const status: ReplicaSet['status'] = {
      replicas: active.length,
      ...(active.length > 0 ? { fullyLabeledReplicas: active.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      observedGeneration: set.metadata.generation ?? 1,
      ...(failure ? { conditions: failure } : {}),
    };
    this.#writer.setStatus(this.#definition, set, status);
  }
}

/**
 * Its pods are not let in. What was said first stays: the name of the pod is part of it, and a condition that changed with every
 * attempt would call for the next one at once.
 */
function failed(set: ReplicaSet, message: string, now: string): Condition[] | undefined {
  const { conditions } = set.status;
  if (conditionOf(conditions, 'ReplicaFailure')?.status === 'True') return conditions;
  return withCondition(conditions, { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }, now);
}
