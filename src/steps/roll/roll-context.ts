/** What the steps of a roll work with. */
import type { Cluster } from '../../domain/cluster.ts';
import { type Failure, FailureError, transient } from '../../domain/failure.ts';
import type { NodePoolRollInput, RollHistory, RollMemory, RollProgress } from '../../domain/node-pool-roll.ts';
import type { FleetBootRecord } from '../../planning/roll/canary.ts';
import type { RollPolicy } from '../../planning/roll/policy.ts';
import type { PoolPlan, RollOverrides } from '../../planning/roll/roll-plan.ts';
import type { ClusterSession, ClusterSessions } from '../../ports/cluster-session.ts';
import type { JournalNote, StepInput } from '../../ports/step.ts';
import type { Admission, OutboxMessage } from '../../ports/store.ts';
import type { Clock } from '../../support/clock.ts';
import type { Logger } from '../../support/logger.ts';
import type { Random } from '../../support/random.ts';
import { RollLedger } from './roll-ledger.ts';

/** The part of the machine's context that steps read. */
export interface RollContext extends NodePoolRollInput {
  progress: RollProgress;
  memory: RollMemory | null;
  nodesReplaced: number;
  paused: { by: string; reason: string; expiresAt: number | null } | null;
  checked?: string[];
  revert: { by: string; reason: string } | null;
}

export interface RollStepsInput {
  sessions: ClusterSessions;
  clock: Clock;
  random: Random;
  /** A hint to the engine that a process should look again (`engine.wake`). */
  wake: (processId: string) => void;
  log: Logger;
  /** What a cluster allows; `defaultRollPolicy` unless configured. */
  policyOf: (clusterId: string) => RollPolicy;
  /** What operators allow or forbid there now. */
  overridesOf: (clusterId: string) => Promise<RollOverrides>;
  /** As the registry has it. */
  clusterOf: (clusterId: string) => Cluster | undefined;
  /** What rolls of all clusters share through the store. */
  fleet: {
    /** Nodes that may boot at once over all clusters: they pull from one registry. */
    bootLimit: number;
    /** Holders of the boot slots now. */
    booting: () => Promise<string[]>;
    historyOf: (clusterId: string, pool: string) => Promise<RollHistory | undefined>;
    /** Boots on record, of pools whose `historyKey` begins with that; of all of them with ''. */
    bootRecords: (keyPrefix: string) => Promise<FleetBootRecord[]>;
    /** How long pods took to end in earlier rolls (ms), by workload. */
    stopsOf: (clusterId: string) => Promise<Record<string, number> | undefined>;
  };
}

/** After a start nobody knows which evictions were asked for a moment ago. */
const holdAfterStartMs = 5_000;
const ledgersKept = 2_000;

export interface RollParts extends RollStepsInput {
  /** To be asked for anew in each look. */
  ledgerOf(clusterId: string): RollLedger;
}

export function rollParts(input: RollStepsInput): RollParts {
  const ledgers = new Map<string, RollLedger>();
  const { clock } = input;
  const start = () => ({ timesSet: clock.timesSet, heldUntil: clock.now() + holdAfterStartMs });
  let started = start();
  return {
    ...input,
    ledgerOf(clusterId) {
      if (started.timesSet !== clock.timesSet) {
        // What was noted by another time is worth no more than after a start.
        ledgers.clear();
        started = start();
      }
      let ledger = ledgers.get(clusterId);
      if (!ledger) {
        if (ledgers.size >= ledgersKept) for (const [id, one] of ledgers) if (one.board.size === 0) ledgers.delete(id);
        ledger = new RollLedger(started.heldUntil);
        ledgers.set(clusterId, ledger);
      }
      return ledger;
    },
  };
}

/** One look at a cluster, for one pool. */
export interface RollVisit {
  parts: RollParts;
  step: StepInput<RollContext>;
  session: ClusterSession;
  ledger: RollLedger;
  policy: RollPolicy;
  notes: JournalNote[];
  messages: OutboxMessage[];
  /** Measured in this look. */
  measured: RollHistory;
  /** Groups of nodes that became usable in this look, or were given up: one entry a node. */
  boots: { usable: string[]; failed: string[] };
  now(): number;
}

export function note(visit: RollVisit, kind: string, message: string, data?: JournalNote['data']): void {
  visit.notes.push({ kind, message, data: { pool: visit.step.context.pool, ...(data as object | undefined) } });
}

/** Before every change of a cloud or cluster. */
export function assertLease(visit: RollVisit): void {
  if (visit.step.leaseHeld() && !visit.step.signal.aborted) return;
  throw new FailureError(transient('lease-lost', 'another daemon may act: nothing is changed'));
}

/** What one look came to. */
export interface RollLook {
  plan: PoolPlan;
  memory: RollMemory;
  /** The first thing that went wrong. */
  failure: Failure | undefined;
  /** When an unresolved change of capacity wants another look. */
  lookAt: number | undefined;
  /** Changes of capacity were decided: they are committed, and then made. */
  decided: boolean;
  /** Boot slots to take with the commit. */
  admit: Admission[];
  /** Boot slots to give back with it. */
  release: string[];
}
