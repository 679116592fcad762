/** One cluster brought to one cluster version, as its process keeps it. */
import type { EtcdRoll } from './etcd.ts';
import type { FirstNode } from './node-pool-roll.ts';
import type { E2eGatePolicy, Finish } from './pipeline.ts';
import type { StoredFailure, StoredPause, StoredWait } from './stored.ts';

export interface ClusterUpdateInput {
  clusterId: string;
  channel: string;
  commit: string;
  tree: string;
  rolloutId: string;
  attempt: number;
  policy: {
    e2eProfile: string;
    e2eGate?: E2eGatePolicy | undefined;
    /** Decision ms. */
    blockLimitMs: number;
    progressDeadlineMs: number;
    channelMaxParallel: number;
    fleetMaxParallel: number;
    /** What an update completes before a newer one takes the cluster. */
    finish?: Finish | undefined;
  };
}

/** What the rendered commit changes for this cluster: names only; contents are rendered again when needed. */
export interface UpdatePlan {
  /** Cluster version aimed at. */
  version: string;
  digest: string;
  /** Nothing to apply: straight to the checks, or to the record when evidence is inherited. */
  noop: boolean;
  /** Key of the earlier green evidence that still holds; null = the checks run. */
  inheritedFrom: string | null;
  stacks: string[];
  components: string[];
  pools: string[];
  deletions: boolean;
  /**
   * What a failing check is compared with: a run before anything is touched; the one that was made before an earlier, unfinished
   * change; or nothing, because the cluster is already between two versions.
   */
  baseline?: 'measure' | 'earlier' | 'none' | undefined;
  /** 0 for the first plan; raised when the registry changed under the update and it was planned anew. */
  round: number;
}

export interface StackProgress {
  kind: 'etcd' | 'cluster' | 'extra' | 'node-pool';
  /**
   * `waiting`: for an operation of somebody else; `removing`: what is left of a failed creation goes; `recovering`: a failed
   * rollback is taken up again; `planned`: a change set was made; `started`: our operation runs; `applied`: it is as rendered.
   */
  state: 'waiting' | 'removing' | 'recovering' | 'planned' | 'started' | 'applied';
  /** When it came to that; failures before are none of ours. */
  since: number;
  /** Name of the change set, once there is one. */
  changeSet?: string | undefined;
}

export interface PoolRoll {
  controlPlane: boolean;
  /** `current`: no instance is outdated, nothing to roll. */
  state: 'running' | 'rolled' | 'current' | 'aborted' | 'failed';
  child: string | null;
  since: number;
  nodesReplaced: number;
  evictions: number;
  reason: string | null;
  blocked: { code: string; message: string; data?: unknown; since: number } | null;
  /** It waits for checks on its first new nodes, one of each content. */
  firstNodes?: FirstNode[] | undefined;
  /** Karpenter rolls the pool: nodes that are not as applied, and when the last one went (decision time). */
  karpenter?: { total: number; outdated: number; progressAt: number } | undefined;
  /** Not a pool of nodes: members of etcd, by the name of their stack. */
  etcd?: EtcdRoll | undefined;
}

export interface E2eFailure {
  check: string;
  outcome: string;
  message: string;
  /** Failures that say the same share it. */
  signature?: string | undefined;
}

/** What the checks said before the change. */
export interface E2eBaseline {
  /** Runs made so far. */
  round: number;
  /** The run under way. */
  child: string | null;
  /** undefined = it is not known, and nothing is excused. */
  failures?: E2eFailure[] | undefined;
}

/** Checks while workers are replaced. */
export interface E2eMidRoll {
  round: number;
  /** The run under way. */
  child: string | null;
  /** When the last one was started. */
  at: number;
  result: 'passed' | 'failed' | 'error' | null;
  failures: E2eFailure[];
  /** What the checks said of new nodes beside old ones: where it is not the new ones that fail, the roll goes on. */
  said?: E2eFailure[] | undefined;
}

export interface E2eProgress {
  /** Runs of this update so far; a run without a verdict is followed by another one, a few times. */
  round: number;
  child: string;
  state: 'running' | 'finished';
  result: 'passed' | 'failed' | 'error' | null;
  passed: number;
  failed: number;
  skipped: number;
  failures: E2eFailure[];
  /** Checks that passed only when run again. */
  flaky?: string[] | undefined;
  /** Checks whose failure was there before the change. */
  excused?: string[] | undefined;
}

