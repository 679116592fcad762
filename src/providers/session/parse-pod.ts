import type { PodView } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import {
  annotationsOf,
  conditionOf,
  type Fields,
  fieldsOf,
  listOf,
  sameStrings,
  stringsOf,
  textOf,
  timeOf,
} from './parse-object.ts';
import { bytesOf, cpuMilliOf } from './parse-quantity.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
/** What the API server sets when a pod does not say. */
const defaultGraceSeconds = 30;

type Requests = PodView['requests'];

function requestsOf(container: Fields): Requests {
  const requests = fieldsOf(fieldsOf(container['resources'])['requests']);
  return { cpuMilli: cpuMilliOf(requests['cpu']), memoryBytes: bytesOf(requests['memory']) };
}

function sum(parts: Requests[]): Requests {
  return parts.reduce(
    (total, part) => ({ cpuMilli: total.cpuMilli + part.cpuMilli, memoryBytes: total.memoryBytes + part.memoryBytes }),
    { cpuMilli: 0, memoryBytes: 0 },
  );
}

/** As the scheduler counts: containers and sidecars together, or the largest of the init containers that run before them. */
function podRequests(spec: Fields): Requests {
  const inits = listOf(spec['initContainers']);
  const sidecars = inits.filter((container) => container['restartPolicy'] === 'Always').map(requestsOf);
  const running = sum([...listOf(spec['containers']).map(requestsOf), ...sidecars]);
  const before = inits.filter((container) => container['restartPolicy'] !== 'Always').map(requestsOf);
  const overhead = requestsOf({ resources: { requests: spec['overhead'] } });
  return {
    cpuMilli: Math.max(running.cpuMilli, ...before.map((r) => r.cpuMilli)) + overhead.cpuMilli,
    memoryBytes: Math.max(running.memoryBytes, ...before.map((r) => r.memoryBytes)) + overhead.memoryBytes,
  };
}

/** Claims by name; an ephemeral volume's claim is named after pod and volume. */
function claimsOf(spec: Fields, podName: string): string[] {
  const claims: string[] = [];
  for (const volume of listOf(spec['volumes'])) {
    const name = textOf(fieldsOf(volume['persistentVolumeClaim'])['claimName']);
    if (name !== '') claims.push(name);
    else if (volume['ephemeral'] !== undefined) claims.push(`${podName}-${textOf(volume['name'])}`);
  }
  return claims;
}

function waitingReasonOf(status: Fields): string | undefined {
  for (const list of ['initContainerStatuses', 'containerStatuses']) {
    for (const container of listOf(status[list])) {
      const reason = textOf(fieldsOf(fieldsOf(container['state'])['waiting'])['reason']);
      if (reason !== '' && reason !== 'PodInitializing') return reason;
    }
  }
  return undefined;
}

export function tolerationsOf(spec: Fields): PodView['tolerations'] {
  return listOf(spec['tolerations']).map((toleration) => {
    const result: PodView['tolerations'][number] = {};
    for (const key of ['key', 'operator', 'value', 'effect'] as const) {
      const value = toleration[key];
      if (typeof value === 'string') result[key] = value;
    }
    return result;
  });
}

export function ownerOf(object: KubeObject): PodView['owner'] {
  const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true);
  return owner === undefined ? undefined : { kind: owner.kind, name: owner.name, uid: owner.uid };
}

export function parsePod(object: KubeObject): PodView {
  const { metadata } = object;
  const spec = fieldsOf(object['spec']);
  const status = fieldsOf(object['status']);
  const nodeName = textOf(spec['nodeName']);
  const owner = ownerOf(object);
  const readiness = conditionOf(object, 'Ready');
  const ready = readiness?.['status'] === 'True';
  const readySince = ready ? timeOf(readiness?.['lastTransitionTime']) : undefined;
  const deletingAt = timeOf(metadata.deletionTimestamp);
  const waitingReason = waitingReasonOf(status);
  const annotations = annotationsOf(object);
  const grace = spec['terminationGracePeriodSeconds'];
  const priorityClass = textOf(spec['priorityClassName']);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    ...(nodeName === '' ? {} : { nodeName }),
    labels: stringsOf(metadata.labels),
    annotations,
    ...(owner === undefined ? {} : { owner }),
    phase: textOf(status['phase']),
    ready,
    ...(deletingAt === undefined ? {} : { deletingAt }),
    gracePeriodSeconds: typeof grace === 'number' ? grace : defaultGraceSeconds,
    mirror: annotations[mirrorAnnotation] !== undefined,
    createdAt: timeOf(metadata.creationTimestamp) ?? 0,
    ...(readySince === undefined ? {} : { readySince }),
    claims: claimsOf(spec, metadata.name),
    ...(waitingReason === undefined ? {} : { waitingReason }),
    ...(priorityClass === '' ? {} : { priorityClassName: priorityClass }),
    tolerations: tolerationsOf(spec),
    requests: podRequests(spec),
  };
}

/** true when nothing that a decision reads has changed. */
export function samePod(a: PodView, b: PodView): boolean {
  return (
    a.uid === b.uid &&
    a.phase === b.phase &&
    a.ready === b.ready &&
    a.nodeName === b.nodeName &&
    (a.deletingAt === undefined) === (b.deletingAt === undefined) &&
    a.waitingReason === b.waitingReason &&
    sameStrings(a.labels, b.labels) &&
    sameStrings(a.annotations, b.annotations)
  );
}
