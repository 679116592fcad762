import { invalid, type Violation } from './api-error.ts';
import type { Deployment, Pod, PodDisruptionBudget, PodTemplate } from './kinds.ts';
import { type Fields, fieldsOf, isFields, listOf, sameJson, type SimObject } from './object.ts';
import { parseQuantity, scaledValue } from './quantity.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { selectorMatcher } from './selectors.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceLabel = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualified = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const finalizer = qualified;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const serviceRule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

const wrong = (field: string, value: unknown, rule: string): Violation => ({
  field,
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: ${rule}`,
});
const required = (field: string, rule = ''): Violation => ({
  field,
  reason: 'FieldValueRequired',
  message: `Required value${rule === '' ? '' : `: ${rule}`}`,
});
const notAllowed = (field: string, rule: string): Violation => ({
  field,
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${rule}`,
});
const immutable = (field: string, value: unknown): Violation => wrong(field, value, 'field is immutable');

/** Throws 422 with every violated rule. `old` is given for an update. */
export function validate(definition: ResourceDefinition, object: SimObject, old: SimObject | undefined): void {
  const found: Violation[] = [];
  if (!old) nameRules(definition, object.metadata.name, found);
  metadataRules(object, found);
  if (!definition.custom) {
    rules[definition.kind]?.(object, found);
    if (old) changeRules[definition.kind]?.(object, old, found);
  }
  if (found.length > 0) throw invalid(definition, object.metadata.name, found);
}

function nameRules(definition: ResourceDefinition, name: string, found: Violation[]): void {
  if (definition.group === 'rbac.authorization.k8s.io') {
    if (/[/%]/.test(name) || name === '' || name === '.' || name === '..') found.push(wrong('metadata.name', name, `may not contain '/' or '%'`));
    return;
  }
  const [pattern, rule, longest] =
    definition.kind === 'Namespace'
      ? [label, labelRule, 63]
      : definition.kind === 'Service'
        ? [serviceLabel, serviceRule, 63]
        : [subdomain, subdomainRule, 253];
  if (name === '') found.push(required('metadata.name', 'name or generateName is required'));
  else if (!pattern.test(name)) found.push(wrong('metadata.name', name, rule));
  if (name.length > longest) found.push(wrong('metadata.name', name, `must be no more than ${longest} characters`));
}

function metadataRules(object: SimObject, found: Violation[]): void {
  const { labels, annotations, finalizers, ownerReferences } = object.metadata;
  labelRules('metadata.labels', labels, found);
  for (const key of Object.keys(annotations ?? {})) {
    if (!qualified.test(key.toLowerCase())) found.push(wrong('metadata.annotations', key, 'name part must consist of alphanumeric characters'));
  }
  for (const name of finalizers ?? []) {
    if (!finalizer.test(name)) found.push(wrong('metadata.finalizers', name, 'name is not a qualified name'));
  }
  let controllers = 0;
  for (const owner of ownerReferences ?? []) {
    if (!owner.apiVersion || !owner.kind || !owner.name || !owner.uid) {
      found.push(wrong('metadata.ownerReferences', owner, 'apiVersion, kind, name and uid must not be empty'));
    }
    if (owner.controller === true) controllers += 1;
  }
  if (controllers > 1) found.push(wrong('metadata.ownerReferences', ownerReferences, 'Only one reference can have Controller set to true'));
}

function labelRules(field: string, labels: Record<string, string> | undefined, found: Violation[]): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!qualified.test(key)) found.push(wrong(field, key, 'name part must consist of alphanumeric characters, \'-\', \'_\' or \'.\''));
    if (!labelValue.test(value)) {
      found.push(wrong(field, value, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"));
    }
  }
}

