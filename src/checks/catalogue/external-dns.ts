import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { type ProbeTarget, probe } from '../probe.ts';
import { services } from '../resources.ts';
import { explained } from '../workload.ts';
import { hostOf } from './ingress-endtoend.ts';

const name = 'named';
const hostnameAnnotation = 'external-dns.alpha.kubernetes.io/hostname';
const createWithinMs = 8 * 60_000;
const deleteWithinMs = 8 * 60_000;
const everyMs = 20_000;
const ownerPrefixes = ['', 'cname-', 'a-'];

/** Catalogue row 33. */
export const externalDns = defineCheck({
  id: 'dns.external-dns',
  title: 'A name asked for by a service appears in the public zone, with its owner, and goes with the service',
  area: 'dns',
  requires: ['external-dns', 'load-balancer'],
  withinMs: 28 * 60_000,
  cleanupMs: 12 * 60_000,
  cost: 'cloud',
  expectedMs: 6 * 60_000,
  plan: async (context) =>
    context.settings.get('dns_zone') === undefined
      ? { code: 'CONFIG_MISSING', message: 'e2e_dns_zone is not set: nobody says which zone may be written to' }
      : undefined,
  async run(context) {
    await context.sandbox();
    const host = hostOf(context, 'dns');
    const server = await authority(context);
    const from = context.clock.now();
    const address = await named(context, host);
    const record = await context.step('the name appears at the authority', () =>
      untilAnswer(context, { host, server, withinMs: createWithinMs, there: true }),
    );
    context.measure('dns_create_seconds', (context.clock.now() - from) / 1000);
    const answers = record.answers ?? [];
    const bare = (text: string): string => text.replace(/\.$/, '').toLowerCase();
    const direct = answers.some((answer) => bare(answer) === bare(address));
    if (!direct && !/^[0-9.]+$/.test(answers[0] ?? '')) {
      throw new CheckFailed(`${host} is ${answers.join(', ')}, not ${address}`);
    }
    await context.step('it says whose it is', () => ownerOf(context, host, server));
    if (await keepsNames(context)) {
      context.note('the name goes with the service', 'skipped', 'external-dns runs with --policy=upsert-only');
      return `${host} → ${address}; deleting is not asked of external-dns here`;
    }
    const deleted = context.clock.now();
    await context.step('the name goes with the service', async () => {
      await context.kube.delete(services, context.namespace, name);
      await untilAnswer(context, { host, server, withinMs: deleteWithinMs, there: false });
    });
    context.measure('dns_delete_seconds', (context.clock.now() - deleted) / 1000);
    return `${host} → ${address}, and gone again`;
  },
});

/** An authoritative server of the zone: others remember answers. */
async function authority(context: CheckContext): Promise<string> {
  const zone = context.settings.get('dns_zone') as string;
  const servers = await dns(context, 'ns', ['--name', `${zone}.`, '--type', 'NS']);
  const [first] = servers.answers ?? [];
  if (first === undefined)
    throw new CheckFailed(`the zone ${zone} has no name servers: ${servers.rcode ?? 'no answer'}`);
  const address = await dns(context, 'ns-address', ['--name', `${first.replace(/\.$/, '')}.`, '--type', 'A']);
  const [ip] = address.answers ?? [];
  if (ip === undefined) throw new CheckFailed(`${first}, a name server of ${zone}, has no address`);
  return ip;
}

async function named(context: CheckContext, host: string): Promise<string> {
  const { namespace } = context;
  await context.kube.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, annotations: { [hostnameAnnotation]: host } },
    spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
  });
  const [service] = await explained(context, () =>
    context.until(
      'an address of the service',
      services,
      { namespace, fieldSelector: `metadata.name=${name}` },
      8 * 60_000,
      ([found]) =>
        ingressOf(found?.status) === undefined ? 'its status names none: nothing has made a load balancer' : undefined,
    ),
  );
  return ingressOf(service?.status) as string;
}

function ingressOf(
  status: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined,
): string | undefined {
  const [first] = status?.loadBalancer?.ingress ?? [];
  return first?.hostname ?? first?.ip;
}

async function untilAnswer(
  context: CheckContext,
  { host, server, withinMs, there }: { host: string; server: string; withinMs: number; there: boolean },
): Promise<ProbeTarget> {
  const deadline = context.clock.now() + withinMs;
  for (let round = 0; ; round++) {
    const type = round % 2 === 0 ? 'CNAME' : 'A';
    const seen = await dns(context, `${there ? 'there' : 'gone'}-${round}`, [
      '--name',
      `${host}.`,
      '--type',
      type,
      '--server',
      server,
    ]);
    const has = (seen.answers ?? []).length > 0;
    if (has === there && (there || seen.rcode === 'NXDOMAIN')) return seen;
    if (context.clock.now() >= deadline) {
      const state = has ? `it is ${seen.answers?.join(', ')}` : `the answer is ${seen.rcode ?? 'none'}`;
      throw new CheckTimedOut(
        `${host} ${there ? 'does not appear' : 'does not go'} within ${withinMs / 1000} s at ${server}: ${state}`,
      );
    }
    await context.pause(everyMs);
  }
}

async function ownerOf(context: CheckContext, host: string, server: string): Promise<void> {
  for (const [index, prefix] of ownerPrefixes.entries()) {
    const seen = await dns(context, `owner-${index}`, [
      '--name',
      `${prefix}${host}.`,
      '--type',
      'TXT',
      '--server',
      server,
    ]);
    if ((seen.answers ?? []).some((answer) => answer.includes('heritage=external-dns'))) return;
  }
  throw new CheckFailed(`no TXT record beside ${host} says that it is external-dns': nobody would ever take it back`);
}

async function dns(context: CheckContext, ask: string, args: string[]): Promise<ProbeTarget> {
  const { targets } = await probe(context, { name: `ask-${ask}`, args: ['dns', '--timeout', '5s', ...args] });
  return targets[0] as ProbeTarget;
}

async function keepsNames({ facts }: CheckContext): Promise<boolean> {
  const workload = await facts.workloadNamed('external-dns');
  const containers = (workload?.spec?.template?.spec?.containers ?? []) as { args?: string[] }[];
  return containers.some((container) => (container.args ?? []).includes('--policy=upsert-only'));
}
