/** When kubelets were alive, as their Leases tell it: on this process's clock, which need not be the cluster's. */
import type { KubeObject } from '../../domain/kube-object.ts';

interface Renewal {
  /** As the cluster's clock wrote it. */
  written: number;
  /** When it was read. */
  readAt: number;
  /** A moment at which the kubelet surely lived; undefined when nothing is known yet. */
  aliveAt: number | undefined;
}

/** Renewals by clocks that agree are in the past, or a moment ahead. */
const aheadMs = 5_000;

/** A renewal counts by its own time, and where that says nothing (clocks differ) by its change since it was last read. */
export class KubeletLeases {
  #renewals = new Map<string, Renewal>();

  /** Leases as read at `at`. Answers when each node's kubelet was alive last, as far as is sure: epoch ms. */
  observe(leases: readonly KubeObject[], at: number): Map<string, number> {
    const before = this.#renewals;
    this.#renewals = new Map();
    const alive = new Map<string, number>();
    for (const { metadata, ...lease } of leases) {
      const renewTime = (lease['spec'] as { renewTime?: unknown } | undefined)?.renewTime;
      const written = typeof renewTime === 'string' ? Date.parse(renewTime) : Number.NaN;
      if (Number.isNaN(written)) continue;
      const aliveAt = surelyAlive(before.get(metadata.name), written, at);
      this.#renewals.set(metadata.name, { written, readAt: at, aliveAt });
      if (aliveAt !== undefined) alive.set(metadata.name, aliveAt);
    }
    return alive;
  }
}

/** The kubelet lived after the read before, when it has renewed since; no more is sure. */
function surelyAlive(before: Renewal | undefined, written: number, at: number): number | undefined {
  // a clock that was set back makes later moments of earlier ones
  const seen = before === undefined || before.readAt > at ? undefined : before;
  // what was ahead when it was read first is not of now when this clock comes to that time
  if (seen?.written === written) return seen.aliveAt;
  const known = [
    seen?.aliveAt,
    seen !== undefined && seen.written < written ? seen.readAt : undefined,
    written <= at + aheadMs ? Math.min(written, at) : undefined,
  ].filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
