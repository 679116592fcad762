import { z } from 'zod';
import { gateSchema } from './gate-schema.ts';
import { day, hour, second, span } from './span.ts';
import { windowSchema } from './window-schema.ts';

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
      z.int().min(1, 'a wave has at least one cluster').max(10_000, 'a wave has at most 10,000 clusters'),
      z.string().regex(/^(100|[1-9]\d?)%$/, 'a share is 1% to 100%') as z.ZodType<`${number}%`, `${number}%`>,
    ])
    .meta({
      description:
        'Clusters of the wave: a number, or a share of those not in an earlier wave; with clusters, match or coverage, of those',
      remedy: 'write a number, or a share like 10%',
    })
    .optional(),
  clusters: z.array(z.string()).min(1).max(1_000).optional().meta({ description: 'Only these, by id or alias' }),
  match: z
    .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]))
    .optional()
    .meta({
      description: 'Only clusters with these values, by dimension',
      remedy: 'write a mapping like {region: eu-central-1}',
    }),
  coverage: z.array(z.string()).min(1).max(10).optional().meta({
    description: 'The fewest clusters that show every value of these dimensions',
    remedy: 'write a list like [region, architecture]',
  }),
  soakBefore: span({ max: 30 * day, remedy: 'write a span like 30m' }).optional(),
  gatesBefore: z
    .array(z.string())
    .min(1)
    .optional()
    .meta({ description: 'Gates of the channel that must be open first' }),
});

const limit = (description: string, max: number) =>
  z
    .int()
    .max(max)
    .meta({ description, remedy: `write a whole number up to ${max}` });

const profileName = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'this is no name of a profile');

