import type { Fields } from './object.ts';

/** One REST resource that the API serves. */
export interface ResourceDefinition {
  /** `pods`, `deployments.apps`: the key of its table, the same for all versions. */
  key: string;
  group: string;
  version: string;
  /** `v1`, `apps/v1`. */
  apiVersion: string;
  plural: string;
  singular: string;
  kind: string;
  listKind: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly string[];
  subresources: readonly string[];
  /** A change of anything but metadata and status raises metadata.generation. */
  hasGeneration: boolean;
  /** Set for resources that a CustomResourceDefinition defines. */
  custom?: { schema: Fields | undefined; printerColumns: Fields[]; preserveUnknown: boolean };
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

interface Row {
  short?: string[];
  sub?: string[];
  verbs?: string[];
  cluster?: boolean;
  generation?: boolean;
  categories?: string[];
}

function define(group: string, version: string, plural: string, kind: string, row: Row = {}): ResourceDefinition {
  return {
    key: group === '' ? plural : `${plural}.${group}`,
    group,
    version,
    apiVersion: group === '' ? version : `${group}/${version}`,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    namespaced: row.cluster !== true,
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    verbs: row.verbs ?? allVerbs,
    subresources: row.sub ?? [],
    hasGeneration: row.generation === true,
  };
}

const core = (plural: string, kind: string, row?: Row) => define('', 'v1', plural, kind, row);
const all = ['all'];
const createOnly = ['create'];

/** What the API serves before any CustomResourceDefinition. */
export const builtinResources: readonly ResourceDefinition[] = [
  core('namespaces', 'Namespace', {
    short: ['ns'],
    cluster: true,
    sub: ['status', 'finalize'],
    verbs: allVerbs.filter((verb) => verb !== 'deletecollection'),
  }),
  core('nodes', 'Node', { short: ['no'], cluster: true, sub: ['status'] }),
  core('pods', 'Pod', {
    short: ['po'],
    sub: ['status', 'log', 'eviction', 'binding', 'ephemeralcontainers'],
    categories: all,
  }),
  core('services', 'Service', { short: ['svc'], sub: ['status'], categories: all }),
  core('endpoints', 'Endpoints', { short: ['ep'] }),
  core('configmaps', 'ConfigMap', { short: ['cm'] }),
  core('secrets', 'Secret'),
  core('serviceaccounts', 'ServiceAccount', { short: ['sa'], sub: ['token'] }),
  core('events', 'Event', { short: ['ev'] }),
  core('persistentvolumes', 'PersistentVolume', { short: ['pv'], cluster: true, sub: ['status'] }),
  core('persistentvolumeclaims', 'PersistentVolumeClaim', { short: ['pvc'], sub: ['status'] }),
  core('resourcequotas', 'ResourceQuota', { short: ['quota'], sub: ['status'] }),
  core('limitranges', 'LimitRange', { short: ['limits'] }),
  core('replicationcontrollers', 'ReplicationController', {
    short: ['rc'],
    sub: ['status', 'scale'],
    generation: true,
    categories: all,
  }),
  core('podtemplates', 'PodTemplate', { generation: true }),
  define('apps', 'v1', 'deployments', 'Deployment', {
    short: ['deploy'],
    sub: ['status', 'scale'],
    generation: true,
    categories: all,
  }),
  define('apps', 'v1', 'replicasets', 'ReplicaSet', {
    short: ['rs'],
    sub: ['status', 'scale'],
    generation: true,
    categories: all,
  }),
  define('apps', 'v1', 'daemonsets', 'DaemonSet', {
    short: ['ds'],
    sub: ['status'],
    generation: true,
    categories: all,
  }),
  define('apps', 'v1', 'statefulsets', 'StatefulSet', {
    short: ['sts'],
    sub: ['status', 'scale'],
    generation: true,
    categories: all,
  }),
  define('apps', 'v1', 'controllerrevisions', 'ControllerRevision'),
  define('batch', 'v1', 'jobs', 'Job', { sub: ['status'], generation: true, categories: all }),
  define('batch', 'v1', 'cronjobs', 'CronJob', { short: ['cj'], sub: ['status'], generation: true, categories: all }),
  define('policy', 'v1', 'poddisruptionbudgets', 'PodDisruptionBudget', {
    short: ['pdb'],
    sub: ['status'],
    generation: true,
  }),
  define('autoscaling', 'v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', {
    short: ['hpa'],
    sub: ['status'],
    categories: all,
  }),
  define('coordination.k8s.io', 'v1', 'leases', 'Lease'),
  define('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice', { generation: true }),
  // The same events as the core group's, under other field names.
  { ...define('events.k8s.io', 'v1', 'events', 'Event', { short: ['ev'] }), key: 'events' },
  define('networking.k8s.io', 'v1', 'ingresses', 'Ingress', { short: ['ing'], sub: ['status'], generation: true }),
  define('networking.k8s.io', 'v1', 'ingressclasses', 'IngressClass', { cluster: true, generation: true }),
  define('networking.k8s.io', 'v1', 'networkpolicies', 'NetworkPolicy', { short: ['netpol'], generation: true }),
  define('rbac.authorization.k8s.io', 'v1', 'roles', 'Role'),
  define('rbac.authorization.k8s.io', 'v1', 'rolebindings', 'RoleBinding'),
  define('rbac.authorization.k8s.io', 'v1', 'clusterroles', 'ClusterRole', { cluster: true }),
  define('rbac.authorization.k8s.io', 'v1', 'clusterrolebindings', 'ClusterRoleBinding', { cluster: true }),
  define('scheduling.k8s.io', 'v1', 'priorityclasses', 'PriorityClass', {
    short: ['pc'],
    cluster: true,
    generation: true,
  }),
  define('node.k8s.io', 'v1', 'runtimeclasses', 'RuntimeClass', { cluster: true }),
  define('storage.k8s.io', 'v1', 'storageclasses', 'StorageClass', { short: ['sc'], cluster: true }),
  define('storage.k8s.io', 'v1', 'volumeattachments', 'VolumeAttachment', { cluster: true, sub: ['status'] }),
  define('storage.k8s.io', 'v1', 'csidrivers', 'CSIDriver', { cluster: true }),
  define('storage.k8s.io', 'v1', 'csinodes', 'CSINode', { cluster: true }),
  define('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', {
    short: ['crd', 'crds'],
    cluster: true,
    sub: ['status'],
    generation: true,
    categories: ['api-extensions'],
  }),
  define('apiregistration.k8s.io', 'v1', 'apiservices', 'APIService', {
    cluster: true,
    sub: ['status'],
    categories: ['api-extensions'],
  }),
  define('admissionregistration.k8s.io', 'v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', {
    cluster: true,
    generation: true,
    categories: ['api-extensions'],
  }),
  define('admissionregistration.k8s.io', 'v1', 'validatingwebhookconfigurations', 'ValidatingWebhookConfiguration', {
    cluster: true,
    generation: true,
    categories: ['api-extensions'],
  }),
  define('authorization.k8s.io', 'v1', 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', {
    cluster: true,
    verbs: createOnly,
  }),
  define('authorization.k8s.io', 'v1', 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', {
    cluster: true,
    verbs: createOnly,
  }),
  define('authorization.k8s.io', 'v1', 'subjectaccessreviews', 'SubjectAccessReview', {
    cluster: true,
    verbs: createOnly,
  }),
  define('authorization.k8s.io', 'v1', 'localsubjectaccessreviews', 'LocalSubjectAccessReview', { verbs: createOnly }),
  define('authentication.k8s.io', 'v1', 'tokenreviews', 'TokenReview', { cluster: true, verbs: createOnly }),
  define('authentication.k8s.io', 'v1', 'selfsubjectreviews', 'SelfSubjectReview', {
    cluster: true,
    verbs: createOnly,
  }),
];

