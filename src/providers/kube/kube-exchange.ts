/**
 * What a KubeCluster needs of a connection: one answer a call, and a stream of watch events. Two exist: HTTP to a real API server
 * (http-exchange.ts), and the simulated one in-process (providers/simulated).
 */
import type { WatchHandle } from '../../ports/kube-cluster.ts';

export type KubeMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface KubeCall {
  method: KubeMethod;
  /** Path on the API server, without query: `/api/v1/nodes`. */
  path: string;
  query?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** Of the body; `application/json` unless given. */
  contentType?: string;
  /** `GET pods in kube-system`: for messages. */
  what: string;
  /** Answer's body as text, not parsed. */
  asText?: boolean;
}

export interface KubeAnswer {
  status: number;
  /** From the header Retry-After. */
  retryAfterMs?: number;
  /** Parsed JSON; text when the server sent none, or when text was asked for. */
  body: unknown;
}

/** A watch as the wire gives it. Exactly one of `refused` and `ended` is called, once, and nothing after it. */
export interface StreamHandlers {
  /** The server answered 200: every change from here on is delivered. */
  opened(): void;
  /** One decoded line: `{type, object}`. */
  line(value: unknown): void;
  /** The server answered, but not with a stream. */
  refused(answer: KubeAnswer): void;
  /** The stream is over; `error` is absent when the server closed it in good order. */
  ended(error?: string): void;
}

export interface KubeExchange {
  /** Any answer of the server resolves. Throws FailureError (`kube-unreachable`, `kube-timeout`, `kube-unauthorized`) when there is none. */
  send(call: KubeCall): Promise<KubeAnswer>;
  /** Handlers are called later, never before this returns, and not at all after `stop`. */
  stream(call: KubeCall, handlers: StreamHandlers): WatchHandle;
  close(): void;
}
