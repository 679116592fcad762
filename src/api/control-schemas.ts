/** Bodies of what operators lay over the pipeline. */
import { z } from 'zod';
import { waivables } from '../domain/rollout.ts';
import { reason, scopeSchema } from './schemas.ts';

const longestSeconds = 366 * 86_400;
const forSeconds = z.int().min(1).max(longestSeconds, 'is longer than 366 days');
const channel = z.string().min(1).max(256);
/** At least seven characters of a commit id, a channel, a branch or a tag. */
const commit = z
  .string()
  .max(265)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._/+-]*$/, 'write a commit (seven characters or more), a branch or a tag');

export const overrideKinds = ['freeze', 'pin', 'hold', 'skip', 'veto', 'decommission'] as const;

export const overrideBody = z.strictObject({
  kind: z.enum(overrideKinds),
  scope: scopeSchema,
  /** What a pin stays on; the version that runs now unless given. */
  commit: commit.optional(),
  /** Id of the cluster that is to go, typed once more. */
  confirm: z.string().max(256).optional(),
  /** Of a decommission: its API is gone for good, so that nothing in it is looked at and no node is drained. */
  withoutApi: z.boolean().optional(),
  reason,
  /** Every override ends (P9). */
  forSeconds: forSeconds.default(7 * 86_400),
});

export const overrideEndBody = z.strictObject({ kind: z.enum(overrideKinds), scope: scopeSchema, reason });

export const approveBody = z.strictObject({
  verdict: z.enum(['approved', 'rejected']),
  channel,
  commit,
  /** Name of the gate; needed only where several could be meant. */
  gate: z.string().min(1).max(256).optional(),
  reason,
  forSeconds: forSeconds.default(30 * 86_400),
});

export const promoteBody = z.strictObject({
  commit,
  to: channel,
  /** Picks the change of this one commit onto the target's head, around the channels between. */
  bypass: z.boolean().default(false),
  reason,
});

export const hotfixBody = z.strictObject({
  commit,
  channel,
  skip: z.array(z.enum(waivables)).max(10).default([]),
  reason,
});

export const rollbackBody = z.strictObject({
  channel,
  /** The last version that was proven there unless given. */
  to: commit.optional(),
  reason,
  /** The version that is left is vetoed for so long. */
  vetoSeconds: forSeconds.default(90 * 86_400),
});

export const stopTheLineBody = z.strictObject({ reason, forSeconds: forSeconds.default(86_400) });
