import {
  type ContainerStatus,
  type CronJob,
  conditionOf,
  type DaemonSet,
  type Deployment,
  isPodFinished,
  isPodReady,
  isSidecar,
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

/** `Init:` and what the first unfinished init container does; undefined when all are done. */
function initStatus(pod: Pod): string | undefined {
  const containers = pod.spec.initContainers ?? [];
  for (const [index, status] of (pod.status.initContainerStatuses ?? []).entries()) {
    const terminated = fieldsOf(status.state['terminated']);
    const waiting = fieldsOf(status.state['waiting'])['reason'];
    if (terminated['exitCode'] === 0) continue;
    if (isSidecar(containers[index]) && status.started === true) continue;
    if (terminated['exitCode'] !== undefined)
      return `Init:${shownText(terminated['reason'] ?? `ExitCode:${shownText(terminated['exitCode'])}`)}`;
    if (typeof waiting === 'string' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${index}/${containers.length}`;
  }
  return undefined;
}

function podStatus(pod: Pod): string {
  const initialising = initStatus(pod);
  let reason: string = initialising ?? pod.status.reason ?? pod.status.phase;
  let running = false;
  if (initialising === undefined) {
    for (const container of [...(pod.status.containerStatuses ?? [])].reverse()) {
      const waiting = fieldsOf(container.state['waiting'])['reason'];
      const { reason: ended, exitCode } = fieldsOf(container.state['terminated']);
      if (typeof waiting === 'string') reason = waiting;
      else if (exitCode !== undefined) reason = shownText(ended ?? `ExitCode:${shownText(exitCode)}`);
      else if (container.ready && container.state['running'] !== undefined) running = true;
    }
    if (reason === 'Completed' && running) reason = isPodReady(pod) ? 'Running' : 'NotReady';
  }
  return pod.metadata.deletionTimestamp === undefined || isPodFinished(pod) ? reason : 'Terminating';
}

/** Statuses of the containers that are there to stay. */
function lasting(pod: Pod): ContainerStatus[] {
  const sidecars = (pod.status.initContainerStatuses ?? []).filter((_, index) =>
    isSidecar(pod.spec.initContainers?.[index]),
  );
  return [...sidecars, ...(pod.status.containerStatuses ?? [])];
}

function podRestarts(pod: Pod, now: number): string {
  const statuses = initStatus(pod) === undefined ? lasting(pod) : (pod.status.initContainerStatuses ?? []);
  const restarts = statuses.reduce((sum, each) => sum + each.restartCount, 0);
  const last = statuses
    .map((each) => fieldsOf(each.lastState['terminated'])['finishedAt'])
    .filter((each) => typeof each === 'string')
    .sort()
    .at(-1);
  return restarts === 0 || last === undefined ? String(restarts) : `${restarts} (${age(last, now)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = listOf(pod.spec['readinessGates']).map((each) => fieldsOf(each)['conditionType']);
  const met = gates.filter((type) => conditionOf(pod.status.conditions, shownText(type))?.status === 'True');
  return gates.length === 0 ? '<none>' : `${met.length}/${gates.length}`;
}

function nodeStatus(node: Node): string {
  const ready = conditionOf(node.status.conditions, 'Ready');
  const parts = [ready?.status === 'True' ? 'Ready' : ready ? 'NotReady' : 'Unknown'];
  if (node.spec.unschedulable) parts.push('SchedulingDisabled');
  return parts.join(',');
}

/** The first of these that is true; a job that ended has conditions of its way there, too. */
const jobEnds: readonly (readonly [string, string])[] = [
  ['Complete', 'Complete'],
  ['Failed', 'Failed'],
  ['', 'Terminating'],
  ['Suspended', 'Suspended'],
  ['FailureTarget', 'FailureTarget'],
  ['SuccessCriteriaMet', 'SuccessCriteriaMet'],
];

function jobStatus({ metadata, status }: Job): string {
  const holds = (type: string): boolean =>
    type === ''
      ? metadata.deletionTimestamp !== undefined
      : status.conditions?.some((each) => each.type === type && each.status === 'True') === true;
  return jobEnds.find(([type]) => holds(type))?.[1] ?? 'Running';
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
const jobSpecOf = (object: SimObject): unknown => fieldsOf(fieldsOf(object['spec'])['jobTemplate'])['spec'];
const jobTemplateOf = (object: SimObject): Fields =>
  fieldsOf(fieldsOf(fieldsOf(jobSpecOf(object))['template'])['spec']);
const ofContainers = (template: Fields, field: 'name' | 'image'): string =>
  listOf(template['containers'])
    .map((item) => fieldsOf(item)[field])
    .join(',');
const containersColumn: Column = {
  name: 'Containers',
  wide: true,
  cell: (object) => ofContainers(templateOf(object), 'name'),
};
const imagesColumn: Column = {
  name: 'Images',
  wide: true,
  cell: (object) => ofContainers(templateOf(object), 'image'),
};
const selectorColumn: Column = {
  name: 'Selector',
  wide: true,
  cell: (object) => selectorText(fieldsOf(object['spec'])['selector'] as never),
};
const status = (object: SimObject, field: string): number => Number(fieldsOf(object['status'])[field] ?? 0);

function labelText(labels: unknown): string {
  const found = Object.entries(fieldsOf(labels)).map(([key, value]) => `${key}=${shownText(value)}`);
  return found.join(',') || '<none>';
}

function quotaText(object: SimObject, shown: (resource: string) => boolean): string {
  const { hard, used } = fieldsOf(object['status']);
  return Object.keys(fieldsOf(hard))
    .filter(shown)
    .sort()
    .map((each) => `${each}: ${shownText(fieldsOf(used)[each] ?? '0')}/${shownText(fieldsOf(hard)[each])}`)
    .join(', ');
}

function eventSource(object: SimObject): string {
  const source = fieldsOf(object['source'] ?? object['deprecatedSource']);
  const component = shownText(
    source['component'] ?? object['reportingComponent'] ?? object['reportingController'] ?? '',
  );
  return source['host'] === undefined ? component : `${component}, ${shownText(source['host'])}`;
}

function externalAddress({ spec, status: reached }: Service): string {
  const own = listOf(spec['externalIPs']).map(shownText);
  if (spec.type === 'ExternalName') return shownText(spec['externalName'] ?? '');
  if (spec.type !== 'LoadBalancer') return own.join(',') || '<none>';
  const given = listOf(fieldsOf(fieldsOf(reached)['loadBalancer'])['ingress'])
    .map(fieldsOf)
    .map((each) => shownText(each['ip'] ?? each['hostname'] ?? ''));
  return [...given, ...own].join(',') || '<pending>';
}

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
        const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).length;
        return `${lasting(pod).filter((each) => each.ready).length}/${pod.spec.containers.length + sidecars}`;
      },
    },
    { name: 'Status', cell: (object) => podStatus(object as Pod) },
    {
      name: 'Restarts',
      cell: (object, now) => podRestarts(object as Pod, now),
    },
    ageColumn,
    { name: 'IP', wide: true, cell: (object) => (object as Pod).status.podIP ?? '<none>' },
    { name: 'Node', wide: true, cell: (object) => (object as Pod).spec.nodeName ?? '<none>' },
    { name: 'Nominated Node', wide: true, cell: (object) => (object as Pod).status['nominatedNodeName'] ?? '<none>' },
    { name: 'Readiness Gates', wide: true, cell: (object) => readinessGates(object as Pod) },
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
      cell: (object) => labelText(templateOf(object)['nodeSelector']),
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
      cell: (object) => jobStatus(object as Job),
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
    { name: 'External-IP', cell: (object) => externalAddress(object as Service) },
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
      cell: (object) => labelText((object as Service).spec.selector),
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
    { name: 'Subobject', wide: true, cell: (object) => fieldsOf(object['involvedObject'])['fieldPath'] ?? '' },
    { name: 'Source', wide: true, cell: eventSource },
    { name: 'Message', cell: (object) => shownText(object['message'] ?? object['note'] ?? '').trim() },
    {
      name: 'First Seen',
      wide: true,
      cell: (object, now) =>
        age(shownText(object['firstTimestamp'] ?? object['eventTime'] ?? object.metadata.creationTimestamp), now),
    },
    { name: 'Count', type: 'integer', wide: true, cell: (object) => object['count'] ?? 1 },
    { ...nameColumn, wide: true },
  ],
  Lease: [
    nameColumn,
    { name: 'Holder', cell: (object) => fieldsOf(object['spec'])['holderIdentity'] ?? '' },
    ageColumn,
  ],
  ReplicationController: [
    nameColumn,
    { name: 'Desired', type: 'integer', cell: (object) => fieldsOf(object['spec'])['replicas'] },
    { name: 'Current', type: 'integer', cell: (object) => status(object, 'replicas') },
    { name: 'Ready', type: 'integer', cell: (object) => status(object, 'readyReplicas') },
    ageColumn,
    containersColumn,
    imagesColumn,
    { ...selectorColumn, cell: (object) => labelText(fieldsOf(object['spec'])['selector']) },
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
    { ...containersColumn, cell: (object) => ofContainers(jobTemplateOf(object), 'name') },
    { ...imagesColumn, cell: (object) => ofContainers(jobTemplateOf(object), 'image') },
    { ...selectorColumn, cell: (object) => selectorText(fieldsOf(jobSpecOf(object))['selector'] as never) || '<none>' },
  ],
  ResourceQuota: [
    nameColumn,
    { name: 'Request', cell: (object) => quotaText(object, (resource) => !resource.startsWith('limits.')) },
    { name: 'Limit', cell: (object) => quotaText(object, (resource) => resource.startsWith('limits.')) },
    ageColumn,
  ],
};
