import type { RollMemory } from '../../domain/node-pool-roll.ts';
import { protectedUntilInService, restorations } from '../../planning/roll/group-limits.ts';
import { readOriginals } from '../../planning/roll/group-tags.ts';
import { groupsOfPool, isOutdated } from '../../planning/roll/members.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { changeGroup } from './change-group.ts';
import { stopFacts } from './measurements.ts';
import { memoryOfTags } from './prepare-roll.ts';
import { note, type RollContext, type RollVisit } from './roll-context.ts';
import { rollPool } from './roll-pool.ts';

const lookAgainMs = 5_000;

/** `finalize-roll`: limits, processes, protection and marks as they were; tags last. */
export async function finalizeRoll(visit: RollVisit): Promise<StepOutcome> {
  const { context } = visit.step;
  const groups = groupsOfPool(await visit.session.groups(0), context.pool);
  if (context.removes === true) return endRemoval(visit, groups);
  const old = oldDescribe(visit, groups);
  if (old !== undefined) return old;
  const outdated = groups.some((group) =>
    group.instances.some((one) => one.lifecycleState === 'InService' && isOutdated(one, group)),
  );
  const begun = groups.some((group) => readOriginals(group) === undefined);
  if (outdated && !begun) return done(visit, 'rolling');
  return restore(visit);
}

/** Nothing is put back: the group goes with its stack, and neither its minimum nor the autoscaler may bring nodes back before. */
function endRemoval(visit: RollVisit, groups: NodeGroup[]): StepOutcome {
  const { session, step } = visit;
  const left = groups.some(
    (group) => group.desired > 0 || group.instances.some((one) => !/^Terminat/.test(one.lifecycleState)),
  );
  if (left) return done(visit, 'rolling');
  note(visit, 'pool-drained', `${step.context.pool} is drained: no node of it is left`);
  visit.ledger.forget(step.id);
  session.offChange(step.id);
  return done(visit, 'finished');
}

/** `stop-roll`: between two nodes, then everything back. */
export async function stopRoll(visit: RollVisit): Promise<StepOutcome> {
  const memory = visit.step.context.memory ?? (await memoryOfTags(visit));
  if (memory !== null) {
    const outcome = await rollPool(visit, memory, 'stopping');
    if (outcome.kind !== 'done' || nextOf(outcome.output) !== 'finished') return outcome;
    visit.notes = [...(outcome.journal ?? [])];
    // What this look has found out is what is kept, not what the row said before it.
    const { progress, memory: after, nodesReplaced } = outcome.output as unknown as RollContext;
    visit.step = { ...visit.step, context: { ...visit.step.context, progress, memory: after, nodesReplaced } };
  }
  return restore(visit);
}

function nextOf(output: Json | undefined): unknown {
  return typeof output === 'object' && output !== null && !Array.isArray(output) ? output['next'] : undefined;
}

async function restore(visit: RollVisit): Promise<StepOutcome> {
  const { session, step } = visit;
  const { context } = step;
  const view = await session.view();
  if (view.stale !== undefined)
    return again(visit, 'view-stale', `the view of the cluster is not current: ${view.stale}`);
  const mine = groupsOfPool(await session.groups(0), context.pool);
  const old = oldDescribe(visit, mine);
  if (old !== undefined) return old;
  let complete = true;
  let changed = false;
  for (const group of mine) {
    const known = context.memory?.groups.find((one) => one.name === group.name);
    const changes = restorations(group, known, view.nodes);
    if (changes.length === 0) continue;
    changed = true;
    if (!(await changeGroup(visit, group, changes, view))) complete = false;
  }
  if (!complete) return again(visit, 'restoring', `${context.pool} is being put back as it was`);
  const [late] = mine.flatMap(protectedUntilInService);
  if (late !== undefined)
    return again(
      visit,
      'restoring',
      `${late} is protected from scale-in until it is in service, and can be told so then`,
    );
  if (changed) {
    const after = await session.view();
    const left = groupsOfPool(await session.groups(0), context.pool).some((group) => {
      const known = context.memory?.groups.find((one) => one.name === group.name);
      return restorations(group, known, after.nodes).length > 0;
    });
    if (left) return again(visit, 'restoring', `${context.pool} does not show yet that it is as it was`);
  }
  // Said with the outcome, whoever put it back: a program that was killed in between has not said it.
  if (context.memory !== null) {
    note(visit, 'roll-restored', `limits, processes, protection and marks of ${context.pool} are as they were`);
  }
  visit.ledger.forget(step.id);
  session.offChange(step.id);
  return done(visit, 'finished');
}

/**
 * Nothing is concluded from a describe that does not show this roll's own last limits: an older one shows the group as it was before it
 * was made ready, as if nothing had to be put back, or as it was before it was put back, as if the roll were still under way.
 */
function oldDescribe(visit: RollVisit, groups: NodeGroup[]): StepOutcome | undefined {
  const now = visit.now();
  const old = groups.find((group) => visit.ledger.isOlderThanOwnWrite(group, now));
  if (old === undefined) return undefined;
  return again(visit, 'restoring', `${old.name} does not show yet what was last set`);
}

function done(visit: RollVisit, next: 'finished' | 'rolling'): StepOutcome {
  const { context } = visit.step;
  const memory = withEvictions(visit, context.memory);
  const facts = next === 'finished' ? stopFacts(visit) : [];
  const progress = { ...context.progress, nodes: next === 'finished' ? [] : context.progress.nodes };
  const output = { progress, memory, nodesReplaced: context.nodesReplaced, next, reason: null };
  return {
    kind: 'done',
    output: output as unknown as Json,
    ...(visit.notes.length > 0 ? { journal: visit.notes } : {}),
    ...(facts.length > 0 ? { facts } : {}),
  };
}

function withEvictions(visit: RollVisit, memory: RollMemory | null): RollMemory | null {
  const counted = visit.ledger.evictions.get(visit.step.id) ?? 0;
  return memory === null || counted === 0 ? memory : { ...memory, evictions: memory.evictions + counted };
}

function again(visit: RollVisit, code: string, message: string): StepOutcome {
  const { progress, memory, nodesReplaced } = visit.step.context;
  return {
    kind: 'waiting',
    reason: { code, message },
    wakeAt: visit.now() + lookAgainMs,
    progress: { progress, memory, nodesReplaced } as unknown as Json,
    ...(visit.notes.length > 0 ? { journal: visit.notes } : {}),
  };
}
