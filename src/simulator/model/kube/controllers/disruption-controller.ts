import type { ClusterCore } from '../cluster-core.ts';
import { isPodReady, isTerminating, type Pod, type PodDisruptionBudget, withCondition } from '../kinds.ts';
import { controllerOf, fieldsOf, keyOf, type SimObject, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { scaledValue } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { selectorMatcher } from '../selectors.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

/** How long an accepted eviction counts as a disruption when its pod does not begin to go. */
const deletionTimeoutMs = 120_000;

/** What a budget asks for, given its pods: as the disruption controller computes it. Undefined: it cannot be known. */
export function budgetDemand(
  spec: PodDisruptionBudget['spec'],
  podCount: number,
  expectedScale: () => number | undefined,
): { expected: number; desired: number } | undefined {
  if (spec.maxUnavailable !== undefined) {
    const expected = expectedScale();
    if (expected === undefined) return undefined;
    const unavailable = scaledValue(spec.maxUnavailable, expected, 'up');
    return unavailable === undefined ? undefined : { expected, desired: Math.max(0, expected - unavailable) };
  }
  if (typeof spec.minAvailable === 'string') {
    const expected = expectedScale();
    if (expected === undefined) return undefined;
    const desired = scaledValue(spec.minAvailable, expected, 'up');
    return desired === undefined ? undefined : { expected, desired };
  }
  return { expected: podCount, desired: spec.minAvailable ?? 0 };
}

/** Keeps the status of PodDisruptionBudgets. */
export class DisruptionController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('policy', 'v1', 'poddisruptionbudgets') as ResourceDefinition;
    const lag = seededLag(core, 'disruption', core.options.lagMs.disruption);
    this.#queue = new WorkQueue(
      core,
      'disruption-controller',
      () => lag() + core.faults.disruptionLagMs,
      (key) => this.#sync(key),
    );
    core.store.onChange(this.#definition.key, (change) => {
      if (change.type !== 'DELETED') this.#queue.add(keyOf(change.object));
    });
    core.store.onChange('pods', (change) =>
      this.#podChanged(change.object as Pod, change.old as Pod | undefined, change.type),
    );
    for (const key of ['deployments.apps', 'replicasets.apps', 'statefulsets.apps', 'replicationcontrollers']) {
      core.store.onChange(key, ({ object, old }) => {
        if (!old || fieldsOf(old['spec'])['replicas'] !== fieldsOf(object['spec'])['replicas'])
          this.#wakeNamespace(object);
      });
    }
  }

  #wakeNamespace(object: SimObject): void {
    const budgets = this.#core.store.table(this.#definition.key).inNamespace(object.metadata.namespace ?? '');
    for (const budget of budgets.values()) this.#queue.add(keyOf(budget));
  }

  #podChanged(pod: Pod, old: Pod | undefined, type: string): void {
    const sameForBudgets =
      old !== undefined &&
      type === 'MODIFIED' &&
      isPodReady(pod) === isPodReady(old) &&
      isTerminating(pod) === isTerminating(old) &&
      pod.metadata.labels === old.metadata.labels &&
      pod.metadata.ownerReferences === old.metadata.ownerReferences;
    if (sameForBudgets) return;
    const budgets = this.#core.store
      .typed<PodDisruptionBudget>(this.#definition.key)
      .inNamespace(pod.metadata.namespace ?? '');
    for (const budget of budgets.values()) {
      const matches = selectorMatcher(budget.spec.selector);
      if (matches(pod.metadata.labels) || (old && matches(old.metadata.labels))) this.#queue.add(keyOf(budget));
    }
  }

  #sync(key: string): void {
    const budget = this.#core.store.typed<PodDisruptionBudget>(this.#definition.key).byKey.get(key);
    if (!budget) return;
    const matches = selectorMatcher(budget.spec.selector);
    const pods: Pod[] = [];
    for (const pod of this.#core.store.pods.inNamespace(budget.metadata.namespace ?? '').values()) {
      if (matches(pod.metadata.labels)) pods.push(pod);
    }
    if (pods.length === 0)
      this.#core.events.record('controllermanager', budget, {
        type: 'Normal',
        reason: 'NoPods',
        message: 'No matching pods found',
      });
    const demand = budgetDemand(budget.spec, pods.length, () => this.#expectedScale(pods));
    if (demand) this.#write(budget, pods, demand);
    else this.#failSafe(budget, pods);
  }

  /** Undefined when the controller of a pod has no scale: nothing can be said then. */
  #expectedScale(pods: readonly Pod[]): number | undefined {
    const scales = new Map<string, number>();
    const seen = new Set<string>();
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (!owner || seen.has(owner.uid)) continue;
      seen.add(owner.uid);
      const found = this.#scaleOf(owner.uid);
      if (!found) return undefined;
      scales.set(found.uid, found.replicas);
    }
    let sum = 0;
    for (const replicas of scales.values()) sum += replicas;
    return sum;
  }

  #scaleOf(uid: string): { uid: string; replicas: number } | undefined {
    const owner = this.#core.store.byUid(uid);
    if (!owner) return undefined;
    if (owner.kind === 'ReplicaSet') {
      const deployment = controllerOf(owner);
      const above = deployment?.kind === 'Deployment' ? this.#core.store.byUid(deployment.uid) : undefined;
      if (above) return { uid: above.metadata.uid, replicas: replicasOf(above) };
    }
    const scalable =
      owner.kind === 'ReplicaSet' || owner.kind === 'StatefulSet' || owner.kind === 'ReplicationController';
    const custom = this.#core.resources.byKind(owner.apiVersion, owner.kind);
    if (!scalable && !custom?.subresources.includes('scale')) return undefined;
    return { uid, replicas: replicasOf(owner) };
  }

  #disrupted(budget: PodDisruptionBudget): Record<string, string> {
    const now = this.#core.clock.now();
    const still: Record<string, string> = {};
    for (const [name, since] of Object.entries(budget.status.disruptedPods ?? {})) {
      const pod = this.#core.store.pods.get(budget.metadata.namespace, name);
      if (!pod || isTerminating(pod)) continue;
      const until = Date.parse(since) + deletionTimeoutMs;
      if (until <= now) continue;
      still[name] = since;
      this.#queue.addAt(keyOf(budget), until + 1);
    }
    return still;
  }

  #write(budget: PodDisruptionBudget, pods: readonly Pod[], demand: { expected: number; desired: number }): void {
    const disrupted = this.#disrupted(budget);
    const healthy = pods.filter(
      (pod) => !isTerminating(pod) && disrupted[pod.metadata.name] === undefined && isPodReady(pod),
    ).length;
    const { expected, desired } = demand;
    const allowed = expected <= 0 ? 0 : Math.max(0, healthy - desired);
    const generation = budget.metadata.generation ?? 1;
    const condition =
      allowed > 0
        ? {
            type: 'DisruptionAllowed',
            status: 'True' as const,
            reason: 'SufficientPods',
            message: '',
            observedGeneration: generation,
          }
        : {
            type: 'DisruptionAllowed',
            status: 'False' as const,
            reason: 'InsufficientPods',
            message: '',
            observedGeneration: generation,
          };
    this.#writer.setStatus(this.#definition, budget, {
      observedGeneration: generation,
      disruptionsAllowed: allowed,
      currentHealthy: healthy,
      desiredHealthy: desired,
      expectedPods: expected,
      ...(Object.keys(disrupted).length > 0 ? { disruptedPods: disrupted } : {}),
      conditions: withCondition(budget.status.conditions, condition, stamp(this.#core.clock.now())),
    });
  }

  /** What cannot be computed allows nothing. */
  #failSafe(budget: PodDisruptionBudget, pods: readonly Pod[]): void {
    const pod = pods.find((each) => {
      const owner = controllerOf(each);
      return owner !== undefined && this.#scaleOf(owner.uid) === undefined;
    });
    const owner = pod && controllerOf(pod);
    const message = owner
      ? `found no controllers for pod "${pod.metadata.name}": ${owner.kind} "${owner.name}" does not implement the scale subresource`
      : 'the expected number of pods cannot be computed';
    this.#core.events.record('controllermanager', budget, {
      type: 'Warning',
      reason: 'CalculateExpectedPodCountFailed',
      message: `Failed to calculate the number of expected pods: ${message}`,
    });
    const condition = {
      type: 'DisruptionAllowed',
      status: 'False' as const,
      reason: 'SyncFailed',
      message,
      observedGeneration: budget.status.observedGeneration ?? 0,
    };
    const conditions = withCondition(budget.status.conditions, condition, stamp(this.#core.clock.now()));
    this.#writer.setStatus(this.#definition, budget, { ...budget.status, disruptionsAllowed: 0, conditions });
  }
}

function replicasOf(object: SimObject): number {
  const replicas = fieldsOf(object['spec'])['replicas'];
  return typeof replicas === 'number' ? replicas : 0;
}
