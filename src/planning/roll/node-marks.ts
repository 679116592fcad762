/** What a roll writes on node objects, and how it takes it back. Everything carries whose it is, so that only own marks are removed. */
import type { NodeView, Taint } from '../../domain/cluster-view.ts';

export const lifecycleLabel = 'lifecycle-status';
export const excludeFromLoadBalancersLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';
export const decommissionTaint = 'decommission-pending';
export const scaleDownDisabledAnnotation = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';

/** Roll id; on every node that a roll has marked as outdated. */
export const rollAnnotation = 'clm/roll';
/** Roll id; only on nodes that a roll has cordoned. */
export const cordonedByAnnotation = 'clm/cordoned-by';
/** Epoch ms. */
export const drainStartedAnnotation = 'clm/drain-started';
/** Pods that had to move when the drain began. */
export const drainPodsAnnotation = 'clm/drain-pods';
/** Epoch ms: when a pod of the node was last deleted in spite of its budget. */
export const lastForcedAnnotation = 'clm/last-forced-drain';
/** Why the node leaves: `outdated`, `surplus`, `boot-failed`. */
export const leavingAnnotation = 'clm/leaving';
/** Roll id; the node was exempted from scale-down by that roll. */
export const exemptedByAnnotation = 'clm/scale-down-disabled-by';
/** Roll id; the instance was protected from scale-in by that roll. */
export const protectedByAnnotation = 'clm/protected-by';

const ourLabelValue = 'clm-roll';

export type LeavingWhy = 'outdated' | 'surplus' | 'boot-failed';

/** A merge patch of a node. With the resourceVersion the server refuses it when somebody else was faster. */
export interface NodePatch {
  metadata: {
    resourceVersion?: string;
    labels?: Record<string, string | null>;
    annotations?: Record<string, string | null>;
  };
  spec?: { taints?: Taint[]; unschedulable?: boolean | null };
}

export const isMarked = (node: NodeView): boolean => node.annotations[rollAnnotation] !== undefined;
export const isCordonedByUs = (node: NodeView): boolean => node.annotations[cordonedByAnnotation] !== undefined;
/** Marked, and not with another taint than is wanted now. */
export function isMarkedAs(node: NodeView, effect: TaintEffect): boolean {
  return isMarked(node) && !node.taints.some((taint) => taint.key === decommissionTaint && taint.effect !== effect);
}
/** Somebody else's cordon: respected, never removed. */
export const isCordonedByOthers = (node: NodeView): boolean => node.unschedulable && !isCordonedByUs(node);
export const isExemptedByUs = (node: NodeView): boolean => node.annotations[exemptedByAnnotation] !== undefined;

export function leavingWhy(node: NodeView): LeavingWhy {
  const why = node.annotations[leavingAnnotation];
  return why === 'surplus' || why === 'boot-failed' ? why : 'outdated';
}

/** When the drain began; a time in the future (a clock that jumped) counts as now. */
export function drainStartedAt(node: NodeView, now: number): number {
  const at = Number(node.annotations[drainStartedAnnotation]);
  return Number.isFinite(at) && at > 0 ? Math.min(at, now) : now;
}

/** undefined = never; a time in the future (a clock that jumped) counts as now. */
export function lastForcedAt(node: NodeView, now: number): number | undefined {
  const at = Number(node.annotations[lastForcedAnnotation]);
  return Number.isFinite(at) && at > 0 ? Math.min(at, now) : undefined;
}

/** Written before the deletion: a kill in between costs one interval, never a second pod. */
export function forcedPatch(node: NodeView, now: number): NodePatch {
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      annotations: { [lastForcedAnnotation]: String(Math.floor(now)) },
    },
  };
}

export function podsAtDrainStart(node: NodeView): number {
  const pods = Number(node.annotations[drainPodsAnnotation]);
  return Number.isFinite(pods) && pods > 0 ? pods : 0;
}

