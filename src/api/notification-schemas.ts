/** Shapes of the routes about news that people are told. */
import { z } from 'zod';
import { reason } from './schemas.ts';

const time = z.iso.datetime();
const id = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*\/\d+$/, 'is no id of news; write one as clm notifications shows it, like releases/12');

const newsItem = z.object({
  /** `<place>/<number>` */
  id: z.string(),
  place: z.string(),
  /** `undelivered` was given up, and stays until it is sent again or dropped. */
  state: z.enum(['waiting', 'undelivered']),
  since: time,
  kind: z.string(),
  severity: z.enum(['info', 'attention']),
  channel: z.string(),
  cluster: z.string(),
  commit: z.string(),
  message: z.string(),
  at: time,
  attempts: z.int(),
  /** Why it was given up. */
  code: z.string().optional(),
  reason: z.string().optional(),
});

export type NewsItem = z.infer<typeof newsItem>;

export const notificationsAnswer = z.object({
  places: z.array(z.object({ name: z.string(), waiting: z.int(), undelivered: z.int() })),
  /** Undelivered first, oldest first; of those that wait at most a hundred a place. */
  news: z.array(newsItem),
});

export type NotificationsAnswer = z.infer<typeof notificationsAnswer>;

/** Which undelivered news: some by id, those of a place, or all. */
export const newsBody = z
  .strictObject({
    news: z.array(id).min(1, 'names nothing').max(200).optional(),
    place: z.string().min(1).max(41).optional(),
    all: z.literal(true).optional(),
    reason,
  })
  .refine(({ news, place, all }) => [news, place, all].filter((one) => one !== undefined).length === 1, {
    message: 'names news, a place or all: one of the three',
  });

export type NewsRequest = z.output<typeof newsBody>;
