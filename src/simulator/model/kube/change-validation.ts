import type { Violation } from './api-error.ts';
import type { Pod } from './kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, sameJson, without } from './object.ts';

const wrong = (field: string, value: unknown, rule: string): Violation => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${rule}`,
});
const notAllowed = (field: string, rule: string): Violation => ({
  field,
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${rule}`,
});
/** Scheduling gates may go, and none may come: none is there to come to once the pod was made. */
const changeableInPods = ['tolerations', 'activeDeadlineSeconds', 'schedulingGates'];
const changeableInStatefulSets = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'persistentVolumeClaimRetentionPolicy',
  'revisionHistoryLimit',
];
const immutable = (field: string, value: unknown): Violation => wrong(field, value, 'field is immutable');

/** A field that an update must not change: compares and reports. */
function fixed(path: string, object: SimObject, old: SimObject, found: Violation[]): void {
  const at = (from: unknown): unknown => path.split('.').reduce((value, step) => fieldsOf(value)[step], from);
  if (!sameJson(at(object), at(old))) found.push(immutable(path, at(object) ?? null));
}

/** By kind: what an update must not change. */
export const changeRules: Record<string, (object: SimObject, old: SimObject, found: Violation[]) => void> = {
  Deployment: (object, old, found) => fixed('spec.selector', object, old, found),
  ReplicaSet: (object, old, found) => fixed('spec.selector', object, old, found),
  DaemonSet: (object, old, found) => fixed('spec.selector', object, old, found),
  Job: (object, old, found) => {
    for (const field of ['selector', 'template', 'completions']) fixed(`spec.${field}`, object, old, found);
  },
  StatefulSet: (object, old, found) => {
    const frozen = (from: SimObject): Fields => without(fieldsOf(from['spec']), changeableInStatefulSets);
    if (!sameJson(frozen(object), frozen(old))) {
      found.push(
        notAllowed(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      );
    }
  },
  Pod: (object, old, found) => {
    const frozen = (pod: Pod): Fields => {
      const { containers, initContainers } = pod.spec;
      const named = (list: unknown): unknown[] => listOf(list).map((item) => ({ ...fieldsOf(item), image: '' }));
      return {
        ...without(pod.spec, changeableInPods),
        containers: named(containers),
        initContainers: named(initContainers),
      };
    };
    const gates = (pod: SimObject): unknown[] => listOf(fieldsOf(pod['spec'])['schedulingGates']);
    if (gates(object).some((gate) => !gates(old).some((each) => sameJson(each, gate))))
      found.push(notAllowed('spec.schedulingGates', 'only deletion is allowed, but found new scheduling gates'));
    if (!sameJson(frozen(object as Pod), frozen(old as Pod))) {
      found.push(
        notAllowed(
          'spec',
          'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
        ),
      );
    }
  },
  Service: (object, old, found) => {
    if (fieldsOf(old['spec'])['type'] !== 'ExternalName') fixed('spec.clusterIP', object, old, found);
  },
  PersistentVolumeClaim: (object, old, found) => {
    if (fieldsOf(old['spec'])['volumeName'] !== undefined) fixed('spec.volumeName', object, old, found);
    fixed('spec.storageClassName', object, old, found);
  },
  ConfigMap: (object, old, found) => dataFixed(object, old, found),
  Secret: (object, old, found) => {
    if (old['type'] !== object['type']) found.push(immutable('type', object['type']));
    dataFixed(object, old, found);
  },
  StorageClass: (object, old, found) => {
    for (const field of ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode']) {
      if (!sameJson(object[field], old[field])) found.push(notAllowed(field, `updates to ${field} are forbidden.`));
    }
  },
  RoleBinding: (object, old, found) => roleRefFixed(object, old, found),
  ClusterRoleBinding: (object, old, found) => roleRefFixed(object, old, found),
  Node: (object, old, found) => {
    const before = fieldsOf(old['spec'])['providerID'];
    if (before !== undefined && before !== '' && fieldsOf(object['spec'])['providerID'] !== before) {
      found.push(notAllowed('spec.providerID', 'node updates may not change providerID except from "" to valid'));
    }
  },
};

/** Once it is immutable it stays so, with all that is in it. */
function dataFixed(object: SimObject, old: SimObject, found: Violation[]): void {
  if (old['immutable'] !== true) return;
  const why = 'field is immutable when `immutable` is set';
  if (object['immutable'] !== true) found.push(notAllowed('immutable', why));
  for (const field of ['data', 'binaryData'])
    if (!sameJson(object[field], old[field])) found.push(notAllowed(field, why));
}

function roleRefFixed(object: SimObject, old: SimObject, found: Violation[]): void {
  if (!sameJson(object['roleRef'], old['roleRef']))
    found.push(wrong('roleRef', object['roleRef'] ?? null, 'cannot change roleRef'));
}
