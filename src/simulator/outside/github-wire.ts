/** The simulated forge over HTTP, as GitHub's REST API (version 2022-11-28) speaks: what of it clm and its tests use. */
import { sleep } from '../../support/deadline.ts';
import type { WireAnswer, WireHandler, WireRequest } from '../wire/http-server.ts';
import { Faults, withFaults } from './faults.ts';
import { type Forge, ForgeRefusal } from './forge.ts';
import type { ForgeUser } from './forge-state.ts';
import type { GithubCall, GithubReply } from './github-call.ts';
import { githubRoutes } from './github-routes.ts';
import { RateLimits, type RateState } from './rate-limit.ts';
import { findRoute } from './router.ts';

const version = { 'x-github-media-type': 'github.v3; format=json', 'x-github-api-version-selected': '2022-11-28' };
const documentation = 'https://docs.github.com/rest';

export class GithubWire implements WireHandler {
  readonly name = 'github';
  readonly faults = new Faults();
  readonly rates: RateLimits;
  readonly #prefix: string;
  readonly #forge: Forge;
  /** Acts change git and memory together: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(prefix: string, forge: Forge) {
    this.#prefix = prefix;
    this.#forge = forge;
    this.rates = new RateLimits(forge.state.options.now);
  }

  matches(_method: string, path: string): boolean {
    return path.startsWith(`${this.#prefix}/`);
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const user = this.#caller(request);
    if (user === undefined)
      return answer({ status: 401, body: { message: 'Bad credentials', documentation_url: documentation } });
    // names of refs come with their slashes encoded or not
    const path = request.path
      .slice(this.#prefix.length)
      .replace(/(?<=\/git\/refs?\/).+$/, (ref) => ref.replaceAll(/%2f/gi, '/'));
    const verdict = this.rates.count(user.login, request.method, path === '/rate_limit');
    if (verdict.kind === 'primary') {
      const message = `API rate limit exceeded for user ID ${user.login}.`;
      return answer({ status: 403, body: { message, documentation_url: documentation } }, verdict.state);
    }
    if (verdict.kind === 'secondary') {
      const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
      const headers = { 'retry-after': String(verdict.retryAfterSeconds) };
      return answer({ status: 403, body: { message, documentation_url: documentation }, headers }, verdict.state);
    }
    const refusal = ({ status = 500, message = 'Server Error', headers = {} }) =>
      answer({ status, body: { message, documentation_url: documentation }, headers }, verdict.state);
    const work = async (): Promise<WireAnswer> =>
      answer(await this.#answer(request, path, user, verdict.state), verdict.state);
    return withFaults(this.faults, request, sleep, refusal, () => this.#inTurn(work));
  }

  failed(): WireAnswer {
    return answer({ status: 500, body: { message: 'Server Error' } });
  }

  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #caller({ headers }: WireRequest): ForgeUser | undefined {
    const token = /^(?:bearer|token)\s+(\S+)$/i.exec(headers.authorization ?? '')?.[1];
    return token === undefined ? undefined : this.#forge.state.options.users[token];
  }

  async #answer(request: WireRequest, path: string, user: ForgeUser, rates: RateState): Promise<GithubReply> {
    const found = findRoute(githubRoutes, request.method, path);
    if (found.kind !== 'found')
      return { status: 404, body: { message: 'Not Found', documentation_url: documentation, status: '404' } };
    let body: unknown = {};
    if (request.body !== '') {
      try {
        body = JSON.parse(request.body);
      } catch {
        return { status: 400, body: { message: 'Problems parsing JSON' } };
      }
      if (typeof body !== 'object' || body === null || Array.isArray(body))
        return { status: 400, body: { message: 'Body should be a JSON object' } };
    }
    const { owner, name } = this.#forge.state.options;
    const { parameters } = found;
    const other = parameters['owner'] !== undefined && (parameters['owner'] !== owner || parameters['repo'] !== name);
    if (other) return { status: 404, body: { message: 'Not Found', documentation_url: documentation, status: '404' } };
    if (request.method !== 'GET' && user.permission === 'read')
      return { status: 403, body: { message: 'Resource not accessible by personal access token' } };
    try {
      const call: GithubCall = {
        forge: this.#forge,
        user,
        query: request.query,
        body: body as Record<string, unknown>,
        base: this.#forge.base,
        path,
        rates,
      };
      return await found.route.handle(call, parameters);
    } catch (error) {
      if (!(error instanceof ForgeRefusal)) throw error;
      const { status, message, errors } = error;
      return {
        status,
        body: {
          message,
          ...(errors === undefined ? {} : { errors }),
          documentation_url: documentation,
          status: String(status),
        },
      };
    }
  }
}

function answer(reply: GithubReply, rates?: RateState): WireAnswer {
  const limits: Record<string, string> =
    rates === undefined
      ? {}
      : {
          'x-ratelimit-limit': String(rates.limit),
          'x-ratelimit-remaining': String(rates.remaining),
          'x-ratelimit-reset': String(rates.reset),
          'x-ratelimit-used': String(rates.used),
          'x-ratelimit-resource': 'core',
        };
  const type = { 'content-type': 'application/json; charset=utf-8' };
  const headers = { ...type, ...version, ...limits, ...reply.headers };
  return { status: reply.status, headers, body: reply.body === undefined ? '' : JSON.stringify(reply.body) };
}
