/** When a pod may be deleted in spite of its budgets: only by an operator's override, and only when everything about it is old. */
import type { PodView } from '../../domain/cluster-view.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { isWorkload } from './drain-state.ts';
import type { Member } from './members.ts';
import { lastForcedAt } from './node-marks.ts';
import type { RollOverride, RollPlanInput } from './roll-plan.ts';

export type ForceRule =
  | { kind: 'yes'; override: RollOverride; reason: string }
  /** `at`: by time alone it may be allowed then. */
  | { kind: 'no'; why: string; at?: number };

/** The override that allows it now, if there is one. */
export function activeForce(input: Pick<RollPlanInput, 'overrides' | 'now'>): RollOverride | undefined {
  const { force } = input.overrides;
  return force && force.expiresAt > input.now ? force : undefined;
}

export function mayForce(member: Member, pod: PodView, index: ClusterIndex, input: RollPlanInput): ForceRule {
  const override = activeForce(input);
  if (!override || !member.node) return { kind: 'no', why: 'no operator has allowed it' };
  const { now, policy } = input;
  const { force } = policy;
  const no = (why: string, at: number): ForceRule => ({ kind: 'no', why, at });
  const graceOver = member.drainStartedAt + force.gracePeriodMs;
  if (graceOver > now) return no('the grace period of the drain is not over', graceOver);
  const forcedAt = lastForcedAt(member.node, now);
  if (forcedAt !== undefined && forcedAt + force.intervalMs > now) {
    return no('another pod of the node was deleted a moment ago', forcedAt + force.intervalMs);
  }
  const oldEnough = pod.createdAt + force.minPodLifetimeMs;
  if (oldEnough > now) return no('the pod is too young', oldEnough);
  const youngest = Math.max(0, ...siblingsOf(pod, index).map((sibling) => settledAt(sibling, force)));
  if (youngest > now) return no('a pod beside it is too young', youngest);
  const why = `${override.actor} allows it until ${new Date(override.expiresAt).toISOString()} (${override.reason})`;
  return {
    kind: 'yes',
    override,
    reason: `budgets have held it for ${Math.round((now - member.drainStartedAt) / 60_000)} min; ${why}`,
  };
}

/** Other pods of its budgets that are meant to go on running. */
function siblingsOf(pod: PodView, index: ClusterIndex): PodView[] {
  return index
    .budgetsOf(pod)
    .flatMap((budget) => index.podsOf(budget))
    .filter((other) => other.uid !== pod.uid && other.owner?.kind !== 'Job' && isWorkload(other, false));
}

function settledAt(sibling: PodView, force: RollPlanInput['policy']['force']): number {
  return sibling.createdAt + (sibling.ready ? force.minHealthySiblingLifetimeMs : force.minUnhealthySiblingLifetimeMs);
}
