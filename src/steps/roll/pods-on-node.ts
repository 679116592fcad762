import type { KubeObject } from '../../domain/kube-object.ts';
import { isWorkload } from '../../planning/roll/drain-state.ts';
import type { KubeCluster, Resource } from '../../ports/kube-cluster.ts';

export const podResource: Resource = { group: '', version: 'v1', resource: 'pods', kind: 'Pod', namespaced: true };
export const nodeResource: Resource = { group: '', version: 'v1', resource: 'nodes', kind: 'Node', namespaced: false };

/**
 * Pods on the node that still have to move, from the API server itself (a quorum read) and not from a cache: `namespace/name` of
 * each. Terminating ones count. Throws when the server cannot be asked: unknown is not empty.
 */
export async function workloadPodsOn(
  kube: KubeCluster,
  node: string,
  daemonUids: ReadonlySet<string>,
): Promise<string[]> {
  const { items } = await kube.list(podResource, { fieldSelector: `spec.nodeName=${node}` });
  return items.filter((pod) => isOurs(pod, daemonUids)).map((pod) => `${pod.metadata.namespace}/${pod.metadata.name}`);
}

function isOurs(pod: KubeObject, daemonUids: ReadonlySet<string>): boolean {
  const owner = pod.metadata.ownerReferences?.find((one) => one.controller === true);
  const daemon = owner?.kind === 'DaemonSet' && daemonUids.has(owner.uid);
  const status = pod['status'] as { phase?: string } | undefined;
  return isWorkload(
    {
      mirror: pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
      phase: status?.phase ?? 'Unknown',
      labels: pod.metadata.labels ?? {},
    },
    daemon,
  );
}
