import { InvariantWatch, type Violation } from '../../simulator/invariants/checker.ts';
import { takeBaselines } from '../../simulator/invariants/limits.ts';
import { nodeInvariants } from '../../simulator/invariants/node-invariants.ts';
import { truthOf } from '../../simulator/invariants/world-truth.ts';
import type { WorldEvent } from '../../simulator/model/seams.ts';
import type { World } from '../../simulator/model/world.ts';

/** Nodes above the baseline: a tenth of the pool, at least one, and two that a blocked drain may park. */
const parkedAtMost = 2;
const surgeOf = (baseline: number): number => Math.max(1, Math.ceil(baseline / 10)) + parkedAtMost;
/** Nodes of a cluster that may boot at once. */
const bootCap = 10;
/** The shortest pause that a client promises between two refused evictions of a pod, less the scheduler's rounding. */
const evictionRetryMs = 4_500;

/** Counts what happened in the world and judges it; nothing here asks the daemon. */
export class WorldMeter {
  nodesReplaced = 0;
  evictions = 0;
  pdbRefusals = 0;
  /** Clusters that are taken away: no size is kept for their groups. */
  readonly leaving = new Set<string>();
  readonly #watch: InvariantWatch;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    const truth = truthOf(world);
    this.#watch = new InvariantWatch(
      nodeInvariants(
        takeBaselines(truth),
        { surgeOf, bootCap, maxUnavailable: 0, evictionRetryMs, isRemoved: (cluster) => this.leaving.has(cluster) },
        truth,
      ),
      truth,
    );
    world.subscribe((event) => this.#onEvent(event));
  }

  #onEvent(event: WorldEvent): void {
    if (event.kind === 'instance-terminate-requested' && event.actor.kind === 'client') this.nodesReplaced += 1;
    if (event.kind === 'eviction-accepted' && event.actor.kind === 'client') this.evictions += 1;
    if (event.kind === 'eviction-refused' && event.actor.kind === 'client') this.pdbRefusals += 1;
    this.#watch.onEvent(event);
  }

  /** Judges what a finished run leaves behind, on clusters that it does not leave in the middle of their work. */
  finish(inFlight: ReadonlySet<string> = new Set()): void {
    this.#watch.atEnd(this.#world.clock.now(), inFlight);
  }

  /** Nodes and pods of the whole fleet right now. */
  size(): { nodes: number; pods: number } {
    let nodes = 0;
    let pods = 0;
    for (const cluster of this.#world.clusters()) {
      const truth = this.#world.kube(cluster).truth();
      nodes += truth.nodes.size;
      pods += truth.pods.size;
    }
    return { nodes, pods };
  }

  get checked(): number {
    return this.#watch.checked;
  }

  get violated(): number {
    return this.#watch.violated;
  }

  get violations(): Violation[] {
    return this.#watch.violations;
  }
}
