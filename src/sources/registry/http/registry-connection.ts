/** HTTP to a cluster registry: one bounded request, and what went wrong as a Failure. */
import { readFile } from 'node:fs/promises';
import { type Failure, FailureError, terminal, transient } from '../../../domain/failure.ts';
import { startDeadline } from '../../../support/deadline.ts';

export interface RegistryConnectionOptions {
  /** Base address: `https://registry.example.org`. */
  url: string;
  /** Bearer token, or the file that holds it: read at every request, because tokens are renewed under us. */
  token?: string;
  tokenFile?: string;
  timeoutMs: number;
}

export interface RegistryAnswer {
  status: number;
  /** Parsed JSON; undefined for an answer without a body. */
  body: unknown;
  etag: string | undefined;
}

export interface RegistryRequest {
  method: 'GET' | 'PATCH';
  /** Below the base address, encoded. */
  path: string;
  body?: unknown;
  ifMatch?: string;
  ifNoneMatch?: string;
}

const largestAnswerBytes = 64 * 1024 * 1024;

export type RegistryConnection = (request: RegistryRequest) => Promise<RegistryAnswer>;

/** Answers 2xx, 304, 404 and 412; everything else is thrown as a FailureError that names the address. */
export function connectRegistry(options: RegistryConnectionOptions): RegistryConnection {
  const base = options.url.replace(/\/+$/, '');
  return async (request) => {
    const address = `${base}${request.path}`;
    const headers = await headersOf(options, request);
    const deadline = startDeadline(options.timeoutMs, `${request.method} ${address}`);
    try {
      const response = await fetch(address, {
        method: request.method,
        headers,
        signal: deadline.signal,
        // A redirect to another host would take the token along.
        redirect: 'error',
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      });
      const text = await boundedText(response, address);
      const failure = failureOf(response, address, request.method, text);
      if (failure !== undefined) throw new FailureError(failure);
      return { status: response.status, body: parsed(text, address), etag: response.headers.get('etag') ?? undefined };
    } catch (error) {
      if (error instanceof FailureError) throw error;
      const why = deadline.expired() ? `no answer within ${options.timeoutMs} ms` : reasonOf(error);
      throw new FailureError(transient('registry-unreachable', `${request.method} ${address}: ${why}`), error);
    } finally {
      deadline.clear();
    }
  };
}

async function headersOf(
  options: RegistryConnectionOptions,
  request: RegistryRequest,
): Promise<Record<string, string>> {
  const token = await tokenOf(options);
  return {
    accept: 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(request.ifMatch === undefined ? {} : { 'if-match': request.ifMatch }),
    ...(request.ifNoneMatch === undefined ? {} : { 'if-none-match': request.ifNoneMatch }),
  };
}

async function tokenOf({ token, tokenFile }: RegistryConnectionOptions): Promise<string | undefined> {
  if (tokenFile === undefined) return token;
  try {
    return (await readFile(tokenFile, 'utf8')).trim();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new FailureError(transient('registry-auth', `the token file ${tokenFile} cannot be read (${code})`));
  }
}

async function boundedText(response: Response, address: string): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  if (response.body === null) return '';
  for await (const chunk of response.body) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > largestAnswerBytes) {
      throw new FailureError(terminal('registry-invalid', `${address} answers more than ${largestAnswerBytes} bytes`));
    }
    chunks.push(Buffer.from(chunk as Uint8Array));
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string, address: string): unknown {
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new FailureError(transient('registry-invalid', `${address} does not answer JSON`));
  }
}

const excerptLength = 200;

function failureOf(response: Response, address: string, method: string, text: string): Failure | undefined {
  const { status } = response;
  if (response.ok || status === 304 || status === 404 || status === 412) return undefined;
  const said = text.trim() === '' ? '' : `: ${text.trim().slice(0, excerptLength)}`;
  const message = `${method} ${address} answers ${status}${said}`;
  if (status === 401 || status === 403) return transient('registry-auth', message);
  if (status === 429 || status >= 500) return transient('registry-unreachable', message, retryAfter(response));
  return terminal('registry-refused', message);
}

function retryAfter(response: Response): number | undefined {
  const seconds = Number(response.headers.get('retry-after'));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) * 1_000 : undefined;
}

/** `fetch failed` says nothing; its cause does. */
function reasonOf(error: unknown): string {
  const cause = (error as { cause?: unknown }).cause;
  const inner = cause instanceof Error ? cause : error;
  return inner instanceof Error ? inner.message : String(inner);
}
