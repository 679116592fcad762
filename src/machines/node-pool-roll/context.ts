import { z } from 'zod';
import type { NodePoolRollInput, RollMemory, RollProgress } from '../../domain/node-pool-roll.ts';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

const surge = z.union([z.number().int().positive(), z.custom<`${number}%`>(isPercentage), z.literal('adaptive')]);

function isPercentage(value: unknown): boolean {
  return typeof value === 'string' && /^\d+(\.\d+)?%$/.test(value);
}

export const nodePoolRollInput = z.object({
  clusterId: z.string(),
  updateId: z.string(),
  rolloutId: z.string(),
  pool: z.string(),
  controlPlane: z.boolean(),
  commit: z.string(),
  blockLimitMs: z.number(),
  bootTimeoutMs: z.number(),
  surge: surge.optional(),
  checksFirst: z.boolean().optional(),
  removes: z.boolean().optional(),
}) satisfies z.ZodType<NodePoolRollInput>;

const rollBlock = z.object({
  code: z.string(),
  message: z.string(),
  namespace: z.string(),
  budget: z.string(),
  pod: z.string(),
  owner: z.string(),
  node: z.string(),
  since: z.number(),
});

const rollNode = z.object({
  name: z.string(),
  instanceId: z.string(),
  phase: z.enum([
    'booting',
    'boot-failed',
    'usable',
    'old',
    'draining',
    'blocked',
    'drained',
    'terminating',
    'foreign',
  ]),
  since: z.number(),
  detail: z.string().optional(),
  blockedBy: rollBlock.optional(),
});

export const rollProgress = z.object({
  total: z.number().int(),
  updated: z.number().int(),
  nodes: z.array(rollNode).max(200),
}) satisfies z.ZodType<RollProgress>;

const capacityIntent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('launch'),
    id: z.string(),
    group: z.string(),
    zone: z.string().nullable(),
    token: z.string(),
    raise: z.boolean(),
  }),
  z.object({
    kind: z.literal('terminate'),
    id: z.string(),
    group: z.string(),
    instanceId: z.string(),
    node: z.string(),
    decrement: z.boolean(),
    why: z.enum(['outdated', 'surplus', 'boot-failed']),
    stillThereAt: z.number().nullable(),
    problem: z.string().optional(),
  }),
]);

export const rollMemory = z.object({
  rollId: z.string(),
  groups: z
    .array(
      z.object({
        name: z.string(),
        target: z.object({ id: z.string(), version: z.string() }),
        previous: z.object({ id: z.string(), version: z.string() }).nullable(),
        baseline: z.number().int(),
        expected: z.number().int(),
        max: z.number().int(),
        min: z.number().int(),
        content: z.object({ content: z.string(), surroundings: z.string(), image: z.string() }).nullable(),
        canary: z.object({ needed: z.boolean(), reason: z.string() }),
      }),
    )
    .max(20),
  outdatedAtStart: z.number().int(),
  notReadyAtStart: z.number().int(),
  unschedulableAtStart: z.number().int(),
  launches: z.number().int(),
  bootFailures: z.number().int(),
  bootFaults: z
    .array(z.object({ group: z.string(), nodes: z.number().int(), problem: z.string().optional() }))
    .max(20)
    .optional(),
  evictions: z.number().int(),
  intents: z.array(capacityIntent).max(100),
  zonesWithout: z.array(z.object({ group: z.string(), zone: z.string(), until: z.number() })).max(100),
  launchByDesiredUntil: z.number().nullable(),
  drift: z.object({ what: z.string(), since: z.number() }).nullable(),
  inFlight: z.string().nullable(),
  settledFrom: z.number().nullable(),
  reported: z.boolean(),
  pullFailuresAtStart: z.number().int(),
  boots: z.array(z.string()).max(200),
  firstNodes: z
    .array(z.object({ content: z.string(), node: z.string(), since: z.number() }))
    .max(20)
    .optional(),
}) satisfies z.ZodType<RollMemory>;

/** Twice as many as a pool has groups: what they launch may change while it is rolled. */
export const keptChecked = 40;

export const nodePoolRollContext = nodePoolRollInput.extend({
  progress: rollProgress,
  memory: rollMemory.nullable(),
  wait: storedWait.nullable(),
  paused: storedPause.nullable(),
  /** Contents whose first new nodes have passed the checks that this roll was told to wait for; the latest last. */
  checked: z.array(z.string()).max(keptChecked).optional(),
  /** Asked to go back to the template that the old nodes have. */
  revert: z.object({ by: z.string(), reason: z.string() }).nullable(),
  /** Transient failures in a row. */
  failures: z.number().int(),
  failure: storedFailure.nullable(),
  nodesReplaced: z.number().int(),
  /** Why it ended, or is about to end, other than rolled. */
  reason: z.string().nullable(),
  result: z.enum(['rolled', 'aborted', 'failed']).nullable(),
});

export type NodePoolRollContext = z.infer<typeof nodePoolRollContext>;

/** What every step of a roll answers: as `progress` of a wait and as `output` when it is done. */
export interface RollStepResult {
  progress: RollProgress;
  memory: RollMemory | null;
  nodesReplaced: number;
}

/** `STEP_DONE.output`: `next` says where the roll goes from here; `again` = look again at once. */
export interface RollStepOutput extends RollStepResult {
  next: 'again' | 'rolling' | 'finalizing' | 'finished' | 'paused' | 'failing';
  reason: string | null;
}
