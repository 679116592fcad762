/** What a rollout does next, and why: which clusters start, what is waited for, when it is over. Pure. */
import { countedMembers } from '../../domain/rollout.ts';
import { sameFailure } from './failure-signature.ts';

export interface MemberView {
  state: 'pending' | 'inFlight' | 'updated' | 'failed' | 'superseded' | 'aborted' | 'left' | 'skipped';
  wave: number;
  /** Came to the channel after the plan was made: it catches up, and counts only when nobody of the plan is left. */
  joined?: boolean | undefined;
  blocked: { message: string } | null;
  stalled: { code?: string; message: string } | null;
  failure: { code?: string; message: string } | null;
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
  /** Why a wave may not begin yet, by its index; one that has begun goes on. */
  waveHolds?: Record<number, { code: string; reason: string }>;
  /** Clusters with the same key are never in flight together, nor while one of them is in trouble. */
  siblings?: Record<string, string>;
  sameFailureLimit?: number;
  knownFailures?: string[];
}

export type NextInRollout =
  | { kind: 'start'; clusters: string[]; wave: number; reason: string }
  | { kind: 'wait'; code: string; reason: string }
  | { kind: 'halt'; code: string; reason: string }
  | { kind: 'verified'; reason: string };

/** Clusters that count against the budget: failed, given up, or stalled. Blocked ones have a limit of their own. */
export function budgetSpent(members: Record<string, MemberView>): string[] {
  return countedMembers(members)
    .filter((id) => isInTrouble(members[id] as MemberView))
    .sort();
}

function isInTrouble(member: MemberView): boolean {
  return member.state === 'failed' || member.state === 'aborted' || member.stalled !== null;
}

/** Why the version can never be proven as things are: whatever the budget allows, clusters failed and not one passed. */
export function nothingPassed(members: Record<string, MemberView>): string | undefined {
  const failures = budgetSpent(members);
  const passed = countedMembers(members).some((id) => members[id]?.state === 'updated');
  if (failures.length === 0 || passed) return undefined;
  return `not one cluster passed, so nothing proves the version: ${named(members, failures)}`;
}

export function nextInRollout(view: RolloutView): NextInRollout {
  const failures = budgetSpent(view.members);
  if (failures.length > view.maxFailures) return overBudget(view, failures);
  const alike = failAlike(view, failures);
  if (alike !== undefined) return alike;
  for (const [index, wave] of view.waves.entries()) {
    const open = wave.clusters.filter((id) => !isSettled(view.members[id]));
    if (open.length === 0) continue;
    return inWave(view, index, open);
  }
  const others = Object.keys(view.members).filter((id) => !isSettled(view.members[id]));
  if (others.length > 0) return inWave(view, -1, others.sort());
  const hopeless = nothingPassed(view.members);
  if (hopeless !== undefined) return { kind: 'halt', code: 'nothing-passed', reason: hopeless };
  if (countedMembers(view.members).length === 0)
    return { kind: 'wait', code: 'channel-empty', reason: nobody(view.members) };
  return { kind: 'verified', reason: 'every cluster of every wave is verified, or failed within the budget' };
}

/** An empty channel proves nothing, and is no failure either: one that comes, or is not left out any more, is updated and counts. */
function nobody(members: Record<string, MemberView>): string {
  const states = Object.values(members).map((member) => member.state);
  const counts = (['left', 'skipped'] as const).flatMap((state) => {
    const count = states.filter((one) => one === state).length;
    return count === 0 ? [] : [`${count} ${state === 'left' ? 'left the channel' : 'are skipped'}`];
  });
  const why = counts.length === 0 ? '' : ` (${counts.join(', ')})`;
  return `no cluster takes part${why}, so nothing can prove the version; it goes on with the next cluster that comes`;
}

/** Nothing more is expected of it, or what is expected counts as a failure already and must not hold up the others. */
function isSettled(member: MemberView | undefined): boolean {
  if (member === undefined) return true;
  if (member.state === 'pending') return false;
  return member.state !== 'inFlight' || member.stalled !== null;
}

/** The breaker: the same trouble again and again is the version's, however large the failure budget is. */
function failAlike(view: RolloutView, failures: string[]): NextInRollout | undefined {
  const limit = view.sameFailureLimit ?? 0;
  if (limit <= 0 || failures.length < limit) return undefined;
  const failing = Object.fromEntries(
    failures.flatMap((id) => {
      const member = view.members[id] as MemberView;
      const failure = member.failure ?? member.stalled;
      return failure === null ? [] : [[id, failure]];
    }),
  );
  const same = sameFailure(failing, limit, view.knownFailures ?? []);
  if (same === undefined) return undefined;
  const updated = Object.values(view.members).filter((member) => member.state === 'updated').length;
  const cause = updated === 0 ? 'no cluster passes with it, so it is the change' : `${updated} others pass with it`;
  const reason = `${same.clusters.join(', ')} failed alike: ${same.message}; ${cause}`;
  return { kind: 'halt', code: 'same-failure', reason };
}

