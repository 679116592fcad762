import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isTerminating, withCondition } from '../kube/kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, shownText, stamp } from '../kube/object.ts';
import type { Process, Program } from '../kube/process.ts';
import { httpAnswer } from '../network/messages.ts';
import { AcmeServer, acmeHost, type ChallengeKind } from './acme.ts';
import { Addon, type AddonContext } from './addon.ts';
import { type Authority, certificatePem, keyOf, keyPem } from './x509.ts';

const certificates = 'certificates.cert-manager.io';
const retryMs = 30_000;
const checkMs = 10_000;
const defaultDurationMs = 90 * 86_400_000;
const solverPort = 8089;
const solverImage = 'quay.io/jetstack/cert-manager-acmesolver:v1.16';
const directoryTimeoutMs = 10_000;

interface Challenge {
  kind: ChallengeKind;
  domain: string;
  token: string;
  key: string;
  /** Of the solver's objects, or the zone's record. */
  name: string;
}

interface Pending {
  namespace: string;
  challenges: Challenge[];
  /** The next look at the challenges. */
  checkAt: number;
}

/** cert-manager: certificates from self-signed, CA and ACME issuers, into secrets; renewed in time. */
export class CertManager extends Addon {
  readonly name = 'cert-manager';
  readonly images = ['cert-manager-controller'];
  readonly #pending = new Map<string, Pending>();

  constructor(ctx: AddonContext) {
    super(ctx, 'cert-manager');
  }

  protected watch(): void {
    this.onChange(certificates, (object) => [this.keyOf(object)]);
    for (const kind of ['issuers.cert-manager.io', 'clusterissuers.cert-manager.io'])
      this.onChange(kind, (object) => [`issuer/${kind}/${this.keyOf(object)}`, ...this.#keys()]);
    this.onChange('secrets', (object, type) =>
      type === 'DELETED' && object['type'] === 'kubernetes.io/tls' ? this.#keys() : [],
    );
  }

  protected resync(): void {
    for (const kind of ['issuers.cert-manager.io', 'clusterissuers.cert-manager.io'])
      for (const issuer of this.all(kind)) this.enqueue(`issuer/${kind}/${this.keyOf(issuer)}`);
    for (const key of this.#keys()) this.enqueue(key);
  }

  #keys(): string[] {
    return this.all(certificates).map((each) => this.keyOf(each));
  }

  protected sync(key: string): void {
    const issuer = /^issuer\/([^/]+)\/(.+)$/.exec(key);
    if (issuer) this.#syncIssuer(issuer[1] as string, issuer[2] as string);
    else this.#syncCertificate(key);
  }

  #syncIssuer(resource: string, key: string): void {
    const issuer = this.ctx.core.store.table(resource).byKey.get(key);
    if (!issuer) return;
    const spec = fieldsOf(issuer['spec']);
    let why: string | undefined;
    if (spec['acme'] !== undefined) why = this.#directoryProblem();
    else if (spec['ca'] !== undefined && !this.#authorityOf(issuer)) why = 'secret of the authority not found';
    const condition =
      why === undefined
        ? { type: 'Ready', status: 'True' as const, reason: 'IsReady', message: 'issuer is ready' }
        : { type: 'Ready', status: 'False' as const, reason: 'ErrInitIssuer', message: why };
    this.#setConditions(issuer, resource, condition, {});
    if (why !== undefined) this.enqueue(`issuer/${resource}/${key}`, retryMs);
  }

  /** Whether the ACME server answers from here. */
  #directoryProblem(): string | undefined {
    AcmeServer.of(this.ctx.runtime.internet, this.ctx.core.clock);
    const pod = this.leader()?.pod();
    if (!pod) return 'controller is not running';
    const headers = { 'user-agent': 'cert-manager' };
    const request = {
      kind: 'http',
      method: 'GET',
      path: '/directory',
      host: acmeHost,
      headers,
      body: '',
      tls: true,
    } as const;
    const to = { host: acmeHost, port: 443, transport: 'TCP' } as const;
    const result = this.ctx.runtime.network.exchange({ kind: 'pod', pod }, to, request, directoryTimeoutMs);
    if (!result.ok) return `failed to register an ACME account: ${result.message}`;
    return result.reply.kind === 'http' && result.reply.status === 200 ? undefined : 'ACME directory not found';
  }

  #syncCertificate(key: string): void {
    const certificate = this.ctx.core.store.table(certificates).byKey.get(key);
    if (!certificate || isTerminating(certificate)) {
      this.#cleanUp(key);
      return;
    }
    const spec = fieldsOf(certificate['spec']);
    const valid = this.#validUntil(certificate);
    if (valid !== undefined && this.#renewAt(spec, valid) > this.ctx.core.clock.now()) {
      this.#cleanUp(key);
      this.#ready(certificate, valid);
      return;
    }
    const issuer = this.#issuerOf(certificate);
    const ready = listOf(fieldsOf(issuer?.['status'])['conditions']).map(fieldsOf);
    if (!issuer || !ready.some((each) => each['type'] === 'Ready' && each['status'] === 'True')) {
      this.#notReady(certificate, 'IssuerNotReady', 'referenced issuer does not have a Ready status condition');
      this.enqueue(key, retryMs);
      return;
    }
    if (fieldsOf(issuer['spec'])['acme'] === undefined) this.#issueOwn(certificate, issuer);
    else this.#issueAcme(key, certificate, issuer);
  }

