import type { Random } from '../../../support/random.ts';
import type { Actor, EmitWorldEvent, WorldEvent } from '../seams.ts';
import type { KubeAnswer, KubeRequest } from './api-request.ts';
import { CountingClock } from './counting-clock.ts';
import type { CloudDisks } from './disks.ts';
import { EventRecorder } from './event-recorder.ts';
import type { Pod } from './kinds.ts';
import type { SimObject } from './object.ts';
import { ObjectStore } from './object-store.ts';
import {
  defaultFaults,
  defaultKubeOptions,
  type KubeFaults,
  type KubeModelInput,
  type KubeOptions,
} from './options.ts';
import type { RuntimeParts } from './process.ts';
import { ResourceRegistry } from './resource-definition.ts';
import { WatchHub } from './watch-hub.ts';

type WithoutFrame<E> = E extends WorldEvent ? Omit<E, 'at' | 'cluster' | 'actor'> : never;
export type ClusterEvent = WithoutFrame<WorldEvent>;

/** What of a controller's queue others look at. */
export interface ControllerQueue {
  /** Work is due now. */
  readonly busy: boolean;
  /** What is due at a later time. */
  waiting(): { key: string; atMs: number }[];
  addAt(key: string, atMs: number): void;
}

const nameAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** What every part of one simulated cluster shares. */
export class ClusterCore {
  readonly clusterId: string;
  readonly region: string;
  /** Of controllers and kubelets: what it has pending is what the cluster has still to do. */
  readonly clock: CountingClock;
  readonly options: KubeOptions;
  readonly store: ObjectStore;
  readonly resources = new ResourceRegistry();
  readonly watches: WatchHub;
  readonly events: EventRecorder;
  readonly faults: KubeFaults;
  readonly startedAt: number;
  /** What API servers serve that a cloud runs; undefined where the cluster's own nodes do. */
  managedVersion: string | undefined;
  /** Who causes the changes that happen now. */
  actor: Actor = { kind: 'world', name: 'kube' };
  /** Of all controllers, in the order in which they were made. */
  readonly queues: ControllerQueue[] = [];
  /** Exceptions inside controllers: bugs of the simulator, for tests to look at (the first 20). */
  readonly internalErrors: string[] = [];
  /** What containers run on and talk over; set when the cluster is put together. */
  runtime!: RuntimeParts;
  /** Where volumes come from; undefined for a cluster without a cloud: their disks are taken for granted. */
  disks: CloudDisks | undefined;
  /** APIs that add-ons serve. */
  aggregated:
    | {
        answer(request: KubeRequest): KubeAnswer | undefined;
        /** Group and version of those whose server cannot be asked: discovery is incomplete. */
        unavailable(): string[];
      }
    | undefined;
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
    this.clock = new CountingClock(input.clock);
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
    this.faults = defaultFaults(this.options);
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

const twoDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function fourDigits(random: Random): string {
  const number = random.int(0x10000);
  return `${twoDigits[number >> 8]}${twoDigits[number & 255]}`;
}

function uidFrom(random: Random): string {
  const variant = '89ab'.charAt(random.int(4));
  const start = fourDigits(random) + fourDigits(random);
  const middle = `${fourDigits(random)}-4${fourDigits(random).slice(1)}-${variant}${fourDigits(random).slice(1)}`;
  return `${start}-${middle}-${fourDigits(random)}${fourDigits(random)}${fourDigits(random)}`;
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
