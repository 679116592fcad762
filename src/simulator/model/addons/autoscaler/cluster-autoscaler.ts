import { conditionOf, isNodeReady, isTerminating, type Node, type Pod } from '../../kube/kinds.ts';
import type { ResourceDefinition } from '../../kube/resource-definition.ts';
import { Addon, type AddonContext } from '../addon.ts';
import { instanceOf, type NodeGroup, nodeGroups, setDesired, templateOf, terminate } from './node-groups.ts';
import { hasRoom, isDaemonPod, mayRunOn, nodesFor, roomOn, take } from './room.ts';
import { keptBecause, movingPods, type ScaleDownRules, toBeDeleted } from './scale-down.ts';

const agent = 'cluster-autoscaler';
const evictRetryMs = 10_000;
const mostEvictionMs = 120_000;
const mostGraceMs = 600_000;
/** A group whose nodes do not come is left alone for a while. */
const provisionLimitMs = 900_000;
const groupBackoffMs = 300_000;
const mostTold = 1_000;

interface Draining {
  since: number;
  group: string;
}

/** Adds nodes for pods that fit nowhere, and takes away nodes that nobody needs. Nobody asks it to. */
export class ClusterAutoscaler extends Addon {
  readonly name = 'cluster-autoscaler';
  readonly images = ['cluster-autoscaler'];
  readonly #nodes: ResourceDefinition;
  /** Since when a node is not needed, by name. */
  readonly #unneeded = new Map<string, number>();
  readonly #draining = new Map<string, Draining>();
  readonly #waiting = new Map<string, number>();
  readonly #backoff = new Map<string, number>();
  readonly #told = new Map<string, string>();
  #lastScaleUp = Number.NEGATIVE_INFINITY;

  constructor(ctx: AddonContext) {
    super(ctx, 'cluster-autoscaler');
    this.#nodes = ctx.core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
  }

