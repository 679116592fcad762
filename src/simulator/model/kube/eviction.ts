import { requireNamespace } from './admission.ts';
import { ApiError, badRequest, forbidden, notFound } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { checkPreconditions, deletionOptions, requestDeletion } from './deletion.ts';
import { conditionOf, isPodReady, isTerminating, type Pod, type PodDisruptionBudget, withCondition } from './kinds.ts';
import { type Fields, isFields, stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { selectorMatcher } from './selectors.ts';
import { trulyReady } from './truth.ts';

const mostDisruptedPods = 2000;

const refusal = "Cannot evict pod as it would violate the pod's disruption budget.";

function stillProcessed({ metadata }: PodDisruptionBudget): ApiError {
  const message = `The disruption budget ${metadata.name} is still being processed by the server.`;
  return new ApiError(429, 'TooManyRequests', refusal, { causes: [{ reason: 'DisruptionBudget', message }] }, 10);
}

/** The budgets whose selector matches the pod. */
export function budgetsOf(core: ClusterCore, pod: Pod): PodDisruptionBudget[] {
  const budgets = core.store.typed<PodDisruptionBudget>('poddisruptionbudgets.policy');
  const found: PodDisruptionBudget[] = [];
  for (const budget of budgets.inNamespace(pod.metadata.namespace ?? '').values()) {
    if (selectorMatcher(budget.spec.selector)(pod.metadata.labels)) found.push(budget);
  }
  return found;
}

/** POST pods/NAME/eviction, as policy/v1 answers it. */
export class Evictions {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: ResourceDefinition;
  readonly #budgets: ResourceDefinition;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    this.#budgets = core.resources.find('policy', 'v1', 'poddisruptionbudgets') as ResourceDefinition;
  }

  /** Returns the 201 body; throws ApiError for a refusal. */
  evict(namespace: string, name: string, body: unknown, query: URLSearchParams): Fields {
    if (!isFields(body)) throw badRequest('the request body is no Eviction');
    const named = isFields(body['metadata']) ? body['metadata']['name'] : undefined;
    if (named !== undefined && named !== '' && named !== name)
      throw badRequest('name in URL does not match name in Eviction object');
    requireNamespace(this.#core, this.#pods, { name, namespace });
    const options = deletionOptions(isFields(body['deleteOptions']) ? body['deleteOptions'] : undefined, query);
    const dryRun = options.dryRun === true;
    const pod = this.#core.store.pods.get(namespace, name);
    if (!pod) throw notFound(this.#pods, name);
    const budgets = budgetsOf(this.#core, pod);
    try {
      const taken = this.#ignoresBudgets(pod) ? undefined : this.#checkBudgets(pod, budgets, dryRun);
      checkPreconditions(this.#pods, this.#core.store.pods.get(namespace, name) ?? pod, options);
      if (!dryRun) this.#accept(pod, budgets, taken, options);
    } catch (error) {
      if (error instanceof ApiError && !dryRun && error.code !== 409) this.#refused(pod, budgets);
      throw error;
    }
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  }

  /** Nothing is disrupted that does not run, or is going already. */
  #ignoresBudgets(pod: Pod): boolean {
    return pod.status.phase !== 'Running' || isTerminating(pod);
  }

  /** Takes one disruption from the budget where one is needed; returns how many it allowed before. */
  #checkBudgets(pod: Pod, budgets: PodDisruptionBudget[], dryRun: boolean): { allowed: number } | undefined {
    if (budgets.length > 1) {
      const message =
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
      throw new ApiError(500, undefined, message);
    }
    const budget = budgets[0];
    if (!budget) return undefined;
    if (!isPodReady(pod)) {
      if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return undefined;
      const { currentHealthy, desiredHealthy } = budget.status;
      if (currentHealthy >= desiredHealthy && desiredHealthy > 0) {
        // It goes only as the pod that was seen to be unready, by its resourceVersion.
        if (this.#core.faults.budgetConflicts && !dryRun) throw stillProcessed(budget);
        return undefined;
      }
    }
    this.#take(pod, budget, dryRun);
    return { allowed: budget.status.disruptionsAllowed };
  }

  #take(pod: Pod, budget: PodDisruptionBudget, dryRun: boolean): void {
    const { status, metadata } = budget;
    if ((status.observedGeneration ?? 0) < (metadata.generation ?? 1)) throw stillProcessed(budget);
    if (status.disruptionsAllowed < 0)
      throw forbidden(this.#budgets, metadata.name, 'pdb disruptions allowed is negative');
    if (Object.keys(status.disruptedPods ?? {}).length > mostDisruptedPods) {
      throw forbidden(
        this.#budgets,
        metadata.name,
        'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
      );
    }
    if (status.disruptionsAllowed === 0) {
      const message = `The disruption budget ${metadata.name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
      throw new ApiError(429, 'TooManyRequests', refusal, { causes: [{ reason: 'DisruptionBudget', message }] });
    }
    if (dryRun) return;
    if (this.#core.faults.budgetConflicts) {
      const message = `Timeout: couldn't update PodDisruptionBudget ${JSON.stringify(metadata.name)} due to conflicts`;
      throw new ApiError(504, 'Timeout', message, {}, 10);
    }
    const left = status.disruptionsAllowed - 1;
    const conditions =
      left > 0
        ? status.conditions
        : withCondition(
            status.conditions,
            {
              type: 'DisruptionAllowed',
              status: 'False',
              reason: 'InsufficientPods',
              message: '',
              observedGeneration: status.observedGeneration ?? 0,
            },
            stamp(this.#core.clock.now()),
          );
    this.#writer.setStatus(this.#budgets, budget, {
      ...status,
      disruptionsAllowed: left,
      disruptedPods: { ...status.disruptedPods, [pod.metadata.name]: stamp(this.#core.clock.now()) },
      ...(conditions === undefined ? {} : { conditions }),
    });
  }

  #accept(
    pod: Pod,
    budgets: PodDisruptionBudget[],
    taken: { allowed: number } | undefined,
    options: ReturnType<typeof deletionOptions>,
  ): void {
    const core = this.#core;
    const selected = [...core.store.pods.inNamespace(pod.metadata.namespace ?? '').values()];
    core.emit({
      kind: 'eviction-accepted',
      namespace: pod.metadata.namespace ?? '',
      pod: pod.metadata.name,
      uid: pod.metadata.uid,
      node: pod.spec.nodeName ?? '',
      budgets: budgets.map((budget) => {
        const matches = selectorMatcher(budget.spec.selector);
        const healthy = selected.filter((each) => matches(each.metadata.labels) && trulyReady(core, each)).length;
        return {
          name: budget.metadata.name,
          healthy,
          desiredHealthy: budget.status.desiredHealthy,
          allowedBefore: taken?.allowed ?? budget.status.disruptionsAllowed,
          podWasReady: trulyReady(core, pod),
        };
      }),
    });
    const marked = this.#markTarget(pod);
    requestDeletion(core, this.#writer, this.#pods, marked, { ...options, resourceVersion: undefined });
  }

  /** Says in the pod's status why it goes. */
  #markTarget(pod: Pod): Pod {
    if (conditionOf(pod.status.conditions, 'DisruptionTarget')?.status === 'True') return pod;
    const now = stamp(this.#core.clock.now());
    const conditions = withCondition(
      pod.status.conditions,
      { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
      now,
    );
    return this.#writer.setStatus(this.#pods, pod, { ...pod.status, conditions });
  }

  #refused(pod: Pod, budgets: PodDisruptionBudget[]): void {
    this.#core.emit({
      kind: 'eviction-refused',
      namespace: pod.metadata.namespace ?? '',
      pod: pod.metadata.name,
      uid: pod.metadata.uid,
      node: pod.spec.nodeName ?? '',
      budgets: budgets.map((budget) => budget.metadata.name),
    });
  }
}
