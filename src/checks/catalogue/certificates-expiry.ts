import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckSkipped, defineCheck } from '../contract.ts';
import { mutatingWebhooks, secrets, validatingWebhooks } from '../resources.ts';
import { readCertificates, type SeenCertificate } from './certificate.ts';

const leastDays = 14;

interface Found {
  seen: SeenCertificate[];
  problems: string[];
}

function read(found: Found, where: string, text: string | undefined, now: number): void {
  if (text === undefined || text === '') return;
  try {
    found.seen.push(...readCertificates(where, text, now));
  } catch (error) {
    found.problems.push(`${where}: not a certificate: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readAll(context: CheckContext): Promise<Found> {
  const found: Found = { seen: [], problems: [] };
  const now = context.clock.now();
  for (const resource of [validatingWebhooks, mutatingWebhooks]) {
    for (const item of (await context.kube.list(resource)).items) {
      for (const hook of (item.webhooks ?? []) as { name: string; clientConfig?: { caBundle?: string } }[]) {
        read(found, `${resource.kind} ${item.metadata.name}/${hook.name}`, hook.clientConfig?.caBundle, now);
      }
    }
  }
  const apiServices = await context.kube.resourceOf('apiregistration.k8s.io/v1', 'APIService');
  for (const item of (await context.kube.list(apiServices)).items) {
    read(found, `APIService ${item.metadata.name}`, item.spec?.caBundle as string | undefined, now);
  }
  for (const item of await tlsSecrets(context)) {
    const data = (item.data ?? {}) as Record<string, string>;
    read(found, `Secret ${item.metadata.namespace ?? ''}/${item.metadata.name}`, data['tls.crt'], now);
  }
  return found;
}

/** Certificates of the system, by type: they are what ingresses and webhooks serve with. */
async function tlsSecrets(context: CheckContext): Promise<KubeObject[]> {
  const { items } = await context.kube.list(secrets, {
    namespace: 'kube-system',
    fieldSelector: 'type=kubernetes.io/tls',
  });
  return items.filter((item) => item.type === 'kubernetes.io/tls');
}

/** Catalogue row 36. */
export const certificatesExpiry = defineCheck({
  id: 'certs.expiry',
  title: `Certificates of webhooks, APIs and system secrets are valid for more than ${leastDays} days`,
  area: 'security',
  withinMs: 2 * 60_000,
  expectedMs: 2_000,
  async run(context) {
    const { seen, problems } = await readAll(context);
    for (const one of seen) {
      const text = `${one.where} (${one.subject}) ${one.daysLeft < 0 ? `ended ${-one.daysLeft} days ago` : `ends in ${one.daysLeft} days`}`;
      if (one.daysLeft < leastDays) problems.push(text);
      context.note(one.where, one.daysLeft < leastDays ? 'fail' : 'pass', text);
    }
    if (problems.length > 0) throw new CheckFailed(problems.join('; '));
    if (seen.length === 0) {
      throw new CheckSkipped({ code: 'CAPABILITY_ABSENT', message: 'no certificate is readable through the API here' });
    }
    const least = Math.min(...seen.map((one) => one.daysLeft));
    context.measure('certificate_min_days', least);
    return `${seen.length} certificates, the first ends in ${least} days`;
  },
});
