import { X509Certificate } from 'node:crypto';
import type { Service } from '../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, sameJson, shownText } from '../kube/object.ts';
import type { Process, Source } from '../kube/process.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import { endpointsOf } from '../network/address-book.ts';
import { type HttpRequest, httpAnswer, type Message, type PeerCertificate, type Served } from '../network/messages.ts';
import { selfSigned } from '../programs/certificates.ts';
import { Addon, type AddonContext } from './addon.ts';

const resource = 'ingresses.networking.k8s.io';
const backendTimeoutMs = 60_000;

interface Backend {
  ingress: SimObject;
  service: string;
  port: string | number;
}

/** ingress-nginx: routes hosts and paths to services, ends TLS, and publishes where it is reached. */
export class IngressController extends Addon {
  readonly name = 'ingress';
  readonly images = ['controller', 'nginx-ingress-controller'];
  readonly #ingresses: ResourceDefinition;

  constructor(ctx: AddonContext) {
    super(ctx, 'ingress');
    this.#ingresses = ctx.core.resources.find('networking.k8s.io', 'v1', 'ingresses') as ResourceDefinition;
  }

  protected override ports(process: Process): number[] {
    return [80, 443, 10_254, ...super.ports(process)];
  }

  protected watch(): void {
    this.onChange(resource, (object) => [this.keyOf(object)]);
    this.onChange('services', (object) => (this.keyOf(object) === this.#published() ? this.#keys() : []));
  }

  protected resync(): void {
    for (const key of this.#keys()) this.enqueue(key);
  }

  #keys(): string[] {
    return this.all(resource).map((each) => this.keyOf(each));
  }

  #published(): string | undefined {
    return this.flag('publish-service')?.replace('$(POD_NAMESPACE)', this.leader()?.pod()?.metadata.namespace ?? '');
  }

  /** Ingresses of its class show its addresses. */
  protected sync(key: string): void {
    const ingress = this.ctx.core.store.table(resource).byKey.get(key);
    if (!ingress || !this.#isOurs(ingress)) return;
    const service = this.ctx.core.store.typed<Service>('services').byKey.get(this.#published() ?? '');
    const given = listOf(fieldsOf(fieldsOf(service?.['status'])['loadBalancer'])['ingress']);
    const address = service?.spec.type === 'LoadBalancer' ? given : service ? [{ ip: service.spec.clusterIP }] : [];
    const status = { loadBalancer: address.length === 0 ? {} : { ingress: address } };
    if (!sameJson(ingress['status'], status)) this.ctx.writer.setStatus(this.#ingresses, ingress, status);
  }

  #isOurs(ingress: SimObject): boolean {
    const wanted = this.flag('ingress-class') ?? 'nginx';
    const named =
      fieldsOf(ingress['spec'])['ingressClassName'] ?? ingress.metadata.annotations?.['kubernetes.io/ingress.class'];
    if (named !== undefined) return named === wanted || this.#controllerOf(shownText(named)) === 'k8s.io/ingress-nginx';
    const standard = this.all('ingressclasses.networking.k8s.io').find(
      (each) => each.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true',
    );
    return standard !== undefined && this.#controllerOf(standard.metadata.name) === 'k8s.io/ingress-nginx';
  }

  #controllerOf(name: string): unknown {
    const found = this.ctx.core.store.table('ingressclasses.networking.k8s.io').get(undefined, name);
    return fieldsOf(found?.['spec'])['controller'];
  }

  protected override serve(process: Process, port: number, message: Message, from: string): Served {
    if (message.kind !== 'http') return 'reset';
    const traffic = this.#trafficPorts(process);
    if (!traffic.has(port)) return { reply: httpAnswer(200, 'ok'), afterMs: 1 };
    const host = message.host.replace(/\.$/, '').toLowerCase();
    const secured = this.#certificateFor(host);
    const certificate = message.tls ? { certificate: secured ?? fakeCertificate(process.startedAt) } : {};
    const path = message.path.split('?')[0] ?? '/';
    const backend = this.#route(host, path);
    const challenge = path.startsWith('/.well-known/acme-challenge/');
    if (secured && !message.tls && !challenge) {
      const location = `https://${host}${message.path}`;
      return { reply: httpAnswer(308, '', { location }), afterMs: 1 };
    }
    const served = backend ? this.#proxy(process, backend, message, from) : httpAnswer(404, 'default backend - 404');
    if (served === 'timeout') return { reply: { ...httpAnswer(504, ''), ...certificate }, afterMs: backendTimeoutMs };
    if ('afterMs' in served) return { reply: { ...served.reply, ...certificate }, afterMs: served.afterMs };
    return { reply: { ...served, ...certificate }, afterMs: 1 };
  }

  /** Declared ports that are not probed. */
  #trafficPorts(process: Process): Set<number> {
    const health = (process.container.ports ?? []).filter((port) => /health|metrics|webhook/.test(port.name ?? ''));
    const away = new Set([10_254, ...health.map((port) => port.containerPort)]);
    return new Set(this.ports(process).filter((port) => !away.has(port)));
  }

  /** The longest path of the host wins, an exact one over a prefix. */
  #route(host: string, path: string): Backend | undefined {
    let best: { backend: Backend; rank: number } | undefined;
    for (const ingress of this.all(resource)) {
      if (!this.#isOurs(ingress)) continue;
      const spec = fieldsOf(ingress['spec']);
      for (const rule of listOf(spec['rules']).map(fieldsOf)) {
        const hostRank = hostMatch(shownText(rule['host'] ?? ''), host);
        if (hostRank === 0) continue;
        for (const each of listOf(fieldsOf(rule['http'])['paths']).map(fieldsOf)) {
          const pathRank = pathMatch(shownText(each['path'] ?? '/'), shownText(each['pathType'] ?? 'Prefix'), path);
          const rank = hostRank * 100_000 + pathRank;
          const backend = pathRank === 0 ? undefined : backendOf(ingress, each['backend']);
          if (backend && rank > (best?.rank ?? 0)) best = { backend, rank };
        }
      }
      const fallback = backendOf(ingress, spec['defaultBackend']);
      if (fallback && !best) best = { backend: fallback, rank: 0 };
    }
    return best?.backend;
  }

  #proxy(process: Process, backend: Backend, request: HttpRequest, from: string) {
    const unavailable = httpAnswer(503, '503 Service Temporarily Unavailable');
    const pod = process.pod();
    const namespace = backend.ingress.metadata.namespace;
    const service = this.ctx.core.store.typed<Service>('services').get(namespace, backend.service);
    const port = service?.spec.ports?.find((each) => each.port === backend.port || each.name === backend.port);
    if (!pod || !service || !port) return unavailable;
    const ready = endpointsOf(this.ctx.core, service).filter((each) => each.ready && each.ports.has(port.name ?? ''));
    const chosen = ready[this.random.int(Math.max(1, ready.length))];
    if (!chosen) return unavailable;
    const headers = {
      ...request.headers,
      'x-forwarded-for': request.headers['x-forwarded-for'] ?? from,
      'x-forwarded-proto': request.tls ? 'https' : 'http',
      'x-forwarded-host': request.host.replace(/\.$/, ''),
      'x-forwarded-port': request.tls ? '443' : '80',
      'x-real-ip': from,
    };
    const source: Source = { kind: 'pod', pod };
    const to = { host: chosen.address, port: chosen.ports.get(port.name ?? '')?.port ?? 0, transport: 'TCP' } as const;
    const result = this.ctx.runtime.network.exchange(source, to, { ...request, headers, tls: false }, backendTimeoutMs);
    if (!result.ok) return result.error === 'timeout' ? ('timeout' as const) : httpAnswer(502, '502 Bad Gateway');
    if (result.reply.kind !== 'http') return httpAnswer(502, '502 Bad Gateway');
    return { reply: result.reply, afterMs: result.latencyMs };
  }

