/** How a group is made ready for a roll, and how it is put back: idempotent lists of what is still to be done, in order. */

import type { NodeView } from '../../domain/cluster-view.ts';
import type { RollGroupMemory } from '../../domain/node-pool-roll.ts';
import type { GroupInstance, NodeGroup } from '../../ports/cloud-provider.ts';
import {
  autoscalerTag,
  baselineByTags,
  type GroupOriginals,
  originalsAsTags,
  originalsOf,
  readOriginals,
  rebalanceProcess,
  removingTag,
  rollTags,
} from './group-tags.ts';
import { isOutdated } from './members.ts';
import { carriesMarks, isExemptedByUs, protectedByAnnotation } from './node-marks.ts';

export type GroupChange =
  | { kind: 'tag'; tags: Record<string, string> }
  | { kind: 'suspend'; processes: string[] }
  | { kind: 'limits'; change: { min?: number; max?: number; newInstancesProtected?: boolean } }
  | { kind: 'unprotect'; instanceIds: string[] }
  | { kind: 'clear-node'; node: string }
  | { kind: 'resume'; processes: string[] }
  | { kind: 'untag'; keys: string[] };

/** Why a roll of this group cannot be begun; `waits` clears by itself, the rest needs somebody. */
export function refusalOf(group: NodeGroup): { code: string; message: string; waits: boolean } | undefined {
  if (group.status !== undefined && /delete/i.test(group.status)) {
    return { code: 'group-gone', message: `group ${group.name} is being deleted`, waits: false };
  }
  const { version, id } = group.launchTemplate;
  if (id === '' || version.startsWith('$')) {
    const said = id === '' ? 'no launch template' : `launch template version ${version}`;
    const message = `group ${group.name} uses ${said}: which nodes are outdated cannot be told; give it a fixed version`;
    return { code: 'template-floating', message, waits: false };
  }
  if (group.instanceRefreshActive === true) {
    const message = `an instance refresh of ${group.name} is under way; two programs must not replace the same nodes`;
    return { code: 'instance-refresh', message, waits: true };
  }
  const stopped = ['Launch', 'Terminate'].filter((name) => group.suspendedProcesses.includes(name));
  if (stopped.length > 0) {
    const message = `${stopped.join(' and ')} of ${group.name} is suspended by somebody: nodes cannot be replaced`;
    return { code: 'processes-suspended', message, waits: true };
  }
  return undefined;
}

/** So many of the maxima that a roll has meant to set are remembered: the value of a tag is limited. */
const liftsKept = 8;

/**
 * What the group's originals are. Those in its tags win: they were written before anything was changed. After a pause for somebody
 * else's change (`known` is what this roll had set) that change becomes part of the originals. A maximum that somebody else has set
 * does so without a pause too: the tags tell it from our own, also when the program was killed before it noted what it had set.
 */
export function originalsFor(
  group: NodeGroup,
  rollId: string,
  now: number,
  known: RollGroupMemory | undefined,
  /** An own change of capacity is not settled: desired says nothing about others then. */
  unsettled: boolean,
): GroupOriginals {
  const written = readOriginals(group);
  if (!written) return originalsOf(group, rollId, now);
  const originals: GroupOriginals = { ...written, rollId };
  if (group.max !== written.max && !isMaxOurs(group, written, known)) {
    originals.max = group.max;
    originals.lifted = [];
  }
  originals.lifted ??= group.max === written.max ? [] : [group.max];
  originals.expected = unsettled && known ? written.expected : group.desired;
  if (!known) {
    originals.baseline = baselineByTags(group, { ...written, max: originals.max });
    return originals;
  }
  if (group.min !== known.min) originals.min = group.min;
  // What the autoscaler moved while the roll was paused is kept, as it is while it rolls.
  const moved = unsettled ? 0 : group.desired - known.expected;
  if (moved !== 0) originals.baseline = Math.max(group.min, Math.min(originals.max, known.baseline + moved));
  const ours = written.suspended.includes(rebalanceProcess) ? [] : [rebalanceProcess];
  originals.suspended = group.suspendedProcesses.filter((name) => !ours.includes(name)).sort();
  return originals;
}

/** Without the tag of lifted maxima what the roll remembers decides, and a roll that remembers nothing puts back what it can. */
function isMaxOurs(group: NodeGroup, written: GroupOriginals, known: RollGroupMemory | undefined): boolean {
  if (written.lifted) return written.lifted.includes(group.max);
  return known === undefined || group.max === known.max;
}

