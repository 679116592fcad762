/** Which outdated node is drained next, and which cannot be. */
import type { PodView } from '../../domain/cluster-view.ts';
import type { RollBlock } from '../../domain/node-pool-roll.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { memoised } from '../../support/memoise.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { ownerOf } from './cluster-index.ts';
import { predictDrainMs } from './drain-forecast.ts';
import { asksToStay, classifyPod, judgeBudgets, movablePods } from './drain-state.ts';
import { isCritical } from './eviction-lanes.ts';
import { activeForce } from './force-rule.ts';
import { type LastNodes, soonestEnd } from './last-nodes.ts';
import type { Member } from './members.ts';
import type { RollPlanInput } from './roll-plan.ts';

export interface Candidate {
  member: Member;
  /** Pods that have to move. */
  pods: number;
  critical: boolean;
  /** Zones in which its volumes can be used, one list a volume: each needs a new node in one of them. */
  boundTo: string[][];
  reason: string;
}

/** What else the end of a roll depends on. */
export interface UnderWay extends Pick<LastNodes, 'draining' | 'booting' | 'boots' | 'ready'> {
  mayGo(member: Member): boolean;
}

interface Scored extends Candidate {
  key: number[];
  /** In steps of `forecastStepMs`. */
  drainMs: number;
}

/**
 * Unhealthy nodes first, those that the cluster lives by last, those whose budgets refuse right now later, and leaders
 * of the control plane after its followers. A zone that is much fuller
 * than the others goes first (AZRebalance repairs uneven ones after a roll, by ending nodes undrained). Then the slowest first: a long
 * drain that begins last is what a roll waits for at its end; only those that are kept for the end come after the others. Among equals the
 * fullest zone, and the oldest. `surge`: how many drains may run at once, where new nodes take their places. With `underWay` the first of
 * the last nodes is the one with which the roll is expected to end soonest.
 */
export function orderCandidates(
  members: Member[],
  index: ClusterIndex,
  input: RollPlanInput,
  surge = 1,
  underWay?: UnderWay,
): Candidate[] {
  const shared = budgetLoad(members, index);
  const fullAt = Math.min(...members.map(crowdIn)) + tolerableCrowd(members.length, surge);
  const scored = members.map((member) => score(member, index, input, { load: shared, fullAt }));
  const inOrder = (a: Scored, b: Scored): number => compare(a.key, b.key) || (a.member.name < b.member.name ? -1 : 1);
  scored.sort(inOrder);
  const kept = keptForTheEnd(scored, surge);
  for (const one of scored) one.key.splice(slowestFirst, 0, kept.has(one) ? 1 : 0);
  scored.sort(inOrder);
  return underWay === undefined ? scored : soonestFirst(scored, surge, underWay);
}

/** Among those that nothing but their drains tells apart. */
function soonestFirst(all: Scored[], surge: number, underWay: UnderWay): Scored[] {
  const [first] = all;
  if (first === undefined || surge < 2 || all.length < 2 || all.length > lastRounds * surge) return all;
  const seen = new Set<number>();
  const open = all.flatMap((one, at) => {
    const alike = one.key.slice(0, slowestFirst).every((value, i) => value === first.key[i]);
    if (!alike || seen.has(one.drainMs) || !underWay.mayGo(one.member)) return [];
    seen.add(one.drainMs);
    return [at];
  });
  const at = soonestEnd({ ...underWay, drains: all.map((one) => one.drainMs), open });
  const next = at === undefined || open.length < 2 ? undefined : all[at];
  if (next === undefined || next === first) return all;
  const reason = `of the ${all.length} nodes left, the roll is expected to end soonest with this drain of about ${Math.round(next.drainMs / 1000)} s next`;
  return [{ ...next, reason: next.pods === 0 ? next.reason : reason }, ...all.filter((one) => one !== next)];
}

/** Nodes for so many rounds are few enough that it matters which place gets one more. */
const lastRounds = 3;

/**
 * The last nodes of a roll, one a surge slot. Their new nodes come up at different times, which nobody knows in advance: with drains from
 * the shortest to a longer one left, the slot whose new node is there first takes the longest, and all end at about the same time. With the
 * shortest alone left, every slot waits for the slowest boot.
 */
function keptForTheEnd(all: Scored[], surge: number): ReadonlySet<Scored> {
  const kept = new Set<Scored>();
  if (surge < 2 || all.length <= surge) return kept;
  // Of equals those that would come last anyway: what else orders them counts as before.
  const left = [...all].reverse().sort((a, b) => a.drainMs - b.drainMs);
  const shortest = left[0]?.drainMs ?? 0;
  for (let slot = 0, from = 0; slot < surge && from < left.length; slot += 1, from += 1) {
    const wanted = shortest + (endSpreadMs * slot) / surge;
    const off = ({ drainMs }: Scored): number => Math.abs(drainMs - wanted);
    left.forEach((one, at) => {
      if (at > from && off(one) < off(left[from] ?? one)) from = at;
    });
    const next = left[from];
    if (next === undefined || next.drainMs > shortest + endSpreadMs) break;
    kept.add(next);
  }
  return kept;
}

/** About as far apart as the last new nodes of a roll come up. More gains little, and keeps long drains for the end. */
const endSpreadMs = 90_000;

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

