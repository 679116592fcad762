import type { KubeObject } from '../../domain/kube-object.ts';
import type { CheckContext, CheckDefinition } from '../contract.ts';
import { deployments, endpointSlices, services } from '../resources.ts';
import { deployAndAwait } from './sample-workload.ts';

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
  await context.until(
    `${wanted} ready endpoints of service ${name}`,
    endpointSlices,
    { namespace: context.namespace, labelSelector: `kubernetes.io/service-name=${name}` },
    60_000,
    (slices) => {
      const found = readyEndpoints(slices);
      return found === wanted ? undefined : `its EndpointSlices list ${found} ready endpoints, wanted ${wanted}`;
    },
  );
}

/** Catalogue row 23. */
export const serviceEndpoints: CheckDefinition = {
  id: 'network.service-endpoints',
  title: 'A service follows its pods: no endpoints, then one a ready pod, then none',
  gate: 'blocking',
  serial: false,
  disruptive: false,
  dependsOn: [],
  timeoutMs: 4 * 60_000,
  async run(context) {
    await context.sandbox();
    await context.kube.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: context.namespace, labels: context.labels },
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 80, protocol: 'TCP' }] },
    });
    await untilEndpoints(context, 0);
    await deployAndAwait(context, { name, replicas, spread: false }, 2 * 60_000);
    await untilEndpoints(context, replicas);
    await context.kube.patch(
      deployments,
      context.namespace,
      name,
      { type: 'merge', body: { spec: { replicas: 0 } } },
      { subresource: 'scale' },
    );
    await untilEndpoints(context, 0);
    return `0 → ${replicas} → 0 endpoints`;
  },
};
