/** The roll of one node pool as it is stored and shown. Plain JSON; observations are recomputed, only decisions are kept. */

/** A fixed number of surge nodes, a share of the pool (rounded up), or the planner's own choice. */
export type SurgeSetting = number | `${number}%` | 'adaptive';

export interface NodePoolRollInput {
  clusterId: string;
  updateId: string;
  rolloutId: string;
  pool: string;
  controlPlane: boolean;
  commit: string;
  /** A node that budgets block this long without progress is reported to the parent. */
  blockLimitMs: number;
  /** An instance that is not usable this long after its launch counts as a failed boot. */
  bootTimeoutMs: number;
  surge?: SurgeSetting | undefined;
  /** Its first new nodes, one of each content, are checked before old ones go: it waits for CHECKED of each. */
  checksFirst?: boolean | undefined;
  /** The pool is to be no more: its nodes are drained, none is launched, and nothing is put back at the end. */
  removes?: boolean | undefined;
}

/** Where a node is in the roll; computed from cloud and node object, kept only for display and for how long it lasts. */
export type RollNodePhase =
  /** New, and not usable yet. */
  | 'booting'
  | 'boot-failed'
  /** New, and carries pods. */
  | 'usable'
  /** Outdated, not touched yet. */
  | 'old'
  /** Cordoned by us: pods are being moved. */
  | 'draining'
  /** Draining, and nothing moves until somebody changes something. */
  | 'blocked'
  /** Empty, waiting for the quiet time, for the load balancer, or for its termination. */
  | 'drained'
  | 'terminating'
  /** Standby, detached or in a state this program does not know: never touched. */
  | 'foreign';

/** What keeps a pod on its node. */
export interface RollBlock {
  /** kebab-case: `budget-never-allows`, `multiple-budgets`, `budget-refuses`, `bare-pod`, `pod-returns`, … */
  code: string;
  message: string;
  namespace: string;
  /** Names of the budgets, comma separated. */
  budget: string;
  pod: string;
  /** `Deployment/payments-api` as far as known. */
  owner: string;
  node: string;
  /** Decision time, epoch ms. */
  since: number;
}

export interface RollNode {
  name: string;
  instanceId: string;
  phase: RollNodePhase;
  /** Decision time at which the phase began. */
  since: number;
  /** Why the phase has not ended: short, stable. */
  detail?: string | undefined;
  blockedBy?: RollBlock | undefined;
}

/** For `clm status`; `nodes` holds only the nodes in hand. */
export interface RollProgress {
  total: number;
  updated: number;
  nodes: RollNode[];
}

/**
 * An own change of capacity, committed before it is made: a killed program finds out afterwards whether it happened instead of
 * guessing.
 */
export type CapacityIntent =
  | {
      kind: 'launch';
      id: string;
      group: string;
      zone: string | null;
      /** ClientToken: the same launch sent twice answers the same instance. */
      token: string;
      /** LaunchInstances is not to be had: desired is raised instead. */
      raise: boolean;
    }
  | {
      kind: 'terminate';
      id: string;
      group: string;
      instanceId: string;
      node: string;
      decrement: boolean;
      /** The instance was old, surplus, or never became usable. */
      why: 'outdated' | 'surplus' | 'boot-failed';
      /** First describe, after an answer was lost, that still showed it in service. */
      stillThereAt: number | null;
      /** What kept a failed boot from being usable. */
      problem?: string | undefined;
    };

/** What nodes are launched from, as far as another node's boot says something about theirs. Digests: user data may hold secrets. */
export interface NodeContent {
  /** Image, user data, instance families, disks and the Kubernetes version of the cluster: equal in other pools and clusters. */
  content: string;
  /** What the template names of its own cluster: profile, security groups, keys, tags, and which of the cluster's names its user data has. */
  surroundings: string;
  /** For people. */
  image: string;
}

/** Nodes of one content in one pool: what is known of their boots. */
export interface BootRecord extends NodeContent {
  /** Nodes that became usable. */
  nodes: number;
  /** When the first and the last of them did, epoch ms. */
  since: number;
  lastAt: number;
  /** When the last one of this content was given up; null = never. */
  failedAt: number | null;
}

/** Whether one new node of this content comes first and shows that it boots. Decided when a roll begins. */
export interface CanaryDecision {
  needed: boolean;
  /** A sentence for people. */
  reason: string;
}

export interface RollGroupMemory {
  name: string;
  /** Launch template that nodes are brought to; another one in the group is somebody else's change. */
  target: { id: string; version: string };
  /** What most of its outdated nodes were launched from when the roll began: where a rollback goes. */
  previous: { id: string; version: string } | null;
  /** Cached from the group's tags, which are the authority. */
  baseline: number;
  /** desired as it has to be if only we changed it. */
  expected: number;
  /** Maximum as we set it. */
  max: number;
  /** min as it was. */
  min: number;
  /** Of the target; null where it could not be read, or does not matter. */
  content: NodeContent | null;
  canary: CanaryDecision;
}

/** The first new node of its content in a pool, while checks on it are waited for. */
export interface FirstNode {
  node: string;
  /** Decision time since which it carries pods. */
  since: number;
}

export interface CheckedNode extends FirstNode {
  /** Digest of what it was launched with: the checks speak for all nodes of it. */
  content: string;
}

/** New nodes of one group that were given up. */
export interface BootFault {
  group: string;
  nodes: number;
  /** What kept the last of them from being usable. */
  problem?: string | undefined;
}

/** Decisions of a roll that cannot be observed again. */
export interface RollMemory {
  rollId: string;
  groups: RollGroupMemory[];
  /** Outdated instances when the roll began. */
  outdatedAtStart: number;
  notReadyAtStart: number;
  unschedulableAtStart: number;
  /** Numbers launches, so that each has a token of its own. */
  launches: number;
  bootFailures: number;
  /** Whose they were; the last one comes last. Of no meaning while there are no failures. */
  bootFaults?: BootFault[] | undefined;
  evictions: number;
  intents: CapacityIntent[];
  /** Zones that had no capacity for a group's instance types, and when they may be asked again. */
  zonesWithout: { group: string; zone: string; until: number }[];
  /** LaunchInstances was refused as unknown or not permitted: desired is raised instead until then, when it is asked for again. */
  launchByDesiredUntil: number | null;
  /** Deviations seen once; believed when they last. */
  drift: { what: string; since: number } | null;
  /** A control-plane node is on its way out. */
  inFlight: string | null;
  /** When the last one had gone; the settle period counts from here. */
  settledFrom: number | null;
  /** Blocked nodes whose report went to the parent. */
  reported: boolean;
  /** Pods that could not pull their image when the roll began. */
  pullFailuresAtStart: number;
  /** Holders of the fleet's boot slots, oldest first: one for each node that boots because of this roll. */
  boots: string[];
  /** Set while the roll waits for checks on them, one of each content. */
  firstNodes?: CheckedNode[] | undefined;
}

/** What rolls of a pool have measured, newest last, in ms of decision time: what forecasts rest on. */
export interface RollHistory {
  /** From the launch of a node until it counts. */
  boots: number[];
  /** From the cordon of a node until its termination is accepted. */
  drains: number[];
}
