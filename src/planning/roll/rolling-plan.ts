/** Decisions of a pool that is being rolled, in the order of their urgency (end, drain, cordon, launch, mark). */
import { createHash } from 'node:crypto';
import { orderCandidates } from './candidate-order.ts';
import { controlPlaneGate } from './control-plane-gate.ts';
import type { GroupState, Member } from './members.ts';
import {
  isCordonedByOthers,
  isExemptedByUs,
  isMarked,
  protectedByAnnotation,
  scaleDownDisabledAnnotation,
} from './node-marks.ts';
import {
  allMembers,
  cordon,
  endNode,
  intentFor,
  isReadyToEnd,
  look,
  type PoolContext,
  plainSurge,
  planDrains,
  reportLater,
  sortOutdated,
  surgeInUse,
  wait,
} from './pool-context.ts';

/** `holdsCapacity`: somebody else's change is being watched, and capacity stays as it is meanwhile. */
export function planRolling(context: PoolContext, holdsCapacity: boolean): void {
  const members = allMembers(context);
  const sorted = sortOutdated(context);
  for (const { member, block } of sorted.blocked) {
    context.shown.set(member.instance.id, { phase: 'blocked', blockedBy: block });
    reportLater(context, block);
  }
  const sums = new Sums(context);
  if (!holdsCapacity) endNodes(context, members, sums);
  const leaving = members.filter((member) => member.live && member.cordonedByUs && !member.ambiguous);
  for (const member of leaving) if (staysAfterAll(member)) giveBack(context, member);
  planDrains(
    context,
    leaving.filter((member) => !staysAfterAll(member) && !intentFor(context.memory, member.instance.id)),
  );
  markNodes(context, members);
  if (holdsCapacity) return;
  cordonNext(context, sorted.free);
  launch(context, sums);
  if (sorted.blocked.length > 0 && sorted.free.length === 0) {
    const first = sorted.blocked[0];
    if (first) wait(context, 'blocked', `${first.member.name} cannot be drained: ${first.block.message}`);
  }
  if (context.waits.length === 0 && sorted.free.length > 0) waitForCapacity(context);
}

/** Capacity as it will be when everything decided so far has happened. */
class Sums {
  #surge: number;
  readonly #allowed: number;
  readonly #fresh = new Map<string, number>();
  readonly #groupSurge = new Map<string, number>();
  /** Outdated nodes that still have to be replaced and can be. */
  readonly #toReplace = new Map<string, number>();
  booting: number;

  constructor(context: PoolContext) {
    this.#surge = surgeInUse(context);
    const idle = allMembers(context).filter((m) => m.live && m.outdated && !m.serves && !m.cordonedByUs).length;
    // Blocked nodes keep their place; so do those that serve nobody and wait for their turn.
    const extra = context.pool.controlPlane
      ? 0
      : Math.min(context.input.policy.maxBlocked, parkedBefore(context) + idle);
    this.#allowed = plainSurge(context) + extra;
    this.booting = context.cluster.booting;
    for (const state of context.groups) {
      const launches = context.memory.intents.filter((one) => one.kind === 'launch' && one.group === state.group.name);
      this.#fresh.set(state.group.name, state.fresh + state.owed + launches.length);
      const ending = context.memory.intents.filter(
        (one) => one.kind === 'terminate' && one.group === state.group.name && one.decrement,
      );
      this.#groupSurge.set(state.group.name, state.surge - ending.length);
      this.#toReplace.set(state.group.name, replaceable(context, state).length);
    }
  }

