import type { Service } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, sameJson, shownText, stamp } from '../kube/object.ts';
import type { Process } from '../kube/process.ts';
import { type HttpRequest, httpAnswer, type Message, type Served } from '../network/messages.ts';
import type { ProxyMistake } from '../network/runtime-faults.ts';
import { Addon, type AddonContext } from './addon.ts';
import { forward } from './forward.ts';

const gatewayGroup = 'gateway.networking.k8s.io';
const healthPort = 10_254;

interface Weighted {
  weight: number;
  service?: { name: string; port: string | number };
}

/** One route as a proxy holds it; the first that matches is taken. */
interface Route {
  namespace: string | undefined;
  hosts: string[];
  /** More of it goes first. */
  rank: number;
  matches(request: HttpRequest): boolean;
  /** Answers in the backend's place. */
  answer?: { status: number; headers: Record<string, string>; body: string };
  responseHeaders: Record<string, string>;
  limit?: { key: string; requests: number; windowMs: number };
  backends: Weighted[];
}

/** A proxy that is told its routes by objects of its own. */
abstract class RouteController extends Addon {
  readonly #asked = new Map<string, number[]>();

  protected abstract routes(): Route[];

  protected override ports(process: Process): number[] {
    return [80, healthPort, ...super.ports(process)];
  }

  /** Where it is reached: the load balancer of the service that its flag names. */
  protected addresses(): Fields[] {
    const named = this.flag('publish-service') ?? '';
    const service = this.ctx.core.store.typed<Service>('services').byKey.get(named);
    return listOf(fieldsOf(fieldsOf(service?.['status'])['loadBalancer'])['ingress']).map(fieldsOf);
  }

  protected override serve(process: Process, port: number, message: Message, from: string): Served {
    if (message.kind !== 'http') return 'reset';
    if (port === healthPort) return { reply: httpAnswer(200, 'ok'), afterMs: 1 };
    const host = message.host.replace(/\.$/, '').toLowerCase();
    const found = this.routes()
      .filter((route) => route.hosts.length === 0 || route.hosts.includes(host))
      .sort((a, b) => b.rank - a.rank)
      .find((route) => route.matches(message));
    if (!found) return { reply: httpAnswer(404, 'no route'), afterMs: 1 };
    if (found.limit && !this.mistaken('limits') && this.#exceeds(found.limit))
      return { reply: httpAnswer(429, 'too many requests'), afterMs: 1 };
    const { reply, afterMs } = this.#answered(process, found, message, from);
    const added = this.mistaken('filters') ? {} : found.responseHeaders;
    return { reply: { ...reply, headers: { ...reply.headers, ...added } }, afterMs };
  }

  #answered(process: Process, route: Route, message: HttpRequest, from: string) {
    if (route.answer) {
      const { status, body, headers } = route.answer;
      return { reply: httpAnswer(status, body, headers), afterMs: 1 };
    }
    const chosen = this.#choose(route.backends);
    if (!chosen?.service) return { reply: httpAnswer(503, 'no backend'), afterMs: 1 };
    const { name, port } = chosen.service;
    return forward(this.ctx, this.random, process, { namespace: route.namespace, service: name, port }, message, from);
  }

  #choose(backends: readonly Weighted[]): Weighted | undefined {
    if (this.mistaken('weights')) return backends[this.random.int(Math.max(1, backends.length))];
    const sum = backends.reduce((total, each) => total + each.weight, 0);
    let left = this.random.next() * sum;
    for (const each of backends) {
      left -= each.weight;
      if (each.weight > 0 && left <= 0) return each;
    }
    return undefined;
  }

  protected mistaken(how: ProxyMistake): boolean {
    return this.ctx.runtime.faults.values.proxyMistakes.includes(how);
  }

  #exceeds({ key, requests, windowMs }: { key: string; requests: number; windowMs: number }): boolean {
    const now = this.ctx.core.clock.now();
    const lately = (this.#asked.get(key) ?? []).filter((at) => at > now - windowMs);
    this.#asked.set(key, lately);
    if (lately.length >= requests) return true;
    lately.push(now);
    return false;
  }

  protected show(group: string, plural: string, object: SimObject, status: Fields): void {
    const definition = this.definition(group, 'v1', plural);
    if (definition && !sameJson(object['status'], status)) this.ctx.writer.setStatus(definition, object, status);
  }
}

/** A controller of the Gateway API: Gateways get its address, HTTPRoutes are served. */
export class GatewayController extends RouteController {
  readonly name = 'gateway-api';
  readonly images = ['envoy-gateway', 'nginx-gateway-fabric'];

