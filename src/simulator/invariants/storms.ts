/** Which clusters have lost the readiness of so many nodes that nothing may be moved, and since when. */
import type { WorldEvent } from '../model/seams.ts';
import { key } from './limits.ts';
import type { WorldTruth } from './truth.ts';

interface Served {
  instanceId: string;
  ready: boolean;
}

/** A node that never was ready is booting, not lost; one whose instance was told to end is leaving, and its silence says nothing. */
export class Storms {
  readonly #share: number;
  /** Nodes that were ready once, by name. */
  readonly #served = new Map<string, Map<string, Served>>();
  readonly #since = new Map<string, number>();
  /** Instances that were told to end. */
  readonly #ending = new Set<string>();

  constructor(truth: WorldTruth, share: number) {
    this.#share = share;
    for (const cluster of truth.clusters()) {
      const nodes = this.#nodes(cluster);
      for (const node of truth.nodes(cluster))
        if (node.ready) nodes.set(node.name, { instanceId: node.instanceId, ready: true });
    }
  }

  /** Keeps count; call it for every event before asking. */
  follow(event: WorldEvent): void {
    const nodes = this.#nodes(event.cluster);
    switch (event.kind) {
      case 'node-ready':
        nodes.set(event.node, { instanceId: event.instanceId, ready: true });
        break;
      case 'node-not-ready':
        if (nodes.has(event.node)) nodes.set(event.node, { instanceId: event.instanceId, ready: false });
        break;
      case 'node-removed':
        nodes.delete(event.node);
        break;
      case 'instance-terminate-requested':
        this.#ending.add(event.instanceId);
        break;
      default:
        return;
    }
    const storm = this.#isStorm(event.cluster);
    if (!storm) this.#since.delete(event.cluster);
    else if (!this.#since.has(event.cluster)) this.#since.set(event.cluster, event.at);
  }

  since(cluster: string): number | undefined {
    return this.#since.get(cluster);
  }

  #isStorm(cluster: string): boolean {
    const nodes = this.#nodes(cluster);
    let lost = 0;
    for (const one of nodes.values()) if (!one.ready && !this.#ending.has(one.instanceId)) lost += 1;
    return lost > 1 && lost / Math.max(1, nodes.size) > this.#share;
  }

  #nodes(cluster: string): Map<string, Served> {
    let nodes = this.#served.get(key(cluster, ''));
    if (!nodes) {
      nodes = new Map();
      this.#served.set(key(cluster, ''), nodes);
    }
    return nodes;
  }
}
