/** Checks while workers are replaced: what fails on new nodes alone stops the rolls before the rest is replaced too. */
import type { PoolRoll } from '../../domain/cluster-update.ts';
import type { FirstNode } from '../../domain/node-pool-roll.ts';
import type { StepOutcome, WaitReason } from '../../ports/step.ts';
import { formatDuration } from '../../support/duration.ts';
import { checkRun, describeFailures } from './check-runs.ts';
import { done, failed, type UpdateInput } from './update-step.ts';

const loadCheck = 'rollout.load-slo';
/** Decision time between two runs. */
const everyMs = 3 * 60_000;
/** A roll that takes longer than these runs is looked at no more. */
const mostRuns = 100;
/** Decision time that a roll waits for a verdict on a first new node. */
const holdLimitMs = 30 * 60_000;

type Rolls = Record<string, PoolRoll>;
type Held = [pool: string, firstNode: FirstNode][];

/** First new nodes, one of each content of a pool, on which its roll waits for checks. */
function heldOf(running: Rolls): Held {
  return Object.entries(running).flatMap(([pool, { firstNodes = [] }]) =>
    firstNodes.map((firstNode): Held[number] => [pool, firstNode]),
  );
}

/** undefined = nothing to do now; the rolls go on, or go on waiting. */
export function midRoll(input: UpdateInput, running: Rolls): StepOutcome | undefined {
  const { context, now } = input;
  const profile = context.policy.e2eGate?.midRoll;
  const last = context.midRoll;
  if (last !== undefined && last.child === null && last.result === 'failed' && last.failures.length > 0) {
    // who is on call looks at the new image, or at what the service could not stand
    const code = last.failures.some((one) => one.check !== loadCheck) ? 'new-nodes-fail' : 'objective-missed';
    return failed(code, `the roll was stopped half-way: ${describeFailures(last.failures)}`);
  }
  const held = heldOf(running);
  const late = held.find(([, { since }]) => now - since >= holdLimitMs);
  if (late !== undefined) return unchecked(late, last?.failures ?? []);
  if (profile === undefined || Object.keys(running).length === 0 || last?.child != null) return undefined;
  const round = (last?.round ?? 0) + 1;
  const seen = last !== undefined && last.result !== 'error';
  const checked = round > mostRuns ? held : held.filter(([, { since }]) => seen && last.at >= since);
  if (checked.length > 0) return released(input, running, checked);
  if (round > mostRuns || now < nextMidRollAt(input, running)) return undefined;
  const child = `e2e-mid-roll:${input.id}:${(context.plan?.round ?? 0) * mostRuns + round}`;
  const { message, note } = checkRun(input, {
    child,
    profile,
    purpose: 'mid-roll',
    commit: context.commit,
    version: context.plan?.version ?? '',
    newSince: Math.min(...Object.values(running).map((roll) => roll.since)),
    newNodes: held.map(([, { node }]) => node).slice(0, 20),
  });
  const next = { round, child, at: now, result: null, failures: [] };
  return done({ kind: 'again', midRoll: next }, { messages: [message], journal: [note] });
}

/** The rolls of these pools are told of the first new nodes that were looked at; old ones go once that is all of a pool's. */
function released(input: UpdateInput, running: Rolls, checked: Held): StepOutcome {
  const rolls: Rolls = {};
  const messages = [];
  for (const [pool, { node }] of checked) {
    const known = rolls[pool] ?? running[pool];
    if (known === undefined) continue;
    const { firstNodes = [], ...roll } = known;
    const left = firstNodes.filter((one) => one.node !== node);
    rolls[pool] = { ...roll, ...(left.length === 0 ? {} : { firstNodes: left }) };
    if (roll.child !== null) messages.push({ to: roll.child, event: { type: 'CHECKED', node } });
  }
  const pools = [...new Set(checked.map(([pool]) => pool))];
  const nodes = checked.map(([, { node }]) => node).join(', ');
  const waits = Object.values(rolls).some(({ firstNodes }) => firstNodes !== undefined);
  const then = waits ? 'the others are still to be checked' : 'the roll goes on';
  const message = `${input.context.clusterId}: no check speaks against ${nodes}, the first new ${checked.length === 1 ? 'node' : 'nodes'} of ${pools.join(', ')}: ${then}`;
  const data = { pools, run: input.context.midRoll?.round ?? 0 };
  return done({ kind: 'again', rolls }, { messages, journal: [{ kind: 'first-node-checked', message, data }] });
}

/** Nobody knows whether the new nodes work, and that is not green. */
function unchecked([pool, { node }]: Held[number], failures: Parameters<typeof describeFailures>[0]): StepOutcome {
  const why = failures.length === 0 ? '' : `; ${describeFailures(failures)}`;
  const message = `checks on ${node}, the first new node of ${pool}, came to no verdict within ${formatDuration(holdLimitMs)}, so that the old nodes stay${why}`;
  return failed('first-node-unchecked', message);
}

/** What people see meanwhile. */
export function firstNodeWait(running: Rolls): WaitReason | undefined {
  const held = heldOf(running);
  if (held.length === 0) return undefined;
  const nodes = held.map(([pool, { node }]) => `${node} of ${pool}`).join(', ');
  const until = formatDuration(holdLimitMs);
  const message = `waiting for checks on the first new ${held.length === 1 ? 'node' : 'nodes'} (${nodes}), at most ${until}: no further old node goes before`;
  return { code: 'first-node-checks', message };
}

/** When the next run is due; for the wake-up of a step that waits for rolls. */
export function nextMidRollAt({ context }: UpdateInput, running: Rolls): number {
  const last = context.midRoll;
  const held = heldOf(running).map(([, { since }]) => since);
  const limit = Math.min(...held) + holdLimitMs;
  // one that is under way says itself when it is over; after the last one there is nothing to wait for
  const over = last != null && (last.child !== null || last.round >= mostRuns);
  if (context.policy.e2eGate?.midRoll === undefined || Object.keys(running).length === 0 || over) return limit;
  // one that is there only now does not wait for its turn
  const unseen = held.filter((since) => last === undefined || since > last.at);
  if (unseen.length > 0) return Math.min(...unseen);
  return Math.min((last?.at ?? Math.min(...Object.values(running).map((roll) => roll.since))) + everyMs, limit);
}
