import type { ClusterCore } from '../cluster-core.ts';
import {
  type DaemonSet,
  isPodFinished,
  isPodReady,
  isTerminating,
  type Node,
  type Pod,
  type PodSpec,
  type Toleration,
} from '../kinds.ts';
import { keyOf, sameJson } from '../object.ts';
import type { ObjectWriter } from '../object-writer.ts';
import { podSpecOf } from '../pod-admission.ts';
import { scaledValue } from '../quantity.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { WorkQueue } from '../work-queue.ts';
import { ControllerRevisions, revisionLabel } from './controller-revisions.ts';
import { matchesNodeSelection, untoleratedTaint } from './node-fit.ts';
import { templateHash, type WorkloadPods } from './workload-pods.ts';
import { workloadQueue } from './workload-queue.ts';

const daemonTolerations: Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
};

const specs = new WeakMap<PodSpec, PodSpec>();

/** The template's spec with what every daemon tolerates. */
function daemonSpec(shared: PodSpec): PodSpec {
  let spec = specs.get(shared);
  if (!spec) {
    const own = (shared.tolerations ?? []).filter((each) => each.tolerationSeconds === undefined);
    const extra = shared.hostNetwork ? [...daemonTolerations, hostNetworkToleration] : daemonTolerations;
    spec = { ...shared, tolerations: [...own, ...extra] };
    specs.set(shared, spec);
  }
  return spec;
}

const nobody: Pod[] = [];

/** One pod of each DaemonSet on every node that it fits. */
export class DaemonSetController {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #pods: WorkloadPods;
  readonly #revisions: ControllerRevisions;
  readonly #definition: ResourceDefinition;
  readonly #queue: WorkQueue;

  constructor(core: ClusterCore, writer: ObjectWriter, pods: WorkloadPods) {
    this.#core = core;
    this.#writer = writer;
    this.#pods = pods;
    this.#revisions = new ControllerRevisions(core, writer, pods);
    this.#definition = core.resources.find('apps', 'v1', 'daemonsets') as ResourceDefinition;
    this.#queue = workloadQueue<DaemonSet>(pods, this.#definition, (set) => this.#sync(set));
    core.store.onChange('nodes', ({ object, old, type }) => {
      const node = object as Node;
      const before = old as Node | undefined;
      const matters =
        type !== 'MODIFIED' ||
        !before ||
        node.metadata.labels !== before.metadata.labels ||
        !sameJson(node.spec.taints, before.spec.taints);
      if (matters) for (const set of core.store.table(this.#definition.key).byKey.values()) this.#queue.add(keyOf(set));
    });
  }

  #sync(set: DaemonSet): void {
    const hash = templateHash(set.spec.template);
    if (!isTerminating(set)) {
      this.#revisions.keep(set, hash);
      this.#manage(set, hash);
    }
    this.#updateStatus(set.metadata.uid, hash);
  }

  #nodes(): IterableIterator<Node> {
    return this.#core.store.typed<Node>('nodes').byKey.values();
  }

  #spec(set: DaemonSet): PodSpec {
    return daemonSpec(podSpecOf(this.#core, set.spec.template));
  }

  /** By node name; a pod that is not assigned yet counts for the node that its affinity names. */
  #byNode(set: DaemonSet): Map<string, Pod[]> {
    const byNode = new Map<string, Pod[]>();
    for (const pod of this.#pods.ownedBy(set)) {
      const name = pod.spec.nodeName ?? targetNode(pod) ?? '';
      const list = byNode.get(name);
      if (list) list.push(pod);
      else byNode.set(name, [pod]);
    }
    return byNode;
  }

