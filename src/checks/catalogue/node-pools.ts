import type { KubeObject } from '../../domain/kube-object.ts';
import { type CheckContext, CheckFailed, CheckSkipped, defineCheck } from '../contract.ts';
import { pods } from '../resources.ts';
import { explained, isReady, mustNotBeTaken, samplePodSpec, whyPodNotReady } from '../workload.ts';

/** Labels by which node pools are told apart, first one that a node has. */
const poolLabels = [
  'node.kubernetes.io/node-pool',
  'eks.amazonaws.com/nodegroup',
  'cloud.google.com/gke-nodepool',
  'kubernetes.azure.com/agentpool',
  'kops.k8s.io/instancegroup',
  'karpenter.sh/nodepool',
];

export interface Pool {
  label: string;
  name: string;
  taints: { key: string; effect: string; value?: string }[];
}

/** Pools by name, as labels of these nodes tell them apart. */
export function poolsOf(nodes: KubeObject[], ownLabel: string | undefined): Map<string, Pool> {
  const pools = new Map<string, Pool>();
  for (const node of nodes) {
    const labels = node.metadata.labels ?? {};
    const label = [...(ownLabel === undefined ? [] : [ownLabel]), ...poolLabels].find((one) => one in labels);
    if (label === undefined) continue;
    const name = labels[label] as string;
    const taints = ((node.spec?.taints ?? []) as Pool['taints']).filter(
      (taint) => !taint.key.startsWith('node.kubernetes.io/'),
    );
    pools.set(name, { label, name, taints });
  }
  return pools;
}

export function tolerationsOf(pool: Pool): object[] {
  return pool.taints.map(({ key, effect, value }) => ({
    key,
    effect,
    ...(value === undefined ? { operator: 'Exists' } : { operator: 'Equal', value }),
  }));
}

function podFor(context: CheckContext, pool: Pool): KubeObject {
  const tolerations = tolerationsOf(pool);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName(pool), namespace: context.namespace, labels: { app: 'pools' } },
    spec: { ...samplePodSpec(context), nodeSelector: { [pool.label]: pool.name }, tolerations },
  };
}

function podName(pool: Pool): string {
  return `pool-${pool.name.toLowerCase().replace(/[^a-z0-9-]/g, '-')}`.slice(0, 60).replace(/-+$/, '');
}

/** Catalogue row 21. */
export const nodePools = defineCheck({
  id: 'node.pools-run-pods',
  title: 'Every node pool runs a pod that asks for it',
  area: 'node',
  withinMs: 20 * 60_000,
  minNodes: 1,
  cost: 'small',
  async run(context) {
    const pools = [...poolsOf(await context.facts.nodes(), context.settings.get('pool_label')).values()];
    const seen = new Set(pools.map((pool) => pool.name));
    for (const pool of context.cluster.nodePools) {
      if (!seen.has(pool.name)) {
        context.note(`pool ${pool.name}`, pool.minSize > 0 ? 'fail' : 'skipped', 'it has no node now');
        if (pool.minSize > 0) throw new CheckFailed(`pool ${pool.name} has no node, its least size is ${pool.minSize}`);
      }
    }
    if (pools.length === 0) {
      throw new CheckSkipped({
        code: 'CONFIG_MISSING',
        message: 'no node has a label that names its pool (e2e_pool_label)',
      });
    }
    await context.sandbox();
    const from = context.clock.now();
    for (const pool of pools) await context.kube.create(pods, podFor(context, pool));
    const late = new Map<string, string>();
    const ready = new Set<string>();
    await explained(context, () =>
      context.until(
        'a ready pod in every pool',
        pods,
        { namespace: context.namespace, labelSelector: 'app=pools' },
        15 * 60_000,
        (items) => {
          mustNotBeTaken(items);
          for (const pool of pools) {
            const pod = items.find((item) => item.metadata.name === podName(pool));
            if (ready.has(pool.name)) continue;
            if (pod !== undefined && isReady(pod)) {
              ready.add(pool.name);
              context.measure('schedule_seconds', (context.clock.now() - from) / 1000, { pool: pool.name });
            } else late.set(pool.name, (pod && whyPodNotReady(pod)) ?? 'its pod is not ready');
          }
          const missing = pools.filter((pool) => !ready.has(pool.name));
          return missing.length === 0
            ? undefined
            : missing.map((pool) => `pool ${pool.name}: ${late.get(pool.name) ?? ''}`).join('; ');
        },
      ),
    );
    return `${pools.length} pools: ${pools.map((pool) => pool.name).join(', ')}`;
  },
});
