import { CheckFailed, defineCheck } from '../contract.ts';
import { configMaps, deployments } from '../resources.ts';
import { deployAndAwait, mustShareNoNode, untilNoPods, zonesOfNodes } from '../workload.ts';

const replicas = 3;

/** Catalogue row 13. */
export const deploymentCreate = defineCheck({
  id: 'workload.deployment-create',
  title: 'A deployment gets its pods, on distinct nodes and zones, and they go with it',
  area: 'workload',
  withinMs: 5 * 60_000,
  minNodes: replicas,
  cost: 'small',
  async run(context) {
    await context.sandbox();
    await context.kube.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'marker', namespace: context.namespace },
      data: { run: context.namespace },
    });
    const items = await context.step('pods are scheduled, run and are ready', () =>
      deployAndAwait(context, { name: 'spread', replicas, spread: true }, 3 * 60_000),
    );
    const nodeNames = await context.step('pods are on distinct nodes', async () => mustShareNoNode(items));
    const zones = await zonesOfNodes(context, nodeNames);
    const available = await context.facts.zones();
    if (available.length < 2) context.note('pods are in distinct zones', 'skipped', 'NOT_ENOUGH_ZONES');
    else {
      await context.step('pods are in distinct zones', async () => {
        const wanted = Math.min(replicas, available.length);
        if (zones.length < wanted) {
          throw new CheckFailed(
            `${replicas} spread pods are in ${zones.length} zones of ${available.length}: ${zones.join(', ')}`,
          );
        }
      });
    }
    await context.step('pods go with their deployment', async () => {
      const from = context.clock.now();
      await context.kube.delete(deployments, context.namespace, 'spread', { propagation: 'Background' });
      await untilNoPods(context, 'app=spread', 90_000);
      context.measure('action_duration_seconds', (context.clock.now() - from) / 1000, {
        resource: 'Deployment',
        action: 'delete',
      });
    });
    return `${replicas} pods on ${nodeNames.size} nodes in ${zones.length} zones, gone after the deletion`;
  },
});
