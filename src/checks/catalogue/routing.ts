import type { KubeObject } from '../../domain/kube-object.ts';
import type { Resource } from '../../ports/kube-cluster.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';
import { answeredWith, RouteTraffic, servedBy } from '../route-traffic.ts';
import { serveWeb } from '../web-servers.ts';
import { explained } from '../workload.ts';
import { hostOf } from './ingress-endtoend.ts';

const name = 'web';
const addressWithinMs = 8 * 60_000;
const header = 'x-clm-route';
/** Of the first, while both serve; then of the second, step by step. */
const share = 0.7;
const limit = 5;

/** Catalogue row 32, in the words of the Gateway API. */
export const gatewayApi = defineCheck({
  id: 'routing.gateway-api',
  title: 'A gateway routes hosts, headers and shares of traffic as HTTPRoutes say, and follows when they change',
  area: 'network',
  requires: ['gateway-api', 'load-balancer'],
  withinMs: 30 * 60_000,
  cleanupMs: 10 * 60_000,
  minNodes: 1,
  cost: 'cloud',
  expectedMs: 5 * 60_000,
  async run(context) {
    await context.sandbox();
    const className = await gatewayClassOf(context);
    const gateways = await context.kube.resourceOf('gateway.networking.k8s.io/v1', 'Gateway');
    const routes = await context.kube.resourceOf('gateway.networking.k8s.io/v1', 'HTTPRoute');
    await context.kube.create(gateways, {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: { name, namespace: context.namespace },
      spec: { gatewayClassName: className, listeners: [{ name: 'http', protocol: 'HTTP', port: 80 }] },
    });
    const address = await context.step('the gateway gets an address', () =>
      addressOf(context, gateways, (item) => (item.status?.addresses as { value?: string }[] | undefined)?.[0]?.value),
    );
    const hosts = [hostOf(context, 'gateway'), hostOf(context, 'gateway-too')];
    const [host = ''] = hosts;
    await serve(context);
    await context.kube.create(routes, httpRoute(context, hosts, 1 - share));
    const traffic = new RouteTraffic(context, address);
    await mustRoute(context, traffic, hosts);
    await context.step('a redirect is answered by the gateway', async () => {
      const target = await traffic.until(`http://${host}/moved`, [], answeredWith(301));
      if (!(target.location ?? '').startsWith('https://'))
        throw new CheckFailed(`http://${host}/moved leads to '${target.location ?? ''}', not to https`);
    });
    context.note('too many requests are refused', 'skipped', 'the Gateway API has no words for limits');
    await mustShift(context, traffic, host, (ofTwo) =>
      context.kube.patch(routes, context.namespace, name, {
        type: 'merge',
        body: { spec: httpRoute(context, hosts, ofTwo).spec as object },
      }),
    );
    return `${className}: ${host} by way of ${address}`;
  },
});

/** Catalogue row 32, in the words of Skipper. */
export const routeGroup = defineCheck({
  id: 'routing.routegroup',
  title:
    'A RouteGroup routes hosts, headers and shares of traffic, refuses what is too much, and follows when it changes',
  area: 'network',
  requires: ['routegroup', 'load-balancer'],
  withinMs: 30 * 60_000,
  cleanupMs: 10 * 60_000,
  minNodes: 1,
  cost: 'cloud',
  expectedMs: 5 * 60_000,
  async run(context) {
    await context.sandbox();
    const groups = await context.kube.resourceOf('zalando.org/v1', 'RouteGroup');
    const hosts = [hostOf(context, 'routes'), hostOf(context, 'routes-too')];
    const [host = ''] = hosts;
    await serve(context);
    await context.kube.create(groups, routeGroupOf(context, hosts, 1 - share));
    const address = await context.step('the RouteGroup gets an address', () =>
      addressOf(context, groups, (item) => {
        const given = item.status?.loadBalancer?.routeGroup as { hostname?: string; ip?: string }[] | undefined;
        return given?.[0]?.hostname ?? given?.[0]?.ip;
      }),
    );
    const traffic = new RouteTraffic(context, address);
    await mustRoute(context, traffic, hosts);
    await context.step('a shunt answers without a backend', async () => {
      await traffic.until(`http://${host}/shunt`, [], answeredWith(418));
    });
    await context.step('too many requests are refused', async () => {
      const target = await traffic.ask(`http://${host}/limited`, ['--count', String(4 * limit)]);
      const statuses = target.statuses ?? {};
      if ((statuses['429'] ?? 0) === 0)
        throw new CheckFailed(
          `${4 * limit} requests where ${limit} a minute are agreed, and none was refused: ${JSON.stringify(statuses)}`,
        );
    });
    await mustShift(context, traffic, host, (ofTwo) =>
      context.kube.patch(groups, context.namespace, name, {
        type: 'merge',
        body: { spec: routeGroupOf(context, hosts, ofTwo).spec as object },
      }),
    );
    return `${host} by way of ${address}`;
  },
});

async function serve(context: CheckContext): Promise<void> {
  await serveWeb(context, { name: 'one', replicas: 2, body: 'one' });
  await serveWeb(context, { name: 'two', replicas: 2, body: 'two' });
}

