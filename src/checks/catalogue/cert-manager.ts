import { X509Certificate } from 'node:crypto';
import type { KubeObject } from '../../domain/kube-object.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { probe } from '../probe.ts';
import { ingresses, secrets } from '../resources.ts';
import { mustAnswer, serveWeb } from '../web-servers.ts';
import { explained } from '../workload.ts';
import { addressOf, classOf, hostOf, ingressOf } from './ingress-endtoend.ts';

const name = 'issued';
const secretName = 'issued-tls';
const issuedWithinMs = 8 * 60_000;
const leastDays = 1;
const dayMs = 86_400_000;

/** Catalogue row 34. */
export const certsHttp01 = defineCheck({
  id: 'certs.http01',
  title: 'A certificate is issued by proving a host over HTTP, and the ingress serves it',
  area: 'security',
  requires: ['cert-manager', 'ingress', 'external-dns'],
  dependsOn: ['ingress.endtoend'],
  withinMs: 25 * 60_000,
  cleanupMs: 10 * 60_000,
  cost: 'cloud',
  expectedMs: 6 * 60_000,
  plan: async (context) => missing(context, 'acme_issuer'),
  async run(context) {
    await context.sandbox();
    const host = hostOf(context, 'http01');
    const className = await classOf(context);
    await serveWeb(context, { name: 'web', replicas: 1, body: 'secured' });
    // First plain: the name has to lead to the ingress before anybody can look whether it does.
    const route = ingressOf(context, { className, host, paths: [['/', 'Prefix', 'web']] });
    await context.kube.create(ingresses, route);
    await addressOf(context);
    await context.step('its name leads to it', async () => {
      const args = ['http', '--url', `http://${host}/`, '--retry-for', '8m', '--timeout', '5s'];
      const seen = await probe(context, { name: 'named', args, withinMs: 10 * 60_000 });
      for (const target of seen.targets) mustAnswer(context, target, 'secured');
    });
    const leaf = await issue(context, context.settings.get('acme_issuer') as string, host);
    const { spec } = ingressOf(context, { className, host, paths: [['/', 'Prefix', 'web']], tlsSecret: secretName });
    await context.kube.patch(ingresses, context.namespace, 'web', { type: 'merge', body: { spec } });
    await context.step('the ingress serves it', async () => {
      const args = [
        'http',
        '--url',
        `https://${host}/`,
        '--insecure',
        '--retry-for',
        '1m',
        '--count',
        '3',
        '--interval',
        '5s',
      ];
      const seen = await probe(context, { name: 'secured', args, withinMs: 5 * 60_000 });
      const [target] = seen.targets;
      if (target?.tls?.names.includes(host) !== true) {
        throw new CheckFailed(
          `https://${host}/ shows a certificate for ${target?.tls?.names.join(', ') ?? 'nobody'}, not its own`,
        );
      }
      mustAnswer(context, target, 'secured');
    });
    return said(host, leaf);
  },
});

/** Catalogue row 35. */
export const certsDns01 = defineCheck({
  id: 'certs.dns01',
  title: 'A certificate is issued by proving a domain over DNS, and the record that proved it is taken away',
  area: 'security',
  requires: ['cert-manager'],
  withinMs: 15 * 60_000,
  cost: 'cloud',
  expectedMs: 3 * 60_000,
  plan: async (context) => missing(context, 'acme_dns_issuer'),
  async run(context) {
    await context.sandbox();
    const host = hostOf(context, 'dns01');
    const leaf = await issue(context, context.settings.get('acme_dns_issuer') as string, host);
    await context.step('the record that proved it is gone', async () => {
      const args = ['dns', '--name', `_acme-challenge.${host}.`, '--type', 'TXT'];
      const seen = await probe(context, { name: 'record', args });
      const left = seen.targets[0]?.answers ?? [];
      if (left.length > 0) throw new CheckFailed(`_acme-challenge.${host} is still there: ${left.length} records`);
    });
    return said(host, leaf);
  },
});

async function missing(context: CheckContext, issuer: 'acme_issuer' | 'acme_dns_issuer') {
  const unset = ([issuer, 'dns_zone'] as const).find((setting) => context.settings.get(setting) === undefined);
  if (unset === undefined) return undefined;
  return { code: 'CONFIG_MISSING' as const, message: `e2e_${unset} is not set` };
}

async function issue(context: CheckContext, issuer: string, host: string): Promise<X509Certificate> {
  const { namespace } = context;
  const from = context.clock.now();
  const certificates = await context.kube.resourceOf('cert-manager.io/v1', 'Certificate');
  await context.kube.create(certificates, {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Certificate',
    metadata: { name, namespace },
    spec: { secretName, dnsNames: [host], issuerRef: { name: issuer, kind: 'ClusterIssuer' } },
  });
  await context.step('it is issued', () => untilIssued(context, certificates));
  context.measure('issue_seconds', (context.clock.now() - from) / 1000);
  const secret = await context.kube.get(secrets, namespace, secretName);
  const { data } = (secret ?? {}) as { data?: Record<string, string> };
  const pem = Buffer.from(data?.['tls.crt'] ?? '', 'base64');
  const leaf = certificateIn(pem.toString('utf8'));
  if (leaf === undefined)
    throw new CheckFailed(`the secret ${secretName} holds no certificate, and cert-manager says that it is ready`);
  if (leaf.checkHost(host) === undefined)
    throw new CheckFailed(`the certificate is for ${leaf.subjectAltName ?? leaf.subject}, not for ${host}`);
  const days = (Date.parse(leaf.validTo) - context.clock.now()) / dayMs;
  if (days < leastDays) throw new CheckFailed(`the certificate ends at ${leaf.validTo}, it was only just issued`);
  return leaf;
}

async function untilIssued(context: CheckContext, certificates: Resource): Promise<void> {
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  await explained(context, () =>
    context.until('the certificate', certificates, selector, issuedWithinMs, ([found]) => {
      const ready = conditionsOf(found).find((one) => one.type === 'Ready');
      if (ready?.status === 'True') return undefined;
      return ready === undefined
        ? 'nobody has looked at it: is cert-manager running?'
        : `${ready.reason ?? ''}: ${ready.message ?? ''}`;
    }),
  );
}

function conditionsOf(
  found: KubeObject | undefined,
): { type: string; status: string; reason?: string; message?: string }[] {
  return (found?.status?.conditions ?? []) as { type: string; status: string; reason?: string; message?: string }[];
}

function certificateIn(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

function said(host: string, leaf: X509Certificate): string {
  return `${host}: issued by ${leaf.issuer.replaceAll('\n', ', ')}, until ${new Date(leaf.validTo).toISOString().slice(0, 10)}`;
}