function score(
  member: Member,
  index: ClusterIndex,
  input: RollPlanInput,
  { load, fullAt }: { load: Map<string, number>; fullAt: number },
): Scored {
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
  const drainMs = predictDrainMs(pods, index, input);
  const inSteps = Math.round(drainMs / forecastStepMs) * forecastStepMs;
  const key = [
    healthy ? 1 : 0,
    critical ? 1 : 0,
    input.leases?.leaders.has(member.name) ? 1 : 0,
    refusing,
    crowd > fullAt ? -crowd : 0,
    -inSteps,
    -path,
    -crowd,
    member.node?.createdAt ?? 0,
  ];
  const why = !healthy
    ? 'it is unhealthy'
    : empty
      ? 'it is empty'
      : critical
        ? 'only nodes that the cluster lives by are left'
        : `it is next in line, and its drain will take about ${Math.round(drainMs / 1000)} s`;
  return {
    member,
    pods: pods.length,
    critical,
    boundTo: zonesBound(member, index),
    reason: why,
    key,
    drainMs: inSteps,
  };
}

/** Where in the key the drains are compared. */
const slowestFirst = 5;
/** Forecasts are no better than this: smaller differences do not order nodes. */
const forecastStepMs = 15_000;
/**
 * Nodes that a zone may have more than the emptiest one before it goes first: a third of those under way, as new nodes are launched into
 * three zones or so in turn. Once every node left has its new one, what each zone will have at the end is settled, and any may.
 */
const tolerableCrowd = (left: number, surge: number): number =>
  surge > 1 && left <= surge ? Number.POSITIVE_INFINITY : Math.max(2, Math.ceil(surge / 3));

/** Where the volumes of a node's pods can be used; a claim whose volume is not to be seen is taken to be bound to the node's zone. */
export function zonesBound(member: Pick<Member, 'pods' | 'instance'>, index: ClusterIndex): string[][] {
  const bound = new Map<string, string[]>();
  for (const pod of movablePods(member.pods, index)) {
    if (pod.claims.length === 0) continue;
    const volumes = index.volumesOf(pod);
    if (volumes.length < pod.claims.length) bound.set(member.instance.zone, [member.instance.zone]);
    for (const { zones } of volumes) if (zones) bound.set(zones.join(), zones);
  }
  return [...bound.values()];
}

/** Live instances of the group in the node's zone. */
export function crowdIn(member: Pick<Member, 'group' | 'instance'>): number {
  const { zone } = member.instance;
  return crowds(member.group).get(zone) ?? 0;
}

const crowds = memoised((group: Pick<NodeGroup, 'instances'>): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const { zone, lifecycleState } of group.instances) {
    if (/^(Pending|InService)/.test(lifecycleState)) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  }
  return counts;
});

function compare(a: number[], b: number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Pods that may block a drain for good, whatever the policy: of most nodes none. */
function suspects(member: Member, index: ClusterIndex, input: RollPlanInput): PodView[] {
  // What the server has said of single pods is of no array of the view.
  if (input.refusedForGood.size > 0 || input.returns.size > 0) return member.pods;
  return suspectsAmong(index.budgetsOf)(index.volumesOf)(member.pods);
}

const suspectsAmong = memoised((budgetsOf: ClusterIndex['budgetsOf']) =>
  memoised((volumesOf: ClusterIndex['volumesOf']) =>
    memoised((pods: PodView[]): PodView[] =>
      pods.filter(
        (pod) =>
          !pod.owner ||
          asksToStay(pod) ||
          (pod.claims.length > 0 && volumesOf(pod).some((volume) => volume.local)) ||
          judgeBudgets(pod, budgetsOf(pod)).kind === 'never',
      ),
    ),
  ),
);

/** What would keep a drain of this node from ever ending; such a node is not even cordoned. */
export function lastingBlock(member: Member, index: ClusterIndex, input: RollPlanInput): RollBlock | undefined {
  const { node } = member;
  if (!node) return undefined;
  const skip = skippedBy(member, input);
  if (skip) return skip;
  const forced = activeForce(input) !== undefined;
  for (const pod of suspects(member, index, input)) {
    const judged = classifyPod({ pod, node, startedAt: input.now, index, input, unreachable: !node.ready });
    if (judged.kind === 'blocked') return block(member, pod, judged.code, judged.message, '', input.now);
    if (judged.kind !== 'evictable') continue;
    const budgets = judgeBudgets(pod, index.budgetsOf(pod));
    // Where an operator has allowed it, time helps after all.
    if (budgets.kind !== 'never' || forced) continue;
    const names = budgets.budgets.map((budget) => budget.name).join(', ');
    return block(member, pod, budgets.code, budgets.message, names, input.now);
  }
  return undefined;
}

/** An operator wants the node left alone for a while. */
export function skippedBy(member: Member, input: Pick<RollPlanInput, 'overrides' | 'now'>): RollBlock | undefined {
  const skip = input.overrides.skips.get(member.name);
  if (!skip || skip.expiresAt <= input.now) return undefined;
  const message = `${skip.actor} wants ${member.name} left alone until ${new Date(skip.expiresAt).toISOString()}: ${skip.reason}`;
  const since = member.previous?.blockedBy?.since ?? input.now;
  return { code: 'node-skipped', message, namespace: '', budget: '', pod: '', owner: '', node: member.name, since };
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
