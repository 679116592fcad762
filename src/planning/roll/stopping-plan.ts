/** A roll that is stopped between two nodes: what is nearly moved is finished, the rest is given back, surplus is removed. */
import { lastingBlock, zonesBound } from './candidate-order.ts';
import { controlPlaneGate, workerGate } from './control-plane-gate.ts';
import type { GroupState, Member } from './members.ts';
import { isCordonedByOthers, podsAtDrainStart } from './node-marks.ts';
import {
  allMembers,
  balancersHolding,
  cordon,
  deregistrationHolds,
  endNode,
  intentFor,
  isOpenAgain,
  isReadyToEnd,
  leaseGate,
  look,
  type PoolContext,
  planDrains,
  strayPodHolds,
  wait,
} from './pool-context.ts';
import { balancersOf } from './usability.ts';
import { evensOutItself, planEvenness, unevenWithout, zoneCounts } from './zone-evenness.ts';

/** `holdsCapacity`: somebody else has changed the size, and nothing is ended until it is clear what to leave behind. */
export function planStopping(context: PoolContext, holdsCapacity: boolean): void {
  const finishing: Member[] = [];
  for (const member of allMembers(context)) {
    if (!member.live || !member.cordonedByUs || intentFor(context.memory, member.instance.id)) continue;
    if (isFinished(context, member)) finishing.push(member);
    else {
      context.actions.push({
        kind: 'give-back',
        node: member.name,
        instanceId: member.instance.id,
        reason: isOpenAgain(member)
          ? 'somebody has uncordoned it'
          : 'the roll is stopped, and most of its pods have not moved',
      });
    }
  }
  planDrains(context, finishing);
  if (holdsCapacity) return;
  for (const state of context.groups) endFinished(context, state, finishing);
  planSurplus(context);
}

/** Goes on to its end: given back it would have cost the moved pods for nothing, or cannot be given back. */
function isFinished(context: PoolContext, member: Member): boolean {
  if (isOpenAgain(member)) return false;
  if (!member.outdated && member.leaving !== 'outdated') return true;
  if (member.phase === 'drained') return member.outdated || member.leaving !== 'outdated';
  if (!member.outdated) return false;
  // A load balancer does not take an instance back by itself.
  const balancers = balancersOf(member.group).length;
  if (context.pool.controlPlane && balancersHolding(context, member).length < balancers) return true;
  if (member.previous?.phase === 'blocked') return false;
  if (member.leaving === 'surplus') return context.groups.some((one) => one.members.includes(member) && one.surge > 0);
  const before = member.node ? podsAtDrainStart(member.node) : 0;
  const left = member.drain?.remaining.filter((one) => one.class.kind !== 'terminating').length ?? 0;
  return before > 0 && (before - left) / before >= context.input.policy.finishDrainShare;
}

function endFinished(context: PoolContext, state: GroupState, finishing: Member[]): void {
  let { surge } = state;
  let { desired } = state.group;
  for (const member of finishing) {
    if (!state.members.includes(member) || !isReadyToEnd(context, member)) continue;
    // One that others have made smaller than its protected nodes are has more than it wants: its size stays.
    const decrement = surge > 0 && desired > state.baseline;
    const why = surge > 0 ? 'its replacement is there' : 'the group replaces it by itself';
    if (surge > 0) surge -= 1;
    if (decrement) desired -= 1;
    endNode(context, member, member.outdated ? 'outdated' : 'surplus', decrement, `${member.name} is empty; ${why}`);
  }
}

/** Takes out what a group has above its baseline: what is not usable yet, then the newest, and so that the zones stay even. */
export function planSurplus(context: PoolContext): void {
  for (const state of context.groups) {
    const leaving = state.members.filter((m) => m.live && (m.cordonedByUs || intentFor(context.memory, m.instance.id)));
    const surplus = state.surge - leaving.length - endingWithoutNode(context, state);
    if (state.surge > 0 && leaving.length > 0)
      wait(context, 'removing-surplus', `${state.group.name} gives up ${leaving.length} surplus nodes`);
    if (surplus > 0) removeSurplus(context, state, leaving, surplus);
  }
  planEvenness(context);
}

