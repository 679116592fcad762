import { z } from 'zod';
import { type ClusterUpdateInput, type ClusterUpdateState, workingStates } from '../../domain/cluster-update.ts';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

const clusterUpdateInput = z.object({
  clusterId: z.string(),
  channel: z.string(),
  commit: z.string(),
  tree: z.string(),
  rolloutId: z.string(),
  attempt: z.number().int(),
  policy: z.object({
    e2eProfile: z.string(),
    e2eGate: z.object({ baseline: z.boolean(), maxFlaky: z.number().int(), midRoll: z.string().optional() }).optional(),
    blockLimitMs: z.number(),
    progressDeadlineMs: z.number(),
    channelMaxParallel: z.number().int(),
    fleetMaxParallel: z.number().int(),
    finish: z.enum(['node', 'pool', 'cluster']).optional(),
  }),
}) satisfies z.ZodType<ClusterUpdateInput>;

const updatePlan = z.object({
  version: z.string(),
  digest: z.string(),
  noop: z.boolean(),
  inheritedFrom: z.string().nullable(),
  stacks: z.array(z.string()),
  components: z.array(z.string()),
  pools: z.array(z.string()),
  deletions: z.boolean(),
  baseline: z.enum(['measure', 'earlier', 'none']).optional(),
  round: z.number().int(),
});

const stackProgress = z.object({
  kind: z.enum(['etcd', 'cluster', 'extra', 'node-pool']),
  state: z.enum(['waiting', 'removing', 'recovering', 'planned', 'started', 'applied']),
  since: z.number(),
  changeSet: z.string().optional(),
});

const rollBlock = z.object({
  code: z.string(),
  message: z.string(),
  data: z.unknown().optional(),
  since: z.number(),
});

const poolRoll = z.object({
  controlPlane: z.boolean(),
  state: z.enum(['running', 'rolled', 'current', 'aborted', 'failed']),
  child: z.string().nullable(),
  since: z.number(),
  nodesReplaced: z.number().int(),
  evictions: z.number().int(),
  reason: z.string().nullable(),
  blocked: rollBlock.nullable(),
  firstNodes: z
    .array(z.object({ node: z.string(), since: z.number() }))
    .max(20)
    .optional(),
  karpenter: z.object({ total: z.number().int(), outdated: z.number().int(), progressAt: z.number() }).optional(),
  etcd: z
    .object({
      total: z.number().int(),
      outdated: z.number().int(),
      lookedAt: z.number(),
      healthySince: z.number().nullable(),
      unwellMs: z.number(),
      inFlight: z.object({ instanceId: z.string(), group: z.string(), since: z.number() }).nullable(),
    })
    .optional(),
});

const e2eFailure = z.object({
  check: z.string(),
  outcome: z.string(),
  message: z.string(),
  signature: z.string().optional(),
});

const e2eProgress = z.object({
  round: z.number().int(),
  child: z.string(),
  state: z.enum(['running', 'finished']),
  result: z.enum(['passed', 'failed', 'error']).nullable(),
  passed: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int(),
  failures: z.array(e2eFailure).max(20),
  flaky: z.array(z.string()).optional(),
  excused: z.array(z.string()).optional(),
});

const e2eBaseline = z.object({
  round: z.number().int(),
  child: z.string().nullable(),
  failures: z.array(e2eFailure).max(20).optional(),
});

const e2eMidRoll = z.object({
  round: z.number().int(),
  child: z.string().nullable(),
  at: z.number(),
  result: z.enum(['passed', 'failed', 'error']).nullable(),
  failures: z.array(e2eFailure).max(20),
  said: z.array(e2eFailure).max(20).optional(),
});

export const clusterUpdateContext = clusterUpdateInput.extend({
  admittedAt: z.number(),
  activeMs: z.number(),
  blockedMs: z.number(),
  lastSeenAt: z.number(),
  phaseActiveMs: z.number(),
  asked: z.string().nullable(),
  plan: updatePlan.nullable(),
  stacks: z.record(z.string(), stackProgress),
  components: z.array(z.string()),
  rolls: z.record(z.string(), poolRoll),
  e2e: e2eProgress.nullable(),
  baseline: e2eBaseline.optional(),
  midRoll: e2eMidRoll.optional(),
  resumeTo: z.enum(workingStates),
  paused: storedPause.nullable(),
  told: z.array(z.string()),
  poke: z.boolean(),
  failures: z.number().int(),
  failure: storedFailure.nullable(),
  stall: z.object({ since: z.number(), retryAt: z.number(), rounds: z.number().int() }).nullable(),
  reported: z.object({ blocked: z.boolean(), stalled: z.boolean() }),
  stop: z
    .object({
      intent: z.enum(['superseded', 'aborted', 'failed']),
      by: z.string(),
      told: z.boolean(),
      finish: z.literal('pool').optional(),
    })
    .nullable(),
  wait: storedWait.nullable(),
}) satisfies z.ZodType<ClusterUpdateState>;

export type ClusterUpdateContext = ClusterUpdateState;
export type PoolRoll = ClusterUpdateState['rolls'][string];
