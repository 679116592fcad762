/** Calls to a simulated cluster in this process: no sockets, no JSON text, and an order of events that a seed decides. */
import { FailureError, transient } from '../../domain/failure.ts';
import type { WatchHandle } from '../../ports/kube-cluster.ts';
import type { KubeRequest } from '../../simulator/model/kube/api-request.ts';
import type { KubeModel } from '../../simulator/model/kube/kube-model.ts';
import type { KubeWatchEvent } from '../../simulator/model/kube/watch-hub.ts';
import { retryAfterOf } from '../kube/http-answer.ts';
import type { KubeAnswer, KubeCall, KubeExchange, StreamHandlers } from '../kube/kube-exchange.ts';
import type { Latency } from './latency.ts';

/** The part of a simulated cluster that is called. */
export type SimulatedKubeApi = Pick<KubeModel, 'handle' | 'watch' | 'apiReachable'>;

export interface SimulatedExchangeOptions {
  cluster: string;
  api: SimulatedKubeApi;
  /** Says who acts in the world's events. */
  userAgent: string;
  latency: Latency;
  /** true = the answer of this call gets lost on its way back, or the call never arrives. */
  loses?: (call: KubeCall) => 'no' | 'before' | 'after';
}

function requestOf(call: KubeCall, userAgent: string): KubeRequest {
  const [path = '', inline = ''] = call.path.split('?');
  const query = new URLSearchParams(inline);
  for (const [key, value] of Object.entries(call.query ?? {})) query.set(key, value);
  return {
    method: call.method,
    path,
    query,
    userAgent,
    contentType: call.contentType ?? 'application/json',
    ...(call.asText ? {} : { accept: 'application/json' }),
    ...(call.body === undefined ? {} : { body: call.body as object }),
  };
}

type ModelAnswer = ReturnType<SimulatedKubeApi['handle']>;

function answerOf(answer: ModelAnswer, asText: boolean): KubeAnswer {
  const retryAfterMs = retryAfterOf(answer.headers?.['retry-after']);
  const plain = asText && typeof answer.body !== 'string' ? JSON.stringify(answer.body) : answer.body;
  return {
    status: answer.status,
    // The model hands out the objects that it stores.
    body: typeof plain === 'string' ? plain : structuredClone(plain),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Objects of watch events are the world's own: read them, never change them. */
export function createSimulatedExchange(options: SimulatedExchangeOptions): KubeExchange {
  const { cluster, api, userAgent, latency } = options;
  /** Ends each open watch. */
  const open = new Set<() => void>();
  let closed = false;

  const lost = (call: KubeCall): FailureError =>
    new FailureError(transient('kube-unreachable', `${call.what} in cluster ${cluster}: no answer: connection reset`));

  async function send(call: KubeCall): Promise<KubeAnswer> {
    if (closed)
      throw new FailureError(
        transient('kube-unreachable', `${call.what} in cluster ${cluster}: the connection is closed`),
      );
    const loss = options.loses?.(call) ?? 'no';
    await latency.pass();
    if (loss === 'before' || !api.apiReachable()) throw lost(call);
    const said = api.handle(requestOf(call, userAgent));
    await latency.pass();
    if (loss === 'after' || said.status === 0) throw lost(call);
    return answerOf(said, call.asText === true);
  }

  function stream(call: KubeCall, handlers: StreamHandlers): WatchHandle {
    const queue: (() => void)[] = [];
    let flushing = false;
    let over = false;
    let modelHandle: WatchHandle | undefined;

    // The world speaks in the middle of its changes: what it says is delivered when it has finished.
    async function flush(): Promise<void> {
      await latency.pass();
      flushing = false;
      for (let next = queue.shift(); next !== undefined && !over; next = queue.shift()) next();
    }
    function later(deliver: () => void): void {
      queue.push(deliver);
      if (flushing) return;
      flushing = true;
      void flush();
    }
    function finish(report: () => void): void {
      over = true;
      open.delete(breakOff);
      modelHandle?.stop();
      report();
    }

    const breakOff = (): void => finish(() => handlers.ended('the connection was closed'));
    open.add(breakOff);
    later(() => {
      if (!api.apiReachable()) {
        finish(() => handlers.ended('connection refused'));
        return;
      }
      const opened = api.watch(requestOf(call, userAgent), {
        event: (event: KubeWatchEvent) => later(() => handlers.line(event)),
        closed: () => later(() => finish(() => handlers.ended())),
      });
      const { refused } = opened;
      if (refused?.status === 0) {
        finish(() => handlers.ended('connection reset'));
        return;
      }
      if (refused !== undefined) {
        finish(() => handlers.refused(answerOf(refused, false)));
        return;
      }
      modelHandle = opened;
      handlers.opened();
    });
    return { stop: () => finish(() => {}) };
  }

  return {
    send,
    stream,
    close: () => {
      closed = true;
      for (const breakOff of [...open]) breakOff();
    },
  };
}
