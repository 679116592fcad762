import type { Timer } from '../../../../support/clock.ts';
import type { ClusterCore } from '../cluster-core.ts';
import { requestDeletion } from '../deletion.ts';
import {
  conditionOf,
  isNodeReady,
  isPodFinished,
  isPodReady,
  isTerminating,
  mirrorAnnotation,
  type Node,
  notReadyTaint,
  type Pod,
  type Taint,
  unreachableTaint,
  unschedulableTaint,
  withCondition,
} from '../kinds.ts';
import type { NodeManager } from '../node-manager.ts';
import { controllerOf, keyOf, sameJson, stamp } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import { seededLag, WorkQueue } from '../work-queue.ts';
import { toleratesTaint } from './node-fit.ts';

const gracePeriodMs = 40_000;
const managed = [notReadyTaint, unreachableTaint, unschedulableTaint];

/** Taints nodes by their state, gives up on silent ones, evicts pods that do not tolerate it, and clears up after removed nodes. */
export class NodeLifecycleController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #machines: NodeManager;
  readonly #nodes: ResourceDefinition;
  readonly #pods: ResourceDefinition;
  readonly #queue: WorkQueue;
  readonly #evictions = new Map<string, Timer>();

  constructor(core: ClusterCore, writer: ObjectWriter, machines: NodeManager) {
    this.#core = core;
    this.#writer = writer;
    this.#machines = machines;
    this.#nodes = core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
    const lag = seededLag(core, 'nodes', [20, 150]);
    this.#queue = new WorkQueue(core, 'node-lifecycle-controller', lag, (name) => this.#sync(name));
    core.store.onChange('nodes', ({ object, old, type }) => {
      this.#report(object as Node, old as Node | undefined, type);
      if (type === 'DELETED') this.#collectPods(object as Node);
      else this.#queue.add(object.metadata.name);
    });
    core.store.onChange('pods', ({ object, old }) => {
      const pod = object as Pod;
      if (pod.spec.nodeName !== undefined && (old as Pod | undefined)?.spec.nodeName === undefined)
        this.#watchTolerance(pod);
    });
    machines.onSilent = (name, lastHeartbeat) => {
      core.clock.at(lastHeartbeat + gracePeriodMs + 1_000, () =>
        core.as({ kind: 'world', name: 'node-lifecycle-controller' }, () => this.#giveUp(name)),
      );
    };
  }

  #report(node: Node, old: Node | undefined, type: string): void {
    const instanceId = node.spec.providerID?.split('/').at(-1) ?? '';
    const base = { node: node.metadata.name, instanceId };
    if (type === 'DELETED') this.#core.emit({ kind: 'node-removed', ...base });
    else if (!old) this.#core.emit({ kind: 'node-added', ...base });
    this.#say(node, old, type);
    const cordoned = node.spec.unschedulable === true;
    if (type !== 'DELETED' && cordoned !== (old?.spec.unschedulable === true)) {
      this.#core.emit({ kind: cordoned ? 'node-cordoned' : 'node-uncordoned', ...base });
    }
    const ready = type !== 'DELETED' && isNodeReady(node);
    if (ready !== (old !== undefined && isNodeReady(old)))
      this.#core.emit({ kind: ready ? 'node-ready' : 'node-not-ready', ...base });
  }

  #say(node: Node, old: Node | undefined, type: string): void {
    const { name } = node.metadata;
    const controller = 'node-controller';
    const say = (component: string, reason: string, message: string): void =>
      this.#core.events.record(
        component,
        node,
        { type: 'Normal', reason, message },
        component === controller ? undefined : name,
      );
    if (type === 'DELETED')
      say(controller, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
    else if (!old) say(controller, 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
    if (type === 'DELETED' || !old) return;
    if (isNodeReady(node) !== isNodeReady(old)) {
      const unknown = conditionOf(node.status.conditions, 'Ready')?.status === 'Unknown';
      const reason = isNodeReady(node) ? 'NodeReady' : 'NodeNotReady';
      say(unknown ? controller : 'kubelet', reason, `Node ${name} status is now: ${reason}`);
    }
    if ((node.spec.unschedulable === true) !== (old.spec.unschedulable === true)) {
      const reason = node.spec.unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable';
      say('kubelet', reason, `Node ${name} status is now: ${reason}`);
    }
  }

  #sync(name: string): void {
    const node = this.#core.store.typed<Node>('nodes').get(undefined, name);
    if (!node) return;
    const taints = this.#wantedTaints(node);
    if (!sameJson(taints, node.spec.taints ?? [])) {
      const { taints: _, ...rest } = node.spec;
      this.#writer.update(this.#nodes, node, {
        ...node,
        metadata: { ...node.metadata },
        spec: taints.length > 0 ? { ...rest, taints } : rest,
      });
    }
    for (const pod of this.#core.store.podsOn(name).values()) this.#watchTolerance(pod);
  }

  #wantedTaints(node: Node): Taint[] {
    const ready = conditionOf(node.status.conditions, 'Ready')?.status;
    const wanted: Taint[] = [];
    if (node.spec.unschedulable) wanted.push({ key: unschedulableTaint, effect: 'NoSchedule' });
    if (ready === undefined || ready === 'False') wanted.push({ key: notReadyTaint, effect: 'NoSchedule' });
    if (ready === 'False') wanted.push({ key: notReadyTaint, effect: 'NoExecute' });
    if (ready === 'Unknown')
      wanted.push({ key: unreachableTaint, effect: 'NoSchedule' }, { key: unreachableTaint, effect: 'NoExecute' });
    const old = node.spec.taints ?? [];
    const kept = old.filter(
      (taint) =>
        !managed.includes(taint.key) || wanted.some((each) => each.key === taint.key && each.effect === taint.effect),
    );
    const now = stamp(this.#core.clock.now());
    const added = wanted.filter(
      (taint) => !kept.some((each) => each.key === taint.key && each.effect === taint.effect),
    );
    return [...kept, ...added.map((taint) => ({ ...taint, timeAdded: now }))];
  }

  /** No heartbeat for the grace period: the node is unknown, and its pods are not ready. */
  #giveUp(name: string): void {
    const node = this.#core.store.typed<Node>('nodes').get(undefined, name);
    if (!node || this.#machines.isAlive(name)) return;
    const now = stamp(this.#core.clock.now());
    let conditions = node.status.conditions;
    for (const { type } of node.status.conditions ?? []) {
      const unknown = {
        type,
        status: 'Unknown' as const,
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
      };
      const heartbeat = conditionOf(node.status.conditions, type)?.lastHeartbeatTime;
      conditions = withCondition(
        conditions,
        heartbeat === undefined ? unknown : { ...unknown, lastHeartbeatTime: heartbeat },
        now,
      );
    }
    this.#writer.setStatus(this.#nodes, node, { ...node.status, ...(conditions ? { conditions } : {}) });
    for (const pod of [...this.#core.store.podsOn(name).values()]) {
      if (!isPodReady(pod)) continue;
      const notReady = withCondition(
        pod.status.conditions,
        { type: 'Ready', status: 'False', reason: 'NodeNotReady' },
        now,
      );
      this.#writer.setStatus(this.#pods, pod, { ...pod.status, conditions: notReady });
    }
  }

  /** Plans the eviction of a pod that does not tolerate its node's NoExecute taints for ever. */
  #watchTolerance(pod: Pod): void {
    const { uid } = pod.metadata;
    const deadline = this.#deadline(pod);
    this.#evictions.get(uid)?.cancel();
    this.#evictions.delete(uid);
    if (deadline === undefined) return;
    const timer = this.#core.clock.at(Math.max(deadline, this.#core.clock.now() + 50), () => {
      this.#evictions.delete(uid);
      const now = this.#core.store.byUid(uid) as Pod | undefined;
      const due = now && this.#deadline(now);
      if (!now || due === undefined || due > this.#core.clock.now()) return;
      const message = `Marking for deletion Pod ${keyOf(now)}`;
      const text = { type: 'Normal', reason: 'TaintManagerEviction', message } as const;
      this.#core.events.record('taint-eviction-controller', now, text);
      this.#core.as({ kind: 'world', name: 'taint-eviction-controller' }, () =>
        requestDeletion(this.#core, this.#writer, this.#pods, now, {}),
      );
    });
    this.#evictions.set(uid, timer);
  }

  #deadline(pod: Pod): number | undefined {
    if (isTerminating(pod) || isPodFinished(pod) || pod.metadata.annotations?.[mirrorAnnotation] !== undefined)
      return undefined;
    const node = this.#core.store.typed<Node>('nodes').get(undefined, pod.spec.nodeName ?? '');
    const taints = (node?.spec.taints ?? []).filter((taint) => taint.effect === 'NoExecute');
    if (taints.length === 0) return undefined;
    let deadline: number | undefined;
    for (const taint of taints) {
      const tolerating = (pod.spec.tolerations ?? []).filter((each) => toleratesTaint([each], taint));
      const since = taint.timeAdded ? Date.parse(taint.timeAdded) : this.#core.clock.now();
      if (tolerating.length === 0) return this.#core.clock.now();
      const limits = tolerating.flatMap((each) =>
        each.tolerationSeconds === undefined ? [] : [each.tolerationSeconds],
      );
      if (limits.length < tolerating.length) continue;
      const until = since + Math.min(...limits) * 1000;
      deadline = deadline === undefined ? until : Math.min(deadline, until);
    }
    return deadline;
  }

  /** Pods of a node that is no more: quickly when the machine is gone too, else after the collector's next look. */
  #collectPods(node: Node): void {
    const name = node.metadata.name;
    const random = this.#core.random.fork(`podgc/${node.metadata.uid}`);
    const delay = this.#machines.isAlive(name) ? 8_000 + random.int(32_000) : 300 + random.int(2_500);
    this.#core.clock.at(this.#core.clock.now() + delay, () => {
      if (this.#core.store.typed<Node>('nodes').get(undefined, name)) return;
      this.#core.as({ kind: 'world', name: 'pod-garbage-collector' }, () => {
        for (const pod of [...this.#core.store.podsOn(name).values()]) this.#collect(pod);
      });
    });
  }

  #collect(pod: Pod): void {
    if (controllerOf(pod)?.kind === 'Node' || pod.metadata.finalizers === undefined) {
      this.#writer.remove(this.#pods, pod);
      return;
    }
    const failed = isPodFinished(pod)
      ? pod
      : this.#writer.setStatus(this.#pods, pod, { ...pod.status, phase: 'Failed', reason: 'NodeLost' });
    requestDeletion(this.#core, this.#writer, this.#pods, failed, { gracePeriodSeconds: 0 });
  }
}
