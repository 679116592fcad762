import type { ClusterCore } from '../../kube/cluster-core.ts';
import { matchesNodeSelection, requestsOf, untoleratedTaint } from '../../kube/controllers/node-fit.ts';
import { isPodFinished, mirrorAnnotation, type Node, type Pod } from '../../kube/kinds.ts';
import { controllerOf } from '../../kube/object.ts';
import { parseQuantity } from '../../kube/quantity.ts';
import { selectorMatcher } from '../../kube/selectors.ts';

export interface Room {
  cpu: number;
  memory: number;
  pods: number;
}

export function allocatable(node: Node): Room {
  const amount = (name: string): number => parseQuantity(node.status.allocatable?.[name]) ?? 0;
  return { cpu: amount('cpu'), memory: amount('memory'), pods: amount('pods') };
}

export function isDaemonPod(pod: Pod): boolean {
  return controllerOf(pod)?.kind === 'DaemonSet' || pod.metadata.annotations?.[mirrorAnnotation] !== undefined;
}

/** What is left on a node, with all its pods or with its daemons' alone (as a fresh one of its kind would have). */
export function roomOn(core: ClusterCore, node: Node, daemonsOnly: boolean): Room {
  const room = allocatable(node);
  for (const pod of core.store.podsOn(node.metadata.name).values()) {
    if (isPodFinished(pod) || (daemonsOnly && !isDaemonPod(pod))) continue;
    take(room, pod);
  }
  return room;
}

export function take(room: Room, pod: Pod): void {
  const { cpu, memory } = requestsOf(pod.spec);
  room.cpu -= cpu;
  room.memory -= memory;
  room.pods -= 1;
}

export function hasRoom(room: Room, pod: Pod): boolean {
  const { cpu, memory } = requestsOf(pod.spec);
  return room.cpu >= cpu && room.memory >= memory && room.pods >= 1;
}

/** Whether the pod may run on a node like this one at all. Taints of a node that is still coming up do not count. */
export function mayRunOn(pod: Pod, node: Node): boolean {
  const taints = (node.spec.taints ?? []).filter((taint) => !taint.key.startsWith('node.kubernetes.io/'));
  const bare: Node = { ...node, spec: { ...node.spec, taints } };
  return matchesNodeSelection(pod.spec, bare) && untoleratedTaint(pod.spec, bare) === undefined;
}

/** The pod wants no other of these on its node. */
export function excludes(pod: Pod, others: readonly Pod[]): boolean {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some((term) => {
    const matches = selectorMatcher(term.labelSelector);
    return (
      term.topologyKey === 'kubernetes.io/hostname' &&
      others.some((each) => each.metadata.namespace === pod.metadata.namespace && matches(each.metadata.labels))
    );
  });
}

/** Fills nodes like the template one after another, first fit; returns how many, and the pods that they take. */
export function nodesFor(
  pods: readonly Pod[],
  template: Node,
  fresh: Room,
  most: number,
): { nodes: number; taken: Pod[] } {
  const nodes: { room: Room; pods: Pod[] }[] = [];
  const taken: Pod[] = [];
  for (const pod of pods) {
    if (!mayRunOn(pod, template) || !hasRoom(fresh, pod)) continue;
    let target = nodes.find((each) => hasRoom(each.room, pod) && !excludes(pod, each.pods));
    if (!target) {
      if (nodes.length >= most) continue;
      target = { room: { ...fresh }, pods: [] };
      nodes.push(target);
    }
    take(target.room, pod);
    target.pods.push(pod);
    taken.push(pod);
  }
  return { nodes: nodes.length, taken };
}
