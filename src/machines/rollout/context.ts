import { z } from 'zod';
import { type RolloutInput, type RolloutState, waivables } from '../../domain/rollout.ts';
import { storedFailure, storedGate, storedPause, storedWait } from '../stored-shapes.ts';

const rolloutInput = z.object({
  channel: z.string(),
  commit: z.string(),
  tree: z.string(),
  subject: z.string(),
  requestedAt: z.number(),
}) satisfies z.ZodType<RolloutInput>;

const finish = z.enum(['node', 'pool', 'cluster']);

const memberStates = ['pending', 'inFlight', 'updated', 'failed', 'superseded', 'aborted', 'left', 'skipped'] as const;

const rolloutMember = z.object({
  state: z.enum(memberStates),
  attempt: z.number().int(),
  wave: z.number().int(),
  version: z.string().nullable(),
  inherited: z.boolean(),
  joined: z.boolean().optional(),
  blocked: z.object({ code: z.string(), message: z.string(), data: z.unknown().optional() }).nullable(),
  stalled: z.object({ code: z.string(), message: z.string() }).nullable(),
  failure: storedFailure.nullable(),
  nodesReplaced: z.number().int(),
  checks: z.object({ passed: z.number().int(), failed: z.number().int() }),
});

const rolloutWave = z.object({ name: z.string(), clusters: z.array(z.string()) });

const rolloutSoak = z.object({
  requiredMs: z.number(),
  observedMs: z.number(),
  clusterMs: z.number(),
  lastTickAt: z.number(),
});

const resumableStates = ['planned', 'updating', 'soaking', 'gating', 'repaying'] as const;

export const rolloutContext = rolloutInput.extend({
  lane: z.enum(['normal', 'hotfix', 'rollback', 'bypass']),
  waived: z.array(z.enum(waivables)),
  firstAttempt: z.number().int(),
  waves: z.array(rolloutWave).max(1000),
  members: z.record(z.string(), rolloutMember),
  ineligible: z.record(z.string(), z.string()),
  maxFailures: z.number().int(),
  warnings: z.array(z.string()).max(100),
  soak: rolloutSoak.nullable(),
  waveSoak: z.object({ wave: z.number().int(), soak: rolloutSoak }).nullable(),
  gates: z.array(storedGate).max(100),
  resting: z.array(z.string()),
  resumeTo: z.enum(resumableStates),
  paused: storedPause.nullable(),
  told: z.array(z.string()),
  poke: z.array(z.string()),
  halt: z
    .object({ code: z.string(), message: z.string(), since: z.number(), answered: z.boolean().optional() })
    .nullable(),
  stop: z.object({ by: z.string(), reason: z.string(), told: z.boolean(), finish: finish.optional() }).nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<RolloutState>;

export type RolloutContext = RolloutState;
export type RolloutMember = RolloutState['members'][string];