/** The resources that are served now: built in ones and those of CustomResourceDefinitions. */
export class ResourceRegistry {
  #byPath = new Map<string, ResourceDefinition>();
  #byKind = new Map<string, ResourceDefinition>();
  #custom = new Map<string, ResourceDefinition[]>();

  constructor() {
    for (const definition of builtinResources) this.#add(definition);
  }

  find(group: string, version: string, plural: string): ResourceDefinition | undefined {
    return this.#byPath.get(`${group}/${version}/${plural}`);
  }

  byKind(apiVersion: string, kind: string): ResourceDefinition | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`);
  }

  all(): IterableIterator<ResourceDefinition> {
    return this.#byPath.values();
  }

  /** Replaces what the definition `name` (plural.group) serves. */
  setCustom(name: string, definitions: ResourceDefinition[]): void {
    this.removeCustom(name);
    this.#custom.set(name, definitions);
    for (const definition of definitions) this.#add(definition);
  }

  removeCustom(name: string): void {
    for (const old of this.#custom.get(name) ?? []) {
      this.#byPath.delete(`${old.group}/${old.version}/${old.plural}`);
      this.#byKind.delete(`${old.apiVersion}/${old.kind}`);
    }
    this.#custom.delete(name);
  }

  /** Takes away what an old release, or one that is told so, does not serve: `endpointslices.discovery.k8s.io`. */
  withdraw(keys: readonly string[]): void {
    for (const each of [...this.all()].filter(({ key }) => keys.includes(key))) {
      this.#byPath.delete(`${each.group}/${each.version}/${each.plural}`);
      this.#byKind.delete(`${each.apiVersion}/${each.kind}`);
    }
  }

  hasGroup(group: string, version?: string): boolean {
    for (const each of this.all()) {
      if (each.group === group && (version === undefined || each.version === version)) return true;
    }
    return false;
  }

  #add(definition: ResourceDefinition): void {
    this.#byPath.set(`${definition.group}/${definition.version}/${definition.plural}`, definition);
    this.#byKind.set(`${definition.apiVersion}/${definition.kind}`, definition);
  }
}
