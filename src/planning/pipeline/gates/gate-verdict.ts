/** What every gate answers. Pure evaluation: whatever had to be asked of others is in the input. */
import type { GateState } from '../../../domain/gate.ts';

export interface GateVerdict {
  state: GateState;
  reason: string;
  /** Who or what can open it, and how. Empty when it is open. */
  openedBy: string;
  /** Earliest decision time at which it can open; null = nobody knows. */
  earliest: number | null;
}

export function open(reason: string): GateVerdict {
  return { state: 'open', reason, openedBy: '', earliest: null };
}

export function closed(reason: string, openedBy: string, earliest: number | null = null): GateVerdict {
  return { state: 'closed', reason, openedBy, earliest };
}

/** Nobody can say; never counts as open. */
export function inconclusive(reason: string, openedBy: string): GateVerdict {
  return { state: 'inconclusive', reason, openedBy, earliest: null };
}

/** An answer from outside, or why there is none. */
export type Asked<Answer> =
  | { answered: true; answer: Answer }
  /** `since`: when the first try of this row of failures was. */
  | { answered: false; message: string; since: number };

/** Fail closed while there is no answer, inconclusive when there has been none for too long. */
export function unanswered(
  asked: { message: string; since: number },
  patience: { patienceMs: number; now: number; who: string },
): GateVerdict {
  const late = patience.now - asked.since >= patience.patienceMs;
  return late
    ? inconclusive(`no usable answer for too long: ${asked.message}`, patience.who)
    : closed(`no usable answer yet: ${asked.message}`, patience.who);
}