  /** What the host's secret shows; undefined when no ingress asks for TLS on it. */
  #certificateFor(host: string): PeerCertificate | undefined {
    for (const ingress of this.all(resource)) {
      if (!this.#isOurs(ingress)) continue;
      for (const entry of listOf(fieldsOf(ingress['spec'])['tls']).map(fieldsOf)) {
        if (!listOf(entry['hosts']).some((name) => hostMatch(shownText(name), host) > 0)) continue;
        const name = shownText(entry['secretName'] ?? '');
        const secret = this.ctx.core.store.table('secrets').get(ingress.metadata.namespace, name);
        const shown = peerCertificate(fieldsOf(secret?.['data'])['tls.crt'], this.ctx.runtime.trustedIssuers);
        if (shown) return shown;
      }
    }
    return undefined;
  }
}

function hostMatch(rule: string, host: string): number {
  if (rule === '') return 1;
  if (rule === host) return 3;
  return rule.startsWith('*.') && host.slice(host.indexOf('.')) === rule.slice(1) ? 2 : 0;
}

/** 0: not this path. Longer is more. */
function pathMatch(rule: string, type: string, path: string): number {
  if (type === 'Exact') return rule === path ? 2 * rule.length + 2 : 0;
  const base = rule.replace(/\/$/, '');
  return path === base || path.startsWith(`${base}/`) ? 2 * base.length + 1 : 0;
}

function backendOf(ingress: SimObject, backend: unknown): Backend | undefined {
  const service = fieldsOf(fieldsOf(backend)['service']);
  if (typeof service['name'] !== 'string') return undefined;
  const port = fieldsOf(service['port']);
  return { ingress, service: service['name'], port: (port['name'] ?? port['number'] ?? 80) as string | number };
}

function fakeCertificate(startedAt: number): PeerCertificate {
  return selfSigned('Kubernetes Ingress Controller Fake Certificate', ['ingress.local'], startedAt);
}

const parsed = new Map<string, PeerCertificate | undefined>();
const mostParsed = 500;

/** A stored certificate as a client sees it. */
function peerCertificate(encoded: unknown, trusted: ReadonlySet<string>): PeerCertificate | undefined {
  if (typeof encoded !== 'string') return undefined;
  const known = parsed.get(encoded);
  if (known) return { ...known, trusted: trusted.has(known.issuer) };
  const pem = Buffer.from(encoded, 'base64').toString('utf8');
  try {
    const leaf = new X509Certificate(pem);
    const shown: PeerCertificate = {
      subject: leaf.subject,
      issuer: leaf.issuer,
      names: (leaf.subjectAltName ?? '').split(', ').map((name) => name.replace(/^DNS:/, '')),
      notBefore: Date.parse(leaf.validFrom),
      notAfter: Date.parse(leaf.validTo),
      chain: pem.split('BEGIN CERTIFICATE').length - 1,
      trusted: trusted.has(leaf.issuer),
    };
    if (parsed.size >= mostParsed) parsed.clear();
    parsed.set(encoded, shown);
    return shown;
  } catch {
    return undefined;
  }
}
