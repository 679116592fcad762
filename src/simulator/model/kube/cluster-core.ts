import type { VirtualClock } from '../../../support/clock.ts';
import type { Random } from '../../../support/random.ts';
import type { Actor, EmitWorldEvent, WorldEvent } from '../seams.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import { EventRecorder } from './event-recorder.ts';
import type { Pod } from './kinds.ts';
import type { SimObject } from './object.ts';
import { ObjectStore } from './object-store.ts';
import { defaultKubeOptions, type KubeFaults, type KubeModelInput, type KubeOptions } from './options.ts';
import type { RuntimeParts } from './process.ts';
import { ResourceRegistry } from './resource-definition.ts';
import { WatchHub } from './watch-hub.ts';

type WithoutFrame<E> = E extends WorldEvent ? Omit<E, 'at' | 'cluster' | 'actor'> : never;
export type ClusterEvent = WithoutFrame<WorldEvent>;

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** What every part of one simulated cluster shares. */
export class ClusterCore {
  readonly clusterId: string;
  readonly region: string;
  readonly clock: VirtualClock;
  readonly options: KubeOptions;
  readonly store: ObjectStore;
  readonly resources = new ResourceRegistry();
  readonly watches: WatchHub;
  readonly events: EventRecorder;
  readonly faults: KubeFaults;
  readonly startedAt: number;
  /** Who causes the changes that happen now. */
  actor: Actor = { kind: 'world', name: 'kube' };
  /** Exceptions inside controllers: bugs of the simulator, for tests to look at (the first 20). */
  readonly internalErrors: string[] = [];
  /** What containers run on and talk over; set when the cluster is put together. */
  runtime!: RuntimeParts;
  /** APIs that add-ons serve. */
  aggregated: { answer(request: KubeRequest): KubeAnswer | undefined } | undefined;
  /** Objects whose stored form lags behind what a reader sees (a node's Lease renews itself): set by their owner. */
  readView: (resourceKey: string, object: SimObject) => SimObject = (_key, object) => object;
  /** What a container wrote to its log so far; set by the kubelets. */
  podLog: (pod: Pod, container: string, previous: boolean) => string = () => '';
  readonly #emit: EmitWorldEvent;
  readonly #names: Random;
  readonly #uids: Random;
  /** Apart from the others: whether somebody looks at Events changes no other uid. */
  readonly #eventUids: Random;
  readonly random: Random;

  constructor(input: KubeModelInput) {
    this.clusterId = input.clusterId;
    this.region = input.region;
    this.clock = input.clock;
    this.options = { ...defaultKubeOptions, ...input.options };
    this.startedAt = input.clock.now();
    this.random = input.random.fork('kube');
    this.#names = this.random.fork('names');
    this.#uids = this.random.fork('uids');
    this.#eventUids = this.random.fork('event-uids');
    this.#emit = input.emit;
    this.store = new ObjectStore(input.clock, this.options.watchHistory);
    this.watches = new WatchHub(this.store, input.clock);
    this.events = new EventRecorder(this);
    this.faults = {
      endpointSlices: 'ok',
      imagePull: 'ok',
      scheduler: 'ok',
      workloads: 'ok',
      apiDown: 'no',
      disruptionLagMs: 0,
      apiNeedsMaster: this.options.apiNeedsMaster,
      badBoot: 'not-ready',
      unreadyNodes: new Set(),
      auditLog: 'ok',
    };
  }

  emit(event: ClusterEvent): void {
    this.#emit({ at: this.clock.now(), cluster: this.clusterId, actor: this.actor, ...event });
  }

  /** Runs with this actor as the cause of all changes. */
  as<T>(actor: Actor, run: () => T): T {
    const before = this.actor;
    this.actor = actor;
    try {
      return run();
    } finally {
      this.actor = before;
    }
  }

  newUid(): string {
    return uidFrom(this.#uids);
  }

  newEventUid(): string {
    return uidFrom(this.#eventUids);
  }

  /** Five letters as the API appends them to generateName. */
  nameSuffix(): string {
    let text = '';
    for (let i = 0; i < 5; i++) text += nameAlphabet.charAt(this.#names.int(nameAlphabet.length));
    return text;
  }

  internalError(where: string, error: unknown): void {
    if (this.internalErrors.length < 20) {
      this.internalErrors.push(`${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
}

function uidFrom(random: Random): string {
  const hex = (length: number): string => {
    let text = '';
    while (text.length < length) text += random.int(0x10000).toString(16).padStart(4, '0');
    return text;
  };
  const variant = '89ab'[random.int(4)];
  return `${hex(8)}-${hex(4)}-4${hex(4).slice(1)}-${variant}${hex(4).slice(1)}-${hex(12)}`;
}

/** A number as text in letters that spell no words, at least eight: names of replica sets and revisions. */
export function safeHash(text: string): string {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  const digits = String(h >>> 0).padStart(8, '0');
  let name = '';
  for (const digit of digits) name += nameAlphabet.charAt(digit.charCodeAt(0) % nameAlphabet.length);
  return name;
}
