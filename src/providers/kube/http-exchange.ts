/** Calls to a real API server: a deadline on every call, and repeats of reads where nothing can have happened twice. */
import { FailureError, transient } from '../../domain/failure.ts';
import { type BackoffPolicy, backoffMs } from '../../support/backoff.ts';
import { sleep, startDeadline, wallMs } from '../../support/deadline.ts';
import type { Random } from '../../support/random.ts';
import { openEventStream } from './event-stream.ts';
import { parseBody, retryAfterOf } from './http-answer.ts';
import type { KubeAnswer, KubeCall, KubeExchange } from './kube-exchange.ts';
import { isBrokenConnection, networkFailure } from './network-failure.ts';
import { createRequestPreparation, type RequestPreparationOptions } from './request-preparation.ts';

export interface HttpExchangeOptions extends RequestPreparationOptions {
  /** Wall time for one call with its repeats. */
  requestTimeoutMs: number;
  /** A watch without events or bookmarks for this long is given up: its connection may be half open. Wall time. */
  watchIdleMs: number;
  random: Random;
  /** Hears the server's time (epoch ms, whole seconds) with every answer that has one. */
  heardTime?: (serverMs: number) => void;
}

const mostReadRepeats = 2;
const repeatBackoff: BackoffPolicy = { baseMs: 100, maxMs: 1_000 };
/** Asked to wait longer than this, a read gives up and leaves the waiting to its caller. */
const longestPatienceMs = 2_000;

/** How one sending ended: an answer, or the error that kept it away. */
type Attempt = { answer: KubeAnswer } | { answer: undefined; error: unknown };

/** How long to wait before the call is sent again; undefined = its result stands. */
function pauseBefore(repeat: number, call: KubeCall, attempt: Attempt, random: Random): number | undefined {
  if (call.method !== 'GET' || repeat > mostReadRepeats) return undefined;
  const { answer } = attempt;
  const again =
    answer === undefined ? isBrokenConnection(attempt.error) : answer.status === 429 || answer.status === 503;
  if (!again) return undefined;
  const pause = answer?.retryAfterMs ?? backoffMs(repeatBackoff, repeat, random);
  return pause <= longestPatienceMs ? pause : undefined;
}

/** Throws FailureError `kube-access-invalid` at once when the access cannot work; opens no connection yet. */
export function createHttpExchange(options: HttpExchangeOptions): KubeExchange {
  const { cluster, requestTimeoutMs, random } = options;
  const requests = createRequestPreparation(options);
  let closed = false;

  async function sendOnce(call: KubeCall, signal: AbortSignal): Promise<KubeAnswer> {
    const context = await requests.prepare(call, 'call', signal);
    const response = await requests.configuration.httpApi.send(context).toPromise();
    if (response.headers['date'] !== undefined) options.heardTime?.(Date.parse(response.headers['date']));
    const text = await response.body.text();
    const retryAfterMs = retryAfterOf(response.headers['retry-after']);
    return {
      status: response.httpStatusCode,
      body: parseBody(text, call.asText === true),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }

  async function attempt(call: KubeCall, where: string, signal: AbortSignal, expired: () => boolean): Promise<Attempt> {
    try {
      return { answer: await sendOnce(call, signal) };
    } catch (error) {
      if (expired()) {
        throw new FailureError(transient('kube-timeout', `${where}: no answer within ${requestTimeoutMs} ms`), error);
      }
      if (error instanceof FailureError) throw error;
      return { answer: undefined, error };
    }
  }

  async function sendWithin(
    call: KubeCall,
    where: string,
    signal: AbortSignal,
    expired: () => boolean,
  ): Promise<KubeAnswer> {
    const endsAt = wallMs() + requestTimeoutMs;
    let renewed = false;
    for (let repeat = 1; ; repeat += 1) {
      const result = await attempt(call, where, signal, expired);
      // A 401 was not acted on, so even a mutation may be sent again with fresh credentials.
      if (result.answer?.status === 401 && !renewed && requests.reload()) {
        renewed = true;
        continue;
      }
      const pause = pauseBefore(repeat, call, result, random);
      if (pause === undefined || wallMs() + pause >= endsAt) {
        if (result.answer !== undefined) return result.answer;
        throw new FailureError(networkFailure(result.error, where), result.error);
      }
      await sleep(pause, signal);
    }
  }

  return {
    async send(call) {
      const where = `${call.what} in cluster ${cluster}`;
      if (closed) throw new FailureError(transient('kube-unreachable', `${where}: the connection is closed`));
      const deadline = startDeadline(requestTimeoutMs, call.what);
      try {
        return await sendWithin(call, where, deadline.signal, () => deadline.expired());
      } finally {
        deadline.clear();
      }
    },
    stream: (call, handlers) =>
      openEventStream({
        prepare: (signal) => requests.prepare(call, 'watch', signal),
        connectTimeoutMs: requestTimeoutMs,
        idleMs: options.watchIdleMs,
        renew: () => {
          requests.reload();
        },
        handlers,
      }),
    close: () => {
      closed = true;
      requests.close();
    },
  };
}
