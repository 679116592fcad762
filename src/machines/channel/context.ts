import { z } from 'zod';
import type { ChannelState } from '../../domain/channel.ts';
import { waivables } from '../../domain/rollout.ts';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

const channelInput = z.object({ channel: z.string() });

const channelProblem = z.object({
  code: z.string(),
  message: z.string(),
  since: z.number(),
});

const channelMove = z.object({
  kind: z.enum(['hotfix', 'rollback', 'bypass']),
  id: z.string(),
  commit: z.string(),
  from: z.string().nullable(),
  waived: z.array(z.enum(waivables)),
  by: z.string(),
  reason: z.string(),
});

const catchUp = z.object({
  attempt: z.number().int(),
  state: z.enum(['inFlight', 'failed']),
  failures: z.number().int(),
  retryAt: z.number(),
  message: z.string(),
});

const standIn = z.object({
  commit: z.string(),
  head: z.string(),
  reason: z.string(),
  rollout: z.string().nullable(),
});

export const channelContext = channelInput.extend({
  head: z.string().nullable(),
  subject: z.string().nullable(),
  lastGood: z.string().nullable(),
  proven: z.string().nullable(),
  handled: z.string().nullable(),
  standIn: standIn.nullable(),
  frozen: z.boolean(),
  problem: channelProblem.nullable(),
  move: channelMove.extend({ made: z.object({ from: z.string(), to: z.string() }).nullable() }).nullable(),
  moved: z.array(z.string()).max(20),
  catchUps: z.record(z.string(), catchUp),
  paused: storedPause.nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<ChannelState>;

export type ChannelInput = z.infer<typeof channelInput>;
export type ChannelContext = ChannelState;
