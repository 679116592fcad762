/** Columns of what configures a cluster rather than runs in it: storage, networking, access, extensions. */
import { type Fields, fieldsOf, listOf, type SimObject, shownText } from './object.ts';
import { ageColumn, type Column, nameColumn } from './table-columns.ts';

const spec = (object: SimObject): Fields => fieldsOf(object['spec']);
const status = (object: SimObject): Fields => fieldsOf(object['status']);
const text = (value: unknown, otherwise = ''): string =>
  value === undefined || value === null || value === '' ? otherwise : shownText(value);
const createdColumn: Column = {
  name: 'Created At',
  type: 'date',
  cell: (object) => object.metadata.creationTimestamp,
};
const mostShown = 3;
const defaultClass = 'storageclass.kubernetes.io/is-default-class';

const shortModes: Record<string, string> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function accessModes(modes: unknown): string {
  return listOf(modes)
    .map((each) => shortModes[shownText(each)] ?? shownText(each))
    .join(',');
}

function capacity(owner: Fields): string {
  return text(fieldsOf(owner['capacity'])['storage']);
}

/** The first few, and how many more there are. */
function some(all: readonly string[], otherwise: string): string {
  if (all.length === 0) return otherwise;
  const more = all.length > mostShown ? ` + ${all.length - mostShown} more...` : '';
  return `${all.slice(0, mostShown).join(',')}${more}`;
}

function endpointsText(object: SimObject): string {
  const all = listOf(object['subsets'])
    .map(fieldsOf)
    .flatMap(({ addresses, ports }) =>
      listOf(ports).flatMap((port) =>
        listOf(addresses).map((each) => `${text(fieldsOf(each)['ip'])}:${text(fieldsOf(port)['port'])}`),
      ),
    );
  return some(all, '<none>');
}

function labelsText(labels: unknown): string {
  const found = Object.entries(fieldsOf(labels)).map(([key, value]) => `${key}=${shownText(value)}`);
  return found.join(',') || '<none>';
}

function loadBalancerText(object: SimObject): string {
  return listOf(fieldsOf(status(object)['loadBalancer'])['ingress'])
    .map((each) => text(fieldsOf(each)['ip'] ?? fieldsOf(each)['hostname']))
    .join(',');
}

function ingressHosts(object: SimObject): string {
  const hosts = listOf(spec(object)['rules']).flatMap((rule) => {
    const host = fieldsOf(rule)['host'];
    return typeof host === 'string' && host !== '' ? [host] : [];
  });
  return some(hosts, '*');
}

function subjects(kind: string): (object: SimObject) => string {
  return (object) =>
    listOf(object['subjects'])
      .map(fieldsOf)
      .filter((each) => each['kind'] === kind)
      .map((each) => (kind === 'ServiceAccount' ? `${text(each['namespace'])}/` : '') + text(each['name']))
      .join(', ');
}

const bindingColumns: Column[] = [
  nameColumn,
  {
    name: 'Role',
    cell: (object) => `${text(fieldsOf(object['roleRef'])['kind'])}/${text(fieldsOf(object['roleRef'])['name'])}`,
  },
  ageColumn,
  { name: 'Users', wide: true, cell: subjects('User') },
  { name: 'Groups', wide: true, cell: subjects('Group') },
  { name: 'ServiceAccounts', wide: true, cell: subjects('ServiceAccount') },
];
const webhookColumns: Column[] = [
  nameColumn,
  { name: 'Webhooks', type: 'integer', cell: (object) => listOf(object['webhooks']).length },
  ageColumn,
];
const volumeMode: Column = {
  name: 'VolumeMode',
  wide: true,
  cell: (object) => text(spec(object)['volumeMode'], '<unset>'),
};
const attributesClass: Column = {
  name: 'VolumeAttributesClass',
  cell: (object) => text(spec(object)['volumeAttributesClassName'], '<unset>'),
};

function metricTargets(object: SimObject): string {
  const current = listOf(status(object)['currentMetrics']);
  const targets = listOf(spec(object)['metrics']).map((metric, index) => {
    const wanted = fieldsOf(fieldsOf(fieldsOf(metric)['resource'])['target'])['averageUtilization'];
    const has = fieldsOf(fieldsOf(fieldsOf(current[index])['resource'])['current'])['averageUtilization'];
    const name = text(fieldsOf(fieldsOf(metric)['resource'])['name'], text(fieldsOf(metric)['type']).toLowerCase());
    return `${name}: ${has === undefined ? '<unknown>' : `${shownText(has)}%`}/${wanted === undefined ? '<auto>' : `${shownText(wanted)}%`}`;
  });
  return targets.length > 0 ? targets.join(', ') : '<none>';
}

