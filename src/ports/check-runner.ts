/** Runs the end-to-end checks of a profile on one cluster. */
import type { Patch, Resource } from './kube-cluster.ts';

/**
 * `error` is the tool's or the infrastructure's trouble, never a verdict on the cluster; `blocked` = a check it depends on did
 * not pass; `flaky` = failed, then passed when it was run again.
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

/** What a cluster can offer. The registry lists what it must offer in `e2e_expects`: then a skip for its absence is a failure. */
export type Capability =
  | 'audit-log'
  | 'autoscaler'
  | 'cert-manager'
  | 'cloud-identity'
  | 'custom-metrics'
  | 'external-dns'
  | 'gateway-api'
  | 'gpu'
  | 'image-policy'
  | 'ingress'
  | 'load-balancer'
  | 'log-backend'
  | 'metrics-api'
  | 'multi-node'
  | 'multi-zone'
  | 'network-policy'
  | 'pod-security'
  | 'private-registry'
  | 'prometheus'
  | 'routegroup'
  | 'spot-handler'
  | 'storage'
  | 'volume-snapshots';

/** One assertion, or one cell of a table. */
export interface CheckStep {
  name: string;
  outcome: 'pass' | 'fail' | 'skipped';
  message?: string;
  durationMs: number;
}

/** A measured value; `name` without the `clm_e2e_` prefix. */
export interface CheckMetric {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** One test of a check that runs a suite of others: upstream conformance, a container with a report. */
export interface CheckCase {
  name: string;
  outcome: 'pass' | 'fail' | 'flaky' | 'error';
  message: string;
  durationMs: number;
}

/** How far a check is that runs many tests. `total` 0: nobody knows yet. */
export interface CheckProgress {
  completed: number;
  total: number;
  failed: number;
}

/** JSON, so that a process can keep it. No message has a secret in it. */
export interface CheckResult {
  check: string;
  gate: 'blocking' | 'informing';
  outcome: CheckOutcome;
  message: string;
  /** Only with outcome skipped. */
  skipCode?: SkipCode;
  startedAt: number;
  durationMs: number;
  /** Times it was run, 1 unless it was run again. */
  attempts: number;
  /** Objects that cleaning up left behind, or cloud resources nobody confirmed as gone: a verdict of its own. */
  leaked: string[];
  /** Not cleaned up on purpose: the namespace in which its objects stay, until when (epoch ms). No leak until then. */
  kept?: { namespace: string; until: number };
  /** Why its attempts count as a failure, when there were several. */
  odds?: string;
  /** Failures that say the same share it; set in what a process keeps. */
  signature?: string;
  /** Absent in what a process keeps: they are for reports and history. */
  steps?: CheckStep[];
  metrics?: CheckMetric[];
  /** Tests that it ran itself; skipped ones are left out. */
  cases?: CheckCase[];
  /** Nodes that the check's pods ran on. */
  nodes?: string[];
  /** Collected before cleaning up, when it did not pass: events, states and logs as readable lines. */
  evidence?: string[];
}

export interface Quarantine {
  check: string;
  /** Everywhere unless a cluster is named. */
  cluster?: string;
  /** Epoch ms, decision time: an expired quarantine is none. */
  until: number;
  reason: string;
  actor: string;
  issue?: string;
}

export interface CheckRunRequest {
  /** Process id of the e2e run; namespaces and labels derive from it, so a rerun finds what a killed run left. */
  runId: string;
  clusterId: string;
  profile: string;
  /** Results of checks that finished before a restart; they are not run again. */
  finished: CheckResult[];
  /** Only these of the profile (`*` stands for any text); all unless given. */
  only?: string[];
  skip?: string[];
  quarantine?: Quarantine[];
  /** What each check took lately, in ms: for the time that is left. */
  expectedMs?: Record<string, number>;
  /** How often each check flakes: with it, the number of attempts follows from the odds. */
  history?: Record<string, FlakeHistory>;
  /** Epoch ms: nodes made since then are new ones; for checks that compare generations. */
  newSince?: number;
  /** New ones that have to be looked at: each is the first of its pool. */
  newNodes?: string[];
  /** For how long objects of failed checks are kept, bounded; the cluster's own setting goes before it, and production wants one. */
  keepOnFailureMs?: number;
  /** Failed checks of the cluster whose objects stay at once, those of other runs included; any number unless given. */
  mostKept?: number;
}

/** What history says of one check: results that say something, and how many of them were flakes (failures that did not last). */
export interface FlakeHistory {
  runs: number;
  flakes: number;
  /** Other clusters on which the same check failed for good at this very version. */
  failingElsewhere?: number;
}

export interface CheckRunState {
  results: CheckResult[];
  /** Ids of the checks being run right now. */
  running: string[];
  /** Of running checks that say how far they are, by id. */
  progress: Record<string, CheckProgress>;
  /** Checks that failed and are going to be run again. */
  again: string[];
  total: number;
  done: boolean;
  /** Checks of the profile that the request left out. */
  notSelected: string[];
  /** When it is going to end, as far as is known: epoch ms, decision time. */
  endsAt: number;
}

/** Something that a run made or changed, written down before it is done. */
export interface LedgerEntry {
  run: string;
  cluster: string;
  check: string;
  /** Ascending within the run; cleaning up goes backwards. */
  seq: number;
  at: number;
  what:
    | { kind: 'object'; resource: Resource; namespace?: string; name: string }
    /** Made by a controller on our behalf: it must go by itself. */
    | { kind: 'follows'; resource: Resource; namespace?: string; name: string }
    /** Whatever of the kind appears from now on with these labels is made on our behalf; what is there already is not. */
    | { kind: 'appearing'; resource: Resource; name: string; labelSelector: string; except: string[] }
    /** A change of something that is not ours, with the patch that takes it back. */
    | { kind: 'undo'; resource: Resource; namespace?: string; name: string; patch: Patch; note: string }
    /** What the check has made stays in its namespace until then (epoch ms), for people to look at. */
    | { kind: 'kept'; name: string; until: number };
}

/** Objects of a failed check that were not cleaned up on purpose. */
export interface KeptObjects {
  run: string;
  cluster: string;
  check: string;
  namespace: string;
  /** Epoch ms. */
  until: number;
}

/** Write-ahead: an entry is durable before the thing it names exists. Survives the process. */
export interface CheckLedger {
  write(entry: LedgerEntry): Promise<void>;
  /** What the check made is gone, or has been reported as leaked. */
  close(run: string, check: string): Promise<void>;
  /** Entries that were never closed, in ascending order of seq. */
  open(run: string): Promise<LedgerEntry[]>;
  /** Runs of a cluster with entries that were never closed. */
  openRuns(clusterId: string): Promise<string[]>;
}

export interface CheckRunner {
  /** Starts the run unless it is under way in this daemon, and says how far it is. Never waits for checks. */
  ensure(request: CheckRunRequest, onProgress: () => void): CheckRunState;
  /**
   * Cancels, cleans up, and resolves when nothing of the run is left (or it gave up: see `leaked`). With a cluster it also cleans up
   * after a run that this daemon does not know: one that was killed.
   */
  cancel(runId: string, clusterId?: string): Promise<void>;
  /** What failed checks have kept on a cluster. */
  kept(clusterId: string): Promise<KeptObjects[]>;
  /** Takes away what failed checks have kept on a cluster: what is past its time, or all. `left` says what did not go. */
  sweepKept(
    clusterId: string,
    wanted: 'expired' | 'all' | { check: string },
  ): Promise<{ swept: KeptObjects[]; left: string[] }>;
  /** Forgets a finished run. */
  forget(runId: string): void;
  /** Ids of the checks in a profile; undefined for an unknown profile. */
  checksOf(profile: string): string[] | undefined;
  /** The checks of a profile as history names them; empty for an unknown profile. */
  testsOf(profile: string): { key: string; title: string; area: string; gate: 'blocking' | 'informing' }[];
}
