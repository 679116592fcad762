import type { VirtualClock } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type {
  Actor,
  ControlPlaneListener,
  EmitWorldEvent,
  HealthProbe,
  InstanceListener,
  WorldEvent,
} from '../seams.ts';
import type { AwsFaults } from './aws-faults.ts';
import type { AwsRequest, Params } from './aws-request.ts';
import type { BalancingPart, BucketsPart, FleetPart, GroupsPart, StacksPart } from './cloud-parts.ts';
import { RegionState } from './region-state.ts';

/** How long things take, simulated ms: [least, most], drawn evenly. */
export interface CloudTimings {
  /** From the launch until the state is running. */
  boot: [number, number];
  /** From running until the group has the instance in service (hooks apart). */
  intoService: [number, number];
  /** From the group's decision until EC2 shuts the instance down (draining and hooks apart). */
  shutdownAfter: [number, number];
  /** From shutting-down until terminated. */
  shutdown: [number, number];
  /** Until a group acts on a change of what it should be. */
  groupReaction: [number, number];
  /** Until a group rebalances its zones. */
  rebalance: [number, number];
  /** One CloudFormation operation on a stack, waits for its resources apart. */
  stack: [number, number];
  /** Until a network load balancer begins to check a new target. */
  networkRegistration: [number, number];
}

export const defaultTimings: CloudTimings = {
  boot: [15_000, 25_000],
  intoService: [4_000, 12_000],
  shutdownAfter: [4_000, 10_000],
  shutdown: [55_000, 80_000],
  groupReaction: [1_000, 4_000],
  rebalance: [30_000, 90_000],
  stack: [10_000, 60_000],
  networkRegistration: [45_000, 90_000],
};

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
/** A world event but for what the cloud fills in: when, and who. */
export type CloudEvent = Without<WorldEvent, 'at' | 'actor'>;

export interface CloudOptions {
  clock: VirtualClock;
  random: Random;
  emit: EmitWorldEvent;
  listener: InstanceListener;
  controlPlanes: ControlPlaneListener;
  probe: HealthProbe;
  faults: AwsFaults;
  timings: CloudTimings;
  /** The cluster that a stack belongs to, when its tags do not say so. */
  clusterOfStack: (account: string, region: string, stackName: string) => string | undefined;
  placeOfCluster: (cluster: string) => { account: string; region: string } | undefined;
}

const theWorld: Actor = { kind: 'world', name: 'aws' };

/** The shared ground of all services: time, chance, state by account and region, and who acts at the moment. */
export class Cloud {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly faults: AwsFaults;
  readonly timings: CloudTimings;
  readonly listener: InstanceListener;
  readonly controlPlanes: ControlPlaneListener;
  readonly probe: HealthProbe;
  readonly clusterOfStack: CloudOptions['clusterOfStack'];
  readonly placeOfCluster: CloudOptions['placeOfCluster'];
  /** Where the API of a cluster is served; EKS's own names unless somebody serves it elsewhere. */
  controlPlaneUrl: ((cluster: string) => string) | undefined;
  readonly #emit: EmitWorldEvent;
  readonly #regions = new Map<string, RegionState>();
  #actor: Actor = theWorld;

  /** Set once by AwsModel; the parts need each other. */
  fleet!: FleetPart;
  balancing!: BalancingPart;
  groups!: GroupsPart;
  stacks!: StacksPart;
  buckets!: BucketsPart;

  constructor(options: CloudOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.faults = options.faults;
    this.timings = options.timings;
    this.listener = options.listener;
    this.controlPlanes = options.controlPlanes;
    this.probe = options.probe;
    this.clusterOfStack = options.clusterOfStack;
    this.placeOfCluster = options.placeOfCluster;
    this.#emit = options.emit;
  }

  region(account: string, region: string): RegionState {
    const key = `${account}/${region}`;
    let state = this.#regions.get(key);
    if (state === undefined) {
      state = new RegionState(account, region, this.random.fork(key));
      this.#regions.set(key, state);
    }
    return state;
  }

  regions(): Iterable<RegionState> {
    return this.#regions.values();
  }

  now(): number {
    return this.clock.now();
  }

  /** A span drawn from the region's own stream of chance. */
  draw(state: RegionState, span: readonly [number, number]): number {
    return span[0] + Math.floor(state.random.next() * (span[1] - span[0] + 1));
  }

  emit(event: CloudEvent): void {
    this.#emit({ ...event, at: this.clock.now(), actor: this.#actor });
  }

  /** Events that `act` emits name this actor. */
  as<T>(actor: Actor, act: () => T): T {
    const before = this.#actor;
    this.#actor = actor;
    try {
      return act();
    } finally {
      this.#actor = before;
    }
  }
}

/** What an action gets. */
export interface Call {
  cloud: Cloud;
  state: RegionState;
  params: Params;
  request: AwsRequest;
}

export type Action = (call: Call) => Record<string, unknown>;
export type ActionTable = Readonly<Record<string, Action>>;
