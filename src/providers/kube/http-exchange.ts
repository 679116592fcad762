/** Calls to a real API server: @kubernetes/client-node for access and requests, one keep-alive agent, a deadline on every call. */
import { createConfiguration, HttpMethod, type RequestContext, ServerConfiguration } from '@kubernetes/client-node';
import { FailureError, transient } from '../../domain/failure.ts';
import { type BackoffPolicy, backoffMs } from '../../support/backoff.ts';
import { sleep, startDeadline, wallMs } from '../../support/deadline.ts';
import type { Random } from '../../support/random.ts';
import { redactText } from '../../support/redact.ts';
import { createBoundedHttpLibrary } from './bounded-http-library.ts';
import { openEventStream } from './event-stream.ts';
import { parseBody, rejectWhenAborted, retryAfterOf } from './http-answer.ts';
import { type AgentOptions, createKeepAliveAgents } from './keep-alive-agents.ts';
import { type KubeAccess, loadAccess } from './kube-access.ts';
import type { KubeAnswer, KubeCall, KubeExchange } from './kube-exchange.ts';
import { isBrokenConnection, networkFailure } from './network-failure.ts';

export interface HttpExchangeOptions {
  /** The cluster's id, for messages. */
  cluster: string;
  access: KubeAccess;
  agent: AgentOptions;
  /** Wall time for one call with its repeats. */
  requestTimeoutMs: number;
  /** A watch without events or bookmarks for this long is given up: its connection may be half open. Wall time. */
  watchIdleMs: number;
  userAgent: string;
  random: Random;
}

const longestAnswer = 64 * 1024 * 1024;
const mostReadRepeats = 2;
const repeatBackoff: BackoffPolicy = { baseMs: 100, maxMs: 1_000 };
/** Asked to wait longer than this, a read gives up and leaves the waiting to its caller. */
const longestPatienceMs = 2_000;
/** Credentials are loaded again after a 401, but not more often than this. */
const reloadAtMostEveryMs = 10_000;

const methods: Record<KubeCall['method'], HttpMethod> = {
  GET: HttpMethod.GET,
  POST: HttpMethod.POST,
  PUT: HttpMethod.PUT,
  PATCH: HttpMethod.PATCH,
  DELETE: HttpMethod.DELETE,
};

function endpointOf(call: KubeCall): string {
  if (call.query === undefined) return call.path;
  const query = new URLSearchParams(call.query).toString();
  return query === '' ? call.path : `${call.path}${call.path.includes('?') ? '&' : '?'}${query}`;
}

/** Throws FailureError `kube-access-invalid` at once when the access cannot work; opens no connection yet. */
export function createHttpExchange(options: HttpExchangeOptions): KubeExchange {
  const { cluster } = options;
  let loaded = loadAccess(options.access, cluster);
  let reloadedAt = Number.NEGATIVE_INFINITY;
  let closed = false;
  const agents = createKeepAliveAgents(options.agent);
  const server = new ServerConfiguration(loaded.server, {});
  const configuration = createConfiguration({ baseServer: server, httpApi: createBoundedHttpLibrary(longestAnswer) });

  async function prepare(call: KubeCall, use: 'call' | 'watch', signal: AbortSignal): Promise<RequestContext> {
    const context = configuration.baseServer.makeRequestContext(endpointOf(call), methods[call.method]);
    try {
      await Promise.race([loaded.config.applySecurityAuthentication(context), rejectWhenAborted(signal)]);
    } catch (error) {
      if (signal.aborted) throw error;
      const said = error instanceof Error ? redactText(error.message).slice(0, 300) : '';
      throw new FailureError(
        transient('kube-unauthorized', `${call.what} in cluster ${cluster}: no credentials: ${said}`),
        error,
      );
    }
    const offered = context.getAgent();
    if (offered !== undefined) context.setAgent(agents.agentFor(offered, use));
    const token = context.getHeaders()['Authorization'];
    // A token read from a file ends with a newline.
    if (token !== undefined) context.setHeaderParam('Authorization', token.trim());
    context.setHeaderParam('User-Agent', options.userAgent);
    context.setHeaderParam('Accept', call.asText ? '*/*' : 'application/json');
    if (call.body !== undefined) {
      context.setHeaderParam('Content-Type', call.contentType ?? 'application/json');
      context.setBody(JSON.stringify(call.body));
    }
    context.setSignal(signal);
    return context;
  }

  async function sendOnce(call: KubeCall, signal: AbortSignal): Promise<KubeAnswer> {
    const context = await prepare(call, 'call', signal);
    const response = await configuration.httpApi.send(context).toPromise();
    const text = await response.body.text();
    const retryAfterMs = retryAfterOf(response.headers['retry-after']);
    return {
      status: response.httpStatusCode,
      body: parseBody(text, call.asText === true),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  /** true when other credentials were loaded. */
  function reload(): boolean {
    if (!loaded.renewable || wallMs() - reloadedAt < reloadAtMostEveryMs) return false;
    reloadedAt = wallMs();
    loaded = loadAccess(options.access, cluster);
    return true;
  }

  /** How long to wait before the call is sent again; undefined = its result stands. */
  function pauseBefore(
    repeat: number,
    call: KubeCall,
    answer: KubeAnswer | undefined,
    error: unknown,
  ): number | undefined {
    if (call.method !== 'GET' || repeat > mostReadRepeats) return undefined;
    const again = answer === undefined ? isBrokenConnection(error) : answer.status === 429 || answer.status === 503;
    if (!again) return undefined;
    const pause = answer?.retryAfterMs ?? backoffMs(repeatBackoff, repeat, options.random);
    return pause <= longestPatienceMs ? pause : undefined;
  }

  async function send(call: KubeCall): Promise<KubeAnswer> {
    const where = `${call.what} in cluster ${cluster}`;
    if (closed) throw new FailureError(transient('kube-unreachable', `${where}: the connection is closed`));
    const deadline = startDeadline(options.requestTimeoutMs, call.what);
    const endsAt = wallMs() + options.requestTimeoutMs;
    let renewed = false;
    try {
      for (let repeat = 1; ; repeat += 1) {
        let answer: KubeAnswer | undefined;
        let failed: unknown;
        try {
          answer = await sendOnce(call, deadline.signal);
        } catch (error) {
          if (deadline.expired()) {
            throw new FailureError(
              transient('kube-timeout', `${where}: no answer within ${options.requestTimeoutMs} ms`),
              error,
            );
          }
          if (error instanceof FailureError) throw error;
          failed = error;
        }
        // A 401 was not acted on, so even a mutation may be sent again with fresh credentials.
        if (answer?.status === 401 && !renewed && reload()) {
          renewed = true;
          continue;
        }
        const pause = pauseBefore(repeat, call, answer, failed);
        if (pause === undefined || wallMs() + pause >= endsAt) {
          if (answer !== undefined) return answer;
          throw new FailureError(networkFailure(failed, where), failed);
        }
        await sleep(pause, deadline.signal);
      }
    } finally {
      deadline.clear();
    }
  }

  return {
    send,
    stream: (call, handlers) =>
      openEventStream({
        prepare: (signal) => prepare(call, 'watch', signal),
        connectTimeoutMs: options.requestTimeoutMs,
        idleMs: options.watchIdleMs,
        renew: reload,
        handlers,
      }),
    close: () => {
      closed = true;
      agents.close();
    },
  };
}
