import type { ClusterCore } from '../cluster-core.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../kinds.ts';
import { keyOf, shownText } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { parseQuantity } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { claimNames, driverWorks } from '../volume-driver.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const retryMs = 10_000;
const expansionMs = 3_000;

/** Provisions volumes for claims, in the zone of the node that wants them first, and grows those that are asked to. */
export class VolumeController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #claims: ResourceDefinition;
  readonly #volumes: ResourceDefinition;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#claims = core.resources.find('', 'v1', 'persistentvolumeclaims') as ResourceDefinition;
    this.#volumes = core.resources.find('', 'v1', 'persistentvolumes') as ResourceDefinition;
    core.store.onChange('persistentvolumeclaims', ({ object, type }) => {
      if (type === 'DELETED') this.#release(object as PersistentVolumeClaim);
      else if (type === 'ADDED') this.#queueImmediate(object as PersistentVolumeClaim);
      else this.#expand(object as PersistentVolumeClaim);
    });
  }

  #queueImmediate(claim: PersistentVolumeClaim): void {
    if (this.#bindingMode(claim) !== 'Immediate') return;
    this.#core.clock.at(this.#core.clock.now() + 500, () => {
      const now = this.#core.store.typed<PersistentVolumeClaim>('persistentvolumeclaims').byKey.get(keyOf(claim));
      if (now) this.#whenPossible(now, (open) => this.#provision(open, undefined));
    });
  }

  /** At once, or when the driver is back, for a claim that is still open then. */
  #whenPossible(claim: PersistentVolumeClaim, provision: (claim: PersistentVolumeClaim) => void): void {
    const now = this.#core.store.byUid(claim.metadata.uid) as PersistentVolumeClaim | undefined;
    if (now?.spec.volumeName !== undefined || !now) return;
    if (driverWorks(this.#core)) provision(now);
    else this.#core.clock.at(this.#core.clock.now() + retryMs, () => this.#whenPossible(now, provision));
  }

  /** A bound claim that asks for more gets it, where its class allows that. */
  #expand(claim: PersistentVolumeClaim): void {
    const wanted = claim.spec.resources?.requests?.['storage'];
    const has = claim.status.capacity?.['storage'];
    const { volumeName } = claim.spec;
    if (volumeName === undefined || (parseQuantity(wanted) ?? 0) <= (parseQuantity(has) ?? 0)) return;
    const name = claim.spec.storageClassName;
    const home =
      name === undefined ? undefined : this.#core.store.table('storageclasses.storage.k8s.io').get(undefined, name);
    if (home?.['allowVolumeExpansion'] !== true) return;
    this.#core.clock.at(this.#core.clock.now() + expansionMs, () => {
      const now = this.#core.store.byUid(claim.metadata.uid) as PersistentVolumeClaim | undefined;
      const volume = this.#core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, volumeName);
      if (!now || !volume || wanted === undefined || now.status.capacity?.['storage'] === wanted) return;
      if (!driverWorks(this.#core)) {
        this.#core.clock.at(this.#core.clock.now() + retryMs, () => this.#expand(now));
        return;
      }
      const capacity = { storage: wanted };
      this.#writer.update(this.#volumes, volume, {
        ...volume,
        metadata: { ...volume.metadata },
        spec: { ...volume.spec, capacity },
      });
      this.#writer.setStatus(this.#claims, now, { ...now.status, capacity });
    });
  }

  /** Undefined when nothing provisions for the claim. */
  #bindingMode(claim: PersistentVolumeClaim): string | undefined {
    const classes = this.#core.store.table('storageclasses.storage.k8s.io');
    const name = claim.spec.storageClassName;
    const found =
      name === undefined
        ? [...classes.byKey.values()].find(
            (each) => each.metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true',
          )
        : classes.get(undefined, name);
    return found === undefined ? undefined : shownText(found['volumeBindingMode'] ?? 'Immediate');
  }

  /** Binds the pod's open claims to new volumes in the node's zone. */
  bindFor(pod: Pod, node: Node): void {
    for (const name of claimNames(pod)) {
      const claim = this.#core.store
        .typed<PersistentVolumeClaim>('persistentvolumeclaims')
        .get(pod.metadata.namespace, name);
      if (claim && claim.spec.volumeName === undefined && this.#bindingMode(claim) !== undefined)
        this.#whenPossible(claim, (now) => this.#provision(now, node));
    }
  }

  #provision(claim: PersistentVolumeClaim, node: Node | undefined): void {
    const name = `pvc-${claim.metadata.uid}`;
    const zone = node?.metadata.labels?.[zoneLabel];
    const terms =
      zone === undefined ? undefined : [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: [zone] }] }];
    const capacity = claim.spec.resources?.requests ?? { storage: '1Gi' };
    const accessModes = claim.spec.accessModes ?? ['ReadWriteOnce'];
    this.#writer.create<PersistentVolume>(this.#volumes, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: this.#writer.newMetadata(name, undefined, {
        annotations: { 'pv.kubernetes.io/provisioned-by': 'ebs.csi.aws.com' },
      }),
      spec: {
        capacity,
        accessModes,
        persistentVolumeReclaimPolicy: 'Delete',
        volumeMode: 'Filesystem',
        ...(claim.spec.storageClassName === undefined ? {} : { storageClassName: claim.spec.storageClassName }),
        claimRef: {
          kind: 'PersistentVolumeClaim',
          apiVersion: 'v1',
          namespace: claim.metadata.namespace ?? '',
          name: claim.metadata.name,
          uid: claim.metadata.uid,
        },
        csi: { driver: 'ebs.csi.aws.com', volumeHandle: `vol-${claim.metadata.uid.replaceAll('-', '').slice(0, 17)}` },
        ...(terms === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
      },
      status: { phase: 'Bound' },
    });
    this.#writer.update(this.#claims, claim, {
      ...claim,
      metadata: { ...claim.metadata },
      spec: { ...claim.spec, volumeName: name },
      status: { phase: 'Bound', accessModes, capacity },
    });
  }

  #release(claim: PersistentVolumeClaim): void {
    const volume =
      claim.spec.volumeName === undefined
        ? undefined
        : this.#core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, claim.spec.volumeName);
    if (!volume) return;
    this.#core.clock.at(this.#core.clock.now() + 1_000, () => {
      const now = this.#core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, volume.metadata.name);
      if (!now) return;
      if (now.spec.persistentVolumeReclaimPolicy === 'Delete') this.#writer.remove(this.#volumes, now);
      else this.#writer.setStatus(this.#volumes, now, { phase: 'Released' });
    });
  }
}
