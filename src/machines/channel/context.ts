import { z } from 'zod';
import { storedFailure, storedPause, storedWait } from '../stored-shapes.ts';

export const channelInput = z.object({ channel: z.string() });

/** Why nothing starts on this channel although its head moved. */
export const channelProblem = z.object({
  /** `branch-missing`, `branch-forced`, `head-unproven`, … */
  code: z.string(),
  message: z.string(),
  since: z.number(),
});

export const channelContext = channelInput.extend({
  /** Newest commit seen on the branch, good or not. */
  head: z.string().nullable(),
  subject: z.string().nullable(),
  /** Newest head that was neither forced nor unproven: what the channel stays on (B7). */
  lastGood: z.string().nullable(),
  /** Newest commit that passed all this channel asks, or was adopted at first contact. */
  proven: z.string().nullable(),
  /** Head that a rollout was started for, or that needs none. */
  handled: z.string().nullable(),
  /** true while nothing may start here: forced or vanished branch. */
  frozen: z.boolean(),
  problem: channelProblem.nullable(),
  paused: storedPause.nullable(),
  wait: storedWait.nullable(),
  failure: storedFailure.nullable(),
});

export type ChannelInput = z.infer<typeof channelInput>;
export type ChannelContext = z.infer<typeof channelContext>;
export type ChannelProblem = z.infer<typeof channelProblem>;

/** What the step `watch-channel` learnt; merged into the context. */
export type ChannelProgress = Partial<
  Pick<ChannelContext, 'head' | 'subject' | 'lastGood' | 'proven' | 'handled' | 'frozen' | 'problem'>
>;
