import type { KubeObject } from '../../domain/kube-object.ts';
import { defineCheck } from '../contract.ts';
import { probe } from '../probe.ts';
import { services } from '../resources.ts';
import { mustAnswer, webContainer, webPort } from '../web-servers.ts';
import { deployAndAwait, explained } from '../workload.ts';

const name = 'balanced';
const body = 'through the load balancer';

function addressOf(service: KubeObject | undefined): string | undefined {
  const [first] = (service?.status?.loadBalancer?.ingress ?? []) as { ip?: string; hostname?: string }[];
  return first?.hostname ?? first?.ip;
}

/** Catalogue row 29. */
export const lbService = defineCheck({
  id: 'lb.service',
  title: 'A service of type LoadBalancer gets an address that answers, and gives it up when it is deleted',
  area: 'network',
  requires: ['load-balancer'],
  withinMs: 20 * 60_000,
  cleanupMs: 12 * 60_000,
  minNodes: 1,
  cost: 'cloud',
  expectedMs: 4 * 60_000,
  async run(context) {
    await context.sandbox();
    const { namespace } = context;
    await deployAndAwait(context, { name, replicas: 2, container: webContainer(context, body) }, 3 * 60_000);
    const from = context.clock.now();
    const selector = { namespace, fieldSelector: `metadata.name=${name}` };
    await context.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { type: 'LoadBalancer', selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: webPort }] },
    });
    const [service] = await context.step('it gets an address', () =>
      explained(context, () =>
        context.until('an address of the load balancer', services, selector, 8 * 60_000, ([found]) =>
          addressOf(found) === undefined ? 'its status names none: nothing has made a load balancer' : undefined,
        ),
      ),
    );
    const address = addressOf(service) as string;
    await context.step('the address answers', async () => {
      const args = ['http', '--url', `http://${address}/`, '--count', '10', '--timeout', '5s', '--retry-for', '5m'];
      const document = await probe(context, { name: 'through', args, withinMs: 8 * 60_000 });
      for (const target of document.targets) mustAnswer(context, target, body);
    });
    context.measure('lb_ready_seconds', (context.clock.now() - from) / 1000);
    const deleted = context.clock.now();
    await context.step('deleted, it goes with its load balancer', async () => {
      await context.kube.delete(services, namespace, name);
      await context.until('the service gone', services, selector, 10 * 60_000, ([found]) => {
        if (found === undefined) return undefined;
        return `it is there with finalizers ${(found.metadata.finalizers ?? []).join(', ') || 'none'}`;
      });
    });
    context.measure('lb_delete_seconds', (context.clock.now() - deleted) / 1000);
    return `${address} answered, and is gone`;
  },
});
