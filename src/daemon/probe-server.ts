/** `/metrics` and `/healthz` on a port of their own: read-only, so they may be reached where the API may not. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FailureError } from '../domain/failure.ts';
import type { HealthView } from '../planning/e2e/health-view.ts';
import type { Logger } from '../support/logger.ts';
import { healthBadge, healthHtml } from './e2e-health-page.ts';
import type { HealthVerdict } from './health.ts';
import { listening } from './listening.ts';

export interface ProbeServer {
  port: number;
  close: () => Promise<void>;
}

export interface ProbeSources {
  metrics: () => Promise<{ contentType: string; body: string }>;
  health: () => HealthVerdict;
  /** What scheduled checks say of the fleet. */
  checks: () => HealthView;
}

/** Throws FailureError `port-in-use` or `listen-failed`. */
export async function startProbeServer(
  listen: { host: string; port: number },
  sources: ProbeSources,
  log: Logger,
): Promise<ProbeServer> {
  const server = createServer((request, response) => {
    answer(request.url ?? '/', sources).then(
      ({ status, contentType, body }) => {
        response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
        response.end(body);
      },
      (error: unknown) => {
        log.warn({ err: error }, 'a probe could not be answered');
        response.writeHead(500, { 'content-type': 'text/plain' });
        response.end('the daemon could not answer; its log says why\n');
      },
    );
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await listening(server, listen, '/metrics and /healthz');
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Why nobody could listen there now, found by listening for a moment; undefined when it is free. Port 0 always is. */
export async function addressTrouble(listen: { host: string; port: number }, use: string): Promise<string | undefined> {
  const server = createServer();
  try {
    await listening(server, listen, use);
    return undefined;
  } catch (error) {
    return error instanceof FailureError ? error.failure.message : String(error);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function answer(
  url: string,
  sources: ProbeSources,
): Promise<{ status: number; contentType: string; body: string }> {
  const path = url.split('?')[0];
  if (path === '/metrics') {
    const { contentType, body } = await sources.metrics();
    return { status: 200, contentType, body };
  }
  if (path === '/healthz') {
    const verdict = sources.health();
    const body = `${JSON.stringify(verdict)}\n`;
    return { status: verdict.ok ? 200 : 503, contentType: 'application/json', body };
  }
  if (path === '/checks')
    return { status: 200, contentType: 'text/html; charset=utf-8', body: healthHtml(sources.checks()) };
  if (path === '/checks.json') {
    return { status: 200, contentType: 'application/json', body: `${JSON.stringify(sources.checks())}\n` };
  }
  if (path === '/checks/badge.svg')
    return { status: 200, contentType: 'image/svg+xml', body: healthBadge(sources.checks()) };
  const body = 'there is /metrics, /healthz, /checks, /checks.json and /checks/badge.svg\n';
  return { status: 404, contentType: 'text/plain', body };
}
