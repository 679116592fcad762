/** Ways into the cluster that are not a plain Ingress. */
import { addon, definition } from '../addons.ts';
import type { CheckCase } from '../check-cases.ts';
import type { CheckWorld } from '../check-world.ts';
import { balancers, ingress } from './addon-cases.ts';

const minute = 60_000;

/** A proxy behind a load balancer of its own. */
function proxy(world: CheckWorld, name: string, image: string, annotations: object = {}): void {
  world.kube.seed([
    addon(name, image, [`--publish-service=kube-system/${name}`], [80]),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'kube-system', annotations },
      spec: {
        type: 'LoadBalancer',
        selector: { app: name },
        ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      },
    },
  ]);
}

async function gateways(world: CheckWorld): Promise<void> {
  const group = 'gateway.networking.k8s.io';
  balancers(world);
  world.kube.seed([
    definition(group, 'gatewayclasses', 'GatewayClass', 'Cluster'),
    definition(group, 'gateways', 'Gateway'),
    definition(group, 'httproutes', 'HTTPRoute'),
  ]);
  await world.pass(minute);
  world.kube.seed([
    { apiVersion: `${group}/v1`, kind: 'GatewayClass', metadata: { name: 'shared' }, spec: { controllerName: 'x/y' } },
  ]);
  proxy(world, 'gateway', 'envoyproxy/envoy-gateway:v1.2');
  await world.pass(5 * minute);
}

async function skipper(world: CheckWorld): Promise<void> {
  balancers(world);
  world.kube.seed([definition('zalando.org', 'routegroups', 'RouteGroup')]);
  await world.pass(minute);
  proxy(world, 'skipper', 'zalando/skipper:v0.21');
  await world.pass(5 * minute);
}

const switchedOff = (name: string) => (world: CheckWorld) =>
  world.kube.runtimeFaults.set({ addons: { [name]: 'off' } });
const withMistake = (mistake: string) => (world: CheckWorld) =>
  world.kube.runtimeFaults.set({ proxyMistakes: [mistake] as never });

/** Mistakes that a proxy can make with either spelling. */
const mistakes = {
  'a proxy that ignores weights': {
    by: withMistake('weights'),
    message: /^one gives \d+ of 200 answers, and 70 % are wanted \(chi-square \d+\.\d\) of http:/,
  },
  'a proxy that ignores headers': {
    by: withMistake('headers'),
    outcome: 'timedout',
    message: /x-clm-route: two .*: is served by .*, not by two$/,
  },
  'a proxy that changes no answers': {
    by: withMistake('filters'),
    outcome: 'timedout',
    message: /has no header x-clm-route: /,
  },
};

export const routingCases: CheckCase[] = [
  {
    check: 'routing.gateway-api',
    given: gateways,
    evidence: /^shared: gateway-[0-9a-f]{8}\.clm-e2e\.invalid by way of \S+$/,
    broken: {
      ...mistakes,
      'a controller that does nothing': {
        by: switchedOff('gateway-api'),
        outcome: 'timedout',
        message: /^an address of the Gateway: not within 480 s; its status names none: no controller takes it/,
      },
      'two classes, and none is named': {
        by: (world) =>
          world.kube.seed([
            {
              apiVersion: 'gateway.networking.k8s.io/v1',
              kind: 'GatewayClass',
              metadata: { name: 'other' },
              spec: { controllerName: 'x/z' },
            },
          ]),
        message: /^there are several GatewayClasses \(other, shared\): say which in e2e_gateway_class$/,
      },
    },
  },
  {
    check: 'routing.routegroup',
    given: skipper,
    evidence: /^routes-[0-9a-f]{8}\.clm-e2e\.invalid by way of \S+$/,
    broken: {
      ...mistakes,
      'a proxy that lets everything through': {
        by: withMistake('limits'),
        message: /^20 requests where 5 a minute are agreed, and none was refused: \{"404":20\}$/,
      },
      'a controller that does nothing': {
        by: switchedOff('skipper'),
        outcome: 'timedout',
        message: /^an address of the RouteGroup: not within 480 s; its status names none/,
      },
    },
  },
  {
    check: 'ingress.nlb',
    given: async (world) => {
      world.cluster.configItems['e2e_ingress_nlb'] = 'zalando.org/aws-load-balancer-type=nlb';
      ingress(world, ['--publish-nlb-service=kube-system/ingress-nlb']);
      world.kube.seed([
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: {
            name: 'ingress-nlb',
            namespace: 'kube-system',
            annotations: { 'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb' },
          },
          spec: {
            type: 'LoadBalancer',
            selector: { app: 'ingress' },
            ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
          },
        },
      ]);
      await world.pass(8 * minute);
    },
    evidence: /^nginx: nlb-[0-9a-f]{8}\.clm-e2e\.invalid by way of \S+\.elb\.\S+\.amazonaws\.com$/,
    broken: {
      'an annotation that nobody heeds': {
        by: (world) => {
          world.cluster.configItems['e2e_ingress_nlb'] = 'example.org/balancer=network';
        },
        message: /^\S+ is no network load balancer: nobody heeds the annotation example\.org\/balancer$/,
      },
      'nodes that route no service': {
        by: (world) => world.kube.runtimeFaults.set({ proxyDown: ['*'] }),
        message: /failed: /,
      },
    },
  },
];
