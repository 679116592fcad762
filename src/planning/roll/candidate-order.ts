/** Which outdated node is drained next, and which cannot be. */
import type { RollBlock } from '../../domain/node-pool-roll.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { ownerOf } from './cluster-index.ts';
import { classifyPod, judgeBudgets, movablePods } from './drain-state.ts';
import { isCritical } from './eviction-lanes.ts';
import type { Member } from './members.ts';
import type { RollPlanInput } from './roll-plan.ts';

export interface Candidate {
  member: Member;
  /** Pods that have to move. */
  pods: number;
  critical: boolean;
  /** Its volumes bind it to its zone. */
  zoneBound: boolean;
  reason: string;
}

interface Scored extends Candidate {
  key: number[];
}

/**
 * Unhealthy nodes first, those that the cluster lives by last. Then the fullest zone, so that zones are even whenever a roll stops
 * (AZRebalance repairs uneven ones by ending nodes undrained); in it empty nodes first, then those whose budgets will take longest,
 * those whose budgets refuse right now later; the oldest first among equals.
 */
export function orderCandidates(members: Member[], index: ClusterIndex, input: RollPlanInput): Candidate[] {
  const shared = budgetLoad(members, index);
  const scored = members.map((member) => score(member, index, input, shared));
  scored.sort((a, b) => compare(a.key, b.key) || (a.member.name < b.member.name ? -1 : 1));
  return scored;
}

/** Pods on outdated nodes by budget: the budget with most of them and least allowed decides how long the roll lasts. */
function budgetLoad(members: Member[], index: ClusterIndex): Map<string, number> {
  const load = new Map<string, number>();
  for (const member of members) {
    for (const pod of movablePods(member.pods, index)) {
      for (const budget of index.budgetsOf(pod)) load.set(budget.uid, (load.get(budget.uid) ?? 0) + 1);
    }
  }
  return load;
}

function score(member: Member, index: ClusterIndex, input: RollPlanInput, load: Map<string, number>): Scored {
  const pods = movablePods(member.pods, index);
  const healthy = member.node?.ready === true && member.instance.health === 'Healthy';
  const critical = pods.some((pod) => isCritical(pod, input));
  let refusing = 0;
  let path = 0;
  for (const pod of pods) {
    for (const budget of index.budgetsOf(pod)) {
      if (budget.disruptionsAllowed <= 0) refusing = 1;
      path = Math.max(path, (load.get(budget.uid) ?? 0) / Math.max(1, budget.disruptionsAllowed));
    }
  }
  const empty = pods.length === 0;
  const crowd = crowdIn(member);
  const key = [healthy ? 1 : 0, critical ? 1 : 0, -crowd, empty ? 0 : 1, refusing, -path, member.node?.createdAt ?? 0];
  const why = !healthy
    ? 'it is unhealthy'
    : empty
      ? 'it is empty'
      : critical
        ? 'only nodes that the cluster lives by are left'
        : 'it is next in line';
  return {
    member,
    pods: pods.length,
    critical,
    zoneBound: pods.some((pod) => pod.claims.length > 0),
    reason: why,
    key,
  };
}

/** Live instances of the group in the node's zone. */
export function crowdIn(member: Pick<Member, 'group' | 'instance'>): number {
  const { zone } = member.instance;
  return member.group.instances.filter((one) => one.zone === zone && /^(Pending|InService)/.test(one.lifecycleState))
    .length;
}

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** What would keep a drain of this node from ever ending; such a node is not even cordoned. */
export function lastingBlock(member: Member, index: ClusterIndex, input: RollPlanInput): RollBlock | undefined {
  const { node } = member;
  if (!node) return undefined;
  for (const pod of member.pods) {
    const judged = classifyPod({ pod, node, startedAt: input.now, index, input, unreachable: !node.ready });
    if (judged.kind === 'blocked') return block(member, pod, judged.code, judged.message, '', input.now);
    if (judged.kind !== 'evictable') continue;
    const budgets = judgeBudgets(pod, index.budgetsOf(pod));
    if (budgets.kind !== 'never') continue;
    const names = budgets.budgets.map((budget) => budget.name).join(', ');
    return block(member, pod, budgets.code, budgets.message, names, input.now);
  }
  return undefined;
}

function block(
  member: Member,
  pod: Member['pods'][number],
  code: string,
  message: string,
  budget: string,
  now: number,
): RollBlock {
  const since = member.previous?.blockedBy?.since ?? now;
  return {
    code,
    message,
    namespace: pod.namespace,
    budget,
    pod: pod.name,
    owner: ownerOf(pod),
    node: member.name,
    since,
  };
}
