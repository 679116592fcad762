/** What a rollout does next, and why: which clusters start, what is waited for, when it is over. Pure. */

export interface MemberView {
  state: 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left';
  wave: number;
  blocked: { message: string } | null;
  stalled: { message: string } | null;
  failure: { message: string } | null;
}

export interface RolloutView {
  waves: { name: string; clusters: string[] }[];
  members: Record<string, MemberView>;
  maxParallel: number;
  maxFailures: number;
  /** Why nothing may start on the whole channel now. */
  hold?: string;
  /** Why nothing may start on single clusters, by id. */
  clusterHolds?: Record<string, string>;
}

export type NextInRollout =
  | { kind: 'start'; clusters: string[]; wave: number; reason: string }
  | { kind: 'wait'; code: string; reason: string }
  | { kind: 'halt'; code: string; reason: string }
  | { kind: 'verified'; reason: string };

/** Clusters that count against the budget: failed, given up, or stalled. Blocked ones have a limit of their own. */
export function budgetSpent(members: Record<string, MemberView>): string[] {
  return Object.keys(members)
    .filter((id) => {
      const member = members[id] as MemberView;
      return member.state === 'failed' || member.state === 'aborted' || member.stalled !== null;
    })
    .sort();
}

export function nextInRollout(view: RolloutView): NextInRollout {
  const failures = budgetSpent(view.members);
  if (failures.length > view.maxFailures) return overBudget(view, failures);
  for (const [index, wave] of view.waves.entries()) {
    const open = wave.clusters.filter((id) => !isSettled(view.members[id]));
    if (open.length === 0) continue;
    return inWave(view, index, open);
  }
  const others = Object.keys(view.members).filter((id) => !isSettled(view.members[id]));
  if (others.length > 0) return inWave(view, -1, others.sort());
  return { kind: 'verified', reason: 'every cluster of every wave is verified, or failed within the budget' };
}

/** Nothing more is expected of it, or what is expected counts as a failure already and must not hold up the others. */
function isSettled(member: MemberView | undefined): boolean {
  if (member === undefined) return true;
  if (member.state === 'pending') return false;
  return member.state !== 'inFlight' || member.stalled !== null;
}

function overBudget(view: RolloutView, failures: string[]): NextInRollout {
  const named = failures.slice(0, 3).map((id) => {
    const member = view.members[id] as MemberView;
    return `${id} (${member.failure?.message ?? member.stalled?.message ?? member.state})`;
  });
  const more = failures.length > named.length ? ` and ${failures.length - named.length} more` : '';
  return {
    kind: 'halt',
    code: 'failure-budget-spent',
    reason: `${failures.length} failed, ${view.maxFailures} allowed: ${named.join('; ')}${more}`,
  };
}

function inWave(view: RolloutView, index: number, open: string[]): NextInRollout {
  const inFlight = Object.values(view.members).filter((member) => member.state === 'inFlight').length;
  const pending = open.filter((id) => view.members[id]?.state === 'pending');
  const name = index < 0 ? 'unchanged clusters' : `wave ${view.waves[index]?.name ?? index}`;
  if (view.hold !== undefined && pending.length > 0) return { kind: 'wait', code: 'held', reason: view.hold };
  const free = Math.max(0, view.maxParallel - inFlight);
  const startable = pending.filter((id) => view.clusterHolds?.[id] === undefined);
  const clusters = startable.slice(0, free);
  if (clusters.length > 0) {
    return {
      kind: 'start',
      clusters,
      wave: index,
      reason: `${name}: ${inFlight} of at most ${view.maxParallel} in flight`,
    };
  }
  return waitIn(view, name, open, pending, startable.length);
}

function waitIn(view: RolloutView, name: string, open: string[], pending: string[], startable: number): NextInRollout {
  const flying = open.filter((id) => view.members[id]?.state === 'inFlight');
  const blocked = flying.filter((id) => view.members[id]?.blocked !== null);
  if (flying.length > 0 && blocked.length === flying.length) {
    const first = blocked[0] as string;
    const message = view.members[first]?.blocked?.message ?? '';
    return {
      kind: 'wait',
      code: 'clusters-blocked',
      reason: `${name}: ${blocked.length} blocked; ${first}: ${message}`,
    };
  }
  if (flying.length === 0 && pending.length > 0 && startable === 0) {
    const first = pending[0] as string;
    return { kind: 'wait', code: 'held', reason: `${name}: ${first}: ${view.clusterHolds?.[first] ?? ''}` };
  }
  const queued = pending.length === 0 ? '' : `, ${pending.length} to come`;
  return { kind: 'wait', code: 'children', reason: `${name}: ${flying.length} in flight${queued}` };
}
