import { CheckFailed, defineCheck } from '../contract.ts';
import { daemonSets, pods } from '../resources.ts';

const namedAtMost = 5;

/** Catalogue row 4. */
export const daemonSetCurrent = defineCheck({
  id: 'system.daemonset-current',
  title: 'No node runs a pod of an old version of a DaemonSet that is updated on deletion',
  area: 'workload',
  gate: 'informing',
  withinMs: 60 * 60_000,
  expectedMs: 1_000,
  retries: 0,
  async run(context) {
    const sets = (await context.kube.list(daemonSets)).items.filter(
      (set) => set.spec?.updateStrategy?.type === 'OnDelete',
    );
    const stale: { node: string; set: string }[] = [];
    for (const set of sets) {
      const { items } = await context.kube.list(pods, { namespace: set.metadata.namespace ?? '' });
      const own = items.filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === set.metadata.uid));
      const current = String(set.metadata.generation ?? 0);
      for (const pod of own) {
        const generation = pod.metadata.labels?.['pod-template-generation'];
        if (generation !== undefined && generation !== current) {
          stale.push({ node: String(pod.spec?.nodeName), set: set.metadata.name });
        }
      }
    }
    const nodes = new Set(stale.map((one) => one.node));
    context.measure('stale_nodes', nodes.size);
    if (nodes.size > 0) {
      const named = stale.slice(0, namedAtMost).map(({ node, set }) => `${set} on ${node}`);
      throw new CheckFailed(
        `${nodes.size} nodes run old pods of OnDelete DaemonSets: ${named.join(', ')}; they go with a roll`,
      );
    }
    return `${sets.length} DaemonSets are updated on deletion; every node is current`;
  },
});
