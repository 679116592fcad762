/** What a look at a cluster becomes for the row: only what is worth a commit, and the reports to the parent. */
import { isDeepStrictEqual } from 'node:util';
import type { CheckedNode, RollMemory, RollNode, RollProgress } from '../../domain/node-pool-roll.ts';
import type { PoolPlan } from '../../planning/roll/roll-plan.ts';
import type { StepEffects, StepOutcome } from '../../ports/step.ts';
import type { Json, OutboxMessage } from '../../ports/store.ts';
import { memoised } from '../../support/memoise.ts';
import { bootFacts } from './boot-records.ts';
import { measuredFacts } from './measurements.ts';
import type { RollLook, RollVisit } from './roll-context.ts';

/** A refusal shorter than this is the ordinary pace of a drain, and not worth a commit. */
const ripeBlockMs = 15_000;
const troubleLookMs = 15_000;

export type RollNext = 'again' | 'rolling' | 'finalizing' | 'finished' | 'paused' | 'failing';

export function waitingOutcome(visit: RollVisit, look: RollLook): StepOutcome {
  const { plan } = look;
  const now = visit.now();
  const effects = effectsOf(visit, report(visit, look), look);
  const body = bodyOf(visit, look, false);
  const blocked = plan.overLimit[0]?.blockedBy;
  const reason = blocked ? { code: 'blocked', message: blocked.message, data: blocked as unknown as Json } : plan.wait;
  const wakeAt = Math.min(plan.nextLookAt, look.lookAt ?? plan.nextLookAt);
  const more = plan.actions.length > 0 ? Math.min(wakeAt, now + troubleLookMs) : wakeAt;
  return { kind: 'waiting', reason, wakeAt: more, progress: body, ...effects };
}

/**
 * Something went wrong. What succeeded before it is committed first (the failing part comes again at once); with nothing to commit
 * the engine backs off.
 */
export function troubledOutcome(visit: RollVisit, look: RollLook, before: RollMemory): StepOutcome {
  const { failure } = look;
  if (failure === undefined) throw new Error('no failure to report');
  visit.ledger.leave(visit.step.id);
  const progressed = JSON.stringify(look.memory) !== JSON.stringify(before);
  if (!progressed) return { kind: 'failed', failure, ...effectsOf(visit, [], look) };
  return {
    kind: 'waiting',
    reason: { code: failure.code, message: failure.message },
    wakeAt: visit.now() + (failure.retryAfterMs ?? troubleLookMs),
    progress: bodyOf(visit, look, false),
    ...effectsOf(visit, [], look),
  };
}

export function doneOutcome(visit: RollVisit, look: RollLook, next: RollNext, reason: string | null): StepOutcome {
  const messages = next === 'paused' ? reportPause(visit, look, reason ?? '') : report(visit, look);
  const effects = effectsOf(visit, messages, look);
  const body = bodyOf(visit, look, true);
  if (next !== 'again') visit.ledger.leave(visit.step.id);
  return { kind: 'done', output: { ...(body as object), next, reason } as Json, ...effects };
}

/** The part of an outcome that the machine keeps. Accepted evictions alone cause no commit: they are counted with the next one. */
function bodyOf(visit: RollVisit, look: RollLook, commits: boolean): Json {
  const { ledger, step } = visit;
  const before = step.context.memory?.evictions ?? 0;
  const found = committedProgress(look.plan, visit.now());
  // What has not changed stays the object that it was: the machine need not check it again.
  const progress = isDeepStrictEqual(found, step.context.progress) ? step.context.progress : found;
  const nodesReplaced = Math.max(0, look.memory.outdatedAtStart - look.plan.outdatedLeft);
  const same = `${nodesReplaced} ${textOf(progress)} ${textWithoutEvictions(look.memory)}`;
  const counted = ledger.evictions.get(step.id) ?? 0;
  const evictions = commits || ledger.said.get(step.id) !== same ? before + counted : before;
  if (evictions !== before) ledger.evictions.set(step.id, 0);
  ledger.said.set(step.id, same);
  const memory = look.memory.evictions === evictions ? look.memory : { ...look.memory, evictions };
  return { progress, memory, nodesReplaced } as unknown as Json;
}

