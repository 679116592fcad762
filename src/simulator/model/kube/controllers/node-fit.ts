import type { ClusterCore } from '../cluster-core.ts';
import {
  type Container,
  isPodFinished,
  isSidecar,
  isTerminating,
  type Node,
  type NodeSelectorTerm,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type PodAffinityTerm,
  type PodSpec,
  type Taint,
  type Toleration,
  type TopologySpread,
} from '../kinds.ts';
import { keyOf } from '../object.ts';
import { parseQuantity } from '../quantity.ts';
import { expressionMatcher, selectorMatcher } from '../selectors.ts';
import { claimNames } from '../volume-driver.ts';

export interface Amounts {
  cpu: number;
  memory: number;
}

const requests = new WeakMap<object, Amounts>();

/** What a pod asks for: all that runs at once, in the worst moment: sidecars count from their start on, init containers one by one. */
export function requestsOf(spec: PodSpec): Amounts {
  let amounts = requests.get(spec.containers);
  if (!amounts) {
    const sidecars = { cpu: 0, memory: 0 };
    const most = { cpu: 0, memory: 0 };
    for (const container of spec.initContainers ?? []) {
      const own = amountsOf(container);
      for (const name of ['cpu', 'memory'] as const) most[name] = Math.max(most[name], sidecars[name] + own[name]);
      if (isSidecar(container)) add(sidecars, own);
    }
    const together = sidecars;
    for (const container of spec.containers) add(together, amountsOf(container));
    amounts = { cpu: Math.max(most.cpu, together.cpu), memory: Math.max(most.memory, together.memory) };
    requests.set(spec.containers, amounts);
  }
  return amounts;
}

const rooms = new WeakMap<object, Amounts & { pods: number }>();
const noRoom = {};

/** What a node has for pods. */
function roomOf(node: Node): Amounts & { pods: number } {
  const allocatable = node.status.allocatable ?? noRoom;
  let room = rooms.get(allocatable);
  if (!room) {
    const amount = (name: string): number => parseQuantity((allocatable as Record<string, string>)[name]) ?? 0;
    room = { cpu: amount('cpu'), memory: amount('memory'), pods: amount('pods') };
    rooms.set(allocatable, room);
  }
  return room;
}

function amountsOf({ resources }: Container): Amounts {
  const { cpu, memory } = resources?.requests ?? {};
  return { cpu: parseQuantity(cpu) ?? 0, memory: parseQuantity(memory) ?? 0 };
}

function add(sum: Amounts, more: Amounts): void {
  sum.cpu += more.cpu;
  sum.memory += more.memory;
}

export function toleratesTaint(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((each) => {
    if (each.effect && each.effect !== taint.effect) return false;
    if (each.key && each.key !== taint.key) return false;
    if (!each.key && each.operator !== 'Exists') return false;
    return each.operator === 'Exists' || (each.value ?? '') === (taint.value ?? '');
  });
}

/** The first taint that keeps the pod off the node. */
export function untoleratedTaint(
  spec: PodSpec,
  node: Node,
  effects: readonly string[] = ['NoSchedule', 'NoExecute'],
): Taint | undefined {
  return node.spec.taints?.find((taint) => effects.includes(taint.effect) && !toleratesTaint(spec.tolerations, taint));
}

function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions, matchFields } = term;
  if (!matchExpressions?.length && !matchFields?.length) return false;
  if (matchFields?.length && !expressionMatcher(matchFields)({ 'metadata.name': node.metadata.name })) return false;
  return !matchExpressions?.length || expressionMatcher(matchExpressions)(node.metadata.labels);
}

export function matchesTerms(terms: readonly NodeSelectorTerm[] | undefined, node: Node): boolean {
  return terms === undefined || terms.some((term) => termMatches(term, node));
}

/** nodeSelector and required node affinity. */
export function matchesNodeSelection(spec: PodSpec, node: Node): boolean {
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {}))
    if (node.metadata.labels?.[key] !== value) return false;
  return matchesTerms(
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    node,
  );
}

