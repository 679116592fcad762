import { type ClusterCore, safeHash } from '../cluster-core.ts';
import type { DiskAnswer } from '../disks.ts';
import { isTerminating, type Node, type PersistentVolume, type PersistentVolumeClaim, type Pod } from '../kinds.ts';
import { fieldsOf, type SimObject, shownText, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { livingNodesOf } from '../truth.ts';
import { claimNames, driverName, driverWorks } from '../volume-driver.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';

const finalizer = 'external-attacher/ebs-csi-aws-com';
const retryMs = 10_000;
const pollMs = 1_000;
/** A machine that does not say that it has unmounted is given this long. */
const forceDetachMs = 360_000;

/** Attaches a volume to the node that wants it once it is off the one before, and detaches what nobody wants any more. */
export class AttachDetachController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;
  readonly #attachMs: () => number;
  readonly #detachMs: () => number;
  /** When an attachment's work at the cloud is done, by name. */
  readonly #dueAt = new Map<string, number>();
  /** Instance ids by attachment: its node may be gone before the disk is off. */
  readonly #machines = new Map<string, string>();

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#definition = core.resources.find('storage.k8s.io', 'v1', 'volumeattachments') as ResourceDefinition;
    this.#attachMs = seededLag(core, 'attach', [1_500, 5_000]);
    this.#detachMs = seededLag(core, 'detach', [1_000, 4_000]);
    const lag = seededLag(core, 'volumes', [200, 2_000]);
    this.#queue = new WorkQueue(core, 'attachdetach-controller', lag, (node) => this.#sync(node));
    core.store.onChange('pods', ({ object, old, type }) => {
      const pod = object as Pod;
      const node = pod.spec.nodeName;
      const moved = type === 'DELETED' || (old !== undefined && (old as Pod).spec.nodeName !== node);
      if (node !== undefined && moved && claimNames(pod).length > 0) this.#queue.add(node);
    });
    core.store.onChange('nodes', ({ object, type }) => {
      if (type === 'DELETED') this.#queue.add(object.metadata.name);
    });
    core.store.onChange('persistentvolumeclaims', ({ object, old, type }) => {
      const claim = object as PersistentVolumeClaim;
      if (type !== 'MODIFIED' || (old as PersistentVolumeClaim).spec.volumeName === claim.spec.volumeName) return;
      for (const pod of core.store.pods.inNamespace(claim.metadata.namespace ?? '').values())
        if (pod.spec.nodeName !== undefined && claimNames(pod).includes(claim.metadata.name))
          this.#queue.add(pod.spec.nodeName);
    });
    core.store.onChange(this.#definition.key, ({ object, type }) => {
      if (type !== 'DELETED') return;
      this.#dueAt.delete(object.metadata.name);
      this.#machines.delete(object.metadata.name);
      // Whoever waits for this volume may have it now.
      for (const other of this.#attachments()) if (volumeOf(other) === volumeOf(object)) this.#queue.add(nodeOf(other));
    });
  }

  #attachments(): SimObject[] {
    return [...this.#core.store.table(this.#definition.key).byKey.values()];
  }

  #sync(nodeName: string): void {
    const node = this.#core.store.typed<Node>('nodes').get(undefined, nodeName);
    const wanted = node ? this.#wantedOn(nodeName) : new Map<string, Pod>();
    for (const attachment of this.#attachments()) {
      if (nodeOf(attachment) !== nodeName) continue;
      const volume = volumeOf(attachment);
      if (isTerminating(attachment)) this.#detach(attachment, node);
      else if (!wanted.has(volume)) this.#beginDetach(attachment, node);
      else this.#attach(attachment, wanted.get(volume) as Pod);
      wanted.delete(volume);
    }
    for (const [volume, pod] of wanted) this.#beginAttach(volume, nodeName, pod);
  }

  /** Volumes of the pods on the node, each with one of them. */
  #wantedOn(nodeName: string): Map<string, Pod> {
    const wanted = new Map<string, Pod>();
    for (const pod of this.#core.store.podsOn(nodeName).values()) {
      for (const claimName of claimNames(pod)) {
        const claim = this.#core.store
          .typed<PersistentVolumeClaim>('persistentvolumeclaims')
          .get(pod.metadata.namespace, claimName);
        const volume = claim?.spec.volumeName;
        if (volume !== undefined && this.#volume(volume)?.spec.csi !== undefined) wanted.set(volume, pod);
      }
    }
    return wanted;
  }

  #beginAttach(volume: string, nodeName: string, pod: Pod): void {
    const name = `csi-${volume.replaceAll('-', '')}-${safeHash(nodeName)}`;
    const made = this.#writer.create(this.#definition, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'VolumeAttachment',
      metadata: this.#writer.newMetadata(name, undefined, { finalizers: [finalizer] }),
      spec: {
        attacher: this.#volume(volume)?.spec.csi?.driver ?? driverName,
        nodeName,
        source: { persistentVolumeName: volume },
      },
      status: { attached: false },
    });
    this.#attach(made, pod);
  }

  #attach(attachment: SimObject, pod: Pod): void {
    const { name } = attachment.metadata;
    if (fieldsOf(attachment['status'])['attached'] === true) return;
    const elsewhere = this.#attachments().some(
      (each) => each !== attachment && volumeOf(each) === volumeOf(attachment),
    );
    if (elsewhere) {
      const message = `Multi-Attach error for volume "${volumeOf(attachment)}" Volume is already exclusively attached to one node and can't be attached to another`;
      this.#core.events.record('attachdetach-controller', pod, {
        type: 'Warning',
        reason: 'FailedAttachVolume',
        message,
      });
      return;
    }
    const answer = this.#work(attachment, 'attach', this.#attachMs);
    if (answer === 'later') return;
    if (answer !== 'done') {
      const message = `AttachVolume.Attach failed for volume "${volumeOf(attachment)}" : rpc error: code = Internal desc = ${answer.problem}`;
      this.#core.events.record('attachdetach-controller', pod, {
        type: 'Warning',
        reason: 'FailedAttachVolume',
        message,
      });
      this.#queue.addAt(nodeOf(attachment), this.#core.clock.now() + retryMs);
      return;
    }
    this.#dueAt.delete(name);
    this.#writer.setStatus(this.#definition, attachment, { attached: true });
    const message = `AttachVolume.Attach succeeded for volume "${volumeOf(attachment)}"`;
    this.#core.events.record('attachdetach-controller', pod, {
      type: 'Normal',
      reason: 'SuccessfulAttachVolume',
      message,
    });
  }

  #beginDetach(attachment: SimObject, node: Node | undefined): void {
    this.#dueAt.delete(attachment.metadata.name);
    const metadata = { ...attachment.metadata, deletionTimestamp: stamp(this.#core.clock.now()) };
    this.#detach(this.#writer.update(this.#definition, attachment, { ...attachment, metadata }), node);
  }

  #detach(attachment: SimObject, node: Node | undefined): void {
    const { name } = attachment.metadata;
    const silent = node !== undefined && !livingNodesOf(this.#core).has(node.metadata.name);
    if (silent && this.#diskOf(attachment) && !this.#isDue(name, nodeOf(attachment), () => forceDetachMs)) return;
    const takes = silent ? () => forceDetachMs : this.#detachMs;
    // With its machine gone nothing is mounted any more.
    const due = this.#dueAt.get(name);
    if (node === undefined && due !== undefined && due - this.#core.clock.now() > retryMs) this.#dueAt.delete(name);
    if (this.#work(attachment, 'detach', takes) === 'done') this.#writer.remove(this.#definition, attachment);
  }

  #volume(name: string): PersistentVolume | undefined {
    return this.#core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, name);
  }

  /** The disk of the cloud behind it, and the machine; undefined for a volume that is no such disk. */
  #diskOf(attachment: SimObject): { id: string; instanceId: string } | undefined {
    const csi = this.#volume(volumeOf(attachment))?.spec.csi;
    if (!this.#core.disks || csi?.driver !== driverName) return undefined;
    const { name } = attachment.metadata;
    const node = this.#core.store.typed<Node>('nodes').get(undefined, nodeOf(attachment));
    const known = this.#machines.get(name);
    const instanceId = node?.spec.providerID?.split('/').at(-1) ?? known;
    if (instanceId === undefined) return undefined;
    this.#machines.set(name, instanceId);
    return { id: csi.volumeHandle, instanceId };
  }

  /** Has the cloud do it, one look after the other; without a cloud it takes its time. */
  #work(attachment: SimObject, action: 'attach' | 'detach', takes: () => number): DiskAnswer {
    const disk = this.#diskOf(attachment);
    const { disks } = this.#core;
    const node = nodeOf(attachment);
    if (!disk || !disks) return this.#isDue(attachment.metadata.name, node, takes) ? 'done' : 'later';
    if (!driverWorks(this.#core)) {
      this.#queue.addAt(node, this.#core.clock.now() + retryMs);
      return 'later';
    }
    const answer = disks[action](disk.id, disk.instanceId);
    if (answer === 'later') this.#queue.addAt(node, this.#core.clock.now() + pollMs);
    return answer;
  }

  /** True once the cloud has had its time for it; else the node is looked at again then. */
  #isDue(name: string, node: string, takes: () => number): boolean {
    const now = this.#core.clock.now();
    if (!driverWorks(this.#core)) {
      this.#queue.addAt(node, now + retryMs);
      return false;
    }
    const at = this.#dueAt.get(name) ?? now + takes();
    this.#dueAt.set(name, at);
    if (at <= now) return true;
    this.#queue.addAt(node, at);
    return false;
  }
}

function nodeOf(attachment: SimObject): string {
  return shownText(fieldsOf(attachment['spec'])['nodeName'] ?? '');
}

function volumeOf(attachment: SimObject): string {
  return shownText(fieldsOf(fieldsOf(attachment['spec'])['source'])['persistentVolumeName'] ?? '');
}