const textOf = memoised((progress: RollProgress) => JSON.stringify(progress));
const textWithoutEvictions = memoised((memory: RollMemory) => JSON.stringify({ ...memory, evictions: 0 }));

function committedProgress(plan: PoolPlan, now: number): RollProgress {
  const nodes: RollNode[] = plan.nodes.map((node) => {
    const ripe = node.blockedBy && (node.phase === 'blocked' || now - node.blockedBy.since >= ripeBlockMs);
    const { blockedBy, ...rest } = node;
    return ripe && blockedBy ? { ...rest, blockedBy } : rest;
  });
  return { ...plan.progress, nodes };
}

function effectsOf(visit: RollVisit, reports: OutboxMessage[], look: RollLook): StepEffects {
  const facts = [...measuredFacts(visit), ...bootFacts(visit)];
  const messages = [...reports, ...firstNodesReport(visit, look)];
  return {
    ...(visit.notes.length > 0 ? { journal: visit.notes } : {}),
    ...(messages.length > 0 ? { messages } : {}),
    ...(facts.length > 0 ? { facts } : {}),
    ...(look.admit.length > 0 ? { admit: look.admit } : {}),
    ...(look.release.length > 0 ? { release: look.release } : {}),
  };
}

/** Tells the parent once that budgets block the pool, and once that they no longer do. */
function report(visit: RollVisit, look: RollLook): OutboxMessage[] {
  const { parent, context } = visit.step;
  const blocked = look.plan.overLimit.map((node) => node.blockedBy).filter((block) => block !== undefined);
  const reported = look.memory.reported;
  if (blocked.length > 0 === reported) return [];
  look.memory = { ...look.memory, reported: blocked.length > 0 };
  const [first] = blocked.sort((a, b) => a.since - b.since);
  if (!first) {
    visit.notes.push({ kind: 'roll-unblocked', message: `${context.pool} moves again`, data: { pool: context.pool } });
    return parent === null ? [] : [{ to: parent, event: { type: 'ROLL_UNBLOCKED', pool: context.pool } }];
  }
  const { namespace, budget, pod, owner, node, code, message, since } = first;
  const data = { namespace, budget, pod, owner, node };
  const said = `${node} cannot be drained: ${message} (pod ${namespace}/${pod} of ${owner})`;
  visit.notes.push({ kind: 'roll-blocked', message: said, data: { pool: context.pool, ...data } });
  if (parent === null) return [];
  return [{ to: parent, event: { type: 'ROLL_BLOCKED', pool: context.pool, code, message: said, data, since } }];
}

/** Its cluster update has checks run on the first new nodes, and says of each when they have passed. */
function firstNodesReport(visit: RollVisit, look: RollLook): OutboxMessage[] {
  const { parent, context } = visit.step;
  // those that have passed are known there
  const passed = new Set(context.checked);
  const waiting = (memory: RollMemory | null): CheckedNode[] =>
    memory?.firstNodes?.filter(({ content }) => !passed.has(content)) ?? [];
  const [before, now] = [waiting(context.memory), waiting(look.memory)];
  const known = new Set(before.map(({ node }) => node));
  const fresh = now.filter(({ node }) => !known.has(node));
  if (fresh.length === 0 && before.length === now.length) return [];
  for (const { node } of fresh) {
    const of = look.memory.groups.length === 1 ? context.pool : `its content in ${context.pool}`;
    const message = `${node} is the first new node of ${of}: it is checked before old ones go`;
    visit.notes.push({ kind: 'roll-first-node', message, data: { pool: context.pool, node } });
  }
  const nodes = now.map(({ node, since }) => ({ node, since }));
  return parent === null ? [] : [{ to: parent, event: { type: 'ROLL_FIRST_NODES', pool: context.pool, nodes } }];
}

/** A pool that somebody else has changed waits for somebody: the parent has to know. */
function reportPause(visit: RollVisit, look: RollLook, message: string): OutboxMessage[] {
  const { parent, context } = visit.step;
  look.memory = { ...look.memory, reported: true };
  if (parent === null) return [];
  const since = Math.floor(visit.now());
  const data = { namespace: '', budget: '', pod: '', owner: '', node: '' };
  return [
    { to: parent, event: { type: 'ROLL_BLOCKED', pool: context.pool, code: 'foreign-change', message, data, since } },
  ];
}
