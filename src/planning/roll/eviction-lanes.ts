/** Which pods are evicted now: one in flight a budget over the whole cluster, any number of budgets at once. */
import type { BudgetView, PodView } from '../../domain/cluster-view.ts';
import type { RollBlock } from '../../domain/node-pool-roll.ts';
import { type ClusterIndex, ownerOf, workloadOf } from './cluster-index.ts';
import { judgeBudgets } from './drain-state.ts';
import { mayForce } from './force-rule.ts';
import type { Member } from './members.ts';
import type { RollAction, RollPlanInput } from './roll-plan.ts';

/**
 * An accepted eviction holds its lane this long: then the status of its budget has long counted it, and what that allows is true of the
 * next pod. However long the pod takes to stop, nobody has to wait for that.
 */
const laneHeldMs = 15_000;

export class EvictionLanes {
  readonly #inFlight = new Map<string, number>();
  /** When lanes that are held come free by time alone. */
  readonly #freeAt = new Map<string, number>();
  /** Healthy pods as the view has them, less those whose eviction is planned, by the budget's uid. */
  readonly #healthy = new Map<string, number>();
  readonly #index: ClusterIndex;
  readonly #input: RollPlanInput;
  #left: number;

  constructor(index: ClusterIndex, input: RollPlanInput) {
    this.#index = index;
    this.#input = input;
    this.#left = input.policy.evictionsPerTick;
    for (const pod of index.pods.deleting) {
      if (pod.deletingAt === undefined) continue;
      const freeAt = pod.deletingAt - pod.gracePeriodSeconds * 1000 + laneHeldMs;
      if (input.now >= freeAt) continue;
      for (const budget of index.budgetsOf(pod)) {
        this.#take(budget.uid);
        this.#freeAt.set(budget.uid, Math.max(freeAt, this.#freeAt.get(budget.uid) ?? 0));
      }
    }
  }

