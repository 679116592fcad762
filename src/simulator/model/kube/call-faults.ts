import type { Random } from '../../../support/random.ts';
import { type FaultCount, type FaultWindow, isOpen, matchesName, strikes } from '../fault-window.ts';
import { ApiError } from './api-error.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import { parseRequestPath } from './request-path.ts';

export interface KubeFaultRule extends FaultWindow {
  kind: /** 429 as API priority and fairness answers it: no cause, and a Retry-After. */
    | 'throttle'
    | 'server-error'
    /** The connection closes before the call took effect. */
    | 'lost-before'
    /** The call takes effect; its answer never arrives. */
    | 'lost-after'
    /** The peer resets the connection before it reads the call. */
    | 'reset'
    | 'latency'
    /** Reads repeat what they answered to the same question, up to `staleMs` ago. */
    | 'stale';
  /** get, list, watch, create, update, patch, delete or deletecollection; an eviction is a create of `pods/eviction`. */
  verb?: string;
  /** Plural, with its subresource: `nodes`, `pods/eviction`. */
  resource?: string;
  namespace?: string;
  /** Of the object; a `*` at the end stands for anything. */
  name?: string;
  latencyMs?: number;
  staleMs?: number;
  status?: number;
  message?: string;
}

interface CallShape {
  verb: string;
  resource: string;
  namespace: string | undefined;
  name: string | undefined;
}

const staleKept = 500;
const methods: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };

function shapeOf(request: KubeRequest, watching: boolean): CallShape {
  const path = parseRequestPath(request.path);
  if (path.kind !== 'resource') return { verb: 'get', resource: '', namespace: undefined, name: undefined };
  const reading = request.method === 'GET' || request.method === 'HEAD';
  const many = path.name === undefined;
  const plain = reading ? (many ? 'list' : 'get') : (methods[request.method] ?? request.method.toLowerCase());
  return {
    verb: watching ? 'watch' : many && plain === 'delete' ? 'deletecollection' : plain,
    resource: path.subresource === undefined ? path.plural : `${path.plural}/${path.subresource}`,
    namespace: path.namespace,
    name: path.name,
  };
}

const lostAnswer: KubeAnswer = { status: 0, body: 'socket hang up' };

/** What goes wrong between clients and one cluster's API server, and when. */
export class KubeCallFaults {
  readonly #rules = new Map<string, KubeFaultRule & FaultCount>();
  readonly #random: Random;
  readonly #now: () => number;
  readonly #answers = new Map<string, { at: number; answer: KubeAnswer }>();
  #counter = 0;

  constructor(random: Random, now: () => number) {
    this.#random = random;
    this.#now = now;
  }

  add(rule: KubeFaultRule): string {
    const id = `kube-fault-${++this.#counter}`;
    this.#rules.set(id, { ...rule, seen: 0, hits: 0 });
    return id;
  }

  get isClear(): boolean {
    return this.#rules.size === 0;
  }

  remove(id: string): void {
    this.#rules.delete(id);
  }

  /** How many calls each rule has hit. */
  hits(id: string): number {
    return this.#rules.get(id)?.hits ?? 0;
  }

  /** The call with whatever goes wrong with it. Status 0 = no answer arrives. */
  around(request: KubeRequest, watching: boolean, act: () => KubeAnswer): KubeAnswer {
    if (this.#rules.size === 0) return act();
    const now = this.#now();
    const shape = shapeOf(request, watching);
    let latencyMs = 0;
    let staleMs = 0;
    let lostAfter = false;
    let refused: KubeAnswer | undefined;
    for (const rule of this.#rules.values()) {
      if (!isOpen(rule, now) || !matches(rule, shape) || !strikes(rule, rule, this.#random)) continue;
      if (rule.kind === 'latency') latencyMs += rule.latencyMs ?? 1000;
      else if (rule.kind === 'stale') staleMs = Math.max(staleMs, rule.staleMs ?? 30_000);
      else if (rule.kind === 'lost-after') lostAfter = true;
      else refused ??= refusal(rule);
    }
    const late = latencyMs > 0 ? { latencyMs } : {};
    if (refused) return { ...refused, ...late };
    const answer = staleMs > 0 ? this.#stale(request, staleMs, act) : act();
    return { ...(lostAfter ? lostAnswer : answer), ...late };
  }

  #stale(request: KubeRequest, staleMs: number, act: () => KubeAnswer): KubeAnswer {
    const key = `${request.accept ?? ''} ${request.path}?${request.query.toString()}`;
    const before = this.#answers.get(key);
    if (before && this.#now() - before.at < staleMs) return before.answer;
    const answer = act();
    if (this.#answers.size >= staleKept) this.#answers.clear();
    this.#answers.set(key, { at: this.#now(), answer });
    return answer;
  }
}

function matches(rule: KubeFaultRule, shape: CallShape): boolean {
  if (rule.kind === 'stale' && shape.verb !== 'get' && shape.verb !== 'list') return false;
  if (rule.verb !== undefined && rule.verb !== shape.verb) return false;
  if (rule.resource !== undefined && rule.resource !== shape.resource) return false;
  if (rule.namespace !== undefined && rule.namespace !== shape.namespace) return false;
  return rule.name === undefined || (shape.name !== undefined && matchesName(rule.name, shape.name));
}

function refusal(rule: KubeFaultRule): KubeAnswer {
  if (rule.kind === 'lost-before') return lostAnswer;
  if (rule.kind === 'reset') return { status: 0, body: 'read ECONNRESET', abrupt: true };
  if (rule.kind === 'throttle') {
    const message = rule.message ?? 'The server has received too many requests and has asked us to try again later';
    const body = new ApiError(429, 'TooManyRequests', message, undefined, 1).body();
    return { status: 429, headers: { 'retry-after': '1' }, body };
  }
  const status = rule.status ?? 500;
  const [reason, message] = serverErrors[status] ?? ['InternalError', 'Internal error occurred'];
  return { status, body: new ApiError(status, reason, rule.message ?? message).body() };
}

const serverErrors: Readonly<Record<number, [string, string]>> = {
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted'],
};
