import type { KubeObject } from '../../domain/kube-object.ts';
import { defineCheck } from '../contract.ts';
import { daemonSets, nodes, pods } from '../resources.ts';
import { explained, isReady, samplePodSpec, untilNoPods, whyPodNotReady } from '../workload.ts';

const name = 'everywhere';
const namedAtMost = 5;

function isReadyNode(node: KubeObject): boolean {
  const conditions: { type: string; status: string }[] = node.status?.conditions ?? [];
  return conditions.some((one) => one.type === 'Ready' && one.status === 'True') && !node.metadata.deletionTimestamp;
}

/** Catalogue row 16. */
export const daemonSetAllNodes = defineCheck({
  id: 'workload.daemonset-all-nodes',
  title: 'A DaemonSet that tolerates everything runs on every ready node',
  area: 'workload',
  withinMs: 10 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    await context.sandbox({ pods: 6_000 });
    const { namespace } = context;
    const labels = { ...context.labels, app: name };
    await context.kube.create(daemonSets, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels },
          spec: { ...samplePodSpec(context), tolerations: [{ operator: 'Exists' }] },
        },
      },
    });
    const wanted = (await context.kube.list(nodes)).items.filter(isReadyNode).map((node) => node.metadata.name);
    let covered = 0;
    let missing: string[] = [];
    try {
      await explained(context, () =>
        context.until(
          'a ready pod on every ready node',
          pods,
          { namespace, labelSelector: `app=${name}` },
          5 * 60_000,
          (items) => {
            const ready = new Set(items.filter(isReady).map((pod) => String(pod.spec?.nodeName)));
            missing = wanted.filter((node) => !ready.has(node));
            covered = ready.size;
            if (missing.length === 0) return undefined;
            const why = items.map(whyPodNotReady).find((reason) => reason !== undefined);
            return `${missing.length} of ${wanted.length} nodes have none: ${missing.slice(0, namedAtMost).join(', ')}${why === undefined ? '' : `; ${why}`}`;
          },
        ),
      );
    } finally {
      context.measure('node_missing', missing.length);
    }
    await context.kube.delete(daemonSets, namespace, name, { propagation: 'Background' });
    await untilNoPods(context, `app=${name}`, 2 * 60_000);
    return `a ready pod on each of ${covered} nodes, gone with the DaemonSet`;
  },
});