type TaintEffect = 'PreferNoSchedule' | 'NoSchedule';

function withTaint(taints: Taint[], effect: TaintEffect): Taint[] {
  const others = taints.filter((taint) => taint.key !== decommissionTaint);
  return [...others, { key: decommissionTaint, value: 'rolling-upgrade', effect }];
}

/** New pods go elsewhere when they can, so that each pod moves once. */
export function markPatch(node: NodeView, rollId: string, protectedByUs: boolean, effect: TaintEffect): NodePatch {
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      labels: { [lifecycleLabel]: 'decommission-pending' },
      annotations: { [rollAnnotation]: rollId, ...(protectedByUs ? { [protectedByAnnotation]: rollId } : {}) },
    },
    spec: { taints: withTaint(node.taints, effect) },
  };
}

/** Cordon, label, taint and the drain's own notes in one patch: a kill leaves all of it or nothing. */
export function cordonPatch(
  node: NodeView,
  input: { rollId: string; now: number; pods: number; why: LeavingWhy },
): NodePatch {
  const excluded = node.labels[excludeFromLoadBalancersLabel] !== undefined;
  return {
    metadata: {
      resourceVersion: node.resourceVersion,
      labels: {
        [lifecycleLabel]: 'draining',
        ...(excluded ? {} : { [excludeFromLoadBalancersLabel]: ourLabelValue }),
      },
      annotations: {
        [rollAnnotation]: input.rollId,
        // A cordon that was there before stays when ours is taken back.
        ...(node.unschedulable ? { 'clm/cordoned-before': 'true' } : {}),
        [cordonedByAnnotation]: input.rollId,
        [drainStartedAnnotation]: String(Math.floor(input.now)),
        [drainPodsAnnotation]: String(input.pods),
        [leavingAnnotation]: input.why,
      },
    },
    spec: { taints: withTaint(node.taints, 'PreferNoSchedule'), unschedulable: true },
  };
}

/** A node that stays protected from the autoscaler while it is still empty. */
export function exemptPatch(rollId: string): NodePatch {
  return {
    metadata: { annotations: { [scaleDownDisabledAnnotation]: 'true', [exemptedByAnnotation]: rollId } },
  };
}

/** true when the node still carries something of a roll. */
export function carriesMarks(node: NodeView): boolean {
  return isMarked(node) || isCordonedByUs(node) || isExemptedByUs(node);
}

/** Takes back all that rolls have written on the node, and nothing else. */
export function clearPatch(node: NodeView): NodePatch {
  const labels: Record<string, string | null> = {};
  const annotations: Record<string, string | null> = {};
  const spec: { taints?: Taint[]; unschedulable?: boolean | null } = {};
  if (isMarked(node) || isCordonedByUs(node)) {
    labels[lifecycleLabel] = 'ready';
    if (node.labels[excludeFromLoadBalancersLabel] === ourLabelValue) labels[excludeFromLoadBalancersLabel] = null;
    spec.taints = node.taints.filter((taint) => taint.key !== decommissionTaint);
    for (const name of ownAnnotations) if (node.annotations[name] !== undefined) annotations[name] = null;
  }
  if (isCordonedByUs(node) && node.annotations['clm/cordoned-before'] === undefined) spec.unschedulable = false;
  if (isExemptedByUs(node)) {
    annotations[scaleDownDisabledAnnotation] = null;
    annotations[exemptedByAnnotation] = null;
  }
  return {
    metadata: { resourceVersion: node.resourceVersion, labels, annotations },
    ...(Object.keys(spec).length > 0 ? { spec } : {}),
  };
}

const ownAnnotations = [
  rollAnnotation,
  cordonedByAnnotation,
  drainStartedAnnotation,
  drainPodsAnnotation,
  leavingAnnotation,
  protectedByAnnotation,
  lastForcedAnnotation,
  'clm/cordoned-before',
];
