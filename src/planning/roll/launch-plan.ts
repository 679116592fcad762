/** New nodes: how many, where, and under which token. */
import { createHash } from 'node:crypto';
import type { NodeContent, RollGroupMemory } from '../../domain/node-pool-roll.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { needsCanary } from './canary.ts';
import { skippedBy, zonesBound } from './candidate-order.ts';
import type { CapacitySums } from './capacity-sums.ts';
import { imagePullGate } from './control-plane-gate.ts';
import type { GroupState, Member } from './members.ts';
import { allMembers, look, type PoolContext, wait } from './pool-context.ts';

/** `awaited`: zones by group that everything left waits for. One node there is launched whether or not the baseline lacks one. */
export function planLaunches(context: PoolContext, sums: CapacitySums, awaited: Map<string, Set<string>>): void {
  const { input, memory } = context;
  const pulls = imagePullGate(memory, context.cluster, input.policy);
  if (pulls) {
    wait(context, pulls.code, pulls.message);
    return;
  }
  const proof = proofOf(context);
  const raise = raisesDesired(memory, input.now);
  let number = memory.launches;
  let planned = 0;
  // What has to be shown first is shown first: a content that does not boot is known before the others have spent their time.
  const ordered = [...context.groups].sort((a, b) => Number(proof.isProven(a)) - Number(proof.isProven(b)));
  for (const state of ordered) {
    const zones = awaited.get(state.group.name);
    const { desired, max, name } = state.group;
    const decided = memory.intents.filter((intent) => intent.kind === 'launch' && intent.group === name).length;
    const room = (): boolean => desired + decided + mine < max;
    let mine = 0;
    const wanted = (): boolean =>
      room() &&
      ((sums.needed(state) > 0 && sums.freeSurge > 0) || (zones !== undefined && planned === 0 && sums.zoneSurge > 0));
    while (wanted()) {
      const waits = proof.waitsFor(state);
      if (waits !== undefined) {
        wait(context, 'canary', waits);
        break;
      }
      if (sums.booting >= input.policy.bootCap) {
        wait(context, 'boot-cap', `${sums.booting} nodes of the cluster are booting, as many as allowed`);
        return;
      }
      const zone = zoneFor(context, state, zones);
      if (zone === undefined) {
        // Others of the pool may be had elsewhere, or of other types.
        waitForZones(context, state, zones);
        break;
      }
      number += 1;
      planned += 1;
      mine += 1;
      const awaitedHere = zones?.has(zone ?? '') === true;
      const reason = awaitedHere ? `volumes wait for a new node in ${zone}` : proof.reasonFor(state);
      context.actions.push(launchAction(memory, { number, group: name, zone, reason, raise }));
      proof.launched(state);
      sums.launched(state);
    }
  }
}

interface Proof {
  isProven(state: GroupState): boolean;
  /** Why the next node of the group waits for another one to become usable. */
  waitsFor(state: GroupState): string | undefined;
  reasonFor(state: GroupState): string;
  launched(state: GroupState): void;
}

/**
 * One node first, of each content that is new: a bad image, or a type that it does not boot on, costs one instance. The very first of
 * the pool comes alone, since what most often fails is what the groups have in common; once something has booted, those of the other
 * contents come side by side.
 */
function proofOf(context: PoolContext): Proof {
  const { groups, memory } = context;
  const proven = new Set(groups.filter(isShown).map(contentKey));
  const boots = (state: GroupState): boolean => proven.has(contentKey(state)) || isBelieved(context, state);
  // That others boot says nothing about what is checked here.
  const checks = context.hold !== undefined && context.input.policy.canary !== false;
  const isProven = (state: GroupState): boolean => !checks && boots(state);
  const anyBoots = groups.some(boots);
  const contents = new Set(groups.filter((state) => state.outdated > 0).map(contentKey));
  const unshown = new Map<string, number>();
  const add = (state: GroupState, count: number): void => {
    const key = anyBoots ? contentKey(state) : '';
    unshown.set(key, (unshown.get(key) ?? 0) + count);
  };
  for (const state of groups) {
    const pending = memory.intents.filter((one) => one.kind === 'launch' && one.group === state.group.name).length;
    add(state, state.members.filter((one) => one.live && !one.outdated).length + state.owed + pending);
  }
  const whose = ({ group }: GroupState): string =>
    contents.size > 1
      ? `one new node of ${group.name} first, whose content is not that of every group of the pool`
      : 'one new node first';
  return {
    isProven,
    waitsFor(state) {
      if (isProven(state) || (unshown.get(anyBoots ? contentKey(state) : '') ?? 0) === 0) return undefined;
      return `${whose(state)}, the others once it is usable: ${whyFirst(context, state)}`;
    },
    reasonFor(state) {
      if (isProven(state)) return `${state.group.name} needs a new node before the next old one goes`;
      return `${whose(state)}, to show that the new template boots: ${whyFirst(context, state)}`;
    },
    launched: (state) => add(state, 1),
  };
}

export const contentKey = ({ group, memory: { content, target } }: GroupState): string =>
  keyOfContent(group, target, content);

/** What nodes of both groups are launched with is the same; where that is not known, template and types are. */
export function keyOfContent(
  group: Pick<NodeGroup, 'instanceTypes'>,
  target: RollGroupMemory['target'],
  content: NodeContent | null,
): string {
  if (content) return `${content.content}/${content.surroundings}`;
  return `${target.id}:${target.version}/${group.instanceTypes?.join() ?? ''}`;
}

/** A node of this roll has come up. */
function isShown({ members }: GroupState): boolean {
  return members.some((member) => member.live && !member.outdated && boots(member));
}

