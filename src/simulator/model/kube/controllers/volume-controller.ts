import { type ClusterCore, safeHash } from '../cluster-core.ts';
import { isTerminating, type Node, type PersistentVolume, type PersistentVolumeClaim, type Pod } from '../kinds.ts';
import { keyOf, type SimObject, shownText } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

/** Provisions volumes for claims, in the zone of the node that wants them first, and keeps VolumeAttachments. */
export class VolumeController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #claims: ResourceDefinition;
  readonly #volumes: ResourceDefinition;
  readonly #attachments: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#claims = core.resources.find('', 'v1', 'persistentvolumeclaims') as ResourceDefinition;
    this.#volumes = core.resources.find('', 'v1', 'persistentvolumes') as ResourceDefinition;
    this.#attachments = core.resources.find('storage.k8s.io', 'v1', 'volumeattachments') as ResourceDefinition;
    const lag = seededLag(core, 'volumes', [200, 2_000]);
    this.#queue = new WorkQueue(core, 'attachdetach-controller', lag, (node) => this.#attach(node));
    core.store.onChange('pods', ({ object, old, type }) => {
      const pod = object as Pod;
      const node = pod.spec.nodeName;
      const moved = type === 'DELETED' || (old !== undefined && (old as Pod).spec.nodeName !== node);
      if (node !== undefined && moved && claimNames(pod).length > 0) this.#queue.add(node);
    });
    core.store.onChange('nodes', ({ object, type }) => {
      if (type === 'DELETED') this.#queue.add(object.metadata.name);
    });
    core.store.onChange('persistentvolumeclaims', ({ object, type }) => {
      if (type === 'DELETED') this.#release(object as PersistentVolumeClaim);
      else if (type === 'ADDED') this.#queueImmediate(object as PersistentVolumeClaim);
    });
  }

  #queueImmediate(claim: PersistentVolumeClaim): void {
    if (this.#bindingMode(claim) !== 'Immediate') return;
    this.#core.clock.at(this.#core.clock.now() + 500, () => {
      const now = this.#core.store.typed<PersistentVolumeClaim>('persistentvolumeclaims').byKey.get(keyOf(claim));
      if (now && now.spec.volumeName === undefined) this.#provision(now, undefined);
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
        this.#provision(claim, node);
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

  /** Attachments of a node = volumes of the pods on it. */
  #attach(nodeName: string): void {
    const node = this.#core.store.typed<Node>('nodes').get(undefined, nodeName);
    const wanted = new Map<string, string>();
    if (node) {
      for (const pod of this.#core.store.podsOn(nodeName).values()) {
        for (const claimName of claimNames(pod)) {
          const claim = this.#core.store
            .typed<PersistentVolumeClaim>('persistentvolumeclaims')
            .get(pod.metadata.namespace, claimName);
          if (claim?.spec.volumeName !== undefined)
            wanted.set(claim.spec.volumeName, attachmentName(claim.spec.volumeName, nodeName));
        }
      }
    }
    const table = this.#core.store.table(this.#attachments.key);
    for (const attachment of [...table.byKey.values()]) {
      const spec = attachment['spec'] as { nodeName?: string; source?: { persistentVolumeName?: string } };
      if (
        spec.nodeName === nodeName &&
        !wanted.has(spec.source?.persistentVolumeName ?? '') &&
        !isTerminating(attachment)
      ) {
        this.#writer.remove(this.#attachments, attachment);
      }
    }
    for (const [volume, name] of wanted) {
      if (table.get(undefined, name)) continue;
      const made: SimObject = {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'VolumeAttachment',
        metadata: this.#writer.newMetadata(name, undefined),
        spec: { attacher: 'ebs.csi.aws.com', nodeName, source: { persistentVolumeName: volume } },
        status: { attached: true },
      };
      this.#writer.create(this.#attachments, made);
    }
  }
}

function claimNames(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).flatMap((volume) =>
    volume.persistentVolumeClaim ? [volume.persistentVolumeClaim.claimName] : [],
  );
}

function attachmentName(volume: string, node: string): string {
  return `csi-${volume.replaceAll('-', '')}-${safeHash(node)}`;
}
