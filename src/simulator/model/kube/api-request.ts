import { parse as parseYaml } from 'yaml';
import { ApiError, badRequest } from './api-error.ts';
import { cloneJson, type Fields } from './object.ts';
import { protobufMediaType, readProtobuf } from './protobuf/request-body.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export interface KubeRequest {
  method: string;
  /** Without the cluster's prefix and the query. */
  path: string;
  query: URLSearchParams;
  contentType?: string | undefined;
  accept?: string | undefined;
  /** Text or bytes as they came, or an object (which is copied). */
  body?: string | Uint8Array | object | undefined;
  userAgent?: string | undefined;
}

export interface KubeAnswer {
  status: number;
  headers?: Record<string, string>;
  /** JSON, plain text, or bytes. Objects in it are the stored ones: read them, never change them. */
  body: object | string;
  /** Simulated milliseconds by which a fault delays the answer. Status 0 = a fault lost it; `abrupt`: by a reset. */
  latencyMs?: number;
  abrupt?: boolean;
}

/** One resource as a request names it. */
export interface Target {
  definition: ResourceDefinition;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  request: KubeRequest;
}

const textTypes = ['application/json', 'application/yaml'];

/** What a body may be: the kind for messages, and whether it may come as protobuf (custom objects may not). */
export interface BodyRule {
  kind: string;
  custom?: object | undefined;
}

/** The request's body as a value that nobody else holds; undefined when there is none. Throws 400 or 415. */
export function readBody(request: KubeRequest, rule: BodyRule): unknown {
  const { body } = request;
  if (body === undefined || body === '' || (body instanceof Uint8Array && body.length === 0)) return undefined;
  const type = mediaType(request);
  if (type === protobufMediaType) {
    if (rule.custom) throw unsupportedMediaType(textTypes);
    return readProtobuf(bytesOf(body), rule.kind);
  }
  if (body instanceof Uint8Array) return readText(Buffer.from(body).toString('utf8'), type, rule);
  return typeof body === 'string' ? readText(body, type, rule) : cloneJson(body);
}

/** `application/json` when the request does not say. */
export function mediaType(request: KubeRequest): string {
  return (request.contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';
}

function bytesOf(body: string | object): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

function readText(body: string, type: string, rule: BodyRule): unknown {
  const yaml = type.endsWith('yaml');
  if (!yaml && type !== 'application/json' && !type.endsWith('+json')) {
    throw unsupportedMediaType(rule.custom ? textTypes : [...textTypes, protobufMediaType]);
  }
  try {
    return body.includes('__proto__') ? withoutPrototypes(body) : (JSON.parse(body) as unknown);
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

/** A member of this name would not be a member. */
function withoutPrototypes(text: string): unknown {
  return JSON.parse(text, (key, value: unknown) => (key === '__proto__' ? undefined : value)) as unknown;
}

/** Answers are JSON: 406 for a client that takes none. */
export function requireJsonAccepted(request: KubeRequest): void {
  const accept = request.accept ?? '';
  if (accept === '') return;
  const types = accept.split(',').map((item) => item.split(';')[0]?.trim() ?? '');
  if (!types.some((type) => type === 'application/json' || type === '*/*' || type === 'application/*'))
    throw notAcceptable();
}

export function notAcceptable(): ApiError {
  const message = 'only the following media types are accepted: application/json, application/json;stream=watch';
  return new ApiError(406, 'NotAcceptable', message);
}

export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return new ApiError(415, 'UnsupportedMediaType', message);
}

/** An answer with the warnings that clients print. */
export function withWarnings(answer: KubeAnswer, warnings: readonly string[]): KubeAnswer {
  if (warnings.length === 0) return answer;
  const text = warnings
    .map((warning) => `299 - "${warning.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
    .join(', ');
  return { ...answer, headers: { ...answer.headers, warning: text } };
}

/** `PartialObjectMetadata` of an object. */
export function partialMetadata(object: { metadata: unknown }): Fields {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
