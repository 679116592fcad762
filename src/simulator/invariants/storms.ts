/** Which clusters have lost the readiness of so many nodes that nothing may be moved, and since when. */
import type { WorldEvent } from '../model/seams.ts';
import { key } from './limits.ts';
import type { WorldTruth } from './truth.ts';

/** A node that never was ready is booting, not lost. */
export class Storms {
  readonly #share: number;
  /** Nodes that were ready once, and since when they are not; `undefined` = ready. */
  readonly #lost = new Map<string, Map<string, number | undefined>>();
  readonly #since = new Map<string, number>();

  constructor(truth: WorldTruth, share: number) {
    this.#share = share;
    for (const cluster of truth.clusters()) {
      const nodes = this.#nodes(cluster);
      for (const node of truth.nodes(cluster)) if (node.ready) nodes.set(node.name, undefined);
    }
  }

  /** Keeps count; call it for every event before asking. */
  follow(event: WorldEvent): void {
    switch (event.kind) {
      case 'node-ready':
        this.#nodes(event.cluster).set(event.node, undefined);
        break;
      case 'node-not-ready':
        if (this.#nodes(event.cluster).has(event.node)) this.#nodes(event.cluster).set(event.node, event.at);
        break;
      case 'node-removed':
        this.#nodes(event.cluster).delete(event.node);
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
    for (const since of nodes.values()) if (since !== undefined) lost += 1;
    return lost > 1 && lost / Math.max(1, nodes.size) > this.#share;
  }

  #nodes(cluster: string): Map<string, number | undefined> {
    let nodes = this.#lost.get(key(cluster, ''));
    if (!nodes) {
      nodes = new Map();
      this.#lost.set(key(cluster, ''), nodes);
    }
    return nodes;
  }
}
