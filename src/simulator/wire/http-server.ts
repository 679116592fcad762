import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request, its body read whole. */
export interface WireRequest {
  method: string;
  /** Decoded by nobody: as it stands in the request line, without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
  /** The body as it came, for those who carry more than text. */
  bytes?: Buffer;
}

/**
 * What a handler answers: a whole response, a stream that it writes itself (and ends), or `reset`: the connection is cut
 * without an answer (`abrupt`: by a TCP reset).
 */
export type WireAnswer =
  | { status: number; headers?: Record<string, string>; body: string | Uint8Array }
  | { stream: (response: ServerResponse) => void }
  | { reset: true; abrupt?: boolean };

/** A part of the simulator that owns some of the server's requests. The first handler that matches gets the request. */
export interface WireHandler {
  name: string;
  matches(method: string, path: string, headers: IncomingHttpHeaders): boolean;
  handle(request: WireRequest): WireAnswer | Promise<WireAnswer>;
  /** The answer for a body over the limit, in the handler's own error format. Plain text when absent. */
  tooLarge?(limitBytes: number): WireAnswer;
  /** The answer when `handle` threw, never with a stack trace. Plain text when absent. */
  failed?(error: unknown): WireAnswer;
}

export interface WireServerOptions {
  host: string;
  /** 0 takes a free port. */
  port: number;
  handlers: readonly WireHandler[];
  /** Default 8 MiB. */
  maxBodyBytes?: number;
  /** Told about every error that a handler threw. */
  onError?: (handler: string, error: unknown) => void;
}

export interface WireServer {
  host: string;
  port: number;
  /** `http://host:port`. */
  url: string;
  /** How many requests were answered, by handler name. */
  requests: ReadonlyMap<string, number>;
  /** Stops listening and cuts every connection. */
  close(): Promise<void>;
}

class BodyTooLarge extends Error {}

/** Opens the simulator's HTTP server; rejects when the port is taken. */
export async function createWireServer(options: WireServerOptions): Promise<WireServer> {
  const requests = new Map<string, number>();
  const sockets = new Set<Socket>();
  const limit = options.maxBodyBytes ?? 8 * 1024 * 1024;
  const server = createServer({ keepAlive: true, noDelay: true }, (request, response) => {
    void serve(request, response, options, limit, requests);
  });
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 60_000;
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    host: options.host,
    port,
    url: `http://${options.host}:${port}`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  options: WireServerOptions,
  limit: number,
  requests: Map<string, number>,
): Promise<void> {
  const method = incoming.method ?? 'GET';
  const target = incoming.url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const handler = options.handlers.find((each) => each.matches(method, path, incoming.headers));
  if (!handler) {
    incoming.resume();
    send(response, { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' });
    return;
  }
  requests.set(handler.name, (requests.get(handler.name) ?? 0) + 1);
  try {
    const bytes = await readBody(incoming, limit);
    const body = bytes.toString('utf8');
    const query = new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1));
    send(response, await handler.handle({ method, path, query, headers: incoming.headers, body, bytes }));
  } catch (error) {
    if (error instanceof BodyTooLarge) {
      response.setHeader('connection', 'close');
      const text = `request body is larger than ${limit} bytes\n`;
      send(
        response,
        handler.tooLarge?.(limit) ?? { status: 413, headers: { 'content-type': 'text/plain' }, body: text },
      );
      return;
    }
    if (incoming.destroyed && !incoming.complete) return;
    options.onError?.(handler.name, error);
    const plain = { status: 500, headers: { 'content-type': 'text/plain' }, body: 'internal error\n' };
    send(response, handler.failed?.(error) ?? plain);
  }
}

function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limit) {
        incoming.removeAllListeners('data');
        incoming.resume();
        reject(new BodyTooLarge());
      } else chunks.push(chunk);
    });
    incoming.on('end', () => resolve(Buffer.concat(chunks)));
    incoming.on('error', reject);
  });
}

function send(response: ServerResponse, answer: WireAnswer): void {
  if (response.destroyed) return;
  if ('reset' in answer) {
    if (answer.abrupt) response.socket?.resetAndDestroy();
    else response.socket?.destroy();
    return;
  }
  if ('stream' in answer) {
    answer.stream(response);
    return;
  }
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const payload = typeof answer.body === 'string' ? Buffer.from(answer.body, 'utf8') : answer.body;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(payload.length) });
  response.end(payload);
}
