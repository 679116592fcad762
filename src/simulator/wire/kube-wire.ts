import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { KubeAnswer, KubeRequest } from '../model/kube/api-request.ts';
import { jsonText } from '../model/kube/json-text.ts';
import type { KubeModel } from '../model/kube/kube-model.ts';
import type { WireAnswer, WireHandler, WireRequest } from './http-server.ts';
import { openWatchStream } from './kube-watch-stream.ts';

export interface KubeWireOptions {
  /** The cluster of this id (as it stands decoded in the path), or undefined. */
  cluster(id: string): KubeModel | undefined;
  /** Called before every request: brings the world to the present. */
  advance?: () => void;
  /** When given, requests need `Authorization: Bearer <one of these>`; otherwise every token, and none, is fine. */
  tokens?: ReadonlySet<string>;
  /** Why a bearer is not let into this cluster by whoever runs its control plane; undefined = it is. */
  refusal?: (clusterId: string, bearer: string | undefined) => string | undefined;
  /** Waits so many simulated ms, for faults that delay an answer. */
  delay?: (simulatedMs: number) => Promise<void>;
  /** Told about every request, after it was answered: for reports. */
  onRequest?: (clusterId: string, request: KubeRequest, status: number) => void;
}

const prefix = '/clusters/';
const tokenPrefix = 'simulator:';

/**
 * A token that names its cluster. Some requests of kubectl (`get --raw`) leave the path of the server in the kubeconfig out; by the
 * token it is still clear which cluster is meant.
 */
export function clusterToken(clusterId: string): string {
  return `${tokenPrefix}${clusterId}`;
}

function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
}

function namedByToken(headers: IncomingHttpHeaders): string | undefined {
  const bearer = bearerOf(headers);
  return bearer?.startsWith(tokenPrefix) === true ? bearer.slice(tokenPrefix.length) : undefined;
}

/** Serves `/clusters/<id>/…`, and any path for a token that names a cluster, from the clusters' models. */
export function kubeWireHandler(options: KubeWireOptions): WireHandler {
  return {
    name: 'kube',
    matches: (_method, path, headers) => path.startsWith(prefix) || namedByToken(headers) !== undefined,
    handle: (request) => answerRequest(options, request),
    tooLarge: (limit) => failure(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limit}`),
    failed: () => failure(500, 'InternalError', 'Internal error occurred'),
  };
}

/** Everything but protobuf comes as text. */
function isText({ headers }: WireRequest): boolean {
  return headers['content-type']?.includes('protobuf') !== true;
}

function failure(code: number, reason: string, message: string): WireAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
  return { status: code, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function answerRequest(options: KubeWireOptions, request: WireRequest): WireAnswer | Promise<WireAnswer> {
  const named = request.path.startsWith(prefix) ? undefined : namedByToken(request.headers);
  const rest = named === undefined ? request.path.slice(prefix.length) : `${encodeURIComponent(named)}${request.path}`;
  const slash = rest.indexOf('/');
  let id: string;
  try {
    id = decodeURIComponent(slash < 0 ? rest : rest.slice(0, slash));
  } catch {
    return { status: 404, headers: { 'content-type': 'text/plain' }, body: '404 page not found\n' };
  }
  options.advance?.();
  const model = options.cluster(id);
  if (!model) return { status: 404, headers: { 'content-type': 'text/plain' }, body: `no cluster ${id}\n` };
  if (!model.apiReachable()) return { reset: true };
  const bearer = bearerOf(request.headers);
  if (options.tokens && !(bearer !== undefined && options.tokens.has(bearer)))
    return failure(401, 'Unauthorized', 'Unauthorized');
  // the simulator's own kubeconfig opens every cluster
  if (namedByToken(request.headers) !== id && options.refusal?.(id, bearer) !== undefined)
    return failure(401, 'Unauthorized', 'Unauthorized');
  const kubeRequest: KubeRequest = {
    method: request.method,
    path: slash < 0 ? '/' : rest.slice(slash),
    query: request.query,
    contentType: request.headers['content-type'],
    accept: request.headers.accept,
    body: isText(request) ? request.body : (request.bytes ?? request.body),
    userAgent: request.headers['user-agent'],
  };
  const watching = request.query.get('watch');
  if (request.method === 'GET' && (watching === 'true' || watching === '1')) {
    return watchAnswer(options, id, model, kubeRequest);
  }
  const answer = model.handle(kubeRequest);
  options.onRequest?.(id, kubeRequest, answer.status);
  return delayed(options, answer);
}

function delayed(options: KubeWireOptions, answer: KubeAnswer): WireAnswer | Promise<WireAnswer> {
  if (answer.latencyMs === undefined || !options.delay) return wireAnswer(answer);
  return options.delay(answer.latencyMs).then(() => wireAnswer(answer));
}

function wireAnswer(answer: KubeAnswer): WireAnswer {
  if (answer.status === 0) return { reset: true, abrupt: answer.abrupt === true };
  const type = typeof answer.body === 'string' ? 'text/plain; charset=utf-8' : 'application/json';
  const headers = { 'cache-control': 'no-cache, private', 'content-type': type, ...answer.headers };
  if (answer.body instanceof Uint8Array) return { status: answer.status, headers, body: answer.body };
  return {
    status: answer.status,
    headers,
    body: typeof answer.body === 'string' ? answer.body : jsonText(answer.body),
  };
}

function watchAnswer(
  options: KubeWireOptions,
  id: string,
  model: KubeModel,
  request: KubeRequest,
): WireAnswer | Promise<WireAnswer> {
  const opened = openWatchStream(model, request);
  options.onRequest?.(id, request, 'refused' in opened ? opened.refused.status : 200);
  if ('refused' in opened) return delayed(options, opened.refused);
  return { stream: (response: ServerResponse) => opened.start(response) };
}
