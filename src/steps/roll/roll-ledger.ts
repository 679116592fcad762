/** What this process remembers of a cluster's rolls between looks. Losing it (a kill) costs time, never safety. */
import type { ClusterView } from '../../domain/cluster-view.ts';
import type { BootRecord, RollHistory, RollNode } from '../../domain/node-pool-roll.ts';
import { podUids } from '../../planning/roll/pod-index.ts';
import type { PoolRollState, RollPlanInput } from '../../planning/roll/roll-plan.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import { Arrivals } from './arrivals.ts';
import { KubeletLeases } from './kubelet-leases.ts';
import { TerminationTimes } from './termination-times.ts';

/** A pool that has not looked for this long does not hold budgets or boots for itself any more. */
const boardAgeMs = 900_000;
const entriesKept = 5_000;
/** A describe shows an accepted change within this time. */
const describeLagMs = 45_000;
const firstWithdrawalMs = 10_000;
const longestWithdrawalMs = 300_000;
/** A withdrawal that is over for this long says nothing about the next one. */
const withdrawnForgottenMs = 600_000;

export class RollLedger {
  /** Pools with a roll under way, by process id. */
  readonly board = new Map<string, { state: PoolRollState; at: number }>();
  readonly evictNotBefore = new Map<string, number>();
  readonly throttledUntil = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  readonly returns = new Map<string, number>();
  /** Pods of an owner that were on a node when the first of them was evicted, by `node/owner uid`. */
  readonly #thereAtFirst = new Map<string, ReadonlySet<string>>();
  readonly refusedForGood = new Map<string, { code: string; message: string; until: number }>();
  /** When a load balancer was last asked to let go of an instance, by `instance id/balancer id`. */
  readonly deregisteredAt = new Map<string, number>();
  /** When instances were protected from scale-in. */
  readonly protectedAt = new Map<string, number>();
  /** Intents that this process has committed and not acted on yet. */
  readonly unsent = new Set<string>();
  /** Terminations of unknown outcome whose instance this process has seen in service once since it was sent. */
  readonly readOnce = new Set<string>();
  /** Terminations that were accepted, whatever became of the look that made them. */
  readonly accepted = new Set<string>();
  /** Terminations that were decided and withdrawn at the last look before them: not decided again before `until`. */
  readonly #withdrawn = new Map<string, { times: number; until: number }>();
  /** The tag of the size that a roll is answerable for, as last written, by group; -1 while the answer to that is lost. */
  readonly expectedTags = new Map<string, number>();
  /** Nodes that were last patched without an answer: the view may show them as they were. */
  readonly unsure = new Set<string>();
  /** Limits that were last written to a group, and accepted: describes may not show them for a while. */
  readonly #written = new Map<string, { limits: string; at: number }>();
  /** Phases of all nodes as of the last look, by process. */
  readonly nodes = new Map<string, RollNode[]>();
  /** Evictions accepted and not counted in the row yet, by process. */
  readonly evictions = new Map<string, number>();
  /** What the row was told last, by process. */
  readonly said = new Map<string, string>();
  apiReady: { ok: boolean; at: number } | undefined;
  /** Leases of kubelets as last read. */
  leases: RollPlanInput['leases'];
  readonly kubelets = new KubeletLeases();
  /** What rolls of the cluster's pools have measured, by pool. */
  readonly history = new Map<string, RollHistory>();
  /** What is on record of the boots of the cluster's pools, by pool. */
  readonly bootRecords = new Map<string, BootRecord[]>();
  /** When a budget last got an Event, by `namespace/name`. */
  readonly eventsAt = new Map<string, number>();
  /** How long evicted pods take to end. */
  readonly terminations = new TerminationTimes();
  /** When pods still came to nodes that are being drained. */
  readonly arrivals = new Arrivals();
  /** When what pods took to end was last stored. */
  stopsStoredAt = 0;
  readonly evictionsHeldUntil: number;

  constructor(evictionsHeldUntil: number) {
    this.evictionsHeldUntil = evictionsHeldUntil;
  }

  /** All pools under way, with this one as it is now. */
  pools(own: PoolRollState, now: number): PoolRollState[] {
    this.board.set(own.processId, { state: own, at: now });
    for (const [id, entry] of this.board) if (now - entry.at > boardAgeMs) this.board.delete(id);
    return [...this.board.values()].map((entry) => entry.state);
  }

  /** A roll that ended, paused or failed holds nothing back for the others. */
  leave(processId: string): void {
    this.board.delete(processId);
    this.said.delete(processId);
  }

