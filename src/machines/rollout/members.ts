/** What happens to a rollout's members when their cluster updates report: tiny, pure, and the reducer's own. */
import { nextAttempt } from '../../domain/attempts.ts';
import type { UpdateResult } from '../../domain/cluster-update.ts';
import { countedMembers, type MemberState, type RolloutMember, type RolloutState } from '../../domain/rollout.ts';

type Members = Record<string, RolloutMember>;

export function withMember(members: Members, cluster: string, change: Partial<RolloutMember>): Members {
  const member = members[cluster];
  // only what is in flight can be blocked or stalled; a late report of an earlier attempt changes nothing
  if (member === undefined || member.state !== 'inFlight') return members;
  return { ...members, [cluster]: { ...member, ...change } };
}

export function withStates(members: Members, clusters: string[], state: MemberState): Members {
  if (clusters.length === 0) return members;
  const next = { ...members };
  for (const cluster of clusters) {
    const member = next[cluster];
    if (member) next[cluster] = { ...member, state, blocked: null, stalled: null };
  }
  return next;
}

/** Clusters that came to the channel after the plan was made. */
export function withJoined(members: Members, clusters: string[], first: number): Members {
  if (clusters.length === 0) return members;
  const next = { ...members };
  for (const cluster of clusters) {
    if (next[cluster] !== undefined && next[cluster].state !== 'left') continue;
    next[cluster] = {
      state: 'pending',
      attempt: (next[cluster]?.attempt ?? first - 1) + 1,
      wave: -1,
      version: null,
      inherited: false,
      joined: true,
      blocked: null,
      stalled: null,
      failure: null,
      nodesReplaced: 0,
      checks: { passed: 0, failed: 0 },
    };
  }
  return next;
}

export function withStarted(members: Members, clusters: string[]): Members {
  return withStates(members, clusters, 'inFlight');
}

/** The attempt is the last part of a cluster update's id. */
function attemptOf(child: string): number {
  return Number(child.slice(child.lastIndexOf(':') + 1));
}

export function afterChildFinished(
  members: Members,
  event: { child: string; cluster: string; output: unknown },
): Members {
  const member = members[event.cluster];
  if (member === undefined || member.state !== 'inFlight' || attemptOf(event.child) !== member.attempt) return members;
  const output = event.output as UpdateResult;
  return {
    ...members,
    [event.cluster]: {
      ...member,
      state: output.result,
      version: output.version,
      nodesReplaced: output.nodesReplaced,
      checks: output.checks,
      failure: output.result === 'failed' ? output.failure : null,
      blocked: null,
      stalled: null,
    },
  };
}

/** Clusters that count against the failure budget: failed, stalled, or given up by somebody. */
export function failuresOf(members: Members): string[] {
  return countedMembers(members).filter((cluster) => {
    const member = members[cluster] as RolloutMember;
    return ['failed', 'aborted'].includes(member.state) || member.stalled !== null;
  });
}

/** Failed clusters get a new attempt, as long as there is one; stalled and blocked ones are poked. */
export function afterRetry(members: Members): Pick<RolloutState, 'members' | 'poke'> {
  const next: Members = {};
  const poke: string[] = [];
  for (const [cluster, member] of Object.entries(members)) {
    const again = member.state === 'failed' || member.state === 'aborted' || member.state === 'superseded';
    const attempt = again ? nextAttempt(member.attempt) : undefined;
    if (attempt !== undefined) {
      next[cluster] = { ...member, state: 'pending', attempt, failure: null };
    } else {
      next[cluster] = member;
      if (member.state === 'inFlight' && (member.stalled !== null || member.blocked !== null)) poke.push(cluster);
    }
  }
  return { members: next, poke };
}

export function withoutTold(told: string[], child: string): string[] {
  return told.includes(child) ? told.filter((other) => other !== child) : told;
}