const channelSchema = z
  .strictObject({
    name: channelName,
    branch: z
      .string()
      .regex(/^(?!.*\.\.)(?!.*\/$)[A-Za-z0-9][A-Za-z0-9._/-]*$/, 'this is no branch name')
      .optional()
      .meta({ description: "The git branch; the channel's name unless given", remedy: 'write the name of a branch' }),
    promotesTo: z
      .array(z.union([z.string(), z.strictObject({ to: z.string(), trigger: z.enum(['automatic', 'manual']) })]))
      .max(20)
      .optional()
      .meta({
        description:
          'Channels that a proven version goes on to; the next in the list unless given, [] for none. `{to: stable, trigger: manual}` waits for `clm promote`',
        remedy: 'write a list like [beta]',
      }),
    needs: z
      .enum(['any', 'all'])
      .optional()
      .meta({ description: 'With several upstream channels: proven on one, or on all' }),
    promotion: z.enum(['push', 'pull-request']).optional(),
    unprovenHeads: z.enum(['hold', 'adopt']).optional(),
    signatures: z.enum(['required']).optional(),
    gates: z.array(gateSchema).max(30).optional(),
    windows: z.array(windowSchema).max(50).optional(),
    finish: z
      .enum(['node', 'pool', 'cluster'])
      .optional()
      .meta({ description: 'What is completed when a window closes, a freeze begins or a newer commit arrives' }),
    newCommits: z.enum(['supersede', 'queue']).optional(),
    minDwell: span({ max: 30 * day, remedy: 'write a span like 4h' }).optional(),
    rollback: z.enum(['manual', 'automatic']).optional(),
    bisect: z
      .strictObject({
        clusters: limit('Clusters that failed on which it is searched, one after the other', 20).min(1).optional(),
        attempts: limit('Updates that are made for the search at most', 100).min(3).optional(),
      })
      .optional()
      .meta({
        description:
          'After a halt: tries the commits between on clusters that failed, vetoes the one that fails, and proposes its revert',
        remedy: 'write {clusters: 2, attempts: 20}, or {} for these',
      }),
    siblings: z.array(z.string()).min(1).max(10).optional().meta({
      description: 'Clusters alike in all of these dimensions are never in flight together',
      remedy: 'write a list like [configItems.pair]',
    }),
    sameFailureLimit: limit('The same failure on so many clusters halts the channel; 0 = never', 1_000)
      .min(0)
      .optional(),
    knownFailures: z.array(z.string()).max(100).optional().meta({
      description: "Codes of trouble that is no version's fault; `clm explain` lists them",
      remedy: 'write a list like [aws-throttled]',
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
    soak: z
      .union(
        [
          span({ max: 60 * day, remedy: 'write a span like 4h, up to 60d' }),
          z.strictObject({
            time: span({ max: 60 * day, remedy: 'write a span like 4h, up to 60d' }),
            clusterHours: z.number().min(0).max(1_000_000).optional(),
            nodesReplaced: z.int().min(0).max(1_000_000).optional(),
            passes: z.int().min(0).max(10_000).optional(),
          }),
        ],
        { error: 'a span of time is a text like 4h' },
      )
      .optional()
      .meta({ remedy: 'write a span like 4h, up to 60d, or {time: 4h, clusterHours: 24}' }),
    e2e: z
      .union(
        [
          profileName,
          z.strictObject({
            profile: profileName,
            baseline: z.boolean().optional().meta({
              description:
                'The profile runs before the change too: what failed in the same way before does not block; true unless given',
            }),
            maxFlaky: limit('Checks of one run that may pass only when run again', 1_000).min(0).optional(),
            keepOnFailure: z
              .strictObject({
                for: span({ min: 60 * second, max: day, remedy: 'write a span like 2h, from 1m to 1d' }),
                most: limit('Failed checks of one cluster whose objects stay at once', 20).min(1).optional(),
              })
              .optional()
              .meta({
                description:
                  'Objects of failed checks stay on the cluster to be looked at; never in production, unless the cluster says so with e2e_keep_on_failure',
                remedy: 'write {for: 2h, most: 3}',
              }),
            midRoll: profileName.optional().meta({
              description: 'Profile that runs while workers are replaced; failures of new nodes alone stop the roll',
            }),
          }),
        ],
        { error: 'a profile is a text like smoke' },
      )
      .optional()
      .meta({
        description: 'Profile of checks, and how its results are judged',
        remedy: 'write the name of a profile, like smoke, or {profile: smoke, baseline: true}',
      }),
    periodic: z
      .array(
        z.strictObject({
          profile: profileName,
          every: span({ min: 60 * second, max: 30 * day, remedy: 'write a span like 30m, from 1m to 30d' }),
        }),
      )
      .max(10)
      .optional()
      .meta({
        description:
          'Profiles of checks that run on each cluster on a schedule; a cluster says otherwise with e2e_periodic',
        remedy: 'write a list like [{profile: periodic, every: 30m}]',
      }),
    blockLimit: span({
      min: 60 * second,
      max: 30 * day,
      remedy: 'write a span like 6h, from 1m to 30d',
    }).optional(),
    progressDeadline: span({
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
    evidenceMaxAge: span({ max: 30 * day, remedy: 'write a span like 24h' }).optional(),
    zone: z.string().optional().meta({ description: 'IANA time zone of windows that name none; UTC unless given' }),
    windows: z.array(windowSchema).max(50).optional().meta({ description: 'Windows of every channel' }),
    roles: z
      .record(
        z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a role is lower case letters, digits and -'),
        z.array(z.string()).max(500),
      )
      .optional()
      .meta({ description: 'Names of people by role' }),
    channels: z.array(channelSchema).min(1, 'a pipeline has at least one channel').max(50),
  })
  .meta({ title: 'Pipeline', description: 'The channels, and how a version moves through and between them' });

/** What holds where the file says nothing: slow, one after the other, and halting at the first failure. */
export const pipelineDefaults = {
  maxParallel: 25,
  evidenceMaxAgeMs: 24 * hour,
  bisect: { clusters: 2, attempts: 20 },
  channel: {
    waves: [
      { name: 'canary', size: 1 },
      { name: 'tenth', size: '10%' },
      { name: 'half', size: '50%' },
      { name: 'all', size: '100%' },
    ],
    maxParallel: 1,
    maxFailures: 0,
    sameFailureLimit: 2,
    soakMs: 24 * hour,
    e2eProfile: 'smoke',
    maxFlaky: 3,
    mostKept: 3,
    blockLimitMs: 6 * hour,
    progressDeadlineMs: 6 * hour,
  },
} as const;

export type PipelineDocument = z.output<typeof pipelineSchema>;
