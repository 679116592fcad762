/** What planning takes and gives. */
import type { ClusterView } from '../../domain/cluster-view.ts';
import type {
  CapacityIntent,
  RollHistory,
  RollMemory,
  RollNode,
  RollProgress,
  SurgeSetting,
} from '../../domain/node-pool-roll.ts';
import type { CloudView } from '../../ports/cluster-session.ts';
import type { LeavingWhy } from './node-marks.ts';
import type { RollPolicy } from './policy.ts';

/**
 * `rolling`: replace outdated nodes. `removing`: drain every node of a pool that is to be no more, and launch none. `stopping`: finish
 * or give back what is begun, remove surplus, start nothing.
 */
export type RollMode = 'rolling' | 'removing' | 'stopping';

/** One pool that a roll is under way for. */
export interface PoolRollState {
  processId: string;
  pool: string;
  controlPlane: boolean;
  mode: RollMode;
  surge: SurgeSetting | undefined;
  /** Old nodes stay until checks on the first new ones have passed, one of each content; digests of those on which they have. */
  checksFirst?: { passed: readonly string[] } | undefined;
  bootTimeoutMs: number;
  blockLimitMs: number;
  memory: RollMemory;
  /** Phases as of the last look, for how long they have lasted. */
  nodes: RollNode[];
}

export interface RollPlanInput {
  view: ClusterView;
  cloud: CloudView;
  /** All pools of the cluster with a roll under way: budgets, boots and the control plane are shared. */
  pools: PoolRollState[];
  now: number;
  policy: RollPolicy;
  /** When kubelets were surely alive, by node and by this process's clock; nodes whose controllers lead the cluster; and when that was asked; undefined = not asked lately. Needed before a cordon. */
  leases: { at: number; renewed: ReadonlyMap<string, number>; leaders: ReadonlySet<string> } | undefined;
  /** When the last pod has come to a node that this program drains, by name; nothing is known of what came before a restart. */
  lastArrivals: ReadonlyMap<string, number>;
  /** What operators have allowed or forbidden for this cluster, each with an end. */
  overrides: RollOverrides;
  /** How long pods took to end after an accepted eviction (ms, smoothed), by workload (`workloadOf`). */
  terminationMs: ReadonlyMap<string, number>;
  /** What rolls of each pool have measured, this one included. */
  history: ReadonlyMap<string, Pick<RollHistory, 'boots'>>;
  /** Answer of the API server's /readyz; undefined = not asked lately. Only a control plane's roll needs it. */
  apiReady: boolean | undefined;
  /** Earliest next eviction request of a pod that was refused, by uid. */
  evictNotBefore: ReadonlyMap<string, number>;
  /** When a pod whose eviction the API server was too busy for may be asked about again, by its uid: no word of its budget. */
  throttledUntil: ReadonlyMap<string, number>;
  /** No pod is evicted before: set after a restart, when nobody knows what was asked for a moment ago. */
  evictionsHeldUntil: number;
  /** How often pods of an owner came back to a cordoned node, by `node/owner uid`. */
  returns: ReadonlyMap<string, number>;
  /** Pods that answered an eviction with a lasting refusal, by uid. */
  refusedForGood: ReadonlyMap<string, { code: string; message: string }>;
  /** When a load balancer was last asked to let go of an instance, by `instance id/balancer id`; a describe may be older. */
  deregisteredAt: ReadonlyMap<string, number>;
  /** When an instance was last protected from scale-in, by its id; a describe may be older. */
  protectedAt: ReadonlyMap<string, number>;
}

/** Who allows or forbids something, why, and until when (P9). */
export interface RollOverride {
  actor: string;
  reason: string;
  expiresAt: number;
}

export interface RollOverrides {
  /** Pods may be deleted around their budgets, by the rules of the cluster's force policy. */
  force: RollOverride | undefined;
  /** Nodes to be left alone, by name. */
  skips: ReadonlyMap<string, RollOverride>;
}

export const noOverrides: RollOverrides = { force: undefined, skips: new Map() };

/** Each says why in a sentence that a person understands. */
export type RollAction = { reason: string } & (
  | { kind: 'capacity'; intent: CapacityIntent }
  | { kind: 'cordon'; node: string; instanceId: string; pods: number; why: LeavingWhy }
  /** Uncordon and take back every mark. */
  | { kind: 'give-back'; node: string; instanceId: string }
  | { kind: 'mark'; node: string; instanceId: string; protectedByUs: boolean; effect: RollPolicy['outdatedTaint'] }
  | { kind: 'exempt'; node: string }
  | { kind: 'protect'; group: string; instanceIds: string[] }
  | {
      kind: 'evict';
      namespace: string;
      pod: string;
      uid: string;
      node: string;
      owner: string;
      ownerUid: string;
      workload: string;
      budget: string | undefined;
      /** Created after the drain began: the pod came back. */
      returned: boolean;
    }
  /** A deletion in spite of the pod's budgets, by the force policy; with the pod's own grace. */
  | {
      kind: 'force';
      namespace: string;
      pod: string;
      uid: string;
      node: string;
      owner: string;
      budget: string;
      actor: string;
    }
  | { kind: 'deregister'; balancer: { kind: 'classic' | 'target-group'; id: string }; instanceId: string; node: string }
  /** `tagged`: the group's tags say so as well; not while they may just have been taken back. */
  | { kind: 'move-baseline'; group: string; baseline: number; expected: number; tagged: boolean }
);

export type PoolVerdict =
  | { kind: 'going-on' }
  /** Rolling: nothing outdated is left, and the rest has settled. Stopping: nothing of the roll is left but limits and marks. */
  | { kind: 'complete' }
  /** Somebody else changed the group. */
  | { kind: 'foreign-change'; message: string }
  | { kind: 'failed'; code: string; message: string };

export interface PoolPlan {
  pool: string;
  processId: string;
  verdict: PoolVerdict;
  actions: RollAction[];
  wait: { code: string; message: string };
  /** When something changes by time alone. */
  nextLookAt: number;
  /** The describe that this plan rests on should not be older; it is made anew and planned again otherwise. */
  cloudNotBefore: number;
  /** All that keeps the control plane from going on is that nobody has asked the API server lately. */
  wantsApi: boolean;
  /** All that keeps a node from being cordoned, or from counting, is that nobody has read the Leases lately. */
  wantsLeases: boolean;
  /** Complete list; the committed progress leaves out what is not worth a commit. */
  nodes: RollNode[];
  progress: Omit<RollProgress, 'nodes'>;
  memory: RollMemory;
  /** Nodes that began to count since the last look, and how long they took. */
  booted: { name: string; group: string; ms: number }[];
  /** Nodes of the pool that boot now or are about to. */
  booting: number;
  outdatedLeft: number;
  /** Nodes blocked for blockLimitMs: reported to the parent. */
  overLimit: RollNode[];
}

export interface RollPlan {
  pools: PoolPlan[];
}
