import type { ClusterCore } from './cluster-core.ts';
import type { PodSpec, PodTemplate, Toleration } from './kinds.ts';
import { type Fields, isFields, listOf } from './object.ts';

const patience = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

const builtinPriorities: Record<string, number> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

function tolerates(tolerations: readonly Toleration[], key: string): boolean {
  return tolerations.some(
    (each) =>
      (each.key === undefined || each.key === '' || each.key === key) &&
      (each.effect === undefined || each.effect === '' || each.effect === 'NoExecute'),
  );
}

/**
 * What admission adds to a pod's spec: service account, priority, and five minutes of patience with nodes that are not ready.
 * Returns a new spec that shares its parts with the given one; an unknown priority class leaves `priority` unset.
 */
export function completePodSpec(core: ClusterCore, given: Fields): PodSpec {
  const spec = { ...given } as unknown as PodSpec;
  spec.serviceAccountName ??= 'default';
  spec['serviceAccount'] ??= spec.serviceAccountName;
  const name = spec.priorityClassName;
  if (name === undefined || name === '') spec.priority ??= 0;
  else {
    const known =
      builtinPriorities[name] ?? core.store.table('priorityclasses.scheduling.k8s.io').get(undefined, name)?.['value'];
    if (typeof known === 'number') spec.priority = known;
  }
  spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
  const tolerations = listOf(spec.tolerations).filter(isFields) as Toleration[];
  const added = patience
    .filter((key) => !tolerates(tolerations, key))
    .map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 }));
  if (added.length > 0) spec.tolerations = [...tolerations, ...added];
  return spec;
}

const prepared = new WeakMap<PodTemplate, PodSpec>();

/** The admitted spec of all pods that one template makes: computed once, shared by them. */
export function podSpecOf(core: ClusterCore, template: PodTemplate): PodSpec {
  let spec = prepared.get(template);
  if (!spec) {
    spec = completePodSpec(core, { enableServiceLinks: true, ...template.spec });
    spec.priority ??= 0;
    prepared.set(template, spec);
  }
  return spec;
}
