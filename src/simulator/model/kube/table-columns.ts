import {
  type CronJob,
  conditionOf,
  type DaemonSet,
  type Deployment,
  type Job,
  type Node,
  type Pod,
  type PodDisruptionBudget,
  type ReplicaSet,
  type Service,
  type StatefulSet,
} from './kinds.ts';
import { type Fields, fieldsOf, listOf, type SimObject, shownText } from './object.ts';
import { selectorText } from './selectors.ts';

/** `Name:type:priority` of a column, and its cell. */
export interface Column {
  name: string;
  type?: string;
  wide?: boolean;
  cell: (object: SimObject, now: number) => unknown;
}

export const nameColumn: Column = { name: 'Name', cell: (object) => object.metadata.name };
export const ageColumn: Column = { name: 'Age', cell: (object, now) => age(object.metadata.creationTimestamp, now) };

/** Time since a timestamp as kubectl shows it: `5s`, `12m`, `3d4h`. */
export function age(timestamp: string | undefined, now: number): string {
  if (!timestamp) return '<unknown>';
  const seconds = Math.max(0, Math.floor((now - Date.parse(timestamp)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  return days < 8 && hours % 24 !== 0 ? `${days}d${hours % 24}h` : `${days}d`;
}

function podStatus(pod: Pod): string {
  let reason: string = pod.status.reason ?? pod.status.phase;
  for (const container of pod.status.containerStatuses ?? []) {
    const waiting = fieldsOf(container.state['waiting'])['reason'];
    const terminated = fieldsOf(container.state['terminated'])['reason'];
    if (typeof waiting === 'string') reason = waiting;
    else if (typeof terminated === 'string') reason = terminated;
  }
  return pod.metadata.deletionTimestamp === undefined ? reason : 'Terminating';
}

function nodeStatus(node: Node): string {
  const ready = conditionOf(node.status.conditions, 'Ready');
  const parts = [ready?.status === 'True' ? 'Ready' : ready ? 'NotReady' : 'Unknown'];
  if (node.spec.unschedulable) parts.push('SchedulingDisabled');
  return parts.join(',');
}

function nodeRoles(node: Node): string {
  const roles: string[] = [];
  for (const [label, value] of Object.entries(node.metadata.labels ?? {})) {
    if (label.startsWith('node-role.kubernetes.io/')) roles.push(label.slice('node-role.kubernetes.io/'.length));
    else if (label === 'kubernetes.io/role') roles.push(value);
  }
  return roles.length === 0 ? '<none>' : roles.sort().join(',');
}

const nodeInfo = (node: SimObject, field: string): string => (node as Node).status.nodeInfo?.[field] || '<unknown>';
const nodeAddress = (node: SimObject, type: string): string =>
  (node as Node).status.addresses?.find((each) => each.type === type)?.address ?? '<none>';
const templateOf = (object: SimObject): Fields => fieldsOf(fieldsOf(fieldsOf(object['spec'])['template'])['spec']);
const containersColumn: Column = {
  name: 'Containers',
  wide: true,
  cell: (object) =>
    listOf(templateOf(object)['containers'])
      .map((item) => fieldsOf(item)['name'])
      .join(','),
};
const imagesColumn: Column = {
  name: 'Images',
  wide: true,
  cell: (object) =>
    listOf(templateOf(object)['containers'])
      .map((item) => fieldsOf(item)['image'])
      .join(','),
};
const selectorColumn: Column = {
  name: 'Selector',
  wide: true,
  cell: (object) => selectorText(fieldsOf(object['spec'])['selector'] as never),
};
const status = (object: SimObject, field: string): number => Number(fieldsOf(object['status'])[field] ?? 0);

/** The columns of each built-in kind that has more than its name and age. */
export const columnsByKind: Record<string, Column[]> = {
  ConfigMap: [
    nameColumn,
    {
      name: 'Data',
      cell: (object) =>
        String(Object.keys(fieldsOf(object['data'])).length + Object.keys(fieldsOf(object['binaryData'])).length),
    },
    ageColumn,
  ],
  Secret: [
    nameColumn,
    { name: 'Type', cell: (object) => object['type'] },
    { name: 'Data', cell: (object) => String(Object.keys(fieldsOf(object['data'])).length) },
    ageColumn,
  ],
  Namespace: [nameColumn, { name: 'Status', cell: (object) => fieldsOf(object['status'])['phase'] }, ageColumn],
  Pod: [
    nameColumn,
    {
      name: 'Ready',
      cell: (object) => {
        const pod = object as Pod;
        return `${pod.status.containerStatuses?.filter((each) => each.ready).length ?? 0}/${pod.spec.containers.length}`;
      },
    },
    { name: 'Status', cell: (object) => podStatus(object as Pod) },
    {
      name: 'Restarts',
      cell: (object) =>
        String(((object as Pod).status.containerStatuses ?? []).reduce((sum, each) => sum + each.restartCount, 0)),
    },
    ageColumn,
    { name: 'IP', wide: true, cell: (object) => (object as Pod).status.podIP ?? '<none>' },
    { name: 'Node', wide: true, cell: (object) => (object as Pod).spec.nodeName ?? '<none>' },
    { name: 'Nominated Node', wide: true, cell: () => '<none>' },
    { name: 'Readiness Gates', wide: true, cell: () => '<none>' },
  ],
  Node: [
    nameColumn,
    { name: 'Status', cell: (object) => nodeStatus(object as Node) },
    { name: 'Roles', cell: (object) => nodeRoles(object as Node) },
    ageColumn,
    { name: 'Version', cell: (object) => (object as Node).status.nodeInfo?.['kubeletVersion'] ?? '' },
    { name: 'Internal-IP', wide: true, cell: (object) => nodeAddress(object, 'InternalIP') },
    { name: 'External-IP', wide: true, cell: (object) => nodeAddress(object, 'ExternalIP') },
    { name: 'OS-Image', wide: true, cell: (object) => nodeInfo(object, 'osImage') },
    { name: 'Kernel-Version', wide: true, cell: (object) => nodeInfo(object, 'kernelVersion') },
    { name: 'Container-Runtime', wide: true, cell: (object) => nodeInfo(object, 'containerRuntimeVersion') },
  ],
  Deployment: [
    nameColumn,
    { name: 'Ready', cell: (object) => `${status(object, 'readyReplicas')}/${(object as Deployment).spec.replicas}` },
    { name: 'Up-to-date', cell: (object) => String(status(object, 'updatedReplicas')) },
    { name: 'Available', cell: (object) => String(status(object, 'availableReplicas')) },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  ReplicaSet: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: (object) => (object as ReplicaSet).spec.replicas },
    { name: 'Current', type: 'integer', cell: (object) => status(object, 'replicas') },
    { name: 'Ready', type: 'integer', cell: (object) => status(object, 'readyReplicas') },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  StatefulSet: [
    nameColumn,
    { name: 'Ready', cell: (object) => `${status(object, 'readyReplicas')}/${(object as StatefulSet).spec.replicas}` },
    ageColumn,
    containersColumn,
    imagesColumn,
  ],
  DaemonSet: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: (object) => (object as DaemonSet).status.desiredNumberScheduled },
    { name: 'Current', type: 'integer', cell: (object) => (object as DaemonSet).status.currentNumberScheduled },
    { name: 'Ready', type: 'integer', cell: (object) => (object as DaemonSet).status.numberReady },
    { name: 'Up-to-date', type: 'integer', cell: (object) => status(object, 'updatedNumberScheduled') },
    { name: 'Available', type: 'integer', cell: (object) => status(object, 'numberAvailable') },
    {
      name: 'Node Selector',
      cell: (object) =>
        Object.entries(fieldsOf(templateOf(object)['nodeSelector']))
          .map(([key, value]) => `${key}=${shownText(value)}`)
          .join(',') || '<none>',
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  Job: [
    nameColumn,
    {
      name: 'Status',
      cell: (object) => (object as Job).status.conditions?.find((each) => each.status === 'True')?.type ?? 'Running',
    },
    {
      name: 'Completions',
      cell: (object) => `${status(object, 'succeeded')}/${(object as Job).spec.completions ?? 1}`,
    },
    {
      name: 'Duration',
      cell: (object, now) => {
        const { startTime, completionTime } = (object as Job).status;
        return startTime ? age(startTime, completionTime ? Date.parse(completionTime) : now) : '';
      },
    },
    ageColumn,
    containersColumn,
    imagesColumn,
    selectorColumn,
  ],
  PodDisruptionBudget: [
    nameColumn,
    { name: 'Min Available', cell: (object) => String((object as PodDisruptionBudget).spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', cell: (object) => String((object as PodDisruptionBudget).spec.maxUnavailable ?? 'N/A') },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      cell: (object) => (object as PodDisruptionBudget).status.disruptionsAllowed,
    },
    ageColumn,
  ],
  Service: [
    nameColumn,
    { name: 'Type', cell: (object) => (object as Service).spec.type },
    { name: 'Cluster-IP', cell: (object) => (object as Service).spec.clusterIP ?? '<none>' },
    { name: 'External-IP', cell: () => '<none>' },
    {
      name: 'Port(s)',
      cell: (object) =>
        ((object as Service).spec.ports ?? [])
          .map((port) => `${port.port}${port.nodePort ? `:${port.nodePort}` : ''}/${port.protocol}`)
          .join(',') || '<none>',
    },
    ageColumn,
    {
      name: 'Selector',
      wide: true,
      cell: (object) =>
        Object.entries((object as Service).spec.selector ?? {})
          .map(([key, value]) => `${key}=${value}`)
          .join(',') || '<none>',
    },
  ],
  ServiceAccount: [
    nameColumn,
    { name: 'Secrets', cell: (object) => String(listOf(object['secrets']).length) },
    ageColumn,
  ],
  Event: [
    {
      name: 'Last Seen',
      cell: (object, now) =>
        age(shownText(object['lastTimestamp'] ?? object['eventTime'] ?? object.metadata.creationTimestamp), now),
    },
    { name: 'Type', cell: (object) => object['type'] ?? 'Normal' },
    { name: 'Reason', cell: (object) => object['reason'] ?? '' },
    {
      name: 'Object',
      cell: (object) => {
        const about = fieldsOf(object['involvedObject'] ?? object['regarding']);
        return `${shownText(about['kind'] ?? '').toLowerCase()}/${shownText(about['name'] ?? '')}`;
      },
    },
    { name: 'Message', cell: (object) => object['message'] ?? object['note'] ?? '' },
    { ...nameColumn, wide: true },
  ],
  Lease: [
    nameColumn,
    { name: 'Holder', cell: (object) => fieldsOf(object['spec'])['holderIdentity'] ?? '' },
    ageColumn,
  ],
  PersistentVolumeClaim: [
    nameColumn,
    { name: 'Status', cell: (object) => fieldsOf(object['status'])['phase'] },
    { name: 'Volume', cell: (object) => fieldsOf(object['spec'])['volumeName'] ?? '' },
    { name: 'StorageClass', cell: (object) => fieldsOf(object['spec'])['storageClassName'] ?? '' },
    ageColumn,
  ],
  Endpoints: [nameColumn, { name: 'Endpoints', cell: (object) => endpointsText(object) }, ageColumn],
  ReplicationController: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: (object) => fieldsOf(object['spec'])['replicas'] },
    { name: 'Current', type: 'integer', cell: (object) => status(object, 'replicas') },
    { name: 'Ready', type: 'integer', cell: (object) => status(object, 'readyReplicas') },
    ageColumn,
    containersColumn,
    imagesColumn,
  ],
  CronJob: [
    nameColumn,
    { name: 'Schedule', cell: (object) => (object as CronJob).spec.schedule },
    { name: 'Timezone', cell: (object) => (object as CronJob).spec.timeZone ?? '<none>' },
    { name: 'Suspend', cell: (object) => ((object as CronJob).spec.suspend === true ? 'True' : 'False') },
    { name: 'Active', type: 'integer', cell: (object) => (object as CronJob).status.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      cell: (object, now) => {
        const { lastScheduleTime } = (object as CronJob).status;
        return lastScheduleTime === undefined ? '<none>' : age(lastScheduleTime, now);
      },
    },
    ageColumn,
  ],
  ResourceQuota: [
    nameColumn,
    {
      name: 'Request',
      cell: (object) => {
        const { hard, used } = fieldsOf(object['status']);
        const names = Object.keys(fieldsOf(hard)).sort();
        return names
          .map((each) => `${each}: ${shownText(fieldsOf(used)[each])}/${shownText(fieldsOf(hard)[each])}`)
          .join(', ');
      },
    },
    ageColumn,
  ],
  StorageClass: [
    nameColumn,
    { name: 'Provisioner', cell: (object) => object['provisioner'] },
    { name: 'ReclaimPolicy', cell: (object) => object['reclaimPolicy'] },
    { name: 'VolumeBindingMode', cell: (object) => object['volumeBindingMode'] },
    ageColumn,
  ],
  PriorityClass: [
    nameColumn,
    { name: 'Value', type: 'integer', cell: (object) => object['value'] },
    { name: 'Global-Default', type: 'boolean', cell: (object) => object['globalDefault'] === true },
    ageColumn,
  ],
  PersistentVolume: [
    nameColumn,
    { name: 'Capacity', cell: (object) => fieldsOf(fieldsOf(object['spec'])['capacity'])['storage'] ?? '' },
    { name: 'Access Modes', cell: (object) => accessModes(fieldsOf(object['spec'])['accessModes']) },
    { name: 'Reclaim Policy', cell: (object) => fieldsOf(object['spec'])['persistentVolumeReclaimPolicy'] },
    { name: 'Status', cell: (object) => fieldsOf(object['status'])['phase'] },
    {
      name: 'Claim',
      cell: (object) => {
        const { namespace, name } = fieldsOf(fieldsOf(object['spec'])['claimRef']);
        return name === undefined ? '' : `${shownText(namespace)}/${shownText(name)}`;
      },
    },
    { name: 'StorageClass', cell: (object) => fieldsOf(object['spec'])['storageClassName'] ?? '' },
    ageColumn,
  ],
  CustomResourceDefinition: [nameColumn, { name: 'Created At', cell: (object) => object.metadata.creationTimestamp }],
};

const mostShown = 3;

/** The first addresses with their ports, as a cell shows them. */
function endpointsText(object: SimObject): string {
  const all = listOf(object['subsets'])
    .map(fieldsOf)
    .flatMap(({ addresses, ports }) =>
      listOf(ports).flatMap((port) =>
        listOf(addresses).map((each) => `${shownText(fieldsOf(each)['ip'])}:${shownText(fieldsOf(port)['port'])}`),
      ),
    );
  if (all.length === 0) return '<none>';
  const more = all.length > mostShown ? ` + ${all.length - mostShown} more...` : '';
  return `${all.slice(0, mostShown).join(',')}${more}`;
}

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
