/** How news that are to be delivered are kept in the store. */
import { z } from 'zod';
import type { ToldCondition } from '../../planning/notify/collect.ts';
import { newsKinds } from '../../ports/notifier.ts';

export const outboxKinds = {
  /** `<sink>/<number>`: to be delivered, in this order. */
  pending: 'news-pending',
  /** `<sink>/<number>`: given up. */
  dead: 'news-dead',
  /** `<sink>/<thread>`: the place's id of the thread's first message. */
  thread: 'news-thread',
  /** Conditions that were told, by key. */
  told: 'news-told',
  /** What was looked at last. */
  cursor: 'news-cursor',
} as const;

const news = z.object({
  key: z.string(),
  kind: z.enum(newsKinds),
  severity: z.enum(['info', 'attention']),
  message: z.string(),
  channel: z.string(),
  cluster: z.string(),
  commit: z.string(),
  thread: z.string(),
  at: z.number(),
});

const pending = z.object({
  news,
  text: z.string(),
  /** Attempts that have begun: one of them may have arrived. */
  attempts: z.number(),
  /** Decision time at which it was put here. */
  since: z.number(),
});

export type PendingNews = z.infer<typeof pending>;

const dead = pending.extend({ code: z.string(), reason: z.string(), deadAt: z.number() });

export type DeadNews = z.infer<typeof dead>;

const condition = z.object({
  key: z.string(),
  end: z.object({ kind: z.enum(newsKinds), message: z.string() }).nullable(),
  channel: z.string(),
  cluster: z.string(),
  commit: z.string(),
  toldAt: z.number(),
});

const cursor = z.object({ journal: z.number(), next: z.number() });

/** Something that does not parse was written by nobody who knows better: it is left out, and cannot be delivered. */
export const parsePending = (value: unknown): PendingNews | undefined => pending.safeParse(value).data;
export const parseDead = (value: unknown): DeadNews | undefined => dead.safeParse(value).data;
export const parseToldCondition = (value: unknown): ToldCondition | undefined => condition.safeParse(value).data;
export const parseCursor = (value: unknown): z.infer<typeof cursor> | undefined => cursor.safeParse(value).data;

/** Numbers as text that sorts as they do. */
export function numbered(sink: string, number: number): string {
  return `${sink}/${String(number).padStart(12, '0')}`;
}