function removeSurplus(context: PoolContext, state: GroupState, leaving: Member[], surplus: number): void {
  const gate = planeGate(context) ?? leaseGate(context);
  const reason = `${state.group.name} has ${state.surge} nodes more than its ${state.baseline}`;
  const slack = new SurplusSlack(context, state);
  for (let left = surplus; left > 0; left--) {
    const order = surplusOrder(context, state, leaving);
    const member =
      order.own.find((one) => slack.spares(one) && !order.held(one)) ??
      nobodysNode(state, leaving) ??
      takenLast(order, slack);
    if (!member) break;
    const why = member.phase === 'boot-failed' ? 'boot-failed' : 'surplus';
    if (!member.node && !gate && servesUnseen(context, member)) break;
    if (!member.node && !(gate && context.pool.controlPlane)) {
      endNode(context, member, why, true, `${reason}, and ${member.name} is not a node yet`);
    } else if (gate) {
      wait(context, gate.code, gate.message);
      if (gate.at !== undefined) look(context, gate.at);
      break;
    } else {
      slack.taken(member);
      cordon(context, member, why, order.theirs.includes(member) ? `${reason}; ${order.whyTheirs(member)}` : reason);
    }
    leaving.push(member);
    if (context.pool.controlPlane) return;
  }
  wait(context, 'removing-surplus', reason);
}

/** Which nodes too many the group can do without. */
class SurplusSlack {
  readonly #hopeless: boolean;
  readonly #theirs: number;
  #slack: number;

  constructor({ input, memory }: PoolContext, { members, slack }: GroupState) {
    // Others of its kind have failed too often: it is not about to serve.
    this.#hopeless = memory.bootFailures >= input.policy.maxBootFailures;
    this.#theirs = members.filter((one) => one.live && isTheirs(one)).length;
    this.#slack = slack;
  }

  /**
   * Where some are missing already, one that is about to serve is not ended before it does. What somebody else has cordoned is missing by
   * their will: a new node in its stead was never asked for, while an old one that serves is still owed its replacement.
   */
  spares({ outdated, phase, serves }: Member): boolean {
    const slack = this.#slack + (outdated ? 0 : this.#theirs);
    return serves ? slack >= 1 : slack >= 0 || this.#hopeless || phase !== 'booting';
  }

  /** Once it serves, one can be spared. */
  isAwaited({ phase }: Member): boolean {
    return phase === 'booting' && !this.#hopeless;
  }

  taken({ serves }: Member): void {
    if (serves) this.#slack -= 1;
  }
}

const takenLast = ({ own, theirs }: SurplusOrder, slack: SurplusSlack): Member | undefined =>
  own.some((one) => slack.isAwaited(one)) ? undefined : theirs[0];

const isTheirs = ({ node }: Member): boolean => node !== undefined && isCordonedByOthers(node);

/** An old instance that is no node of the cluster runs nothing: it can go although its zone is left without one, where no other can. */
function nobodysNode({ members }: GroupState, leaving: readonly Member[]): Member | undefined {
  return members.find(
    (one) =>
      one.live &&
      one.outdated &&
      !one.node &&
      !one.ambiguous &&
      one.instance.lifecycleState === 'InService' &&
      !leaving.includes(one),
  );
}

/** An instance whose node object somebody has deleted may serve the API all the same: out of its load balancers first. Its pods are counted yet. */
function servesUnseen(context: PoolContext, member: Member): boolean {
  if (member.outdated && strayPodHolds(context, member)) return true;
  const held = context.pool.controlPlane ? deregistrationHolds(context, member) : undefined;
  if (held !== undefined) wait(context, 'deregistering', held);
  return held !== undefined;
}

/** Control plane and workers never go together, whatever they go for. */
function planeGate(context: PoolContext): { code: string; message: string; at?: number } | undefined {
  const { cluster, input, pool } = context;
  return pool.controlPlane ? controlPlaneGate(pool, cluster, input) : workerGate(cluster);
}

function endingWithoutNode(context: PoolContext, state: GroupState): number {
  return context.actions.filter(
    (action) =>
      action.kind === 'capacity' &&
      action.intent.kind === 'terminate' &&
      action.intent.group === state.group.name &&
      action.intent.decrement &&
      !state.members.some(
        (m) => m.instance.id === (action.intent as { instanceId?: string }).instanceId && m.cordonedByUs,
      ),
  ).length;
}

