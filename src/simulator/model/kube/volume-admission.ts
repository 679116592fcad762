import type { ClusterCore } from './cluster-core.ts';
import { type Fields, fieldsOf, type SimObject } from './object.ts';

export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';
const classes = 'storageclasses.storage.k8s.io';
const defaultAnnotation = 'storageclass.kubernetes.io/is-default-class';

/** The class that claims get which name none: the newest one that says so. */
export function defaultStorageClass(core: ClusterCore): SimObject | undefined {
  let found: SimObject | undefined;
  for (const each of core.store.table(classes).byKey.values()) {
    if (each.metadata.annotations?.[defaultAnnotation] !== 'true') continue;
    if (!found || each.metadata.creationTimestamp > found.metadata.creationTimestamp) found = each;
  }
  return found;
}

export function storageClassOf(core: ClusterCore, name: string | undefined): SimObject | undefined {
  return name === undefined || name === '' ? undefined : core.store.table(classes).get(undefined, name);
}

/** A new claim or volume is kept while it is used, and a claim that names no class gets the default one. */
export function admitStorage(core: ClusterCore, object: SimObject): void {
  const own = object['kind'] === 'PersistentVolume' ? volumeProtection : claimProtection;
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizers.includes(own)) object.metadata.finalizers = [...finalizers, own];
  if (own === volumeProtection) return;
  const spec: Fields = fieldsOf(object['spec']);
  const chosen = spec['storageClassName'] === undefined ? defaultStorageClass(core) : undefined;
  if (chosen) object['spec'] = { ...spec, storageClassName: chosen.metadata.name };
}
