/** Brings the faults of scenarios about, at their time, and takes them back. */
import type { Timer } from '../../support/clock.ts';
import type { AwsFaultRule } from '../model/aws/aws-faults.ts';
import type { AwsService } from '../model/aws/aws-request.ts';
import type { FaultWindow } from '../model/fault-window.ts';
import type { World } from '../model/world.ts';
import { type CallFault, type Fault, isCallFault, isScalingFault } from './scenario-schema.ts';
import { beginWorldFault } from './world-faults.ts';

interface Played {
  fault: Fault;
  startedAt: number;
  /** Takes back what acts at the moment, and stops what is to come. */
  stop: () => void;
  acting: () => boolean;
}

export interface PlayedFault {
  id: string;
  fault: Fault;
  /** Simulated epoch ms. */
  startedAt: number;
  acting: boolean;
}

/** The place that a fault names and the world does not have; undefined when all is well. */
export function unknownPlace(world: World, fault: Fault): { field: string; message: string } | undefined {
  const places = world.places();
  if ('cluster' in fault && fault.cluster !== undefined && !world.hasCluster(fault.cluster))
    return { field: 'cluster', message: `no cluster ${fault.cluster} is simulated` };
  if ('account' in fault && fault.account !== undefined && !places.some((each) => each.account === fault.account))
    return { field: 'account', message: `no simulated cluster is in account ${fault.account}` };
  if ('region' in fault && fault.region !== undefined && !places.some((each) => each.region === fault.region))
    return { field: 'region', message: `no simulated cluster is in region ${fault.region}` };
  return undefined;
}

/** Plays faults into one world. Times count from the moment of `play`, on the world's clock. */
export class ScenarioPlayer {
  readonly #world: World;
  readonly #played = new Map<string, Played>();
  #counter = 0;

  constructor(world: World) {
    this.#world = world;
  }

  play(fault: Fault): string {
    const id = `fault-${++this.#counter}`;
    const startedAt = this.#world.clock.now();
    const parts = isCallFault(fault) ? this.#callFault(fault) : this.#worldFault(fault);
    this.#played.set(id, { fault, startedAt, ...parts });
    return id;
  }

  /** Takes a fault back; false when there is none of this id. */
  stop(id: string): boolean {
    const played = this.#played.get(id);
    played?.stop();
    return this.#played.delete(id);
  }

