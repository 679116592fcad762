/**
 * The events that the engine itself sends to machines, and the metadata by which a state tells the engine what it needs.
 * Machines are pure reducers: only `assign`, no `invoke`, `after` or `spawn`.
 */
import type { AnyStateMachine } from 'xstate';
import type { Failure } from '../domain/failure.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Times are decision time, epoch ms. */
export type EngineEvent =
  | { type: 'STEP_DONE'; output: JsonValue; now: number }
  | {
      type: 'STEP_WAITING';
      reason: { code: string; message: string; data?: JsonValue };
      progress: JsonValue;
      now: number;
    }
  /** `retryAt` is the engine's backoff (jittered, capped) for a transient failure. */
  | { type: 'STEP_FAILED'; failure: Failure; retryAt: number; now: number }
  /** A process whose parent is this one reached a final state. */
  | { type: 'CHILD_FINISHED'; child: string; machine: string; cluster: string; output: JsonValue; now: number };

/** Put in `meta` of a state. A non-final state has a step, or says which events end its wait (P8). */
export interface StateMeta {
  /** Name of the step that the engine runs while the machine is in this state. */
  step?: string;
  /**
   * The step answers soon: from the store and from memory, or after a bounded question (the gate before a wave). The transition that leads
   * here, and messages that come meanwhile, are committed with what it says. Not for one that takes longer than that: what is not
   * committed yet is seen by nobody.
   */
  quick?: boolean;
  /** Events that this state waits for when it has no step. */
  waitsFor?: string[];
}

/** One released definition of a machine, with all that is needed to read rows of earlier versions. */
export interface MachineModule {
  name: string;
  /** Raised with every change of states or context; a test hashes the definition. */
  version: number;
  machine: AnyStateMachine;
  /**
   * Parses the context of the current version; a failure quarantines the row. With `known`, a context that fits, only what differs from
   * it has to be looked at.
   */
  parseContext(context: unknown, known?: unknown): { ok: true; context: unknown } | { ok: false; error: string };
  /** From version N to N+1, pure. */
  migrations: Record<number, (row: { value: unknown; context: unknown }) => { value: unknown; context: unknown }>;
}
