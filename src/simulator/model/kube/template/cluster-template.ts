import type { ClusterRuntime } from '../../cluster-runtime.ts';
import type { SimInstance } from '../../seams.ts';
import type { KubeCallFaults } from '../call-faults.ts';
import { type ClusterCore, safeHash } from '../cluster-core.ts';
import type { ProcessState } from '../container-process.ts';
import type { RecordedEvents } from '../event-recorder.ts';
import type { Node, PersistentVolume, Pod, PodDisruptionBudget } from '../kinds.ts';
import type { KubeletHealth } from '../kubelet-health.ts';
import type { MachineState, NodeManager } from '../node-manager.ts';
import { fieldsOf, type SimObject, shownText } from '../object.ts';
import { defaultFaults, type KubeOptions } from '../options.ts';
import { kubeletFlags } from '../user-data.ts';
import { Identities, type SlotFiller, type Text } from './identities.ts';
import { type Recipe, RecipeBook } from './recipe.ts';

/** A value, and how it differs from cluster to cluster. */
export interface Shared<T extends object> {
  value: T;
  recipe: Recipe | undefined;
}

/** A pod as its kubelet runs it. */
export interface RunningShape {
  uid: Text;
  startedAt: number;
  waitsForVolume: boolean;
  processes: readonly Shared<ProcessState>[];
}

/** One node's machine. */
export interface MachineShape {
  /** What an instance must be to stand in for this one. */
  likeness: string;
  registeredAt: number;
  images: readonly string[];
  running: readonly RunningShape[];
}

/**
 * A settled cluster that others are started from. It is a picture: what happens to the cluster afterwards is not in it. What is the
 * same in all clusters made from it they share with it, and nobody may ever change it in place.
 */
export interface ClusterTemplate {
  region: string;
  options: KubeOptions;
  revision: number;
  tables: readonly (readonly [string, readonly Shared<SimObject>[]])[];
  /** Keys of assigned pods. */
  podOrder: readonly Text[];
  machines: readonly MachineShape[];
  nextPodIp: number;
  /** What the controllers will look at by themselves, by the number of the queue. */
  waiting: readonly { queue: number; key: Text; atMs: number }[];
  events: Shared<RecordedEvents>;
  filler: SlotFiller;
}

export interface TemplateSource {
  core: ClusterCore;
  machines: NodeManager;
  runtime: ClusterRuntime;
  callFaults: KubeCallFaults;
  kubelets: KubeletHealth;
}

/** Instances with the same text make the same node. */
export function likenessOf({ zone, instanceType, imageId, userData, neverReady }: SimInstance): string {
  return JSON.stringify([zone, instanceType, imageId, kubeletFlags(userData), neverReady]);
}

/** The cluster as a template, or why it cannot be one now. */
export function takeTemplate(source: TemplateSource): { template: ClusterTemplate } | { problems: string[] } {
  const { core } = source;
  const problems = problemsOf(source);
  const machines = source.machines.resumable();
  if (!machines) problems.push('a kubelet is at work, or runs a program that cannot be gone on from (an add-on, say)');
  if (!machines || problems.length > 0) return { problems };
  const { store } = core;
  const identities = identitiesOf(core, machines);
  const recipes = new RecipeBook(identities);
  const text = (value: string): Text => identities.text(value) ?? [value];
  const shared = <T extends object>(value: T): Shared<T> => ({ value, recipe: recipes.of(value) });
  const template: ClusterTemplate = {
    region: core.region,
    options: core.options,
    revision: store.revision,
    tables: [...store.tables()].map((table) => [table.key, [...table.byKey.values()].map(shared)] as const),
    podOrder: store.podOrder().map(text),
    machines: machines.map(({ instance, registeredAt, kubelet }) => ({
      likeness: likenessOf(instance),
      registeredAt,
      images: kubelet.images,
      running: kubelet.running.map(({ uid, startedAt, waitsForVolume, processes }) => {
        return { uid: text(uid), startedAt, waitsForVolume, processes: processes.map(shared) };
      }),
    })),
    nextPodIp: source.machines.nextPodIp,
    waiting: core.queues.flatMap((queue, index) =>
      queue.waiting().map(({ key, atMs }) => ({ queue: index, key: text(key), atMs })),
    ),
    events: shared(core.events.state()),
    filler: identities.filler(),
  };
  return { template };
}

