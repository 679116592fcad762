/** What the outbox of news holds: listed, and news that were given up sent again or dropped, by somebody and for a reason. */
import type { ApiBackend, Operator } from '../../api/backend.ts';
import { ApiError, unknownSubject } from '../../api/errors.ts';
import type { NewsItem, NewsRequest, NotificationsAnswer } from '../../api/notification-schemas.ts';
import type { ActionAnswer } from '../../api/schemas.ts';
import { nearMatches } from '../../domain/near-matches.ts';
import type { FactWrite, ReadStore, Store } from '../../ports/store.ts';
import { type DeadNews, outboxKinds, type PendingNews, parseDead, parsePending } from './outbox-facts.ts';

/** Of each place; the rest is counted. */
const waitingShown = 100;
const named = 3;

export interface DeadLettersInput {
  store: Store;
  now: () => number;
  /** The outbox was changed: what is kept of it in memory is read again, and what is due is sent. */
  onChanged: () => Promise<void>;
}

/** What waits and what was given up, oldest first. Places are those that have either. */
export async function readNotifications(store: Pick<ReadStore, 'facts'>): Promise<NotificationsAnswer> {
  const waiting = (await store.facts(outboxKinds.pending)).flatMap(({ key, value }): NewsItem[] => {
    const known = parsePending(value);
    return known === undefined ? [] : [{ ...itemOf(key, known), state: 'waiting', since: iso(known.since) }];
  });
  const undelivered = (await deadOf(store)).map(({ key, dead }): NewsItem => {
    const { code, reason, deadAt } = dead;
    return { ...itemOf(key, dead), state: 'undelivered', since: iso(deadAt), code, reason };
  });
  const places = [...new Set([...undelivered, ...waiting].map((one) => one.place))].sort().map((name) => ({
    name,
    waiting: waiting.filter((one) => one.place === name).length,
    undelivered: undelivered.filter((one) => one.place === name).length,
  }));
  const shown = places.flatMap(({ name }) => waiting.filter((one) => one.place === name).slice(0, waitingShown));
  return { places, news: [...undelivered, ...shown] };
}

export function createDeadLetters(input: DeadLettersInput): ApiBackend['notifications'] {
  const { store, now } = input;
  /** All that the request names, or nothing: one that is not there refuses the whole. */
  const chosen = async (request: NewsRequest): Promise<Found[]> => {
    const all = await deadOf(store);
    const ids = new Set(all.map((one) => one.id));
    for (const id of request.news ?? []) {
      if (!ids.has(id)) throw unknownSubject('undelivered news', id, nearMatches(id, [...ids]));
    }
    const { place } = request;
    const found = all.filter((one) => request.news?.includes(one.id) ?? (place === undefined || one.place === place));
    if (found.length > 0) return found;
    const places = [...new Set(all.map((one) => one.place))].join(', ');
    const others = places === '' ? 'No news were given up.' : `There is some of: ${places}.`;
    const which = place === undefined ? '' : ` of ${place}`;
    throw new ApiError(409, 'nothing-undelivered', `No undelivered news${which} are kept. ${others}`);
  };
  const act = async (what: 'resent' | 'dropped', request: NewsRequest, by: Operator): Promise<ActionAnswer> => {
    const found = await chosen(request);
    const facts = found.flatMap(({ key, dead }): FactWrite[] => [
      { kind: outboxKinds.dead, key, value: null },
      ...(what === 'resent' ? [{ kind: outboxKinds.pending, key, value: fresh(dead) }] : []),
    ]);
    const few = found.slice(0, named).map(({ id, dead }) => `${id} '${dead.news.message.slice(0, 80)}'`);
    const more = found.length > named ? ` and ${found.length - named} more` : '';
    const said = what === 'resent' ? 'had sent again' : 'dropped';
    const message = `${by.name} ${said}: ${few.join(', ')}${more}: ${request.reason}`;
    const data = { news: found.map(({ id, dead }) => ({ id, key: dead.news.key, code: dead.code })) };
    const about = { channel: '', cluster: '', commit: '' };
    const entry = { at: now(), source: `operator:${by.name}`, seq: 0, kind: `news-${what}`, ...about, message, data };
    await store.post({ facts, journal: [entry], now: now() });
    await input.onChanged();
    const next =
      what === 'resent' ? '\nThey are told now, oldest first; clm notifications shows what became of it.' : '';
    return { told: found.map((one) => one.id), message: `${message}${next}` };
  };
  return {
    list: () => readNotifications(store),
    resend: (request, by) => act('resent', request, by),
    drop: (request, by) => act('dropped', request, by),
  };
}

interface Found {
  key: string;
  id: string;
  place: string;
  dead: DeadNews;
}

async function deadOf(store: Pick<ReadStore, 'facts'>): Promise<Found[]> {
  const facts = await store.facts(outboxKinds.dead);
  return facts
    .flatMap(({ key, value }) => {
      const dead = parseDead(value);
      return dead === undefined ? [] : [{ key, dead, ...nameOf(key) }];
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** As new, but for one attempt: it may have arrived, and who can be asked is asked before it is said again. */
function fresh({ news, text, since }: DeadNews): PendingNews {
  return { news, text, attempts: 1, since };
}

/** `hook/000000000012` is `hook/12` for people. */
function nameOf(key: string): { id: string; place: string } {
  const [place = '', number = ''] = key.split('/');
  return { id: `${place}/${Number(number)}`, place };
}

function itemOf(key: string, { news, attempts }: PendingNews): Omit<NewsItem, 'state' | 'since'> {
  const { kind, severity, channel, cluster, commit, message, at } = news;
  return { ...nameOf(key), kind, severity, channel, cluster, commit, message, at: iso(at), attempts };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