export const clusterColumnsByKind: Readonly<Record<string, Column[]>> = {
  PersistentVolume: [
    nameColumn,
    { name: 'Capacity', cell: (object) => capacity(spec(object)) },
    { name: 'Access Modes', cell: (object) => accessModes(spec(object)['accessModes']) },
    { name: 'Reclaim Policy', cell: (object) => text(spec(object)['persistentVolumeReclaimPolicy']) },
    { name: 'Status', cell: (object) => text(status(object)['phase']) },
    {
      name: 'Claim',
      cell: (object) => {
        const { namespace, name } = fieldsOf(spec(object)['claimRef']);
        return name === undefined ? '' : `${shownText(namespace)}/${shownText(name)}`;
      },
    },
    { name: 'StorageClass', cell: (object) => text(spec(object)['storageClassName']) },
    attributesClass,
    { name: 'Reason', cell: (object) => text(status(object)['reason']) },
    ageColumn,
    volumeMode,
  ],
  PersistentVolumeClaim: [
    nameColumn,
    {
      name: 'Status',
      cell: (object) =>
        object.metadata.deletionTimestamp === undefined ? text(status(object)['phase']) : 'Terminating',
    },
    { name: 'Volume', cell: (object) => text(spec(object)['volumeName']) },
    { name: 'Capacity', cell: (object) => (text(spec(object)['volumeName']) === '' ? '' : capacity(status(object))) },
    {
      name: 'Access Modes',
      cell: (object) => (text(spec(object)['volumeName']) === '' ? '' : accessModes(status(object)['accessModes'])),
    },
    { name: 'StorageClass', cell: (object) => text(spec(object)['storageClassName']) },
    attributesClass,
    ageColumn,
    volumeMode,
  ],
  StorageClass: [
    {
      ...nameColumn,
      cell: (object) => {
        const chosen = object.metadata.annotations?.[defaultClass] === 'true';
        return `${object.metadata.name}${chosen ? ' (default)' : ''}`;
      },
    },
    { name: 'Provisioner', cell: (object) => object['provisioner'] },
    { name: 'ReclaimPolicy', cell: (object) => object['reclaimPolicy'] },
    { name: 'VolumeBindingMode', cell: (object) => object['volumeBindingMode'] },
    { name: 'AllowVolumeExpansion', cell: (object) => String(object['allowVolumeExpansion'] === true) },
    ageColumn,
  ],
  VolumeAttachment: [
    nameColumn,
    { name: 'Attacher', cell: (object) => text(spec(object)['attacher']) },
    { name: 'PV', cell: (object) => text(fieldsOf(spec(object)['source'])['persistentVolumeName']) },
    { name: 'Node', cell: (object) => text(spec(object)['nodeName']) },
    { name: 'Attached', type: 'boolean', cell: (object) => status(object)['attached'] === true },
    ageColumn,
  ],
  CSINode: [
    nameColumn,
    { name: 'Drivers', type: 'integer', cell: (object) => listOf(spec(object)['drivers']).length },
    ageColumn,
  ],
  CSIDriver: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', cell: (object) => spec(object)['attachRequired'] !== false },
    { name: 'PodInfoOnMount', type: 'boolean', cell: (object) => spec(object)['podInfoOnMount'] === true },
    { name: 'StorageCapacity', type: 'boolean', cell: (object) => spec(object)['storageCapacity'] === true },
    { name: 'TokenRequests', cell: () => '<unset>' },
    { name: 'RequiresRepublish', type: 'boolean', cell: (object) => spec(object)['requiresRepublish'] === true },
    {
      name: 'Modes',
      cell: (object) => listOf(spec(object)['volumeLifecycleModes']).map(shownText).join(',') || 'Persistent',
    },
    ageColumn,
  ],
  Endpoints: [nameColumn, { name: 'Endpoints', cell: endpointsText }, ageColumn],
  EndpointSlice: [
    nameColumn,
    { name: 'AddressType', cell: (object) => text(object['addressType']) },
    {
      name: 'Ports',
      cell: (object) =>
        some(
          listOf(object['ports']).map((each) => text(fieldsOf(each)['port'])),
          '<unset>',
        ),
    },
    {
      name: 'Endpoints',
      cell: (object) =>
        some(
          listOf(object['endpoints']).flatMap((each) => listOf(fieldsOf(each)['addresses']).map(shownText)),
          '<unset>',
        ),
    },
    ageColumn,
  ],
  Ingress: [
    nameColumn,
    { name: 'Class', cell: (object) => text(spec(object)['ingressClassName'], '<none>') },
    { name: 'Hosts', cell: ingressHosts },
    { name: 'Address', cell: loadBalancerText },
    { name: 'Ports', cell: (object) => (listOf(spec(object)['tls']).length > 0 ? '80, 443' : '80') },
    ageColumn,
  ],
  IngressClass: [
    nameColumn,
    { name: 'Controller', cell: (object) => text(spec(object)['controller']) },
    {
      name: 'Parameters',
      cell: (object) => {
        const { apiGroup, kind, name } = fieldsOf(spec(object)['parameters']);
        if (kind === undefined) return '<none>';
        return `${shownText(kind)}${apiGroup === undefined ? '' : `.${shownText(apiGroup)}`}/${shownText(name)}`;
      },
    },
    ageColumn,
  ],
  NetworkPolicy: [
    nameColumn,
    {
      name: 'Pod-Selector',
      cell: (object) => labelsText(fieldsOf(spec(object)['podSelector'])['matchLabels']),
    },
    ageColumn,
  ],
  Role: [nameColumn, createdColumn],
  ClusterRole: [nameColumn, createdColumn],
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  LimitRange: [nameColumn, createdColumn],
  PriorityClass: [
    nameColumn,
    { name: 'Value', type: 'integer', cell: (object) => object['value'] },
    { name: 'Global-Default', type: 'boolean', cell: (object) => object['globalDefault'] === true },
    ageColumn,
    { name: 'PreemptionPolicy', cell: (object) => text(object['preemptionPolicy']) },
  ],
  RuntimeClass: [nameColumn, { name: 'Handler', cell: (object) => text(object['handler']) }, ageColumn],
  MutatingWebhookConfiguration: webhookColumns,
  ValidatingWebhookConfiguration: webhookColumns,
  HorizontalPodAutoscaler: [
    nameColumn,
    {
      name: 'Reference',
      cell: (object) => {
        const { kind, name } = fieldsOf(spec(object)['scaleTargetRef']);
        return `${text(kind)}/${text(name)}`;
      },
    },
    { name: 'Targets', cell: metricTargets },
    { name: 'MinPods', cell: (object) => text(spec(object)['minReplicas'], '<unset>') },
    { name: 'MaxPods', type: 'integer', cell: (object) => spec(object)['maxReplicas'] },
    { name: 'Replicas', type: 'integer', cell: (object) => status(object)['currentReplicas'] ?? 0 },
    ageColumn,
  ],
  ControllerRevision: [
    nameColumn,
    {
      name: 'Controller',
      cell: (object) => {
        const owner = object.metadata.ownerReferences?.find((each) => each.controller === true);
        if (!owner) return '<none>';
        return `${owner.kind.toLowerCase()}.${owner.apiVersion.split('/')[0] ?? ''}/${owner.name}`;
      },
    },
    { name: 'Revision', type: 'integer', cell: (object) => object['revision'] },
    ageColumn,
  ],
  PodTemplate: [
    nameColumn,
    { name: 'Containers', cell: (object) => templateContainers(object, 'name') },
    { name: 'Images', cell: (object) => templateContainers(object, 'image') },
    {
      name: 'Pod Labels',
      cell: (object) => labelsText(fieldsOf(fieldsOf(object['template'])['metadata'])['labels']),
    },
  ],
  APIService: [
    nameColumn,
    {
      name: 'Service',
      cell: (object) => {
        const { namespace, name } = fieldsOf(spec(object)['service']);
        return name === undefined ? 'Local' : `${shownText(namespace)}/${shownText(name)}`;
      },
    },
    {
      name: 'Available',
      cell: (object) => {
        const found = listOf(status(object)['conditions'])
          .map(fieldsOf)
          .find((each) => each['type'] === 'Available');
        if (!found) return '<unknown>';
        return found['status'] === 'True' ? 'True' : `${text(found['status'])} (${text(found['reason'])})`;
      },
    },
    ageColumn,
  ],
  CustomResourceDefinition: [nameColumn, createdColumn],
};

function templateContainers(object: SimObject, field: string): string {
  return listOf(fieldsOf(fieldsOf(object['template'])['spec'])['containers'])
    .map((each) => text(fieldsOf(each)[field]))
    .join(',');
}
