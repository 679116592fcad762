import type { ClusterCore } from '../cluster-core.ts';
import {
  isPodFinished,
  isTerminating,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '../kinds.ts';
import { fieldsOf, type SimObject, sameJson, shownText, without } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { parseQuantity } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { claimProtection, defaultStorageClass, storageClassOf, volumeProtection } from '../volume-admission.ts';
import { claimNames, driverName, driverWorks } from '../volume-driver.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { freeVolumeFor } from './volume-binder.ts';

const zoneLabel = 'topology.kubernetes.io/zone';
const selectedNode = 'volume.kubernetes.io/selected-node';
const noProvisioner = 'kubernetes.io/no-provisioner';
const component = 'persistentvolume-controller';
const retryMs = 10_000;
const pollMs = 1_000;
const expansionMs = 3_000;
const gibibyte = 2 ** 30;

/** Binds claims to volumes: those that are there, or new ones in the zone of the node that wants them first. Grows and releases them. */
export class VolumeController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #claims: ResourceDefinition;
  readonly #volumes: ResourceDefinition;
  /** Uids of claims and volumes. */
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#claims = core.resources.find('', 'v1', 'persistentvolumeclaims') as ResourceDefinition;
    this.#volumes = core.resources.find('', 'v1', 'persistentvolumes') as ResourceDefinition;
    const lag = seededLag(core, component, [20, 200]);
    this.#queue = new WorkQueue(core, component, lag, (uid) => this.#sync(uid));
    core.store.onChange('persistentvolumeclaims', ({ object, type }) => {
      if (type !== 'DELETED') this.#queue.add(object.metadata.uid);
      else this.#wakeVolumeOf(object as PersistentVolumeClaim);
    });
    core.store.onChange('persistentvolumes', ({ object, type }) => {
      if (type === 'DELETED') return;
      this.#queue.add(object.metadata.uid);
      if ((object as PersistentVolume).status.phase !== 'Bound') this.#wakeOpen();
    });
    core.store.onChange('storageclasses.storage.k8s.io', () => this.#wakeOpen());
    core.store.onChange('nodes', ({ type }) => {
      if (type === 'DELETED') this.#wakeOpen();
    });
    core.store.onChange('pods', ({ object, old, type }) => {
      const pod = object as Pod;
      const ended = type === 'DELETED' || (isPodFinished(pod) && old !== undefined && !isPodFinished(old as Pod));
      if (!ended) return;
      for (const name of claimNames(pod)) {
        const claim = this.#claim(pod.metadata.namespace, name);
        if (claim && isTerminating(claim)) this.#queue.add(claim.metadata.uid);
      }
    });
  }

  /** Why no node will do for the pod's claims, or undefined; what depends on the node is `NodeFit`'s. */
  obstacle(pod: Pod): string | undefined {
    for (const name of claimNames(pod)) {
      const claim = this.#claim(pod.metadata.namespace, name);
      if (!claim) return `persistentvolumeclaim "${name}" not found`;
      if (isTerminating(claim)) return `persistentvolumeclaim "${name}" is being deleted`;
      if (isBound(claim) || this.#waitsForConsumer(claim)) continue;
      return 'pod has unbound immediate PersistentVolumeClaims';
    }
    return undefined;
  }

  /** Whether a volume for the pod's open claims can be had on this node. */
  canBindOn(pod: Pod, node: Node): boolean {
    return this.#open(pod).every((claim) => {
      const home = storageClassOf(this.#core, claim.spec.storageClassName);
      const makes = home !== undefined && home['provisioner'] !== noProvisioner;
      return makes || freeVolumeFor(this.#core, claim, node) !== undefined;
    });
  }

  /** The node that was chosen for the pod's open claims before, if any. */
  chosenNode(pod: Pod): string | undefined {
    for (const name of claimNames(pod)) {
      const chosen = this.#claim(pod.metadata.namespace, name)?.metadata.annotations?.[selectedNode];
      if (chosen !== undefined) return chosen;
    }
    return undefined;
  }

  /** Has the pod's open claims bound for this node; true when there are none, and the pod may be bound. */
  boundFor(pod: Pod, node: Node): boolean {
    const open = this.#open(pod);
    for (const claim of open) {
      const { annotations } = claim.metadata;
      if (annotations?.[selectedNode] === node.metadata.name) continue;
      this.#annotate(claim, { ...annotations, [selectedNode]: node.metadata.name });
    }
    return open.length === 0;
  }

  #open(pod: Pod): PersistentVolumeClaim[] {
    return claimNames(pod).flatMap((name) => {
      const claim = this.#claim(pod.metadata.namespace, name);
      return claim && !isBound(claim) ? [claim] : [];
    });
  }

  #claim(namespace: string | undefined, name: string): PersistentVolumeClaim | undefined {
    return this.#core.store.typed<PersistentVolumeClaim>('persistentvolumeclaims').get(namespace, name);
  }

  #waitsForConsumer(claim: PersistentVolumeClaim): boolean {
    return storageClassOf(this.#core, claim.spec.storageClassName)?.['volumeBindingMode'] === 'WaitForFirstConsumer';
  }

  #wakeOpen(): void {
    const claims = this.#core.store.typed<PersistentVolumeClaim>('persistentvolumeclaims');
    for (const claim of claims.byKey.values()) if (!isBound(claim)) this.#queue.add(claim.metadata.uid);
  }

  #wakeVolumeOf(claim: PersistentVolumeClaim): void {
    const volumes = this.#core.store.typed<PersistentVolume>('persistentvolumes');
    const volume = claim.spec.volumeName === undefined ? undefined : volumes.get(undefined, claim.spec.volumeName);
    if (volume) this.#queue.addAt(volume.metadata.uid, this.#core.clock.now() + pollMs);
  }

  #later(object: SimObject, ms: number): void {
    this.#queue.addAt(object.metadata.uid, this.#core.clock.now() + ms);
  }

  #say(about: SimObject, type: 'Normal' | 'Warning', reason: string, message: string, who = component): void {
    this.#core.events.record(who, about, { type, reason, message });
  }

  #sync(uid: string): void {
    const object = this.#core.store.byUid(uid);
    if (object?.['kind'] === 'PersistentVolume') this.#syncVolume(object as PersistentVolume);
    else if (object?.['kind'] === 'PersistentVolumeClaim') this.#syncClaim(object as PersistentVolumeClaim);
  }

  #syncClaim(claim: PersistentVolumeClaim): void {
    if (isTerminating(claim)) this.#releaseClaim(claim);
    else if (isBound(claim)) this.#expand(claim);
    else this.#bindOpen(claim);
  }

  /** A claim that is being deleted stays while a pod uses it. */
  #releaseClaim(claim: PersistentVolumeClaim): void {
    if (!claim.metadata.finalizers?.includes(claimProtection)) return;
    for (const pod of this.#core.store.pods.inNamespace(claim.metadata.namespace ?? '').values())
      if (!isPodFinished(pod) && claimNames(pod).includes(claim.metadata.name)) return;
    this.#dropFinalizer(this.#claims, claim, claimProtection);
  }

  #dropFinalizer(definition: ResourceDefinition, object: SimObject, finalizer: string): void {
    const finalizers = object.metadata.finalizers?.filter((each) => each !== finalizer) ?? [];
    this.#writer.update(definition, object, { ...object, metadata: { ...object.metadata, finalizers } });
  }

  #bindOpen(claim: PersistentVolumeClaim): void {
    const { storageClassName } = claim.spec;
    const { annotations } = claim.metadata;
    const home = storageClassOf(this.#core, storageClassName);
    const usual = storageClassName === undefined ? defaultStorageClass(this.#core) : undefined;
    if (usual) {
      const spec = { ...claim.spec, storageClassName: usual.metadata.name };
      this.#writer.update(this.#claims, claim, { ...claim, metadata: { ...claim.metadata }, spec });
      return;
    }
    const chosen = annotations?.[selectedNode];
    if (home?.['volumeBindingMode'] === 'WaitForFirstConsumer' && chosen === undefined) {
      this.#say(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
      return;
    }
    const node = chosen === undefined ? undefined : this.#core.store.typed<Node>('nodes').get(undefined, chosen);
    if (chosen !== undefined && !node) {
      // Its node is gone: the scheduler chooses again.
      this.#annotate(claim, without(annotations ?? {}, [selectedNode]) as Record<string, string>);
      return;
    }
    const free = freeVolumeFor(this.#core, claim, node);
    if (free) this.#bind(claim, free);
    else if (home && home['provisioner'] !== noProvisioner) this.#provision(claim, home, node);
    else if (storageClassName !== undefined && storageClassName !== '' && !home)
      this.#say(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${storageClassName}" not found`);
    else {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      this.#say(claim, 'Normal', 'FailedBinding', message);
    }
  }

  #annotate(claim: PersistentVolumeClaim, annotations: Record<string, string>): void {
    if (sameJson(claim.metadata.annotations ?? {}, annotations)) return;
    this.#writer.update(this.#claims, claim, { ...claim, metadata: { ...claim.metadata, annotations } });
  }

  #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): void {
    const { namespace = '', name, uid } = claim.metadata;
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid };
    this.#writer.update(this.#volumes, volume, {
      ...volume,
      metadata: { ...volume.metadata },
      spec: { ...volume.spec, claimRef },
      status: { phase: 'Bound' },
    });
    const bound = { 'pv.kubernetes.io/bind-completed': 'yes', 'pv.kubernetes.io/bound-by-controller': 'yes' };
    const { accessModes = [], capacity = {} } = volume.spec;
    this.#writer.update(this.#claims, claim, {
      ...claim,
      metadata: { ...claim.metadata, annotations: { ...claim.metadata.annotations, ...bound } },
      spec: { ...claim.spec, volumeName: volume.metadata.name },
      status: { phase: 'Bound', accessModes, capacity },
    });
  }

  #provision(claim: PersistentVolumeClaim, home: SimObject, node: Node | undefined): void {
    const provisioner = shownText(home['provisioner']);
    const zone = node?.metadata.labels?.[zoneLabel] ?? this.#anyZone();
    const waiting = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
    this.#say(claim, 'Normal', 'ExternalProvisioning', waiting);
    if (!driverWorks(this.#core)) {
      this.#later(claim, retryMs);
      return;
    }
    const disk = this.#disk(claim, home, zone);
    if (disk === 'later') this.#later(claim, pollMs);
    else if ('problem' in disk) {
      const message = `failed to provision volume with StorageClass "${home.metadata.name}": ${disk.problem}`;
      this.#say(claim, 'Warning', 'ProvisioningFailed', message, provisioner);
      this.#later(claim, retryMs);
    } else {
      const volume = this.#newVolume(
        claim,
        home,
        disk.id,
        node === undefined && !this.#inCloud(home) ? undefined : zone,
      );
      const message = `Successfully provisioned volume ${volume.metadata.name}`;
      this.#say(claim, 'Normal', 'ProvisioningSucceeded', message, provisioner);
      this.#bind(claim, volume);
    }
  }

  #inCloud(home: SimObject): boolean {
    return this.#core.disks !== undefined && home['provisioner'] === driverName;
  }

  #disk(
    claim: PersistentVolumeClaim,
    home: SimObject,
    zone: string | undefined,
  ): { id: string } | 'later' | { problem: string } {
    const name = `pvc-${claim.metadata.uid}`;
    const { disks } = this.#core;
    if (!disks || !this.#inCloud(home)) return { id: `vol-${claim.metadata.uid.replaceAll('-', '').slice(0, 17)}` };
    if (zone === undefined) return { problem: 'no node says which zones there are' };
    const bytes = parseQuantity(claim.spec.resources?.requests?.['storage']) ?? gibibyte;
    return disks.provision({
      name,
      zone,
      gibibytes: Math.max(1, Math.ceil(bytes / gibibyte)),
      type: shownText(fieldsOf(home['parameters'])['type'] ?? 'gp3'),
      tags: {
        [`kubernetes.io/cluster/${this.#core.clusterId}`]: 'owned',
        'kubernetes.io/created-for/pvc/name': claim.metadata.name,
        'kubernetes.io/created-for/pvc/namespace': claim.metadata.namespace ?? '',
        'kubernetes.io/created-for/pv/name': name,
      },
    });
  }

  /** For a claim that waits for no node: the first zone that has one. */
  #anyZone(): string | undefined {
    const zones = [...this.#core.store.typed<Node>('nodes').byKey.values()].flatMap(
      (each) => each.metadata.labels?.[zoneLabel] ?? [],
    );
    return zones.sort()[0];
  }

  #newVolume(
    claim: PersistentVolumeClaim,
    home: SimObject,
    volumeHandle: string,
    zone: string | undefined,
  ): PersistentVolume {
    const driver = shownText(home['provisioner']);
    const terms =
      zone === undefined ? undefined : [{ matchExpressions: [{ key: zoneLabel, operator: 'In', values: [zone] }] }];
    return this.#writer.create<PersistentVolume>(this.#volumes, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: this.#writer.newMetadata(`pvc-${claim.metadata.uid}`, undefined, {
        annotations: { 'pv.kubernetes.io/provisioned-by': driver },
        finalizers: [volumeProtection],
      }),
      spec: {
        capacity: claim.spec.resources?.requests ?? { storage: '1Gi' },
        accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: shownText(home['reclaimPolicy'] ?? 'Delete'),
        volumeMode: 'Filesystem',
        storageClassName: home.metadata.name,
        csi: { driver, volumeHandle },
        ...(terms === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
      },
      status: { phase: 'Pending' },
    });
  }

  /** A bound claim that asks for more gets it, where its class allows that. */
  #expand(claim: PersistentVolumeClaim): void {
    const wanted = claim.spec.resources?.requests?.['storage'];
    const has = claim.status.capacity?.['storage'];
    if (wanted === undefined || (parseQuantity(wanted) ?? 0) <= (parseQuantity(has) ?? 0)) return;
    const home = storageClassOf(this.#core, claim.spec.storageClassName);
    if (home?.['allowVolumeExpansion'] !== true) return;
    this.#core.clock.at(this.#core.clock.now() + expansionMs, () => {
      const now = this.#core.store.byUid(claim.metadata.uid) as PersistentVolumeClaim | undefined;
      const volumes = this.#core.store.typed<PersistentVolume>('persistentvolumes');
      const volume = volumes.get(undefined, claim.spec.volumeName ?? '');
      if (!now || !volume || now.status.capacity?.['storage'] === wanted) return;
      if (!driverWorks(this.#core) || !this.#grow(now, volume, wanted)) {
        this.#later(now, retryMs);
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

  #grow(claim: PersistentVolumeClaim, volume: PersistentVolume, wanted: string): boolean {
    const { csi } = volume.spec;
    if (!this.#core.disks || csi?.driver !== driverName) return true;
    const answer = this.#core.disks.grow(csi.volumeHandle, Math.ceil((parseQuantity(wanted) ?? 0) / gibibyte));
    if (typeof answer === 'string') return answer === 'done';
    const message = `resize volume "${volume.metadata.name}" by resizer "${driverName}" failed: ${answer.problem}`;
    this.#say(claim, 'Warning', 'VolumeResizeFailed', message, `external-resizer ${driverName}`);
    return false;
  }

  /** Free, bound, left by its claim, or on its way out. */
  #syncVolume(volume: PersistentVolume): void {
    const { claimRef } = volume.spec;
    const claim = claimRef?.uid === undefined ? undefined : this.#core.store.byUid(claimRef.uid);
    if (claim) return;
    const { phase } = volume.status;
    if (claimRef?.uid !== undefined && claimRef.uid !== '' && phase !== 'Released') {
      this.#writer.setStatus(this.#volumes, volume, { phase: 'Released' });
    } else if (phase === 'Released' && volume.spec.persistentVolumeReclaimPolicy === 'Delete') this.#destroy(volume);
    else if (isTerminating(volume)) this.#dropFinalizer(this.#volumes, volume, volumeProtection);
    else if (phase === 'Pending') this.#writer.setStatus(this.#volumes, volume, { phase: 'Available' });
  }

  /** The disk goes first: a volume whose disk is still attached waits. */
  #destroy(volume: PersistentVolume): void {
    const { csi } = volume.spec;
    const answer =
      this.#core.disks && csi?.driver === driverName ? this.#core.disks.delete(csi.volumeHandle) : ('done' as const);
    if (answer === 'done') {
      this.#writer.remove(this.#volumes, volume);
      return;
    }
    if (answer !== 'later') this.#say(volume, 'Warning', 'VolumeFailedDelete', answer.problem, driverName);
    this.#later(volume, retryMs);
  }
}

function isBound(claim: PersistentVolumeClaim): boolean {
  return claim.spec.volumeName !== undefined && claim.status.phase === 'Bound';
}
