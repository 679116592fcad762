import type { ClusterCore } from './cluster-core.ts';
import { conditionOf, isPodFinished, isPodReady, type Node, type Pod, withCondition } from './kinds.ts';
import { stamp } from './object.ts';
import type { ObjectWriter } from './object-writer.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { livingNodesOf } from './truth.ts';

/** A kubelet that says it is not healthy, and recovers: what a flapping node looks like to everybody else. */
export class KubeletHealth {
  readonly #core: ClusterCore;
  readonly #writer: ObjectWriter;
  readonly #nodes: ResourceDefinition;
  readonly #pods: ResourceDefinition;
  /** Uids of the pods that were ready when their node fell ill, by node. */
  readonly #ill = new Map<string, Set<string>>();

  constructor(core: ClusterCore, writer: ObjectWriter) {
    this.#core = core;
    this.#writer = writer;
    this.#nodes = core.resources.find('', 'v1', 'nodes') as ResourceDefinition;
    this.#pods = core.resources.find('', 'v1', 'pods') as ResourceDefinition;
  }

  get allWell(): boolean {
    return this.#ill.size === 0;
  }

  /** The node reports NotReady, and its pods are not ready. False when there is no such node, or it is ill already. */
  fallIll(nodeName: string): boolean {
    const node = this.#node(nodeName);
    if (!node || this.#ill.has(nodeName) || !livingNodesOf(this.#core).has(nodeName)) return false;
    const ready = [...this.#core.store.podsOn(nodeName).values()].filter((pod) => isPodReady(pod));
    this.#ill.set(nodeName, new Set(ready.map((pod) => pod.metadata.uid)));
    this.#core.as({ kind: 'world', name: 'kubelet' }, () => {
      this.#setNode(node, 'False', 'KubeletNotReady', 'PLEG is not healthy: pleg was last seen active 3m5s ago');
      for (const pod of ready) this.#setPod(pod, 'False', 'NodeNotReady');
    });
    return true;
  }

  /** The node is Ready again, and so are the pods that were. */
  recover(nodeName: string): void {
    const pods = this.#ill.get(nodeName);
    if (!pods) return;
    this.#ill.delete(nodeName);
    const node = this.#node(nodeName);
    if (!node || !livingNodesOf(this.#core).has(nodeName)) return;
    this.#core.as({ kind: 'world', name: 'kubelet' }, () => {
      this.#setNode(node, 'True', 'KubeletReady', 'kubelet is posting ready status');
      for (const pod of [...this.#core.store.podsOn(nodeName).values()]) {
        if (pods.has(pod.metadata.uid) && !isPodFinished(pod)) this.#setPod(pod, 'True');
      }
    });
  }

  #node(name: string): Node | undefined {
    return this.#core.store.typed<Node>('nodes').get(undefined, name);
  }

  #setNode(node: Node, status: 'True' | 'False', reason: string, message: string): void {
    if (conditionOf(node.status.conditions, 'Ready')?.status === status) return;
    const now = stamp(this.#core.clock.now());
    const heartbeat = { lastHeartbeatTime: now };
    const conditions = withCondition(
      node.status.conditions,
      { type: 'Ready', status, reason, message, ...heartbeat },
      now,
    );
    this.#writer.setStatus(this.#nodes, node, { ...node.status, ...(conditions ? { conditions } : {}) });
  }

  #setPod(pod: Pod, status: 'True' | 'False', reason?: string): void {
    const condition = { type: 'Ready', status, ...(reason === undefined ? {} : { reason }) };
    const conditions = withCondition(pod.status.conditions, condition, stamp(this.#core.clock.now()));
    this.#writer.setStatus(this.#pods, pod, { ...pod.status, ...(conditions ? { conditions } : {}) });
  }
}
