import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest, methodNotAllowed, resourceNotFound } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import { discoveryAnswer } from './discovery.ts';
import { cloneJson, type Fields } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import { openApiAnswer } from './openapi.ts';
import { ReadHandlers } from './read-handlers.ts';
import { parseRequestPath } from './request-path.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { Subresources } from './subresources.ts';
import type { WatchHandle, WatchSink } from './watch-hub.ts';
import { WriteHandlers } from './write-handlers.ts';

export interface KubeRequest {
  method: string;
  /** Without the cluster's prefix and the query. */
  path: string;
  query: URLSearchParams;
  contentType?: string | undefined;
  accept?: string | undefined;
  /** Text as it came, or an object (which is copied). */
  body?: string | object | undefined;
  userAgent?: string | undefined;
}

export interface KubeAnswer {
  status: number;
  headers?: Record<string, string>;
  /** JSON, or plain text. Objects in it are the stored ones: read them, never change them. */
  body: object | string;
}

/** One resource as a request names it. */
export interface Target {
  definition: ResourceDefinition;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  request: KubeRequest;
}

/** The HTTP API of one cluster, without HTTP. */
export class ApiServer {
  readonly #core: ClusterCore;
  readonly #reads: ReadHandlers;
  readonly #writes: WriteHandlers;
  readonly #subresources: Subresources;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#reads = new ReadHandlers(core);
    this.#writes = new WriteHandlers(core, writer);
    this.#subresources = new Subresources(core, writer, this.#writes);
  }

  /** Answers one request; refusals are answers too. Every change has the client as its actor. */
  handle(request: KubeRequest): KubeAnswer {
    const name = (request.userAgent ?? '').split(/[/\s]/)[0] || 'unknown';
    return this.#core.as({ kind: 'client', name }, () => this.#answer(request));
  }

  #answer(request: KubeRequest): KubeAnswer {
    try {
      if (this.#core.faults.apiDown !== 'no') throw new ApiError(503, 'ServiceUnavailable', 'apiserver not ready');
      return this.#dispatch(request);
    } catch (error) {
      if (error instanceof ApiError) {
        const seconds = error.retryAfterSeconds;
        const headers = seconds === undefined ? {} : { headers: { 'retry-after': String(seconds) } };
        return { status: error.code, ...headers, body: error.body() };
      }
      this.#core.internalError(`${request.method} ${request.path}`, error);
      return { status: 500, body: new ApiError(500, 'InternalError', 'Internal error occurred').body() };
    }
  }

  #dispatch(request: KubeRequest): KubeAnswer {
    const path = parseRequestPath(request.path);
    if (path.kind === 'other') return openApiAnswer(this.#core, request) ?? this.#reads.plain(request);
    if (path.kind !== 'resource') {
      if (request.method !== 'GET') throw methodNotAllowed();
      return discoveryAnswer(this.#core, path, request);
    }
    const target = this.#target(request);
    if (!target) throw resourceNotFound();
    const { method } = request;
    if (target.subresource !== undefined) return this.#subresources.handle(target);
    if (target.name === undefined) {
      if (method === 'GET' || method === 'HEAD') return this.#verb(target, 'list', () => this.#reads.list(target));
      if (method === 'POST') {
        return this.#verb(target, 'create', () => this.#subresources.review(target) ?? this.#writes.create(target));
      }
      if (method === 'DELETE') return this.#verb(target, 'deletecollection', () => this.#writes.deleteCollection(target));
      throw methodNotAllowed();
    }
    if (method === 'GET' || method === 'HEAD') return this.#verb(target, 'get', () => this.#reads.get(target));
    if (method === 'PUT') return this.#verb(target, 'update', () => this.#writes.update(target, undefined));
    if (method === 'PATCH') return this.#verb(target, 'patch', () => this.#writes.patch(target, undefined));
    if (method === 'DELETE') return this.#verb(target, 'delete', () => this.#writes.delete(target));
    throw methodNotAllowed();
  }

  #verb(target: Target, verb: string, run: () => KubeAnswer): KubeAnswer {
    if (!target.definition.verbs.includes(verb)) throw methodNotAllowed();
    return run();
  }

  /** Undefined when the path names nothing that is served. */
  #target(request: KubeRequest): Target | undefined {
    const path = parseRequestPath(request.path);
    if (path.kind !== 'resource') return undefined;
    const definition = this.#core.resources.find(path.group, path.version, path.plural);
    if (!definition || path.rest !== '') return undefined;
    const { namespace, name, subresource } = path;
    if (!definition.namespaced && namespace !== undefined) return undefined;
    if (definition.namespaced && namespace === undefined && name !== undefined) return undefined;
    return { definition, namespace, name, subresource, request };
  }

  /** Opens a watch; an answer instead of a handle is a refusal. */
  watch(request: KubeRequest, sink: WatchSink): { handle: WatchHandle } | { refused: KubeAnswer } {
    try {
      if (this.#core.faults.apiDown !== 'no') throw new ApiError(503, 'ServiceUnavailable', 'apiserver not ready');
      const target = this.#target(request);
      if (!target || target.subresource !== undefined) throw resourceNotFound();
      if (request.method !== 'GET' || !target.definition.verbs.includes('watch')) throw methodNotAllowed();
      return { handle: this.#core.watches.open(this.#reads.watchTarget(target), sink) };
    } catch (error) {
      if (error instanceof ApiError) return { refused: { status: error.code, body: error.body() } };
      this.#core.internalError(`watch ${request.path}`, error);
      return { refused: { status: 500, body: new ApiError(500, 'InternalError', 'Internal error occurred').body() } };
    }
  }
}

/** The request's body as a value that nobody else holds; undefined when there is none. Throws 400 or 415. */
export function readBody(request: KubeRequest, allowed?: readonly string[]): unknown {
  const { body } = request;
  const type = (request.contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';
  if (allowed && !allowed.includes(type)) throw unsupportedMediaType(allowed);
  if (body === undefined || body === '') return undefined;
  if (typeof body !== 'string') return cloneJson(body);
  const yaml = type.endsWith('yaml');
  if (!yaml && type !== 'application/json' && !type.endsWith('+json')) {
    throw unsupportedMediaType(['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']);
  }
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (!yaml) throw badRequest(`couldn't get version/kind; json parse error: ${why}`);
  }
  try {
    return parseYaml(body, { maxAliasCount: 20 }) as unknown;
  } catch (error) {
    throw badRequest(`error converting YAML to JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

/** An answer with the warnings that clients print. */
export function withWarnings(answer: KubeAnswer, warnings: readonly string[]): KubeAnswer {
  if (warnings.length === 0) return answer;
  const text = warnings.map((warning) => `299 - "${warning.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(', ');
  return { ...answer, headers: { ...answer.headers, warning: text } };
}

/** `PartialObjectMetadata` of an object. */
export function partialMetadata(object: { metadata: unknown }): Fields {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
