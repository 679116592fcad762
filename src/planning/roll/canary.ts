/** Whether one node of a group comes first: not where nodes of the very same content have shown lately that they boot. */
import type { BootRecord, CanaryDecision, NodeContent } from '../../domain/node-pool-roll.ts';
import { formatDuration } from '../../support/duration.ts';
import type { RollPolicy } from './policy.ts';

/** A pool's record, and whose it is. */
export interface FleetBootRecord extends BootRecord {
  clusterId: string;
  pool: string;
}

export interface CanaryInput {
  policy: Pick<RollPolicy, 'canary' | 'canaryEvidenceMs'>;
  clusterId: string;
  /** Groups that have nodes to replace. Why a content is not known is told instead of it. */
  groups: {
    name: string;
    target: NodeContent | { unknown: string };
    /** What the nodes that serve now were launched from. */
    before: NodeContent | { unknown: string };
  }[];
  /** Of the whole fleet. */
  records: readonly FleetBootRecord[];
  now: number;
}

/** As things are now: what an operator has set since the roll began counts at once, in either direction. */
export function needsCanary({ canary }: Pick<RollPolicy, 'canary'>, decided: CanaryDecision): boolean {
  return canary === 'auto' ? decided.needed : canary;
}

/**
 * A canary proves that image and user data make a node that becomes usable. Where other nodes have proved it, what is left to go wrong is
 * what differs: of the content nothing may, and what the template names of its own cluster has to be what its serving nodes have, or
 * what nodes of this cluster were launched with that became usable. Anything unknown asks for a canary.
 */
export function judgeCanaries(input: CanaryInput): Map<string, CanaryDecision> {
  const { canary } = input.policy;
  const judge = (group: CanaryInput['groups'][number]): CanaryDecision =>
    canary === 'auto' ? judgeGroup(input, group) : { needed: canary, reason: `roll_canary is ${canary}` };
  return new Map(input.groups.map((group) => [group.name, judge(group)]));
}

/** All groups of a pool in one: whether any of them needs one, and why each does or does not, where they differ. */
export function canaryOfPool(decisions: ReadonlyMap<string, CanaryDecision>): CanaryDecision {
  if (decisions.size === 0) return need('no group has nodes to replace');
  const names = new Map<string, string[]>();
  for (const [name, { reason }] of decisions) names.set(reason, [...(names.get(reason) ?? []), name]);
  const needed = [...decisions.values()].some((one) => one.needed);
  if (names.size === 1) return { needed, reason: [...names.keys()].join() };
  return { needed, reason: [...names].map(([reason, groups]) => `${groups.join(', ')}: ${reason}`).join('; ') };
}

function judgeGroup(input: CanaryInput, { name, target, before }: CanaryInput['groups'][number]): CanaryDecision {
  if ('unknown' in target) return need(`what ${name} launches is not known: ${target.unknown}`);
  const { now, policy } = input;
  const same = input.records.filter((one) => one.content === target.content);
  const failure = same.reduce<FleetBootRecord | undefined>(
    (last, one) => ((one.failedAt ?? -1) > (last?.failedAt ?? -1) ? one : last),
    undefined,
  );
  const failedAt = failure?.failedAt ?? Number.NEGATIVE_INFINITY;
  const span = formatDuration(policy.canaryEvidenceMs);
  // A time that is still to come is of a clock that has jumped back since.
  const recent = same.filter(
    (one) => one.nodes > 0 && one.lastAt <= now && now - one.lastAt <= policy.canaryEvidenceMs,
  );
  if (recent.length === 0)
    return need(`no node of ${target.image} with this user data has become usable within ${span}`);
  const good = recent.filter((one) => one.lastAt > failedAt);
  if (good.length === 0) {
    const when = new Date(failedAt).toISOString();
    return need(`a node of ${target.image} with this user data was given up in ${failure?.clusterId} at ${when}`);
  }
  const unchanged = !('unknown' in before) && before.surroundings === target.surroundings;
  const here = good.filter((one) => one.clusterId === input.clusterId && one.surroundings === target.surroundings);
  const counted = unchanged ? good : here;
  if (counted.length === 0) {
    const why =
      'unknown' in before
        ? `what the old nodes of ${name} were launched from is not known: ${before.unknown}`
        : `profile, security groups, keys, tags or the cluster's names in the user data are not those of the old nodes of ${name}`;
    return need(why);
  }
  return { needed: false, reason: proofOf(target, counted) };
}

function proofOf(target: NodeContent, records: FleetBootRecord[]): string {
  const nodes = records.reduce((sum, one) => sum + one.nodes, 0);
  const since = new Date(Math.min(...records.map((one) => one.since))).toISOString();
  const clusters = [...new Set(records.map((one) => one.clusterId))].sort();
  const more = clusters.length > 1 ? ` and ${clusters.length - 1} more` : '';
  const what = nodes === 1 ? '1 node' : `${nodes} nodes`;
  return `${target.image} with this user data became usable on ${what} in ${clusters[0]}${more} since ${since}`;
}

const need = (reason: string): CanaryDecision => ({ needed: true, reason });

const recordsKept = 10;
/** Longer than any `roll_canary_evidence` may be. */
export const recordAgeMs = 90 * 24 * 3_600_000;

/** A pool's records with what has become of nodes of one content since; the latest first, bounded. */
export function withBoots(
  records: readonly BootRecord[],
  content: NodeContent,
  { usable, failed, now }: { usable: number; failed: boolean; now: number },
): BootRecord[] {
  const isThis = (one: BootRecord): boolean =>
    one.content === content.content && one.surroundings === content.surroundings;
  const known = records.find(isThis);
  const next: BootRecord = {
    content: content.content,
    surroundings: content.surroundings,
    image: content.image,
    nodes: (known?.nodes ?? 0) + usable,
    since: known !== undefined && known.nodes > 0 ? known.since : now,
    lastAt: usable > 0 ? now : (known?.lastAt ?? now),
    failedAt: failed ? now : (known?.failedAt ?? null),
  };
  const others = records.filter((one) => !isThis(one) && now - latest(one) <= recordAgeMs);
  return [next, ...others].slice(0, recordsKept);
}

/** Nothing in it can prove anything any more. */
export function isSpent(records: readonly BootRecord[], now: number): boolean {
  return records.every((one) => now - latest(one) > recordAgeMs);
}

const latest = (one: BootRecord): number => Math.max(one.lastAt, one.failedAt ?? 0);
