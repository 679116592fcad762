/**
 * Types of the fields that the simulator reads, by kind: what a client sends is checked against them before anything looks at
 * it. A list with one shape in it is a list; an object is a record of known fields, open to others when it has '...'.
 */
export type Shape =
  | 'string'
  | 'int'
  | 'bool'
  | 'map'
  | 'strings'
  | 'text-map'
  | 'quantity-map'
  | 'int-or-string'
  | 'any'
  | Shape[]
  | ShapeFields;
export interface ShapeFields {
  [field: string]: Shape;
}

const expressions: Shape = [{ key: 'string', operator: 'string', values: 'strings', '...': 'any' }];
const selector: Shape = { matchLabels: 'text-map', matchExpressions: expressions, '...': 'any' };
const term: Shape = { matchExpressions: expressions, matchFields: expressions, '...': 'any' };
const podTerms: Shape = [{ labelSelector: selector, topologyKey: 'string', namespaces: 'strings', '...': 'any' }];
const probe: Shape = { initialDelaySeconds: 'int', periodSeconds: 'int', '...': 'any' };
const container: Shape = {
  name: 'string',
  image: 'string',
  command: 'strings',
  args: 'strings',
  ports: [{ name: 'string', containerPort: 'int', hostPort: 'int', protocol: 'string', '...': 'any' }],
  env: [{ name: 'string', '...': 'any' }],
  volumeMounts: [{ name: 'string', mountPath: 'string', '...': 'any' }],
  resources: { requests: 'quantity-map', limits: 'quantity-map', '...': 'any' },
  readinessProbe: probe,
  livenessProbe: probe,
  startupProbe: probe,
  '...': 'any',
};
const toleration: Shape = {
  key: 'string',
  operator: 'string',
  value: 'string',
  effect: 'string',
  tolerationSeconds: 'int',
};
const podSpec: Shape = {
  nodeName: 'string',
  containers: [container],
  initContainers: [container],
  tolerations: [toleration],
  nodeSelector: 'text-map',
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] }, '...': 'any' },
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: podTerms, '...': 'any' },
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: podTerms, '...': 'any' },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 'int',
      topologyKey: 'string',
      whenUnsatisfiable: 'string',
      labelSelector: selector,
      minDomains: 'int',
      '...': 'any',
    },
  ],
  terminationGracePeriodSeconds: 'int',
  restartPolicy: 'string',
  priority: 'int',
  priorityClassName: 'string',
  serviceAccountName: 'string',
  schedulerName: 'string',
  hostNetwork: 'bool',
  volumes: [{ name: 'string', persistentVolumeClaim: { claimName: 'string', '...': 'any' }, '...': 'any' }],
  imagePullSecrets: [{ name: 'string', '...': 'any' }],
  '...': 'any',
};
export const metadataShape: Shape = {
  name: 'string',
  namespace: 'string',
  uid: 'string',
  resourceVersion: 'string',
  generation: 'int',
  creationTimestamp: 'any',
  deletionTimestamp: 'any',
  deletionGracePeriodSeconds: 'int',
  generateName: 'string',
  labels: 'text-map',
  annotations: 'text-map',
  finalizers: 'strings',
  ownerReferences: [
    {
      apiVersion: 'string',
      kind: 'string',
      name: 'string',
      uid: 'string',
      controller: 'bool',
      blockOwnerDeletion: 'bool',
    },
  ],
  managedFields: [
    {
      manager: 'string',
      operation: 'string',
      apiVersion: 'string',
      fieldsType: 'string',
      fieldsV1: 'map',
      '...': 'any',
    },
  ],
  selfLink: 'string',
};
const template: Shape = {
  metadata: { labels: 'text-map', annotations: 'text-map', finalizers: 'strings', '...': 'any' },
  spec: podSpec,
  '...': 'any',
};
const conditions: Shape = [{ type: 'string', status: 'string', '...': 'any' }];
const rolling: Shape = {
  type: 'string',
  rollingUpdate: { maxSurge: 'int-or-string', maxUnavailable: 'int-or-string', partition: 'int', '...': 'any' },
};
const jobSpec: Shape = {
  parallelism: 'int',
  completions: 'int',
  backoffLimit: 'int',
  activeDeadlineSeconds: 'int',
  ttlSecondsAfterFinished: 'int',
  suspend: 'bool',
  selector,
  template,
  '...': 'any',
};
const replicated: ShapeFields = {
  replicas: 'int',
  minReadySeconds: 'int',
  revisionHistoryLimit: 'int',
  template,
  '...': 'any',
};
const anyFields: Shape = { '...': 'any' };

