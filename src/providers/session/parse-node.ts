import type { NodeView, Taint } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import {
  annotationsOf,
  conditionOf,
  fieldsOf,
  listOf,
  sameStrings,
  stringsOf,
  textOf,
  timeOf,
} from './parse-object.ts';
import { bytesOf, cpuMilliOf } from './parse-quantity.ts';

/** `i-0abc…` of `aws:///eu-central-1a/i-0abc…`; undefined for anything else. */
export function instanceIdOf(providerId: unknown): string | undefined {
  return /^aws:\/\/\/?[^/]*\/(i-[0-9a-z]+)$/.exec(textOf(providerId))?.[1];
}

function zoneOf(labels: Record<string, string>, providerId: unknown): string | undefined {
  const label = labels['topology.kubernetes.io/zone'] ?? labels['failure-domain.beta.kubernetes.io/zone'];
  return label ?? /^aws:\/\/\/([^/]+)\//.exec(textOf(providerId))?.[1];
}

function taintsOf(value: unknown): Taint[] {
  return listOf(value).map((taint) => ({
    key: textOf(taint['key']),
    ...(typeof taint['value'] === 'string' ? { value: taint['value'] } : {}),
    effect: textOf(taint['effect']),
  }));
}

/** `now`: of this process, whose clock may be behind the cluster's. A node that is Ready has been so since now at the latest. */
export function parseNode(object: KubeObject, now: number): NodeView {
  const { metadata } = object;
  const spec = fieldsOf(object['spec']);
  const status = fieldsOf(object['status']);
  const info = fieldsOf(status['nodeInfo']);
  const allocatable = fieldsOf(status['allocatable']);
  const labels = stringsOf(metadata.labels);
  const readiness = conditionOf(object, 'Ready');
  const instanceId = instanceIdOf(spec['providerID']);
  const zone = zoneOf(labels, spec['providerID']);
  const ready = readiness?.['status'] === 'True';
  const changedAt = timeOf(readiness?.['lastTransitionTime']);
  const readySince = changedAt === undefined || !ready ? changedAt : Math.min(changedAt, Math.floor(now));
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    resourceVersion: metadata.resourceVersion ?? '',
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(zone === undefined ? {} : { zone }),
    labels,
    annotations: annotationsOf(object),
    taints: taintsOf(spec['taints']),
    unschedulable: spec['unschedulable'] === true,
    ready,
    ...(readySince === undefined ? {} : { readySince }),
    kubeletVersion: textOf(info['kubeletVersion']),
    osImage: textOf(info['osImage']),
    createdAt: timeOf(metadata.creationTimestamp) ?? 0,
    deleting: metadata.deletionTimestamp !== undefined,
    allocatable: {
      cpuMilli: cpuMilliOf(allocatable['cpu']),
      memoryBytes: bytesOf(allocatable['memory']),
      pods: bytesOf(allocatable['pods']),
    },
  };
}

function sameTaints(a: Taint[], b: Taint[]): boolean {
  const same = (x: Taint, y: Taint | undefined): boolean =>
    x.key === y?.key && x.value === y.value && x.effect === y.effect;
  return a.length === b.length && a.every((taint, i) => same(taint, b[i]));
}

/** true when nothing that a decision reads has changed: heartbeats move only the version. */
export function sameNode(a: NodeView, b: NodeView): boolean {
  return (
    a.uid === b.uid &&
    a.ready === b.ready &&
    a.unschedulable === b.unschedulable &&
    a.deleting === b.deleting &&
    a.instanceId === b.instanceId &&
    a.zone === b.zone &&
    sameTaints(a.taints, b.taints) &&
    sameStrings(a.labels, b.labels) &&
    sameStrings(a.annotations, b.annotations) &&
    a.allocatable.cpuMilli === b.allocatable.cpuMilli &&
    a.allocatable.memoryBytes === b.allocatable.memoryBytes &&
    a.allocatable.pods === b.allocatable.pods
  );
}
