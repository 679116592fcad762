/** A simulated chat that speaks as Slack does: incoming webhooks, chat.postMessage with threads, and reading a thread back. */
import { sleep } from '../../support/deadline.ts';
import type { WireAnswer, WireHandler, WireRequest } from '../wire/http-server.ts';
import { Faults, type OutsideFault, withFaults } from './faults.ts';

export interface ChatMessage {
  channel: string;
  ts: string;
  /** The first message of its thread; absent outside of threads. */
  threadTs?: string;
  text: string;
  blocks: unknown[];
  metadata: unknown;
  /** A reply that is shown in the channel, too. */
  broadcast: boolean;
}

export interface ChatOptions {
  /** Bot tokens that are let in. */
  tokens: string[];
  /** Channels by id; names work as well. */
  channels: Record<string, string>;
  /** Path below `/services` of incoming webhooks, by channel id. */
  webhooks: Record<string, string>;
  now: () => number;
}

/** Messages a channel takes in a row before it asks to slow down; one more a second. */
const burst = 5;

export class ChatWire implements WireHandler {
  readonly name = 'chat';
  readonly messages: ChatMessage[] = [];
  readonly faults = new Faults();
  /** Messages a second in one channel; 0 = no limit. */
  perSecond = 1;
  readonly #prefix: string;
  readonly #options: ChatOptions;
  readonly #allowance = new Map<string, { at: number; left: number }>();
  #sequence = 0;

  constructor(prefix: string, options: ChatOptions) {
    this.#prefix = prefix;
    this.#options = options;
  }

  matches(_method: string, path: string): boolean {
    return path.startsWith(`${this.#prefix}/`);
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const path = request.path.slice(this.#prefix.length);
    const refusal = ({ status = 500, message = 'internal_error', headers = {} }: OutsideFault): WireAnswer =>
      path.startsWith('/services/') || status >= 500
        ? { status, headers, body: message }
        : json({ ok: false, error: message }, status, headers);
    return withFaults(this.faults, request, sleep, refusal, async () =>
      path.startsWith('/services/')
        ? this.#incoming(request, path.slice('/services'.length))
        : this.#api(request, path),
    );
  }

  #incoming(request: WireRequest, path: string): WireAnswer {
    const plain = (status: number, body: string, headers: Record<string, string> = {}): WireAnswer => ({
      status,
      headers,
      body,
    });
    const channel = this.#options.webhooks[path];
    if (channel === undefined) return plain(404, 'no_service');
    const body = bodyOf(request);
    if (body === undefined) return plain(400, 'invalid_payload');
    if (typeof body['text'] !== 'string' || body['text'] === '') return plain(400, 'no_text');
    const wait = this.#slowDown(channel);
    if (wait > 0) return plain(429, 'rate_limited', { 'retry-after': String(wait) });
    this.#keep(channel, body);
    return plain(200, 'ok');
  }

  #api(request: WireRequest, path: string): WireAnswer {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined) return json({ ok: false, error: 'not_authed' });
    if (!this.#options.tokens.includes(token)) return json({ ok: false, error: 'invalid_auth' });
    const body = bodyOf(request) ?? Object.fromEntries(request.query);
    if (path === '/api/auth.test') return json({ ok: true, user: 'clm', bot_id: 'B1' });
    const channel = this.#channel(body['channel']);
    if (channel === undefined) return json({ ok: false, error: 'channel_not_found' });
    const reads = path.startsWith('/api/conversations.');
    // reading wants an id, where posting takes a name, too
    if (reads && body['channel'] !== channel) return json({ ok: false, error: 'channel_not_found' });
    if (path === '/api/conversations.replies' || path === '/api/conversations.history') {
      const thread = path.endsWith('.replies') ? body['ts'] : undefined;
      return json({ ok: true, messages: this.#read(channel, thread), has_more: false });
    }
    if (path !== '/api/chat.postMessage') return json({ ok: false, error: 'unknown_method' });
    const { text, thread_ts: thread } = body;
    if (typeof text !== 'string' || text === '') return json({ ok: false, error: 'no_text' });
    if (thread !== undefined && !this.messages.some((one) => one.channel === channel && one.ts === thread))
      return json({ ok: false, error: 'thread_not_found' });
    const wait = this.#slowDown(channel);
    if (wait > 0) return json({ ok: false, error: 'ratelimited' }, 429, { 'retry-after': String(wait) });
    const message = this.#keep(channel, body);
    return json({ ok: true, channel, ts: message.ts, message: view(message) });
  }

  #read(channel: string, thread: unknown): object[] {
    const there = this.messages.filter((one) => one.channel === channel);
    const found =
      thread === undefined
        ? there.filter((one) => one.threadTs === undefined || one.broadcast)
        : there.filter((one) => one.ts === thread || one.threadTs === thread);
    return (thread === undefined ? [...found].reverse() : found).slice(0, 100).map(view);
  }

  #channel(value: unknown): string | undefined {
    const { channels } = this.#options;
    if (typeof value !== 'string') return undefined;
    if (value in channels) return value;
    return Object.keys(channels).find((id) => channels[id] === value.replace(/^#/, ''));
  }

  #keep(channel: string, body: Record<string, unknown>): ChatMessage {
    this.#sequence += 1;
    const ts = `${Math.floor(this.#options.now() / 1000)}.${String(this.#sequence).padStart(6, '0')}`;
    const thread = body['thread_ts'];
    const message: ChatMessage = {
      ...{
        channel,
        ts,
        text: String(body['text']),
        blocks: Array.isArray(body['blocks']) ? (body['blocks'] as unknown[]) : [],
      },
      ...{ metadata: body['metadata'] ?? null, broadcast: body['reply_broadcast'] === true },
      ...(typeof thread === 'string' ? { threadTs: thread } : {}),
    };
    this.messages.push(message);
    return message;
  }

  /** Seconds to wait; 0 = go on. */
  #slowDown(channel: string): number {
    if (this.perSecond === 0) return 0;
    const now = this.#options.now();
    const known = this.#allowance.get(channel) ?? { at: now, left: burst };
    const left = Math.min(burst, known.left + ((now - known.at) / 1000) * this.perSecond);
    this.#allowance.set(channel, { at: now, left: left >= 1 ? left - 1 : left });
    return left >= 1 ? 0 : Math.max(1, Math.ceil((1 - left) / this.perSecond));
  }
}

function view({ ts, threadTs, text, blocks, metadata }: ChatMessage): object {
  const thread = threadTs === undefined ? {} : { thread_ts: threadTs };
  return { type: 'message', ts, text, blocks, ...(metadata === null ? {} : { metadata }), ...thread };
}

function json(body: object, status = 200, headers: Record<string, string> = {}): WireAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

function bodyOf({ body, headers }: WireRequest): Record<string, unknown> | undefined {
  if (body === '') return undefined;
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true)
    return Object.fromEntries(new URLSearchParams(body));
  try {
    const read = JSON.parse(body) as unknown;
    return typeof read === 'object' && read !== null && !Array.isArray(read)
      ? (read as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
