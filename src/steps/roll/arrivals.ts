/** Watches nodes that are being drained for pods that still come: scheduled a moment before the cordon, or tolerating it. */
import type { ClusterView } from '../../domain/cluster-view.ts';
import { isCordonedByUs } from '../../planning/roll/node-marks.ts';
import { indexPods } from '../../planning/roll/pod-index.ts';

export class Arrivals {
  /** When the last pod came, or the node was first seen cordoned, by name. */
  readonly last = new Map<string, number>();
  readonly #pods = new Map<string, ReadonlySet<string>>();

  observe({ nodes, pods }: Pick<ClusterView, 'nodes' | 'pods'>, now: number): void {
    const there = new Map<string, Set<string>>();
    for (const node of nodes) if (isCordonedByUs(node)) there.set(node.name, new Set());
    for (const name of this.last.keys()) {
      if (there.has(name)) continue;
      this.last.delete(name);
      this.#pods.delete(name);
    }
    if (there.size === 0) return;
    const { byNode } = indexPods(pods);
    for (const [name, uids] of there) {
      for (const { uid, owner } of byNode.get(name) ?? []) if (owner?.kind !== 'DaemonSet') uids.add(uid);
      const before = this.#pods.get(name);
      if (before === undefined || [...uids].some((uid) => !before.has(uid))) this.last.set(name, now);
      this.#pods.set(name, uids);
    }
  }
}
