/** The daemon's API: `/v1` over HTTP on a Unix socket that only its owner may open. */
import { chmodSync } from 'node:fs';
import { userInfo } from 'node:os';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { FailureError } from '../domain/failure.ts';
import type { Logger } from '../support/logger.ts';
import type { ApiBackend, Operator } from './backend.ts';
import { ChangeFeed } from './change-feed.ts';
import { ApiError, inputProblems } from './errors.ts';
import { openApiDocument } from './open-api.ts';
import type { Route } from './route.ts';
import { apiRoutes } from './routes.ts';
import { eventsQuery, noQuery } from './schemas.ts';
import { claimSocket } from './socket-file.ts';
import { streamEvents, streamStatus } from './streams.ts';

export interface ApiServer {
  /** Call it after every commit. */
  changes: ChangeFeed;
  /** Ends streams, lets running requests finish (bounded), removes the socket file. */
  close: () => Promise<void>;
}

export interface ApiServerOptions {
  backend: ApiBackend;
  socketPath: string;
  log: Logger;
  version: string;
}

/** Streams that may be open at once: each holds a socket and rebuilds documents. */
const maxStreams = 64;
const largestBodyBytes = 64 * 1024;

const longestParameter = 1_024;

/** Throws FailureError `socket-in-use` when a living daemon has the socket; a dead one's file is replaced. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const changes = new ChangeFeed();
  const stopping = new AbortController();
  const server = Fastify({
    bodyLimit: largestBodyBytes,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    // The id of a run of checks names rollout, commit, cluster and attempt.
    routerOptions: { maxParamLength: longestParameter },
  });
  const routes = apiRoutes();
  installErrorHandlers(server, options.log);
  for (const route of routes) registerRoute(server, route, options.backend, stopping.signal);
  const document = openApiDocument(routes, options.version);
  server.get('/v1/openapi.json', () => document);
  registerStreams(server, options, changes, stopping.signal);
  await claimSocket(options.socketPath);
  // The socket is created with the umask of the process: nobody else may open it even before chmod has run.
  const umask = process.umask(0o177);
  try {
    await server.listen({ path: options.socketPath });
  } finally {
    process.umask(umask);
  }
  chmodSync(options.socketPath, 0o600);
  return {
    changes,
    close: async () => {
      stopping.abort();
      await server.close();
    },
  };
}

function registerRoute(server: FastifyInstance, route: Route, backend: ApiBackend, stopping: AbortSignal): void {
  server.route({
    method: route.method,
    url: route.path.replace(/\{(\w+)\}/g, ':$1'),
    ...(route.largestBodyBytes === undefined ? {} : { bodyLimit: route.largestBodyBytes }),
    handler: async (request, reply) => {
      const query = route.query.safeParse(request.query);
      const body = route.body?.safeParse(request.body ?? {});
      const problems = [
        ...(query.success ? [] : inputProblems('query', query.error)),
        ...(body === undefined || body.success ? [] : inputProblems('body', body.error)),
      ];
      if (problems.length > 0) {
        throw new ApiError(400, 'invalid-request', `The request has ${countOf(problems.length, 'problem')}.`, {
          problems,
        });
      }
      const answer = await route.handle(backend, {
        params: request.params as Record<string, string>,
        query: query.data,
        body: body?.data,
        operator: operatorOf(request),
        signal: AbortSignal.any([stopping, closedSignal(reply)]),
      });
      return reply.header('cache-control', 'no-store').send(answer);
    },
  });
}

function registerStreams(
  server: FastifyInstance,
  { backend, log }: ApiServerOptions,
  changes: ChangeFeed,
  stopping: AbortSignal,
): void {
  let openStreams = 0;
  const stream = (reply: FastifyReply, run: (signal: AbortSignal) => Promise<void>): void => {
    if (openStreams >= maxStreams) {
      throw new ApiError(503, 'too-many-streams', `${maxStreams} streams are open already; close one and try again.`);
    }
    openStreams += 1;
    reply.hijack();
    const signal = AbortSignal.any([stopping, closedSignal(reply)]);
    run(signal)
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, 'a stream ended with an error');
      })
      .finally(() => {
        openStreams -= 1;
        reply.raw.end();
      });
  };
  server.get('/v1/status/stream', (request, reply) => {
    checkedQuery(noQuery, request);
    stream(reply, (signal) => streamStatus(reply.raw, backend, changes, signal));
  });
  server.get('/v1/events/stream', (request, reply) => {
    const { after, channel, cluster, commit, kind } = checkedQuery(eventsQuery, request);
    const filter = Object.fromEntries(
      Object.entries({ channel, cluster, commit, kind }).filter(([, value]) => value !== undefined),
    );
    const resumed = Number(request.headers['last-event-id']);
    const from = after ?? (Number.isSafeInteger(resumed) && resumed > 0 ? resumed : undefined);
    stream(reply, (signal) => streamEvents(reply.raw, backend, changes, signal, filter, from));
  });
}

function checkedQuery<Schema extends typeof eventsQuery | typeof noQuery>(
  schema: Schema,
  request: FastifyRequest,
): ReturnType<Schema['parse']> {
  const query = schema.safeParse(request.query);
  if (query.success) return query.data as ReturnType<Schema['parse']>;
  const problems = inputProblems('query', query.error);
  throw new ApiError(400, 'invalid-request', `The request has ${countOf(problems.length, 'problem')}.`, { problems });
}

function installErrorHandlers(server: FastifyInstance, log: Logger): void {
  server.setNotFoundHandler((request) => {
    throw new ApiError(
      404,
      'unknown-path',
      `There is no ${request.method} ${request.url.split('?')[0]}; see /v1/openapi.json.`,
    );
  });
  server.setErrorHandler((error, _request, reply) => {
    const answer = toApiError(error, log);
    return reply.status(answer.status).header('cache-control', 'no-store').send(answer.body);
  });
}

function toApiError(error: unknown, log: Logger): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof FailureError) {
    const { kind, code, message } = error.failure;
    return new ApiError(kind === 'transient' ? 503 : 409, code, message);
  }
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const remedy = status === 413 ? 'send less at once' : 'send one JSON object';
    const problem = { file: '-', path: 'body', message: (error as Error).message, remedy };
    return new ApiError(400, 'invalid-request', 'The request could not be read.', { problems: [problem] });
  }
  log.error({ err: error }, 'a request failed with an unexpected error');
  return new ApiError(500, 'internal-error', 'Something went wrong inside the daemon; its log says what.');
}

/** The socket lets in only its owner; the header says which person that is, where several share the account. */
function operatorOf(request: FastifyRequest): Operator {
  const given = request.headers['x-clm-actor'];
  const name = typeof given === 'string' ? printableName(given) : '';
  return { name: name === '' ? userInfo().username : name };
}

/** Headers hold no line breaks; other control characters have no place in a journal either. */
function printableName(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  const visible = text.replace(/[\u0000-\u001f\u007f]/g, '');
  return visible.trim().slice(0, 100);
}

function closedSignal(reply: FastifyReply): AbortSignal {
  const closed = new AbortController();
  reply.raw.once('close', () => closed.abort());
  return closed.signal;
}

function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
