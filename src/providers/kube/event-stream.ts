/** One streamed answer of the API server, line by line, with limits on silence and on the length of a line. */
import type http from 'node:http';
import type { RequestContext } from '@kubernetes/client-node';
import type { WatchHandle } from '../../ports/kube-cluster.ts';
import { ScaledClock, type Timer } from '../../support/clock.ts';
import { startDeadline } from '../../support/deadline.ts';
import { openRequest, readBody } from './bounded-http-library.ts';
import { parseBody, rejectWhenAborted, retryAfterOf } from './http-answer.ts';
import type { StreamHandlers } from './kube-exchange.ts';
import { createLineSplitter } from './line-splitter.ts';
import { describeNetworkError } from './network-failure.ts';

/** An object may be 1.5 MiB in etcd, and more as JSON. */
const longestLine = 16 * 1024 * 1024;
const longestRefusal = 64 * 1024;
const tcpKeepAliveMs = 30_000;
const wall = new ScaledClock(0, 1);

export interface EventStreamOptions {
  prepare(signal: AbortSignal): Promise<RequestContext>;
  /** Wall time until the response begins. */
  connectTimeoutMs: number;
  /** Wall time without a byte after which the stream is given up. */
  idleMs: number;
  /** Called after a 401, so that the next watch has fresh credentials. */
  renew(): void;
  handlers: StreamHandlers;
}

/** Opens the stream; handlers are called later, never before this returns, and not at all after `stop`. */
export function openEventStream(options: EventStreamOptions): WatchHandle {
  const { handlers } = options;
  const stopper = new AbortController();
  let over = false;
  let idle: Timer | undefined;

  const finish = (report: () => void): void => {
    if (over) return;
    over = true;
    idle?.cancel();
    stopper.abort();
    report();
  };

  function watchSilence(): void {
    let quiet = true;
    idle = wall.at(wall.now() + options.idleMs, () => {
      if (quiet) finish(() => handlers.ended(`nothing heard for ${options.idleMs} ms`));
      else watchSilence();
    });
    heard = () => {
      quiet = false;
    };
  }
  let heard = (): void => {};

  async function connect(): Promise<http.IncomingMessage> {
    const deadline = startDeadline(options.connectTimeoutMs, 'opening the watch', stopper.signal);
    try {
      const context = await options.prepare(deadline.signal);
      // The connection must outlive the deadline of its beginning.
      context.setSignal(stopper.signal);
      return await Promise.race([openRequest(context), rejectWhenAborted(deadline.signal)]);
    } finally {
      deadline.clear();
    }
  }

  function readLines(response: http.IncomingMessage): void {
    const splitter = createLineSplitter();
    response.on('data', (chunk: Buffer) => {
      heard();
      for (const line of splitter.push(chunk)) if (!over) takeLine(line);
      if (splitter.held() > longestLine)
        finish(() => handlers.ended(`a line is longer than ${longestLine} characters`));
    });
    response.once('end', () => finish(() => handlers.ended()));
    response.once('error', (error) => finish(() => handlers.ended(describeNetworkError(error))));
    response.once('close', () => finish(() => handlers.ended('the connection broke')));
  }

  function takeLine(line: string): void {
    const value = parseBody(line, false);
    if (typeof value === 'string') finish(() => handlers.ended('a line is not JSON'));
    else handlers.line(value);
  }

  async function run(): Promise<void> {
    const response = await connect();
    if (over) {
      response.destroy();
      return;
    }
    if (response.statusCode !== 200) {
      const text = (await readBody(response, longestRefusal)).toString('utf8');
      if (response.statusCode === 401) options.renew();
      const retryAfterMs = retryAfterOf(response.headers['retry-after']);
      const answer = {
        status: response.statusCode ?? 0,
        body: parseBody(text, false),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
      finish(() => handlers.refused(answer));
      return;
    }
    response.socket.setKeepAlive(true, tcpKeepAliveMs);
    watchSilence();
    handlers.opened();
    readLines(response);
  }

  run().catch((error: unknown) =>
    finish(() => handlers.ended(error instanceof Error ? describeNetworkError(error) : 'unknown error')),
  );

  return {
    stop: () => {
      over = true;
      idle?.cancel();
      stopper.abort();
    },
  };
}
