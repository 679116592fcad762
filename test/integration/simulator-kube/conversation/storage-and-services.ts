import { type Area, absent } from './step.ts';

const api = '/api/v1/namespaces/default';
const services = `${api}/services`;
const claims = `${api}/persistentvolumeclaims`;
const volumes = 'kubernetes.io/docs/concepts/storage/persistent-volumes/';
const networking = 'kubernetes.io/docs/concepts/services-networking/service/';

const servicesAndSlices: Area = {
  name: 'services and endpoint slices',
  steps: [
    {
      id: 'services/made',
      source: `${networking}; pkg/apis/core/v1/defaults.go`,
      method: 'POST',
      path: services,
      body: { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports: [{ port: 80 }] } },
      at: {
        'spec.type': 'ClusterIP',
        'spec.clusterIP': /^\d+\.\d+\.\d+\.\d+$/,
        'spec.sessionAffinity': 'None',
        'spec.ipFamilyPolicy': 'SingleStack',
        'spec.internalTrafficPolicy': 'Cluster',
        'spec.ports': [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      },
    },
    {
      id: 'services/address-is-fixed',
      source: 'pkg/apis/core/validation ValidateServiceClusterIPsRelatedFields',
      method: 'PATCH',
      path: `${services}/web`,
      body: { spec: { clusterIP: '100.64.0.9', clusterIPs: ['100.64.0.9'] } },
      status: 422,
      at: { reason: 'Invalid', message: /spec\.clusterIPs?/ },
    },
    {
      id: 'services/ports-need-names',
      source: `${networking}#multi-port-services; ValidateService`,
      method: 'POST',
      path: services,
      body: { metadata: { name: 'two' }, spec: { ports: [{ port: 80 }, { port: 81 }] } },
      status: 422,
      at: { message: /spec\.ports\[0\]\.name: Required value/ },
    },
    {
      id: 'services/node-port',
      source: `${networking}#type-nodeport: 30000-32767`,
      method: 'POST',
      path: services,
      body: { metadata: { name: 'np' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } },
      at: { 'spec.ports.*.nodePort': [/^3[0-2]\d{3}$/], 'spec.externalTrafficPolicy': 'Cluster' },
    },
    {
      id: 'services/headless',
      source: `${networking}#headless-services`,
      method: 'POST',
      path: services,
      body: {
        metadata: { name: 'headless' },
        spec: { clusterIP: 'None', selector: { app: 'web' }, ports: [{ port: 80 }] },
      },
      expect: { spec: { clusterIP: 'None', clusterIPs: ['None'] } },
    },
    {
      id: 'slices/pod',
      source: 'setup',
      method: 'POST',
      path: `${api}/pods`,
      body: {
        metadata: { name: 'web', labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'nginx' }] },
      },
    },
    {
      id: 'slices/made',
      source: 'kubernetes.io/docs/concepts/services-networking/endpoint-slices/#ownership, #conditions',
      path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dweb',
      at: {
        'items.*.addressType': ['IPv4'],
        'items.*.metadata.labels.endpointslice~kubernetes~io/managed-by': ['endpointslice-controller.k8s.io'],
        'items.*.metadata.generateName': ['web-'],
        'items.*.endpoints.*.conditions': [[{ ready: true, serving: true, terminating: false }]].flat(),
        'items.*.ports': [[{ port: 80, protocol: 'TCP' }]],
      },
      eventually: true,
    },
    {
      id: 'slices/go-with-the-service',
      source: 'kubernetes.io/docs/concepts/services-networking/endpoint-slices/#ownership',
      method: 'DELETE',
      path: `${services}/web`,
    },
    {
      id: 'slices/gone',
      source: 'as slices/go-with-the-service',
      path: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dweb',
      at: { 'items.*.metadata.name': [] },
      eventually: true,
    },
  ],
};

const spec = { storageClassName: '', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

const storage: Area = {
  name: 'claims and volumes',
  steps: [
    {
      id: 'volumes/made',
      source: `${volumes}#reclaiming: Retain is the default of volumes made by hand; storage-object-in-use protection`,
      method: 'POST',
      path: '/api/v1/persistentvolumes',
      body: {
        metadata: { name: 'disk' },
        spec: {
          storageClassName: '',
          capacity: { storage: '2Gi' },
          accessModes: ['ReadWriteOnce'],
          csi: { driver: 'd', volumeHandle: 'h' },
        },
      },
      at: {
        'spec.persistentVolumeReclaimPolicy': 'Retain',
        'spec.volumeMode': 'Filesystem',
        'metadata.finalizers': ['kubernetes.io/pv-protection'],
      },
    },
    {
      id: 'volumes/available',
      source: `${volumes}#phase`,
      path: '/api/v1/persistentvolumes/disk',
      at: { 'status.phase': 'Available' },
      eventually: true,
    },
    {
      id: 'claims/made',
      source: `${volumes}#storage-object-in-use-protection`,
      method: 'POST',
      path: claims,
      body: { metadata: { name: 'data' }, spec },
      at: { 'metadata.finalizers': ['kubernetes.io/pvc-protection'], 'status.phase': 'Pending' },
    },
    {
      id: 'claims/bound',
      source: `${volumes}#binding: the capacity is the volume's`,
      path: `${claims}/data`,
      at: { 'status.phase': 'Bound', 'spec.volumeName': 'disk', 'status.capacity.storage': '2Gi' },
      eventually: true,
    },
    {
      id: 'volumes/claimed',
      source: `${volumes}#binding: one to one, by claimRef`,
      path: '/api/v1/persistentvolumes/disk',
      at: { 'status.phase': 'Bound', 'spec.claimRef.name': 'data', 'spec.claimRef.uid': /.+/ },
      eventually: true,
    },
    {
      id: 'claims/modes-are-required',
      source: 'pkg/apis/core/validation ValidatePersistentVolumeClaimSpec',
      method: 'POST',
      path: claims,
      body: { metadata: { name: 'odd' }, spec: { resources: { requests: { storage: '1Gi' } } } },
      status: 422,
      at: { message: /spec\.accessModes: Required value: at least 1 access mode is required/ },
    },
    { id: 'claims/deleted', source: 'setup', method: 'DELETE', path: `${claims}/data` },
    {
      id: 'claims/gone',
      source: `${volumes}#storage-object-in-use-protection: not in use`,
      path: `${claims}/data`,
      status: 404,
      eventually: true,
    },
    {
      id: 'volumes/released',
      source: `${volumes}#retain: released, and still of the old claim`,
      path: '/api/v1/persistentvolumes/disk',
      at: { 'status.phase': 'Released', 'spec.claimRef.name': 'data', 'metadata.deletionTimestamp': absent },
      eventually: true,
    },
  ],
};

export const storageAndServices: readonly Area[] = [servicesAndSlices, storage];
