/** New nodes: how many, where, and under which token. */
import { createHash } from 'node:crypto';
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
  const members = allMembers(context);
  const proven = isProven(context, members);
  const newcomers = members.filter((member) => member.live && !member.outdated).length;
  const owed = context.groups.reduce((total, state) => total + state.owed, 0);
  const pending = memory.intents.filter((intent) => intent.kind === 'launch').length;
  const raise = raisesDesired(memory, input.now);
  let number = memory.launches;
  let planned = 0;
  for (const state of context.groups) {
    const zones = awaited.get(state.group.name);
    const { desired, max, name } = state.group;
    const decided = memory.intents.filter((intent) => intent.kind === 'launch' && intent.group === name).length;
    const room = (): boolean => desired + decided + mine < max;
    let mine = 0;
    const wanted = (): boolean =>
      room() &&
      ((sums.needed(state) > 0 && sums.freeSurge > 0) || (zones !== undefined && planned === 0 && sums.zoneSurge > 0));
    while (wanted()) {
      // One node first: a bad image costs one instance.
      if (!proven && newcomers + owed + pending + planned > 0) {
        wait(context, 'canary', `one new node first, the others once it is usable: ${whyFirst(context)}`);
        return;
      }
      if (sums.booting >= input.policy.bootCap) {
        wait(context, 'boot-cap', `${sums.booting} nodes of the cluster are booting, as many as allowed`);
        return;
      }
      const zone = zoneFor(context, state, zones);
      if (zone === undefined) {
        waitForZones(context, state, zones);
        return;
      }
      number += 1;
      planned += 1;
      mine += 1;
      const reason = zones?.has(zone ?? '')
        ? `volumes wait for a new node in ${zone}`
        : proven
          ? `${state.group.name} needs a new node before the next old one goes`
          : `one new node first, to show that the new template boots: ${whyFirst(context)}`;
      context.actions.push(launchAction(memory, { number, group: state.group.name, zone, reason, raise }));
      sums.launched(state);
    }
  }
}

/**
 * A node of this roll has come up; or none had to show that it does, and none has been given up since: whatever was believed of the
 * template, from the first failed boot on they come one at a time until one is there.
 */
function isProven({ hold, input, memory }: PoolContext, members: Member[]): boolean {
  // That others boot says nothing about what is checked here.
  if (hold !== undefined && input.policy.canary !== false) return false;
  if (members.some((member) => member.live && !member.outdated && boots(member))) return true;
  if (needsCanary(input.policy, memory.canary)) return false;
  const givenUp = (one: Member): boolean =>
    one.phase === 'boot-failed' || (one.cordonedByUs && one.leaving === 'boot-failed');
  return memory.bootFailures === 0 && !members.some(givenUp);
}

/** The template has brought up a node: it lacks nothing but the time for which it has to stay so. */
function boots({ usability }: Member): boolean {
  return usability.usable || usability.code === 'min-ready';
}

function whyFirst({ hold, memory: { bootFailures, canary } }: PoolContext): string {
  if (hold !== undefined) return hold.message;
  return canary.needed || bootFailures === 0 ? canary.reason : `${bootFailures} new nodes did not become usable`;
}

function waitForZones(context: PoolContext, state: GroupState, awaited: Set<string> | undefined): void {
  const without = context.memory.zonesWithout.filter((one) => one.until > context.input.now);
  look(context, Math.min(...without.map((one) => one.until)));
  const names = without.map((one) => one.zone).join(', ');
  const message = awaited
    ? `volumes wait for a new node in ${[...awaited].join(', ')}; no instances to give: ${names}`
    : `no zone of ${state.group.name} has instances to give: ${names}`;
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
  const without = new Set(
    context.memory.zonesWithout.filter((one) => one.until > context.input.now).map((one) => one.zone),
  );
  const open = [...zones].filter(([zone]) => !without.has(zone) && (only.size === 0 || only.has(zone)));
  if (open.length === 0) return zones.size === 0 && without.size === 0 ? null : undefined;
  const first = ({ volumes, fresh }: { volumes: number; fresh: number }): number => (fresh === 0 ? -volumes : 0);
  open.sort(
    ([za, a], [zb, b]) => first(a) - first(b) || a.fresh - b.fresh || b.outdated - a.outdated || (za < zb ? -1 : 1),
  );
  return open[0]?.[0];
}