  #issuerOf(certificate: SimObject): SimObject | undefined {
    const reference = fieldsOf(fieldsOf(certificate['spec'])['issuerRef']);
    const name = shownText(reference['name'] ?? '');
    return reference['kind'] === 'ClusterIssuer'
      ? this.ctx.core.store.table('clusterissuers.cert-manager.io').get(undefined, name)
      : this.ctx.core.store.table('issuers.cert-manager.io').get(certificate.metadata.namespace, name);
  }

  /** Until when the secret holds what the certificate asks for. */
  #validUntil(certificate: SimObject): number | undefined {
    const spec = fieldsOf(certificate['spec']);
    const name = shownText(spec['secretName'] ?? '');
    const secret = this.ctx.core.store.table('secrets').get(certificate.metadata.namespace, name);
    const encoded = fieldsOf(secret?.['data'])['tls.crt'];
    if (typeof encoded !== 'string') return undefined;
    try {
      const leaf = new X509Certificate(Buffer.from(encoded, 'base64'));
      const has = new Set((leaf.subjectAltName ?? '').split(', ').map((each) => each.replace(/^DNS:/, '')));
      return namesOf(spec).every((each) => has.has(each)) ? Date.parse(leaf.validTo) : undefined;
    } catch {
      return undefined;
    }
  }

  #renewAt(spec: Fields, notAfter: number): number {
    const before = hoursMs(spec['renewBefore']);
    const duration = hoursMs(spec['duration']) ?? defaultDurationMs;
    return notAfter - (before ?? duration / 3);
  }

  #ready(certificate: SimObject, notAfter: number): void {
    const renewAt = this.#renewAt(fieldsOf(certificate['spec']), notAfter);
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: 'Certificate is up to date and has not expired',
    } as const;
    const status = { notAfter: stamp(notAfter), renewalTime: stamp(renewAt) };
    this.#setConditions(certificate, certificates, condition, status);
    this.enqueue(this.keyOf(certificate), Math.max(1_000, renewAt - this.ctx.core.clock.now()));
  }

  #notReady(certificate: SimObject, reason: string, message: string): void {
    this.#setConditions(certificate, certificates, { type: 'Ready', status: 'False', reason, message }, {});
  }

  #setConditions(
    object: SimObject,
    resource: string,
    condition: { type: string; status: 'True' | 'False'; reason: string; message: string },
    more: Fields,
  ): void {
    const [plural = '', ...group] = resource.split('.');
    const definition = this.definition(group.join('.'), 'v1', plural);
    const now = this.ctx.core.store.byUid(object.metadata.uid);
    if (!definition || !now) return;
    const status = fieldsOf(now['status']);
    const conditions = withCondition(status['conditions'] as never, condition, stamp(this.ctx.core.clock.now()));
    this.ctx.writer.setStatus(definition, now, { ...status, ...more, conditions });
  }

  #issueOwn(certificate: SimObject, issuer: SimObject): void {
    const spec = fieldsOf(certificate['spec']);
    const authority = this.#authorityOf(issuer);
    const key = this.#newKey(certificate);
    const now = this.ctx.core.clock.now();
    const notAfter = now + (hoursMs(spec['duration']) ?? defaultDurationMs);
    const names = namesOf(spec);
    const commonName = shownText(spec['commonName'] ?? names[0] ?? certificate.metadata.name);
    const isAuthority = spec['isCA'] === true;
    const leaf = certificatePem({ commonName, names, key, notBefore: now, notAfter, isAuthority }, authority);
    this.#store(certificate, key, authority ? `${leaf}${authority.pem}` : leaf, authority?.pem ?? leaf);
  }

  /** Of an issuer of kind ca: out of its secret. */
  #authorityOf(issuer: SimObject): Authority | undefined {
    const name = fieldsOf(fieldsOf(issuer['spec'])['ca'])['secretName'];
    if (typeof name !== 'string') return undefined;
    const namespace = issuer.metadata.namespace ?? this.leader()?.pod()?.metadata.namespace;
    const data = fieldsOf(this.ctx.core.store.table('secrets').get(namespace, name)?.['data']);
    const text = (field: string): string => Buffer.from(shownText(data[field] ?? ''), 'base64').toString('utf8');
    try {
      const shown = new X509Certificate(text('tls.crt'));
      const commonName = /CN=([^\n]+)/.exec(shown.subject)?.[1] ?? '';
      return { commonName, key: createPrivateKey(text('tls.key')), pem: text('tls.crt') };
    } catch {
      return undefined;
    }
  }

  #newKey(certificate: SimObject): KeyObject {
    return keyOf(`${certificate.metadata.uid}/${this.ctx.core.clock.now()}`);
  }

  #issueAcme(key: string, certificate: SimObject, issuer: SimObject): void {
    const spec = fieldsOf(certificate['spec']);
    let pending = this.#pending.get(key);
    if (!pending) {
      pending = this.#present(certificate, issuer);
      this.#pending.set(key, pending);
      this.#notReady(certificate, 'Issuing', 'Waiting on certificate issuance from order');
      this.enqueue(key, checkMs);
      return;
    }
    const now = this.ctx.core.clock.now();
    if (now < pending.checkAt) {
      this.enqueue(key, pending.checkAt - now);
      return;
    }
    pending.checkAt = now + checkMs;
    const server = AcmeServer.of(this.ctx.runtime.internet, this.ctx.core.clock);
    const unreachable = this.#directoryProblem();
    const problems = pending.challenges.map((each) => server.validate(each.kind, each.domain, each.token, each.key));
    const why = unreachable ?? problems.find((each) => each !== undefined);
    if (why !== undefined) {
      this.#notReady(certificate, 'Issuing', `Waiting for challenge: ${why}`);
      this.enqueue(key, checkMs);
      return;
    }
    const secretKey = this.#newKey(certificate);
    const { chain, root } = server.issue(namesOf(spec), secretKey);
    this.#store(certificate, secretKey, chain, root);
    this.#cleanUp(key);
  }

  /** Puts the answer to every challenge where the server will look for it. */
  #present(certificate: SimObject, issuer: SimObject): Pending {
    const acme = fieldsOf(fieldsOf(issuer['spec'])['acme']);
    const namespace = certificate.metadata.namespace ?? '';
    const challenges = namesOf(fieldsOf(certificate['spec'])).map((domain): Challenge => {
      const solver = solverFor(listOf(acme['solvers']).map(fieldsOf), domain);
      const token = this.ctx.core.newUid().replaceAll('-', '');
      const key = `${token}.account`;
      if (solver['dns01'] !== undefined) {
        const name = `_acme-challenge.${domain.replace(/^\*\./, '')}`;
        this.ctx.runtime.internet.zoneOf(name)?.set(name, 'TXT', 60, [`"${AcmeServer.digest(key)}"`]);
        return { kind: 'dns-01', domain, token, key, name };
      }
      const name = `cm-acme-http-solver-${this.ctx.core.nameSuffix()}`;
      const settings = fieldsOf(fieldsOf(solver['http01'])['ingress']);
      this.#startSolver(namespace, name, domain, token, key, settings['ingressClassName'] ?? settings['class']);
      return { kind: 'http-01', domain, token, key, name };
    });
    return { namespace, challenges, checkAt: this.ctx.core.clock.now() + checkMs };
  }

  #startSolver(
    namespace: string,
    name: string,
    domain: string,
    token: string,
    key: string,
    ingressClass: unknown,
  ): void {
    const labels = { 'acme.cert-manager.io/http01-solver': 'true', solver: name };
    const metadata = { name, namespace, labels };
    const args = [`--listen-port=${solverPort}`, `--domain=${domain}`, `--token=${token}`, `--key=${key}`];
    const ports = [{ containerPort: solverPort, name: 'http' }];
    const backend = { service: { name, port: { number: solverPort } } };
    const path = { path: `/.well-known/acme-challenge/${token}`, pathType: 'Exact', backend };
    this.#post(`/api/v1/namespaces/${namespace}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { restartPolicy: 'OnFailure', containers: [{ name: 'acmesolver', image: solverImage, args, ports }] },
    });
    this.#post(`/api/v1/namespaces/${namespace}/services`, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: labels, ports: [{ name: 'http', port: solverPort, targetPort: solverPort }] },
    });
    this.#post(`/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses`, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata,
      spec: {
        ...(typeof ingressClass === 'string' ? { ingressClassName: ingressClass } : {}),
        rules: [{ host: domain, http: { paths: [path] } }],
      },
    });
  }

  #cleanUp(key: string): void {
    const pending = this.#pending.get(key);
    if (!pending) return;
    this.#pending.delete(key);
    for (const { kind, name } of pending.challenges) {
      if (kind === 'dns-01') {
        this.ctx.runtime.internet.zoneOf(name)?.set(name, 'TXT', 60, []);
        continue;
      }
      const core = `/api/v1/namespaces/${pending.namespace}`;
      const ingresses = `/apis/networking.k8s.io/v1/namespaces/${pending.namespace}/ingresses`;
      for (const path of [`${ingresses}/${name}`, `${core}/services/${name}`, `${core}/pods/${name}`])
        this.#send('DELETE', path);
    }
  }

  #store(certificate: SimObject, key: KeyObject, chain: string, authority: string): void {
    const encode = (text: string): string => Buffer.from(text).toString('base64');
    const namespace = certificate.metadata.namespace ?? '';
    const name = shownText(fieldsOf(certificate['spec'])['secretName'] ?? certificate.metadata.name);
    const data = { 'tls.crt': encode(chain), 'tls.key': encode(keyPem(key)), 'ca.crt': encode(authority) };
    const annotations = { 'cert-manager.io/certificate-name': certificate.metadata.name };
    const metadata = { name, namespace, annotations };
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const made = this.#post(path, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/tls', metadata, data });
    if (made === 409) this.#send('PATCH', `${path}/${name}`, { metadata: { annotations }, data });
    this.#request(certificate, namespace);
    this.enqueue(this.keyOf(certificate), 1_000);
  }

  /** The request that the certificate came from, where its kind is served. */
  #request(certificate: SimObject, namespace: string): void {
    const revision = Number(fieldsOf(certificate['status'])['revision'] ?? 0) + 1;
    const { issuerRef } = fieldsOf(certificate['spec']) as { issuerRef: unknown };
    const name = `${certificate.metadata.name}-${revision}`;
    const owner = {
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      name: certificate.metadata.name,
      uid: certificate.metadata.uid,
    };
    const now = stamp(this.ctx.core.clock.now());
    const condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Issued',
      message: 'Certificate fetched from issuer successfully',
      lastTransitionTime: now,
    };
    this.#post(`/apis/cert-manager.io/v1/namespaces/${namespace}/certificaterequests`, {
      apiVersion: 'cert-manager.io/v1',
      kind: 'CertificateRequest',
      metadata: { name, namespace, ownerReferences: [owner] },
      spec: { issuerRef },
      status: { conditions: [condition] },
    });
    const definition = this.definition('cert-manager.io', 'v1', 'certificates');
    const current = this.ctx.core.store.byUid(certificate.metadata.uid);
    if (definition && current)
      this.ctx.writer.setStatus(definition, current, { ...fieldsOf(current['status']), revision });
  }

  #post(path: string, object: object): number {
    return this.#send('POST', path, object);
  }

  #send(method: string, path: string, body?: object): number {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const query = new URLSearchParams();
    return this.ctx.api({ method, path, query, contentType, body, userAgent: 'cert-manager' }).status;
  }
}

