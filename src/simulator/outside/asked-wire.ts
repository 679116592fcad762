/** What gates ask: a Prometheus whose series are given, and a system that answers with a verdict. */
import { sleep } from '../../support/deadline.ts';
import { evaluate, parseQuery, type Sample } from '../model/addons/prometheus-query.ts';
import type { WireAnswer, WireHandler, WireRequest } from '../wire/http-server.ts';
import { Faults, withFaults } from './faults.ts';

/** `/api/v1/query` over samples that are set from outside. */
export class PrometheusWire implements WireHandler {
  readonly name = 'prometheus';
  readonly faults = new Faults();
  /** Queries as they came, oldest first. */
  readonly queries: string[] = [];
  #samples: Sample[] = [];
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  set(samples: readonly { name: string; labels?: Record<string, string>; value: number }[]): void {
    this.#samples = samples.map(({ name, labels = {}, value }) => ({
      name,
      labels: { __name__: name, ...labels },
      value,
    }));
  }

  matches(_method: string, path: string): boolean {
    return path.startsWith(`${this.#prefix}/`);
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const refusal = ({ status = 503, message = 'unavailable' }) => failure(status, 'internal', message);
    return withFaults(this.faults, request, sleep, refusal, async () => this.#answer(request));
  }

  #answer({ path, method, query, body }: WireRequest): WireAnswer {
    if (path !== `${this.#prefix}/api/v1/query`) return { status: 404, body: '404 page not found\n' };
    const given = method === 'POST' ? new URLSearchParams(body) : query;
    const text = given.get('query') ?? '';
    this.queries.push(text);
    const parsed = parseQuery(text);
    if ('problem' in parsed) return failure(400, 'bad_data', parsed.problem);
    const at = Number(given.get('time') ?? 0);
    const result = evaluate(parsed, this.#samples).map(({ labels, value }) => ({
      metric: labels,
      value: [at, String(value)],
    }));
    return answer(200, { status: 'success', data: { resultType: 'vector', result } });
  }
}

function failure(status: number, errorType: string, error: string): WireAnswer {
  return answer(status, { status: 'error', errorType, error });
}

/** A system that is asked whether a version may go on. */
export class VerdictWire implements WireHandler {
  readonly name = 'verdict';
  readonly faults = new Faults();
  readonly asked: unknown[] = [];
  /** What it says next, and from then on. */
  says: { verdict: string; reason: string } = { verdict: 'open', reason: 'nothing speaks against it' };
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  matches(_method: string, path: string): boolean {
    return path === this.#path;
  }

  async handle(request: WireRequest): Promise<WireAnswer> {
    const refusal = ({ status = 503, message = 'unavailable' }) => answer(status, { error: message });
    return withFaults(this.faults, request, sleep, refusal, async () => {
      this.asked.push(JSON.parse(request.body));
      return answer(200, this.says);
    });
  }
}

function answer(status: number, body: unknown): WireAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
