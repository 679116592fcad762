import { type Fields, fieldsOf, isFields, listOf, type SimObject, sameJson } from './object.ts';
import type { ResourceDefinition } from './resource-definition.ts';

/** Fills in what the API server fills in. Works on an object that nobody else holds yet: it changes it in place. */
export function applyDefaults(definition: ResourceDefinition, object: SimObject): void {
  if (definition.custom) return;
  defaultsByKind[definition.kind]?.(object);
}

function set(target: Fields, field: string, value: unknown): void {
  if (target[field] === undefined || target[field] === null) target[field] = value;
}

/** The field as an object; made when absent. */
function part(target: Fields, field: string): Fields {
  const value = target[field];
  if (isFields(value)) return value;
  const made: Fields = {};
  target[field] = made;
  return made;
}

const rbacGroup = 'rbac.authorization.k8s.io';

function bindingDefaults(object: SimObject): void {
  if (isFields(object['roleRef'])) set(object['roleRef'], 'apiGroup', rbacGroup);
  for (const subject of listOf(object['subjects']))
    if (isFields(subject) && (subject['kind'] === 'User' || subject['kind'] === 'Group'))
      set(subject, 'apiGroup', rbacGroup);
}

const defaultsByKind: Record<string, (object: SimObject) => void> = {
  Namespace: (object) => {
    const metadata = object.metadata;
    metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
    set(part(object, 'spec'), 'finalizers', ['kubernetes']);
    set(part(object, 'status'), 'phase', 'Active');
  },
  RoleBinding: (object) => bindingDefaults(object),
  ClusterRoleBinding: (object) => bindingDefaults(object),
  Pod: (object) => {
    const spec = part(object, 'spec');
    podSpecDefaults(spec);
    set(spec, 'enableServiceLinks', true);
    const status = part(object, 'status');
    set(status, 'phase', 'Pending');
    set(status, 'qosClass', qosOf(spec));
  },
  ReplicationController: (object) =>
    templated(object, (spec) => {
      set(spec, 'replicas', 1);
      set(spec, 'selector', fieldsOf(fieldsOf(spec['template'])['metadata'])['labels']);
      set(part(object, 'status'), 'replicas', 0);
    }),
  Deployment: (object) =>
    templated(object, (spec) => {
      set(spec, 'replicas', 1);
      const strategy = part(spec, 'strategy');
      set(strategy, 'type', 'RollingUpdate');
      if (strategy['type'] === 'RollingUpdate') {
        const rolling = part(strategy, 'rollingUpdate');
        set(rolling, 'maxUnavailable', '25%');
        set(rolling, 'maxSurge', '25%');
      }
      set(spec, 'revisionHistoryLimit', 10);
      set(spec, 'progressDeadlineSeconds', 600);
      part(object, 'status');
    }),
  ReplicaSet: (object) =>
    templated(object, (spec) => {
      set(spec, 'replicas', 1);
      set(part(object, 'status'), 'replicas', 0);
    }),
  StatefulSet: (object) =>
    templated(object, (spec) => {
      set(spec, 'replicas', 1);
      set(spec, 'podManagementPolicy', 'OrderedReady');
      const strategy = part(spec, 'updateStrategy');
      set(strategy, 'type', 'RollingUpdate');
      if (strategy['type'] === 'RollingUpdate') set(part(strategy, 'rollingUpdate'), 'partition', 0);
      set(spec, 'revisionHistoryLimit', 10);
      const status = part(object, 'status');
      set(status, 'replicas', 0);
      set(status, 'availableReplicas', 0);
    }),
  DaemonSet: (object) =>
    templated(object, (spec) => {
      const strategy = part(spec, 'updateStrategy');
      set(strategy, 'type', 'RollingUpdate');
      if (strategy['type'] === 'RollingUpdate') {
        const rolling = part(strategy, 'rollingUpdate');
        set(rolling, 'maxUnavailable', 1);
        set(rolling, 'maxSurge', 0);
      }
      set(spec, 'revisionHistoryLimit', 10);
      const status = part(object, 'status');
      for (const field of ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady']) {
        set(status, field, 0);
      }
    }),
  Job: (object) => {
    jobSpecDefaults(object.metadata.uid, part(object, 'spec'));
    part(object, 'status');
  },
  CronJob: (object) => {
    const spec = part(object, 'spec');
    set(spec, 'concurrencyPolicy', 'Allow');
    set(spec, 'suspend', false);
    set(spec, 'successfulJobsHistoryLimit', 3);
    set(spec, 'failedJobsHistoryLimit', 1);
    templateDefaults(part(part(spec, 'jobTemplate'), 'spec'));
    part(object, 'status');
  },
  Service: (object) => {
    const spec = part(object, 'spec');
    set(spec, 'type', 'ClusterIP');
    set(spec, 'sessionAffinity', 'None');
    for (const item of listOf(spec['ports'])) {
      const port = fieldsOf(item);
      set(port, 'protocol', 'TCP');
      set(port, 'targetPort', port['port']);
    }
    if (spec['type'] !== 'ExternalName') {
      set(spec, 'internalTrafficPolicy', 'Cluster');
      set(spec, 'ipFamilies', ['IPv4']);
      set(spec, 'ipFamilyPolicy', 'SingleStack');
      if (spec['type'] !== 'ClusterIP') set(spec, 'externalTrafficPolicy', 'Cluster');
    }
    set(object, 'status', { loadBalancer: {} });
  },
  Secret: (object) => {
    const plain = object['stringData'];
    if (isFields(plain)) {
      const data = { ...fieldsOf(object['data']) };
      object['data'] = data;
      for (const [key, value] of Object.entries(plain))
        data[key] = Buffer.from(String(value), 'utf8').toString('base64');
      delete object['stringData'];
    }
    set(object, 'type', 'Opaque');
  },
  PodDisruptionBudget: (object) => {
    part(object, 'spec');
    const status = part(object, 'status');
    for (const field of ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'])
      set(status, field, 0);
  },
  PersistentVolume: (object) => {
    const spec = part(object, 'spec');
    set(spec, 'persistentVolumeReclaimPolicy', 'Retain');
    set(spec, 'volumeMode', 'Filesystem');
    set(part(object, 'status'), 'phase', 'Pending');
  },
  PersistentVolumeClaim: (object) => {
    set(part(object, 'spec'), 'volumeMode', 'Filesystem');
    set(part(object, 'status'), 'phase', 'Pending');
  },
  StorageClass: (object) => {
    set(object, 'reclaimPolicy', 'Delete');
    set(object, 'volumeBindingMode', 'Immediate');
  },
  PriorityClass: (object) => set(object, 'preemptionPolicy', 'PreemptLowerPriority'),
  NetworkPolicy: (object) => {
    const spec = part(object, 'spec');
    set(spec, 'policyTypes', spec['egress'] === undefined ? ['Ingress'] : ['Ingress', 'Egress']);
  },
  Ingress: (object) => set(object, 'status', { loadBalancer: {} }),
  Node: (object) => {
    part(object, 'spec');
    part(object, 'status');
  },
  HorizontalPodAutoscaler: (object) => set(part(object, 'spec'), 'minReplicas', 1),
  CustomResourceDefinition: (object) => {
    const spec = part(object, 'spec');
    const names = part(spec, 'names');
    if (typeof names['kind'] === 'string') {
      set(names, 'singular', names['kind'].toLowerCase());
      set(names, 'listKind', `${names['kind']}List`);
    }
    set(spec, 'conversion', { strategy: 'None' });
    set(object, 'status', { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: null });
  },
};

function templated(object: SimObject, more: (spec: Fields) => void): void {
  const spec = part(object, 'spec');
  templateDefaults(spec);
  more(spec);
}

function templateDefaults(spec: Fields): void {
  const template = part(spec, 'template');
  part(template, 'metadata');
  podSpecDefaults(part(template, 'spec'));
}

function jobSpecDefaults(uid: string, spec: Fields): void {
  templateDefaults(spec);
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
  set(spec, 'parallelism', 1);
  set(spec, 'backoffLimit', 6);
  set(spec, 'completionMode', 'NonIndexed');
  set(spec, 'suspend', false);
  set(spec, 'manualSelector', undefined);
  if (spec['selector'] !== undefined) return;
  spec['selector'] = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
}

/** The labels that a Job's pods carry so that its generated selector finds them. */
export function labelJobTemplate(object: SimObject): void {
  const metadata = part(part(part(object, 'spec'), 'template'), 'metadata');
  const { uid, name } = object.metadata;
  metadata['labels'] = {
    ...fieldsOf(metadata['labels']),
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'job-name': name,
  };
}

function podSpecDefaults(spec: Fields): void {
  set(spec, 'restartPolicy', 'Always');
  set(spec, 'terminationGracePeriodSeconds', 30);
  set(spec, 'dnsPolicy', 'ClusterFirst');
  set(spec, 'securityContext', {});
  set(spec, 'schedulerName', 'default-scheduler');
  for (const field of ['containers', 'initContainers']) {
    for (const item of listOf(spec[field])) if (isFields(item)) containerDefaults(item, spec['hostNetwork'] === true);
  }
}

function containerDefaults(container: Fields, hostNetwork: boolean): void {
  set(container, 'resources', {});
  set(container, 'terminationMessagePath', '/dev/termination-log');
  set(container, 'terminationMessagePolicy', 'File');
  const image = typeof container['image'] === 'string' ? container['image'] : '';
  const tag = image.slice(image.lastIndexOf('/') + 1);
  const floating = !tag.includes('@') && (!tag.includes(':') || tag.endsWith(':latest'));
  set(container, 'imagePullPolicy', floating ? 'Always' : 'IfNotPresent');
  for (const item of listOf(container['ports'])) {
    if (!isFields(item)) continue;
    set(item, 'protocol', 'TCP');
    if (hostNetwork) set(item, 'hostPort', item['containerPort']);
  }
  for (const field of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
    const probe = container[field];
    if (!isFields(probe)) continue;
    set(probe, 'timeoutSeconds', 1);
    set(probe, 'periodSeconds', 10);
    set(probe, 'successThreshold', 1);
    set(probe, 'failureThreshold', 3);
    if (isFields(probe['httpGet'])) set(probe['httpGet'], 'scheme', 'HTTP');
    if (isFields(probe['grpc'])) set(probe['grpc'], 'service', '');
  }
  const resources = fieldsOf(container['resources']);
  if (isFields(resources['limits'])) {
    const requests = part(resources, 'requests');
    for (const [name, value] of Object.entries(resources['limits'])) set(requests, name, value);
  }
}

/** Guaranteed, Burstable or BestEffort, by requests and limits. */
export function qosOf(spec: Fields): string {
  let any = false;
  let guaranteed = true;
  for (const item of listOf(spec['containers'])) {
    const resources = fieldsOf(fieldsOf(item)['resources']);
    const requests = fieldsOf(resources['requests']);
    const limits = fieldsOf(resources['limits']);
    for (const name of ['cpu', 'memory']) {
      if (requests[name] !== undefined || limits[name] !== undefined) any = true;
      if (limits[name] === undefined || !sameJson(limits[name], requests[name] ?? limits[name])) guaranteed = false;
    }
  }
  return any ? (guaranteed ? 'Guaranteed' : 'Burstable') : 'BestEffort';
}