  forget(processId: string): void {
    this.leave(processId);
    this.nodes.delete(processId);
    this.evictions.delete(processId);
  }

  /** Notes of pods that exist no more are dropped. */
  prune({ pods, nodes }: Pick<ClusterView, 'pods' | 'nodes'>, now: number): void {
    this.arrivals.observe({ pods, nodes }, now);
    if (this.terminations.awaited) this.terminations.observe(podUids(pods), now);
    if (this.evictNotBefore.size + this.throttledUntil.size + this.refusedForGood.size === 0) return;
    const there = podUids(pods);
    for (const [uid, refused] of this.refusedForGood) {
      if (!there.has(uid) || refused.until <= now) this.refusedForGood.delete(uid);
    }
    for (const uid of [...this.evictNotBefore.keys(), ...this.throttledUntil.keys()]) {
      if (!there.has(uid)) this.letGo(uid);
    }
  }

  /** The pod is gone, or on its way: nothing that was said about it before matters any more. */
  letGo(uid: string): void {
    this.evictNotBefore.delete(uid);
    this.throttledUntil.delete(uid);
    this.refusals.delete(uid);
  }

  askedToLetGo(instanceId: string, balancer: string, now: number): void {
    if (this.deregisteredAt.size >= entriesKept) this.deregisteredAt.clear();
    this.deregisteredAt.set(`${instanceId}/${balancer}`, now);
  }

  protected(instanceIds: readonly string[], now: number): void {
    if (this.protectedAt.size >= entriesKept) this.protectedAt.clear();
    for (const id of instanceIds) this.protectedAt.set(id, now);
  }

  noteAccepted(key: string): void {
    if (this.accepted.size >= entriesKept) this.accepted.clear();
    this.accepted.add(key);
  }

  wrote(group: string, limits: string, now: number): void {
    if (this.#written.size >= entriesKept) this.#written.clear();
    this.#written.set(group, { limits, at: now });
  }

  /** Whether these limits were the last ones written, so lately that a describe may not show them. */
  hasWritten(group: string, limits: string, now: number): boolean {
    const last = this.#written.get(group);
    return last?.limits === limits && now >= last.at && now - last.at < describeLagMs;
  }

  /** Whether a describe does not show the limits that were last written to the group: it may be older than they are. */
  isOlderThanOwnWrite(group: Pick<NodeGroup, 'name' | 'min' | 'max' | 'newInstancesProtected'>, now: number): boolean {
    const last = this.#written.get(group.name);
    if (last === undefined || !this.hasWritten(group.name, last.limits, now)) return false;
    const shown: Readonly<Record<string, unknown>> = { ...group };
    return Object.entries(JSON.parse(last.limits) as object).some(([limit, value]) => shown[limit] !== value);
  }

  /** Twice as long each time: what the plan and the last look disagree about is seldom settled in a moment. */
  withdraw(instanceId: string, now: number): void {
    if (this.#withdrawn.size >= entriesKept) this.#withdrawn.clear();
    const before = this.#withdrawn.get(instanceId);
    const times = before !== undefined && now - before.until < withdrawnForgottenMs ? before.times + 1 : 1;
    const pause = Math.min(longestWithdrawalMs, firstWithdrawalMs * 2 ** (times - 1));
    this.#withdrawn.set(instanceId, { times, until: now + pause });
  }

  /** Until when the instance is not to be ended; undefined when nothing is against it. */
  withdrawnUntil(instanceId: string, now: number): number | undefined {
    const until = this.#withdrawn.get(instanceId)?.until;
    // A time far ahead is of a clock that has jumped back since.
    return until !== undefined && until > now && until - now <= longestWithdrawalMs ? until : undefined;
  }

  /**
   * Counts the evicted pod when it has come to its node after the drain of it began, by its time or because it was not `there` (uids of
   * the owner's pods on the node) when the first one went: one that comes back at once is not evicted again and again.
   */
  countReturn(node: string, ownerUid: string, evicted: { uid: string; late: boolean; there: () => string[] }): void {
    const key = `${node}/${ownerUid}`;
    const first = this.#thereAtFirst.get(key);
    if (first === undefined) {
      if (this.#thereAtFirst.size >= entriesKept) this.#thereAtFirst.clear();
      this.#thereAtFirst.set(key, new Set([...evicted.there(), evicted.uid]));
    }
    if (!evicted.late && (first === undefined || first.has(evicted.uid))) return;
    if (this.returns.size >= entriesKept) this.returns.clear();
    this.returns.set(key, (this.returns.get(key) ?? 0) + 1);
  }
}