/**
 * None has to show that it boots, and none has been given up since: whatever was believed of the template, from the first failed boot on
 * they come one at a time until one is there.
 */
function isBelieved(context: PoolContext, state: GroupState): boolean {
  if (needsCanary(context.input.policy, state.memory.canary)) return false;
  const givenUp = (one: Member): boolean =>
    one.phase === 'boot-failed' || (one.cordonedByUs && one.leaving === 'boot-failed');
  return context.memory.bootFailures === 0 && !allMembers(context).some(givenUp);
}

/** The template has brought up a node: it lacks nothing but the time for which it has to stay so. */
function boots({ usability }: Member): boolean {
  return usability.usable || usability.code === 'min-ready';
}

function whyFirst({ hold, memory: { bootFailures } }: PoolContext, { memory: { canary } }: GroupState): string {
  if (hold !== undefined) return hold.message;
  return canary.needed || bootFailures === 0 ? canary.reason : `${bootFailures} new nodes did not become usable`;
}

/** Zones that a moment ago had no instances to give for this group's types. */
export function zonesWithout({ input, memory }: PoolContext, group: string): Set<string> {
  const still = memory.zonesWithout.filter((one) => one.group === group && one.until > input.now);
  return new Set(still.map((one) => one.zone));
}

function waitForZones(context: PoolContext, state: GroupState, awaited: Set<string> | undefined): void {
  const { name } = state.group;
  const without = context.memory.zonesWithout.filter((one) => one.group === name && one.until > context.input.now);
  look(context, Math.min(...without.map((one) => one.until)));
  const names = without.map((one) => one.zone).join(', ');
  const message = awaited
    ? `volumes wait for a new node in ${[...awaited].join(', ')}; no instances to give: ${names}`
    : `no zone of ${name} has instances to give: ${names}`;
  wait(context, 'no-capacity', message);
}

/** LaunchInstances is not to be had for now. */
export function raisesDesired({ launchByDesiredUntil }: PoolContext['memory'], now: number): boolean {
  return launchByDesiredUntil !== null && launchByDesiredUntil > now;
}

/** One node of the group more, in this zone (null: where the group likes); `number` counts the launches of the roll. */
export function launchAction(
  memory: PoolContext['memory'],
  {
    number,
    group,
    zone,
    reason,
    raise,
  }: { number: number; group: string; zone: string | null; reason: string; raise: boolean },
): Extract<PoolContext['actions'][number], { kind: 'capacity' }> {
  const token = launchToken(memory.rollId, number);
  const intent = { kind: 'launch' as const, id: `launch-${number}`, group, zone, token, raise };
  return { kind: 'capacity', reason, intent };
}

/** The same launch sent twice carries the same token. */
function launchToken(rollId: string, number: number): string {
  return createHash('sha256').update(`${rollId}/${number}`).digest('hex');
}

/**
 * Zone with the fewest new nodes, so that they end up even: AZRebalance would repair uneven zones after the roll, by ending nodes
 * undrained. Among equals the zone where most old nodes wait; before all, one whose volumes wait for their first new node, those of pods
 * that run nowhere before those of old nodes. While
 * everything waits for some zones, a node elsewhere would help nobody and use up the surge: undefined until one of them has capacity.
 */
function zoneFor(context: PoolContext, state: GroupState, awaited?: Set<string>): string | null | undefined {
  const zones = new Map(state.group.zones.map((zone) => [zone, { fresh: 0, outdated: 0, volumes: 0 }]));
  const at = (zone: string): { fresh: number; outdated: number; volumes: number } => {
    const known = zones.get(zone) ?? { fresh: 0, outdated: 0, volumes: 0 };
    zones.set(zone, known);
    return known;
  };
  for (const member of state.members) {
    if (!member.live) continue;
    const zone = at(member.instance.zone);
    if (!member.outdated) zone.fresh += 1;
    else zone.outdated += 1;
    if (!member.outdated || skippedBy(member, context.input)) continue;
    for (const bound of zonesBound(member, context.index)) {
      const known = bound.filter((one) => zones.has(one) || one === member.instance.zone);
      for (const one of known.slice(0, 1)) at(one).volumes = 1;
    }
  }
  for (const pod of context.index.pods.unscheduled) {
    for (const { zones: bound } of context.index.volumesOf(pod)) {
      for (const one of (bound ?? []).filter((each) => zones.has(each)).slice(0, 1)) at(one).volumes = 2;
    }
  }
  const under = [
    ...context.memory.intents,
    ...context.actions.flatMap((action) => (action.kind === 'capacity' ? [action.intent] : [])),
  ];
  const intents = new Set(under.filter((one) => one.kind === 'launch' && one.group === state.group.name));
  const served = new Set<string>();
  for (const intent of intents) {
    if (intent.kind !== 'launch' || intent.zone === null) continue;
    at(intent.zone).fresh += 1;
    served.add(intent.zone);
  }
  const only = new Set([...(awaited ?? [])].filter((zone) => !served.has(zone)));
  const without = zonesWithout(context, state.group.name);
  const open = [...zones].filter(([zone]) => !without.has(zone) && (only.size === 0 || only.has(zone)));
  if (open.length === 0) return zones.size === 0 && without.size === 0 ? null : undefined;
  const first = ({ volumes, fresh }: { volumes: number; fresh: number }): number => (fresh === 0 ? -volumes : 0);
  open.sort(
    ([za, a], [zb, b]) => first(a) - first(b) || a.fresh - b.fresh || b.outdated - a.outdated || (za < zb ? -1 : 1),
  );
  return open[0]?.[0];
}
