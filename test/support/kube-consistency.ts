import type { KubeModel } from '../../src/simulator/model/kube/kube-model.ts';
import { builtinResources } from '../../src/simulator/model/kube/resource-definition.ts';
import { selectorMatcher } from '../../src/simulator/model/kube/selectors.ts';

/**
 * Everything in a settled cluster that does not fit together: indexes that tell something else than the tables, objects without
 * their namespace or owner, budgets and replica sets that miscount, pods on nodes that are not there. Empty for a sound world.
 */
export function kubeInconsistencies(model: KubeModel): string[] {
  // Events are written down when somebody looks: first of all.
  model.truth().objects('events');
  const truth = model.truth();
  const found: string[] = [...truth.internalErrors];
  const uids = new Map<string, string>();
  const namespaces = truth.objects('namespaces');
  for (const key of new Set(builtinResources.map((each) => each.key))) {
    for (const [at, object] of truth.objects(key)) {
      const { name, namespace, uid, resourceVersion, finalizers, deletionTimestamp } = object.metadata;
      const where = `${key} ${at}`;
      if (at !== (namespace === undefined ? name : `${namespace}/${name}`))
        found.push(`${where}: is filed under another name`);
      if (uids.has(uid)) found.push(`${where}: has the uid of ${uids.get(uid)}`);
      uids.set(uid, where);
      if (!(Number(resourceVersion) <= truth.revision)) found.push(`${where}: is from the future`);
      if (namespace !== undefined && !namespaces.has(namespace)) found.push(`${where}: its namespace is gone`);
      if (deletionTimestamp !== undefined && !finalizers && key !== 'pods' && key !== 'namespaces')
        found.push(`${where}: goes, and nothing holds it`);
    }
  }
  for (const key of new Set(builtinResources.map((each) => each.key))) {
    for (const [at, { metadata }] of truth.objects(key)) {
      const owners = metadata.ownerReferences ?? [];
      if (owners.length > 0 && !owners.some((owner) => uids.has(owner.uid)))
        found.push(`${key} ${at}: has lost its owners`);
    }
  }
  return [...found, ...podProblems(model), ...budgetProblems(model), ...replicaProblems(model)];
}

function podProblems(model: KubeModel): string[] {
  const truth = model.truth();
  const found: string[] = [];
  const on = new Map<string, number>();
  for (const [at, pod] of truth.pods) {
    const node = pod.spec.nodeName;
    if (node === undefined) continue;
    on.set(node, (on.get(node) ?? 0) + 1);
    if (truth.podsOn(node).get(at) !== pod) found.push(`pods ${at}: is not in the index of ${node}`);
    if (!truth.nodes.has(node)) found.push(`pods ${at}: is on a node that is not there`);
  }
  for (const [node, count] of on)
    if (truth.podsOn(node).size !== count) found.push(`nodes ${node}: its index has pods that are gone`);
  return found;
}

function budgetProblems(model: KubeModel): string[] {
  const truth = model.truth();
  const found: string[] = [];
  for (const [at, { metadata, spec, status }] of truth.budgets) {
    if (status.conditions?.some((each) => each.reason === 'SyncFailed')) continue;
    const matches = selectorMatcher(spec.selector);
    const healthy = [...truth.pods.values()].filter(
      (pod) =>
        pod.metadata.namespace === metadata.namespace &&
        matches(pod.metadata.labels) &&
        pod.metadata.deletionTimestamp === undefined &&
        status.disruptedPods?.[pod.metadata.name] === undefined &&
        pod.status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
    ).length;
    const allowed = status.expectedPods <= 0 ? 0 : Math.max(0, healthy - status.desiredHealthy);
    if (status.currentHealthy !== healthy) found.push(`budget ${at}: counts ${status.currentHealthy} of ${healthy}`);
    if (status.disruptionsAllowed !== allowed)
      found.push(`budget ${at}: allows ${status.disruptionsAllowed} instead of ${allowed}`);
    if (status.observedGeneration !== metadata.generation) found.push(`budget ${at}: its status lags behind`);
  }
  return found;
}

function replicaProblems(model: KubeModel): string[] {
  const truth = model.truth();
  const found: string[] = [];
  for (const [at, set] of truth.objects('replicasets.apps')) {
    const active = [...truth.pods.values()].filter(
      (pod) =>
        pod.metadata.ownerReferences?.some((owner) => owner.controller === true && owner.uid === set.metadata.uid) &&
        pod.metadata.deletionTimestamp === undefined &&
        pod.status.phase !== 'Succeeded' &&
        pod.status.phase !== 'Failed',
    ).length;
    const told = (set['status'] as { replicas?: number } | undefined)?.replicas ?? 0;
    if (told !== active) found.push(`replica set ${at}: counts ${told} of ${active}`);
  }
  return found;
}
