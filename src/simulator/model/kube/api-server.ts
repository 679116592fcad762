import { ApiError, methodNotAllowed, resourceNotFound } from './api-error.ts';
import { proxyAnswer } from './api-proxy.ts';
import { type KubeAnswer, type KubeRequest, requireJsonAccepted, type Target } from './api-request.ts';
import { AuditLog } from './audit-log.ts';
import type { ClusterCore } from './cluster-core.ts';
import { discoveryAnswer } from './discovery.ts';
import type { ObjectWriter } from './object-writer.ts';
import { openApiAnswer } from './openapi.ts';
import { ReadHandlers } from './read-handlers.ts';
import { requireWriteOptions } from './request-options.ts';
import { parseRequestPath, type RequestPath } from './request-path.ts';
import { Subresources } from './subresources.ts';
import type { WatchHandle, WatchSink } from './watch-hub.ts';
import { WriteHandlers } from './write-handlers.ts';

/** The HTTP API of one cluster, without HTTP. */
export class ApiServer {
  readonly #core: ClusterCore;
  readonly #audit: AuditLog;
  readonly #reads: ReadHandlers;
  readonly #writes: WriteHandlers;
  readonly #subresources: Subresources;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#audit = new AuditLog(core);
    this.#reads = new ReadHandlers(core);
    this.#writes = new WriteHandlers(core, writer);
    this.#subresources = new Subresources(core, writer, this.#writes);
  }

  /** Answers one request; refusals are answers too. Every change has the client as its actor. */
  handle(request: KubeRequest): KubeAnswer {
    const name = (request.userAgent ?? '').split(/[/\s]/)[0] || 'unknown';
    const answer = this.#core.as({ kind: 'client', name }, () => this.#answer(request));
    this.#audit.record(request, answer);
    return answer;
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
    const foreign = this.#core.aggregated?.answer(request);
    if (foreign) return foreign;
    const path = parseRequestPath(request.path);
    if (request.path === '/logs/kube-audit.log' && request.method === 'GET')
      return { status: 200, headers: { 'content-type': 'text/plain' }, body: this.#audit.text() };
    if (path.kind === 'resource' && path.subresource === 'proxy' && path.group === '')
      return this.#proxy(path, request);
    if (path.kind === 'other') return openApiAnswer(this.#core, request) ?? this.#reads.plain(request);
    if (path.kind !== 'resource') {
      if (request.method !== 'GET') throw methodNotAllowed();
      return discoveryAnswer(this.#core, path, request);
    }
    const target = this.#target(request);
    if (!target) throw resourceNotFound();
    const { method } = request;
    // A log is plain text to everybody.
    if (target.subresource !== 'log') requireJsonAccepted(request);
    requireWriteOptions(request.method, request.query);
    if (target.subresource !== undefined) return this.#subresources.handle(target);
    if (target.name === undefined) {
      if (method === 'GET' || method === 'HEAD') return this.#verb(target, 'list', () => this.#reads.list(target));
      if (method === 'POST') {
        return this.#verb(target, 'create', () => this.#subresources.review(target) ?? this.#writes.create(target));
      }
      if (method === 'DELETE')
        return this.#verb(target, 'deletecollection', () => this.#writes.deleteCollection(target));
      throw methodNotAllowed();
    }
    if (method === 'GET' || method === 'HEAD') return this.#verb(target, 'get', () => this.#reads.get(target));
    if (method === 'PUT') return this.#verb(target, 'update', () => this.#writes.update(target, undefined));
    if (method === 'PATCH') return this.#verb(target, 'patch', () => this.#writes.patch(target, undefined));
    if (method === 'DELETE') return this.#verb(target, 'delete', () => this.#writes.delete(target));
    throw methodNotAllowed();
  }

  #proxy(path: Extract<RequestPath, { kind: 'resource' }>, request: KubeRequest): KubeAnswer {
    const { plural, namespace, name, rest } = path;
    if ((plural !== 'services' && plural !== 'pods') || namespace === undefined || name === undefined)
      throw resourceNotFound();
    return proxyAnswer(this.#core, { plural, namespace, name, rest }, request);
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
    if (definition.key === 'events') this.#core.events.flush();
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
