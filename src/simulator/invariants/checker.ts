import type { WorldEvent } from '../model/seams.ts';
import type { WorldTruth } from './truth.ts';

export interface Violation {
  /** I1 … I13 and L1 … L4 of the safety and liveness lists. */
  invariant: string;
  at: number;
  cluster: string;
  message: string;
}

/** A call of an API, whether it was accepted or not. */
export interface ApiCall {
  at: number;
  cluster: string;
  api: 'cloud' | 'kube';
  /** User agent. */
  client: string;
  action: string;
  /** It would change something. */
  mutates: boolean;
}

/** `violation`: what is wrong, for people. */
export interface Judgement {
  violation?: string;
}

/** Judges one invariant, event by event. Answers undefined when the event says nothing about it. */
export interface Checker {
  invariant: string;
  onEvent(event: WorldEvent, truth: WorldTruth): Judgement | undefined;
  onCall?(call: ApiCall): Judgement;
  /** Judges the state that a finished run leaves behind, at that moment. */
  atEnd?(cluster: string, truth: WorldTruth, at: number): string[];
}

const violationsKept = 200;

/** Feeds every event of a world to all checkers, and counts. */
export class InvariantWatch {
  readonly violations: Violation[] = [];
  checked = 0;
  violated = 0;
  readonly #checkers: Checker[];
  readonly #truth: WorldTruth;

  constructor(checkers: Checker[], truth: WorldTruth) {
    this.#checkers = checkers;
    this.#truth = truth;
  }

  onEvent(event: WorldEvent): void {
    // instances that are no nodes: members of etcd, and the first of a cluster that is only coming to be
    if (!this.#truth.has(event.cluster)) return;
    for (const checker of this.#checkers) {
      const verdict = checker.onEvent(event, this.#truth);
      if (!verdict) continue;
      this.checked += 1;
      if (verdict.violation !== undefined) this.#note(checker.invariant, event.at, event.cluster, verdict.violation);
    }
  }

  onCall(call: ApiCall): void {
    for (const checker of this.#checkers) {
      const verdict = checker.onCall?.(call);
      if (!verdict) continue;
      this.checked += 1;
      if (verdict.violation !== undefined) this.#note(checker.invariant, call.at, call.cluster, verdict.violation);
    }
  }

  /** Once, when the run is over. `inFlight`: clusters on which work was stopped in the middle, and goes on one day. */
  atEnd(at: number, inFlight: ReadonlySet<string> = new Set()): void {
    for (const cluster of this.#truth.clusters()) {
      if (inFlight.has(cluster)) continue;
      for (const checker of this.#checkers) {
        if (!checker.atEnd) continue;
        this.checked += 1;
        for (const message of checker.atEnd(cluster, this.#truth, at))
          this.#note(checker.invariant, at, cluster, message);
      }
    }
  }

  #note(invariant: string, at: number, cluster: string, message: string): void {
    this.violated += 1;
    if (this.violations.length < violationsKept) this.violations.push({ invariant, at, cluster, message });
  }
}