  isBusy(budgetUid: string): boolean {
    return (this.#inFlight.get(budgetUid) ?? 0) >= this.#input.policy.evictionsPerBudget;
  }

  /** Plans this node's next evictions, and says what holds the rest. */
  drain(member: Member): NodeDrainPlan {
    const plan: NodeDrainPlan = { actions: [], moving: 0, retryAt: undefined, lasting: undefined, passing: undefined };
    const { drain, node } = member;
    if (!drain || !node) return plan;
    const ordered = [...drain.remaining].sort((a, b) => this.#tier(a.pod) - this.#tier(b.pod) || order(a.pod, b.pod));
    const first = ordered[0] ? this.#tier(ordered[0].pod) : 0;
    for (const entry of ordered) {
      const { pod } = entry;
      // Pods that others depend on go when all the others have gone.
      if (entry.class.kind === 'evictable' && this.#tier(pod) > first) continue;
      switch (entry.class.kind) {
        case 'ignored':
          break;
        case 'terminating':
          plan.moving += 1;
          later(plan, (pod.deletingAt ?? this.#input.now) + 30_000);
          break;
        case 'stuck':
          plan.lasting ??= this.#block(member, pod, 'pod-stuck-terminating', entry.class.message, '');
          break;
        case 'awaited':
          plan.passing ??= this.#block(member, pod, entry.class.code, entry.class.message, '');
          later(plan, entry.class.until);
          break;
        case 'blocked':
          if (entry.class.code === 'multiple-budgets' && this.#force(member, pod, plan)) break;
          plan.lasting ??= this.#block(member, pod, entry.class.code, entry.class.message, this.#budgetNames(pod));
          break;
        case 'evictable':
          this.#evict(member, pod, plan);
          break;
      }
    }
    return plan;
  }

  #evict(member: Member, pod: PodView, plan: NodeDrainPlan): void {
    const { now, evictionsHeldUntil, evictNotBefore, throttledUntil } = this.#input;
    const judged = judgeBudgets(pod, this.#index.budgetsOf(pod));
    if (judged.kind !== 'none' && judged.kind !== 'allows' && this.#force(member, pod, plan)) return;
    if (judged.kind === 'never') {
      plan.lasting ??= this.#block(member, pod, judged.code, judged.message, names(judged.budgets));
      return;
    }
    if (judged.kind === 'refuses') {
      plan.passing ??= this.#block(member, pod, judged.code, judged.message, judged.budget.name);
      return;
    }
    // Refused before: asking again is no progress until it is accepted.
    const again = evictNotBefore.has(pod.uid);
    if (again) {
      const names = judged.kind === 'allows' ? judged.budget.name : '';
      const message = `the API server refused to evict ${pod.namespace}/${pod.name}${names === '' ? '' : ` for budget ${names}`}`;
      plan.passing ??= this.#block(member, pod, 'budget-refuses', message, names);
    }
    const asked = Math.max(evictNotBefore.get(pod.uid) ?? 0, throttledUntil.get(pod.uid) ?? 0);
    const notBefore = Math.max(asked, evictionsHeldUntil);
    if (notBefore > now) {
      if (!again) plan.moving += 1;
      later(plan, notBefore);
      return;
    }
    if (judged.kind === 'allows' && this.isBusy(judged.budget.uid)) {
      plan.moving += 1;
      const freeAt = this.#freeAt.get(judged.budget.uid);
      if (freeAt !== undefined) later(plan, freeAt);
      return;
    }
    if (judged.kind === 'allows' && pod.ready && this.#healthyOf(judged.budget) <= judged.budget.desiredHealthy) {
      plan.passing ??= this.#block(member, pod, 'budget-not-observed', behind(judged.budget), judged.budget.name);
      return;
    }
    if (this.#left <= 0) {
      plan.moving += 1;
      later(plan, now + 1_000);
      return;
    }
    this.#left -= 1;
    if (!again) plan.moving += 1;
    if (judged.kind === 'allows') {
      this.#take(judged.budget.uid);
      if (pod.ready) this.#healthy.set(judged.budget.uid, this.#healthyOf(judged.budget) - 1);
    }
    plan.actions.push({
      kind: 'evict',
      namespace: pod.namespace,
      pod: pod.name,
      uid: pod.uid,
      node: member.name,
      owner: ownerOf(pod),
      ownerUid: pod.owner?.uid ?? '',
      workload: workloadOf(pod) ?? '',
      budget: judged.kind === 'allows' ? judged.budget.name : undefined,
      returned: pod.createdAt > member.drainStartedAt + returnSlackMs,
      reason: `${member.name} is being drained`,
    });
  }

  /** Plans a deletion in spite of the budgets, where an operator has allowed it and everything is old enough. */
  #force(member: Member, pod: PodView, plan: NodeDrainPlan): boolean {
    const rule = mayForce(member, pod, this.#index, this.#input);
    if (rule.kind === 'no') {
      if (rule.at !== undefined) later(plan, rule.at);
      return false;
    }
    const planned = plan.actions.some((action) => action.kind === 'force');
    if (!planned) {
      plan.actions.push({
        kind: 'force',
        namespace: pod.namespace,
        pod: pod.name,
        uid: pod.uid,
        node: member.name,
        owner: ownerOf(pod),
        budget: this.#budgetNames(pod),
        actor: rule.override.actor,
        reason: rule.reason,
      });
      plan.moving += 1;
    }
    return !planned;
  }

  /**
   * Counted among the pods themselves: the status of a budget lags behind them, and the API server goes by the status. Where many pods
   * go at once (those of a deleted node are collected) it would let more go than it may.
   */
  #healthyOf(budget: BudgetView): number {
    const known = this.#healthy.get(budget.uid);
    if (known !== undefined) return known;
    const healthy = this.#index.podsOf(budget).filter((pod) => pod.ready && pod.deletingAt === undefined).length;
    this.#healthy.set(budget.uid, healthy);
    return healthy;
  }

  #take(budgetUid: string): void {
    this.#inFlight.set(budgetUid, (this.#inFlight.get(budgetUid) ?? 0) + 1);
  }

  #budgetNames(pod: PodView): string {
    return names(this.#index.budgetsOf(pod));
  }

  /** Pods that others depend on move last within a node. */
  #tier(pod: PodView): number {
    return isCritical(pod, this.#input) || pod.priorityClassName?.startsWith('system-') === true ? 1 : 0;
  }

  #block(member: Member, pod: PodView, code: string, message: string, budget: string): RollBlock {
    const before = member.previous?.blockedBy;
    return {
      code,
      message,
      namespace: pod.namespace,
      budget,
      pod: pod.name,
      owner: ownerOf(pod),
      node: member.name,
      since: before?.since ?? this.#input.now,
    };
  }
}

/** Pods scheduled in the moment of the cordon are no returns. */
const returnSlackMs = 2_000;

export interface NodeDrainPlan {
  actions: RollAction[];
  /** Pods whose move is under way or about to be. */
  moving: number;
  retryAt: number | undefined;
  /** Holds until somebody changes something. */
  lasting: RollBlock | undefined;
  /** Holds until other pods are ready. */
  passing: RollBlock | undefined;
}

export function isCritical(pod: PodView, input: Pick<RollPlanInput, 'policy'>): boolean {
  return input.policy.criticalLabels.some((label) => pod.labels[label.key] === label.value);
}

function later(plan: NodeDrainPlan, at: number): void {
  plan.retryAt = plan.retryAt === undefined ? at : Math.min(plan.retryAt, at);
}

function order(a: PodView, b: PodView): number {
  const left = `${a.namespace}/${a.name}`;
  const right = `${b.namespace}/${b.name}`;
  return left < right ? -1 : left > right ? 1 : 0;
}

function behind({ namespace, name, desiredHealthy }: BudgetView): string {
  return `budget ${namespace}/${name} demands ${desiredHealthy} healthy pods, and no more are; its status does not show that yet`;
}

function names(budgets: { name: string }[]): string {
  return budgets.map((budget) => budget.name).join(', ');
}
