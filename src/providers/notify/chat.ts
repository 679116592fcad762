/**
 * News to a chat that speaks as Slack does: by chat.postMessage, with a thread for each rollout, or by an incoming webhook, which has no
 * threads. What may have arrived already is looked for before it is said again.
 */
import { z } from 'zod';
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { HttpClient } from '../../ports/http-client.ts';
import type { Delivery, Notifier } from '../../ports/notifier.ts';
import { readSecret, type SecretReference } from '../../support/secret-reference.ts';
import { missingSecret, requireTaken, tell } from './answers.ts';

export interface ChatOptions {
  name: string;
  /** Base of the API, a channel and a bot's token; or an incoming webhook, whose URL is the secret. */
  to: { url: string; channel: string; token: SecretReference } | { webhook: SecretReference };
  timeoutMs: number;
  http: HttpClient;
  environment: NodeJS.ProcessEnv;
}

const eventType = 'clm_news';
const longestText = 3_000;
/** Messages that are looked through for one that may have arrived. */
const lookedThrough = 100;

const posted = z.object({ ok: z.literal(true), channel: z.string(), ts: z.string() });
const refusal = z.object({ ok: z.literal(false), error: z.string() });
const messages = z.object({
  ok: z.literal(true),
  messages: z.array(
    z.object({
      ts: z.string(),
      metadata: z.object({ event_type: z.string(), event_payload: z.object({ key: z.string() }).loose() }).optional(),
    }),
  ),
});
/** Trouble of the chat itself: everything else somebody has to correct. */
const passing = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'team_added_to_org',
  'request_timeout',
]);

export function createChatNotifier(options: ChatOptions): Notifier {
  const chat = new Chat(options);
  return { send: (delivery) => chat.send(delivery) };
}

class Chat {
  readonly #options: ChatOptions;
  /** The id behind a channel's name, which reading asks for. */
  #channelId: string | undefined;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  async send(delivery: Delivery): Promise<{ id?: string }> {
    const { to, name } = this.#options;
    const secret = await readSecret('webhook' in to ? to.webhook : to.token, this.#options.environment);
    if ('missing' in secret) throw missingSecret(name, secret.missing);
    const text = textOf(delivery);
    if ('webhook' in to) {
      await this.#post(secret.secret, { text });
      return {};
    }
    if (delivery.repeat) {
      const there = await this.#find(to.url, secret.secret, delivery);
      if (there !== undefined) return { id: there };
    }
    const { thread, news } = delivery;
    const root = thread === undefined ? undefined : placeOf(thread);
    const inThread = root === undefined ? {} : { thread_ts: root.ts, reply_broadcast: news.severity === 'attention' };
    const metadata = { event_type: eventType, event_payload: { key: news.key, kind: news.kind } };
    const channel = root?.channel ?? this.#channelId ?? to.channel;
    const body = { channel, text, unfurl_links: false, metadata, ...inThread };
    const answer = await this.#call(`${to.url}/api/chat.postMessage`, secret.secret, body);
    const parsed = posted.safeParse(answer);
    // somebody has removed the first message of the thread: it is said by itself
    if (thread !== undefined && refusal.safeParse(answer).data?.error === 'thread_not_found')
      return this.send({ ...delivery, thread: undefined, repeat: false });
    if (!parsed.success) throw this.#refused(answer);
    this.#channelId = parsed.data.channel;
    return { id: `${parsed.data.channel}/${parsed.data.ts}` };
  }

  /** The id of a message with this news; undefined when there is none, or nobody may look. */
  async #find(url: string, token: string, { thread, news }: Delivery): Promise<string | undefined> {
    const root = thread === undefined ? undefined : placeOf(thread);
    const channel = root?.channel ?? this.#channelId ?? (this.#options.to as { channel: string }).channel;
    const where = thread === undefined ? 'conversations.history' : 'conversations.replies';
    const query = new URLSearchParams({ channel, limit: String(lookedThrough), include_all_metadata: 'true' });
    if (root !== undefined) query.set('ts', root.ts);
    const answer = await this.#call(`${url}/api/${where}?${query.toString()}`, token);
    const parsed = messages.safeParse(answer);
    if (!parsed.success) return undefined;
    const found = parsed.data.messages.find((one) => one.metadata?.event_payload.key === news.key);
    return found === undefined ? undefined : `${channel}/${found.ts}`;
  }

  async #call(url: string, token: string, body?: object): Promise<unknown> {
    const { name, http, timeoutMs } = this.#options;
    const json = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer ${token}` };
    const method = body === undefined ? 'GET' : 'POST';
    const answer = await tell(http, name, { method, url, headers, timeoutMs, ...json });
    requireTaken(name, answer);
    try {
      return JSON.parse(answer.body) as unknown;
    } catch {
      throw new FailureError(transient('notify-unreachable', `${name} answers what is no JSON`));
    }
  }

  async #post(url: string, body: object): Promise<void> {
    const { name, http, timeoutMs } = this.#options;
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    requireTaken(name, await tell(http, name, { method: 'POST', url, headers, body: JSON.stringify(body), timeoutMs }));
  }

  #refused(answer: unknown): FailureError {
    const { name } = this.#options;
    const error = refusal.safeParse(answer).data?.error ?? 'no usable answer';
    const said = `${name} says ${error}`;
    return new FailureError(
      passing.has(error) ? transient('notify-unreachable', said) : terminal('notify-refused', said),
    );
  }
}

/** A message is named by its channel's id and its time: reading asks for the id, where posting takes a name, too. */
function placeOf(id: string): { channel: string; ts: string } {
  const slash = id.indexOf('/');
  return { channel: id.slice(0, slash), ts: id.slice(slash + 1) };
}

function textOf({ text, news }: Delivery): string {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const marked = news.severity === 'attention' ? `:warning: ${escaped}` : escaped;
  return marked.length <= longestText ? marked : `${marked.slice(0, longestText - 1)}…`;
}