/** What a template would leave out. */
function problemsOf({ core, runtime, callFaults, kubelets }: TemplateSource): string[] {
  const problems: string[] = [];
  const later = core.queues.reduce((sum, queue) => sum + queue.waiting().length, 0);
  const busy = core.queues.filter((queue) => queue.busy).length;
  const under = core.clock.pending - later;
  if (under > 0) problems.push(`it is not at rest: ${under} things are under way, ${busy} of them in controllers`);
  if (!runtime.faults.isClear || !callFaults.isClear || !kubelets.allWell) problems.push('something in it is broken');
  const usual = defaultFaults(core.options);
  const faults = core.faults as unknown as Record<string, unknown>;
  for (const [name, value] of Object.entries(usual)) {
    const is = faults[name];
    if (is instanceof Set ? is.size > 0 : is !== value) problems.push(`its fault '${name}' is on`);
  }
  if (runtime.hasFiles) problems.push('its volumes hold files');
  if (core.store.table('apiservices.apiregistration.k8s.io').byKey.size > 0) problems.push('it has aggregated APIs');
  for (const budget of core.store.typed<PodDisruptionBudget>('poddisruptionbudgets.policy').byKey.values())
    if (Object.keys(budget.status.disruptedPods ?? {}).length > 0)
      problems.push(`budget ${budget.metadata.name} waits for an evicted pod to go`);
  return problems;
}

/** Everything in the cluster that another one has its own of. */
function identitiesOf(core: ClusterCore, machines: readonly MachineState[]): Identities {
  const { store } = core;
  const identities = new Identities(core.clusterId);
  machines.forEach(({ instance, nodeName }, machine) => {
    identities.add(nodeName, { kind: 'machine', machine, part: 'node' });
    identities.add(instance.id, { kind: 'machine', machine, part: 'instance' });
    identities.add(instance.privateIp, { kind: 'machine', machine, part: 'address' });
  });
  for (const { key, byKey } of store.tables()) {
    for (const { metadata } of byKey.values()) {
      const { uid, name, namespace, generateName } = metadata;
      identities.add(uid, { kind: key === 'events' ? 'event-uid' : 'uid' });
      if (generateName !== undefined && name.slice(0, -5) === generateName.slice(0, 58))
        identities.addGeneratedName(`${key}/${namespace ?? ''}`, name);
    }
  }
  for (const node of store.typed<Node>('nodes').byKey.values()) addNode(identities, node);
  for (const pod of store.pods.byKey.values()) addContainers(identities, pod);
  for (const volume of store.typed<PersistentVolume>('persistentvolumes').byKey.values()) addVolume(identities, volume);
  for (const attachment of store.table('volumeattachments.storage.k8s.io').byKey.values())
    addAttachment(identities, attachment);
  return identities;
}

function addNode(identities: Identities, { status }: Node): void {
  const { bootID, systemUUID, machineID } = status.nodeInfo ?? {};
  for (const id of [bootID, systemUUID]) if (id) identities.add(id, { kind: 'uid' });
  if (machineID) identities.add(machineID, { kind: 'machine-id' });
}

function addContainers(identities: Identities, { status }: Pod): void {
  const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  for (const { containerID, state, lastState } of statuses) {
    const ended = [state, lastState].map((each) => fieldsOf(each['terminated'])['containerID']);
    for (const id of [containerID, ...ended])
      if (typeof id === 'string') identities.add(id.slice(id.lastIndexOf('/') + 1), { kind: 'container-id' });
  }
}

/** A copy's disks have ids of their own, out of the uids of its claims. */
function addVolume(identities: Identities, { spec }: PersistentVolume): void {
  const uid = shownText(fieldsOf(spec['claimRef'])['uid'] ?? '');
  const handle = fieldsOf(spec['csi'])['volumeHandle'];
  const from = identities.text(uid);
  if (from === undefined || typeof handle !== 'string' || !/^vol-[0-9a-f]{17}$/.test(handle)) return;
  identities.add(handle, { kind: 'made', from, make: volumeHandle });
}

function volumeHandle(claimUid: string): string {
  return `vol-${claimUid.replaceAll('-', '').slice(0, 17)}`;
}

/** An attachment is named by its volume and its node. */
function addAttachment(identities: Identities, { metadata, spec }: SimObject): void {
  const volume = shownText(fieldsOf(fieldsOf(spec)['source'])['persistentVolumeName'] ?? '');
  const node = shownText(fieldsOf(spec)['nodeName'] ?? '');
  const from = identities.text(`${volume} ${node}`);
  if (from === undefined || metadata.name !== attachmentName(`${volume} ${node}`)) return;
  identities.add(metadata.name, { kind: 'made', from, make: attachmentName });
}

function attachmentName(volumeAndNode: string): string {
  const [volume = '', node = ''] = volumeAndNode.split(' ');
  return `csi-${volume.replaceAll('-', '')}-${safeHash(node)}`;
}
