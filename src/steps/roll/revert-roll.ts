import { readReverted, revertedAsTag, revertedTag } from '../../planning/roll/group-tags.ts';
import { groupsOfPool } from '../../planning/roll/members.ts';
import type { NodeGroup } from '../../ports/cloud-provider.ts';
import type { StepOutcome } from '../../ports/step.ts';
import type { Json } from '../../ports/store.ts';
import { assertLease, note, type RollContext, type RollVisit } from './roll-context.ts';

/** `revert-roll`: every group of the pool launches from the template of its old nodes again. The tag that says so goes first. */
export async function revertRoll(visit: RollVisit): Promise<StepOutcome> {
  const { context } = visit.step;
  if (context.removes === true) return nothingToRevert(visit);
  const by = context.revert?.by ?? 'an operator';
  const groups = await visit.session.groups(0);
  for (const group of groupsOfPool(groups, context.pool)) {
    const memory = context.memory?.groups.find((one) => one.name === group.name);
    if (!memory?.previous || same(memory.previous, group.launchTemplate)) continue;
    const { previous } = memory;
    assertLease(visit);
    await visit.session.cloud.tagGroup(group.name, revertedAsTag(group.launchTemplate, previous));
    assertLease(visit);
    await visit.session.cloud.setLaunchTemplate(group.name, previous);
    visit.session.cloudChanged();
    const text = `${group.name} launches from ${previous.id}:${previous.version} again: ${by} rolls it back (${context.revert?.reason ?? ''})`;
    note(visit, 'roll-reverted', text);
  }
  const after = groupsOfPool(await visit.session.groups(0), context.pool);
  const lagging = after.find((group) => {
    const previous = context.memory?.groups.find((one) => one.name === group.name)?.previous;
    return previous && !same(previous, group.launchTemplate);
  });
  if (lagging) return waits(visit, `${lagging.name} does not show its template yet`);
  return done(visit);
}

/** What was drained has nowhere to come back to: the removal ends between two nodes, and the pool is kept by writing it down again. */
function nothingToRevert(visit: RollVisit): StepOutcome {
  const { progress, memory, nodesReplaced, pool } = visit.step.context;
  const reason = `${pool} is being removed, so that no earlier template is to go back to; to keep it, put it back into the registry`;
  return {
    kind: 'done',
    output: { progress, memory, nodesReplaced, next: 'failing', reason } as unknown as Json,
  };
}

/**
 * A roll that begins anew goes forward again from where the last one was rolled back. Answers whether a group was changed, and so has to
 * be looked at again.
 */
export async function undoRevert(visit: RollVisit, groups: NodeGroup[]): Promise<boolean> {
  if (visit.step.context.revert !== null) return false;
  let changed = false;
  for (const group of groups) {
    const reverted = readReverted(group);
    if (!reverted) continue;
    assertLease(visit);
    // Somebody, or a stack, has given it another template since: that one counts.
    if (same(reverted.to, group.launchTemplate)) {
      await visit.session.cloud.setLaunchTemplate(group.name, reverted.from);
      note(
        visit,
        'roll-forward-again',
        `${group.name} launches from ${reverted.from.id}:${reverted.from.version} again`,
      );
      assertLease(visit);
    }
    await visit.session.cloud.untagGroup(group.name, [revertedTag]);
    visit.session.cloudChanged();
    changed = true;
  }
  return changed;
}

function same(a: { id: string; version: string }, b: { id: string; version: string }): boolean {
  return a.id === b.id && a.version === b.version;
}

function kept(context: RollContext): Pick<RollContext, 'progress' | 'memory' | 'nodesReplaced'> {
  const { progress, memory, nodesReplaced } = context;
  return { progress, memory, nodesReplaced };
}

function waits(visit: RollVisit, message: string): StepOutcome {
  return {
    kind: 'waiting',
    reason: { code: 'preparing', message },
    wakeAt: visit.now() + 5_000,
    progress: kept(visit.step.context) as unknown as Json,
    ...(visit.notes.length > 0 ? { journal: visit.notes } : {}),
  };
}

function done(visit: RollVisit): StepOutcome {
  const output = { ...kept(visit.step.context), next: 'again', reason: null };
  return { kind: 'done', output: output as unknown as Json, journal: visit.notes };
}