  stopAll(): void {
    for (const id of [...this.#played.keys()]) this.stop(id);
  }

  list(): PlayedFault[] {
    return [...this.#played].map(([id, { fault, startedAt, acting }]) => ({ id, fault, startedAt, acting: acting() }));
  }

  #callFault(fault: CallFault): Pick<Played, 'stop' | 'acting'> {
    const from = this.#world.clock.now() + (fault.at ?? 0);
    const window = windowOf(fault, from);
    const [service, action] = (fault.api ?? (isScalingFault(fault) ? 'autoscaling' : '')).split(':');
    const undo: (() => void)[] = [];
    if (service !== 'kubernetes') undo.push(this.#awsRule(fault, window, service, action));
    const inAccounts = (fault.account ?? fault.region) !== undefined;
    if (service === 'kubernetes' || (service === '' && !inAccounts))
      undo.push(...this.#kubeRules(fault, window, action));
    const until = fault.for === undefined || fault.every !== undefined ? Infinity : from + fault.for;
    return {
      stop: () => {
        for (const each of undo) each();
      },
      acting: () => this.#world.clock.now() >= from && this.#world.clock.now() < until,
    };
  }

  #awsRule(fault: CallFault, window: FaultWindow, service: string | undefined, action: string | undefined): () => void {
    const world = this.#world;
    const place = fault.cluster === undefined ? fault : world.placeOf(fault.cluster);
    const id = world.faults.add({
      ...awsKindOf(fault),
      ...window,
      ...(service === undefined || service === '' ? {} : { service: service as AwsService }),
      ...(action === undefined ? {} : { action }),
      ...(place?.account === undefined ? {} : { account: place.account }),
      ...(place?.region === undefined ? {} : { region: place.region }),
      ...(fault.name === undefined ? {} : { name: fault.name }),
      ...details(fault),
    });
    return () => world.faults.remove(id);
  }

  #kubeRules(fault: CallFault, window: FaultWindow, verb: string | undefined): (() => void)[] {
    const world = this.#world;
    const clusters = fault.cluster === undefined ? world.clusters() : [fault.cluster];
    const { kind } = fault;
    if (kind === 'scaling-activity-in-progress' || kind === 'resource-contention') return [];
    return clusters.map((cluster) => {
      const { callFaults } = world.kube(cluster);
      const id = callFaults.add({
        kind: kind === 'stale-reads' ? 'stale' : kind,
        ...window,
        ...(verb === undefined || verb === '*' ? {} : { verb }),
        ...(fault.resource === undefined ? {} : { resource: fault.resource }),
        ...(fault.namespace === undefined ? {} : { namespace: fault.namespace }),
        ...(fault.name === undefined ? {} : { name: fault.name }),
        ...details(fault),
      });
      return () => callFaults.remove(id);
    });
  }

  /** Begins after `at`, ends after `for`, and begins again with every period. */
  #worldFault(fault: Exclude<Fault, CallFault>): Pick<Played, 'stop' | 'acting'> {
    const { clock } = this.#world;
    let end: (() => void) | undefined;
    let timer: Timer | undefined;
    const finish = (): void => {
      end?.();
      end = undefined;
    };
    const begin = (): void => {
      end = beginWorldFault(this.#world, fault);
      if (fault.for === undefined) return;
      const began = clock.now();
      timer = clock.at(began + fault.for, () => {
        finish();
        if (fault.every !== undefined) timer = clock.at(began + fault.every, begin);
      });
    };
    if (fault.at === undefined || fault.at === 0) begin();
    else timer = clock.at(clock.now() + fault.at, begin);
    return {
      stop: () => {
        timer?.cancel();
        finish();
      },
      acting: () => end !== undefined,
    };
  }
}

function windowOf(fault: CallFault, from: number): FaultWindow {
  const repeats = fault.every !== undefined && fault.for !== undefined;
  return {
    from,
    ...(repeats ? { everyMs: fault.every as number, forMs: fault.for as number } : {}),
    ...(repeats || fault.for === undefined ? {} : { until: from + fault.for }),
    ...(fault.probability === undefined ? {} : { probability: fault.probability }),
    ...(fault.afterCalls === undefined ? {} : { afterCalls: fault.afterCalls }),
    ...(fault.times === undefined ? {} : { times: fault.times }),
  };
}

/** What becomes of the call, in the words of the service. */
function awsKindOf({ kind }: CallFault): Pick<AwsFaultRule, 'kind' | 'code' | 'message' | 'status' | 'changesOnly'> {
  switch (kind) {
    case 'stale-reads':
      return { kind: 'stale' };
    case 'scaling-activity-in-progress': {
      const message = "The operation can't be performed because there are scaling activities in progress.";
      return { kind: 'refuse', code: 'ScalingActivityInProgress', message, changesOnly: true };
    }
    case 'resource-contention': {
      const message = 'You already have a pending update to an Amazon EC2 Auto Scaling resource.';
      return { kind: 'refuse', code: 'ResourceContention', message, status: 500, changesOnly: true };
    }
    default:
      return { kind };
  }
}

function details(fault: CallFault): { latencyMs?: number; staleMs?: number; status?: number } {
  return {
    ...(fault.latency === undefined ? {} : { latencyMs: fault.latency }),
    ...(fault.staleness === undefined ? {} : { staleMs: fault.staleness }),
    ...(fault.status === undefined ? {} : { status: fault.status }),
  };
}
