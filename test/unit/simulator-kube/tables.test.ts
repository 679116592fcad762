import { describe, expect, it } from 'vitest';
import { type Body, inDefault, TestCluster } from './test-cluster.ts';

const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
const net = '/apis/networking.k8s.io/v1';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const storage = '/apis/storage.k8s.io/v1';
const hooks = '/apis/admissionregistration.k8s.io/v1';

/** As kubectl prints them; what only `-o wide` shows stands in brackets. */
const columns: [string, string][] = [
  [
    '/api/v1/persistentvolumes',
    'Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age,[VolumeMode]',
  ],
  [
    `${inDefault}/persistentvolumeclaims`,
    'Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age,[VolumeMode]',
  ],
  [`${storage}/storageclasses`, 'Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age'],
  [`${storage}/volumeattachments`, 'Name,Attacher,PV,Node,Attached,Age'],
  [`${storage}/csinodes`, 'Name,Drivers,Age'],
  [
    `${storage}/csidrivers`,
    'Name,AttachRequired,PodInfoOnMount,StorageCapacity,TokenRequests,RequiresRepublish,Modes,Age',
  ],
  [`${inDefault}/endpoints`, 'Name,Endpoints,Age'],
  ['/apis/discovery.k8s.io/v1/endpointslices', 'Name,AddressType,Ports,Endpoints,Age'],
  [`${net}/ingresses`, 'Name,Class,Hosts,Address,Ports,Age'],
  [`${net}/ingressclasses`, 'Name,Controller,Parameters,Age'],
  [`${net}/networkpolicies`, 'Name,Pod-Selector,Age'],
  [`${rbac}/roles`, 'Name,Created At'],
  [`${rbac}/clusterroles`, 'Name,Created At'],
  [`${rbac}/rolebindings`, 'Name,Role,Age,[Users],[Groups],[ServiceAccounts]'],
  [`${rbac}/clusterrolebindings`, 'Name,Role,Age,[Users],[Groups],[ServiceAccounts]'],
  [`${inDefault}/limitranges`, 'Name,Created At'],
  [`${inDefault}/resourcequotas`, 'Name,Request,Limit,Age'],
  ['/apis/scheduling.k8s.io/v1/priorityclasses', 'Name,Value,Global-Default,Age,PreemptionPolicy'],
  ['/apis/node.k8s.io/v1/runtimeclasses', 'Name,Handler,Age'],
  [`${hooks}/mutatingwebhookconfigurations`, 'Name,Webhooks,Age'],
  [`${hooks}/validatingwebhookconfigurations`, 'Name,Webhooks,Age'],
  ['/apis/autoscaling/v2/horizontalpodautoscalers', 'Name,Reference,Targets,MinPods,MaxPods,Replicas,Age'],
  ['/apis/apps/v1/controllerrevisions', 'Name,Controller,Revision,Age'],
  [
    '/apis/apps/v1/daemonsets',
    'Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age,[Containers],[Images],[Selector]',
  ],
  ['/apis/apps/v1/statefulsets', 'Name,Ready,Age,[Containers],[Images]'],
  ['/apis/apps/v1/replicasets', 'Name,Desired,Current,Ready,Age,[Containers],[Images],[Selector]'],
  ['/apis/batch/v1/jobs', 'Name,Status,Completions,Duration,Age,[Containers],[Images],[Selector]'],
  [
    '/apis/batch/v1/cronjobs',
    'Name,Schedule,Timezone,Suspend,Active,Last Schedule,Age,[Containers],[Images],[Selector]',
  ],
  ['/api/v1/podtemplates', 'Name,Containers,Images,Pod Labels'],
  ['/apis/apiregistration.k8s.io/v1/apiservices', 'Name,Service,Available,Age'],
  ['/apis/coordination.k8s.io/v1/leases', 'Name,Holder,Age'],
  ['/api/v1/events', 'Last Seen,Type,Reason,Object,[Subobject],[Source],Message,[First Seen],[Count],[Name]'],
  ['/api/v1/secrets', 'Name,Type,Data,Age'],
  ['/api/v1/serviceaccounts', 'Name,Secrets,Age'],
  ['/api/v1/services', 'Name,Type,Cluster-IP,External-IP,Port(s),Age,[Selector]'],
];

describe('tables', () => {
  const cluster = TestCluster.withNodes(1);
  const answer = (path: string): Body => cluster.send('GET', path, undefined, table).body;
  const cells = (path: string): Body[] => answer(path).rows[0].cells;

  it.each(columns)('of %s have the columns that kubectl prints', (path, expected) => {
    const definitions: Body[] = answer(path).columnDefinitions;
    expect(definitions.map(({ name, priority }) => (priority > 0 ? `[${name}]` : name)).join(',')).toBe(expected);
  });

  it('show what a claim and its volume have', () => {
    cluster.create(`${storage}/storageclasses`, {
      metadata: { name: 'gp3', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'ebs.csi.aws.com',
    });
    cluster.create(`${inDefault}/persistentvolumeclaims`, {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
    });
    expect(cells(`${inDefault}/persistentvolumeclaims/data`).slice(1, 6)).toEqual(['Pending', '', '', '', 'gp3']);
    cluster.advance(5_000);
    const claim = cells(`${inDefault}/persistentvolumeclaims/data`);
    expect(claim.slice(1, 7)).toEqual(['Bound', expect.stringMatching(/^pvc-/), '2Gi', 'RWO', 'gp3', '<unset>']);
    expect(cells(`/api/v1/persistentvolumes/${claim[2]}`).slice(1, 7)).toEqual([
      '2Gi',
      'RWO',
      'Delete',
      'Bound',
      'default/data',
      'gp3',
    ]);
    expect(cells(`${storage}/storageclasses/gp3`)[0]).toBe('gp3 (default)');
  });

  it('show where a service is reached from outside, and what an ingress serves', () => {
    const service = (name: string, spec: object): Body =>
      cluster.create(`${inDefault}/services`, { metadata: { name }, spec: { ports: [{ port: 80 }], ...spec } });
    service('inner', {});
    service('outer', { type: 'LoadBalancer' });
    service('alias', { type: 'ExternalName', externalName: 'example.org' });
    const shown = (name: string): string => cells(`${inDefault}/services/${name}`)[3];
    expect([shown('inner'), shown('outer'), shown('alias')]).toEqual(['<none>', '<pending>', 'example.org']);
    const ingress = [{ hostname: 'lb.example.org' }];
    const status = { status: { loadBalancer: { ingress } } };
    cluster.send('PATCH', `${inDefault}/services/outer/status`, status, { type: 'application/merge-patch+json' });
    expect(shown('outer')).toBe('lb.example.org');
    cluster.create(`${net}/namespaces/default/ingresses`, {
      metadata: { name: 'i' },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: ['a.example.org'] }],
        rules: ['a', 'b', 'c', 'd'].map((each) => ({ host: `${each}.example.org` })),
      },
    });
    expect(cells(`${net}/namespaces/default/ingresses/i`).slice(1, 5)).toEqual([
      'nginx',
      'a.example.org,b.example.org,c.example.org + 1 more...',
      '',
      '80, 443',
    ]);
  });
});
