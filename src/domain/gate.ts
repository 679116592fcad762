/** Gates between a channel and the next, or before a wave. */
import type { TimeWindow } from './time-window.ts';

export interface ApprovalGate {
  kind: 'approval';
  name: string;
  /** So many different people. */
  quorum: number;
  /** Roles whose members may approve; empty = anybody. */
  roles: string[];
}

/** Asked with the version in question; the answer says `{"verdict": "open" | "closed" | "inconclusive", "reason": …}`. */
export interface HttpGate {
  kind: 'http';
  name: string;
  url: string;
  /** Environment variable of the daemon with a bearer token. */
  tokenEnv?: string;
  timeoutMs: number;
  /** Without a usable answer for this long, it is inconclusive. */
  patienceMs: number;
}

export type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!=';

export interface PrometheusGate {
  kind: 'prometheus';
  name: string;
  /** Base URL of the server. */
  url: string;
  /** `$channel`, `$commit` and `$rollout` are filled in. */
  query: string;
  /** What every series of the answer must satisfy. */
  comparison: Comparison;
  value: number;
  tokenEnv?: string;
  timeoutMs: number;
  patienceMs: number;
}

export interface ScheduleGate {
  kind: 'schedule';
  name: string;
  windows: TimeWindow[];
}

export type GatePolicy = ApprovalGate | HttpGate | PrometheusGate | ScheduleGate;

/** `inconclusive`: nobody can say; the rollout pauses and somebody is told. */
export type GateState = 'open' | 'closed' | 'inconclusive';

/** What one gate said when it was asked last; kept by the rollout, shown by `clm why`. Times are decision time, epoch ms. */
export interface GateRecord {
  name: string;
  state: GateState;
  reason: string;
  /** Who or what can open it, and how; empty when it is open. */
  openedBy: string;
  /** The earliest moment at which it can open; null = nobody knows. */
  earliest: number | null;
  /** Since when it has been in this state. */
  since: number;
  /** Since when it has not answered; null = it has, or needs not be asked. */
  unansweredSince: number | null;
}
