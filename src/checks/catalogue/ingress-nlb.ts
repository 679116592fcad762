import { CheckFailed, defineCheck } from '../contract.ts';
import { probe } from '../probe.ts';
import { ingresses } from '../resources.ts';
import { mustAnswer, serveWeb } from '../web-servers.ts';
import { addressOf, classOf, hostOf, ingressOf } from './ingress-endtoend.ts';

/** `name-0123456789abcdef.elb.eu-central-1.amazonaws.com`; classic and application ones have the region before `elb`. */
const networkName = /\.elb\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?$/;

/** Catalogue row 31. */
export const ingressNlb = defineCheck({
  id: 'ingress.nlb',
  title: 'An ingress that asks for a network load balancer is reached through one',
  area: 'network',
  requires: ['ingress', 'load-balancer'],
  providers: ['aws'],
  withinMs: 15 * 60_000,
  cleanupMs: 10 * 60_000,
  minNodes: 1,
  cost: 'cloud',
  expectedMs: 4 * 60_000,
  plan: async ({ settings }) =>
    settings.get('ingress_nlb') === undefined
      ? {
          code: 'CONFIG_MISSING',
          message:
            'e2e_ingress_nlb names no annotation (name=value) by which an ingress asks for a network load balancer',
        }
      : undefined,
  async run(context) {
    await context.sandbox();
    const [annotation = '', value = ''] = (context.settings.get('ingress_nlb') as string).split('=');
    const className = await classOf(context);
    const host = hostOf(context, 'nlb');
    await serveWeb(context, { name: 'one', replicas: 2, body: 'one' });
    const plain = ingressOf(context, { className, host, paths: [['/', 'Prefix', 'one']] });
    const from = context.clock.now();
    await context.kube.create(ingresses, {
      ...plain,
      metadata: { ...plain.metadata, annotations: { [annotation]: value } },
    });
    const address = await context.step('it gets an address', () => addressOf(context));
    await context.step('the address is one of a network load balancer', async () => {
      if (!networkName.test(address))
        throw new CheckFailed(`${address} is no network load balancer: nobody heeds the annotation ${annotation}`);
    });
    await context.step('its host is routed', async () => {
      const args = ['http', '--url', `http://${host}/`, '--connect', `${address}:80`, '--timeout', '5s'];
      const { targets } = await probe(context, {
        name: 'through',
        args: [...args, '--retry-for', '5m', '--count', '10'],
        withinMs: 8 * 60_000,
      });
      for (const target of targets) mustAnswer(context, target, 'one');
    });
    context.measure('ingress_ready_seconds', (context.clock.now() - from) / 1000);
    return `${className}: ${host} by way of ${address}`;
  },
});