  protected watch(): void {
    this.onChange('pods', (object, type) => {
      const pod = object as Pod;
      // A pod that runs matters only to nodes that are about to go.
      if (type === 'DELETED' || pod.spec.nodeName === undefined || this.#unneeded.size > 0)
        this.enqueue('scan', this.#scanMs());
      return [];
    });
    this.onChange('nodes', () => {
      this.enqueue('scan', this.#scanMs());
      return [];
    });
  }

  protected resync(): void {
    this.enqueue('scan');
  }

  #scanMs(): number {
    return this.#duration('scan-interval', 10_000);
  }

  #duration(flag: string, fallback: number): number {
    const match = /^(\d+)(s|m|h)/.exec(this.flag(flag) ?? '');
    return match ? Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'] : fallback;
  }

  protected sync(): void {
    const groups = nodeGroups(this.ctx.cloud, this.ctx.core.clusterId);
    if (!groups) {
      this.enqueue('scan', this.#scanMs());
      return;
    }
    this.#drainOn();
    const added = this.#scaleUp(groups);
    if (!added) this.#scaleDown(groups);
  }

  /** True while pods wait: nothing is taken away then. */
  #scaleUp(groups: readonly NodeGroup[]): boolean {
    const now = this.ctx.core.clock.now();
    let pods = this.#unschedulable();
    if (pods.length === 0) return false;
    this.enqueue('scan', this.#scanMs());
    pods = this.#afterUpcoming(groups, pods);
    if (pods.length === 0) return true;
    let best: { group: NodeGroup; nodes: number; taken: Pod[] } | undefined;
    for (const group of groups) {
      if ((this.#backoff.get(group.name) ?? 0) > now || group.desired >= group.max) continue;
      const { node } = templateOf(this.ctx.core, group);
      const fresh = roomOn(this.ctx.core, node, true);
      const plan = nodesFor(pods, node, fresh, group.max - group.desired);
      if (plan.taken.length === 0) continue;
      const better =
        !best ||
        plan.taken.length > best.taken.length ||
        (plan.taken.length === best.taken.length && group.desired < best.group.desired);
      if (better) best = { group, ...plan };
    }
    if (!best) {
      const full = groups.filter((group) => group.desired >= group.max).length;
      const why =
        full > 0 ? `${full} max node group size reached` : "node(s) didn't match Pod's node affinity/selector";
      for (const pod of pods) this.#tellOnce(pod, `pod didn't trigger scale-up: ${why}`);
      return true;
    }
    for (const [group, desired] of this.#spread(groups, best)) {
      const refused = setDesired(this.ctx.cloud, group, desired);
      this.leader()?.log(
        `scale-up: ${group.name} ${group.desired}->${desired}${refused === undefined ? '' : ` ${refused}`}`,
      );
      if (refused !== undefined) this.#backoff.set(group.name, now + groupBackoffMs);
      else {
        this.#lastScaleUp = now;
        this.#waiting.set(group.name, now);
        const change = `[{${group.name} ${group.desired}->${desired} (max: ${group.max})}]`;
        for (const pod of best.taken) this.#tell(pod, 'TriggeredScaleUp', `pod triggered scale-up: ${change}`);
      }
    }
    return true;
  }

  /** New nodes over groups of one kind, the smallest first, when zones are to be balanced. */
  #spread(
    groups: readonly NodeGroup[],
    best: { group: NodeGroup; nodes: number; taken: Pod[] },
  ): [NodeGroup, number][] {
    const kin =
      this.flag('balance-similar-node-groups') === 'true'
        ? groups.filter((each) => similar(each, best.group) && best.taken.every((pod) => this.#suits(pod, each)))
        : [];
    const sizes = new Map([best.group, ...kin].map((group) => [group, group.desired]));
    for (let left = best.nodes; left > 0; left--) {
      const open = [...sizes].filter(([group, size]) => size < group.max).sort(([, a], [, b]) => a - b);
      const [next] = open;
      if (!next) break;
      sizes.set(next[0], next[1] + 1);
    }
    return [...sizes].filter(([group, size]) => size > group.desired);
  }

  #tellOnce(pod: Pod, message: string): void {
    if (this.#told.get(pod.metadata.uid) === message) return;
    if (this.#told.size > mostTold) this.#told.clear();
    this.#told.set(pod.metadata.uid, message);
    this.#tell(pod, 'NotTriggerScaleUp', message);
  }

  #suits(pod: Pod, group: NodeGroup): boolean {
    return mayRunOn(pod, templateOf(this.ctx.core, group).node);
  }

  #unschedulable(): Pod[] {
    const found: Pod[] = [];
    for (const pod of this.ctx.core.store.pods.byKey.values()) {
      if (pod.spec.nodeName !== undefined || isTerminating(pod) || isDaemonPod(pod)) continue;
      const condition = conditionOf(pod.status.conditions, 'PodScheduled');
      if (condition?.status === 'False' && condition.reason === 'Unschedulable') found.push(pod);
    }
    return found;
  }

  /** Pods for which nodes are on their way already are none of our business. */
  #afterUpcoming(groups: readonly NodeGroup[], pods: Pod[]): Pod[] {
    const now = this.ctx.core.clock.now();
    let left = pods;
    const ready = new Set<string>();
    for (const node of this.ctx.core.store.typed<Node>('nodes').byKey.values())
      if (isNodeReady(node) && !node.spec.unschedulable) ready.add(instanceOf(node));
    for (const group of groups) {
      const here = group.instances.filter((id) => ready.has(id)).length;
      const upcoming = group.desired - here;
      if (upcoming <= 0) {
        this.#waiting.delete(group.name);
        continue;
      }
      const since = this.#waiting.get(group.name) ?? now;
      this.#waiting.set(group.name, since);
      if (now - since > provisionLimitMs) {
        this.#backoff.set(group.name, now + groupBackoffMs);
        this.#waiting.delete(group.name);
        continue;
      }
      const { node } = templateOf(this.ctx.core, group);
      const taken = new Set(nodesFor(left, node, roomOn(this.ctx.core, node, true), upcoming).taken);
      left = left.filter((pod) => !taken.has(pod));
    }
    return left.filter((pod) => !this.#fitsNow(pod));
  }

  /** There is room by now; the scheduler just has not been there yet. */
  #fitsNow(pod: Pod): boolean {
    for (const node of this.ctx.core.store.typed<Node>('nodes').byKey.values()) {
      if (!isNodeReady(node) || node.spec.unschedulable || node.spec.taints?.some((each) => each.key === toBeDeleted))
        continue;
      const room = roomOn(this.ctx.core, node, false);
      const plain = !pod.spec.affinity?.podAntiAffinity && !pod.spec.topologySpreadConstraints;
      if (plain && mayRunOn(pod, node) && hasRoom(room, pod)) {
        take(room, pod);
        return true;
      }
    }
    return false;
  }

  #tell(about: Pod | Node, reason: string, message: string): void {
    this.ctx.core.events.record('cluster-autoscaler', about, { type: 'Normal', reason, message });
  }

  #scaleDown(groups: readonly NodeGroup[]): void {
    const now = this.ctx.core.clock.now();
    const quietFrom = this.#lastScaleUp + this.#duration('scale-down-delay-after-add', 600_000);
    const patience = this.#duration('scale-down-unneeded-time', 600_000);
    const rules: ScaleDownRules = {
      utilizationThreshold: Number(this.flag('scale-down-utilization-threshold') ?? '0.5'),
      skipLocalStorage: this.flag('skip-nodes-with-local-storage') !== 'false',
      skipSystemPods: this.flag('skip-nodes-with-system-pods') !== 'false',
    };
    const going = new Map<string, number>();
    for (const { group } of this.#draining.values()) going.set(group, (going.get(group) ?? 0) + 1);
    const seen = new Set<string>();
    for (const node of this.all('nodes') as Node[]) {
      const { name } = node.metadata;
      const group = groups.find((each) => each.instances.includes(instanceOf(node)));
      if (!group || this.#draining.has(name) || keptBecause(this.ctx.core, node, rules) !== undefined) continue;
      seen.add(name);
      const since = this.#unneeded.get(name) ?? now;
      this.#unneeded.set(name, since);
      const dueAt = Math.max(since + patience, quietFrom);
      const least = group.min + (going.get(group.name) ?? 0);
      if (group.desired <= least) continue;
      if (dueAt > now) this.enqueue('scan', dueAt - now);
      else if (movingPods(this.ctx.core, node).length === 0 || this.#draining.size === 0) {
        going.set(group.name, (going.get(group.name) ?? 0) + 1);
        this.#drain(node, group);
      }
    }
    for (const name of this.#unneeded.keys()) if (!seen.has(name)) this.#unneeded.delete(name);
  }

  #drain(node: Node, group: NodeGroup): void {
    const now = this.ctx.core.clock.now();
    this.leader()?.log(`scale-down: ${node.metadata.name} of ${group.name}`);
    this.#tell(node, 'ScaleDown', 'marked the node as toBeDeleted/unschedulable');
    const taint = { key: toBeDeleted, value: String(Math.floor(now / 1000)), effect: 'NoSchedule' };
    this.ctx.writer.update(this.#nodes, node, {
      ...node,
      metadata: { ...node.metadata },
      spec: { ...node.spec, taints: [...(node.spec.taints ?? []), taint] },
    });
    this.#draining.set(node.metadata.name, { since: now, group: group.name });
    this.#unneeded.delete(node.metadata.name);
    this.#drainOn();
  }

  /** Evicts what is left within its budgets, gives up after a while, and ends the machine once it is empty. */
  #drainOn(): void {
    const now = this.ctx.core.clock.now();
    for (const [name, { since }] of [...this.#draining]) {
      const node = this.ctx.core.store.typed<Node>('nodes').get(undefined, name);
      if (!node) {
        this.#draining.delete(name);
        continue;
      }
      const moving = movingPods(this.ctx.core, node);
      const leaving = [...this.ctx.core.store.podsOn(name).values()].some(
        (pod) => isTerminating(pod) && !isDaemonPod(pod),
      );
      if (moving.length === 0 && (!leaving || now - since > mostGraceMs)) {
        const refused = terminate(this.ctx.cloud, instanceOf(node));
        if (refused === undefined) this.#draining.delete(name);
        else this.#giveUp(node, refused);
      } else if (moving.length > 0 && now - since > mostEvictionMs)
        this.#giveUp(node, `${moving.length} pods could not be evicted`);
      else {
        for (const pod of moving) this.#evict(pod);
        this.enqueue('scan', evictRetryMs);
      }
    }
  }

  #evict(pod: Pod): void {
    const { namespace = '', name, uid } = pod.metadata;
    this.ctx.api({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
      query: new URLSearchParams(),
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid } },
      },
      userAgent: agent,
    });
  }

  #giveUp(node: Node, why: string): void {
    this.leader()?.log(`scale-down of ${node.metadata.name} given up: ${why}`);
    this.#draining.delete(node.metadata.name);
    const taints = (node.spec.taints ?? []).filter((taint) => taint.key !== toBeDeleted);
    this.ctx.writer.update(this.#nodes, node, {
      ...node,
      metadata: { ...node.metadata },
      spec: { ...node.spec, taints },
    });
  }
}

/** Same size, other zones. */
function similar(a: NodeGroup, b: NodeGroup): boolean {
  const pool = (group: NodeGroup): string => (group.tags.get('NodePool') ?? '').replace(/-[a-f]$/, '');
  return a !== b && a.instanceType === b.instanceType && a.zones.join() !== b.zones.join() && pool(a) === pool(b);
}
