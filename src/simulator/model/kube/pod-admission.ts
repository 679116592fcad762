import { type ApiError, forbidden, invalid, type Violation } from './api-error.ts';
import type { ClusterCore } from './cluster-core.ts';
import type { PodSpec, PodTemplate, Toleration } from './kinds.ts';
import { type Fields, fieldsOf, isFields, listOf, type SimObject, shownText } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

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

const mirrored = 'kubernetes.io/config.mirror';

/**
 * The refusal of a new pod whose service account is not there; undefined: it is. For the account that a controller gives every
 * namespace the server waits a moment, so where controllers are at work it is as good as made. Mirror pods have none.
 */
export function accountRefusal(
  core: ClusterCore,
  definition: ResourceDefinition,
  pod: SimObject,
): ApiError | undefined {
  const { name, generateName, namespace = '', annotations } = pod.metadata;
  if (annotations?.[mirrored] !== undefined) return undefined;
  const account = shownText(fieldsOf(pod['spec'])['serviceAccountName'] ?? '') || 'default';
  if (core.store.table('serviceaccounts').get(namespace, account)) return undefined;
  if (account === 'default' && core.options.controllers === 'all') return undefined;
  const why = `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`;
  // It is looked up before a name is made.
  return forbidden(definition, generateName !== undefined && name.startsWith(generateName) ? generateName : name, why);
}

/** The pod that an object is, or makes: its spec and where that stands. */
function podSpecIn(object: SimObject): [path: string, spec: Fields] {
  const spec = fieldsOf(object['spec']);
  if (object.kind === 'Pod') return ['spec', spec];
  const [path, home] =
    object.kind === 'CronJob'
      ? ['spec.jobTemplate.spec', fieldsOf(fieldsOf(spec['jobTemplate'])['spec'])]
      : ['spec', spec];
  return [`${path}.template.spec`, fieldsOf(fieldsOf(home['template'])['spec'])];
}

/** @throws ApiError 422 for a privileged container, in a pod or in a template, where the server takes none */
export function refusePrivileged(core: ClusterCore, definition: ResourceDefinition, object: SimObject): void {
  if (core.options.allowPrivileged) return;
  const [path, spec] = podSpecIn(object);
  const found = (['initContainers', 'containers'] as const).flatMap((list) =>
    listOf(spec[list]).flatMap((item, index): Violation[] =>
      fieldsOf(fieldsOf(item)['securityContext'])['privileged'] === true
        ? [
            {
              field: `${path}.${list}[${index}].securityContext.privileged`,
              reason: 'FieldValueForbidden',
              message: 'Forbidden: disallowed by cluster policy',
            },
          ]
        : [],
    ),
  );
  if (found.length > 0) throw invalid(definition, object.metadata.name, found);
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
