const pod = { containers: [{ name: 'c', image: 'nginx:1' }] };
const labelled = { metadata: { labels: { app: 'sample' } }, spec: pod };
const selector = { matchLabels: { app: 'sample' } };
const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const subject = { kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' };
const role = (kind: string): object => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name: 'r' });
const webhook = {
  name: 'a.example.com',
  admissionReviewVersions: ['v1'],
  sideEffects: 'None',
  failurePolicy: 'Ignore',
  clientConfig: { url: 'https://hooks.example.com/a' },
  rules: [{ apiGroups: ['example.com'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['things'] }],
};

/**
 * One valid object of every kind that the simulator serves, by `apiVersion/plural`, without apiVersion, kind and name. A kind
 * that is only asked (reviews) has its question here.
 */
export const sampleObjects: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'v1/namespaces': {},
  'v1/nodes': { spec: { providerID: 'x:///z/i-9' } },
  'v1/pods': { spec: pod },
  'v1/services': { spec: { selector: { app: 'sample' }, ports: [{ port: 80 }] } },
  'v1/endpoints': { subsets: [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 80 }] }] },
  'v1/configmaps': { data: { k: 'v' } },
  'v1/secrets': { stringData: { k: 'v' } },
  'v1/serviceaccounts': {},
  'v1/events': {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
    reason: 'R',
    message: 'm',
    type: 'Normal',
  },
  'v1/persistentvolumes': {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      csi: { driver: 'd', volumeHandle: 'h' },
    },
  },
  'v1/persistentvolumeclaims': {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  'v1/resourcequotas': { spec: { hard: { pods: '10' } } },
  'v1/limitranges': { spec: { limits: [{ type: 'Container', default: { cpu: '1' } }] } },
  'v1/replicationcontrollers': { spec: { replicas: 0, selector: { app: 'sample' }, template: labelled } },
  'v1/podtemplates': { template: labelled },
  'apps/v1/deployments': { spec: { replicas: 0, selector, template: labelled } },
  'apps/v1/replicasets': { spec: { replicas: 0, selector, template: labelled } },
  'apps/v1/daemonsets': { spec: { selector, template: labelled } },
  'apps/v1/statefulsets': { spec: { replicas: 0, serviceName: 's', selector, template: labelled } },
  'apps/v1/controllerrevisions': { revision: 1, data: { k: 'v' } },
  'batch/v1/jobs': { spec: { suspend: true, template: { spec: { ...pod, restartPolicy: 'Never' } } } },
  'batch/v1/cronjobs': {
    spec: {
      schedule: '0 0 1 1 *',
      jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: 'Never' } } } },
    },
  },
  'policy/v1/poddisruptionbudgets': { spec: { minAvailable: 1, selector } },
  'autoscaling/v2/horizontalpodautoscalers': {
    spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' } },
  },
  'coordination.k8s.io/v1/leases': { spec: { holderIdentity: 'h', leaseDurationSeconds: 40 } },
  'discovery.k8s.io/v1/endpointslices': {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.1.1.1'] }],
    ports: [{ port: 80 }],
  },
  'events.k8s.io/v1/events': {
    eventTime: '2026-01-01T00:00:00.000000Z',
    regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
    reason: 'R',
    note: 'm',
    type: 'Normal',
    action: 'A',
    reportingController: 'c',
    reportingInstance: 'i',
  },
  'networking.k8s.io/v1/ingresses': {
    spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
  },
  'networking.k8s.io/v1/ingressclasses': { spec: { controller: 'example.com/c' } },
  'networking.k8s.io/v1/networkpolicies': { spec: { podSelector: {}, policyTypes: ['Ingress'] } },
  'rbac.authorization.k8s.io/v1/roles': { rules: [rule] },
  'rbac.authorization.k8s.io/v1/rolebindings': { subjects: [subject], roleRef: role('Role') },
  'rbac.authorization.k8s.io/v1/clusterroles': { rules: [rule] },
  'rbac.authorization.k8s.io/v1/clusterrolebindings': { subjects: [subject], roleRef: role('ClusterRole') },
  'scheduling.k8s.io/v1/priorityclasses': { value: 1000 },
  'node.k8s.io/v1/runtimeclasses': { handler: 'runc' },
  'storage.k8s.io/v1/storageclasses': { provisioner: 'ebs.csi.aws.com' },
  'storage.k8s.io/v1/volumeattachments': {
    spec: { attacher: 'ebs.csi.aws.com', nodeName: 'n', source: { persistentVolumeName: 'v' } },
  },
  'storage.k8s.io/v1/csidrivers': { spec: { attachRequired: true } },
  'storage.k8s.io/v1/csinodes': { spec: { drivers: [{ name: 'd', nodeID: 'n' }] } },
  'apiextensions.k8s.io/v1/customresourcedefinitions': {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'samples', kind: 'Sample' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } },
        },
      ],
    },
  },
  'apiregistration.k8s.io/v1/apiservices': {
    spec: { group: 'example.com', version: 'v9', groupPriorityMinimum: 100, versionPriority: 10 },
  },
  'admissionregistration.k8s.io/v1/mutatingwebhookconfigurations': { webhooks: [webhook] },
  'admissionregistration.k8s.io/v1/validatingwebhookconfigurations': { webhooks: [webhook] },
  'authorization.k8s.io/v1/selfsubjectaccessreviews': {
    spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
  },
  'authorization.k8s.io/v1/selfsubjectrulesreviews': { spec: { namespace: 'default' } },
  'authorization.k8s.io/v1/subjectaccessreviews': {
    spec: { user: 'nobody', resourceAttributes: { verb: 'get', resource: 'pods' } },
  },
  'authorization.k8s.io/v1/localsubjectaccessreviews': {
    spec: { user: 'nobody', resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
  },
  'authentication.k8s.io/v1/tokenreviews': { spec: { token: 't' } },
  'authentication.k8s.io/v1/selfsubjectreviews': {},
};

/** The names that some kinds insist on; all others take any. */
export function sampleName(key: string): string {
  if (key === 'apiextensions.k8s.io/v1/customresourcedefinitions') return 'samples.example.com';
  if (key === 'apiregistration.k8s.io/v1/apiservices') return 'v9.example.com';
  return 'sample';
}
