import type { GroupState, Member } from './members.ts';
import { allMembers, intentFor, type PoolContext, plainSurge, surgeInUse } from './pool-context.ts';

/** Capacity as it will be when everything decided so far has happened. */
export class CapacitySums {
  #surge: number;
  readonly #allowed: number;
  readonly #most: number;
  readonly #fresh = new Map<string, number>();
  readonly #groupSurge = new Map<string, number>();
  readonly #desired = new Map<string, number>();
  /** Outdated nodes that still have to be replaced and can be. */
  readonly #toReplace = new Map<string, number>();
  booting: number;

  constructor(context: PoolContext) {
    this.#surge = surgeInUse(context);
    const idle = allMembers(context).filter((m) => m.live && m.outdated && !m.serves && !m.cordonedByUs).length;
    // Blocked nodes keep their place; so do those that serve nobody and wait for their turn.
    const extra = context.pool.controlPlane
      ? 0
      : Math.min(context.input.policy.maxBlocked, parkedBefore(context) + idle);
    this.#allowed = plainSurge(context) + extra;
    this.#most = plainSurge(context) + (context.pool.controlPlane ? 0 : context.input.policy.maxBlocked);
    this.booting = context.cluster.booting;
    for (const state of context.groups) {
      const launches = context.memory.intents.filter((one) => one.kind === 'launch' && one.group === state.group.name);
      this.#fresh.set(state.group.name, state.fresh + state.owed + launches.length);
      const ending = context.memory.intents.filter(
        (one) => one.kind === 'terminate' && one.group === state.group.name && one.decrement,
      );
      this.#groupSurge.set(state.group.name, state.surge - ending.length);
      this.#desired.set(state.group.name, state.group.desired - ending.length);
      this.#toReplace.set(state.group.name, replaceable(context, state).length);
    }
  }

  /** New nodes that the group still lacks for the outdated ones that can go. */
  needed(state: GroupState): number {
    const name = state.group.name;
    const lacking = state.baseline - (this.#fresh.get(name) ?? 0);
    return Math.min(lacking, this.#toReplace.get(name) ?? 0);
  }

  get freeSurge(): number {
    return this.#allowed - this.#surge;
  }

  /** Room for a node in a zone that everything waits for: all that blocked nodes may cost is at its service. */
  get zoneSurge(): number {
    return this.#most - this.#surge;
  }

  #surgeOf(state: GroupState): number {
    return this.#groupSurge.get(state.group.name) ?? 0;
  }

  launched(state: GroupState): void {
    this.#surge += 1;
    this.booting += 1;
    this.#fresh.set(state.group.name, (this.#fresh.get(state.group.name) ?? 0) + 1);
  }

  /**
   * What becomes of the place of a node that is ended now. A group that others have made smaller than its protected nodes are wants none
   * for it, and its size stays: giving the place up would take it below the baseline.
   */
  ended(state: GroupState, outdated: boolean): 'given-up' | 'not-wanted' | 'replaced' {
    const name = state.group.name;
    if (outdated) this.#toReplace.set(name, Math.max(0, (this.#toReplace.get(name) ?? 0) - 1));
    if (this.#surgeOf(state) <= 0) {
      this.booting += 1;
      this.#fresh.set(name, (this.#fresh.get(name) ?? 0) + 1);
      return 'replaced';
    }
    this.#surge -= 1;
    this.#groupSurge.set(name, this.#surgeOf(state) - 1);
    const desired = this.#desired.get(name) ?? 0;
    if (desired <= state.baseline) return 'not-wanted';
    this.#desired.set(name, desired - 1);
    return 'given-up';
  }
}

function parkedBefore(context: PoolContext): number {
  return allMembers(context).filter((m) => m.cordonedByUs && m.live && m.previous?.phase === 'blocked').length;
}

function replaceable(context: PoolContext, state: GroupState): Member[] {
  return state.members.filter(
    (member) =>
      member.live &&
      member.outdated &&
      !member.ambiguous &&
      context.shown.get(member.instance.id)?.phase !== 'blocked' &&
      intentFor(context.memory, member.instance.id) === undefined,
  );
}
