import { X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { CloudCluster } from './cloud-cluster.ts';

const group = '/apis/cert-manager.io/v1/namespaces/default';

function definition(plural: string, kind: string, scope = 'Namespaced', apiGroup = 'cert-manager.io'): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${apiGroup}` },
    spec: {
      group: apiGroup,
      scope,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}

describe('cert-manager', () => {
  let cloud: CloudCluster;
  beforeEach(() => {
    cloud = new CloudCluster();
    cloud.apply(
      definition('certificates', 'Certificate'),
      definition('certificaterequests', 'CertificateRequest'),
      definition('issuers', 'Issuer'),
      definition('clusterissuers', 'ClusterIssuer', 'Cluster'),
    );
  });
  const install = (): void => cloud.install('cert-manager', 'quay.io/jetstack/cert-manager-controller:v1.16');
  function issuer(name: string, spec: object): void {
    cloud.apply({ apiVersion: 'cert-manager.io/v1', kind: 'Issuer', metadata: { name, namespace: 'default' }, spec });
  }
  function certificate(name: string, from: string, spec: object = {}): void {
    cloud.apply({
      apiVersion: 'cert-manager.io/v1',
      kind: 'Certificate',
      metadata: { name, namespace: 'default' },
      spec: {
        secretName: `${name}-tls`,
        dnsNames: [`${name}.example.org`],
        issuerRef: { name: from, kind: 'Issuer' },
        ...spec,
      },
    });
  }
  const ready = (name: string) => cloud.get(`${group}/certificates/${name}`).status?.conditions?.[0];
  function chain(name: string): X509Certificate[] {
    const data = cloud.get(`/api/v1/namespaces/default/secrets/${name}-tls`).data;
    const pem = Buffer.from(data['tls.crt'], 'base64').toString('utf8');
    return pem.split(/(?<=-----END CERTIFICATE-----\n)/).map((each) => new X509Certificate(each));
  }

  it('signs its own and those of an authority in a secret, with real certificates', () => {
    install();
    issuer('own', { selfSigned: {} });
    certificate('root', 'own', { isCA: true, commonName: 'team root' });
    cloud.advance(20_000);
    expect(ready('root')).toMatchObject({ type: 'Ready', status: 'True' });
    issuer('team', { ca: { secretName: 'root-tls' } });
    certificate('web', 'team', { duration: '24h' });
    cloud.advance(60_000);
    const [leaf, authority] = chain('web');
    expect(authority?.subject).toBe('CN=team root');
    expect(leaf?.verify((authority as X509Certificate).publicKey)).toBe(true);
    expect(leaf?.checkHost('web.example.org')).toBe('web.example.org');
    expect(
      cloud.get(`${group}/certificaterequests`).items.map((each: { metadata: { name: string } }) => each.metadata.name),
    ).toEqual(['root-1', 'web-1']);
    const first = leaf?.serialNumber;
    cloud.advance(17 * 3_600_000);
    expect(chain('web')[0]?.serialNumber).not.toBe(first);
  });

  it('waits without its pods, and for an issuer that is not ready', () => {
    issuer('own', { selfSigned: {} });
    certificate('web', 'own');
    cloud.advance(120_000);
    expect(ready('web')).toBeUndefined();
    install();
    cloud.advance(20_000);
    expect(ready('web').status).toBe('True');
    certificate('late', 'nobody');
    cloud.advance(20_000);
    expect(ready('late')).toMatchObject({ status: 'False', reason: 'IssuerNotReady' });
    cloud.model.runtimeFaults.set({ addons: { 'cert-manager': 'off' } });
    certificate('never', 'own');
    cloud.advance(60_000);
    expect(ready('never')).toBeUndefined();
  });

  it('proves a domain to the ACME server through the ingress, and only if that leads here', () => {
    const zone = cloud.world.internet.zone('example.org');
    install();
    cloud.install('lb', 'aws-cloud-controller-manager:v1');
    cloud.install('ingress', 'ingress-nginx/controller:v1.11', ['--publish-service=kube-system/ingress'], {
      container: { ports: [{ containerPort: 80 }, { containerPort: 443 }] },
    });
    cloud.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'ingress', namespace: 'kube-system' },
      spec: {
        type: 'LoadBalancer',
        selector: { app: 'ingress' },
        ports: [
          { name: 'http', port: 80 },
          { name: 'https', port: 443 },
        ],
      },
    });
    cloud.advance(120_000);
    const host = cloud.get('/api/v1/namespaces/kube-system/services/ingress').status.loadBalancer.ingress[0].hostname;
    const solvers = [{ http01: { ingress: { ingressClassName: 'nginx' } } }];
    issuer('acme', {
      acme: { server: 'https://acme.simulated.test/directory', privateKeySecretRef: { name: 'a' }, solvers },
    });
    certificate('web', 'acme');
    cloud.advance(120_000);
    expect(ready('web').message).toContain('DNS problem: NXDOMAIN');
    zone.set('web.example.org', 'CNAME', 60, [host]);
    cloud.advance(60_000);
    expect(ready('web')).toMatchObject({ status: 'True' });
    expect(chain('web').map((each) => each.subject)).toEqual(['CN=web.example.org', 'CN=Simulated Issuing R3']);
    expect(
      cloud
        .get('/api/v1/namespaces/default/pods')
        .items.filter((each: { metadata: { name: string } }) => each.metadata.name.includes('solver')),
    ).toEqual([]);
    cloud.serve('web');
    cloud.apply({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'web', namespace: 'default' },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: ['web.example.org'], secretName: 'web-tls' }],
        rules: [
          {
            host: 'web.example.org',
            http: {
              paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
            },
          },
        ],
      },
    });
    cloud.advance(5_000);
    const trusted = cloud.probe('http', '--url', 'https://web.example.org/');
    expect(trusted.code).toBe(0);
    expect(trusted.result.targets[0].tls).toMatchObject({ trusted: true, chain: 2, names: ['web.example.org'] });
    expect(cloud.http('http://web.example.org/')).toMatchObject({
      status: '308',
      location: 'https://web.example.org/',
    });
  });

  it('proves a domain by a TXT record, and takes it away again; not when the server cannot be reached', () => {
    const zone = cloud.world.internet.zone('example.org');
    install();
    const solvers = [{ dns01: { route53: { region: 'eu-central-1' } } }];
    issuer('acme', {
      acme: { server: 'https://acme.simulated.test/directory', privateKeySecretRef: { name: 'a' }, solvers },
    });
    cloud.advance(5_000);
    cloud.model.runtimeFaults.set({ links: [{ from: '*', to: 'outside', lossPercent: 100 }] });
    certificate('web', 'acme');
    cloud.advance(60_000);
    expect(ready('web')).toMatchObject({ status: 'False', reason: 'IssuerNotReady' });
    expect(cloud.get(`${group}/issuers/acme`).status.conditions[0].message).toContain(
      'failed to register an ACME account',
    );
    cloud.model.runtimeFaults.clear();
    cloud.advance(5_000);
    expect(zone.values('_acme-challenge.web.example.org', 'TXT')).toHaveLength(1);
    cloud.advance(60_000);
    expect(ready('web').status).toBe('True');
    expect(zone.values('_acme-challenge.web.example.org', 'TXT')).toEqual([]);
  });

  it('gives the same certificates for the same seed', () => {
    const made = (seed: number): string | undefined => {
      cloud = new CloudCluster(seed);
      cloud.apply(definition('certificates', 'Certificate'), definition('issuers', 'Issuer'));
      install();
      issuer('own', { selfSigned: {} });
      certificate('web', 'own');
      cloud.advance(20_000);
      return chain('web')[0]?.fingerprint256;
    };
    expect(made(3)).toBe(made(3));
    expect(made(3)).not.toBe(made(4));
  });
});