async function addressOf(
  context: CheckContext,
  resource: Resource,
  given: (item: KubeObject) => string | undefined,
): Promise<string> {
  const selector = { namespace: context.namespace, fieldSelector: `metadata.name=${name}` };
  const [found] = await explained(context, () =>
    context.until(`an address of the ${resource.kind}`, resource, selector, addressWithinMs, ([item]) =>
      item !== undefined && given(item) !== undefined ? undefined : 'its status names none: no controller takes it',
    ),
  );
  return given(found as KubeObject) as string;
}

/** Hosts, Hosts, headers and filters. */
async function mustRoute(context: CheckContext, traffic: RouteTraffic, hosts: string[]): Promise<void> {
  const [host = ''] = hosts;
  for (const each of hosts)
    await context.step(`${each} is routed`, () => traffic.until(`http://${each}/`, [], answeredWith(200)));
  await context.step('a header decides', () =>
    traffic.until(`http://${host}/`, ['--header', `${header}: two`, '--count', '10'], servedBy('two')),
  );
  await context.step('a filter changes the answer', async () => {
    const shown = (target: { headers?: Record<string, string> }): string | undefined =>
      target.headers?.[header] === 'seen'
        ? undefined
        : `has no header ${header}: ${JSON.stringify(target.headers ?? {})}`;
    await traffic.until(`http://${host}/hostname`, ['--show-header', header], shown);
  });
  await context.step(`${Math.round(share * 100)} % go to one`, () =>
    traffic.mustShare(`http://${host}/`, 'one', share),
  );
}

/** Blue and green: half of it, then all of it, without an answer that is none. */
async function mustShift(
  context: CheckContext,
  traffic: RouteTraffic,
  host: string,
  change: (ofTwo: number) => Promise<unknown>,
): Promise<void> {
  for (const ofTwo of [0.5, 1]) {
    await context.step(`${ofTwo * 100} % go to two`, async () => {
      await change(ofTwo);
      await context.pause(10_000);
      await traffic.mustShare(`http://${host}/`, 'two', ofTwo);
    });
  }
}

async function gatewayClassOf(context: CheckContext): Promise<string> {
  const set = context.settings.get('gateway_class');
  if (set !== undefined) return set;
  const classes = await context.kube.resourceOf('gateway.networking.k8s.io/v1', 'GatewayClass');
  const names = (await context.kube.list(classes)).items.map((item) => item.metadata.name);
  if (names.length === 1) return names[0] as string;
  throw new CheckFailed(
    names.length === 0
      ? 'there is no GatewayClass: nothing takes gateways'
      : `there are several GatewayClasses (${names.join(', ')}): say which in e2e_gateway_class`,
  );
}

/** Whole numbers, as both want them. */
const weights = (ofTwo: number): [one: number, two: number] => [Math.round(100 * (1 - ofTwo)), Math.round(100 * ofTwo)];

function httpRoute(context: CheckContext, hosts: string[], ofTwo: number): KubeObject {
  const [one, two] = weights(ofTwo);
  const to = (service: string, weight = 1): object => ({ name: service, port: 80, weight });
  const at = (value: string, type = 'PathPrefix'): object => ({ path: { type, value } });
  const marked = { type: 'ResponseHeaderModifier', responseHeaderModifier: { set: [{ name: header, value: 'seen' }] } };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: context.namespace },
    spec: {
      parentRefs: [{ name }],
      hostnames: hosts,
      rules: [
        { matches: [{ ...at('/'), headers: [{ name: header, value: 'two' }] }], backendRefs: [to('two')] },
        {
          matches: [at('/moved', 'Exact')],
          filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }],
        },
        { matches: [at('/hostname', 'Exact')], filters: [marked], backendRefs: [to('one')] },
        { matches: [at('/')], backendRefs: [to('one', one), to('two', two)] },
      ],
    },
  };
}

function routeGroupOf(context: CheckContext, hosts: string[], ofTwo: number): KubeObject {
  const [one, two] = weights(ofTwo);
  const backend = (service: string): object => ({
    name: service,
    type: 'service',
    serviceName: service,
    servicePort: 80,
  });
  const shared = [
    { backendName: 'one', weight: one },
    { backendName: 'two', weight: two },
  ];
  const only = (backendName: string): object[] => [{ backendName, weight: 1 }];
  return {
    apiVersion: 'zalando.org/v1',
    kind: 'RouteGroup',
    metadata: { name, namespace: context.namespace },
    spec: {
      hosts,
      backends: [backend('one'), backend('two'), { name: 'none', type: 'shunt' }],
      routes: [
        { pathSubtree: '/', predicates: [`Header("${header}", "two")`], backends: only('two') },
        { path: '/shunt', filters: ['status(418)', 'inlineContent("a teapot")'], backends: only('none') },
        { path: '/limited', filters: [`ratelimit(${limit}, "1m")`], backends: only('one') },
        { path: '/hostname', filters: [`setResponseHeader("${header}", "seen")`], backends: only('one') },
        { pathSubtree: '/', backends: shared },
      ],
    },
  };
}
