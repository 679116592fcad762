import type { Fields, SimObject } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** A refusal of the API server; `body()` is the Status object that a client receives. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string | undefined;
  readonly details: Fields | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: number, reason: string | undefined, message: string, details?: Fields, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  body(): Fields {
    const details =
      this.retryAfterSeconds === undefined
        ? this.details
        : { ...this.details, retryAfterSeconds: this.retryAfterSeconds };
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === undefined ? {} : { reason: this.reason }),
      ...(details === undefined ? {} : { details }),
      code: this.code,
    };
  }
}

function target(definition: ResourceDefinition, name: string): Fields {
  return { name, ...(definition.group === '' ? {} : { group: definition.group }), kind: definition.plural };
}

function label(definition: ResourceDefinition): string {
  return definition.group === '' ? definition.plural : `${definition.plural}.${definition.group}`;
}

export function notFound(definition: ResourceDefinition, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${label(definition)} "${name}" not found`, target(definition, name));
}

export function alreadyExists(definition: ResourceDefinition, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${label(definition)} "${name}" already exists`, target(definition, name));
}

export function conflict(definition: ResourceDefinition, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${label(definition)} "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message, target(definition, name));
}

export const modifiedMeanwhile =
  'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(definition: ResourceDefinition, name: string, why: string, causes?: StatusCause[]): ApiError {
  const details = { ...target(definition, name), ...(causes === undefined ? {} : { causes }) };
  return new ApiError(403, 'Forbidden', `${label(definition)} "${name}" is forbidden: ${why}`, details);
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return new ApiError(405, 'MethodNotAllowed', message, {});
}

export function resourceNotFound(): ApiError {
  return new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}

/** One violated rule of an object, in the words of the API's validation. */
export interface Violation {
  field: string;
  reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueNotSupported';
  message: string;
}

export function invalid(definition: { kind: string; group: string }, name: string, violations: Violation[]): ApiError {
  const kind = definition.group === '' ? definition.kind : `${definition.kind}.${definition.group}`;
  const parts = violations.map((violation) => `${violation.field}: ${violation.message}`);
  const text = parts.length === 1 ? (parts[0] as string) : `[${parts.join(', ')}]`;
  return new ApiError(422, 'Invalid', `${kind} "${name}" is invalid: ${text}`, {
    name,
    ...(definition.group === '' ? {} : { group: definition.group }),
    kind: definition.kind,
    causes: violations.map(({ reason, message, field }) => ({ reason, message, field })),
  });
}

/** `Status` of a successful deletion. */
export function deletedStatus(definition: ResourceDefinition, object: SimObject): Fields {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...target(definition, object.metadata.name), uid: object.metadata.uid },
  };
}
