import { invalid, type Violation } from './api-error.ts';
import { changeRules } from './change-validation.ts';
import { isSchedule } from './cron-schedule.ts';
import type { Deployment, Pod, PodDisruptionBudget, PodTemplate } from './kinds.ts';
import { type Fields, fieldsOf, isFields, listOf, type SimObject } from './object.ts';
import { parseQuantity, scaledValue } from './quantity.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { selectorMatcher } from './selectors.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceLabel = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualified = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const serviceRule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const qualifiedRule =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelValueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const percentRule =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const portRule = 'must be between 1 and 65535, inclusive';
const atLeastZero = 'must be greater than or equal to 0';

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
const notSupported = (field: string, value: unknown, allowed: readonly string[]): Violation => ({
  field,
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed.map((each) => `"${each}"`).join(', ')}`,
});

const isPort = (value: unknown): boolean => typeof value === 'number' && value > 0 && value < 65_536;

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
    const bad = /[/%]/.test(name) || name === '' || name === '.' || name === '..';
    if (bad) found.push(wrong('metadata.name', name, "may not contain '/' or '%'"));
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
    if (!qualified.test(key.toLowerCase())) found.push(wrong('metadata.annotations', key, qualifiedRule));
  }
  for (const name of finalizers ?? []) {
    if (!qualified.test(name)) found.push(wrong('metadata.finalizers', name, qualifiedRule));
  }
  let controllers = 0;
  for (const owner of ownerReferences ?? []) {
    if (!owner.apiVersion || !owner.kind || !owner.name || !owner.uid) {
      found.push(wrong('metadata.ownerReferences', owner, 'apiVersion, kind, name and uid must not be empty'));
    }
    if (owner.controller === true) controllers += 1;
  }
  if (controllers > 1) {
    const rule = 'Only one reference can have Controller set to true';
    found.push(wrong('metadata.ownerReferences', ownerReferences, rule));
  }
}

function labelRules(field: string, labels: Record<string, string> | undefined, found: Violation[]): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    if (!qualified.test(key)) found.push(wrong(field, key, qualifiedRule));
    if (!labelValue.test(value)) found.push(wrong(field, value, labelValueRule));
  }
}

function podRules(path: string, spec: Fields, found: Violation[]): void {
  if (listOf(spec['containers']).length === 0) found.push(required(`${path}.containers`));
  const names = new Set<unknown>();
  for (const field of ['initContainers', 'containers']) {
    listOf(spec[field]).forEach((item, index) => {
      containerRules(`${path}.${field}[${index}]`, fieldsOf(item), names, found);
    });
  }
  const policies = ['Always', 'OnFailure', 'Never'];
  const policy = spec['restartPolicy'];
  if (typeof policy !== 'string' || !policies.includes(policy)) {
    found.push(notSupported(`${path}.restartPolicy`, policy, policies));
  }
  const grace = spec['terminationGracePeriodSeconds'];
  if (typeof grace === 'number' && grace < 0) {
    found.push(wrong(`${path}.terminationGracePeriodSeconds`, grace, atLeastZero));
  }
}

function containerRules(at: string, container: Fields, names: Set<unknown>, found: Violation[]): void {
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
        found.push(wrong(`${at}.resources.${kind}[${resource}]`, amount, atLeastZero));
      }
    }
  }
  listOf(container['ports']).forEach((port, index) => {
    const number = fieldsOf(port)['containerPort'];
    if (!isPort(number)) found.push(wrong(`${at}.ports[${index}].containerPort`, number ?? 0, portRule));
  });
}

function workloadRules(object: SimObject, found: Violation[]): void {
  const spec = fieldsOf(object['spec']) as Partial<Deployment['spec']>;
  const template = spec.template as PodTemplate;
  const labels = template.metadata?.labels;
  if (!spec.selector) found.push(required('spec.selector'));
  else if (!selectorMatcher(spec.selector)(labels)) {
    const rule = '`selector` does not match template `labels`';
    found.push(wrong('spec.template.metadata.labels', labels ?? null, rule));
  } else if (
    Object.keys(spec.selector.matchLabels ?? {}).length + (spec.selector.matchExpressions?.length ?? 0) ===
    0
  ) {
    found.push(wrong('spec.selector', spec.selector, `empty selector is invalid for ${object.kind.toLowerCase()}`));
  }
  if (typeof spec.replicas === 'number' && spec.replicas < 0) {
    found.push(wrong('spec.replicas', spec.replicas, atLeastZero));
  }
  labelRules('spec.template.metadata.labels', labels, found);
  podRules('spec.template.spec', template.spec, found);
  const policy = template.spec.restartPolicy;
  if (policy !== 'Always') found.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
}

function policyRules(object: SimObject, found: Violation[]): void {
  for (const [index, rule] of listOf(object['rules']).entries())
    if (listOf(fieldsOf(rule)['verbs']).length === 0)
      found.push(required(`rules[${index}].verbs`, 'verbs must contain at least one value'));
}

const rules: Record<string, (object: SimObject, found: Violation[]) => void> = {
  Pod: (object, found) => podRules('spec', (object as Pod).spec, found),
  Role: (object, found) => policyRules(object, found),
  ClusterRole: (object, found) => policyRules(object, found),
  Event: (object, found) => {
    const about = fieldsOf(object['involvedObject'])['namespace'];
    if (typeof about === 'string' && about !== '' && about !== object.metadata.namespace)
      found.push(wrong('involvedObject.namespace', about, 'does not match event.namespace'));
  },
  Secret: (object, found) => {
    if (object['type'] !== 'kubernetes.io/tls') return;
    for (const key of ['tls.crt', 'tls.key'])
      if (fieldsOf(object['data'])[key] === undefined) found.push(required(`data[${key}]`));
  },
  Lease: (object, found) => {
    const { leaseDurationSeconds: seconds, leaseTransitions } = fieldsOf(object['spec']);
    if (typeof seconds === 'number' && seconds <= 0)
      found.push(wrong('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
    if (typeof leaseTransitions === 'number' && leaseTransitions < 0)
      found.push(wrong('spec.leaseTransitions', leaseTransitions, atLeastZero));
  },
  Deployment: (object, found) => {
    workloadRules(object, found);
    const rolling = (object as Deployment).spec.strategy.rollingUpdate;
    if (!rolling) return;
    const surge = scaledValue(rolling.maxSurge, 100, 'up');
    const unavailable = scaledValue(rolling.maxUnavailable, 100, 'up');
    if (surge === undefined || unavailable === undefined) {
      found.push(wrong('spec.strategy.rollingUpdate', rolling, percentRule));
    } else if (surge === 0 && unavailable === 0) {
      const rule = 'may not be 0 when `maxSurge` is 0';
      found.push(wrong('spec.strategy.rollingUpdate.maxUnavailable', rolling.maxUnavailable, rule));
    }
  },
  ReplicationController: (object, found) => {
    const spec = fieldsOf(object['spec']);
    const template = fieldsOf(spec['template']);
    const labels = fieldsOf(fieldsOf(template['metadata'])['labels']);
    const selector = Object.entries(fieldsOf(spec['selector']));
    if (selector.length === 0) found.push(required('spec.selector'));
    if (selector.some(([key, value]) => labels[key] !== value))
      found.push(wrong('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
    if (typeof spec['replicas'] === 'number' && spec['replicas'] < 0)
      found.push(wrong('spec.replicas', spec['replicas'], atLeastZero));
    podRules('spec.template.spec', fieldsOf(template['spec']), found);
  },
  ReplicaSet: workloadRules,
  StatefulSet: workloadRules,
  DaemonSet: workloadRules,
  Job: (object, found) => {
    const spec = fieldsOf(fieldsOf(fieldsOf(object['spec'])['template'])['spec']);
    podRules('spec.template.spec', spec, found);
    if (spec['restartPolicy'] === 'Always') {
      found.push(required('spec.template.spec.restartPolicy', 'valid values: "OnFailure", "Never"'));
    }
  },
  CronJob: (object, found) => {
    const { schedule, timeZone, jobTemplate } = fieldsOf(object['spec']);
    if (typeof schedule !== 'string' || schedule === '') found.push(required('spec.schedule'));
    else if (!isSchedule(schedule)) found.push(wrong('spec.schedule', schedule, 'expected exactly 5 fields'));
    else if (typeof timeZone === 'string' && !isSchedule(schedule, timeZone))
      found.push(wrong('spec.timeZone', timeZone, `unknown time zone ${timeZone}`));
    const template = fieldsOf(fieldsOf(fieldsOf(jobTemplate)['spec'])['template']);
    podRules('spec.jobTemplate.spec.template.spec', fieldsOf(template['spec']), found);
  },
  PodDisruptionBudget: budgetRules,
  Service: (object, found) => {
    const spec = fieldsOf(object['spec']);
    const ports = listOf(spec['ports']);
    const headless = spec['type'] === 'ExternalName' || spec['clusterIP'] === 'None';
    if (ports.length === 0 && !headless) found.push(required('spec.ports'));
    ports.forEach((item, index) => {
      const port = fieldsOf(item);
      if (!isPort(port['port'])) found.push(wrong(`spec.ports[${index}].port`, port['port'] ?? 0, portRule));
      if (ports.length > 1 && !port['name']) found.push(required(`spec.ports[${index}].name`));
    });
  },
  CustomResourceDefinition: definitionRules,
  PersistentVolumeClaim: (object, found) => {
    if (listOf(fieldsOf(object['spec'])['accessModes']).length === 0) {
      found.push(required('spec.accessModes', 'at least 1 access mode is required'));
    }
  },
  StorageClass: (object, found) => {
    if (!object['provisioner']) found.push(required('provisioner'));
  },
  VolumeAttachment: (object, found) => {
    const spec = fieldsOf(object['spec']);
    for (const field of ['attacher', 'nodeName']) if (!spec[field]) found.push(required(`spec.${field}`));
    if (!isFields(spec['source']))
      found.push(required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'));
  },
  RoleBinding: roleRefRules,
  ClusterRoleBinding: roleRefRules,
  Node: (object, found) => {
    const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
    listOf(fieldsOf(object['spec'])['taints']).forEach((item, index) => {
      const effect = fieldsOf(item)['effect'];
      if (typeof effect !== 'string' || !effects.includes(effect)) {
        found.push(notSupported(`spec.taints[${index}].effect`, effect, effects));
      }
    });
  },
};

function budgetRules(object: SimObject, found: Violation[]): void {
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
    if (number === undefined) found.push(wrong(`spec.${field}`, value, percentRule));
    else if (number < 0) found.push(wrong(`spec.${field}`, value, atLeastZero));
    else if (typeof value === 'string' && number > 100) {
      found.push(wrong(`spec.${field}`, value, 'must not be greater than 100%'));
    }
  }
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !policies.includes(policy)) {
    found.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, policies));
  }
}

function definitionRules(object: SimObject, found: Violation[]): void {
  const spec = fieldsOf(object['spec']);
  const names = fieldsOf(spec['names']);
  const needed: [string, unknown][] = [
    ['spec.group', spec['group']],
    ['spec.names.plural', names['plural']],
    ['spec.names.kind', names['kind']],
    ['spec.scope', spec['scope']],
  ];
  for (const [field, value] of needed) if (typeof value !== 'string' || value === '') found.push(required(field));
  if (object.metadata.name !== `${String(names['plural'])}.${String(spec['group'])}`) {
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
}

function roleRefRules(object: SimObject, found: Violation[]): void {
  if (!fieldsOf(object['roleRef'])['name']) found.push(required('roleRef.name'));
}