/** Tags first: a kill after any of the others finds out from them what to put back. */
export function preparations(group: NodeGroup, originals: GroupOriginals, highest: number): GroupChange[] {
  const changes: GroupChange[] = [];
  const max = Math.max(originals.max, highest);
  const lifted = new Set(originals.lifted);
  if (max > originals.max) lifted.add(max);
  const wanted = originalsAsTags({ ...originals, lifted: [...lifted].slice(-liftsKept) });
  if (Object.entries(wanted).some(([key, value]) => group.tags[key] !== value))
    changes.push({ kind: 'tag', tags: wanted });
  if (!group.suspendedProcesses.includes(rebalanceProcess)) {
    changes.push({ kind: 'suspend', processes: [rebalanceProcess] });
  }
  const change = {
    ...(group.max < max ? { max } : {}),
    ...(group.newInstancesProtected ? {} : { newInstancesProtected: true }),
  };
  if (Object.keys(change).length > 0) changes.push({ kind: 'limits', change });
  return changes;
}

/** Beyond those of a roll: nobody makes the group grow again, and it may shrink to nothing. */
export function removalPreparations(group: NodeGroup): GroupChange[] {
  const enabled = group.tags[autoscalerTag];
  const changes: GroupChange[] = [];
  if (group.tags[removingTag] === undefined) {
    changes.push({ kind: 'tag', tags: { [removingTag]: enabled === undefined || enabled === '' ? '-' : enabled } });
  }
  if (enabled !== undefined) changes.push({ kind: 'untag', keys: [autoscalerTag] });
  if (group.min > 0) changes.push({ kind: 'limits', change: { min: 0 } });
  return changes;
}

/** A removal that is given up. Nodes that are gone stay gone: the group grows to its minimum, and further as its pods ask for it. */
function removalRestorations(group: NodeGroup, originals: GroupOriginals): GroupChange[] {
  const enabled = group.tags[removingTag];
  if (enabled === undefined) return [];
  const changes: GroupChange[] = [];
  if (group.min === 0 && originals.min > 0) changes.push({ kind: 'limits', change: { min: originals.min } });
  if (enabled !== '-' && group.tags[autoscalerTag] === undefined) {
    changes.push({ kind: 'tag', tags: { [autoscalerTag]: enabled } });
  }
  return changes;
}

/** Everything back as it was; what somebody else has changed meanwhile stays theirs. Tags go last. */
export function restorations(group: NodeGroup, memory: RollGroupMemory | undefined, nodes: NodeView[]): GroupChange[] {
  const changes: GroupChange[] = [];
  const originals = readOriginals(group);
  const ids = new Set(
    group.instances.filter((one) => !/^(Terminat|Detach)/.test(one.lifecycleState)).map((one) => one.id),
  );
  const members = nodes.filter((node) => node.instanceId !== undefined && ids.has(node.instanceId) && !node.deleting);
  if (originals && !originals.newInstancesProtected) {
    const ours = new Set(members.filter((node) => protectedByUs(node, originals)).map((node) => node.instanceId));
    const known = new Set(members.map((node) => node.instanceId));
    // one that has come so late that it is no node yet was launched under the roll's setting
    const justLaunched = (one: GroupInstance): boolean =>
      one.lifecycleState === 'InService' && !known.has(one.id) && !isOutdated(one, group);
    const instanceIds = group.instances
      .filter((one) => one.protectedFromScaleIn && (ours.has(one.id) || justLaunched(one)))
      .map((one) => one.id);
    if (instanceIds.length > 0) changes.push({ kind: 'unprotect', instanceIds });
  }
  for (const node of members) if (carriesMarks(node)) changes.push({ kind: 'clear-node', node: node.name });
  // the tags say that the protection is not everybody's: they stay until it can be taken from all
  const keys = protectedUntilInService(group).length > 0 ? [] : rollTags.filter((key) => group.tags[key] !== undefined);
  const untag: GroupChange[] = keys.length > 0 ? [{ kind: 'untag', keys }] : [];
  // An incomplete set says nothing to put back; it is what a look at an old describe has left behind.
  if (!originals) return [...changes, ...untag];
  const change = {
    ...(group.max !== originals.max && isMaxOurs(group, originals, memory) ? { max: originals.max } : {}),
    ...(group.newInstancesProtected && !originals.newInstancesProtected ? { newInstancesProtected: false } : {}),
  };
  if (Object.keys(change).length > 0) changes.push({ kind: 'limits', change });
  if (!originals.suspended.includes(rebalanceProcess) && group.suspendedProcesses.includes(rebalanceProcess)) {
    changes.push({ kind: 'resume', processes: [rebalanceProcess] });
  }
  return [...changes, ...removalRestorations(group, originals), ...untag];
}

/** Launched with the roll's protection, which AWS takes from an instance only once it is in service. */
export function protectedUntilInService(group: NodeGroup): string[] {
  const originals = readOriginals(group);
  if (originals === undefined || originals.newInstancesProtected) return [];
  return group.instances
    .filter((one) => one.protectedFromScaleIn && one.lifecycleState.startsWith('Pending'))
    .map((one) => one.id);
}

/** Launched during the roll (and so protected by the group's setting), or noted as protected by a roll. */
function protectedByUs(node: NodeView, originals: GroupOriginals): boolean {
  return (
    node.annotations[protectedByAnnotation] !== undefined ||
    isExemptedByUs(node) ||
    node.createdAt >= originals.startedAt
  );
}
