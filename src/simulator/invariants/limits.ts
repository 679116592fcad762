/** What the owner of a scenario allows, and what all checkers share. */
import type { Actor, WorldEvent } from '../model/seams.ts';
import type { GroupTruth, WorldTruth } from './truth.ts';

/** What the owner of the scenario allows; the checkers hold any client to it. */
export interface NodeLimits {
  /** Nodes above the baseline that a group may have at once, blocked ones that keep their place included. */
  surgeOf(baseline: number): number;
  /** Instances of a cluster that may be on their way to their first node object at once. */
  bootCap: number;
  /** Ready nodes below the baseline that a client may cause in a group. */
  maxUnavailable: number;
  /** Shortest time between two refused evictions of one pod. */
  evictionRetryMs: number;
  /** Programs (`kubectl`, `cluster-autoscaler`) that are people's or other controllers': they are not judged. */
  others?: ReadonlySet<string>;
  /** A loss of health, or growth by others, younger than this may be unknown to a client; 0 by default. */
  viewLagMs?: number;
  /**
   * A client's read may be this old when it writes; 0 by default. Limits of a group have no compare-and-set: an edit younger than this
   * may be overwritten by a client that cannot know of it.
   */
  readLagMs?: number;
  /** A member of etcd that fell ill by itself, and less long ago than this, may be unknown to a client; 0 by default. */
  etcdLagMs?: number;
  /** More nodes than this share (and more than one) that have lost readiness are a storm: nothing may be moved. */
  stormShare?: number;
  /** A storm is to be noticed within this time; 15 s by default. */
  stormLagMs?: number;
  /** A load balancer that holds on to an instance this long is not waited for; never by default. */
  deregisterTimeoutMs?: number;
  /** A volume that stays attached this long after the node's last pod is not waited for; never by default. */
  detachTimeoutMs?: number;
  /** Budgets' status may be late: what the API server allows by it is not a client's fault. */
  budgetsMayLag?: boolean;
  /** Zones were made uneven by what others did: a group may even them out by itself, ending nodes undrained. */
  groupsMayRebalance?: boolean;
  /** Pods that ask by annotation not to be moved have to be left alone. */
  protectedPodsStay?: boolean;
  /** Force policy: a pod may be deleted around its budgets when this long has passed since its node was cordoned. */
  forceAfterMs?: number;
  /** Evictions a pod that has to move, over one run; no limit by default. */
  movesPerPod?: number;
  /**
   * Calls of the cloud: a bucket a client. No limit by default. `perStart`: what a process that has just started may ask on top, as it
   * knows nothing yet; never more than the bucket holds.
   */
  cloudCalls?: { perSecond: number; burst: number; perStart?: number };
  /** Calls of a cluster's API that change something: a bucket a client. No limit by default. */
  kubeChanges?: { perSecond: number; burst: number };
  /**
   * Groups that are to be no more, from now on: no size is kept for them, but no more than `removedAtOnce` of their nodes may be out of
   * service at once (one unless given), and what runs there needs a place in another group.
   */
  isRemoved?: (cluster: string, group: string) => boolean;
  removedAtOnce?: number;
  /** After a storm a client goes on within this time. */
  resumeMs?: number;
}

export interface Baseline extends GroupTruth {
  /** What others have added lately: nobody can know of it before the next look. */
  grown?: { at: number; by: number }[];
  /** The last maximum that others have set, and what it was before. */
  maxEdit?: { at: number; before: number };
  /** Maxima that may be left as well: a client wrote before it could know of an edit. */
  maxOr?: number[];
}

/** Limits of groups as they stood when the watch began: what a finished roll has to put back. */
export type Baselines = Map<string, Baseline>;

export const key = (cluster: string, name: string): string => `${cluster}/${name}`;

export function takeBaselines(truth: WorldTruth): Baselines {
  const baselines: Baselines = new Map();
  for (const cluster of truth.clusters()) {
    for (const group of truth.groups(cluster)) baselines.set(key(cluster, group.name), structuredClone(group));
  }
  return baselines;
}

/** The program of a user agent: `clm` of `clm/0.1.0 rollout/x`. */
export const programOf = (actor: Actor): string => actor.name.split('/')[0] ?? actor.name;

/** Which start of a program this is, for those that say so: `clm/1 epoch/3`. */
export const epochOf = (agent: string): number | undefined => {
  const found = /\bepoch\/(\d+)/.exec(agent);
  return found ? Number(found[1]) : undefined;
};

/** A client that these limits are for. */
export const isJudged = (actor: Actor, limits: NodeLimits): boolean =>
  actor.kind === 'client' && !(limits.others?.has(programOf(actor)) ?? false);

/** What people and other controllers change is what a roll has to keep: the baseline follows them. */
export function followOthers(baselines: Baselines, limits: NodeLimits, event: WorldEvent): void {
  if (event.kind !== 'group-changed') return;
  const baseline = baselines.get(key(event.cluster, event.group));
  if (!baseline) return;
  const { before, after } = event;
  if (isJudged(event.actor, limits)) {
    const { maxEdit } = baseline;
    const unknown = maxEdit !== undefined && event.at - maxEdit.at < (limits.readLagMs ?? 0);
    if (unknown && after.max !== before.max) baseline.maxOr = [...(baseline.maxOr ?? []), maxEdit.before];
    return;
  }
  if (after.max !== before.max) {
    baseline.maxEdit = { at: event.at, before: baseline.max };
    delete baseline.maxOr;
  }
  if (after.min !== before.min) baseline.min = after.min;
  if (after.max !== before.max) baseline.max = after.max;
  // A roll lends a group room above its own maximum; what others put there is gone again when the roll gives that back.
  const desired = Math.max(baseline.min, Math.min(baseline.max, baseline.desired + after.desired - before.desired));
  const by = desired - baseline.desired;
  baseline.desired = desired;
  if (by > 0) baseline.grown = [...(baseline.grown ?? []), { at: event.at, by }];
}

/** The size that a client has to keep to at that moment: growth younger than its view need not be known to it. */
export function sizeOwed(baseline: Baseline, limits: NodeLimits, at: number): number {
  const unknown = (baseline.grown ?? []).filter((one) => at - one.at < (limits.viewLagMs ?? 0));
  return baseline.desired - unknown.reduce((sum, one) => sum + one.by, 0);
}

export const leaving = (state: string): boolean => /^(Terminat|Detach)/.test(state);

export function groupOf(truth: WorldTruth, cluster: string, instanceId: string): GroupTruth | undefined {
  return truth.groups(cluster).find((group) => group.instances.some((instance) => instance.id === instanceId));
}
