/** What commits of a scripted repository render to. */
import type { Cluster } from '../../../src/domain/cluster.ts';
import type { RenderedCluster } from '../../../src/domain/rendered.ts';
import type { CommitContent } from './scripted-source.ts';

/** `a|b|c` is `a` for the first third of the clusters, and so on: a commit that changes some clusters only. */
export function partOf(text: string, cluster: Pick<Cluster, 'localId'>): string {
  if (!text.includes('|')) return text;
  const parts = text.split('|');
  return parts[Number(/\d+$/.exec(cluster.localId)?.[0] ?? 0) % parts.length] as string;
}

/** What of a commit's content is the cluster's. */
export function contentFor(cluster: Cluster, whole: CommitContent): Omit<CommitContent, 'broken'> {
  return {
    stack: partOf(whole.stack, cluster),
    // config items of the cluster change what renders, as an edit of the registry does
    manifest: cluster.configItems['manifest'] ?? partOf(whole.manifest, cluster),
    pool: cluster.configItems['pool'] ?? partOf(whole.pool, cluster),
  };
}

/** Three stacks, a component and two pools, all of texts. */
export function scriptedRender(cluster: Cluster, commit: string, whole: CommitContent): RenderedCluster {
  const content = contentFor(cluster, whole);
  const tags = { [`kubernetes.io/cluster/${cluster.id}`]: 'owned' };
  const poolStack = (pool: string) => ({
    name: `nodepool-${pool}-${cluster.id.replaceAll(':', '-')}`,
    kind: 'node-pool' as const,
    pool,
    template: `template ${pool} ${content.pool}`,
    parameters: {},
    tags,
    digest: `${pool}-${content.pool}`,
  });
  const pool = (name: string, controlPlane: boolean) => ({
    name,
    profile: controlPlane ? 'master-default' : 'worker-splitaz',
    controlPlane,
    stackName: poolStack(name).name,
    digest: `${name}-${content.pool}`,
  });
  return {
    clusterId: cluster.id,
    commit,
    digest: `${content.stack}-${content.manifest}-${content.pool}`.padEnd(64, '0'),
    stacks: [
      {
        name: cluster.localId,
        kind: 'cluster',
        template: `template ${content.stack}`,
        parameters: {},
        tags,
        digest: content.stack,
      },
      poolStack('master'),
      poolStack('worker'),
    ],
    components: [
      {
        name: 'coredns',
        digest: content.manifest,
        objects: [
          {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { name: 'coredns', namespace: 'kube-system' },
            data: { config: content.manifest },
          },
          {
            apiVersion: 'apps/v1',
            kind: 'Deployment',
            metadata: { name: 'coredns', namespace: 'kube-system' },
            spec: { replicas: 1, template: { metadata: { annotations: { config: content.manifest } } } },
          },
        ],
      },
    ],
    pools: [pool('master', true), pool('worker', false)],
    karpenterPools: [],
    deletions: { preApply: [], postApply: [], preApplyStacks: [], postApplyStacks: [] },
  };
}
