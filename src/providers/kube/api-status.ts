/** The API server's error object (`kind: Status`) and what it means as a Failure. */
import type { FieldConflict } from '../../domain/apply-conflict.ts';
import { type Failure, FailureError, terminal, transient } from '../../domain/failure.ts';
import type { KubeAnswer } from './kube-exchange.ts';

export interface StatusCause {
  reason: string;
  message: string;
  field: string;
}

/** A Status as far as decisions need it; missing fields are empty. */
export interface ApiStatus {
  code: number;
  reason: string;
  message: string;
  /** Resource and object that the status is about; empty when the server did not say. */
  kind: string;
  name: string;
  causes: StatusCause[];
  retryAfterMs: number | undefined;
  /** false when the body was no Status at all: the answer of a proxy, or of another server. */
  wellFormed: boolean;
}

const longestMessage = 400;

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function bounded(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length <= longestMessage ? line : `${line.slice(0, longestMessage)}…`;
}

/** Reads a Status from an answer, or from the object of an ERROR event in a watch. */
export function readStatus(answer: KubeAnswer): ApiStatus {
  const body = record(answer.body);
  const details = record(body['details']);
  const causes = Array.isArray(details['causes']) ? details['causes'].map(record) : [];
  const seconds = details['retryAfterSeconds'];
  const retryAfterMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : answer.retryAfterMs;
  return {
    code: answer.status,
    reason: text(body['reason']),
    message: bounded(text(body['message']) || (typeof answer.body === 'string' ? answer.body : '')),
    kind: text(details['kind']),
    name: text(details['name']),
    causes: causes.map((cause) => ({
      reason: text(cause['reason']),
      message: bounded(text(cause['message'])),
      field: text(cause['field']),
    })),
    retryAfterMs,
    wellFormed: body['kind'] === 'Status',
  };
}

export function hasCause(status: ApiStatus, reason: string): boolean {
  return status.causes.some((cause) => cause.reason === reason);
}

/**
 * true when a 404 says that one object is missing. A 404 without a name comes from a path that nobody serves (a kind that is
 * not installed, a wrong address): that proves nothing about the object.
 */
export function saysObjectMissing(status: ApiStatus): boolean {
  return status.code === 404 && status.wellFormed && status.reason === 'NotFound' && status.name !== '';
}

/** true when an admission webhook or policy said no, with whatever status it chose. */
export function deniedByAdmission(status: ApiStatus): boolean {
  return /^admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' with binding '.*' denied request/.test(
    status.message,
  );
}

function notFound(status: ApiStatus, where: string): Failure {
  if (saysObjectMissing(status)) return transient('kube-not-found', `${where}: ${status.message || 'not found'}`);
  // A kind may be served a moment after its definition was applied: worth another try.
  return transient(
    'kube-unknown-kind',
    `${where}: the server does not serve this path (404); is the kind installed, and the address right?`,
  );
}

function forbidden(status: ApiStatus, where: string, said: string): Failure {
  if (hasCause(status, 'NamespaceTerminating')) {
    return transient('kube-conflict', `${where}: the namespace is being terminated`);
  }
  return terminal('kube-forbidden', `${where}: forbidden: ${said}`);
}

function conflict(status: ApiStatus, where: string, said: string): Failure {
  if (status.reason === 'AlreadyExists') return transient('kube-already-exists', `${where}: ${said}`);
  return transient('kube-conflict', `${where}: ${said}`);
}

/** Who owns which of the fields that a server-side apply would have changed. */
export function fieldConflicts(status: ApiStatus): FieldConflict[] {
  return status.causes
    .filter((cause) => cause.reason === 'FieldManagerConflict')
    .map(({ field, message }) => ({ field, manager: /conflict with "([^"]+)"/.exec(message)?.[1] ?? message }));
}

/**
 * true when the fields of an applied object do not fit the schema of its kind: a field that the kind does not have, a value of another
 * type, an item without its key. The server says it with a plain error, for which it has no status but 500.
 */
function misfitsSchema(status: ApiStatus): boolean {
  return status.code === 500 && status.reason === '' && /^failed to create typed patch object\b/.test(status.message);
}

/** The Failure that an HTTP error answer means. `where` names method, resource and cluster. */
export function statusFailure(status: ApiStatus, where: string): Failure {
  const said = status.message || `HTTP ${status.code}`;
  switch (status.code) {
    case 401:
      return transient('kube-unauthorized', `${where}: the server does not accept the credentials: ${said}`);
    case 403:
      return forbidden(status, where, said);
    case 404:
      return notFound(status, where);
    case 409:
      return conflict(status, where, said);
    case 410:
      return transient('kube-expired', `${where}: ${said}`);
    case 429:
      return transient('kube-throttled', `${where}: the server is throttling: ${said}`, status.retryAfterMs);
    case 504:
      return transient('kube-timeout', `${where}: ${said}`, status.retryAfterMs);
    default:
      if (status.code >= 400 && status.code < 500)
        return terminal('kube-invalid', `${where}: refused (HTTP ${status.code}): ${said}`);
      if (misfitsSchema(status))
        return terminal('kube-invalid', `${where}: refused, the object does not fit the schema of its kind: ${said}`);
      return transient('kube-server-error', `${where}: HTTP ${status.code}: ${said}`, status.retryAfterMs);
  }
}

/** Throws the FailureError that an answer means, unless it is a 2xx. */
export function throwUnlessOk(answer: KubeAnswer, where: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  throw new FailureError(statusFailure(readStatus(answer), where));
}