/** By kind; each closed at its top level. Kinds that are not here have only spec and status, both open. */
export const objectShapes: Record<string, ShapeFields> = {
  Pod: { spec: podSpec, status: { conditions, phase: 'string', '...': 'any' } },
  Node: {
    spec: {
      providerID: 'string',
      unschedulable: 'bool',
      podCIDR: 'string',
      podCIDRs: 'strings',
      taints: [{ key: 'string', value: 'string', effect: 'string', timeAdded: 'any' }],
      '...': 'any',
    },
    status: { conditions, capacity: 'quantity-map', allocatable: 'quantity-map', nodeInfo: 'text-map', '...': 'any' },
  },
  Namespace: { spec: { finalizers: 'strings' }, status: { phase: 'string', conditions, '...': 'any' } },
  Deployment: {
    spec: { ...replicated, selector, strategy: rolling, paused: 'bool', progressDeadlineSeconds: 'int' },
    status: { conditions, '...': 'any' },
  },
  ReplicaSet: { spec: { ...replicated, selector }, status: anyFields },
  StatefulSet: {
    spec: {
      ...replicated,
      selector,
      serviceName: 'string',
      podManagementPolicy: 'string',
      updateStrategy: rolling,
      volumeClaimTemplates: [
        { metadata: { name: 'string', labels: 'text-map', '...': 'any' }, spec: 'map', '...': 'any' },
      ],
    },
    status: anyFields,
  },
  DaemonSet: { spec: { ...replicated, selector, updateStrategy: rolling }, status: anyFields },
  ReplicationController: { spec: { ...replicated, selector: 'text-map' }, status: anyFields },
  Job: { spec: jobSpec, status: { conditions, '...': 'any' } },
  CronJob: {
    spec: {
      schedule: 'string',
      suspend: 'bool',
      concurrencyPolicy: 'string',
      jobTemplate: { metadata: anyFields, spec: jobSpec },
      '...': 'any',
    },
    status: anyFields,
  },
  PodDisruptionBudget: {
    spec: {
      minAvailable: 'int-or-string',
      maxUnavailable: 'int-or-string',
      selector,
      unhealthyPodEvictionPolicy: 'string',
    },
    status: {
      disruptedPods: 'map',
      disruptionsAllowed: 'int',
      currentHealthy: 'int',
      desiredHealthy: 'int',
      expectedPods: 'int',
      conditions,
      observedGeneration: 'int',
    },
  },
  Service: {
    spec: {
      selector: 'text-map',
      type: 'string',
      clusterIP: 'string',
      clusterIPs: 'strings',
      ports: [
        { name: 'string', port: 'int', targetPort: 'int-or-string', protocol: 'string', nodePort: 'int', '...': 'any' },
      ],
      publishNotReadyAddresses: 'bool',
      '...': 'any',
    },
    status: anyFields,
  },
  ConfigMap: { data: 'text-map', binaryData: 'text-map', immutable: 'bool' },
  Secret: { data: 'text-map', stringData: 'text-map', type: 'string', immutable: 'bool' },
  ServiceAccount: { secrets: ['map'], imagePullSecrets: ['map'], automountServiceAccountToken: 'bool' },
  Endpoints: { subsets: ['map'] },
  EndpointSlice: { addressType: 'string', endpoints: ['map'], ports: ['map'] },
  Event: {
    involvedObject: 'map',
    regarding: 'map',
    related: 'map',
    reason: 'string',
    message: 'string',
    note: 'string',
    source: 'map',
    firstTimestamp: 'any',
    lastTimestamp: 'any',
    deprecatedFirstTimestamp: 'any',
    deprecatedLastTimestamp: 'any',
    deprecatedSource: 'any',
    deprecatedCount: 'any',
    count: 'int',
    type: 'string',
    eventTime: 'any',
    series: 'any',
    action: 'string',
    reportingComponent: 'string',
    reportingInstance: 'string',
    reportingController: 'string',
  },
  PersistentVolume: {
    spec: {
      claimRef: 'map',
      nodeAffinity: { required: { nodeSelectorTerms: [term] } },
      capacity: 'quantity-map',
      '...': 'any',
    },
    status: anyFields,
  },
  PersistentVolumeClaim: {
    spec: { storageClassName: 'string', volumeName: 'string', resources: 'map', accessModes: 'strings', '...': 'any' },
    status: anyFields,
  },
  StorageClass: {
    provisioner: 'string',
    parameters: 'text-map',
    reclaimPolicy: 'string',
    volumeBindingMode: 'string',
    allowVolumeExpansion: 'bool',
    mountOptions: 'strings',
    allowedTopologies: ['map'],
  },
  Role: { rules: ['map'] },
  ClusterRole: { rules: ['map'], aggregationRule: 'map' },
  RoleBinding: { subjects: ['map'], roleRef: 'map' },
  ClusterRoleBinding: { subjects: ['map'], roleRef: 'map' },
  PriorityClass: { value: 'int', globalDefault: 'bool', description: 'string', preemptionPolicy: 'string' },
  RuntimeClass: { handler: 'string', overhead: 'map', scheduling: 'map' },
  ControllerRevision: { data: 'any', revision: 'int' },
  PodTemplate: { template },
  Lease: {
    spec: {
      holderIdentity: 'string',
      leaseDurationSeconds: 'int',
      leaseTransitions: 'int',
      acquireTime: 'any',
      renewTime: 'any',
      '...': 'any',
    },
  },
  MutatingWebhookConfiguration: { webhooks: ['map'] },
  ValidatingWebhookConfiguration: { webhooks: ['map'] },
  CustomResourceDefinition: {
    spec: {
      group: 'string',
      scope: 'string',
      conversion: 'map',
      preserveUnknownFields: 'bool',
      names: {
        plural: 'string',
        singular: 'string',
        kind: 'string',
        listKind: 'string',
        shortNames: 'strings',
        categories: 'strings',
      },
      versions: [
        {
          name: 'string',
          served: 'bool',
          storage: 'bool',
          schema: { openAPIV3Schema: 'map' },
          subresources: 'map',
          additionalPrinterColumns: ['map'],
          '...': 'any',
        },
      ],
      '...': 'any',
    },
    status: anyFields,
  },
};
