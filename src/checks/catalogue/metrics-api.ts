import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, defineCheck } from '../contract.ts';

const namedAtMost = 5;
const base = '/apis/metrics.k8s.io/v1beta1';

/** Read plainly: lists of the metrics API have no resource version. */
async function namesIn(context: CheckContext, path: string): Promise<Set<string>> {
  const { status, body } = await context.kube.raw(`${base}/${path}`);
  if (status !== 200) throw new CheckFailed(`the metrics API answers ${status} for ${path}: ${body.slice(0, 120)}`);
  const { items = [] } = JSON.parse(body) as { items?: KubeObject[] };
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
    const ready = (await context.facts.schedulableNodes()).map((node) => node.metadata.name);
    const known = await namesIn(context, 'nodes');
    const missing = ready.filter((node) => !known.has(node));
    if (missing.length > 0) {
      throw new CheckFailed(
        `the metrics API has nothing of ${missing.length} of ${ready.length} ready nodes: ${missing.slice(0, namedAtMost).join(', ')}`,
      );
    }
    const pods = await namesIn(context, 'namespaces/kube-system/pods');
    if (pods.size === 0) throw new CheckFailed('the metrics API knows no pod of kube-system');
    return `${ready.length} nodes and ${pods.size} pods of kube-system have metrics`;
  },
});
