import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckTimedOut, defineCheck } from '../contract.ts';
import { type ProbeTarget, probe } from '../probe.ts';
import { ingressClasses, ingresses } from '../resources.ts';
import { mustAnswer, serveWeb } from '../web-servers.ts';
import { explained } from '../workload.ts';

const name = 'web';
const addressWithinMs = 8 * 60_000;

/** Catalogue row 30. */
export const ingressEndToEnd = defineCheck({
  id: 'ingress.endtoend',
  title: 'An ingress routes hosts and paths to services, and nothing else, also while a path is added',
  area: 'network',
  requires: ['ingress'],
  withinMs: 15 * 60_000,
  cleanupMs: 10 * 60_000,
  minNodes: 1,
  expectedMs: 3 * 60_000,
  async run(context) {
    await context.sandbox();
    const className = await classOf(context);
    const host = hostOf(context, 'ingress');
    await serveWeb(context, { name: 'one', replicas: 2, body: 'one' });
    await serveWeb(context, { name: 'two', replicas: 1, body: 'two' });
    const from = context.clock.now();
    await context.kube.create(ingresses, ingressOf(context, { className, host, paths: [['/', 'Prefix', 'one']] }));
    const address = await context.step('it gets an address', () => addressOf(context));
    const ask = (asked: string, urls: string[], more: string[] = []): Promise<ProbeTarget[]> =>
      askThrough(context, address, { asked, urls, more });
    await context.step('its host is routed', async () => {
      const targets = await ask('host', [`http://${host}/`, `http://${host}./`], ['--retry-for', '2m', '--count', '5']);
      for (const target of targets) mustAnswer(context, target, 'one');
    });
    context.measure('ingress_ready_seconds', (context.clock.now() - from) / 1000);
    await context.step('other hosts are not', async () => {
      const [target] = await ask('other', [`http://other-${host}/`]);
      const statuses = Object.keys(target?.statuses ?? {});
      if (statuses.join() !== '404')
        throw new CheckFailed(`a host that no ingress names answers ${statuses.join() || 'nothing'}, not 404`);
    });
    await context.step('who asked is passed on', async () => {
      const [target] = await ask('echo', [`http://${host}/echo`]);
      const body = Object.keys(target?.bodies ?? {})
        .join()
        .toLowerCase();
      if (!body.includes('x-forwarded-'))
        throw new CheckFailed(`the server behind it gets no X-Forwarded-* headers: ${body.slice(0, 120)}`);
    });
    await redirect(context, className, address);
    await context.step('a path is added without harm to the first', async () => {
      const paths: Path[] = [
        ['/', 'Prefix', 'one'],
        ['/status/200', 'Exact', 'two'],
      ];
      const { spec } = ingressOf(context, { className, host, paths });
      await context.kube.patch(ingresses, context.namespace, name, { type: 'merge', body: { spec } });
      const [first] = await ask('first', [`http://${host}/`], ['--count', '20', '--interval', '200ms']);
      mustAnswer(context, first as ProbeTarget, 'one');
      await servedBy(ask, `http://${host}/status/200`, 'two');
    });
    return `${className}: ${host} by way of ${address}`;
  },
});

/** Controllers that lead people from http to https of themselves. */
const redirecting = new Set(['k8s.io/ingress-nginx', 'nginx.org/ingress-controller']);

/** A host with TLS: http leads to https, and https is answered, with whatever certificate the controller has of its own. */
async function redirect(context: CheckContext, className: string, address: string): Promise<void> {
  const what = 'http leads to https where a host has TLS';
  const set = context.settings.get('ingress_redirect');
  const found = await context.kube.get(ingressClasses, undefined, className);
  const controller = String(found?.spec?.controller ?? '');
  if (set === 'false' || (set === undefined && !redirecting.has(controller))) {
    const why =
      set === 'false' ? 'e2e_ingress_redirect is false' : `${controller} is not known to; say e2e_ingress_redirect`;
    context.note(what, 'skipped', `CONFIG_MISSING: ${why}`);
    return;
  }
  await context.step(what, async () => {
    const host = hostOf(context, 'secure');
    const plain = ingressOf(context, { className, host, paths: [['/', 'Prefix', 'one']] });
    await context.kube.create(ingresses, {
      ...plain,
      metadata: { ...plain.metadata, name: 'secure' },
      spec: { ...plain.spec, tls: [{ hosts: [host] }] },
    });
    await mustRedirect(context, host, address);
    const args = ['http', '--url', `https://${host}/`, '--connect', `${address}:443`, '--insecure', '--timeout', '5s'];
    const document = await probe(context, { name: 'ask-secure', args: [...args, '--retry-for', '2m'] });
    for (const target of document.targets) mustAnswer(context, target, 'one');
  });
}

