/** Telling own changes of a group from those of others: the autoscaler's are followed, anybody else's stop the pool. */
import type { RollGroupMemory, RollMemory } from '../../domain/node-pool-roll.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { readOriginals, rebalanceProcess } from './group-tags.ts';

export type DriftVerdict =
  | { kind: 'none' }
  /** Seen once: capacity stays as it is until a second look agrees. */
  | { kind: 'watched'; drift: { what: string; since: number }; message: string }
  /** Desired was moved by somebody else, and stays moved. */
  | { kind: 'desired'; moves: { group: string; baseline: number; expected: number }[]; message: string }
  | { kind: 'foreign'; message: string };

interface Deviation {
  foreign: boolean;
  /** An own change is open: how far it goes is told once that is settled. */
  unsettled?: boolean;
  what: string;
  message: string;
  move?: { group: string; baseline: number; expected: number };
}

export function judgeDrift(input: {
  memory: RollMemory;
  groups: NodeGroup[];
  /** When the describe was made. */
  cloudAt: number;
  confirmMs: number;
  /** A roll that is being stopped puts back what it may; only the size tells it what to leave behind. */
  sizeOnly?: boolean;
}): DriftVerdict {
  const deviations = input.memory.groups.flatMap((memory) => {
    const group = input.groups.find((one) => one.name === memory.name);
    if (!group) return [];
    if (input.sizeOnly === true) {
      // Without its tags a group is put back already: nothing is followed any more.
      const desired = readOriginals(group) && desiredDeviation(group, memory, input.memory);
      return desired ? [desired] : [];
    }
    return deviationsOf(group, memory, input.memory);
  });
  if (deviations.length === 0) return { kind: 'none' };
  const what = deviations.map((one) => one.what).join('; ');
  const message = deviations.map((one) => one.message).join('; ');
  const before = input.memory.drift;
  const since = before?.what === what ? before.since : input.cloudAt;
  if (input.cloudAt - since < input.confirmMs) return { kind: 'watched', drift: { what, since }, message };
  if (deviations.some((one) => one.foreign)) return { kind: 'foreign', message };
  if (deviations.some((one) => one.unsettled)) return { kind: 'watched', drift: { what, since }, message };
  return { kind: 'desired', moves: deviations.flatMap((one) => (one.move ? [one.move] : [])), message };
}

function deviationsOf(group: NodeGroup, memory: RollGroupMemory, roll: RollMemory): Deviation[] {
  const found: Deviation[] = [];
  const foreign = (what: string, message: string): void => {
    found.push({ foreign: true, what: `${group.name} ${what}`, message: `${group.name}: ${message}` });
  };
  const { launchTemplate: template } = group;
  if (template.id !== memory.target.id || template.version !== memory.target.version) {
    const now = `${template.id}:${template.version}`;
    foreign(`template ${now}`, `somebody changed the launch template to ${now} while nodes were being replaced`);
  }
  if (group.max !== memory.max) {
    foreign(`max ${group.max}`, `somebody changed the maximum from ${memory.max} to ${group.max}`);
  }
  if (group.min !== memory.min) {
    foreign(`min ${group.min}`, `somebody changed the minimum from ${memory.min} to ${group.min}`);
  }
  const originals = readOriginals(group);
  if (!originals) foreign('tags', 'somebody removed the tags that hold what the group was like before');
  else if (originals.rollId !== roll.rollId) {
    foreign(
      `roll ${originals.rollId}`,
      `another roll (${originals.rollId}) has taken the group over: only one may go on`,
    );
  }
  const expected = new Set([...(originals?.suspended ?? group.suspendedProcesses), rebalanceProcess]);
  const suspended = new Set(group.suspendedProcesses);
  const resumed = [...expected].filter((name) => !suspended.has(name));
  const added = [...suspended].filter((name) => !expected.has(name));
  if (resumed.length > 0) foreign(`resumed ${resumed.join()}`, `somebody resumed ${resumed.join(', ')}`);
  if (added.length > 0) foreign(`suspended ${added.join()}`, `somebody suspended ${added.join(', ')}`);
  const desired = desiredDeviation(group, memory, roll);
  if (desired) found.push(desired);
  return found;
}

function desiredDeviation(group: NodeGroup, memory: RollGroupMemory, roll: RollMemory): Deviation | undefined {
  const by = unexplained(group, memory, roll);
  if (by === 0) return undefined;
  const originals = readOriginals(group);
  const ceiling = originals?.max ?? memory.max;
  const baseline = Math.max(group.min, Math.min(ceiling, memory.baseline + by));
  return {
    foreign: false,
    unsettled: roll.intents.some((intent) => intent.group === group.name),
    what: `${group.name} desired ${group.desired}`,
    message: `${group.name}: somebody moved the desired capacity by ${by > 0 ? '+' : ''}${by}`,
    move: { group: group.name, baseline, expected: group.desired },
  };
}

/** What others have added or taken for certain: own changes that are open may have arrived, or not. */
function unexplained(group: NodeGroup, memory: RollGroupMemory, roll: RollMemory): number {
  let [least, most] = [memory.expected, memory.expected];
  for (const intent of roll.intents) {
    if (intent.group !== group.name) continue;
    if (intent.kind === 'launch') most += 1;
    else if (intent.decrement) least -= 1;
  }
  return group.desired - Math.max(least, Math.min(most, group.desired));
}