  constructor(ctx: AddonContext) {
    super(ctx, 'gateway-api');
  }

  protected watch(): void {
    for (const plural of ['gateways', 'httproutes'])
      this.onChange(`${plural}.${gatewayGroup}`, (object) => [`${plural}:${this.keyOf(object)}`]);
    this.onChange('services', () => this.#keys());
  }

  protected resync(): void {
    for (const key of this.#keys()) this.enqueue(key);
  }

  #keys(): string[] {
    return ['gateways', 'httproutes'].flatMap((plural) =>
      this.all(`${plural}.${gatewayGroup}`).map((each) => `${plural}:${this.keyOf(each)}`),
    );
  }

  protected sync(key: string): void {
    const [plural = '', name = ''] = key.split(':');
    const object = this.ctx.core.store.table(`${plural}.${gatewayGroup}`).byKey.get(name);
    if (!object) return;
    const condition = (type: string): Fields => {
      const known = listOf(fieldsOf(object['status'])['conditions']).map(fieldsOf);
      const since =
        known.find((each) => each['type'] === type)?.['lastTransitionTime'] ?? stamp(this.ctx.core.clock.now());
      return { type, status: 'True', reason: type, message: '', lastTransitionTime: since };
    };
    if (plural === 'httproutes') {
      this.show(gatewayGroup, plural, object, {
        parents: listOf(fieldsOf(object['spec'])['parentRefs']).map((parentRef) => ({
          parentRef,
          controllerName: 'simulated',
          conditions: [],
        })),
      });
      return;
    }
    const addresses = this.addresses().map((each) =>
      each['hostname'] === undefined
        ? { type: 'IPAddress', value: each['ip'] }
        : { type: 'Hostname', value: each['hostname'] },
    );
    if (addresses.length > 0)
      this.show(gatewayGroup, plural, object, {
        addresses,
        conditions: [condition('Accepted'), condition('Programmed')],
      });
  }

  protected routes(): Route[] {
    return this.all(`httproutes.${gatewayGroup}`).flatMap((object) => {
      const spec = fieldsOf(object['spec']);
      const hosts = listOf(spec['hostnames']).map((host) => shownText(host));
      const rules = listOf(spec['rules']).map(fieldsOf);
      return rules.flatMap((rule) => {
        const matches = listOf(rule['matches']).map(fieldsOf);
        return (matches.length === 0 ? [{}] : matches).map((match) => this.#route(object, hosts, rule, match));
      });
    });
  }

  #route(object: SimObject, hosts: string[], rule: Fields, match: Fields): Route {
    const path = fieldsOf(match['path']);
    const value = shownText(path['value'] ?? '/');
    const headers = listOf(match['headers']).map(fieldsOf);
    const filters = listOf(rule['filters']).map(fieldsOf);
    const redirect = filters.find((filter) => filter['type'] === 'RequestRedirect');
    const modifier = filters.find((filter) => filter['type'] === 'ResponseHeaderModifier');
    const set = listOf(fieldsOf(modifier?.['responseHeaderModifier'])['set']).map(fieldsOf);
    return {
      namespace: object.metadata.namespace,
      hosts,
      rank: value.length * 10 + (this.mistaken('headers') ? -1 : 1) * headers.length,
      matches: (request) =>
        pathMatches(path['type'] === 'Exact' ? 'exact' : 'prefix', value, request.path) &&
        headers.every((each) => request.headers[shownText(each['name'] ?? '').toLowerCase()] === each['value']),
      responseHeaders: Object.fromEntries(
        set.map((each) => [shownText(each['name'] ?? '').toLowerCase(), shownText(each['value'] ?? '')]),
      ),
      backends: listOf(rule['backendRefs'])
        .map(fieldsOf)
        .map((each) => ({
          weight: Number(each['weight'] ?? 1),
          service: { name: shownText(each['name'] ?? ''), port: Number(each['port']) },
        })),
      ...(redirect === undefined ? {} : { answer: redirection(fieldsOf(redirect['requestRedirect']), hosts[0] ?? '') }),
    };
  }
}

function redirection(wanted: Fields, host: string): NonNullable<Route['answer']> {
  const location = `${shownText(wanted['scheme'] ?? 'http')}://${shownText(wanted['hostname'] ?? host)}/`;
  return { status: Number(wanted['statusCode'] ?? 302), headers: { location }, body: '' };
}

function pathMatches(kind: 'exact' | 'prefix', rule: string, asked: string): boolean {
  const path = asked.split('?')[0] ?? '/';
  if (kind === 'exact') return path === rule;
  const base = rule.replace(/\/$/, '');
  return path === base || path.startsWith(`${base}/`);
}

const routeGroup = 'zalando.org';
const call = /^(\w+)\((.*)\)$/s;

/** Skipper: RouteGroups, with its own words for predicates and filters. */
export class Skipper extends RouteController {
  readonly name = 'skipper';
  readonly images = ['skipper', 'skipper-ingress'];

