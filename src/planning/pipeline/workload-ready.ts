/** Has a workload arrived at what its spec says? As kubectl's rollout status sees it. */
import type { KubeObject } from '../../domain/kube-object.ts';

export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

/** undefined when ready; otherwise why not. */
export function whyNotReady(object: KubeObject): string | undefined {
  const status = (object['status'] ?? {}) as Record<string, unknown>;
  const spec = (object['spec'] ?? {}) as Record<string, unknown>;
  if (number(status['observedGeneration']) < number(object.metadata.generation))
    return 'its controller has not seen it yet';
  switch (object.kind) {
    case 'DaemonSet':
      return daemonSet(status);
    case 'Deployment':
      return replicated(spec, status, 'availableReplicas');
    case 'StatefulSet':
      return replicated(spec, status, 'readyReplicas');
    default:
      return undefined;
  }
}

function replicated(
  spec: Record<string, unknown>,
  status: Record<string, unknown>,
  upField: string,
): string | undefined {
  const wanted = typeof spec['replicas'] === 'number' ? spec['replicas'] : 1;
  const updated = number(status['updatedReplicas']);
  if (updated < wanted) return `${updated} of ${wanted} replicas are updated`;
  const up = number(status[upField]);
  return up < wanted ? `${up} of ${wanted} replicas are available` : undefined;
}

function daemonSet(status: Record<string, unknown>): string | undefined {
  const wanted = number(status['desiredNumberScheduled']);
  const updated = number(status['updatedNumberScheduled']);
  if (updated < wanted) return `${updated} of ${wanted} pods are updated`;
  const up = number(status['numberAvailable']);
  return up < wanted ? `${up} of ${wanted} pods are available` : undefined;
}
