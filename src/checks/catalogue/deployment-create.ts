import { type CheckDefinition, CheckFailed } from '../contract.ts';
import { configMaps, deployments, pods } from '../resources.ts';
import { deployAndAwait, schedulableNodes } from './sample-workload.ts';

const replicas = 3;

/** Catalogue row 13. */
export const deploymentCreate: CheckDefinition = {
  id: 'workload.deployment-create',
  title: 'A deployment is scheduled onto distinct nodes, becomes ready, and its pods go when it is deleted',
  gate: 'blocking',
  serial: false,
  disruptive: false,
  dependsOn: [],
  timeoutMs: 5 * 60_000,
  async plan(context) {
    const found = (await schedulableNodes(context)).length;
    if (found >= replicas) return undefined;
    return { code: 'NOT_ENOUGH_NODES', message: `${replicas} schedulable nodes are needed, there are ${found}` };
  },
  async run(context) {
    await context.sandbox();
    await context.kube.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'marker', namespace: context.namespace, labels: context.labels },
      data: { run: context.namespace },
    });
    const items = await deployAndAwait(context, { name: 'spread', replicas, spread: true }, 3 * 60_000);
    const nodeNames = new Set(items.map((pod) => String(pod.spec?.nodeName)));
    if (nodeNames.size < replicas) {
      throw new CheckFailed(`${replicas} pods that exclude each other share nodes: ${[...nodeNames].join(', ')}`);
    }
    const zones = await zonesOf(context, nodeNames);
    await context.kube.delete(deployments, context.namespace, 'spread', { propagation: 'Background' });
    await context.until(
      'the pods of the deleted deployment gone',
      pods,
      { namespace: context.namespace, labelSelector: 'app=spread' },
      90_000,
      (left) => (left.length === 0 ? undefined : `${left.length} pods are left`),
    );
    return `${replicas} pods on ${nodeNames.size} nodes in ${zones} zones, gone after the deletion`;
  },
};

async function zonesOf(context: Parameters<typeof schedulableNodes>[0], nodeNames: Set<string>): Promise<number> {
  const found = await schedulableNodes(context);
  const zones = found
    .filter((node) => nodeNames.has(node.metadata.name))
    .map((node) => node.metadata.labels?.['topology.kubernetes.io/zone']);
  return new Set(zones).size;
}
