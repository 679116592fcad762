/** How systems that are told something answer, as failures. */
import { FailureError, terminal, transient } from '../../domain/failure.ts';
import type { HttpAnswer, HttpClient, HttpRequest } from '../../ports/http-client.ts';

const wordsKept = 200;

/** Throws FailureError: what may pass is transient, what a person has to correct is terminal. */
export function requireTaken(where: string, { status, body, retryAfterMs }: HttpAnswer): void {
  if (status >= 200 && status < 300) return;
  const said = `${where} answers ${status}: ${body.slice(0, wordsKept)}`;
  if (status === 429) throw new FailureError(transient('notify-rate-limited', said, retryAfterMs));
  if (status >= 500 || status === 408 || status === 409 || status === 425)
    throw new FailureError(transient('notify-unreachable', said, retryAfterMs));
  throw new FailureError(terminal('notify-refused', said));
}

/** Sends; a system that cannot be reached is the notifier's own failure. */
export async function tell(http: HttpClient, where: string, request: HttpRequest): Promise<HttpAnswer> {
  try {
    return await http.send(request);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    throw new FailureError(transient('notify-unreachable', `${where}: ${error.failure.message}`), error);
  }
}

export function missingSecret(where: string, missing: string): FailureError {
  return new FailureError(transient('notify-no-secret', `${where} cannot be told: ${missing}`));
}