function overBudget(view: RolloutView, failures: string[]): NextInRollout {
  return {
    kind: 'halt',
    code: 'failure-budget-spent',
    reason: `${failures.length} failed, ${view.maxFailures} allowed: ${named(view.members, failures)}`,
  };
}

/** The first three, each with what is wrong with it. */
function named(members: Record<string, MemberView>, failures: string[]): string {
  const first = failures.slice(0, 3).map((id) => {
    const member = members[id] as MemberView;
    return `${id} (${member.failure?.message ?? member.stalled?.message ?? member.state})`;
  });
  const more = failures.length > first.length ? ` and ${failures.length - first.length} more` : '';
  return `${first.join('; ')}${more}`;
}

function inWave(view: RolloutView, index: number, open: string[]): NextInRollout {
  const inFlight = Object.values(view.members).filter((member) => member.state === 'inFlight').length;
  const pending = open.filter((id) => view.members[id]?.state === 'pending');
  const name = index < 0 ? 'unchanged clusters' : `wave ${view.waves[index]?.name ?? index}`;
  if (view.hold !== undefined && pending.length > 0) return { kind: 'wait', code: 'held', reason: view.hold };
  const waveHold = view.waveHolds?.[index];
  if (waveHold !== undefined && pending.length > 0 && !hasBegun(view, index)) {
    return { kind: 'wait', code: waveHold.code, reason: `before ${name}: ${waveHold.reason}` };
  }
  const free = Math.max(0, view.maxParallel - inFlight);
  const { clusters, held, troubled } = startable(view, pending, free);
  if (clusters.length > 0) {
    return {
      kind: 'start',
      clusters,
      wave: index,
      reason: `${name}: ${inFlight} of at most ${view.maxParallel} in flight`,
    };
  }
  const first = pending.find((id) => troubled[id] !== undefined);
  if (first !== undefined && inFlight === 0 && pending.every((id) => troubled[id] !== undefined))
    return abandoned(view, name, first, troubled[first] as string);
  return waitIn(view, name, open, pending, held);
}

/** What has failed stays so until somebody tries it again: its sibling would wait for ever, and nobody would be told. */
function abandoned(view: RolloutView, wave: string, id: string, sibling: string): NextInRollout {
  const why = named(view.members, [sibling]);
  return {
    kind: 'halt',
    code: 'sibling-in-trouble',
    reason: `${wave}: ${id} is not touched while its sibling is in trouble: ${why}`,
  };
}

function hasBegun(view: RolloutView, index: number): boolean {
  return (
    view.waves[index]?.clusters.some(
      (id) => !['pending', 'left', 'skipped'].includes(view.members[id]?.state ?? 'left'),
    ) ?? false
  );
}

/** The next clusters that nothing keeps back, and why the others are kept; `troubled` = by which sibling in trouble and by nothing else. */
function startable(
  view: RolloutView,
  pending: string[],
  free: number,
): { clusters: string[]; held: Record<string, string>; troubled: Record<string, string> } {
  const inTrouble = new Map<string, string>();
  const busy = new Map<string, string>();
  for (const [id, member] of Object.entries(view.members)) {
    const key = view.siblings?.[id];
    if (key === undefined) continue;
    if (member.state === 'inFlight') busy.set(key, `its sibling ${id} is in flight`);
    else if (isInTrouble(member)) {
      busy.set(key, `its sibling ${id} is in trouble`);
      inTrouble.set(key, id);
    }
  }
  const clusters: string[] = [];
  const held: Record<string, string> = {};
  const troubled: Record<string, string> = {};
  for (const id of pending) {
    const own = view.clusterHolds?.[id];
    const key = view.siblings?.[id];
    const sibling = key === undefined ? undefined : busy.get(key);
    const reason = own ?? sibling;
    const failed = own === undefined && key !== undefined ? inTrouble.get(key) : undefined;
    if (failed !== undefined) troubled[id] = failed;
    if (reason !== undefined) held[id] = reason;
    else if (clusters.length < free) {
      clusters.push(id);
      if (key !== undefined) busy.set(key, `its sibling ${id} starts now`);
    }
  }
  return { clusters, held, troubled };
}

function waitIn(
  view: RolloutView,
  name: string,
  open: string[],
  pending: string[],
  held: Record<string, string>,
): NextInRollout {
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
  const heldFirst = pending.find((id) => held[id] !== undefined);
  if (flying.length === 0 && heldFirst !== undefined && pending.every((id) => held[id] !== undefined)) {
    return { kind: 'wait', code: 'held', reason: `${name}: ${heldFirst}: ${held[heldFirst] ?? ''}` };
  }
  const queued = pending.length === 0 ? '' : `, ${pending.length} to come`;
  return { kind: 'wait', code: 'children', reason: `${name}: ${flying.length} in flight${queued}` };
}
