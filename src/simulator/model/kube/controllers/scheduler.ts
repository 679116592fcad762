import type { ClusterCore } from '../cluster-core.ts';
import { conditionOf, isPodFinished, isTerminating, type Node, type Pod, withCondition } from '../kinds.ts';
import { controllerOf, keyOf, listOf, sameJson, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { bindPod } from '../pod-binding.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { NodeFit } from './node-fit.ts';
import type { VolumeController } from './volume-controller.ts';

const zoneLabel = 'topology.kubernetes.io/zone';

interface Siblings {
  onNode: Map<string, number>;
  inZone: Map<string, number>;
}

const noVolume = "node(s) didn't find available persistent volumes to bind";

/** Assigns pods to nodes; those that fit nowhere wait for a change that may help. */
export class Scheduler {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: ResourceDefinition;
  readonly #fit: NodeFit;
  readonly #volumes: VolumeController;
  readonly #queue: WorkQueue;
  /** Pods that fitted nowhere, by key. */
  readonly #waiting = new Set<string>();
  #pending = new Set<string>();

  constructor(core: ClusterCore, writer: ObjectWriter, volumes: VolumeController) {
    this.#core = core;
    this.#writer = writer;
    this.#volumes = volumes;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    this.#fit = new NodeFit(core);
    const lag = seededLag(core, 'scheduler', core.options.lagMs.scheduler);
    this.#queue = new WorkQueue(core, 'default-scheduler', lag, () => this.#turn());
    core.store.onChange('pods', (change) => {
      const pod = change.object as Pod;
      if (change.type === 'DELETED') {
        this.#waiting.delete(keyOf(pod));
        this.#fit.forget(keyOf(pod));
        if (pod.spec.nodeName !== undefined) this.wakeWaiting();
      } else if (pod.spec.nodeName === undefined) {
        if (change.type === 'ADDED' || isGated(change.old as Pod)) this.#consider(pod);
      } else if (isPodFinished(pod) && !isPodFinished(change.old as Pod)) this.wakeWaiting();
      else if (change.old && (change.old as Pod).spec.nodeName === undefined) this.wakeWaiting();
    });
    core.store.onRestored(() => {
      for (const [key, pod] of core.store.pods.byKey)
        if (pod.spec.nodeName === undefined && isSchedulable(pod)) this.#waiting.add(key);
    });
    core.store.onChange('nodes', ({ object, old }) => {
      const before = old as Node | undefined;
      const node = object as Node;
      if (
        !before ||
        !sameJson(before.spec, node.spec) ||
        before.metadata.labels !== node.metadata.labels ||
        before.status.allocatable !== node.status.allocatable
      )
        this.wakeWaiting();
    });
    for (const key of ['persistentvolumeclaims', 'persistentvolumes', 'storageclasses.storage.k8s.io'])
      core.store.onChange(key, () => this.wakeWaiting());
  }

  #consider(pod: Pod): void {
    if (!isSchedulable(pod) || (isGated(pod) && conditionOf(pod.status.conditions, 'PodScheduled'))) return;
    this.#pending.add(keyOf(pod));
    this.#queue.add('turn');
  }

  /** Tries every waiting pod again. */
  wakeWaiting(): void {
    if (this.#waiting.size === 0) return;
    for (const key of this.#waiting) this.#pending.add(key);
    this.#waiting.clear();
    this.#queue.add('turn');
  }

  #turn(): void {
    if (this.#core.faults.scheduler === 'broken') {
      // The queue keeps; look again in a while.
      this.#queue.addAt('turn', this.#core.clock.now() + 1_000);
      return;
    }
    const keys = this.#pending;
    this.#pending = new Set();
    const pods: Pod[] = [];
    for (const key of keys) {
      const pod = this.#core.store.pods.byKey.get(key);
      if (pod && pod.spec.nodeName === undefined && !isTerminating(pod)) pods.push(pod);
    }
    pods.sort((a, b) => (b.spec.priority ?? 0) - (a.spec.priority ?? 0));
    for (const pod of pods) this.#schedule(pod);
  }

  #schedule(pod: Pod): void {
    this.#fit.forget(keyOf(pod));
    if (isGated(pod)) {
      this.#unscheduled(pod, 'SchedulingGated', 'Scheduling is blocked due to non-empty scheduling gates');
      return;
    }
    const nodes = this.#core.store.typed<Node>('nodes').byKey;
    const reasons = new Map<string, number>();
    const pinned = this.#pinnedNode(pod);
    const siblings = this.#siblings(pod);
    let best: Node | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    const hopeless = this.#volumes.obstacle(pod);
    if (hopeless !== undefined) {
      const none = `0/${nodes.size} nodes are available`;
      this.#refuse(pod, `${none}: ${hopeless}. preemption: ${none}: ${nodes.size} ${unhelpful}.`);
      return;
    }
    const chosen = this.#volumes.chosenNode(pod);
    for (const node of pinned === undefined ? nodes.values() : [nodes.get(pinned)]) {
      if (!node) continue;
      const obstacle = this.#fit.obstacle(pod, node) ?? (this.#volumes.canBindOn(pod, node) ? undefined : noVolume);
      if (obstacle !== undefined) {
        reasons.set(obstacle, (reasons.get(obstacle) ?? 0) + 1);
        continue;
      }
      const score = this.#score(pod, node, siblings) + (node.metadata.name === chosen ? 1_000 : 0);
      if (score > bestScore) {
        best = node;
        bestScore = score;
      }
    }
    if (best) {
      // It goes there once its volumes are bound; their claims say when.
      if (!this.#volumes.boundFor(pod, best)) {
        this.#waiting.add(keyOf(pod));
        this.#fit.assume(pod, best.metadata.name);
        return;
      }
      const { namespace, name } = pod.metadata;
      const message = `Successfully assigned ${namespace}/${name} to ${best.metadata.name}`;
      this.#core.events.record('default-scheduler', pod, { type: 'Normal', reason: 'Scheduled', message });
      bindPod(this.#core, this.#writer, this.#pods, pod, best.metadata.name);
    } else {
      const listed = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
      const why = listed.length === 0 ? 'no nodes available to schedule pods' : listed.join(', ');
      const none = `0/${nodes.size} nodes are available`;
      this.#refuse(
        pod,
        `${none}: ${why}.${listed.length === 0 ? '' : ` preemption: ${none}: ${preemptionText(reasons)}.`}`,
      );
    }
  }

  /** A daemon's pod names its one node; looking at others is a waste. */
  #pinnedNode(pod: Pod): string | undefined {
    const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
    const field = terms?.length === 1 ? terms[0]?.matchFields?.[0] : undefined;
    return field?.key === 'metadata.name' && field.operator === 'In' && field.values?.length === 1
      ? field.values[0]
      : undefined;
  }

  /** How many pods of the same owner are on each node and in each zone. */
  #siblings(pod: Pod): Siblings {
    const siblings: Siblings = { onNode: new Map(), inZone: new Map() };
    const owner = controllerOf(pod)?.uid;
    if (owner === undefined) return siblings;
    const nodes = this.#core.store.typed<Node>('nodes').byKey;
    for (const other of this.#core.store.dependents(owner)) {
      if (other.kind !== 'Pod') continue;
      const on = (other as Pod).spec.nodeName;
      if (on === undefined) continue;
      const zone = nodes.get(on)?.metadata.labels?.[zoneLabel];
      if (zone !== undefined) siblings.inZone.set(zone, (siblings.inZone.get(zone) ?? 0) + 1);
      if (controllerOf(other)?.uid === owner) siblings.onNode.set(on, (siblings.onNode.get(on) ?? 0) + 1);
    }
    return siblings;
  }

  /** Empty nodes first, and away from pods of the same owner. */
  #score(pod: Pod, node: Node, { onNode, inZone }: Siblings): number {
    const zone = node.metadata.labels?.[zoneLabel];
    const zoneSiblings = zone === undefined ? 0 : (inZone.get(zone) ?? 0);
    const soft = (node.spec.taints ?? []).filter((taint) => taint.effect === 'PreferNoSchedule').length;
    const crowding = this.#fit.crowding(pod, node);
    const liking = this.#fit.preference(pod, node) / 20;
    const crowd = onNode.get(node.metadata.name) ?? 0;
    return this.#fit.freeShare(pod.spec, node) - crowd - zoneSiblings * 0.3 - crowding * 2 - soft * 5 + liking;
  }

  #refuse(pod: Pod, message: string): void {
    this.#waiting.add(keyOf(pod));
    this.#core.events.record('default-scheduler', pod, { type: 'Warning', reason: 'FailedScheduling', message });
    this.#unscheduled(pod, 'Unschedulable', message);
  }

  #unscheduled(pod: Pod, reason: string, message: string): void {
    const old = conditionOf(pod.status.conditions, 'PodScheduled');
    if (old?.status === 'False' && old.message === message) return;
    const conditions = withCondition(
      pod.status.conditions,
      { type: 'PodScheduled', status: 'False', reason, message },
      stamp(this.#core.clock.now()),
    );
    this.#writer.setStatus(this.#pods, pod, { ...pod.status, conditions });
  }
}

/** What pods of a lower priority could make room for, and nobody has: the rest no eviction would help. */
const curable = /^(Insufficient|Too many pods|node\(s\) (didn't (have free ports|match pod|satisfy existing)))/;

const unhelpful = 'Preemption is not helpful for scheduling';

function preemptionText(reasons: ReadonlyMap<string, number>): string {
  let victims = 0;
  let helpless = 0;
  for (const [reason, count] of reasons) {
    if (curable.test(reason)) victims += count;
    else helpless += count;
  }
  return [
    ...(victims > 0 ? [`${victims} No preemption victims found for incoming pod`] : []),
    ...(helpless > 0 ? [`${helpless} ${unhelpful}`] : []),
  ].join(', ');
}

function isGated(pod: Pod | undefined): boolean {
  return listOf(pod?.spec['schedulingGates']).length > 0;
}

function isSchedulable({ spec }: Pod): boolean {
  return spec.schedulerName === undefined || spec.schedulerName === 'default-scheduler';
}
