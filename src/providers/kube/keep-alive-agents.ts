import type http from 'node:http';
import { Agent as HttpAgent } from 'node:http';
import https from 'node:https';

export interface AgentOptions {
  /** Sockets for calls, at most; watches have their own. */
  maxSockets: number;
  /** An unused socket is closed after this long. */
  idleMs: number;
}

type TlsOptions = Pick<
  https.AgentOptions,
  'ca' | 'cert' | 'key' | 'pfx' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

/** Of whatever form: PEM text, a buffer of it, or a list. Compared by content, as the client reads files anew at every call. */
function sameMaterial(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  return Buffer.isBuffer(a) && Buffer.isBuffer(b) && a.equals(b);
}

const tlsKeys = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'servername', 'rejectUnauthorized'] as const;

function sameTls(a: TlsOptions, b: TlsOptions): boolean {
  return tlsKeys.every((key) => sameMaterial(a[key] ?? undefined, b[key] ?? undefined));
}

function tlsOf(agent: http.Agent): TlsOptions {
  const options = (agent as { options?: TlsOptions }).options ?? {};
  const picked: Record<string, unknown> = {};
  for (const key of tlsKeys) if (options[key] !== undefined && options[key] !== null) picked[key] = options[key];
  return picked;
}

interface Pair {
  tls: TlsOptions;
  calls: http.Agent;
  watches: http.Agent;
}

/**
 * One keep-alive agent for a cluster's calls, and one without for its watches, whose connections live for minutes and end with
 * them. The client library makes a new agent a call, hence a new
 * TLS handshake; its agents serve here only to learn which certificates apply. New certificates bring new agents.
 */
export function createKeepAliveAgents(options: AgentOptions): {
  agentFor(offered: http.Agent, use: 'call' | 'watch'): http.Agent;
  close(): void;
} {
  let pair: Pair | undefined;

  const common = { keepAlive: true, keepAliveMsecs: 15_000, scheduling: 'lifo' as const };

  function make(offered: http.Agent): Pair {
    const tls = tlsOf(offered);
    if (offered.constructor === https.Agent) {
      return {
        tls,
        calls: new https.Agent({ ...tls, ...common, maxSockets: options.maxSockets, timeout: options.idleMs }),
        watches: new https.Agent(tls),
      };
    }
    if (offered.constructor === HttpAgent) {
      return {
        tls,
        calls: new HttpAgent({ ...common, maxSockets: options.maxSockets, timeout: options.idleMs }),
        watches: new HttpAgent(),
      };
    }
    // A proxy's agent, of a class that only the library knows: kept, and told to keep its sockets.
    Object.assign(offered, {
      keepAlive: true,
      maxSockets: Number.POSITIVE_INFINITY,
      maxFreeSockets: options.maxSockets,
    });
    return { tls, calls: offered, watches: offered };
  }

  function close(old: Pair | undefined): void {
    old?.calls.destroy();
    if (old !== undefined && old.watches !== old.calls) old.watches.destroy();
  }

  return {
    agentFor(offered, use) {
      if (pair === undefined || !sameTls(pair.tls, tlsOf(offered))) {
        const old = pair;
        pair = make(offered);
        // Calls in flight end on the sockets they have; only the unused ones go now.
        if (old !== undefined)
          for (const sockets of Object.values(old.calls.freeSockets))
            for (const socket of sockets ?? []) socket.destroy();
      }
      return use === 'call' ? pair.calls : pair.watches;
    },
    close: () => {
      close(pair);
      pair = undefined;
    },
  };
}