function counts(pod: Pod): boolean {
  return !isPodFinished(pod);
}

/** Free room and rules of one cluster's nodes, asked for one pod after another. */
export class NodeFit {
  readonly #core: ClusterCore;
  readonly #used = new Map<string, Amounts & { pods: number }>();
  /** Pods that will go to a node once their volumes are bound: they count there already. By key. */
  readonly #assumed = new Map<string, { node: string; pod: Pod }>();

  constructor(core: ClusterCore) {
    this.#core = core;
    core.store.onChange('pods', (change) => {
      const before = (change.type === 'ADDED' ? undefined : change.old) as Pod | undefined;
      const after = (change.type === 'DELETED' ? undefined : change.object) as Pod | undefined;
      const wasOn = before && counts(before) ? before.spec.nodeName : undefined;
      const isOn = after && counts(after) ? after.spec.nodeName : undefined;
      if (wasOn === isOn) return;
      if (wasOn !== undefined) this.#account(wasOn, before as Pod, -1);
      if (isOn !== undefined) this.#account(isOn, after as Pod, 1);
    });
    core.store.onRestored(() => {
      for (const pod of core.store.pods.byKey.values())
        if (pod.spec.nodeName !== undefined && counts(pod)) this.#account(pod.spec.nodeName, pod, 1);
    });
  }

