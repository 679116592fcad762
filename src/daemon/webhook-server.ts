/** Webhooks of the forge: a push or a review is noticed at once, and only what is signed with the shared secret counts. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../support/logger.ts';
import { readSecret, type SecretReference } from '../support/secret-reference.ts';
import { listening } from './listening.ts';

export interface WebhookServer {
  port: number;
  close: () => Promise<void>;
}

export interface WebhookOptions {
  listen: { host: string; port: number };
  secret: SecretReference;
  environment: NodeJS.ProcessEnv;
  /** Branches may have moved. */
  onPush: () => void;
  /** Reviews, statuses or checks may have changed. */
  onReview: () => void;
  /** One delivery: `taken`, `ignored`, or why it was refused. */
  onDelivery: (outcome: string) => void;
  log: Logger;
}

/** GitHub sends no more. */
const mostBytes = 25 * 1024 * 1024;
const place = '/github';
const reviewEvents = new Set(['pull_request', 'pull_request_review', 'status', 'check_run', 'check_suite']);

/** Throws FailureError `port-in-use` or `listen-failed`. */
export async function startWebhookServer(options: WebhookOptions): Promise<WebhookServer> {
  const server = createServer((request, response) => {
    take(request, options).then(
      ({ status, outcome }) => {
        options.onDelivery(outcome);
        response.writeHead(status, {
          'content-type': 'text/plain',
          ...(status === 413 ? { connection: 'close' } : {}),
        });
        response.end(`${outcome}\n`);
      },
      (error: unknown) => {
        options.log.warn({ err: error }, 'a webhook could not be read');
        response.destroy();
      },
    );
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await listening(server, options.listen, 'webhooks');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function take(request: IncomingMessage, options: WebhookOptions): Promise<{ status: number; outcome: string }> {
  if (request.url?.split('?')[0] !== place) return { status: 404, outcome: `there is ${place}` };
  if (request.method !== 'POST') return { status: 405, outcome: 'webhooks are posted' };
  const body = await readBody(request);
  if (body === undefined) return { status: 413, outcome: 'too large' };
  const read = await readSecret(options.secret, options.environment);
  if ('missing' in read) {
    options.log.warn({}, `webhooks cannot be verified: ${read.missing}`);
    return { status: 503, outcome: 'no secret' };
  }
  const signature = request.headers['x-hub-signature-256'];
  if (typeof signature !== 'string' || !signedWith(read.secret, body, signature))
    return { status: 401, outcome: 'not signed' };
  const event = String(request.headers['x-github-event']);
  if (event === 'push') options.onPush();
  else if (reviewEvents.has(event)) options.onReview();
  else return { status: 202, outcome: 'ignored' };
  return { status: 202, outcome: 'taken' };
}

function signedWith(secret: string, body: Buffer, signature: string): boolean {
  const wanted = Buffer.from(`sha256=${createHmac('sha256', secret).update(body).digest('hex')}`);
  const given = Buffer.from(signature);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