function namesOf(spec: Fields): string[] {
  const names = listOf(spec['dnsNames']).map(shownText);
  return names.length > 0 ? names : typeof spec['commonName'] === 'string' ? [spec['commonName']] : [];
}

/** The solver that names the domain's zone, else the first without a selector. */
function solverFor(solvers: readonly Fields[], domain: string): Fields {
  const zones = (solver: Fields): string[] => listOf(fieldsOf(solver['selector'])['dnsZones']).map(shownText);
  return (
    solvers.find((solver) => zones(solver).some((zone) => domain === zone || domain.endsWith(`.${zone}`))) ??
    solvers.find((solver) => solver['selector'] === undefined) ??
    {}
  );
}

function hoursMs(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d+)h/.exec(value) : undefined;
  return match ? Number(match[1]) * 3_600_000 : undefined;
}

/** The image that answers http-01 challenges. */
export function acmeSolver(): Program {
  const flag = (process: Process, name: string): string =>
    (process.container.args ?? []).find((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3) ?? '';
  return {
    bootMs: () => 300,
    listens: (_process, port) => port === solverPort,
    serve: (process, _port, message) => {
      if (message.kind !== 'http') return 'reset';
      const mine = message.path === `/.well-known/acme-challenge/${flag(process, 'token')}`;
      return { reply: mine ? httpAnswer(200, flag(process, 'key')) : httpAnswer(404, 'not found'), afterMs: 1 };
    },
    exec: () => ({ code: 0, output: '' }),
  };
}
