/** Bodies and answers of `/v1`: what is accepted, and what the OpenAPI document says. */
import { z } from 'zod';
import { redactText } from '../support/redact.ts';

const name = z.string().min(1, 'is empty').max(256);
/** Why, as somebody typed it: it is stored, mirrored in git and told to people, so no secret gets further than here. */
export const reason = z
  .string()
  .trim()
  .min(3, 'say why in at least three characters')
  .max(500)
  .overwrite((typed) => redactText(typed));

export const scopeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('fleet') }),
  z.strictObject({ kind: z.literal('channel'), name }),
  z.strictObject({ kind: z.literal('cluster'), name }),
  /** `<channel>/<wave>` */
  z.strictObject({ kind: z.literal('wave'), name }),
  z.strictObject({ kind: z.literal('commit'), name }),
]);

export type Scope = z.output<typeof scopeSchema>;

export const pauseBody = z.strictObject({
  scope: scopeSchema,
  reason,
  /** The pause ends by itself after this much decision time; every override ends (P9). */
  forSeconds: z
    .int()
    .min(1)
    .max(366 * 86_400, 'is longer than 366 days')
    .default(86_400),
});

export const resumeBody = z.strictObject({ scope: scopeSchema, reason });

export const retryBody = z.strictObject({ scope: scopeSchema, reason });

export const confirmBody = z.strictObject({
  /** The registry read that is being held back, as the problem names it. */
  what: z.literal('registry'),
  reason,
});

export const adoptBody = z.strictObject({ reason: reason.optional() });

export const adoptQuery = z.strictObject({ dryRun: z.enum(['true', 'false']).default('false') });

const whole = z.string().regex(/^\d+$/, 'must be a whole number').transform(Number);

export const eventsQuery = z.strictObject({
  after: whole.optional(),
  before: whole.optional(),
  channel: name.optional(),
  cluster: name.optional(),
  commit: name.optional(),
  kind: name.optional(),
  limit: whole.pipe(z.int().min(1).max(1000)).default(100),
});

export const clustersQuery = z.strictObject({ channel: name.optional(), state: name.optional() });

export const rolloutsQuery = z.strictObject({
  channel: name.optional(),
  limit: whole.pipe(z.int().min(1).max(500)).default(50),
});

export const noQuery = z.strictObject({});

export const actionAnswer = z.object({
  /** Processes that were told. */
  told: z.array(z.string()),
  message: z.string(),
});

export type ActionAnswer = z.infer<typeof actionAnswer>;

export const adoptAnswer = z.object({
  dryRun: z.boolean(),
  adopted: z.boolean(),
  clusters: z.array(
    z.object({
      id: z.string(),
      channel: z.string(),
      /** `matches`, `would-change`, or why the cluster cannot be taken: `unreachable`, `wrong-target`, … */
      finding: z.string(),
      message: z.string(),
      /** What the first update would change, unit by unit. */
      changes: z.array(z.string()),
      ok: z.boolean(),
    }),
  ),
  message: z.string(),
});

export type AdoptAnswer = z.infer<typeof adoptAnswer>;

export const eventSchema = z.object({
  id: z.int(),
  at: z.number(),
  source: z.string(),
  seq: z.int(),
  kind: z.string(),
  channel: z.string(),
  cluster: z.string(),
  commit: z.string(),
  message: z.string(),
  data: z.unknown(),
  hash: z.string(),
});

export const eventsAnswer = z.object({ events: z.array(eventSchema) });

const rolloutSchema = z.object({
  id: z.string(),
  channel: z.string(),
  commit: z.string(),
  subject: z.string().optional(),
  state: z.string(),
  active: z.boolean(),
  startedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  reason: z.string().optional(),
});

export type RolloutSummary = z.infer<typeof rolloutSchema>;

export const rolloutsAnswer = z.object({ at: z.iso.datetime(), rollouts: z.array(rolloutSchema) });

export const errorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    problems: z.array(
      z.object({
        file: z.string(),
        line: z.int().optional(),
        path: z.string().optional(),
        message: z.string(),
        remedy: z.string(),
      }),
    ),
    near: z.array(z.string()),
  }),
});
