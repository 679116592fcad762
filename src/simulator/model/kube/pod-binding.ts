import type { ClusterCore } from './cluster-core.ts';
import { type Pod, withCondition } from './kinds.ts';
import { stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** Assigns a pod to a node: the node's kubelet takes over. */
export function bindPod(
  core: ClusterCore,
  writer: ObjectWriter,
  pods: ResourceDefinition,
  pod: Pod,
  node: string,
): Pod {
  const conditions = withCondition(
    pod.status.conditions,
    { type: 'PodScheduled', status: 'True' },
    stamp(core.clock.now()),
  );
  return writer.update(pods, pod, {
    ...pod,
    metadata: { ...pod.metadata },
    spec: { ...pod.spec, nodeName: node },
    status: { ...pod.status, conditions },
  });
}
