/** The world around a fleet on loopback: a forge, a chat, a receiver of webhooks, Prometheus, and a system that gates ask. */
import { createWireServer, type WireAnswer, type WireHandler, type WireRequest } from '../wire/http-server.ts';
import { PrometheusWire, VerdictWire } from './asked-wire.ts';
import { ChatWire } from './chat-wire.ts';
import { type Faults, readOutsideFault } from './faults.ts';
import { Forge } from './forge.ts';
import type { ForgeUser } from './forge-state.ts';
import { GithubWire } from './github-wire.ts';
import { ReceiverWire } from './receiver-wire.ts';
import { Repository } from './repository.ts';

/** No bucket of S3 may be called like these, so that they can stand beside AWS on one port. */
const paths = {
  github: '/_github',
  chat: '/_chat',
  receiver: '/_receiver',
  prometheus: '/_prometheus',
  verdict: '/_verdict',
  control: '/_outside',
} as const;

export interface OutsideOptions {
  /** A bare git repository, which the forge shows as `owner/name`. */
  repository: string;
  owner: string;
  name: string;
  /** Who calls the forge, by token. */
  users: Record<string, ForgeUser>;
  chatToken: string;
  /** `whsec_` and base64. */
  webhookSecret: string;
  /** Epoch ms that the services' clocks show. */
  now: () => number;
}

export interface Outside {
  forge: Forge;
  github: GithubWire;
  chat: ChatWire;
  receiver: ReceiverWire;
  prometheus: PrometheusWire;
  verdict: VerdictWire;
  handlers: WireHandler[];
  /** URLs, once it is known where the server listens. */
  urls(server: string): OutsideUrls;
  stop(): Promise<void>;
}

export interface OutsideUrls {
  /** Base of the REST API. */
  github: string;
  /** Base of the chat's API: `<url>/api/chat.postMessage`. */
  chat: string;
  chatWebhook: string;
  receiver: string;
  prometheus: string;
  verdict: string;
  control: string;
}

export const chatChannel = { id: 'C0RELEASES', name: 'releases' } as const;
const chatWebhook = '/T0000/B0000/simulated';

/** Prepares everything; the handlers belong on a server, and `urls` is to be called once. */
export async function openOutside(options: OutsideOptions): Promise<Outside> {
  const { owner, name, users, now } = options;
  const forge = new Forge({ owner, name, users, now, repository: new Repository(options.repository) });
  await forge.start();
  const github = new GithubWire(paths.github, forge);
  const chat = new ChatWire(paths.chat, {
    tokens: [options.chatToken],
    channels: { [chatChannel.id]: chatChannel.name },
    webhooks: { [chatWebhook]: chatChannel.id },
    now,
  });
  const receiver = new ReceiverWire(paths.receiver, { secret: options.webhookSecret, now });
  const prometheus = new PrometheusWire(paths.prometheus);
  const verdict = new VerdictWire(paths.verdict);
  const services = { github, chat, receiver, prometheus, verdict };
  const control = new OutsideControl({ ...services, forge });
  return {
    forge,
    ...services,
    handlers: [github, chat, receiver, prometheus, verdict, control],
    urls: (server) => {
      forge.base = `${server}${paths.github}`;
      return {
        github: forge.base,
        chat: `${server}${paths.chat}`,
        chatWebhook: `${server}${paths.chat}/services${chatWebhook}`,
        receiver: `${server}${paths.receiver}`,
        prometheus: `${server}${paths.prometheus}`,
        verdict: `${server}${paths.verdict}`,
        control: `${server}${paths.control}`,
      };
    },
    stop: () => forge.stop(),
  };
}

export interface ServedOutside extends Outside {
  at: OutsideUrls;
}

/** On a server of its own. */
export async function serveOutside(options: OutsideOptions & { host: string; port: number }): Promise<ServedOutside> {
  const outside = await openOutside(options);
  const server = await createWireServer({ host: options.host, port: options.port, handlers: outside.handlers });
  const stop = async (): Promise<void> => {
    await server.close();
    await outside.stop();
  };
  return { ...outside, stop, at: outside.urls(server.url) };
}

type Services = Pick<Outside, 'forge' | 'github' | 'chat' | 'receiver' | 'prometheus' | 'verdict'>;

/** `/_outside`: what was said and done so far, faults, and what Prometheus and the gate's system answer from now on. */
class OutsideControl implements WireHandler {
  readonly name = 'outside';
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  matches(_method: string, path: string): boolean {
    return path === paths.control || path.startsWith(`${paths.control}/`);
  }

  handle({ method, path, body }: WireRequest): WireAnswer {
    const [what = '', service = ''] = path.slice(paths.control.length + 1).split('/');
    if (method === 'GET' && what === '') return json(200, this.#summary());
    const value = jsonOf(body);
    if (method === 'POST' && what === 'faults') return this.#fault(service, value);
    if (method === 'PUT' && what === 'series' && Array.isArray(value)) {
      this.#services.prometheus.set(value as Parameters<PrometheusWire['set']>[0]);
      return json(200, { series: value.length });
    }
    if (method === 'PUT' && what === 'verdict' && isVerdict(value)) {
      this.#services.verdict.says = value;
      return json(200, value);
    }
    const there = 'GET /, POST /faults/SERVICE, PUT /series with a list, PUT /verdict with {verdict, reason}';
    return json(404, { error: `there is ${there}` });
  }

  #summary(): Record<string, unknown> {
    const { forge, chat, receiver, prometheus, verdict } = this.#services;
    const { pulls, statuses, deployments, comments } = forge.state;
    const github = { pulls, statuses, deployments, comments, deliveries: forge.hooks.deliveries };
    return {
      github,
      chat: chat.messages,
      receiver: receiver.received,
      prometheus: prometheus.queries,
      verdict: verdict.asked,
    };
  }

  #fault(service: string, value: unknown): WireAnswer {
    const { github, chat, receiver, prometheus, verdict } = this.#services;
    const faults: Record<string, Faults> = {
      ...{ github: github.faults, chat: chat.faults, receiver: receiver.faults },
      ...{ prometheus: prometheus.faults, verdict: verdict.faults },
    };
    const target = faults[service];
    if (target === undefined) return json(404, { error: `the services are ${Object.keys(faults).join(', ')}` });
    const fault = readOutsideFault(value);
    if (typeof fault === 'string') return json(400, { error: fault });
    target.plan(fault);
    return json(201, fault);
  }
}

function isVerdict(value: unknown): value is { verdict: string; reason: string } {
  const { verdict, reason } = (value ?? {}) as Record<string, unknown>;
  return typeof verdict === 'string' && typeof reason === 'string';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function json(status: number, body: unknown): WireAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(body)}\n` };
}