/** States that a pause or a stall interrupts and returns to, in the order in which an update goes through them. */
export const workingStates = [
  'queued',
  'preflight',
  'rendering',
  'baseline',
  'etcdStack',
  'etcdRoll',
  'clusterStack',
  'controlPlaneStacks',
  'controlPlaneRoll',
  'api',
  'workerStacks',
  'preDeletions',
  'manifests',
  'workerRolls',
  'karpenterRolls',
  'postDeletions',
  'removals',
  'workloads',
  'e2e',
  'recording',
] as const;

export type WorkingState = (typeof workingStates)[number];

export interface ClusterUpdateState extends ClusterUpdateInput {
  /** Decision time at which it was let out of the queue; 0 before. */
  admittedAt: number;
  /** Observed time in flight, in capped ticks; waits on budgets and pauses are kept apart. */
  activeMs: number;
  blockedMs: number;
  lastSeenAt: number;
  /** `activeMs` when the present phase began. */
  phaseActiveMs: number;
  /** Process that holds this cluster and was asked to stop. */
  asked: string | null;
  plan: UpdatePlan | null;
  stacks: Record<string, StackProgress>;
  /** Components applied, in order. */
  components: string[];
  rolls: Record<string, PoolRoll>;
  e2e: E2eProgress | null;
  baseline?: E2eBaseline | undefined;
  midRoll?: E2eMidRoll | undefined;
  resumeTo: WorkingState;
  paused: StoredPause | null;
  /** Children that were told to pause, and have to be told to resume. */
  told: string[];
  /** Somebody asked to try again, and the children have not been told yet. */
  poke: boolean;
  /** Transient failures in a row. */
  failures: number;
  failure: StoredFailure | null;
  stall: { since: number; retryAt: number; rounds: number } | null;
  /** What the parent was told and holds to be true. */
  reported: { blocked: boolean; stalled: boolean };
  stop: { intent: 'superseded' | 'aborted' | 'failed'; by: string; told: boolean; finish?: 'pool' | undefined } | null;
  wait: StoredWait | null;
}

/** What a step has brought about; merged into the state, maps key by key. */
export interface UpdateProgress {
  asked?: string;
  plan?: UpdatePlan;
  stacks?: Record<string, StackProgress>;
  components?: string[];
  rolls?: Record<string, PoolRoll>;
  e2e?: E2eProgress;
  baseline?: E2eBaseline;
  midRoll?: E2eMidRoll;
  /** Reports that go to the parent with this outcome. */
  reported?: { blocked: boolean; stalled: boolean };
  /** Children told to pause (or, after a resume, none). */
  told?: string[];
  /** Children were told to try again. */
  poked?: boolean;
}

/** `STEP_DONE.output` of every step of a cluster update. */
export interface UpdateOutput extends UpdateProgress {
  /**
   * `next`: this phase is complete; `again`: something was done, the same step looks again; `replan`: what renders has changed
   * since the plan; `noop`/`inherit`: nothing to apply; `told`: children know; `resume`: go on; `stopped`: no child is left.
   */
  kind: 'next' | 'again' | 'replan' | 'noop' | 'inherit' | 'told' | 'resume' | 'stopped';
}

/** Of pools: members of etcd are no nodes. */
export function nodeRolls({ rolls }: Pick<ClusterUpdateState, 'rolls'>): PoolRoll[] {
  return Object.values(rolls).filter((roll) => roll.etcd === undefined);
}

/** Children under way, by process id. */
export function activeChildren(update: Pick<ClusterUpdateState, 'rolls' | 'e2e' | 'baseline' | 'midRoll'>): string[] {
  const rolls = Object.values(update.rolls).flatMap((roll) =>
    roll.state === 'running' && roll.child !== null ? [roll.child] : [],
  );
  const runs = [
    update.baseline?.child,
    update.midRoll?.child,
    update.e2e?.state === 'running' ? update.e2e.child : undefined,
  ];
  return [...rolls, ...runs.filter((run) => run != null)];
}

/** What `CHILD_FINISHED.output` of a cluster update says. */
export interface UpdateResult {
  result: 'updated' | 'superseded' | 'failed' | 'aborted';
  version: string | null;
  nodesReplaced: number;
  checks: { passed: number; failed: number };
  failure: StoredFailure | null;
}
