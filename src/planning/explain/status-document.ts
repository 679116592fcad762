/**
 * The document behind `clm status`, `/v1/status` and the live view. Its JSON form is stable: fields are added, never renamed.
 * Times are ISO 8601 in decision time; spans are seconds. Absent means unknown or not applicable, never zero.
 */
import { z } from 'zod';
import { channelStates, clusterStates } from './states.ts';

const time = z.iso.datetime();

const waitSchema = z.object({
  code: z.string(),
  message: z.string(),
  since: time.optional(),
  /** The latest moment at which it is looked at again by itself. */
  nextLookAt: time.optional(),
});

const nodePhases = ['updated', 'booting', 'draining', 'old', 'blocked'] as const;

const nodeSchema = z.object({
  name: z.string(),
  phase: z.enum(nodePhases),
  /** The roll's own, finer word for the phase. */
  detail: z.string(),
  since: time.optional(),
  blockedBy: z.string().optional(),
});

const blockerSchema = z.object({
  code: z.string(),
  message: z.string(),
  namespace: z.string().optional(),
  budget: z.string().optional(),
  pod: z.string().optional(),
  owner: z.string().optional(),
  node: z.string().optional(),
  since: time.optional(),
});

const poolSchema = z.object({
  name: z.string(),
  controlPlane: z.boolean(),
  state: z.string(),
  /** Nodes of the pool and how many of them run the new template; absent until the roll has counted them. */
  total: z.int().optional(),
  updated: z.int().optional(),
  /** Only the nodes in hand. */
  nodes: z.array(nodeSchema),
  blocker: blockerSchema.optional(),
});

const checkFailureSchema = z.object({ check: z.string(), outcome: z.string(), message: z.string() });

const checksSchema = z.object({
  passed: z.int(),
  failed: z.int(),
  failures: z.array(checkFailureSchema),
  /** Failed, but in the same way before the change: they do not block it. */
  excused: z.array(z.string()).optional(),
  /** Passed only when run again. */
  flaky: z.array(z.string()).optional(),
});

/** The last run of checks beside a roll of workers. */
const newNodesSchema = z.object({
  state: z.enum(['checking', 'passed', 'failed', 'error']),
  /** Failed on new nodes alone: the roll stopped. */
  failures: z.array(checkFailureSchema),
  /** What the others said of new nodes beside old ones. */
  said: z.array(checkFailureSchema),
});

const failureSchema = z.object({ kind: z.enum(['transient', 'terminal']), code: z.string(), message: z.string() });

const clusterSchema = z.object({
  id: z.string(),
  alias: z.string(),
  channel: z.string(),
  environment: z.string(),
  region: z.string(),
  account: z.string(),
  lifecycle: z.string(),
  state: z.enum(clusterStates),
  /** Cluster version that runs now: `<commit>#<digest>`. */
  version: z.string().optional(),
  /** Commit it is being brought to. */
  target: z.string().optional(),
  /** Where in the order of a cluster update it is. */
  phase: z.string().optional(),
  since: time.optional(),
  attempt: z.int().optional(),
  waits: z.array(waitSchema),
  blocker: blockerSchema.optional(),
  failure: failureSchema.optional(),
  checks: checksSchema.optional(),
  /** While workers roll, and after a roll that it has stopped. */
  newNodes: newNodesSchema.optional(),
  pools: z.array(poolSchema),
  updatedAt: time.optional(),
  /** Whether it is still as it was recorded, by the last look; absent before it is to be looked at. */
  drift: z
    .object({
      /** Absent before the first look. */
      lookedAt: time.optional(),
      nextLookAt: time,
      /** What differed; empty also once it was updated after the look. */
      found: z.array(z.string()),
    })
    .optional(),
});

const countsSchema = z.object({
  total: z.int(),
  updated: z.int(),
  inFlight: z.int(),
  queued: z.int(),
  blocked: z.int(),
  stalled: z.int(),
  failed: z.int(),
});

