/** A tiny HTTP server for answers that a well-behaved API server never gives. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export type Answer = (request: Received, response: ServerResponse, count: number) => void;

export interface FakeApiServer {
  url: string;
  received: Received[];
  /** Connections ever accepted. */
  connections(): number;
  open(): number;
  close(): Promise<void>;
}

/** With `tls` it asks clients for a certificate of the same authority. */
export interface TlsMaterial {
  cert: string;
  key: string;
}

/** `count` is how many requests came before this one. */
export async function startFakeApiServer(answer: Answer, tls?: TlsMaterial): Promise<FakeApiServer> {
  const received: Received[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const listener: RequestListener = (message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const request = {
        method: message.method ?? '',
        url: message.url ?? '',
        headers: message.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      };
      received.push(request);
      answer(request, response, received.length - 1);
    });
  };
  const server =
    tls === undefined
      ? createServer(listener)
      : createTlsServer({ ...tls, ca: tls.cert, requestCert: true, rejectUnauthorized: true }, listener);
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    received,
    connections: () => connections,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
