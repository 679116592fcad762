/** From what has happened, and what lasts, to what is to be told now. Pure. */
import type { News } from '../../ports/notifier.ts';
import type { StoredJournalEntry } from '../../ports/store.ts';
import type { Condition } from './conditions.ts';
import { newsOf, threadOf } from './news.ts';

/** A condition that was told, as it is kept until it is over. */
export type ToldCondition = Pick<Condition, 'key' | 'end' | 'channel' | 'cluster' | 'commit'> & { toldAt: number };

export interface CollectInput {
  entries: readonly StoredJournalEntry[];
  conditions: readonly Condition[];
  told: readonly ToldCondition[];
  /** A short text that is the same for the same input, and for nothing else. */
  digest: (value: unknown) => string;
  now: number;
}

export interface Collected {
  news: News[];
  begun: ToldCondition[];
  over: string[];
}

export function collectNews({ entries, conditions, told, digest, now }: CollectInput): Collected {
  const known = new Set(told.map((one) => one.key));
  const lasting = new Set(conditions.map((one) => one.key));
  const begun = conditions.filter((one) => !known.has(one.key));
  const over = told.filter((one) => !lasting.has(one.key));
  const beginnings = begun.map((one): News => {
    const { kind, severity, message, channel, cluster, commit } = one;
    const key = digest({ key: one.key, begun: now });
    return { key, kind, severity, message, channel, cluster, commit, thread: threadOf(channel, commit), at: now };
  });
  const ends = over.flatMap(({ key, end, channel, cluster, commit, toldAt }): News[] => {
    if (end === null) return [];
    const about = { channel, cluster, commit, thread: threadOf(channel, commit), at: now };
    return [{ key: digest({ key, over: toldAt }), ...end, severity: 'info', ...about }];
  });
  const happened = entries.flatMap((entry) => newsOf(entry) ?? []);
  return {
    news: [...happened, ...beginnings, ...ends],
    begun: begun.map(({ key, end, channel, cluster, commit }) => ({ key, end, channel, cluster, commit, toldAt: now })),
    over: over.map((one) => one.key),
  };
}
