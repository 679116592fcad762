import { z } from 'zod';
import type { ChannelState } from '../../domain/channel.ts';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

const channelInput = z.object({ channel: z.string() });

const channelProblem = z.object({
  code: z.string(),
  message: z.string(),
  since: z.number(),
});

export const channelContext = channelInput.extend({
  head: z.string().nullable(),
  subject: z.string().nullable(),
  lastGood: z.string().nullable(),
  proven: z.string().nullable(),
  handled: z.string().nullable(),
  frozen: z.boolean(),
  problem: channelProblem.nullable(),
  paused: storedPause.nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
}) satisfies z.ZodType<ChannelState>;

export type ChannelInput = z.infer<typeof channelInput>;
export type ChannelContext = ChannelState;