const channelSchema = z.object({
  name: z.string(),
  branch: z.string(),
  promotesTo: z.array(z.string()),
  state: z.enum(channelStates),
  head: z.string().optional(),
  subject: z.string().optional(),
  /** Newest commit that has passed all this channel asks. */
  proven: z.string().optional(),
  lastGood: z.string().optional(),
  rollout: z
    .object({
      id: z.string(),
      commit: z.string(),
      subject: z.string().optional(),
      state: z.string(),
      startedAt: time,
      wave: z.object({ number: z.int(), of: z.int(), name: z.string() }).optional(),
      active: z.boolean(),
    })
    .optional(),
  counts: countsSchema,
  checks: z.object({ passed: z.int(), failed: z.int() }),
  /** Nodes of the pools in flight. */
  nodes: z.object({ total: z.int(), updated: z.int() }),
  soak: z.object({ observedSeconds: z.number(), requiredSeconds: z.number() }).optional(),
  /** What the gates of the rollout under way said when they were asked last. */
  gates: z.array(
    z.object({
      name: z.string(),
      state: z.enum(['open', 'closed', 'inconclusive']),
      reason: z.string(),
      /** Who or what can open it, and how; empty when it is open. */
      openedBy: z.string(),
      earliest: time.optional(),
      since: time,
    }),
  ),
  promotions: z.array(
    z.object({
      to: z.string(),
      commit: z.string(),
      state: z.string(),
      /** Where it is to be approved or merged: the URL of a pull request, or a branch. */
      review: z.string().optional(),
      wait: waitSchema.optional(),
    }),
  ),
  /**
   * When the version under way, here or on its way here, is expected to be proven on this channel; absent before an update was measured, and
   * while it waits for somebody.
   */
  eta: z
    .object({
      commit: z.string(),
      p50: time,
      p90: time,
      /** What decides it, stage by stage. */
      path: z.array(z.string()),
      /** Approvals and answers of others that it counts on at once. */
      waitsFor: z.array(z.string()),
    })
    .optional(),
  waits: z.array(waitSchema),
  /** One sentence: why it is not further. */
  reason: z.string().optional(),
});

const problemSchema = z.object({
  severity: z.enum(['error', 'warning']),
  /** `cluster`, `channel`, `process`, `registry`, `pipeline`, `daemon` */
  scope: z.string(),
  subject: z.string(),
  code: z.string(),
  message: z.string(),
  remedy: z.string().optional(),
  since: time.optional(),
});

const overrideSchema = z.object({
  id: z.string(),
  kind: z.string(),
  scope: z.string(),
  actor: z.string(),
  reason: z.string(),
  expiresAt: time.optional(),
});

export const statusSchema = z.object({
  apiVersion: z.literal('clm/v1'),
  kind: z.literal('Status'),
  at: time,
  /** Id of the newest journal entry when this was built: a document with a higher one is newer. */
  asOfSeq: z.int(),
  daemon: z.object({
    running: z.boolean(),
    /** When a store was read without its daemon: the time of the last thing that it committed. */
    lastCommitAt: time.optional(),
  }),
  adopted: z.boolean(),
  fleet: z.object({
    clusters: z.int(),
    byState: z.record(z.string(), z.int()),
    inFlight: z.int(),
    maxParallel: z.int(),
  }),
  channels: z.array(channelSchema),
  clusters: z.array(clusterSchema),
  problems: z.array(problemSchema),
  /** Problems beyond the cap, by count. */
  problemsOmitted: z.int(),
  overrides: z.array(overrideSchema),
});

export type StatusDocument = z.infer<typeof statusSchema>;
export type ChannelStatus = StatusDocument['channels'][number];
export type ClusterStatus = StatusDocument['clusters'][number];
export type PoolStatus = ClusterStatus['pools'][number];
export type NodeStatus = PoolStatus['nodes'][number];
export type StatusProblem = StatusDocument['problems'][number];
export type WaitStatus = z.infer<typeof waitSchema>;
export type BlockerStatus = z.infer<typeof blockerSchema>;
export type ChecksStatus = z.infer<typeof checksSchema>;

/** JSON Schema of the document, kept in registry/schemas/status.schema.json. */
export function statusJsonSchema(): unknown {
  return z.toJSONSchema(statusSchema);
}

/** What `clm why` answers: a tree, from the subject down to what has to happen first. */
export const explanationSchema = z.object({
  apiVersion: z.literal('clm/v1'),
  kind: z.literal('Explanation'),
  at: time,
  asOfSeq: z.int(),
  subject: z.object({ kind: z.enum(['cluster', 'channel', 'commit']), name: z.string() }),
  /** The whole answer in one sentence. */
  summary: z.string(),
  chain: z.array(
    z.object({
      /** How far below the subject: a link belongs to the nearest one before it that is less deep. */
      depth: z.int().min(0),
      subject: z.string(),
      message: z.string(),
      code: z.string().optional(),
      since: time.optional(),
      /** What happens next, and when. */
      next: z.string().optional(),
      /** Who can act, and how; absent when nobody has to. */
      action: z.string().optional(),
    }),
  ),
});

export type Explanation = z.infer<typeof explanationSchema>;
/** A link before its place in the tree is known; at its top unless it says so. */
export type ExplanationLink = Omit<Explanation['chain'][number], 'depth'> & { depth?: number };
