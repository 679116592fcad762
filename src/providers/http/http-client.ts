/** HTTP exchanges with systems that gates ask: bounded in time and size, without redirects. */
import { FailureError, transient } from '../../domain/failure.ts';
import type { HttpClient, HttpRequest } from '../../ports/http-client.ts';
import { startDeadline } from '../../support/deadline.ts';
import { type CertifiedAnswer, sendWithCertificate } from './client-certificate.ts';

const mostBytes = 1024 * 1024;

/** `secret` reads an environment variable: tokens never stand in the pipeline file. */
export function createHttpClient(secret: (name: string) => string | undefined): HttpClient {
  return {
    send: async (request) => {
      const deadline = startDeadline(request.timeoutMs, `${request.method} ${hostOf(request.url)}`);
      try {
        const answer = await exchange(request, headersOf(request, secret), deadline.signal);
        const retryAfterMs = retryAfterOf(answer.retryAfter);
        const body = await boundedText(answer.body, request.url);
        return { status: answer.status, body, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
      } catch (error) {
        if (error instanceof FailureError) throw error;
        throw new FailureError(
          deadline.expired()
            ? transient('http-timeout', `${hostOf(request.url)} did not answer within ${request.timeoutMs / 1000} s`)
            : transient('http-unreachable', `${hostOf(request.url)} cannot be reached: ${causeOf(error)}`),
          error,
        );
      } finally {
        deadline.clear();
      }
    },
  };
}

async function exchange(
  request: HttpRequest,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Omit<CertifiedAnswer, 'body'> & { body: AsyncIterable<Uint8Array> | null }> {
  const { method, url, body, tlsDirectory } = request;
  if (tlsDirectory !== undefined && url.startsWith('https:'))
    return sendWithCertificate(request, tlsDirectory, headers, signal);
  const sent = body === undefined ? {} : { body };
  const response = await fetch(url, { method, headers, redirect: 'manual', signal, ...sent });
  const answered = response.body as unknown as AsyncIterable<Uint8Array> | null;
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body: answered };
}

/** Seconds; a date is not asked for by anybody that is talked to here. */
function retryAfterOf(header: string | null): number | undefined {
  return header !== null && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

function headersOf(request: HttpRequest, secret: (name: string) => string | undefined): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'clm', ...request.headers };
  if (request.tokenEnv === undefined) return headers;
  const token = secret(request.tokenEnv);
  if (token === undefined || token === '') {
    const message = `environment variable ${request.tokenEnv} of the daemon is not set, so that it cannot be asked`;
    throw new FailureError(transient('http-no-token', message));
  }
  return { ...headers, authorization: `Bearer ${token}` };
}

async function boundedText(body: AsyncIterable<Uint8Array> | null, url: string): Promise<string> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      throw new FailureError(transient('http-too-large', `${hostOf(url)} answers more than ${mostBytes} bytes`));
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/** fetch hides what happened one level down. */
function causeOf(error: unknown): string {
  const own = (error as { code?: unknown }).code;
  if (typeof own === 'string') return own;
  const cause = (error as { cause?: { code?: unknown; message?: unknown } }).cause;
  if (typeof cause?.code === 'string') return cause.code;
  return typeof cause?.message === 'string' ? cause.message : (error as Error).message;
}