  /** New nodes that the group still lacks for the outdated ones that can go. */
  needed(state: GroupState): number {
    const name = state.group.name;
    return Math.min(state.baseline - (this.#fresh.get(name) ?? 0), this.#toReplace.get(name) ?? 0);
  }

  get freeSurge(): number {
    return this.#allowed - this.#surge;
  }

  surgeOf(state: GroupState): number {
    return this.#groupSurge.get(state.group.name) ?? 0;
  }

  launched(state: GroupState): void {
    this.#surge += 1;
    this.booting += 1;
    this.#fresh.set(state.group.name, (this.#fresh.get(state.group.name) ?? 0) + 1);
  }

  /** Without a decrement the group launches the next one by itself. */
  ended(state: GroupState, decrement: boolean, outdated: boolean): void {
    const name = state.group.name;
    if (outdated) this.#toReplace.set(name, Math.max(0, (this.#toReplace.get(name) ?? 0) - 1));
    if (decrement) {
      this.#surge -= 1;
      this.#groupSurge.set(name, this.surgeOf(state) - 1);
    } else {
      this.booting += 1;
      this.#fresh.set(name, (this.#fresh.get(name) ?? 0) + 1);
    }
  }
}

function parkedBefore(context: PoolContext): number {
  return allMembers(context).filter((m) => m.cordonedByUs && m.live && m.previous?.phase === 'blocked').length;
}

function replaceable(context: PoolContext, state: GroupState): Member[] {
  return state.members.filter(
    (member) =>
      member.live &&
      member.outdated &&
      !member.ambiguous &&
      context.shown.get(member.instance.id)?.phase !== 'blocked' &&
      intentFor(context.memory, member.instance.id) === undefined,
  );
}

function endNodes(context: PoolContext, members: Member[], sums: Sums): void {
  for (const member of members) {
    if (!member.live || intentFor(context.memory, member.instance.id)) continue;
    const state = context.groups.find((one) => one.members.includes(member));
    if (!state) continue;
    if (member.phase === 'boot-failed' || (member.cordonedByUs && member.leaving === 'boot-failed')) {
      endFailedBoot(context, member, state, sums);
    } else if (member.cordonedByUs && !staysAfterAll(member) && isReadyToEnd(context, member)) {
      // Never below the baseline: a place is given up only where one is too many. The next replacement is then launched into the
      // zone that needs it. One that the group launched by itself would go to the emptiest zone of that moment; zones end up
      // uneven, and AZRebalance repairs that after the roll by ending nodes undrained.
      const decrement = sums.surgeOf(state) > 0;
      sums.ended(state, decrement, member.outdated);
      const why = decrement ? 'the group gives up its place' : 'the group replaces it by itself';
      endNode(context, member, member.outdated ? 'outdated' : 'surplus', decrement, `${member.name} is empty; ${why}`);
    }
  }
}

function endFailedBoot(context: PoolContext, member: Member, state: GroupState, sums: Sums): void {
  const failed = `${member.name} was not usable within ${Math.round(context.pool.bootTimeoutMs / 1000)} s: ${describe(member)}`;
  if (member.node && !member.cordonedByUs) {
    cordon(context, member, 'boot-failed', failed);
    return;
  }
  if (member.node && !isReadyToEnd(context, member)) return;
  const decrement = sums.surgeOf(state) > 0;
  sums.ended(state, decrement, false);
  endNode(context, member, 'boot-failed', decrement, failed);
}

function describe(member: Member): string {
  return member.usability.usable ? 'it is usable now' : member.usability.message;
}

/** Current again (the template was changed back), or a leftover of an earlier stop. */
function staysAfterAll(member: Member): boolean {
  return !member.outdated && member.leaving !== 'boot-failed';
}

function giveBack(context: PoolContext, member: Member): void {
  context.actions.push({
    kind: 'give-back',
    node: member.name,
    instanceId: member.instance.id,
    reason: `${member.name} is on the current template`,
  });
}

function cordonNext(context: PoolContext, free: Member[]): void {
  // Ordering looks at every pod: only when one of them could go.
  if (!free.some((member) => slackFor(context, member) >= (member.serves ? 1 : 0))) return;
  const { cluster } = context;
  const gate = cordonGate(context);
  if (gate) {
    wait(context, gate.code, gate.message);
    if (gate.at !== undefined) look(context, gate.at);
    return;
  }
  const slack = new Map(context.groups.map((state) => [state.group.name, state.slack]));
  let cordoned = 0;
  const limit = context.pool.controlPlane ? 1 : Number.POSITIVE_INFINITY;
  for (const candidate of orderCandidates(free, context.index, context.input)) {
    if (cordoned >= limit) break;
    const { member } = candidate;
    const name = member.group.name;
    const left = slack.get(name) ?? 0;
    // A node that serves nobody costs nothing.
    if (left < (member.serves ? 1 : 0)) continue;
    if (candidate.critical && cluster.criticalInFlight !== undefined) {
      wait(
        context,
        'critical-one-at-a-time',
        `${cluster.criticalInFlight} carries pods the cluster lives by; ${member.name} waits for it`,
      );
      continue;
    }
    if (candidate.zoneBound && !servesInZone(context, member)) {
      wait(
        context,
        'zone-capacity',
        `${member.name} has volumes in ${member.instance.zone}, where no new node serves yet`,
      );
      continue;
    }
    if (!member.node) continue;
    const foreign = isCordonedByOthers(member.node) ? '; somebody else had cordoned it' : '';
    cordon(context, member, 'outdated', `${candidate.reason}${foreign}`);
    if (member.serves) slack.set(name, left - 1);
    if (candidate.critical) cluster.criticalInFlight = member.name;
    if (!context.pool.controlPlane) cluster.workerInFlight = member.name;
    cordoned += 1;
  }
}

function slackFor(context: PoolContext, member: Member): number {
  return context.groups.find((state) => state.group === member.group)?.slack ?? 0;
}

function cordonGate(context: PoolContext): { code: string; message: string; at?: number } | undefined {
  const { cluster, input, memory, pool } = context;
  const unmarked = allMembers(context).find((m) => m.live && m.outdated && m.node && !isMarked(m.node));
  if (unmarked) return { code: 'marking', message: 'outdated nodes are being marked, so that pods move once' };
  const extra = cluster.unschedulable - memory.unschedulableAtStart;
  if (extra > input.policy.unschedulablePods) {
    const message = `${cluster.unschedulable} pods find no node, ${memory.unschedulableAtStart} did when the roll began`;
    return { code: 'pods-without-node', message };
  }
  if (pool.controlPlane) return controlPlaneGate(pool, cluster, input);
  if (cluster.controlPlaneInFlight !== undefined) {
    const message = `control-plane node ${cluster.controlPlaneInFlight} is on its way out; workers wait`;
    return { code: 'control-plane-in-flight', message };
  }
  return undefined;
}

function servesInZone(context: PoolContext, old: Member): boolean {
  return allMembers(context).some((m) => m.serves && !m.outdated && m.instance.zone === old.instance.zone);
}

function waitForCapacity(context: PoolContext): void {
  const booting = allMembers(context).find((member) => member.live && !member.outdated && !member.usability.usable);
  if (booting) wait(context, 'node-booting', describe(booting));
  else if (context.groups.some((state) => state.owed > 0))
    wait(context, 'node-booting', 'the group is launching a replacement');
  else wait(context, 'capacity', 'waits for a usable new node');
}

function launch(context: PoolContext, sums: Sums): void {
  const { input, memory } = context;
  const members = allMembers(context);
  const proven = members.some((member) => member.live && !member.outdated && member.usability.usable);
  const newcomers = members.filter((member) => member.live && !member.outdated).length;
  const owed = context.groups.reduce((total, state) => total + state.owed, 0);
  const pending = memory.intents.filter((intent) => intent.kind === 'launch').length;
  let number = memory.launches;
  let planned = 0;
  for (const state of context.groups) {
    while (sums.needed(state) > 0 && sums.freeSurge > 0) {
      // One node first: a bad image costs one instance.
      if (!proven && newcomers + owed + pending + planned > 0) return;
      if (sums.booting >= input.policy.bootCap) {
        wait(context, 'boot-cap', `${sums.booting} nodes of the cluster are booting, as many as allowed`);
        return;
      }
      const zone = zoneFor(context, state);
      if (zone === undefined) {
        const until = Math.min(...memory.zonesWithout.map((one) => one.until));
        look(context, until);
        wait(
          context,
          'no-capacity',
          `no zone of ${state.group.name} has instances to give: ${memory.zonesWithout.map((one) => one.zone).join(', ')}`,
        );
        return;
      }
      number += 1;
      planned += 1;
      const reason = proven
        ? `${state.group.name} needs a new node before the next old one goes`
        : `one new node first: it shows that the new template boots`;
      context.actions.push({
        kind: 'capacity',
        reason,
        intent: {
          kind: 'launch',
          id: `launch-${number}`,
          group: state.group.name,
          zone,
          token: launchToken(memory.rollId, number),
          from: state.group.desired,
          raise: memory.launchByDesired,
        },
      });
      sums.launched(state);
    }
  }
}

/** The same launch sent twice carries the same token. */
export function launchToken(rollId: string, number: number): string {
  return createHash('sha256').update(`${rollId}/${number}`).digest('hex');
}

/**
 * Zone with the fewest new nodes, so that they end up even: AZRebalance would repair uneven zones after the roll, by ending nodes
 * undrained. Among equals the zone where most old nodes wait; before all, one whose volumes wait for their first new node.
 */
function zoneFor(context: PoolContext, state: GroupState): string | null | undefined {
  const zones = new Map(state.group.zones.map((zone) => [zone, { fresh: 0, outdated: 0, volumes: false }]));
  const at = (zone: string): { fresh: number; outdated: number; volumes: boolean } => {
    const known = zones.get(zone) ?? { fresh: 0, outdated: 0, volumes: false };
    zones.set(zone, known);
    return known;
  };
  for (const member of state.members) {
    if (!member.live) continue;
    const zone = at(member.instance.zone);
    if (!member.outdated) zone.fresh += 1;
    else zone.outdated += 1;
    if (member.outdated && hasVolumes(context, member)) zone.volumes = true;
  }
  const under = [
    ...context.memory.intents,
    ...context.actions.flatMap((action) => (action.kind === 'capacity' ? [action.intent] : [])),
  ];
  const intents = new Set(under.filter((one) => one.kind === 'launch' && one.group === state.group.name));
  for (const intent of intents) if (intent.kind === 'launch' && intent.zone !== null) at(intent.zone).fresh += 1;
  const without = new Set(
    context.memory.zonesWithout.filter((one) => one.until > context.input.now).map((one) => one.zone),
  );
  const open = [...zones].filter(([zone]) => !without.has(zone));
  if (open.length === 0) return zones.size === 0 && without.size === 0 ? null : undefined;
  const first = ({ volumes, fresh }: { volumes: boolean; fresh: number }): number => (volumes && fresh === 0 ? 0 : 1);
  open.sort(
    ([za, a], [zb, b]) => first(a) - first(b) || a.fresh - b.fresh || b.outdated - a.outdated || (za < zb ? -1 : 1),
  );
  return open[0]?.[0];
}

function hasVolumes(context: PoolContext, member: Member): boolean {
  return member.pods.some((pod) => pod.claims.length > 0 && !context.index.isDaemonPod(pod));
}

/** Old nodes repel new pods; new ones are kept from the autoscaler while they are empty. */
function markNodes(context: PoolContext, members: Member[]): void {
  protectOld(context);
  for (const member of members) {
    const { node } = member;
    if (!member.live || !node || node.deleting) continue;
    if (member.outdated) {
      if (isMarked(node) || member.cordonedByUs) continue;
      const protectedByUs = !member.instance.protectedFromScaleIn;
      const reason = `${node.name} is outdated`;
      context.actions.push({ kind: 'mark', node: node.name, instanceId: member.instance.id, protectedByUs, reason });
    } else if (!isExemptedByUs(node) && node.annotations[scaleDownDisabledAnnotation] === undefined) {
      context.actions.push({ kind: 'exempt', node: node.name, reason: `${node.name} is new` });
    }
  }
}

/** No scale-in by the group itself ends an undrained node. Marked first, so that a kill leaves nothing protected without a note. */
function protectOld(context: PoolContext): void {
  for (const state of context.groups) {
    const instanceIds = state.members
      .filter((m) => m.live && m.instance.lifecycleState === 'InService' && !m.instance.protectedFromScaleIn)
      .filter((m) => m.node?.annotations[protectedByAnnotation] !== undefined)
      .map((m) => m.instance.id)
      .slice(0, 50);
    if (instanceIds.length === 0) continue;
    const reason = `outdated nodes of ${state.group.name} leave by a drain only`;
    context.actions.push({ kind: 'protect', group: state.group.name, instanceIds, reason });
  }
}
