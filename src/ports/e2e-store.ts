/** What is kept of end-to-end runs: the ledger of what they made, and their history. */
import type { CheckLedger, CheckOutcome, SkipCode } from './check-runner.ts';

export type RunVerdict = 'pass' | 'flaky' | 'fail' | 'error' | 'cancelled';

export interface RunRecord {
  id: string;
  kind: 'cluster-update' | 'periodic' | 'manual' | 'conformance' | 'imported';
  profile: string;
  /** Who or what asked for it. */
  trigger: string;
  channel: string;
  commit: string;
  clusterId: string;
  provider: string;
  region: string;
  environment: string;
  /** Of the API server; empty when it was not learnt. */
  kubernetesVersion: string;
  startedAt: number;
  finishedAt: number;
  verdict: RunVerdict;
  reason: string;
  runnerVersion: string;
  /** Who answers for results that come from elsewhere; a named contact is required of importers. */
  contact: string;
  /** More columns of a grid. */
  headers: Record<string, string>;
}

export interface TestRecord {
  /** `<suite>/<name>`: the same over versions and clusters. */
  key: string;
  title: string;
  area: string;
  gate: 'blocking' | 'informing';
}

export interface ResultRecord {
  runId: string;
  test: string;
  outcome: CheckOutcome;
  attempts: number;
  startedAt: number;
  durationMs: number;
  /** At most 256 characters. */
  message: string;
  /** Failures that say the same but for names and numbers share it; empty when it did not fail. */
  signature: string;
  skipCode: SkipCode | '';
  leaked: number;
  /** Nodes that it ran on, with the generation of each when it is known. */
  nodes: string[];
}

export interface RunFilter {
  clusterId?: string;
  channel?: string;
  commit?: string;
  profile?: string;
  kind?: RunRecord['kind'];
  /** Started at or after. */
  since?: number;
  limit: number;
}

/** A result with what a grid needs of its run. */
export interface HistoryResult extends ResultRecord {
  clusterId: string;
  channel: string;
  commit: string;
}

export interface E2eHistory {
  /** Newest first. */
  runs(filter: RunFilter): Promise<RunRecord[]>;
  run(id: string): Promise<{ run: RunRecord; results: ResultRecord[] } | undefined>;
  /** Results of the runs that the filter names, oldest run first. */
  results(filter: RunFilter & { test?: string }): Promise<HistoryResult[]>;
  tests(): Promise<(TestRecord & { firstSeen: number; lastSeen: number })[]>;
}

export interface E2eStore extends E2eHistory, CheckLedger {
  /** Idempotent: the same run again replaces what was kept of it. Secrets in messages are not stored. */
  record(run: RunRecord, tests: TestRecord[], results: ResultRecord[]): Promise<void>;
  /**
   * Deletes runs that started before the given time; says how many. For each profile of a cluster that has a run since then, the last one
   * that passed and the first that failed after it stay.
   */
  pruneHistory(before: number): Promise<number>;
}