  constructor(ctx: AddonContext) {
    super(ctx, 'skipper');
  }

  protected watch(): void {
    this.onChange(`routegroups.${routeGroup}`, (object) => [this.keyOf(object)]);
    this.onChange('services', () => this.all(`routegroups.${routeGroup}`).map((each) => this.keyOf(each)));
  }

  protected resync(): void {
    for (const each of this.all(`routegroups.${routeGroup}`)) this.enqueue(this.keyOf(each));
  }

  protected sync(key: string): void {
    const object = this.ctx.core.store.table(`routegroups.${routeGroup}`).byKey.get(key);
    const addresses = this.addresses();
    if (object && addresses.length > 0)
      this.show(routeGroup, 'routegroups', object, { loadBalancer: { routeGroup: addresses } });
  }

  protected routes(): Route[] {
    return this.all(`routegroups.${routeGroup}`).flatMap((object) => {
      const spec = fieldsOf(object['spec']);
      const hosts = listOf(spec['hosts']).map((host) => shownText(host));
      const named = new Map(
        listOf(spec['backends']).map((each) => [shownText(fieldsOf(each)['name'] ?? ''), fieldsOf(each)]),
      );
      return listOf(spec['routes']).map((route, index) =>
        this.#route(object, { hosts, named, spec, route: fieldsOf(route), index }),
      );
    });
  }

  #route(
    object: SimObject,
    parts: { hosts: string[]; named: Map<string, Fields>; spec: Fields; route: Fields; index: number },
  ): Route {
    const { hosts, named, spec, route, index } = parts;
    const words = (list: unknown) =>
      listOf(list).flatMap((text) => {
        const found = call.exec(shownText(text).trim());
        return found ? [{ name: found[1] as string, args: argumentsOf(found[2] as string) }] : [];
      });
    const predicates = words(route['predicates']);
    const filters = words(route['filters']);
    const filter = (name: string) => filters.find((each) => each.name === name);
    const exact = route['path'];
    const value = shownText(exact ?? route['pathSubtree'] ?? '/');
    const own = listOf(route['backends']);
    const chosen = (own.length > 0 ? own : listOf(spec['defaultBackends'])).map(fieldsOf);
    const shunted = chosen.some((each) => named.get(shownText(each['backendName'] ?? ''))?.['type'] === 'shunt');
    const limit = filter('ratelimit') ?? filter('clusterRatelimit');
    const header = filter('setResponseHeader');
    return {
      namespace: object.metadata.namespace,
      hosts,
      rank: value.length * 10 + (this.mistaken('headers') ? -1 : 1) * predicates.length,
      matches: (request) =>
        pathMatches(exact === undefined ? 'prefix' : 'exact', value, request.path) &&
        predicates.every(
          ({ name, args }) => name === 'Header' && request.headers[(args[0] ?? '').toLowerCase()] === args[1],
        ),
      responseHeaders: header ? { [(header.args[0] ?? '').toLowerCase()]: header.args[1] ?? '' } : {},
      backends: chosen.map((each) => {
        const backend = named.get(shownText(each['backendName'] ?? '')) ?? {};
        const service = { name: shownText(backend['serviceName'] ?? ''), port: Number(backend['servicePort']) };
        return { weight: Number(each['weight'] ?? 1), service };
      }),
      ...(shunted
        ? {
            answer: {
              status: Number(filter('status')?.args[0] ?? 404),
              headers: {},
              body: filter('inlineContent')?.args[0] ?? '',
            },
          }
        : {}),
      ...(limit
        ? {
            limit: {
              key: `${this.keyOf(object)}/${index}`,
              requests: Number(limit.args[0]),
              windowMs: secondsOf(limit.args[1] ?? '1s') * 1000,
            },
          }
        : {}),
    };
  }
}

/** `"a", 3, "b"` */
function argumentsOf(text: string): string[] {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|([^\s,]+)/g)].map((found) => found[1] ?? found[2] ?? '');
}

function secondsOf(text: string): number {
  const found = /^(\d+)(s|m|h)$/.exec(text);
  return found ? Number(found[1]) * { s: 1, m: 60, h: 3600 }[found[2] as 's' | 'm' | 'h'] : 1;
}