  #account(node: string, pod: Pod, sign: 1 | -1): void {
    const used = this.#used.get(node) ?? { cpu: 0, memory: 0, pods: 0 };
    const { cpu, memory } = requestsOf(pod.spec);
    used.cpu += sign * cpu;
    used.memory += sign * memory;
    used.pods += sign;
    if (used.pods === 0) this.#used.delete(node);
    else this.#used.set(node, used);
  }

  /** The pod has its place on the node, and is not there yet. */
  assume(pod: Pod, node: string): void {
    this.forget(keyOf(pod));
    this.#assumed.set(keyOf(pod), { node, pod });
    this.#account(node, pod, 1);
  }

  /** The pod of this key has no place on a node, or is there now. */
  forget(key: string): void {
    const before = this.#assumed.get(key);
    if (!before) return;
    this.#assumed.delete(key);
    this.#account(before.node, before.pod, -1);
  }

  *#podsAt(node: string): Iterable<Pod> {
    yield* this.#core.store.podsOn(node).values();
    for (const assumed of this.#assumed.values()) if (assumed.node === node) yield assumed.pod;
  }

  /** Free share of the node after this pod, 0…1, the lesser of CPU and memory. */
  freeShare(spec: PodSpec, node: Node): number {
    const used = this.#used.get(node.metadata.name) ?? { cpu: 0, memory: 0, pods: 0 };
    const wanted = requestsOf(spec);
    const { cpu, memory } = roomOf(node);
    return Math.min(
      1 - (used.cpu + wanted.cpu) / Math.max(cpu, 1e-9),
      1 - (used.memory + wanted.memory) / Math.max(memory, 1e-9),
    );
  }

  /** Undefined when the pod may run there, else the scheduler's reason. */
  obstacle(pod: Pod, node: Node): string | undefined {
    const { spec } = pod;
    if (
      node.spec.unschedulable &&
      !toleratesTaint(spec.tolerations, { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' })
    ) {
      return 'node(s) were unschedulable';
    }
    const taint = untoleratedTaint(spec, node);
    if (taint) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
    if (!matchesNodeSelection(spec, node)) return "node(s) didn't match Pod's node affinity/selector";
    return (
      this.#resourceObstacle(pod, node) ??
      this.#portObstacle(pod, node) ??
      this.#volumeObstacle(pod, node) ??
      this.#neighbourObstacle(pod, node) ??
      this.#spreadObstacle(pod, node)
    );
  }

  #resourceObstacle(pod: Pod, node: Node): string | undefined {
    const used = this.#used.get(node.metadata.name) ?? { cpu: 0, memory: 0, pods: 0 };
    const wanted = requestsOf(pod.spec);
    const room = roomOf(node);
    if (used.pods + 1 > room.pods) return 'Too many pods';
    if (wanted.cpu > 0 && used.cpu + wanted.cpu > room.cpu + 1e-9) return 'Insufficient cpu';
    if (wanted.memory > 0 && used.memory + wanted.memory > room.memory) return 'Insufficient memory';
    return undefined;
  }

  #portObstacle(pod: Pod, node: Node): string | undefined {
    const wanted = hostPorts(pod);
    if (wanted.length === 0) return undefined;
    for (const other of this.#podsAt(node.metadata.name)) {
      if (counts(other) && hostPorts(other).some((port) => wanted.includes(port)))
        return "node(s) didn't have free ports for the requested pod ports";
    }
    return undefined;
  }

  #volumeObstacle(pod: Pod, node: Node): string | undefined {
    for (const volume of pod.spec.volumes ?? []) {
      const name = volume.persistentVolumeClaim?.claimName;
      if (name === undefined) continue;
      const claim = this.#core.store
        .typed<PersistentVolumeClaim>('persistentvolumeclaims')
        .get(pod.metadata.namespace, name);
      if (claim?.spec.volumeName === undefined) continue;
      const bound = this.#core.store.typed<PersistentVolume>('persistentvolumes').get(undefined, claim.spec.volumeName);
      if (!matchesTerms(bound?.spec.nodeAffinity?.required?.nodeSelectorTerms, node))
        return 'node(s) had volume node affinity conflict';
    }
    return this.#attachObstacle(pod, node);
  }

  /** A claim that several pods of the node share is attached once. */
  #attachObstacle(pod: Pod, node: Node): string | undefined {
    const { attachLimit } = this.#core.faults;
    const wanted = claimNames(pod);
    if (wanted.length === 0 || attachLimit === Number.POSITIVE_INFINITY) return undefined;
    const attached = new Set(wanted.map((claim) => `${pod.metadata.namespace}/${claim}`));
    for (const other of this.#podsAt(node.metadata.name)) {
      if (!counts(other)) continue;
      for (const claim of claimNames(other)) attached.add(`${other.metadata.namespace}/${claim}`);
    }
    return attached.size > attachLimit ? 'node(s) exceed max volume count' : undefined;
  }

  #neighbourObstacle(pod: Pod, node: Node): string | undefined {
    const affinity = pod.spec.affinity;
    for (const term of affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      if (this.#hasMatch(pod, node, term)) return "node(s) didn't match pod anti-affinity rules";
    }
    for (const term of affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
      const own = selectorMatcher(term.labelSelector)(pod.metadata.labels) && !this.#anywhere(pod, term);
      if (!own && !this.#hasMatch(pod, node, term)) return "node(s) didn't match pod affinity rules";
    }
    // Pods that are there already may refuse this one as a neighbour.
    for (const other of this.#podsAt(node.metadata.name)) {
      for (const term of other.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []) {
        const namespaces = term.namespaces ?? [other.metadata.namespace ?? ''];
        const about =
          namespaces.includes(pod.metadata.namespace ?? '') && selectorMatcher(term.labelSelector)(pod.metadata.labels);
        if (about && counts(other)) return "node(s) didn't satisfy existing pods anti-affinity rules";
      }
    }
    return undefined;
  }

  /** How much the pod would rather run there: the weights of what it prefers and finds, less those of what it avoids and finds. */
  preference(pod: Pod, node: Node): number {
    const { affinity } = pod.spec;
    if (affinity === undefined) return 0;
    let sum = 0;
    for (const { weight, preference } of affinity.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      if (termMatches(preference, node)) sum += weight;
    for (const { weight, podAffinityTerm } of affinity.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ??
      [])
      if (this.#hasMatch(pod, node, podAffinityTerm)) sum += weight;
    for (const { weight, podAffinityTerm } of affinity.podAntiAffinity
      ?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      if (this.#hasMatch(pod, node, podAffinityTerm)) sum -= weight;
    return sum;
  }

  #domain(node: Node, topologyKey: string): Node[] {
    const value = node.metadata.labels?.[topologyKey];
    if (value === undefined) return [];
    if (topologyKey === 'kubernetes.io/hostname') return [node];
    return [...this.#core.store.typed<Node>('nodes').byKey.values()].filter(
      (each) => each.metadata.labels?.[topologyKey] === value,
    );
  }

  #hasMatch(pod: Pod, node: Node, term: PodAffinityTerm): boolean {
    const matches = selectorMatcher(term.labelSelector);
    const namespaces = term.namespaces ?? [pod.metadata.namespace ?? ''];
    return this.#domain(node, term.topologyKey).some((each) => {
      for (const other of this.#podsAt(each.metadata.name)) {
        if (counts(other) && namespaces.includes(other.metadata.namespace ?? '') && matches(other.metadata.labels))
          return true;
      }
      return false;
    });
  }

  #anywhere(pod: Pod, term: PodAffinityTerm): boolean {
    const matches = selectorMatcher(term.labelSelector);
    const namespaces = term.namespaces ?? [pod.metadata.namespace ?? ''];
    return namespaces.some((namespace) =>
      [...this.#core.store.pods.inNamespace(namespace).values()].some(
        (other) => other.spec.nodeName !== undefined && counts(other) && matches(other.metadata.labels),
      ),
    );
  }

  #spreadObstacle(pod: Pod, node: Node): string | undefined {
    for (const spread of pod.spec.topologySpreadConstraints ?? []) {
      if (spread.whenUnsatisfiable !== 'DoNotSchedule') continue;
      const own = node.metadata.labels?.[spread.topologyKey];
      if (own === undefined) return "node(s) didn't match pod topology spread constraints (missing required label)";
      const totals = this.#spreadTotals(pod, spread);
      const least = (spread.minDomains ?? 1) > totals.size ? 0 : Math.min(...totals.values());
      const self = selectorMatcher(spread.labelSelector)(pod.metadata.labels) ? 1 : 0;
      if ((totals.get(own) ?? 0) + self - least > spread.maxSkew)
        return "node(s) didn't match pod topology spread constraints";
    }
    return undefined;
  }

  /** By how much the pod would rather not run there for the spread that it asks for, without insisting: its excess over the emptiest place. */
  crowding(pod: Pod, node: Node): number {
    let sum = 0;
    for (const spread of pod.spec.topologySpreadConstraints ?? []) {
      if (spread.whenUnsatisfiable !== 'ScheduleAnyway') continue;
      const own = node.metadata.labels?.[spread.topologyKey];
      const totals = this.#spreadTotals(pod, spread);
      if (own === undefined) sum += Math.max(0, ...totals.values()) + 1;
      else sum += Math.max(0, (totals.get(own) ?? 0) - Math.min(...totals.values()));
    }
    return sum;
  }

  /** Pods that the constraint counts, by the value of its key. */
  #spreadTotals(pod: Pod, spread: TopologySpread): Map<string, number> {
    const totals = new Map<string, number>();
    const matches = selectorMatcher(spread.labelSelector);
    for (const each of this.#core.store.typed<Node>('nodes').byKey.values()) {
      const value = each.metadata.labels?.[spread.topologyKey];
      if (value === undefined || !matchesNodeSelection(pod.spec, each)) continue;
      let here = totals.get(value) ?? 0;
      for (const other of this.#podsAt(each.metadata.name)) {
        if (
          other.metadata.namespace === pod.metadata.namespace &&
          counts(other) &&
          !isTerminating(other) &&
          matches(other.metadata.labels)
        )
          here += 1;
      }
      totals.set(value, here);
    }
    return totals;
  }
}

function hostPorts(pod: Pod): number[] {
  const ports: number[] = [];
  for (const container of pod.spec.containers) {
    for (const port of container.ports ?? []) if (port.hostPort) ports.push(port.hostPort);
  }
  return ports;
}
