import type { ClusterCore } from './cluster-core.ts';
import { isPodReady, type Pod } from './kinds.ts';

export const driverName = 'ebs.csi.aws.com';
const driverImage = 'aws-ebs-csi-driver';

/**
 * Whether somebody provisions and attaches volumes: the cluster itself, unless the driver is installed (by its CSIDriver object) and
 * has no ready pod, or the scenario has switched `ebs-csi` off.
 */
export function driverWorks(core: ClusterCore): boolean {
  if (core.runtime.faults.values.addons['ebs-csi'] !== undefined) return false;
  if (!core.store.table('csidrivers.storage.k8s.io').get(undefined, driverName)) return true;
  for (const pod of core.store.pods.byKey.values())
    if (isPodReady(pod) && pod.spec.containers.some((each) => each.image?.includes(driverImage))) return true;
  return false;
}

export function claimNames(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) =>
    volume.persistentVolumeClaim ? [volume.persistentVolumeClaim.claimName] : [],
  );
}
