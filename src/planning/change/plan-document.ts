/** What `clm plan` answers: stable JSON, and what the texts for people are made of. */
import type { CanaryDecision } from '../../domain/node-pool-roll.ts';
import type { Preflight } from '../roll/preflight.ts';

export type ChangeKind =
  | 'create'
  | 'update'
  | 'delete'
  /** It differs, or may differ, from what is there, and what is there is not known. */
  | 'unknown';

export interface UnitChange {
  unit: 'stack' | 'user-data' | 'object' | 'deletions';
  /** `stack nodepool-a`, `Deployment kube-system/coredns`. */
  name: string;
  /** Component of an object, pool of a stack. */
  of?: string;
  /** Further repositories that files of the component come from. */
  from?: readonly string[];
  change: ChangeKind;
  /** Lines of a unified diff with secrets replaced; empty when there is nothing to compare, or when only hidden values differ. */
  diff: string[];
  added: number;
  removed: number;
  /** Nothing but values that are not shown differ. */
  hiddenOnly: boolean;
  note?: string;
}

export interface PoolRollForecast {
  pool: string;
  controlPlane: boolean;
  nodes: number;
  /** `observed` when the pool was last looked at; `registry` = its least size, because nobody has looked yet. */
  nodesFrom: 'observed' | 'registry';
  /** Nodes above its size that the pool may have meanwhile. */
  surge: number;
  why: string[];
  /** false when what runs is not known: then these are the most that may roll. */
  certain: boolean;
  p50Seconds: number;
  p90Seconds: number;
  /** Boots and drains that the forecast rests on; 0 = guesses. */
  measured: { boots: number; drains: number };
  /** What its groups launch, as far as it renders; absent for control planes, pools that leave, and groups that cannot be told. */
  contents?: PoolContent[];
}

/** Groups of a pool whose new nodes are alike, and whether one of them comes first. */
export interface PoolContent {
  /** Logical ids in the stack's template. */
  groups: string[];
  canary: CanaryDecision;
}

/** Something that keeps the version from a cluster. */
export interface PlanRefusal {
  code: string;
  message: string;
  remedy: string;
}

/** A stack about which CloudFormation was asked, when it has something to do. */
export interface LiveStack {
  name: string;
  state: 'absent' | 'changes' | 'failed' | 'busy' | 'unknown';
  message: string;
}

/** An object that is not as it renders. */
export interface LiveObject {
  name: string;
  /** `refused` = the API server would not take it. */
  state: 'absent' | 'differs' | 'refused';
  message: string;
}

/** What the cluster itself says. */
export interface LiveFindings {
  stacks: LiveStack[];
  objects: LiveObject[];
  /** Resources of stacks that somebody changed behind CloudFormation's back, in words; absent when there is none. */
  drift?: string[];
  /** What a roll of its nodes would meet; absent when nobody could be asked. */
  roll?: Preflight;
  /** Why it could not be asked, or not about everything. */
  trouble?: string;
}

/** One cluster, compared. */
export interface ClusterChange {
  cluster: string;
  id: string;
  channel: string;
  commit: string;
  version: string;
  currentVersion: string | null;
  class: string;
  changes: UnitChange[];
  rolls: PoolRollForecast[];
  refusals: PlanRefusal[];
  notes: string[];
  /** Only when it was asked. */
  live?: LiveFindings;
}

/** A change that is the same in several clusters. */
export interface FleetChange extends UnitChange {
  clusters: string[];
  /** Node pools in which it is the same. */
  pools: string[];
}

export interface PlanClass {
  name: string;
  clusters: string[];
  /** Nodes that roll in all of them together. */
  nodes: number;
  /** Longest of them. */
  p50Seconds: number;
  p90Seconds: number;
}

export interface PlanDocument {
  /** What was asked for; absent = every cluster at the head of its own channel. */
  ref?: string;
  commits: {
    commit: string;
    subject: string;
    channels: string[];
    /** Commits of further repositories that it pins. */
    sources?: readonly { name: string; commit: string }[];
  }[];
  /** "61 no-op, 16 daemonset-only, 3 roll 412 nodes" */
  summary: string;
  noop: boolean;
  nodes: number;
  classes: PlanClass[];
  /** In full for the first cluster that has it. */
  changes: FleetChange[];
  rolls: (PoolRollForecast & { cluster: string })[];
  refusals: (PlanRefusal & { clusters: string[] })[];
  clusters: (Omit<ClusterChange, 'changes' | 'rolls' | 'refusals'> & {
    /** Places in `changes`. */
    changes: number[];
    nodes: number;
    refusals: string[];
  })[];
  notes: { message: string; clusters: string[] }[];
}
