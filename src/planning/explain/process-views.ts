/**
 * The parts of stored rows that explanations read. Planning does not know the machines; a test holds these views against
 * their contexts. A row whose context does not look as expected is shown as a problem, never guessed at.
 */

import type { GateRecord } from '../../domain/gate.ts';
import type { RollProgress } from '../../domain/node-pool-roll.ts';

export interface ProcessView {
  id: string;
  machine: string;
  seq: number;
  value: unknown;
  context: unknown;
  status: 'active' | 'final' | 'quarantined';
  wakeAt: number | null;
  parent: string | null;
  channel: string;
  cluster: string;
  commit: string;
  createdAt: number;
  updatedAt: number;
}

export interface FactView {
  key: string;
  value: unknown;
  updatedAt: number;
}

export interface WaitView {
  code: string;
  message: string;
  since: number;
  data?: unknown;
}

export interface FailureView {
  kind: 'transient' | 'terminal';
  code: string;
  message: string;
}

interface PauseView {
  by: string;
  reason: string;
  expiresAt: number | null;
}

interface Timed {
  code: string;
  message: string;
  since: number;
}

export interface CatchUpView {
  state: 'inFlight' | 'failed';
  failures: number;
  retryAt: number;
  message: string;
}

export interface ChannelView {
  channel: string;
  head: string | null;
  subject: string | null;
  lastGood: string | null;
  proven: string | null;
  handled: string | null;
  catchUps: Record<string, CatchUpView>;
  frozen: boolean;
  problem: Timed | null;
  paused: PauseView | null;
  wait: WaitView | null;
  failure: FailureView | null;
}

export interface MemberView {
  state: 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left' | 'skipped';
  attempt: number;
  wave: number;
  blocked: { code: string; message: string; data?: unknown } | null;
  stalled: { code: string; message: string } | null;
  failure: FailureView | null;
  checks: { passed: number; failed: number };
}

export interface RolloutView {
  channel: string;
  commit: string;
  subject: string;
  requestedAt: number;
  waves: { name: string; clusters: string[] }[];
  members: Record<string, MemberView>;
  ineligible: Record<string, string>;
  maxFailures: number;
  warnings: string[];
  soak: { requiredMs: number; observedMs: number } | null;
  gates: GateRecord[];
  paused: PauseView | null;
  halt: Timed | null;
  stop: { by: string; reason: string } | null;
  wait: WaitView | null;
  failure: FailureView | null;
}

export interface DecommissionView {
  clusterId: string;
  requestedAt: number;
  wait: WaitView | null;
  failure: FailureView | null;
}

export interface PoolRollView {
  controlPlane: boolean;
  state: string;
  child: string | null;
  since: number;
  nodesReplaced: number;
  reason: string | null;
  blocked: { code: string; message: string; data?: unknown; since: number } | null;
  karpenter?: { total: number; outdated: number } | undefined;
  etcd?: { total: number; outdated: number; inFlight: { instanceId: string; since: number } | null } | undefined;
}

export interface ClusterUpdateView {
  clusterId: string;
  commit: string;
  rolloutId: string;
  attempt: number;
  admittedAt: number;
  rolls: Record<string, PoolRollView>;
  e2e: {
    child: string;
    state: string;
    passed: number;
    failed: number;
    failures: { check: string; outcome: string; message: string }[];
    excused?: string[] | undefined;
    flaky?: string[] | undefined;
  } | null;
  midRoll?:
    | {
        round: number;
        child: string | null;
        result: string | null;
        failures: { check: string; outcome: string; message: string }[];
        said?: { check: string; outcome: string; message: string }[] | undefined;
      }
    | undefined;
  paused: PauseView | null;
  failures: number;
  failure: FailureView | null;
  stall: { since: number; retryAt: number } | null;
  stop: { intent: string; by: string } | null;
  wait: WaitView | null;
}

export interface NodePoolRollView {
  pool: string;
  controlPlane: boolean;
  progress: RollProgress | null;
  wait: WaitView | null;
  paused?: PauseView | null;
}

export interface E2eRunView {
  results: { check: string; outcome: string; message: string }[];
  running: string[];
  total: number;
  wait: { code: string; message: string } | null;
}

export interface PromotionView {
  channel: string;
  target: string;
  commit: string;
  problem: Timed | null;
  paused: PauseView | null;
  wait: WaitView | null;
  failure: FailureView | null;
  /** The request that somebody has to approve. */
  review: { url: string } | null;
}

/** Fact `cluster/<id>`: what was last recorded of a cluster. */
export interface ClusterFactView {
  currentVersion?: string | null;
  commit?: string | null;
  updatedAt?: number;
}

/** Fields that a context must have before it is read as the view of its machine. */
const required: Record<string, string[]> = {
  channel: ['channel', 'head', 'proven'],
  rollout: ['commit', 'members', 'waves'],
  clusterUpdate: ['clusterId', 'commit', 'rolls'],
  nodePoolRoll: ['pool'],
  e2eRun: ['results'],
  promotion: ['target', 'commit'],
  decommission: ['clusterId', 'requestedAt'],
};

/** The context as the view of its machine; undefined when fields that it must have are missing. */
export function viewOf<View>(row: ProcessView): View | undefined {
  const context = row.context;
  if (typeof context !== 'object' || context === null) return undefined;
  const complete = (required[row.machine] ?? []).every((field) => field in context);
  return complete ? (context as View) : undefined;
}

/** `rollingWorkers`, or `updating.wave` for a nested state. */
export function stateName(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return '';
  const [entry] = Object.entries(value);
  return entry === undefined ? '' : `${entry[0]}.${stateName(entry[1])}`;
}

/** Outermost part of a state's name. */
export function outerState(value: unknown): string {
  return stateName(value).split('.')[0] as string;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
