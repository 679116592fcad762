/** What a roll keeps in the tags of a group: the authority for baseline and originals, which survives a lost database. */
import type { NodeGroup } from '../../ports/cloud-provider.ts';

export const rollIdTag = 'clm/roll-id';
export const baselineTag = 'clm/roll-baseline';
export const expectedTag = 'clm/roll-expected';
export const originalMinTag = 'clm/roll-orig-min';
export const originalMaxTag = 'clm/roll-orig-max';
export const liftedMaxTag = 'clm/roll-lifted-max';
export const originalSuspendedTag = 'clm/roll-orig-suspended';
export const originalProtectTag = 'clm/roll-orig-protect';
export const startedTag = 'clm/roll-started';

/** The pool is being removed; its value is what the tag `autoscalerTag` was, or `-`. */
export const removingTag = 'clm/roll-removing';
/** The autoscaler takes care of groups with this tag only: one that is removed must not grow again. */
export const autoscalerTag = 'k8s.io/cluster-autoscaler/enabled';

export const rollTags = [
  rollIdTag,
  baselineTag,
  expectedTag,
  originalMinTag,
  originalMaxTag,
  liftedMaxTag,
  originalSuspendedTag,
  originalProtectTag,
  startedTag,
  removingTag,
];

/**
 * Stays on a group after a rollback, until it is rolled forward again: `<template>:<version it was taken from> <template>:<version>`.
 * Without it a group on its old template would look as if it were up to date.
 */
export const revertedTag = 'clm/roll-reverted';

interface Template {
  id: string;
  version: string;
}

export function revertedAsTag(from: Template, to: Template): Record<string, string> {
  return { [revertedTag]: `${from.id}:${from.version} ${to.id}:${to.version}` };
}

/** undefined when the group was not rolled back, or the tag is damaged. */
export function readReverted(group: Pick<NodeGroup, 'tags'>): { from: Template; to: Template } | undefined {
  const match = /^([^: ]+):([^: ]+) ([^: ]+):([^: ]+)$/.exec(group.tags[revertedTag] ?? '');
  if (!match) return undefined;
  const [, fromId = '', fromVersion = '', toId = '', toVersion = ''] = match;
  return { from: { id: fromId, version: fromVersion }, to: { id: toId, version: toVersion } };
}

/** Suspended while a roll is under way: rebalancing ends nodes without a drain. */
export const rebalanceProcess = 'AZRebalance';

export interface GroupOriginals {
  rollId: string;
  baseline: number;
  /**
   * desired is no more than this if only the roll changed it: raised before a launch, lowered after terminations. What is above it is
   * somebody else's, also when the roll's own memory is lost. undefined when the tag is missing.
   */
  expected: number | undefined;
  min: number;
  max: number;
  /**
   * Every maximum that a roll has meant to set since `max` became the original, written before it is set: any other value that is
   * not `max` either is somebody else's. undefined when the tag is missing.
   */
  lifted: number[] | undefined;
  suspended: string[];
  newInstancesProtected: boolean;
  startedAt: number;
}

/** undefined while no roll has written down the group's originals; malformed ones count as none of ours. */
export function readOriginals(group: NodeGroup): GroupOriginals | undefined {
  const { tags } = group;
  const rollId = tags[rollIdTag];
  const baseline = wholeNumber(tags[baselineTag]);
  const min = wholeNumber(tags[originalMinTag]);
  const max = wholeNumber(tags[originalMaxTag]);
  if (rollId === undefined || baseline === undefined || min === undefined || max === undefined) return undefined;
  const suspended = (tags[originalSuspendedTag] ?? '').split(' ').filter((name) => name !== '' && name !== '-');
  return {
    rollId,
    baseline,
    expected: wholeNumber(tags[expectedTag]),
    min,
    max,
    lifted: readLifted(tags[liftedMaxTag]),
    suspended,
    newInstancesProtected: tags[originalProtectTag] === 'true',
    startedAt: wholeNumber(tags[startedTag]) ?? 0,
  };
}

/** Tags have no empty values here: `-` stands for none. */
export function originalsAsTags(originals: GroupOriginals): Record<string, string> {
  return {
    [rollIdTag]: originals.rollId,
    [baselineTag]: String(originals.baseline),
    ...(originals.expected === undefined ? {} : { [expectedTag]: String(originals.expected) }),
    [originalMinTag]: String(originals.min),
    [originalMaxTag]: String(originals.max),
    ...(originals.lifted ? { [liftedMaxTag]: originals.lifted.length === 0 ? '-' : originals.lifted.join(' ') } : {}),
    [originalSuspendedTag]: originals.suspended.length === 0 ? '-' : [...originals.suspended].sort().join(' '),
    [originalProtectTag]: String(originals.newInstancesProtected),
    [startedTag]: String(originals.startedAt),
  };
}

export function originalsOf(group: NodeGroup, rollId: string, now: number): GroupOriginals {
  return {
    rollId,
    baseline: group.desired,
    expected: group.desired,
    min: group.min,
    max: group.max,
    lifted: [],
    suspended: [...group.suspendedProcesses].sort(),
    newInstancesProtected: group.newInstancesProtected,
    startedAt: Math.floor(now),
  };
}

/** The baseline with what others have added to the group since a roll wrote its tags, for one that remembers nothing else. */
export function baselineByTags(group: NodeGroup, written: GroupOriginals): number {
  const grown = Math.max(0, group.desired - (written.expected ?? group.desired));
  return Math.max(written.baseline, Math.min(written.max, written.baseline + grown));
}

function readLifted(text: string | undefined): number[] | undefined {
  if (text === undefined || text === '-') return text === undefined ? undefined : [];
  const values = text.split(' ').map(wholeNumber);
  return values.every((value) => value !== undefined) ? values : undefined;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
