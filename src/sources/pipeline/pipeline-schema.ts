import { z } from 'zod';
import { parseDuration } from '../../support/duration.ts';

const second = 1_000;
const day = 86_400_000;
const hour = 3_600_000;

/** `30s`, `4h`, `1d`: parsed to milliseconds. */
function duration(options: { min?: number; max: number; remedy: string }) {
  return z
    .string({ error: 'a span of time is a text like 4h' })
    .meta({ description: 'A span of time: 30s, 15m, 4h, 1d', examples: ['4h'], remedy: options.remedy })
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms === undefined) {
        context.issues.push({ code: 'custom', message: `${JSON.stringify(text)} is not a span of time`, input: text });
        return z.NEVER;
      }
      if (ms < (options.min ?? 0) || ms > options.max) {
        context.issues.push({ code: 'custom', message: `${text} is outside of what is allowed here`, input: text });
        return z.NEVER;
      }
      return ms;
    });
}

const channelName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'a channel name is lower case letters, digits and -')
  .max(40, 'a channel name has at most 40 characters')
  .meta({ remedy: 'write a name like beta' });

const waveSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'a wave name is lower case letters, digits and -')
    .meta({ remedy: 'write a name like canary' }),
  size: z
    .union([
      z.int().min(1, 'a wave has at least one cluster'),
      z.string().regex(/^(100|[1-9]\d?)%$/, 'a share is 1% to 100%') as z.ZodType<`${number}%`, `${number}%`>,
    ])
    .meta({
      description: 'Clusters of the wave: a number, or a share of those not in an earlier wave',
      remedy: 'write a number, or a share like 10%',
    }),
});

const limit = (description: string, max: number) =>
  z
    .int()
    .max(max)
    .meta({ description, remedy: `write a whole number up to ${max}` });

const channelSchema = z
  .strictObject({
    name: channelName,
    branch: z
      .string()
      .regex(/^(?!.*\.\.)(?!.*\/$)[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'this is no branch name')
      .optional()
      .meta({ description: "The git branch; the channel's name unless given", remedy: 'write the name of a branch' }),
    promotesTo: z.array(z.string()).max(20).optional().meta({
      description: 'Channels that a proven version goes on to; the next in the list unless given, [] for none',
      remedy: 'write a list like [beta]',
    }),
    waves: z
      .array(waveSchema)
      .min(1, 'a channel has at least one wave')
      .max(20)
      .optional()
      .meta({ remedy: 'write a list of {name, size}' }),
    maxParallel: limit('Clusters in flight at once', 200).min(1, 'at least one cluster is in flight').optional(),
    maxFailures: limit('Clusters that may fail before the channel halts', 1_000)
      .min(0, 'a number of failures is not negative')
      .optional(),
    soak: duration({ max: 60 * day, remedy: 'write a span like 4h, up to 60d' }).optional(),
    e2e: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'this is no name of a profile')
      .optional()
      .meta({ description: 'Profile of checks', remedy: 'write the name of a profile, like smoke' }),
    blockLimit: duration({
      min: 60 * second,
      max: 30 * day,
      remedy: 'write a span like 6h, from 1m to 30d',
    }).optional(),
    progressDeadline: duration({
      min: 60 * second,
      max: 30 * day,
      remedy: 'write a span like 6h, from 1m to 30d',
    }).optional(),
  })
  .meta({ description: 'A release channel and what it demands before a version goes on' });

export const pipelineSchema = z
  .strictObject({
    maxParallel: limit('Clusters in flight at once over all channels', 1_000)
      .min(1, 'at least one cluster is in flight')
      .optional(),
    evidenceMaxAge: duration({ max: 30 * day, remedy: 'write a span like 24h' }).optional(),
    channels: z.array(channelSchema).min(1, 'a pipeline has at least one channel').max(50),
  })
  .meta({ title: 'Pipeline', description: 'The channels, and how a version moves through and between them' });

/** What holds where the file says nothing: slow, one after the other, and halting at the first failure. */
export const pipelineDefaults = {
  maxParallel: 25,
  evidenceMaxAgeMs: 24 * hour,
  channel: {
    waves: [
      { name: 'canary', size: 1 },
      { name: 'tenth', size: '10%' },
      { name: 'half', size: '50%' },
      { name: 'all', size: '100%' },
    ],
    maxParallel: 1,
    maxFailures: 0,
    soakMs: 24 * hour,
    e2eProfile: 'smoke',
    blockLimitMs: 6 * hour,
    progressDeadlineMs: 6 * hour,
  },
} as const;

export type PipelineDocument = z.output<typeof pipelineSchema>;
