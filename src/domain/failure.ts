/**
 * What went wrong, as data. Ports throw a FailureError; steps let it pass; the engine turns it into a `failed` outcome in one
 * place. Any other exception is a bug and ends as code `internal-error`.
 */
export type FailureKind =
  /** Worth trying again later: throttling, 5xx, timeouts, conflicts. */
  | 'transient'
  /** Needs a human or another input: wrong target, refused template, invalid configuration. */
  | 'terminal';

export interface Failure {
  kind: FailureKind;
  /** Stable, kebab-case; `clm explain CODE` prints its remedy. */
  code: string;
  /** One sentence for the person on call: what, where, and which object. No secrets. */
  message: string;
  /** The server asked to wait this long before the next try. */
  retryAfterMs?: number;
}

export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.message, cause === undefined ? undefined : { cause });
    this.name = 'FailureError';
    this.failure = failure;
  }
}

export function transient(code: string, message: string, retryAfterMs?: number): Failure {
  return retryAfterMs === undefined
    ? { kind: 'transient', code, message }
    : { kind: 'transient', code, message, retryAfterMs };
}

export function terminal(code: string, message: string): Failure {
  return { kind: 'terminal', code, message };
}