async function mustRedirect(context: CheckContext, host: string, address: string): Promise<void> {
  let seen = '';
  for (let round = 0; round < 6; round++) {
    const [target] = await askThrough(context, address, {
      asked: `plain-${round}`,
      urls: [`http://${host}/`],
      more: ['--retry-for', '1m'],
    });
    const status = Number(Object.keys(target?.statuses ?? {})[0]);
    if ([301, 302, 307, 308].includes(status) && target?.location?.startsWith(`https://${host}`) === true) return;
    seen = `answers with status ${status}${target?.location === undefined ? '' : ` and ${target.location}`}`;
    await context.pause(5_000);
  }
  throw new CheckTimedOut(`http://${host}/ ${seen}, and does not lead to https`);
}

export type Path = [path: string, type: 'Exact' | 'Prefix', service: string];

/** The setting, the default class, or the only one. */
export async function classOf(context: CheckContext): Promise<string> {
  const set = context.settings.get('ingress_class');
  if (set !== undefined) return set;
  const { items } = await context.kube.list(ingressClasses);
  const standard = items.find(
    (item) => item.metadata.annotations?.['ingressclass.kubernetes.io/is-default-class'] === 'true',
  );
  const only = standard ?? (items.length === 1 ? items[0] : undefined);
  if (only !== undefined) return only.metadata.name;
  const names = items.map((item) => item.metadata.name).join(', ');
  throw new CheckFailed(
    `no IngressClass is the default one, and there are several (${names}): say which in e2e_ingress_class`,
  );
}

/** A name of this run's own below the zone that the cluster may use; below a reserved one where there is none. */
export function hostOf(context: CheckContext, what: string): string {
  return `${what}-${context.runKey}.${context.settings.get('dns_zone') ?? 'clm-e2e.invalid'}`;
}

export function ingressOf(
  context: CheckContext,
  input: { className: string; host: string; paths: Path[]; tlsSecret?: string },
): KubeObject & { spec: object } {
  const { className, host, paths, tlsSecret } = input;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name, namespace: context.namespace },
    spec: {
      ingressClassName: className,
      ...(tlsSecret === undefined ? {} : { tls: [{ hosts: [host], secretName: tlsSecret }] }),
      rules: [
        {
          host,
          http: {
            paths: paths.map(([path, pathType, service]) => ({
              path,
              pathType,
              backend: { service: { name: service, port: { number: 80 } } },
            })),
          },
        },
      ],
    },
  };
}

export async function addressOf(context: CheckContext): Promise<string> {
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  const given = (item: KubeObject | undefined): string | undefined => {
    const [first] = (item?.status?.loadBalancer?.ingress ?? []) as { ip?: string; hostname?: string }[];
    return first?.hostname ?? first?.ip;
  };
  const [found] = await explained(context, () =>
    context.until('an address of the ingress', ingresses, selector, addressWithinMs, ([item]) =>
      given(item) === undefined ? 'its status names none: no controller takes its class' : undefined,
    ),
  );
  return given(found) as string;
}

async function askThrough(
  context: CheckContext,
  address: string,
  { asked, urls, more }: { asked: string; urls: string[]; more: string[] },
): Promise<ProbeTarget[]> {
  const args = [
    'http',
    ...urls.flatMap((url) => ['--url', url]),
    '--connect',
    `${address}:80`,
    '--timeout',
    '5s',
    ...more,
  ];
  return (await probe(context, { name: `ask-${asked}`, args, withinMs: 5 * 60_000 })).targets;
}

/** The controller takes a moment to learn of a path: asked until the other service answers. */
async function servedBy(
  ask: (asked: string, urls: string[]) => Promise<ProbeTarget[]>,
  url: string,
  service: string,
): Promise<void> {
  let seen = '';
  for (let round = 0; round < 6; round++) {
    const [target] = await ask(`path-${round}`, [url]);
    seen = Object.keys(target?.servers ?? {}).join();
    if (seen.startsWith(`${service}-`)) return;
  }
  throw new CheckTimedOut(`${url} is served by ${seen || 'nobody'}, not by ${service}`);
}
