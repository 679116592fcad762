import type { Failure } from '../domain/failure.ts';
import type { Admission, FactWrite, Json, OutboxMessage } from './store.ts';

/** What a step gets. It observes, does one small idempotent thing, and returns data; it may run twice and be killed anywhere. */
export interface StepInput<Context = Json> {
  id: string;
  /** Dotted state path: `rollingWorkers` or `updating.wave`. */
  state: string;
  context: Context;
  seq: number;
  parent: string | null;
  channel: string;
  cluster: string;
  commit: string;
  /** Decision time, epoch ms. */
  now: number;
  signal: AbortSignal;
  /** false once another daemon may act: every mutation of a cloud or cluster checks it first. */
  leaseHeld(): boolean;
}

/** Why a process waits, for `clm status` and `clm why`. */
export interface WaitReason {
  /** kebab-case, stable: `node-booting`, `budget-refuses`, `children`, `soak`, `slot`. */
  code: string;
  message: string;
  data?: Json;
}

export interface JournalNote {
  kind: string;
  message: string;
  data?: Json;
}

/** Committed in the same transaction as the transition that the outcome causes. */
export interface StepEffects {
  journal?: JournalNote[];
  facts?: FactWrite[];
  messages?: OutboxMessage[];
  admit?: Admission[];
  /** Processes whose slots are given back before they are final. */
  release?: string[];
}

export type StepOutcome =
  /**
   * `quiet`: the step has only looked. Nothing was done outside, and the look may be repeated after a crash: the engine may run the
   * next state's step first and commit both at once. Without meaning where there are effects.
   */
  | ({ kind: 'done'; output?: Json; quiet?: boolean } & StepEffects)
  /**
   * Nothing more to do until `wakeAt` (the durable backstop) or an event. A wait whose `progress` and reason code equal the
   * last committed ones moves only wake_at. `same` stands for a progress that changes at every look and is no news each time: what
   * it counts is written when `same` changes, and otherwise now and then.
   */
  | ({ kind: 'waiting'; reason: WaitReason; wakeAt: number; progress?: Json; same?: string } & StepEffects)
  | ({ kind: 'failed'; failure: Failure } & StepEffects);

export type Step<Context = Json> = (input: StepInput<Context>) => Promise<StepOutcome>;