function podRules(path: string, spec: Fields, found: Violation[]): void {
  const containers = listOf(spec['containers']);
  if (containers.length === 0) found.push(required(`${path}.containers`));
  const names = new Set<unknown>();
  for (const field of ['initContainers', 'containers']) {
    listOf(spec[field]).forEach((item, index) => {
      const at = `${path}.${field}[${index}]`;
      const container = fieldsOf(item);
      const name = container['name'];
      if (typeof name !== 'string' || name === '') found.push(required(`${at}.name`));
      else if (!label.test(name)) found.push(wrong(`${at}.name`, name, labelRule));
      else if (names.has(name)) {
        found.push({ field: `${at}.name`, reason: 'FieldValueDuplicate', message: `Duplicate value: "${name}"` });
      }
      names.add(name);
      if (typeof container['image'] !== 'string' || container['image'] === '') found.push(required(`${at}.image`));
      const resources = fieldsOf(container['resources']);
      for (const kind of ['requests', 'limits']) {
        for (const [resource, amount] of Object.entries(fieldsOf(resources[kind]))) {
          const number = parseQuantity(amount);
          if (number === undefined || number < 0) {
            found.push(wrong(`${at}.resources.${kind}[${resource}]`, amount, 'must be greater than or equal to 0'));
          }
        }
      }
      for (const port of listOf(container['ports'])) {
        const number = fieldsOf(port)['containerPort'];
        if (!(typeof number === 'number' && number > 0 && number < 65_536)) {
          found.push(wrong(`${at}.ports[0].containerPort`, number ?? 0, 'must be between 1 and 65535, inclusive'));
        }
      }
    });
  }
  const policy = spec['restartPolicy'];
  if (!['Always', 'OnFailure', 'Never'].includes(String(policy))) {
    found.push({
      field: `${path}.restartPolicy`,
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Always", "OnFailure", "Never"`,
    });
  }
  const grace = spec['terminationGracePeriodSeconds'];
  if (typeof grace === 'number' && grace < 0) {
    found.push(wrong(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'));
  }
}

function workloadRules(object: SimObject, found: Violation[]): void {
  const spec = fieldsOf(object['spec']) as Partial<Deployment['spec']>;
  const template = spec.template as PodTemplate;
  if (!spec.selector) found.push(required('spec.selector'));
  else if (!selectorMatcher(spec.selector)(template.metadata?.labels)) {
    found.push(wrong('spec.template.metadata.labels', template.metadata?.labels ?? null, '`selector` does not match template `labels`'));
  } else if (Object.keys(spec.selector.matchLabels ?? {}).length + (spec.selector.matchExpressions?.length ?? 0) === 0) {
    found.push(wrong('spec.selector', spec.selector, `empty selector is invalid for ${object.kind.toLowerCase()}`));
  }
  if (typeof spec.replicas === 'number' && spec.replicas < 0) {
    found.push(wrong('spec.replicas', spec.replicas, 'must be greater than or equal to 0'));
  }
  labelRules('spec.template.metadata.labels', template.metadata?.labels, found);
  podRules('spec.template.spec', template.spec, found);
  if (template.spec.restartPolicy !== 'Always') {
    found.push({
      field: 'spec.template.spec.restartPolicy',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(template.spec.restartPolicy)}: supported values: "Always"`,
    });
  }
}

const rules: Record<string, (object: SimObject, found: Violation[]) => void> = {
  Pod: (object, found) => podRules('spec', (object as Pod).spec, found),
  Deployment: (object, found) => {
    workloadRules(object, found);
    const rolling = (object as Deployment).spec.strategy.rollingUpdate;
    if (!rolling) return;
    const most = [scaledValue(rolling.maxSurge, 100, 'up'), scaledValue(rolling.maxUnavailable, 100, 'up')];
    if (most[0] === undefined || most[1] === undefined) {
      found.push(wrong('spec.strategy.rollingUpdate', rolling, "a valid percent string must be a numeric string followed by an ending '%'"));
    } else if (most[0] === 0 && most[1] === 0) {
      found.push(wrong('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
    }
  },
  ReplicaSet: workloadRules,
  StatefulSet: workloadRules,
  DaemonSet: workloadRules,
  Job: (object, found) => {
    const template = fieldsOf(fieldsOf(object['spec'])['template']);
    podRules('spec.template.spec', fieldsOf(template['spec']), found);
    if (fieldsOf(template['spec'])['restartPolicy'] === 'Always') {
      found.push(required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"'));
    }
  },
  PodDisruptionBudget: (object, found) => {
    const spec = (object as PodDisruptionBudget).spec ?? {};
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
      const shown = {
        MinAvailable: spec.minAvailable,
        Selector: spec.selector ?? null,
        MaxUnavailable: spec.maxUnavailable,
        UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
      };
      found.push(wrong('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
    }
    for (const field of ['minAvailable', 'maxUnavailable'] as const) {
      const value = spec[field];
      if (value === undefined) continue;
      const number = scaledValue(value, 100, 'up');
      if (number === undefined) {
        found.push(wrong(`spec.${field}`, value, "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"));
      } else if (number < 0) found.push(wrong(`spec.${field}`, value, 'must be greater than or equal to 0'));
      else if (typeof value === 'string' && number > 100) found.push(wrong(`spec.${field}`, value, 'must not be greater than 100%'));
    }
    const policy = spec.unhealthyPodEvictionPolicy;
    if (policy !== undefined && policy !== 'IfHealthyBudget' && policy !== 'AlwaysAllow') {
      found.push({
        field: 'spec.unhealthyPodEvictionPolicy',
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: "${policy}": supported values: "AlwaysAllow", "IfHealthyBudget"`,
      });
    }
  },
  Service: (object, found) => {
    const spec = fieldsOf(object['spec']);
    const ports = listOf(spec['ports']);
    if (ports.length === 0 && spec['type'] !== 'ExternalName' && spec['clusterIP'] !== 'None') found.push(required('spec.ports'));
    ports.forEach((item, index) => {
      const port = fieldsOf(item);
      if (!(typeof port['port'] === 'number' && port['port'] > 0 && port['port'] < 65_536)) {
        found.push(wrong(`spec.ports[${index}].port`, port['port'] ?? 0, 'must be between 1 and 65535, inclusive'));
      }
      if (ports.length > 1 && !port['name']) found.push(required(`spec.ports[${index}].name`));
    });
  },
  CustomResourceDefinition: (object, found) => {
    const spec = fieldsOf(object['spec']);
    const names = fieldsOf(spec['names']);
    for (const [field, value] of [['spec.group', spec['group']], ['spec.names.plural', names['plural']], ['spec.names.kind', names['kind']], ['spec.scope', spec['scope']]]) {
      if (typeof value !== 'string' || value === '') found.push(required(String(field)));
    }
    if (object.metadata.name !== `${names['plural']}.${spec['group']}`) {
      found.push(wrong('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
    }
    const versions = listOf(spec['versions']).map(fieldsOf);
    if (versions.filter((version) => version['storage'] === true).length !== 1) {
      found.push(wrong('spec.versions', null, 'must have exactly one version marked as storage version'));
    }
    versions.forEach((version, index) => {
      if (!isFields(fieldsOf(version['schema'])['openAPIV3Schema'])) {
        found.push(required(`spec.versions[${index}].schema.openAPIV3Schema`, 'schemas are required'));
      }
    });
  },
  PersistentVolumeClaim: (object, found) => {
    if (listOf(fieldsOf(object['spec'])['accessModes']).length === 0) {
      found.push(required('spec.accessModes', 'at least 1 access mode is required'));
    }
  },
  StorageClass: (object, found) => {
    if (!object['provisioner']) found.push(required('provisioner'));
  },
  RoleBinding: roleRefRules,
  ClusterRoleBinding: roleRefRules,
  Node: (object, found) => {
    listOf(fieldsOf(object['spec'])['taints']).forEach((item, index) => {
      const effect = fieldsOf(item)['effect'];
      if (!['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(String(effect))) {
        found.push({
          field: `spec.taints[${index}].effect`,
          reason: 'FieldValueNotSupported',
          message: `Unsupported value: ${JSON.stringify(effect)}: supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`,
        });
      }
    });
  },
};

function roleRefRules(object: SimObject, found: Violation[]): void {
  if (!fieldsOf(object['roleRef'])['name']) found.push(required('roleRef.name'));
}

/** A field that an update must not change: compares and reports. */
function fixed(path: string, object: SimObject, old: SimObject, found: Violation[]): void {
  const at = (from: unknown): unknown => path.split('.').reduce((value, step) => fieldsOf(value)[step], from);
  if (!sameJson(at(object), at(old))) found.push(immutable(path, at(object) ?? null));
}

const changeRules: Record<string, (object: SimObject, old: SimObject, found: Violation[]) => void> = {
  Deployment: (object, old, found) => fixed('spec.selector', object, old, found),
  ReplicaSet: (object, old, found) => fixed('spec.selector', object, old, found),
  DaemonSet: (object, old, found) => fixed('spec.selector', object, old, found),
  Job: (object, old, found) => {
    for (const field of ['selector', 'template', 'completions']) fixed(`spec.${field}`, object, old, found);
  },
  StatefulSet: (object, old, found) => {
    const frozen = (from: SimObject): Fields => {
      const { replicas, template, updateStrategy, minReadySeconds, ordinals, persistentVolumeClaimRetentionPolicy, revisionHistoryLimit, ...rest } =
        fieldsOf(from['spec']);
      return rest;
    };
    if (!sameJson(frozen(object), frozen(old))) {
      found.push(notAllowed('spec', "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"));
    }
  },
  Pod: (object, old, found) => {
    const frozen = (pod: Pod): Fields => {
      const { containers, initContainers, tolerations, activeDeadlineSeconds, terminationGracePeriodSeconds, ...rest } = pod.spec;
      const named = (list: unknown): unknown[] => listOf(list).map((item) => ({ ...fieldsOf(item), image: '' }));
      return { ...rest, containers: named(containers), initContainers: named(initContainers) };
    };
    if (!sameJson(frozen(object as Pod), frozen(old as Pod))) {
      found.push(notAllowed('spec', 'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'));
    }
  },
  Service: (object, old, found) => {
    if (fieldsOf(old['spec'])['type'] !== 'ExternalName') fixed('spec.clusterIP', object, old, found);
  },
  PersistentVolumeClaim: (object, old, found) => {
    if (fieldsOf(old['spec'])['volumeName'] !== undefined) fixed('spec.volumeName', object, old, found);
    fixed('spec.storageClassName', object, old, found);
  },
  ConfigMap: (object, old, found) => {
    if (old['immutable'] === true && !sameJson(object['data'], old['data'])) {
      found.push(notAllowed('data', 'field is immutable when `immutable` is set'));
    }
  },
  Secret: (object, old, found) => {
    if (old['type'] !== object['type']) found.push(immutable('type', object['type']));
    if (old['immutable'] === true && !sameJson(object['data'], old['data'])) {
      found.push(notAllowed('data', 'field is immutable when `immutable` is set'));
    }
  },
  StorageClass: (object, old, found) => {
    for (const field of ['provisioner', 'parameters', 'reclaimPolicy', 'volumeBindingMode']) {
      if (!sameJson(object[field], old[field])) found.push(notAllowed(field, 'updates to ' + field + ' are forbidden.'));
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

function roleRefFixed(object: SimObject, old: SimObject, found: Violation[]): void {
  if (!sameJson(object['roleRef'], old['roleRef'])) found.push(wrong('roleRef', object['roleRef'] ?? null, 'cannot change roleRef'));
}
