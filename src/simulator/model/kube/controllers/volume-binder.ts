import type { ClusterCore } from '../cluster-core.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../kinds.ts';
import { parseQuantity } from '../quantity.ts';
import { selectorMatcher } from '../selectors.ts';
import { matchesTerms } from './node-fit.ts';

/** The smallest free volume that does for the claim, on this node if one is given. */
export function freeVolumeFor(
  core: ClusterCore,
  claim: PersistentVolumeClaim,
  node: Node | undefined,
): PersistentVolume | undefined {
  let best: PersistentVolume | undefined;
  for (const volume of core.store.typed<PersistentVolume>('persistentvolumes').byKey.values()) {
    if (!suits(volume, claim)) continue;
    if (node && !matchesTerms(volume.spec.nodeAffinity?.required?.nodeSelectorTerms, node)) continue;
    if (isMeantFor(volume, claim)) return volume;
    if (!best || sizeOf(volume) < sizeOf(best)) best = volume;
  }
  return best;
}

function suits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { spec, metadata } = volume;
  if (metadata.deletionTimestamp !== undefined) return false;
  if (volume.status.phase !== 'Available' && volume.status.phase !== 'Pending') return false;
  if (claim.spec.volumeName !== undefined && claim.spec.volumeName !== metadata.name) return false;
  if (spec.claimRef?.name !== undefined && !isMeantFor(volume, claim)) return false;
  if ((spec.storageClassName ?? '') !== (claim.spec.storageClassName ?? '')) return false;
  if ((spec['volumeMode'] ?? 'Filesystem') !== (claim.spec['volumeMode'] ?? 'Filesystem')) return false;
  const modes = spec.accessModes ?? [];
  if (!(claim.spec.accessModes ?? []).every((mode) => modes.includes(mode))) return false;
  const { selector } = claim.spec;
  if (selector !== undefined && !selectorMatcher(selector)(metadata.labels)) return false;
  return sizeOf(volume) >= (parseQuantity(claim.spec.resources?.requests?.['storage']) ?? 0);
}

function isMeantFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { claimRef } = spec;
  if (claimRef?.name !== metadata.name || claimRef.namespace !== metadata.namespace) return false;
  return claimRef.uid === undefined || claimRef.uid === '' || claimRef.uid === metadata.uid;
}

function sizeOf(volume: PersistentVolume): number {
  return parseQuantity(volume.spec.capacity?.['storage']) ?? 0;
}
