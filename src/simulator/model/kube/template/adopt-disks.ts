import type { AdoptDisk } from '../../seams.ts';
import type { ClusterCore } from '../cluster-core.ts';
import type { Node, PersistentVolume } from '../kinds.ts';
import { fieldsOf, shownText } from '../object.ts';
import { parseQuantity } from '../quantity.ts';
import { driverName } from '../volume-driver.ts';

/** Has the cloud know the disks of a cluster that was not built step by step: those of its volumes, attached as it says. */
export function adoptDisks(core: ClusterCore, adopt: AdoptDisk): void {
  const machines = new Map<string, string>();
  for (const attachment of core.store.table('volumeattachments.storage.k8s.io').byKey.values()) {
    const spec = fieldsOf(attachment['spec']);
    if (fieldsOf(attachment['status'])['attached'] !== true) continue;
    const node = core.store.typed<Node>('nodes').get(undefined, shownText(spec['nodeName'] ?? ''));
    const instanceId = node?.spec.providerID?.split('/').at(-1);
    const volume = shownText(fieldsOf(spec['source'])['persistentVolumeName'] ?? '');
    if (instanceId !== undefined) machines.set(volume, instanceId);
  }
  for (const { metadata, spec } of core.store.typed<PersistentVolume>('persistentvolumes').byKey.values()) {
    if (spec.csi?.driver !== driverName) continue;
    const zone = spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0]?.values?.[0];
    const instanceId = machines.get(metadata.name);
    adopt({
      id: spec.csi.volumeHandle,
      zone: zone ?? '',
      gibibytes: Math.max(1, Math.ceil((parseQuantity(spec.capacity?.['storage']) ?? 0) / 2 ** 30)),
      tags: { CSIVolumeName: metadata.name, 'ebs.csi.aws.com/cluster': 'true' },
      ...(instanceId === undefined ? {} : { instanceId }),
    });
  }
}
