import { X509Certificate } from 'node:crypto';
import type { Service } from '../kube/kinds.ts';
import { fieldsOf, listOf, type SimObject, sameJson, shownText } from '../kube/object.ts';
import type { Process } from '../kube/process.ts';
import type { ResourceDefinition } from '../kube/resource-definition.ts';
import { httpAnswer, type Message, type PeerCertificate, type Served } from '../network/messages.ts';
import { selfSigned } from '../programs/certificates.ts';
import { Addon, type AddonContext } from './addon.ts';
import { forward, type ServiceBackend } from './forward.ts';

const resource = 'ingresses.networking.k8s.io';
const nlbAnnotation = 'zalando.org/aws-load-balancer-type';

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
    this.onChange('services', (object) => {
      const mine = [this.#published(), this.#published('publish-nlb-service')];
      return mine.includes(this.keyOf(object)) ? this.#keys() : [];
    });
  }

  protected resync(): void {
    for (const key of this.#keys()) this.enqueue(key);
  }

  #keys(): string[] {
    return this.all(resource).map((each) => this.keyOf(each));
  }

  /** With a flag of its own for ingresses that ask for a network load balancer. */
  #published(flag: 'publish-service' | 'publish-nlb-service' = 'publish-service'): string | undefined {
    return this.flag(flag)?.replace('$(POD_NAMESPACE)', this.leader()?.pod()?.metadata.namespace ?? '');
  }

  /** Ingresses of its class show its addresses. */
  protected sync(key: string): void {
    const ingress = this.ctx.core.store.table(resource).byKey.get(key);
    if (!ingress || !this.#isOurs(ingress)) return;
    const network = ingress.metadata.annotations?.[nlbAnnotation] === 'nlb';
    const published = (network ? this.#published('publish-nlb-service') : undefined) ?? this.#published();
    const service = this.ctx.core.store.typed<Service>('services').byKey.get(published ?? '');
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
    const secured = this.#certificateFor(host, process.startedAt);
    const certificate = message.tls ? { certificate: secured ?? fakeCertificate(process.startedAt) } : {};
    const path = message.path.split('?')[0] ?? '/';
    const backend = this.#route(host, path);
    const challenge = path.startsWith('/.well-known/acme-challenge/');
    const redirects = !this.ctx.runtime.faults.values.proxyMistakes.includes('redirects');
    if (secured && !message.tls && !challenge && redirects) {
      const location = `https://${host}${message.path}`;
      return { reply: httpAnswer(308, '', { location }), afterMs: 1 };
    }
    const { reply, afterMs } = backend
      ? forward(this.ctx, this.random, process, backend, message, from)
      : { reply: httpAnswer(404, 'default backend - 404'), afterMs: 1 };
    return { reply: { ...reply, ...certificate }, afterMs };
  }

  /** Declared ports that are not probed. */
  #trafficPorts(process: Process): Set<number> {
    const health = (process.container.ports ?? []).filter((port) => /health|metrics|webhook/.test(port.name ?? ''));
    const away = new Set([10_254, ...health.map((port) => port.containerPort)]);
    return new Set(this.ports(process).filter((port) => !away.has(port)));
  }

  /** The longest path of the host wins, an exact one over a prefix. */
  #route(host: string, path: string): ServiceBackend | undefined {
    let best: { backend: ServiceBackend; rank: number } | undefined;
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

  /** What the host's secret shows; undefined when no ingress asks for TLS on it. */
  #certificateFor(host: string, startedAt: number): PeerCertificate | undefined {
    for (const ingress of this.all(resource)) {
      if (!this.#isOurs(ingress)) continue;
      for (const entry of listOf(fieldsOf(ingress['spec'])['tls']).map(fieldsOf)) {
        if (!listOf(entry['hosts']).some((name) => hostMatch(shownText(name), host) > 0)) continue;
        // Without a secret it is the controller's own.
        if (entry['secretName'] === undefined) return fakeCertificate(startedAt);
        const name = shownText(entry['secretName']);
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

function backendOf(ingress: SimObject, backend: unknown): ServiceBackend | undefined {
  const service = fieldsOf(fieldsOf(backend)['service']);
  if (typeof service['name'] !== 'string') return undefined;
  const port = fieldsOf(service['port']);
  const { namespace } = ingress.metadata;
  return { namespace, service: service['name'], port: (port['name'] ?? port['number'] ?? 80) as string | number };
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
