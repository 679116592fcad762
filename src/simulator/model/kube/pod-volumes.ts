import type { ClusterCore } from './cluster-core.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from './kinds.ts';
import { fieldsOf } from './object.ts';

/** The first claim of the pod that is not ready for this node, or undefined: nothing to wait for. */
export function missingVolume(core: ClusterCore, pod: Pod, node: string): string | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const name = volume.persistentVolumeClaim?.claimName;
    if (name === undefined) continue;
    const claim = core.store.typed<PersistentVolumeClaim>('persistentvolumeclaims').get(pod.metadata.namespace, name);
    const bound = claim?.spec.volumeName;
    if (bound === undefined) return name;
    const persistent = core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, bound);
    if (persistent?.spec['csi'] !== undefined && !attached(core, bound, node)) return name;
  }
  return undefined;
}

function attached(core: ClusterCore, volume: string, node: string): boolean {
  for (const attachment of core.store.table('volumeattachments.storage.k8s.io').byKey.values()) {
    const spec = fieldsOf(attachment['spec']);
    if (spec['nodeName'] !== node || fieldsOf(spec['source'])['persistentVolumeName'] !== volume) continue;
    if (fieldsOf(attachment['status'])['attached'] === true) return true;
  }
  return false;
}
