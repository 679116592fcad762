import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, defineCheck } from '../contract.ts';
import { deployments, endpointSlices, services } from '../resources.ts';
import { deployAndAwait, scale } from '../workload.ts';

const replicas = 2;
const name = 'endpoints';

function readyEndpoints(slices: KubeObject[]): number {
  let count = 0;
  for (const slice of slices) {
    for (const endpoint of (slice.endpoints ?? []) as { conditions?: { ready?: boolean } }[]) {
      if (endpoint.conditions?.ready !== false) count += 1;
    }
  }
  return count;
}

async function untilEndpoints(context: CheckContext, wanted: number): Promise<void> {
  await context.step(`${wanted} ready endpoints`, () =>
    context.until(
      `${wanted} ready endpoints of service ${name}`,
      endpointSlices,
      { namespace: context.namespace, labelSelector: `kubernetes.io/service-name=${name}` },
      60_000,
      (slices) => {
        const found = readyEndpoints(slices);
        return found === wanted ? undefined : `its EndpointSlices list ${found} ready endpoints, wanted ${wanted}`;
      },
    ),
  );
}

/** Catalogue row 23. */
export const serviceEndpoints = defineCheck({
  id: 'network.service-endpoints',
  title: 'A service follows its pods: no endpoints, then one a ready pod, then none',
  area: 'network',
  uses: [endpointSlices],
  withinMs: 5 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    await context.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: context.namespace },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }] },
    });
    await untilEndpoints(context, 0);
    await deployAndAwait(context, { name, replicas }, 2 * 60_000);
    await untilEndpoints(context, replicas);
    await scale(context, deployments, name, 0);
    await untilEndpoints(context, 0);
    await context.kube.delete(services, context.namespace, name);
    await context.step('slices go with the service', () =>
      context.until(
        `the EndpointSlices of service ${name} gone`,
        endpointSlices,
        { namespace: context.namespace, labelSelector: `kubernetes.io/service-name=${name}` },
        60_000,
        (slices) => (slices.length === 0 ? undefined : `${slices.length} EndpointSlices are left`),
      ),
    );
    return `0 → ${replicas} → 0 endpoints, gone with the service`;
  },
});
