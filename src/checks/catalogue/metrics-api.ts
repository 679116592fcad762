import type { KubeObject } from '../../domain/kube-object.ts';
import { CheckFailed, defineCheck } from '../contract.ts';

const namedAtMost = 5;

function names(items: KubeObject[]): Set<string> {
  return new Set(items.map((item) => item.metadata.name));
}

/** Catalogue row 44. */
export const metricsApi = defineCheck({
  id: 'obs.metrics-api',
  title: 'The metrics API knows every ready node, and pods',
  area: 'observability',
  requires: ['metrics-api'],
  minNodes: 1,
  withinMs: 3 * 60_000,
  expectedMs: 5_000,
  async run(context) {
    const nodeMetrics = await context.kube.resourceOf('metrics.k8s.io/v1beta1', 'NodeMetrics');
    const podMetrics = await context.kube.resourceOf('metrics.k8s.io/v1beta1', 'PodMetrics');
    const ready = (await context.facts.schedulableNodes()).map((node) => node.metadata.name);
    const known = names((await context.kube.list(nodeMetrics)).items);
    const missing = ready.filter((node) => !known.has(node));
    if (missing.length > 0) {
      throw new CheckFailed(
        `the metrics API has nothing of ${missing.length} of ${ready.length} ready nodes: ${missing.slice(0, namedAtMost).join(', ')}`,
      );
    }
    const { items } = await context.kube.list(podMetrics, { namespace: 'kube-system' });
    if (items.length === 0) throw new CheckFailed('the metrics API knows no pod of kube-system');
    return `${ready.length} nodes and ${items.length} pods of kube-system have metrics`;
  },
});
