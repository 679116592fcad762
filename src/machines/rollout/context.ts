import { z } from 'zod';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

export const rolloutInput = z.object({
  channel: z.string(),
  commit: z.string(),
  /** Tree of the channel configuration: evidence is keyed by it. */
  tree: z.string(),
  subject: z.string(),
  /** Decision time, epoch ms. */
  requestedAt: z.number(),
});

/** `left` = not in the registry any more: neither green nor counted. */
export const memberStates = ['pending', 'inFlight', 'updated', 'failed', 'superseded', 'aborted', 'left'] as const;

export const rolloutMember = z.object({
  state: z.enum(memberStates),
  attempt: z.number().int(),
  /** Index into `waves`; -1 = nothing changes for this cluster, it takes no place in a wave. */
  wave: z.number().int(),
  /** Cluster version that it was brought to. */
  version: z.string().nullable(),
  /** Evidence was inherited, the cluster was not touched. */
  inherited: z.boolean(),
  blocked: z.object({ code: z.string(), message: z.string(), data: z.unknown().optional() }).nullable(),
  stalled: z.object({ code: z.string(), message: z.string() }).nullable(),
  failure: storedFailure.nullable(),
  nodesReplaced: z.number().int(),
  checks: z.object({ passed: z.number().int(), failed: z.number().int() }),
});

export const rolloutWave = z.object({ name: z.string(), clusters: z.array(z.string()) });

export const rolloutSoak = z.object({
  requiredMs: z.number(),
  /** Sum of observed, capped ticks: neither downtime nor clock jumps count. */
  observedMs: z.number(),
  lastTickAt: z.number(),
});

/** Where work goes on after a pause, a halt or a retry. */
export const resumableStates = ['planned', 'updating', 'soaking', 'gating'] as const;

export const rolloutContext = rolloutInput.extend({
  /** Snapshot of the membership and its order, fixed when the plan was made. */
  waves: z.array(rolloutWave).max(1000),
  members: z.record(z.string(), rolloutMember),
  /** Clusters of the channel that take no part, and why (lifecycle status, mostly). */
  ineligible: z.record(z.string(), z.string()),
  maxFailures: z.number().int(),
  /** Later channels that this version does not render for: told, never a reason to stop. */
  warnings: z.array(z.string()).max(100),
  soak: rolloutSoak.nullable(),
  resumeTo: z.enum(resumableStates),
  paused: storedPause.nullable(),
  /** Children that were told to pause, and have to be told to resume. */
  told: z.array(z.string()),
  /** Stalled or blocked clusters that an operator wants tried at once. */
  poke: z.array(z.string()),
  halt: z.object({ code: z.string(), message: z.string(), since: z.number() }).nullable(),
  /** A newer commit, or who aborted it. */
  stop: z.object({ by: z.string(), reason: z.string(), told: z.boolean() }).nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
});

export type RolloutInput = z.infer<typeof rolloutInput>;
export type RolloutContext = z.infer<typeof rolloutContext>;
export type RolloutMember = z.infer<typeof rolloutMember>;
export type RolloutWave = z.infer<typeof rolloutWave>;
export type MemberState = (typeof memberStates)[number];
export type ResumableState = (typeof resumableStates)[number];

/** What the rollout's steps hand back in `STEP_DONE.output`. */
export type RolloutOutput =
  | {
      kind: 'planned';
      waves: RolloutWave[];
      members: Record<string, RolloutMember>;
      ineligible: Record<string, string>;
      maxFailures: number;
      warnings: string[];
    }
  /** Children were started, told to resume, or pushed. */
  | {
      kind: 'advanced';
      started: string[];
      left: string[];
      poked: string[];
      resumed: boolean;
      maxFailures: number;
    }
  | { kind: 'verified' }
  | { kind: 'soaked'; soak: z.infer<typeof rolloutSoak> }
  | { kind: 'proven' }
  | { kind: 'halt'; code: string; message: string }
  /** Children in flight know of the pause, or of the end. */
  | { kind: 'told'; children: string[] }
  | { kind: 'expired' }
  | { kind: 'stopped' };
