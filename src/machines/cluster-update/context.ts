import { z } from 'zod';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

export const clusterUpdateInput = z.object({
  clusterId: z.string(),
  channel: z.string(),
  commit: z.string(),
  tree: z.string(),
  rolloutId: z.string(),
  attempt: z.number().int(),
  policy: z.object({
    e2eProfile: z.string(),
    /** Decision ms. */
    blockLimitMs: z.number(),
    progressDeadlineMs: z.number(),
    channelMaxParallel: z.number().int(),
    fleetMaxParallel: z.number().int(),
  }),
});

/** What the rendered commit changes for this cluster: names only; contents are rendered again when needed. */
export const updatePlan = z.object({
  /** Cluster version aimed at. */
  version: z.string(),
  digest: z.string(),
  /** Nothing to apply: straight to the checks, or to the record when evidence is inherited. */
  noop: z.boolean(),
  /** Key of the earlier green evidence that still holds; null = the checks run. */
  inheritedFrom: z.string().nullable(),
  stacks: z.array(z.string()),
  components: z.array(z.string()),
  pools: z.array(z.string()),
  deletions: z.boolean(),
  /** 0 for the first plan; raised when the registry changed under the update and it was planned anew. */
  round: z.number().int(),
});

export const stackProgress = z.object({
  kind: z.enum(['etcd', 'cluster', 'node-pool']),
  state: z.enum(['started', 'applied']),
  since: z.number(),
});

export const rollBlock = z.object({
  code: z.string(),
  message: z.string(),
  data: z.unknown().optional(),
  since: z.number(),
});

export const poolRoll = z.object({
  controlPlane: z.boolean(),
  /** `current`: no instance is outdated, nothing to roll. */
  state: z.enum(['running', 'rolled', 'current', 'aborted', 'failed']),
  child: z.string().nullable(),
  since: z.number(),
  nodesReplaced: z.number().int(),
  evictions: z.number().int(),
  reason: z.string().nullable(),
  blocked: rollBlock.nullable(),
});

export const e2eProgress = z.object({
  /** Runs of this update so far; a run without a verdict is followed by another one, a few times. */
  round: z.number().int(),
  child: z.string(),
  state: z.enum(['running', 'finished']),
  result: z.enum(['passed', 'failed', 'error']).nullable(),
  passed: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  failures: z.array(z.object({ check: z.string(), outcome: z.string(), message: z.string() })).max(20),
});

/** States that a pause or a stall interrupts and returns to. */
export const workingStates = [
  'queued',
  'preflight',
  'rendering',
  'etcdStack',
  'clusterStack',
  'poolStacks',
  'controlPlaneRoll',
  'preDeletions',
  'manifests',
  'workerRolls',
  'postDeletions',
  'workloads',
  'e2e',
  'recording',
] as const;

export const clusterUpdateContext = clusterUpdateInput.extend({
  /** Decision time at which it was let out of the queue; 0 before. */
  admittedAt: z.number(),
  /** Observed time in flight, in capped ticks; waits on budgets and pauses are kept apart. */
  activeMs: z.number(),
  blockedMs: z.number(),
  lastSeenAt: z.number(),
  plan: updatePlan.nullable(),
  stacks: z.record(z.string(), stackProgress),
  /** Components applied, in order. */
  components: z.array(z.string()),
  rolls: z.record(z.string(), poolRoll),
  e2e: e2eProgress.nullable(),
  resumeTo: z.enum(workingStates),
  paused: storedPause.nullable(),
  /** Children that were told to pause, and have to be told to resume. */
  told: z.array(z.string()),
  /** Transient failures in a row. */
  failures: z.number().int(),
  failure: storedFailure.nullable(),
  stall: z.object({ since: z.number(), retryAt: z.number(), rounds: z.number().int() }).nullable(),
  /** What the parent was told and holds to be true. */
  reported: z.object({ blocked: z.boolean(), stalled: z.boolean() }),
  stop: z
    .object({ intent: z.enum(['superseded', 'aborted', 'failed']), by: z.string(), told: z.boolean() })
    .nullable(),
  wait: storedWait.nullable(),
});

export type ClusterUpdateInput = z.infer<typeof clusterUpdateInput>;
export type ClusterUpdateContext = z.infer<typeof clusterUpdateContext>;
export type UpdatePlan = z.infer<typeof updatePlan>;
export type StackProgress = z.infer<typeof stackProgress>;
export type PoolRoll = z.infer<typeof poolRoll>;
export type E2eProgress = z.infer<typeof e2eProgress>;
export type WorkingState = (typeof workingStates)[number];

/** What a step has brought about; merged into the context, maps key by key. */
export interface UpdateProgress {
  plan?: UpdatePlan;
  stacks?: Record<string, StackProgress>;
  components?: string[];
  rolls?: Record<string, PoolRoll>;
  e2e?: E2eProgress;
  /** Reports that went to the parent with this outcome. */
  reported?: { blocked: boolean; stalled: boolean };
  /** Children told to pause (or, after a resume, none). */
  told?: string[];
  /** Changes every few minutes, so that observed time is committed although nothing else changed. */
  tick?: number;
}

/** `STEP_DONE.output` of every step of a cluster update. */
export interface UpdateOutput extends UpdateProgress {
  /**
   * `next`: this phase is complete; `again`: something was done, the same step looks again; `replan`: what renders has changed
   * since the plan; `noop`/`inherit`: nothing to apply; `told`: children know; `resume`: go on; `stopped`: no child is left.
   */
  kind: 'next' | 'again' | 'replan' | 'noop' | 'inherit' | 'told' | 'resume' | 'stopped';
}
