import type { Cloud } from './cloud.ts';
import type { RegionState } from './region-state.ts';
import type { Registrations, Tracked, TrackedState } from './resources.ts';

export interface TrackerRules {
  /** Health check port, undefined when there is none to ask (then an instance is healthy when it runs). */
  port: () => number | undefined;
  intervalMs: () => number;
  healthyCount: () => number;
  unhealthyCount: () => number;
  /** How long a deregistered instance keeps draining. */
  drainMs: () => number;
  /** Until the first check of a new registration. */
  firstCheckMs: () => number;
}

const quietChecksMost = 10;
const quietGrowth = 1.4;

/**
 * Registration and health of instances at one load balancer or target group. Checks run while an instance's state and its
 * answer disagree, and for some minutes after it became unhealthy; a settled instance costs no event. Later changes of the
 * answer are noticed when someone reads (`view`) or says so (`poke`).
 */
export class HealthTracker implements Registrations {
  readonly name: string;
  readonly #cloud: Cloud;
  readonly #state: RegionState;
  readonly #rules: TrackerRules;
  readonly #tracked = new Map<string, Tracked>();

  constructor(cloud: Cloud, state: RegionState, name: string, rules: TrackerRules) {
    this.#cloud = cloud;
    this.#state = state;
    this.name = name;
    this.#rules = rules;
  }

  get size(): number {
    return this.#tracked.size;
  }

  has(instanceId: string): boolean {
    return this.#tracked.has(instanceId);
  }

  register(instanceId: string): void {
    const known = this.#tracked.get(instanceId);
    if (known !== undefined && known.state !== 'draining') return;
    known?.timer?.cancel();
    for (const drained of known?.onDrained ?? []) drained();
    const tracked: Tracked = {
      instanceId,
      state: 'initial',
      passes: 0,
      fails: 0,
      quietChecks: 0,
      registeredAt: this.#cloud.now(),
      onDrained: [],
    };
    this.#tracked.set(instanceId, tracked);
    const trackers = this.#state.trackersOf.get(instanceId) ?? new Set();
    trackers.add(this);
    this.#state.trackersOf.set(instanceId, trackers);
    this.#schedule(tracked, this.#rules.firstCheckMs());
  }

  /** Starts draining; `drained` is called when it is over, at once when the instance is not registered. */
  deregister(instanceId: string, drained?: () => void): boolean {
    const tracked = this.#tracked.get(instanceId);
    if (tracked === undefined) {
      drained?.();
      return false;
    }
    if (drained) tracked.onDrained.push(drained);
    if (tracked.state === 'draining') return false;
    tracked.timer?.cancel();
    const wait = this.#rules.drainMs();
    tracked.state = 'draining';
    if (wait <= 0) this.drop(instanceId);
    else tracked.timer = this.#cloud.clock.at(this.#cloud.now() + wait, () => this.drop(instanceId));
    return true;
  }

  /** Forgets the instance without draining: it is gone. */
  drop(instanceId: string): void {
    const tracked = this.#tracked.get(instanceId);
    if (tracked === undefined) return;
    tracked.timer?.cancel();
    this.#tracked.delete(instanceId);
    const trackers = this.#state.trackersOf.get(instanceId);
    trackers?.delete(this);
    if (trackers?.size === 0) this.#state.trackersOf.delete(instanceId);
    for (const drained of tracked.onDrained) drained();
  }

  dropAll(): void {
    for (const id of [...this.#tracked.keys()]) this.drop(id);
  }

  /** The instance's answer may have changed. */
  poke(instanceId: string): void {
    const tracked = this.#tracked.get(instanceId);
    if (tracked === undefined || tracked.state === 'draining') return;
    const waiting = tracked.timer !== undefined;
    if (waiting && (tracked.state !== 'unhealthy' || tracked.passes > 0)) return;
    if (this.#answers(instanceId) === (tracked.state === 'healthy')) return;
    tracked.timer?.cancel();
    tracked.quietChecks = 0;
    this.#schedule(tracked, this.#rules.intervalMs());
  }

  view(instanceId: string): Tracked | undefined {
    this.poke(instanceId);
    return this.#tracked.get(instanceId);
  }

  views(): Tracked[] {
    for (const id of this.#tracked.keys()) this.poke(id);
    return [...this.#tracked.values()];
  }

  /** State without side effects, for checkers. */
  peek(): Record<string, TrackedState> {
    return Object.fromEntries([...this.#tracked].map(([id, each]) => [id, each.state]));
  }

  #answers(instanceId: string): boolean {
    const instance = this.#state.instances.get(instanceId);
    if (instance?.state !== 'running') return false;
    const port = this.#rules.port();
    return port === undefined || this.#cloud.probe.instanceAnswers(instanceId, port);
  }

  #schedule(tracked: Tracked, afterMs: number): void {
    tracked.timer = this.#cloud.clock.at(this.#cloud.now() + afterMs, () => this.#check(tracked));
  }

  #check(tracked: Tracked): void {
    delete tracked.timer;
    if (this.#answers(tracked.instanceId)) {
      tracked.fails = 0;
      tracked.passes += 1;
      if (tracked.state === 'healthy') return;
      if (tracked.passes >= this.#rules.healthyCount()) {
        tracked.state = 'healthy';
        return;
      }
    } else {
      tracked.passes = 0;
      tracked.fails += 1;
      if (tracked.state !== 'unhealthy' && tracked.fails >= this.#rules.unhealthyCount()) {
        tracked.state = 'unhealthy';
        tracked.quietChecks = 0;
        this.#cloud.groups.loadBalancerSaysUnhealthy(this.#state, tracked.instanceId);
      }
      if (tracked.state === 'unhealthy') {
        if (tracked.quietChecks >= quietChecksMost) return;
        this.#schedule(tracked, this.#rules.intervalMs() * quietGrowth ** tracked.quietChecks);
        tracked.quietChecks += 1;
        return;
      }
    }
    this.#schedule(tracked, this.#rules.intervalMs());
  }
}
