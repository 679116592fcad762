/** Speaks to the daemon's API over its Unix socket. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { ErrorBody } from '../api/errors.ts';
import type { Problem } from '../domain/problem.ts';
import { startDeadline } from '../support/deadline.ts';
import { CliError, exitCodes } from './exit.ts';

/** Nobody listens on the socket: reads turn to the store, writes end with exit code 4. */
export class DaemonUnreachable extends CliError {
  readonly socketPath: string;
  /** The connection broke: what was asked for may have been done. */
  readonly mayBeDone: boolean;
  readonly remedy: string;

  constructor(socketPath: string, code: string) {
    super(exitCodes.unreachable, `the daemon is not reachable at ${socketPath}: ${reasonOf(code)}`);
    this.name = 'DaemonUnreachable';
    this.socketPath = socketPath;
    this.mayBeDone = code === 'ECONNRESET' || code === 'EPIPE';
    this.remedy = code === 'EACCES' ? 'Ask again as the user of the daemon' : 'Start it with: clm daemon';
  }
}

export interface StreamFrame {
  event: string;
  id: string;
  data: unknown;
}

const readTimeoutMs = 60_000;
/** An adoption looks at every cluster before it answers. */
const writeTimeoutMs = 900_000;
const largestAnswerBytes = 64 * 1024 * 1024;
/** Streams send something at least every 15 s. */
const streamSilenceMs = 45_000;

export class DaemonClient {
  readonly #socketPath: string;
  readonly #actor: string;

  constructor(socketPath: string, actor: string) {
    this.#socketPath = socketPath;
    this.#actor = actor;
  }

  async get<Answer>(path: string, query: Record<string, string | number | undefined> = {}): Promise<Answer> {
    return (await this.#exchange('GET', withQuery(path, query), undefined)) as Answer;
  }

  async post<Answer>(path: string, body: unknown, query: Record<string, string | undefined> = {}): Promise<Answer> {
    return (await this.#exchange('POST', withQuery(path, query), body)) as Answer;
  }

  /** Frames until the daemon ends the stream, it falls silent, or the signal aborts. */
  async *stream(
    path: string,
    query: Record<string, string | number | undefined>,
    signal: AbortSignal,
  ): AsyncGenerator<StreamFrame, void, undefined> {
    const silence = new AbortController();
    const both = AbortSignal.any([signal, silence.signal]);
    let response: IncomingMessage;
    let outgoing: ClientRequest;
    try {
      ({ response, outgoing } = await this.#open('GET', withQuery(path, query), undefined, both));
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    if (response.statusCode !== 200) throw answerError(response.statusCode ?? 0, await readAll(response));
    response.setEncoding('utf8');
    let pending = '';
    let watch = startDeadline(streamSilenceMs, 'the stream');
    const bark = (): void => silence.abort();
    watch.signal.addEventListener('abort', bark, { once: true });
    try {
      for await (const chunk of response) {
        watch.clear();
        watch = startDeadline(streamSilenceMs, 'the stream');
        watch.signal.addEventListener('abort', bark, { once: true });
        pending += chunk as string;
        const blocks = pending.split('\n\n');
        pending = blocks.pop() as string;
        for (const block of blocks) {
          const frame = parseFrame(block);
          if (frame !== undefined) yield frame;
        }
      }
    } catch (error) {
      if (!both.aborted && (error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    } finally {
      watch.clear();
      outgoing.destroy();
    }
  }

  async #exchange(method: string, path: string, body: unknown): Promise<unknown> {
    const timeoutMs = method === 'GET' ? readTimeoutMs : writeTimeoutMs;
    const deadline = startDeadline(timeoutMs, `${method} ${path}`);
    try {
      const { response } = await this.#open(method, path, body, deadline.signal);
      const text = await readAll(response);
      if (response.statusCode !== 200) throw answerError(response.statusCode ?? 0, text);
      return JSON.parse(text) as unknown;
    } catch (error) {
      if (!deadline.expired()) throw this.#broken(error);
      throw new CliError(
        exitCodes.unreachable,
        `the daemon did not answer ${method} ${path} within ${timeoutMs / 1000} s`,
      );
    } finally {
      deadline.clear();
    }
  }

  /** An answer that ends in the middle: the daemon went away while it wrote it. */
  #broken(error: unknown): unknown {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ECONNRESET' ? new DaemonUnreachable(this.#socketPath, code) : error;
  }

  #open(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<{ response: IncomingMessage; outgoing: ClientRequest }> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          method,
          path,
          signal,
          agent: false,
          headers: {
            host: 'clm',
            'x-clm-actor': this.#actor,
            ...(payload === undefined
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          },
        },
        (response) => resolve({ response, outgoing }),
      );
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        const unreachable = ['ENOENT', 'ECONNREFUSED', 'EACCES', 'ENOTSOCK', 'ECONNRESET', 'EPIPE'];
        reject(
          error.code !== undefined && unreachable.includes(error.code)
            ? new DaemonUnreachable(this.#socketPath, error.code)
            : error,
        );
      });
      outgoing.end(payload);
    });
  }
}

function reasonOf(code: string): string {
  switch (code) {
    case 'ENOENT':
      return 'there is no such socket';
    case 'ECONNREFUSED':
      return 'nobody listens on it';
    case 'EACCES':
      return 'this user may not open it';
    case 'ENOTSOCK':
      return 'it is not a socket';
    default:
      return 'the connection was closed';
  }
}

function withQuery(path: string, query: Record<string, string | number | undefined>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? path : `${path}?${given.toString()}`;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes > largestAnswerBytes) throw new CliError(exitCodes.failed, 'the answer of the daemon is too large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseFrame(block: string): StreamFrame | undefined {
  const frame = { event: 'message', id: '' };
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) frame.event = line.slice(7);
    else if (line.startsWith('id: ')) frame.id = line.slice(4);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
  }
  return data.length === 0 ? undefined : { ...frame, data: JSON.parse(data.join('\n')) as unknown };
}

/** Where somebody at a shell wrote what the API found in a body. */
const optionOf: Record<string, string> = {
  forSeconds: '--for',
  reason: '--reason',
  commit: 'the commit',
  node: 'the node',
  cluster: 'the cluster',
  channel: 'the channel',
  to: '--to',
  pool: '--pool',
  gate: '--gate',
  limit: '--limit',
  place: '--place',
  news: 'the news',
};

function asTyped(problem: Problem): Problem {
  const field = /^(?:body|query)\.(\w+)(?:\.\d+)?$/.exec(problem.path ?? '')?.[1];
  const option = field === undefined ? undefined : optionOf[field];
  if (option === undefined) return problem;
  const { message, remedy } = problem;
  return { file: option, message, remedy: remedy.startsWith('see GET') ? 'correct it, and ask again' : remedy };
}

/** 400 and 404 are the caller's input, 409 a refusal, the rest a failure of the daemon. */
function answerError(status: number, text: string): CliError {
  let body: Partial<ErrorBody> = {};
  try {
    body = JSON.parse(text) as Partial<ErrorBody>;
  } catch {
    // Whatever answered, it was not the daemon's own handler; the status has to do.
  }
  const message = body.error?.message ?? `the daemon answered with status ${status}`;
  const code =
    status === 400 || status === 404 ? exitCodes.badInput : status === 409 ? exitCodes.refused : exitCodes.failed;
  return new CliError(code, message, (body.error?.problems ?? []).map(asTyped));
}