interface SurplusOrder {
  own: Member[];
  /** What others have cordoned they may be looking into: only where nothing else can go. */
  theirs: Member[];
  whyTheirs(member: Member): string;
  /** About to serve, and the only place for volumes of its pods: once it serves, another can be spared. */
  held(member: Member): boolean;
}

/**
 * Those that may go now: of the zones that can spare one, and any that never became usable. Last go old nodes and those that alone have, or
 * are about to have, the volumes of their pods; before them those that nothing would move from.
 */
function surplusOrder(context: PoolContext, state: GroupState, leaving: readonly Member[]): SurplusOrder {
  const holds = new Set(
    state.members.filter((one) => (one.serves || one.phase === 'booting') && isOnlyPlace(context, one)),
  );
  const rank = (member: Member): number =>
    member.phase === 'boot-failed' ? -1 : member.outdated ? 2 : member.usability.usable || holds.has(member) ? 1 : 0;
  const counts = zoneCounts(context, state, leaving);
  const uneven = (member: Member): number =>
    member.phase === 'boot-failed' ? 0 : unevenWithout(counts, member.instance.zone);
  // Before whether anything moves: a budget that refuses is waited for, a volume without a node in its zone would stay without.
  const keeps = (member: Member): number => Number(member.outdated || holds.has(member));
  const stuck = (member: Member): number => (lastingBlock(member, context.index, context.input) ? 1 : 0);
  const age = (member: Member): number => member.node?.createdAt ?? Number.POSITIVE_INFINITY;
  const crowd = (member: Member): number => counts.get(member.instance.zone) ?? 0;
  const all = state.members.filter((member) => member.live && !member.ambiguous && !leaving.includes(member));
  const least = (members: Member[]): number =>
    Math.min(...members.map((one) => unevenWithout(counts, one.instance.zone)));
  const sorted = (members: Member[], most: number): Member[] =>
    members
      .filter((member) => uneven(member) <= most)
      .sort(
        (a, b) =>
          keeps(a) - keeps(b) ||
          stuck(a) - stuck(b) ||
          rank(a) - rank(b) ||
          Number(holds.has(a)) - Number(holds.has(b)) ||
          crowd(b) - crowd(a) ||
          age(b) - age(a) ||
          (a.instance.id < b.instance.id ? -1 : 1),
      );
  const ours = all.filter((member) => !isTheirs(member));
  // Zones left uneven would cost a node undrained, where the group evens them out by itself.
  const most = least(evensOutItself(state) ? all : ours);
  const own = sorted(ours, most);
  const movable = own.filter((member) => stuck(member) === 0 && !holds.has(member));
  const theirs = sorted(all.filter(isTheirs), least(all));
  return {
    // One that nothing would move from would hold its place for good, and volumes would be left without a node in their zone.
    own: theirs.some((member) => stuck(member) === 0) ? movable : own,
    theirs,
    held: (member) => member.phase === 'booting' && holds.has(member) && own.some((one) => !holds.has(one)),
    whyTheirs: ({ name }) =>
      `somebody else had cordoned ${name}, and it goes all the same: ${whyNoOther(ours, own, movable, holds)}`,
  };
}

function whyNoOther(ours: Member[], even: Member[], movable: Member[], holds: ReadonlySet<Member>): string {
  if (ours.length === 0) return 'the group has no other node';
  if (even.length === 0) return 'without any other the zones would be so uneven that the group ends a node undrained';
  const [stuck] = even;
  const holding = even.find((member) => holds.has(member));
  if (movable.length === 0 && holding)
    return `pods on ${holding.name} have volumes in its zone, where no other node serves`;
  if (movable.length === 0) return `nothing would move from ${stuck?.name} nor from any other`;
  return 'every other is needed to serve';
}

/** Its pods' volumes can be used in zones where no other node serves. */
function isOnlyPlace(context: PoolContext, member: Member): boolean {
  const others = allMembers(context).filter((one) => one !== member && one.serves);
  return zonesBound(member, context.index).some((zones) => !others.some((one) => zones.includes(one.instance.zone)));
}
