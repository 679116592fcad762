/** `clm registry serve`: the REST API of the original's registry over a registry of files. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from '../../../support/logger.ts';
import type { RegistryBook } from './registry-book.ts';
import { registryOpenApi } from './registry-open-api.ts';
import { type RegistryRoute, registryRoutes } from './registry-routes.ts';
import { problemBody } from './replies.ts';
import type { Caller, CallerCheck } from './tokens.ts';

export interface RegistryServerOptions {
  book: RegistryBook;
  listen: { host: string; port: number };
  /** undefined = whoever reaches the address may read and write. */
  callers: CallerCheck | undefined;
  /** PEM texts; undefined = plain HTTP. */
  tls: { certificate: string; key: string } | undefined;
  version: string;
  log: Logger;
}

export interface RegistryServer {
  url: string;
  close: () => Promise<void>;
}

const largestBodyBytes = 1024 * 1024;
/** Ids hold colons and account numbers; the router's own limit would be too short for none of them, but says so here. */
const longestParameter = 300;

/** Throws what listening throws (`EADDRINUSE`, `EACCES`). */
export async function startRegistryServer(options: RegistryServerOptions): Promise<RegistryServer> {
  const shared = {
    bodyLimit: largestBodyBytes,
    forceCloseConnections: 'idle' as const,
    requestTimeout: 30_000,
    // A connection that becomes idle just as the server closes holds it for this long.
    keepAliveTimeout: 1_000,
    routerOptions: { maxParamLength: longestParameter },
  };
  const { tls, listen, log } = options;
  const server = (
    tls === undefined ? Fastify(shared) : Fastify({ ...shared, https: { cert: tls.certificate, key: tls.key } })
  ) as FastifyInstance;
  server.addContentTypeParser(
    'application/merge-patch+json',
    { parseAs: 'string' },
    server.getDefaultJsonParser('error', 'error'),
  );
  server.setNotFoundHandler((request, reply) =>
    reply
      .status(404)
      .send(problemBody(`there is no ${request.method} ${request.url.split('?')[0]}; see /openapi.json`, [])),
  );
  server.setErrorHandler((error, request, reply) => {
    const status = (error as { statusCode?: unknown }).statusCode;
    if (typeof status === 'number' && status >= 400 && status < 500)
      return reply.status(status).send(problemBody((error as Error).message, []));
    log.error({ err: error, method: request.method, url: request.url }, 'a request failed');
    return reply.status(500).send(problemBody('something went wrong inside the registry; its log says what', []));
  });
  const routes = registryRoutes();
  const document = registryOpenApi(routes, options.version);
  server.get('/openapi.json', () => document);
  server.get('/healthz', () => ({ status: 'ok' }));
  for (const route of routes) registerRoute(server, route, options);
  await server.listen(listen);
  const address = server.server.address() as { port: number };
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${address.port}`,
    close: () => server.close(),
  };
}

function registerRoute(server: FastifyInstance, route: RegistryRoute, options: RegistryServerOptions): void {
  const { book, log } = options;
  server.route({
    method: route.method,
    url: route.path.replace(/\{(\w+)\}/g, ':$1'),
    handler: async (request, reply) => {
      const caller = await admitted(options, route, request, reply);
      if (caller === undefined) return reply;
      const answer = await route.handle(book, {
        params: request.params as Record<string, string>,
        query: request.query as Record<string, string>,
        body: request.body,
        expected: request.headers['if-match'] === '*' ? undefined : request.headers['if-match'],
      });
      if (route.method !== 'GET')
        log.info(
          { caller: caller.name, operation: route.operation, path: request.url, status: answer.status },
          'change asked for',
        );
      reply.status(answer.status).header('cache-control', 'no-cache');
      if (answer.etag !== undefined) {
        reply.header('etag', answer.etag);
        if (route.method === 'GET' && request.headers['if-none-match'] === answer.etag) return reply.status(304).send();
      }
      return answer.body === undefined ? reply.send() : reply.send(answer.body);
    },
  });
}

/** undefined = refused, and answered already. */
async function admitted(
  { callers }: RegistryServerOptions,
  route: RegistryRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Caller | undefined> {
  if (callers === undefined) return { name: 'anybody', mayWrite: true };
  const caller = await callers(request.headers.authorization);
  if (caller === undefined) {
    reply.status(401).header('www-authenticate', 'Bearer').send(problemBody('a valid bearer token is needed', []));
    return undefined;
  }
  if (route.method !== 'GET' && !caller.mayWrite) {
    reply.status(403).send(problemBody(`the token ${caller.name} may only read`, []));
    return undefined;
  }
  return caller;
}