  #manage(set: DaemonSet, hash: string): void {
    const spec = this.#spec(set);
    const nodes = this.#core.store.typed<Node>('nodes');
    const byNode = this.#byNode(set);
    for (const node of this.#nodes()) {
      const pods = byNode.get(node.metadata.name) ?? nobody;
      const live = pods.some(isTerminating) ? pods.filter((pod) => !isTerminating(pod)) : pods;
      const fits = matchesNodeSelection(spec, node);
      if (fits && untoleratedTaint(spec, node) === undefined) {
        for (const pod of live) if (isPodFinished(pod)) this.#pods.delete(pod);
        // A pod that is going blocks its successor: there is one daemon a node.
        if (pods.length === 0) this.#create(set, spec, node.metadata.name, hash);
        if (live.length > 1) for (const pod of live.slice(1)) this.#pods.delete(pod);
      } else if (!fits || untoleratedTaint(spec, node, ['NoExecute']) !== undefined) {
        for (const pod of live) this.#pods.delete(pod);
      }
    }
    for (const [name, pods] of byNode) {
      if (!nodes.get(undefined, name))
        for (const pod of pods) if (!isTerminating(pod) && pod.spec.nodeName === undefined) this.#pods.delete(pod);
    }
    if (set.spec.updateStrategy.type !== 'OnDelete') this.#roll(set, hash);
  }

  #roll(set: DaemonSet, hash: string): void {
    const owned = this.#pods.ownedBy(set);
    const old = owned.filter((pod) => !isTerminating(pod) && pod.metadata.labels?.[revisionLabel] !== hash);
    if (old.length === 0) return;
    const spec = this.#spec(set);
    const desired = [...this.#nodes()].filter((node) => wants(spec, node)).length;
    const limit = Math.max(
      1,
      scaledValue(set.spec.updateStrategy.rollingUpdate?.maxUnavailable ?? 1, desired, 'up') ?? 1,
    );
    const available = owned.filter((pod) => !isTerminating(pod) && isPodReady(pod)).length;
    // Old pods that serve nobody cost nothing.
    for (const pod of old) if (!isPodReady(pod)) this.#pods.delete(pod);
    let room = limit - (desired - available);
    for (const pod of old) {
      if (room <= 0) break;
      if (!isPodReady(pod)) continue;
      this.#pods.delete(pod);
      room -= 1;
    }
  }

  #create(set: DaemonSet, spec: PodSpec, node: string, hash: string): void {
    const generateName = `${set.metadata.name}-`;
    this.#pods.create({
      name: this.#pods.freshName(set.metadata.namespace as string, generateName),
      generateName,
      owner: set,
      template: set.spec.template,
      labels: { [revisionLabel]: hash, 'pod-template-generation': String(set.metadata.generation ?? 1) },
      spec: {
        ...spec,
        affinity: {
          ...spec.affinity,
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
            },
          },
        },
      },
    });
  }

  #updateStatus(uid: string, hash: string): void {
    const set = this.#core.store.byUid(uid) as DaemonSet | undefined;
    if (!set) return;
    const byNode = this.#byNode(set);
    const spec = this.#spec(set);
    const minReady = set.spec.minReadySeconds ?? 0;
    const count = { desired: 0, current: 0, ready: 0, available: 0, updated: 0, misscheduled: 0 };
    for (const node of this.#nodes()) {
      const pod = byNode.get(node.metadata.name)?.find((each) => !isTerminating(each));
      if (!wants(spec, node)) {
        if (pod) count.misscheduled += 1;
        continue;
      }
      count.desired += 1;
      if (!pod) continue;
      count.current += 1;
      if (pod.metadata.labels?.[revisionLabel] === hash) count.updated += 1;
      if (!isPodReady(pod)) continue;
      count.ready += 1;
      if (this.#pods.isAvailable(pod, minReady)) count.available += 1;
      else this.#queue.addAt(keyOf(set), (this.#pods.availableAt(pod, minReady) ?? 0) + 1);
    }
    const unavailable = count.desired - count.available;
    this.#writer.setStatus(this.#definition, set, {
      currentNumberScheduled: count.current,
      numberMisscheduled: count.misscheduled,
      desiredNumberScheduled: count.desired,
      numberReady: count.ready,
      observedGeneration: set.metadata.generation ?? 1,
      ...(count.updated > 0 ? { updatedNumberScheduled: count.updated } : {}),
      ...(count.available > 0 ? { numberAvailable: count.available } : {}),
      ...(unavailable > 0 ? { numberUnavailable: unavailable } : {}),
    });
  }
}

function wants(spec: PodSpec, node: Node): boolean {
  return matchesNodeSelection(spec, node) && untoleratedTaint(spec, node) === undefined;
}

function targetNode(pod: Pod): string | undefined {
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms?.[0]?.matchFields?.[0]?.values?.[0];
}
