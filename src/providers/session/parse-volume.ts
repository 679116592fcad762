/** Persistent volumes and their attachments: where a pod can go, and what holds a node. */
import type { AttachmentView, VolumeView } from '../../domain/cluster-view.ts';
import type { KubeObject } from '../../domain/kube-object.ts';
import { type Fields, fieldsOf, listOf, textOf } from './parse-object.ts';

const zoneKeys = new Set([
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.ebs.csi.aws.com/zone',
]);
const hostKey = 'kubernetes.io/hostname';

function requirementsOf(spec: Fields): Fields[] {
  const required = fieldsOf(fieldsOf(spec['nodeAffinity'])['required']);
  return listOf(required['nodeSelectorTerms']).flatMap((term) => listOf(term['matchExpressions']));
}

function valuesOf(requirement: Fields): string[] {
  const { values } = requirement;
  return requirement['operator'] === 'In' && Array.isArray(values) ? values.map(textOf) : [];
}

export function parseVolume(object: KubeObject): VolumeView {
  const { metadata } = object;
  const spec = fieldsOf(object['spec']);
  const claim = fieldsOf(spec['claimRef']);
  const requirements = requirementsOf(spec);
  const zones = [...new Set(requirements.filter((one) => zoneKeys.has(textOf(one['key']))).flatMap(valuesOf))];
  const local =
    spec['local'] !== undefined ||
    spec['hostPath'] !== undefined ||
    requirements.some((one) => textOf(one['key']) === hostKey);
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    ...(textOf(claim['name']) === '' ? {} : { claim: `${textOf(claim['namespace'])}/${textOf(claim['name'])}` }),
    ...(zones.length === 0 ? {} : { zones: zones.sort() }),
    local,
  };
}

export function sameVolume(a: VolumeView, b: VolumeView): boolean {
  return (
    a.uid === b.uid && a.claim === b.claim && a.local === b.local && (a.zones ?? []).join() === (b.zones ?? []).join()
  );
}

export function parseAttachment(object: KubeObject): AttachmentView {
  const spec = fieldsOf(object['spec']);
  return {
    name: object.metadata.name,
    node: textOf(spec['nodeName']),
    volume: textOf(fieldsOf(spec['source'])['persistentVolumeName']),
  };
}

export function sameAttachment(a: AttachmentView, b: AttachmentView): boolean {
  return a.node === b.node && a.volume === b.volume;
}
