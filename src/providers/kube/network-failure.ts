/** What a call that got no answer means. */
import { type Failure, transient } from '../../domain/failure.ts';
import { redactText } from '../../support/redact.ts';
import { AnswerTooLongError } from './bounded-http-library.ts';

/** Where the connection broke before or while an answer came: a read may be sent again. */
const brokenConnection: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** TLS: nobody whom we trust vouches for the server. */
const unknownAuthority: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

export function isBrokenConnection(error: unknown): boolean {
  return brokenConnection.has(errorCode(error));
}

/** A sentence fragment for a socket, TLS or name error. */
export function describeNetworkError(error: unknown): string {
  const said = error instanceof Error ? redactText(error.message).slice(0, 200) : 'unknown error';
  // What the client of proxies says when its CONNECT is not answered with 200.
  const message = said.replace(/^Bad response: (\d+)$/, 'the proxy does not connect us: it answers $1');
  const code = errorCode(error);
  const described = code === '' || message.includes(code) ? message : `${message} (${code})`;
  return unknownAuthority.has(code)
    ? `${described}: the server's certificate is of an authority that the certificate-authority of the access does not name`
    : described;
}

export function networkFailure(error: unknown, where: string): Failure {
  if (error instanceof AnswerTooLongError) return transient('kube-server-error', `${where}: ${error.message}`);
  return transient('kube-unreachable', `${where}: no answer: ${describeNetworkError(error)}`);
}
