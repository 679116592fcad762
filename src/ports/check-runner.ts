/** Runs the end-to-end checks of a profile on one cluster. */

/**
 * `error` is the tool's or the infrastructure's trouble, never a verdict on the cluster; `blocked` = a check it depends on did
 * not pass.
 */
export type CheckOutcome = 'pass' | 'fail' | 'flaky' | 'skipped' | 'blocked' | 'timedout' | 'error' | 'cancelled';

export type SkipCode =
  | 'CAPABILITY_ABSENT'
  | 'PROVIDER_UNSUPPORTED'
  | 'NOT_ENOUGH_ZONES'
  | 'NOT_ENOUGH_NODES'
  | 'CONFIG_MISSING'
  | 'DISRUPTIVE_NOT_ALLOWED'
  | 'QUARANTINED'
  | 'DEPENDENCY_FAILED'
  | 'NOT_SELECTED';

/** JSON, so that a process can keep it in its context. */
export interface CheckResult {
  check: string;
  outcome: CheckOutcome;
  message: string;
  /** Only with outcome skipped. */
  skipCode?: SkipCode;
  startedAt: number;
  durationMs: number;
  /** Objects that cleaning up left behind: a verdict of its own. */
  leaked: string[];
}

export interface CheckRunRequest {
  /** Process id of the e2e run; namespaces and labels derive from it, so a rerun finds what a killed run left. */
  runId: string;
  clusterId: string;
  profile: string;
  /** Results of checks that finished before a restart; they are not run again. */
  finished: CheckResult[];
}

export interface CheckRunState {
  results: CheckResult[];
  /** Ids of the checks being run right now. */
  running: string[];
  total: number;
  done: boolean;
}

export interface CheckRunner {
  /** Starts the run unless it is under way in this daemon, and says how far it is. Never waits for checks. */
  ensure(request: CheckRunRequest, onProgress: () => void): CheckRunState;
  /**
   * Cancels, cleans up, and resolves when nothing of the run is left (or it gave up: see `leaked`). With a cluster it also cleans up
   * after a run that this daemon does not know: one that was killed.
   */
  cancel(runId: string, clusterId?: string): Promise<void>;
  /** Forgets a finished run. */
  forget(runId: string): void;
  /** Ids of the checks in a profile; undefined for an unknown profile. */
  checksOf(profile: string): string[] | undefined;
}
