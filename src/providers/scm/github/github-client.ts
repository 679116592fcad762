/** Calls of GitHub's REST API through its own client: spaced and tried again as it recommends, bounded in time, every error a failure. */

import { retry } from '@octokit/plugin-retry';
import { throttling } from '@octokit/plugin-throttling';
import { Octokit } from '@octokit/rest';
import { FailureError, terminal, transient } from '../../../domain/failure.ts';
import { startDeadline } from '../../../support/deadline.ts';
import { readSecret, type SecretReference } from '../../../support/secret-reference.ts';

export interface GithubOptions {
  /** Base of the API. */
  url: string;
  owner: string;
  repository: string;
  token: SecretReference;
  timeoutMs: number;
  environment: NodeJS.ProcessEnv;
  /** Wall time, epoch ms. */
  wallNow: () => number;
  /** Spaces writes as GitHub recommends; false for a server that is not GitHub's. */
  spaced?: boolean;
  /** One call: its outcome, and how many are left in this hour. */
  onCall?: (outcome: string, remaining: number | undefined) => void;
}

export interface Github {
  rest: Octokit['rest'];
  paginate: Octokit['paginate'];
  /** The repository, as every call wants it. */
  repo: { owner: string; repo: string };
  /** Runs calls; throws FailureError `scm-unreachable`, `scm-rate-limited`, `scm-refused` or `scm-no-secret`. */
  call<Answer>(what: string, work: () => Promise<Answer>): Promise<Answer>;
}

const Client = Octokit.plugin(retry, throttling);
const retries = 2;
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const longestMessage = 300;

export function openGithub(options: GithubOptions): Github {
  const { owner, repository, onCall } = options;
  const client = new Client({
    baseUrl: options.url,
    userAgent: 'clm',
    log: silent,
    request: { fetch: boundedFetch(options.timeoutMs) },
    retry: { retries },
    // who asks to wait is not waited for in here: that would hold a worker
    throttle: { enabled: options.spaced ?? true, onRateLimit: () => false, onSecondaryRateLimit: () => false },
  });
  client.hook.before('request', async (request) => {
    const read = await readSecret(options.token, options.environment);
    if ('missing' in read)
      throw new FailureError(transient('scm-no-secret', `the forge cannot be asked: ${read.missing}`));
    request.headers.authorization = `token ${read.secret}`;
    // what may have been done is not done again blindly: the next look finds it
    if (request.method === 'POST') request.request = { ...request.request, retries: 0 };
  });
  client.hook.after('request', (response) => onCall?.('ok', remainingOf(response.headers)));
  return {
    rest: client.rest,
    paginate: client.paginate,
    repo: { owner, repo: repository },
    call: async (what, work) => {
      try {
        return await work();
      } catch (error) {
        const failure = failureOf(what, error, options.wallNow());
        onCall?.(failure.failure.code, undefined);
        throw failure;
      }
    },
  };
}

function boundedFetch(timeoutMs: number): typeof fetch {
  return async (input, init) => {
    const deadline = startDeadline(timeoutMs, 'a call of the forge');
    try {
      const response = await fetch(input, { ...init, signal: deadline.signal });
      // read here, so that the limit covers the body
      const body = response.status === 204 || response.status === 304 ? null : await response.arrayBuffer();
      return new Response(body, {
        status: response.status,
        statusText: response.statusText,
        headers: response.headers,
      });
    } finally {
      deadline.clear();
    }
  };
}

interface Refused {
  status: number;
  message: string;
  response?: { headers: Record<string, string | number | undefined> };
}

/** The status of an answer that says no; undefined when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  if (error instanceof FailureError) return statusOf(error.cause);
  const { status, response } = error as Partial<Refused>;
  return typeof status === 'number' && response !== undefined ? status : undefined;
}

function failureOf(what: string, error: unknown, now: number): FailureError {
  if (error instanceof FailureError) return error;
  const status = statusOf(error);
  const message = (error instanceof Error ? error.message : String(error)).replace(
    / - https:\/\/docs\.github\.com\S*/,
    '',
  );
  const said = `${what}: ${message}`.slice(0, longestMessage);
  if (status === undefined) return new FailureError(transient('scm-unreachable', said), error);
  const wait = waitOf((error as Refused).response?.headers ?? {}, now);
  if ((status === 403 || status === 429) && wait !== undefined)
    return new FailureError(transient('scm-rate-limited', said, wait), error);
  if (status >= 500 || status === 408 || status === 409 || status === 429)
    return new FailureError(transient('scm-unreachable', said, wait), error);
  return new FailureError(terminal('scm-refused', `${said} (${status})`), error);
}

/** What a limit says of when to come again. */
function waitOf(headers: Record<string, string | number | undefined>, now: number): number | undefined {
  const after = Number(headers['retry-after']);
  if (Number.isFinite(after)) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset']);
  if (String(headers['x-ratelimit-remaining']) !== '0' || !Number.isFinite(reset)) return undefined;
  return Math.max(1_000, reset * 1000 - now);
}

function remainingOf(headers: Record<string, string | number | undefined>): number | undefined {
  const remaining = headers['x-ratelimit-remaining'];
  return remaining === undefined ? undefined : Number(remaining);
}
